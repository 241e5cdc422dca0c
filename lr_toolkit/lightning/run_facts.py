"""The facts that decide the length of a run, and the horizons that follow from them, without a Trainer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Literal, final

from lr_toolkit.schedules import Horizon
from lr_toolkit.schedules.horizon import round_half_up

__all__ = [
    "Pace",
    "RunFacts",
    "UpdatesAhead",
    "horizon_ahead",
    "horizon_on_the_way",
    "horizon_with_even_past",
    "horizon_with_past",
]


@final
@dataclass(frozen=True, slots=True)
class Pace:
    """The updates of one optimizer under manual optimization, measured in a stretch of the run.

    Attributes:
        per_batch: its updates per batch.
        share: its share of the updates that the Trainer counts, which are those of all optimizers.
    """

    per_batch: Fraction
    share: Fraction


@final
@dataclass(frozen=True, slots=True)
class RunFacts:
    """The limits of a run, the rate of its updates, and its position, at one moment.

    Attributes:
        max_epochs: the epoch limit of the Trainer, -1 for none.
        max_steps: the update limit of the Trainer, -1 for none.
        batches: the batches of an epoch on this rank, ``inf`` if the dataloader has no length.
        accumulation: batches per update, as pairs of the first epoch and the number, by epoch.
        ends_with_update: whether the last batch of an epoch brings an update even if fewer batches are accumulated.
        is_trial: whether the run is cut to a few batches on purpose.
        epoch: the epoch in which the run stands.
        batch: the batches of that epoch that are done.
        updates: the optimizer updates that are done, as the Trainer counts them.
        current_accumulation: batches per update now. It is in force in an epoch that is in progress.
        pace: the updates of one optimizer as they were measured, if the module itself decides when it takes them.
    """

    max_epochs: int
    max_steps: int
    batches: float
    accumulation: tuple[tuple[int, int], ...]
    ends_with_update: bool
    is_trial: bool
    epoch: int
    batch: int
    updates: int
    current_accumulation: int
    pace: Pace | None = None

    @property
    def is_over(self) -> bool:
        """Whether a limit is reached, so that nothing is left to train."""
        return 0 <= self.max_epochs <= self.epoch or 0 <= self.max_steps <= self.updates

    @property
    def is_off_plan(self) -> bool:
        """Whether the epoch in progress accumulates in another way than its plan.

        After a resume in mid-epoch Lightning goes on with the accumulation of the Trainer, and calls a
        ``GradientAccumulationScheduler`` only when the next epoch begins.
        """
        return self.batch > 0 and self.current_accumulation != self.planned_accumulation(self.epoch)

    def has_length(self, unit: Literal["step", "epoch"]) -> bool:
        """Whether the limits give the length of the run in ``unit``. The other limit does so if an epoch has a known length."""
        return math.isfinite(self.batches) or (self.max_epochs if unit == "epoch" else self.max_steps) != -1

    def from_start(self) -> RunFacts:
        """The same run before its first update."""
        return replace(self, epoch=0, batch=0, updates=0)

    def planned_accumulation(self, epoch: int) -> int:
        """Batches per update in ``epoch``, if the epoch is trained from its beginning."""
        return next(number for first, number in reversed(self.accumulation) if first <= epoch)

    def updates_in(self, epoch: int) -> int:
        """The updates of ``epoch`` that are ahead. The last, shorter accumulation of an epoch counts."""
        if self.pace is not None:
            done = self.batch if epoch == self.epoch else 0
            return max(round_half_up(self.pace.per_batch * (int(self.batches) - done)), 1)
        if epoch != self.epoch or self.batch == 0:
            return max(self._updates_after(self.batches, self.planned_accumulation(epoch)), 1)
        done = self.batch // self.current_accumulation
        return max(self._updates_after(self.batches, self.current_accumulation) - done, 1)

    def ahead(self) -> UpdatesAhead:
        """The updates and epochs from here to the first limit. The work does not grow with the number of epochs."""
        limit = self.updates_to_limit
        runs: list[tuple[int, int]] = []
        updates = 0
        for length, epochs in self._equal_epochs():
            if updates >= limit or epochs < 1:
                break
            begun = int(min(epochs, math.ceil((limit - updates) / length) if self.max_steps != -1 else epochs))
            runs.append((length, begun))
            updates += length * begun
        lengths = [length for length, epochs in runs[:-1] for _ in range(epochs)] + [runs[-1][0]]
        return UpdatesAhead(int(min(updates, limit)), sum(epochs for _, epochs in runs), tuple(lengths))

    @property
    def updates_to_limit(self) -> float:
        """The updates from here to ``max_steps``, ``inf`` without this limit."""
        if self.max_steps == -1:
            return math.inf
        left = self.max_steps - self.updates
        return left if self.pace is None else max(round_half_up(self.pace.share * left), 1)

    def _updates_after(self, batches: float, accumulation: int) -> int:
        return math.ceil(batches / accumulation) if self.ends_with_update else int(batches // accumulation)

    def _equal_epochs(self) -> Iterator[tuple[int, float]]:
        """Updates per epoch and number of epochs, for each run of equal epochs ahead."""
        end = math.inf if self.max_epochs == -1 else self.max_epochs
        changes = (first for first, _ in self.accumulation if self.epoch < first < end)
        edges: list[float] = [*sorted({self.epoch, self.epoch + 1, *changes}), end]
        for start, stop in pairwise(edges):
            yield self.updates_in(int(start)), stop - start


@final
@dataclass(frozen=True, slots=True)
class UpdatesAhead:
    """What a run still has to do.

    Attributes:
        updates: the optimizer updates.
        epochs: the epochs that begin, the one in progress included.
        lengths: the updates of each epoch in turn. The last number holds for all epochs that follow.
    """

    updates: int
    epochs: int
    lengths: tuple[int, ...]


def horizon_ahead(facts: RunFacts, *, in_epochs: bool) -> Horizon:
    """The horizon of a scheduler that begins at the position of ``facts``, if a limit and the length of an epoch are known."""
    if in_epochs and facts.max_steps == -1:
        return Horizon(facts.max_epochs - facts.epoch, unit="epoch")
    if math.isinf(facts.batches):
        return Horizon(int(facts.updates_to_limit))
    ahead = facts.ahead()
    return Horizon(ahead.epochs, unit="epoch") if in_epochs else Horizon(ahead.updates, ahead.lengths)


def horizon_with_past(facts: RunFacts, saved: Horizon, taken: int, *, behind: int = 0) -> Horizon:
    """The horizon of a run that goes on ``taken`` steps into the horizon ``saved``, with the epochs as long as they were.

    Args:
        facts: the run, at the position from which it goes on.
        saved: the horizon up to here.
        taken: the scheduler's steps up to here.
        behind: the epochs of an earlier fit that the scheduler did not count.

    Returns:
        ``saved`` if nothing is left to train, if the run is cut on purpose, or if no limit gives its length any more.
    """
    if facts.is_over or facts.is_trial or not facts.has_length(saved.unit):
        return saved
    if saved.unit == "epoch":
        return _epochs_with_past(facts, taken, behind)
    if math.isinf(facts.batches):
        return Horizon(taken + int(facts.updates_to_limit))
    ahead = facts.ahead()
    past = _first_epochs(saved.epoch_steps or ahead.lengths[-1:], facts.epoch - behind)
    return _joined(past, taken, ahead)


def horizon_on_the_way(facts: RunFacts, known: Horizon, taken: int, *, behind: int = 0) -> Horizon:
    """The horizon of a run whose length changes while it goes on: ``horizon_with_past``, with the last epoch as long as it was.

    Args:
        facts: the run as it is now.
        known: its horizon up to now, in which an epoch that has ended may have been longer or shorter than it turned out.
        taken: the scheduler's steps up to here.
        behind: the epochs of an earlier fit that the scheduler did not count.
    """
    horizon = horizon_with_past(facts, known, taken, behind=behind)
    past = facts.epoch - behind
    if horizon is known or horizon.unit == "epoch" or horizon.epoch_steps is None or not past:
        return horizon
    whole = _first_epochs(horizon.epoch_steps, past + 1)
    begun = sum(whole[:past])  # where the epoch in progress begins by that horizon
    if facts.batch or begun == taken:
        return horizon
    # The difference is in the epoch that has just ended.
    last = max(whole[past - 1] + taken - begun, 1)
    return Horizon(horizon.steps, [*whole[: past - 1], last, *facts.ahead().lengths])


def horizon_with_even_past(facts: RunFacts, whole: Horizon, taken: int) -> Horizon:
    """The horizon of a run that goes on after ``taken`` updates whose division into epochs is not recorded.

    The past epochs are as long as in ``whole``, the horizon at today's rate, if that explains the updates; otherwise they are
    taken to be equal.
    """
    if facts.is_over or facts.is_trial or math.isinf(facts.batches):
        return horizon_with_past(facts, whole, taken)
    ahead = facts.ahead()
    in_this_epoch = replace(facts, batch=0).updates_in(facts.epoch) - ahead.lengths[0]
    before = taken - in_this_epoch
    past = _first_epochs(whole.epoch_steps or ahead.lengths[-1:], facts.epoch)
    if sum(past) != before:
        edges = [epoch * before // facts.epoch for epoch in range(facts.epoch + 1)] if facts.epoch else []
        past = [max(end - start, 1) for start, end in pairwise(edges)]
    return _joined(past, taken, ahead)


def _epochs_with_past(facts: RunFacts, taken: int, behind: int) -> Horizon:
    if facts.max_steps != -1 and math.isfinite(facts.batches):
        return Horizon(taken + facts.ahead().epochs, unit="epoch")
    counted_twice = max(taken - (facts.epoch - behind), 0)  # an epoch that was counted, and goes on
    return Horizon(facts.max_epochs - behind + counted_twice, unit="epoch")


def _first_epochs(lengths: Sequence[int], count: int) -> list[int]:
    """The updates of each of the first epochs. The last of ``lengths`` holds for all epochs that follow."""
    return [lengths[min(epoch, len(lengths) - 1)] for epoch in range(count)]


def _joined(past: list[int], taken: int, ahead: UpdatesAhead) -> Horizon:
    """Past epochs and those ahead. The updates taken that are in no past epoch belong to the epoch in progress."""
    current, *following = ahead.lengths
    return Horizon(taken + ahead.updates, [*past, current + max(taken - sum(past), 0), *following])
