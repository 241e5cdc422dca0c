"""Costs that occur once: a preview of a long run, a late resume, the import, the command."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from collections.abc import Iterator
from statistics import median
from time import perf_counter

import numpy as np
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from benchmarks.steps import optimizer_of
from benchmarks.timing import Row
from lr_toolkit import Horizon, Schedule, ScheduledLR

LONG, LATE = 10**6, 10**7
PLAN = "warmup('1%') >> cosine(end=0.1)"


def preview() -> Row:
    """Every LR of 10^6 updates, compared with stepping a scheduler on a dummy and with as many cosines of NumPy."""
    angles = math.pi / LONG * np.arange(LONG)

    def stepped() -> list[float]:
        optimizer = optimizer_of(1)
        optimizer.step()
        scheduler, lrs = CosineAnnealingLR(optimizer, LONG), []
        optimizer.step()
        for _ in range(LONG):
            lrs.append(optimizer.param_groups[0]["lr"])
            scheduler.step()
        return lrs

    calls = {
        "ours": lambda: Schedule.parse(PLAN).preview(Horizon(LONG)),
        "stepping torch's": stepped,
        "np.cos": lambda: np.cos(angles),
    }
    return Row.of("preview of 10⁶ updates", calls, {"np.cos": 2.0}, turns=3)


def resume() -> Row:
    """Loading a scheduler's state at update 10^7, compared with update 10."""

    def loading(update: int) -> tuple[ScheduledLR, dict[str, object]]:
        scheduler = ScheduledLR(optimizer_of(2, alike=False), PLAN, Horizon(10 * LATE))
        scheduler.step(update)
        return scheduler, scheduler.state_dict()

    (late, state), (early, before) = loading(LATE), loading(10)
    size = len(pickle.dumps(state))
    calls = {"ours": lambda: late.load_state_dict(state), "update 10": lambda: early.load_state_dict(before)}
    return Row.of(f"resume at update 10⁷ (a state of {size} bytes)", calls)


def importing() -> Row:
    """Each import in a new Python process."""

    def seconds(module: str) -> float:
        code = f"import time; begin = time.perf_counter(); import {module}; print(time.perf_counter() - begin)"
        return float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)

    times = {name: [seconds(name) for _ in range(5)] for name in ("lr_toolkit", "torch")}
    return Row(
        "`import lr_toolkit`",
        median(times["lr_toolkit"]),
        {"import torch": median(times["torch"])},
        {"import torch": 0.2},
    )


def showing() -> Row:
    """The command that shows a schedule, compared with a Python process that imports NumPy; they alternate."""

    def seconds(*words: str) -> float:
        begin = perf_counter()
        subprocess.run([sys.executable, *words], capture_output=True, check=True)
        return perf_counter() - begin

    show = ("-m", "lr_toolkit", "show", PLAN, "--steps", "10000", "--steps-per-epoch", "1000", "--lr", "3e-4")
    times = [(seconds(*show), seconds("-c", "import numpy")) for _ in range(15)]
    ours, numpy = (median(each) for each in zip(*times, strict=True))
    return Row("`lr-toolkit show`, a process", ours, {"import numpy": numpy}, {"import numpy": 3.0})


def rows() -> Iterator[Row]:
    """The preview, the resume, the import and the command."""
    torch.manual_seed(0)
    yield preview()
    yield resume()
    yield importing()
    yield showing()
