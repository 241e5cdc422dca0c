"""A training step of a tiny model in Lightning: this package's scheduler and monitor compared with torch's and Lightning's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import fmean, median
from threading import Semaphore, Thread
from time import thread_time
from typing import Any, TypeAlias

import lightning as L
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers.logger import DummyLogger
from torch.utils.data import DataLoader

from benchmarks.callbacks import Model, Scheduling, by_torch, by_us, trainer_of
from benchmarks.timing import Row
from lr_toolkit import LRMonitor

STEPS, SKIPPED, TURNS = 1050, 50, 10
Run: TypeAlias = tuple[Scheduling, Callable[[], L.Callback]]

OURS: Run = by_us, lambda: LRMonitor("step")
THEIRS: Run = by_torch, lambda: LearningRateMonitor("step")


class Clock(L.Callback):
    """Measures the seconds of each batch of a run that alternates with another, batch by batch, on one core."""

    def __init__(self, mine: Semaphore, other: Semaphore) -> None:
        self.mine, self.other = mine, other
        self.begin = 0.0
        self.seconds: list[float] = []

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Wait until the other run begins too."""
        self._give_way()

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Let the other run take a batch."""
        self.seconds.append(thread_time() - self.begin)
        self._give_way()

    def _give_way(self) -> None:
        self.other.release()
        self.mine.acquire()
        self.begin = thread_time()


def side_by_side(first: Run, second: Run, count: int, **options: int) -> tuple[list[float], list[float]]:
    """The seconds of each batch of two Trainers."""
    turns = Semaphore(0), Semaphore(0)
    clocks = Clock(*turns), Clock(*reversed(turns))

    def train(clock: Clock, scheduling: Scheduling, monitor: Callable[[], L.Callback]) -> None:
        torch.set_num_threads(1)
        clock.mine.acquire()
        try:
            trainer = trainer_of([monitor(), clock], DummyLogger(), max_epochs=1, **options)
            trainer.fit(Model(count, scheduling), DataLoader(torch.zeros(STEPS, 1)))
        finally:
            clock.other.release(STEPS + 2)  # the other run must not wait, even if this one failed

    threads = [Thread(target=train, args=(clock, *run)) for clock, run in zip(clocks, (first, second), strict=True)]
    for thread in threads:
        thread.start()
    turns[0].release()
    for thread in threads:
        thread.join()
    return clocks[0].seconds[SKIPPED:], clocks[1].seconds[SKIPPED:]


def typical(seconds: list[float], period: int) -> float:
    """The median of each batch of a cadence, averaged: includes the cost of logging and excludes interruptions."""
    return fmean(median(seconds[offset::period]) for offset in range(period))


def rows() -> Iterator[Row]:
    """One and ten groups; logged at each step, at every tenth, at Lightning's default, and under accumulation."""
    for count, every, accumulate in ((1, 1, 1), (1, 10, 1), (1, 50, 1), (1, 10, 4), (10, 1, 1), (10, 50, 1)):
        options = {"log_every_n_steps": every, "accumulate_grad_batches": accumulate}
        ours, ratios = [], []
        for turn in range(TURNS):
            if turn % 2:
                theirs, mine = side_by_side(THEIRS, OURS, count, **options)
            else:
                mine, theirs = side_by_side(OURS, THEIRS, count, **options)
            ours.append(typical(mine, every * accumulate))
            ratios.append(ours[-1] / typical(theirs, every * accumulate))
        accumulated = f", accumulating {accumulate}" if accumulate > 1 else ""
        what = f"a training step, {count} group{'s' * (count > 1)}, log_every_n_steps={every}{accumulated}"
        name = "torch and Lightning"
        yield Row(what, median(ours), {name: median(ours) / median(ratios)}, {name: 1.01})
