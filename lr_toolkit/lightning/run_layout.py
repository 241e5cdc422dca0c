"""The layout of a run: its updates, the batches and updates of its epochs, and the update at which it begins."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import batches_that_stepped
from lr_toolkit.lightning.run import ENDLESS, horizon_from_here, horizon_of, read_run_facts, updates_taken
from lr_toolkit.optim import ScheduledLR

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from numpy.typing import NDArray

    from lr_toolkit.schedules import Horizon

__all__ = ["RunLayout", "run_layout_of"]


@final
@dataclass(frozen=True, slots=True)
class RunLayout:
    """The layout of a run.

    Attributes:
        horizon: the length of the run, ``None`` if it is not known.
        unknown: the reason why it is not known.
        batches: the batches of an epoch, ``inf`` if they are not known.
        accumulations: batches per update in each epoch. The last number holds for all epochs that follow.
        start: the update at which the run begins: above 0 after a resume.
        before: the batches of an earlier fit of the same Trainer. They are on the x axis of its loggers, and the schedulers of
            this run do not count them.
    """

    horizon: Horizon | None
    unknown: str
    batches: float
    accumulations: tuple[int, ...]
    start: int
    before: int

    @property
    def updates(self) -> int:
        """The optimizer updates of the whole run, 0 if they are not known."""
        return self.horizon.steps if self.horizon else 0

    @property
    def has_epochs(self) -> bool:
        """Whether the length of an epoch is known."""
        return self.horizon is not None and self.horizon.epoch_steps is not None

    @property
    def epochs(self) -> int:
        """The epochs that begin; one if the length of an epoch is not known."""
        return math.ceil(self._epochs)

    @property
    def completed_epochs(self) -> int:
        """The epochs that are not cut short."""
        return math.floor(self._epochs)

    @property
    def _epochs(self) -> float:
        epochs = self.horizon.epochs if self.horizon else 0.0
        return 1.0 if epochs is None else epochs

    def accumulation(self, epoch: int) -> int:
        """Batches per update in ``epoch``."""
        return self.accumulations[min(epoch, len(self.accumulations) - 1)]

    def starts(self) -> NDArray[np.int64]:
        """The first update of each epoch."""
        return self.starts_of(np.arange(self.epochs))

    def starts_of(self, epochs: NDArray[np.int64]) -> NDArray[np.int64]:
        """The first update of each of the ``epochs``, or the end of the run. The work does not grow with those of the run."""
        whole = self._whole_epochs()
        listed = np.minimum(epochs, len(whole))
        starts = np.concatenate([[0], np.cumsum(whole)])[listed] + (epochs - listed) * whole[-1]
        return np.minimum(starts, self.updates).astype(np.int64)

    def epochs_of(self, updates: NDArray[np.int64]) -> NDArray[np.int64]:
        """The epoch in which each of the ``updates`` is. The work does not grow with the number of epochs."""
        whole = self._whole_epochs()
        ends = np.cumsum(whole)
        later = len(whole) + (updates - ends[-1]) // whole[-1]
        return np.where(updates < ends[-1], np.searchsorted(ends, updates, side="right"), later)

    def listed_starts(self, first: int) -> Sequence[int]:
        """The first update of each epoch, counted from ``first``. Equal epochs take no memory: a run without an end has millions."""
        whole = self._whole_epochs()
        if len(whole) == 1:
            return range(first, first + self.updates, whole[0])
        return tuple((self.starts() + first).tolist())

    def start_of(self, epoch: int) -> int:
        """The first update of ``epoch``, or the end of the run for a later epoch. The work does not grow with the number of epochs."""
        whole = self._whole_epochs()
        later = max(epoch - len(whole), 0) * whole[-1]
        return min(sum(whole[:epoch]) + later, self.updates)

    @property
    def equal_length(self) -> int | None:
        """The updates of an epoch, if all of them are equal."""
        whole = self._whole_epochs()
        is_equal = len(set(whole[: self.epochs])) == 1 and whole[0] * self.epochs == self.updates
        return whole[0] if is_equal else None

    def lengths(self) -> Iterator[int]:
        """The updates of each epoch in turn. The last may be cut short."""
        whole, left = self._whole_epochs(), self.updates
        for epoch in range(self.epochs):
            length = min(whole[min(epoch, len(whole) - 1)], left)
            left -= length
            yield length

    def ends(self) -> Iterator[tuple[int, int, bool]]:
        """For each update in turn: its epoch, the batches of the epoch that are done, and whether these are all of them."""
        for epoch, length in enumerate(self.lengths()):
            per_update, surplus = self.accumulation(epoch), self._surplus(epoch)
            for update in range(length):
                done = min((update + 1 - surplus) * per_update, self.batches)
                yield epoch, int(done), done == self.batches

    def _batches_done(self, epoch: int) -> NDArray[np.int64]:
        """The batches of ``epoch`` that are done after each of its updates."""
        updates = np.arange(1, self.start_of(epoch + 1) - self.start_of(epoch) + 1)
        return np.minimum((updates - self._surplus(epoch)) * self.accumulation(epoch), self.batches).astype(np.int64)

    def steps_of(self, interval: str, frequency: int) -> int:
        """How often Lightning will step a scheduler."""
        if frequency < 1:
            return 0
        if interval == "epoch":
            return self.completed_epochs // frequency
        if frequency == 1:
            return self.updates
        listed = min(max(len(self._whole_epochs()), len(self.accumulations)), self.epochs)
        alike = max(self.epochs - listed - 1, 0)  # the last epoch may be cut short
        alone = [*range(listed), *range(listed + alike, self.epochs)]
        due = [np.count_nonzero(self._batches_done(epoch) % frequency == 0) for epoch in [listed, *alone]]
        return int(alike * due[0] + sum(due[1:]))

    def _whole_epochs(self) -> tuple[int, ...]:
        """The updates of each epoch, none of them cut short. The last number holds for all epochs that follow."""
        return (self.horizon.epoch_steps if self.horizon else None) or (self.updates,)

    def _surplus(self, epoch: int) -> int:
        """The updates of ``epoch`` beyond those of today's rate: an epoch in which a run was resumed has more, or fewer."""
        if math.isinf(self.batches):
            return 0
        whole = self._whole_epochs()
        return whole[min(epoch, len(whole) - 1)] - math.ceil(self.batches / self.accumulation(epoch))


