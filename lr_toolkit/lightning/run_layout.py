"""How a run is divided: its updates, the batches and updates of its epochs, and where it begins."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import batches_that_stepped, callbacks_of
from lr_toolkit.lightning.run import horizon_from_here, horizon_of
from lr_toolkit.optim import ScheduledLR

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from numpy.typing import NDArray

    from lr_toolkit.schedules import Horizon

__all__ = ["RunLayout", "run_layout_of"]


@final
@dataclass(frozen=True, slots=True)
class RunLayout:
    """How a run is divided: its updates, and the batches and updates of its epochs; ``None`` where that is not known.

    It begins at update ``start``, after a resume; ``before`` are the updates that an earlier fit of the same Trainer took,
    which are on the x axis of its loggers and not in the count of this run's schedulers.
    """

    horizon: Horizon | None
    unknown: str
    batches: float
    accumulations: tuple[int, ...]
    start: int
    before: int

    @property
    def updates(self) -> int:
        """Optimizer updates of the whole run, 0 where they are not known."""
        return self.horizon.steps if self.horizon else 0

    @property
    def has_epochs(self) -> bool:
        """Whether it is known where an epoch ends."""
        return self.horizon is not None and self.horizon.epoch_steps is not None

    @property
    def epochs(self) -> int:
        """Epochs that begin; one, where it is not known where it ends."""
        return sum(1 for _ in self.lengths())

    def accumulation(self, epoch: int) -> int:
        """Batches for an update in ``epoch``."""
        return self.accumulations[min(epoch, len(self.accumulations) - 1)]

    def lengths(self) -> Iterator[int]:
        """The updates of each epoch in turn; the last may be cut short."""
        left, epoch = self.updates, 0
        per_epoch = (self.horizon.epoch_steps if self.horizon else None) or (left,)
        while left > 0:
            length = min(per_epoch[min(epoch, len(per_epoch) - 1)], left)
            yield length
            left -= length
            epoch += 1

    def starts(self) -> NDArray[np.int64]:
        """The first update of each epoch."""
        return np.cumsum([0, *self.lengths()])[:-1]

    def ends(self) -> Iterator[tuple[int, int, bool]]:
        """For each update in turn: its epoch, the batches of it that are done, and whether that was all of them."""
        whole = (self.horizon.epoch_steps if self.horizon else None) or (self.updates,)
        for epoch, length in enumerate(self.lengths()):
            every, more = self.accumulation(epoch), 0
            if math.isfinite(
                self.batches
            ):  # an epoch that a resume goes on with at another rate has fewer updates, or more
                more = whole[min(epoch, len(whole) - 1)] - math.ceil(self.batches / every)
            for at in range(length):
                done = min((at + 1 - more) * every, self.batches)
                yield epoch, int(done) if math.isfinite(done) else at + 1, done == self.batches

    def steps_of(self, interval: str, frequency: int) -> int:
        """How often Lightning is going to step a scheduler."""
        if frequency < 1:
            return 0
        if interval == "epoch":
            lengths = list(self.lengths())
            whole = len(lengths)
            if lengths and self.horizon and self.horizon.epoch_steps:
                full = self.horizon.epoch_steps
                whole -= lengths[-1] < full[min(whole, len(full)) - 1]
            return whole // frequency
        if frequency == 1:
            return self.updates
        return sum(batch % frequency == 0 for _, batch, _ in self.ends())


def run_layout_of(trainer: Trainer) -> RunLayout:
    """The course of a run that is about to begin; asks nothing of its dataloader that it has not done already."""
    unknown = ""
    horizon = None
    try:
        horizon = horizon_of(trainer)
    except ScheduleError as error:
        unknown = str(error)
    by_epoch = next((one for one in callbacks_of(trainer) if hasattr(one, "get_accumulate_grad_batches")), None)
    accumulations = (trainer.accumulate_grad_batches,)
    if by_epoch is not None:
        last = max(by_epoch.scheduling)
        accumulations = tuple(by_epoch.get_accumulate_grad_batches(epoch) for epoch in range(last + 1))
    stepped = batches_that_stepped(trainer)
    # Lightning counts a batch only after the checkpoints of its end were saved; its one optimizer's updates it has counted.
    done = trainer.global_step if trainer.lightning_module.automatic_optimization else stepped
    start, before = (0, stepped) if trainer.ckpt_path is None else (done, 0)
    if start and horizon is not None:  # the epochs that are over may have been of another length
        horizon = horizon_from_here(trainer, horizon, start)
    for config in trainer.lr_scheduler_configs if start else ():
        if isinstance(config.scheduler, ScheduledLR) and config.scheduler.horizon.unit == "step":
            start = config.scheduler.last_epoch
            horizon = config.scheduler.horizon if config.scheduler.host else horizon  # with its past at another rate
    return RunLayout(horizon, unknown, trainer.num_training_batches, accumulations, start, before)
