"""Costs that occur once: a preview of a long run, a late resume, the import."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from collections.abc import Iterator
from statistics import median

import numpy as np
import torch
from torch.optim.lr_scheduler import CosineAnnealingLR

from benchmarks.steps import optimizer_of
from benchmarks.timing import Row
from lr_toolkit import Horizon, Schedule, ScheduledLR

LONG, LATE = 10**6, 10**7
PLAN = "warmup('1%') >> cosine(end=0.1)"


def preview() -> Row:
    """Every LR of 10^6 updates, compared with stepping a scheduler on a dummy and with the cosines alone."""
    ks = np.arange(LONG)

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
        "ours": lambda: Schedule.parse(PLAN).resolve(Horizon(LONG)).values(ks),
        "stepping torch's": stepped,
        "the cosines alone": lambda: 0.5 * (1 + np.cos(math.pi / LONG * ks)),
    }
    return Row.of("preview of 10⁶ updates", calls, turns=3)


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


def rows() -> Iterator[Row]:
    """The preview, the resume and the import."""
    torch.manual_seed(0)
    yield preview()
    yield resume()
    yield importing()