def run_layout_of(trainer: Trainer) -> RunLayout:
    """The layout of a run that is about to begin. Nothing is asked of its dataloader that it was not asked before."""
    horizon, unknown = None, ""
    try:
        horizon = horizon_of(trainer)
    except ScheduleError as error:
        horizon, unknown = _given_horizon(trainer), str(error)
    start, before = _start(trainer)
    if start:
        horizon, start = _resumed(trainer, horizon, start)
    return RunLayout(horizon, unknown, trainer.num_training_batches, _accumulations(trainer), start, before)


def _given_horizon(trainer: Trainer) -> Horizon | None:
    """The ``horizon=`` that the user gave to a scheduler of ours, because the Trainer does not know the length of the run."""
    horizons = [
        config.scheduler.horizon for config in trainer.lr_scheduler_configs if isinstance(config.scheduler, ScheduledLR)
    ]
    return next((horizon for horizon in horizons if horizon.unit == "step" and horizon.steps < ENDLESS), None)


def _accumulations(trainer: Trainer) -> tuple[int, ...]:
    """Batches per update in each epoch, up to the last change."""
    facts = read_run_facts(trainer)
    last_change, _ = facts.accumulation[-1]
    return tuple(facts.planned_accumulation(epoch) for epoch in range(last_change + 1))


def _start(trainer: Trainer) -> tuple[int, int]:
    """The update at which a resumed run goes on, or else the batches of an earlier fit."""
    return (0, batches_that_stepped(trainer)) if trainer.ckpt_path is None else (updates_taken(trainer), 0)


def _resumed(trainer: Trainer, horizon: Horizon | None, start: int) -> tuple[Horizon | None, int]:
    """The horizon and the first update of a resumed run: a scheduler of ours knows its past, in which the rate may differ."""
    if horizon is not None:
        horizon = horizon_from_here(trainer, horizon, start)
    for config in trainer.lr_scheduler_configs:
        scheduler = config.scheduler
        if isinstance(scheduler, ScheduledLR) and scheduler.horizon.unit == "step":
            start = scheduler.last_epoch
            horizon = scheduler.horizon if scheduler.run_length else horizon
    return horizon, start
