"""A training step of a tiny model in Lightning: this package's scheduler and monitor beside torch's and Lightning's."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from time import thread_time
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers.logger import DummyLogger
from torch.utils.data import DataLoader

from benchmarks.callbacks import Model, Scheduling, by_torch, by_us, trainer_of
from benchmarks.timing import Row
from lr_toolkit import LRMonitor

STEPS, SKIPPED, TURNS = 220, 20, 15


class Clock(L.Callback):
    """The seconds of a step, from the end of one batch to the end of a later one."""

    def __init__(self) -> None:
        self.begin = self.seconds = 0.0

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Begin after the first batches, which make what all others use."""
        if batch_idx == SKIPPED - 1:
            self.begin = thread_time()
        elif batch_idx == STEPS - 1:
            self.seconds = (thread_time() - self.begin) / (STEPS - SKIPPED)


def step_of(count: int, scheduling: Scheduling, monitor: L.Callback, every: int, accumulate: int) -> float:
    """The seconds that a batch takes in one short run."""
    clock = Clock()
    options = {"log_every_n_steps": every, "accumulate_grad_batches": accumulate, "max_epochs": 1}
    trainer_of([monitor, clock], DummyLogger(), **options).fit(
        Model(count, scheduling), DataLoader(torch.zeros(STEPS, 1))
    )
    return clock.seconds


def rows() -> Iterator[Row]:
    """One group and ten, logged at each step, at every tenth, at Lightning's default, and under accumulation."""
    for count, every, accumulate in ((1, 1, 1), (1, 10, 1), (1, 50, 1), (1, 10, 4), (10, 1, 1), (10, 50, 1)):
        times: dict[str, list[float]] = {"ours": [], "torch and Lightning": []}
        for _ in range(TURNS):
            times["ours"].append(step_of(count, by_us, LRMonitor("step"), every, accumulate))
            times["torch and Lightning"].append(
                step_of(count, by_torch, LearningRateMonitor("step"), every, accumulate)
            )
        seconds = {name: median(each) for name, each in times.items()}
        accumulated = f", accumulating {accumulate}" if accumulate > 1 else ""
        what = f"a training step, {count} group{'s' * (count > 1)}, log_every_n_steps={every}{accumulated}"
        yield Row(what, seconds.pop("ours"), seconds, {"torch and Lightning": 1.0})
