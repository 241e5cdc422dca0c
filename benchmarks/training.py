"""A training step of a tiny model in Lightning: this package's scheduler, monitor and warmup compared with their peers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import fmean, median
from threading import Semaphore, Thread
from time import thread_time
from typing import Any, NamedTuple

import lightning as L
import pytorch_warmup
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers.logger import DummyLogger
from torch.utils.data import DataLoader

from benchmarks.callbacks import Model, by_torch, by_us, trainer_of
from benchmarks.steps import RUN
from benchmarks.timing import Row
from lr_toolkit import Horizon, LRMonitor, LRWarmup

STEPS, SKIPPED, TURNS = 1050, 50, 10


class Run(NamedTuple):
    """What a run is made of: a module of so many groups, and callbacks."""

    model: Callable[[int], L.LightningModule]
    callbacks: Callable[[], list[L.Callback]]


class Dampened(Model):
    """A module with the warmup of the peer, as its documentation has it."""

    def __init__(self, count: int) -> None:
        super().__init__(count, by_torch)

    def configure_optimizers(self) -> Any:
        """torch's cosine, and the ramp."""
        optimizers, schedulers = super().configure_optimizers()
        self.ramp = pytorch_warmup.LinearWarmup(optimizers[0], RUN // 2)
        return optimizers, schedulers

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """The scheduler's step, dampened."""
        with self.ramp.dampening():
            scheduler.step()


OURS = Run(lambda count: Model(count, by_us), lambda: [LRMonitor("step")])
THEIRS = Run(lambda count: Model(count, by_torch), lambda: [LearningRateMonitor("step")])
OUR_WARMUP = Run(lambda count: Model(count, by_torch), lambda: [LRWarmup(RUN // 2, horizon=Horizon(RUN))])
THEIR_WARMUP = Run(Dampened, list)


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

    def train(clock: Clock, run: Run) -> None:
        torch.set_num_threads(1)
        clock.mine.acquire()
        try:
            trainer = trainer_of([*run.callbacks(), clock], DummyLogger(), max_epochs=1, **options)
            trainer.fit(run.model(count), DataLoader(torch.zeros(STEPS, 1)))
        finally:
            clock.other.release(STEPS + 2)  # the other run must not wait, even if this one failed

    threads = [Thread(target=train, args=(clock, run)) for clock, run in zip(clocks, (first, second), strict=True)]
    for thread in threads:
        thread.start()
    turns[0].release()
    for thread in threads:
        thread.join()
    return clocks[0].seconds[SKIPPED:], clocks[1].seconds[SKIPPED:]


def typical(seconds: list[float], period: int) -> float:
    """The median of each batch of a cadence, averaged: includes the cost of logging and excludes interruptions."""
    return fmean(median(seconds[offset::period]) for offset in range(period))


def row(what: str, ours: Run, theirs: Run, limits: dict[str, float], count: int, every: int, accumulate: int) -> Row:
    """The typical seconds of a batch of both runs, and the median of their ratios; the runs take turns to be the first."""
    options = {"log_every_n_steps": every, "accumulate_grad_batches": accumulate}
    seconds, ratios = [], []
    for turn in range(TURNS):
        if turn % 2:
            second, first = side_by_side(theirs, ours, count, **options)
        else:
            first, second = side_by_side(ours, theirs, count, **options)
        seconds.append(typical(first, every * accumulate))
        ratios.append(seconds[-1] / typical(second, every * accumulate))
    (peer,) = limits
    return Row(what, median(seconds), {peer: median(seconds) / median(ratios)}, limits)


def rows() -> Iterator[Row]:
    """One and ten groups; logged at each step, at every tenth, at Lightning's default, under accumulation; then the warmup."""
    limits = {"torch and Lightning": 1.01}
    for count, every, accumulate in ((1, 1, 1), (1, 10, 1), (1, 50, 1), (1, 10, 4), (10, 1, 1), (10, 50, 1)):
        accumulated = f", accumulating {accumulate}" if accumulate > 1 else ""
        what = f"a training step, {count} group{'s' * (count > 1)}, log_every_n_steps={every}{accumulated}"
        yield row(what, OURS, THEIRS, limits, count, every, accumulate)
    what = "a training step with LRWarmup, torch's cosine, 1 group"
    yield row(what, OUR_WARMUP, THEIR_WARMUP, {"torch and pytorch_warmup": 1.1}, 1, 50, 1)
