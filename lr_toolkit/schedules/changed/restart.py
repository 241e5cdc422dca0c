"""A plan from its beginning, over the updates that are left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any, final

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.changed.change import Changed, without_past
from lr_toolkit.schedules.horizon import Horizon
from lr_toolkit.schedules.timeline import ExactPhase, ResolvedTimeline, Timeline

__all__ = ["Restarted", "restarted"]


@final
@dataclass(frozen=True, slots=True)
class Restarted(Changed):
    """A timeline that begins at update ``since``: factor(k) = of(k - since). Before it the first factor holds."""

    of: Timeline
    since: int

    @property
    def steps(self) -> int:
        return self.since + self.of.steps

    def factor(self, k: float | Fraction) -> float:
        return self.of.factor(max(k - self.since, 0))

    @property
    def exact_phases(self) -> list[ExactPhase]:
        return [(shape, start + self.since, end + self.since) for shape, start, end in self.of.exact_phases]

    @property
    def edges(self) -> list[int]:
        return sorted({0, *(edge + self.since for edge in self.of.edges)})

    @property
    def change(self) -> str:
        return f"restart: from {self._update} {self.since} on, {self.text} from its beginning until {self._update} {self.steps}"

    def _around(self, of: Timeline) -> Timeline:
        return replace(self, of=of)

    def without_past(self, update: Fraction, *, ramps: bool) -> Timeline:
        return replace(self, of=without_past(self.of, max(update - self.since, Fraction(0)), ramps=ramps))

    def to_state(self) -> dict[str, Any]:
        return {"kind": "restarted", "of": self.of.to_state(), "at": self.since}


def restarted(plan: ResolvedTimeline, since: int) -> Restarted:
    """A plan from its beginning, over the updates from ``since`` to its end.

    Raises:
        ScheduleError: if nothing is left of the run, or if the schedule does not fit what is left.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> timeline = restarted(linear().resolve(Horizon(10)), since=6)
        >>> timeline(6), timeline(8), timeline(10)
        (1.0, 0.5, 0.0)
    """
    if since >= plan.steps:
        raise ScheduleError(
            f"on_change='restart' at update {since}: the run ends at {plan.steps}, so nothing is left of it. Write on_change='replan'."
        )
    try:
        return Restarted(ResolvedTimeline(plan.shapes, _left(plan.horizon, since)), since)
    except ScheduleError as misfit:
        raise ScheduleError(f"on_change='restart' at update {since}: {misfit}") from None


def _left(horizon: Horizon, taken: int) -> Horizon:
    """What is left of a horizon after ``taken`` steps."""
    if horizon.unit == "epoch" or horizon.epoch_steps is None:
        return Horizon(horizon.steps - taken, unit=horizon.unit)
    ends = list(accumulate(horizon.epoch_steps))
    lengths = [end - max(start, taken) for start, end in pairwise([0, *ends]) if end > taken]
    return Horizon(horizon.steps - taken, lengths or horizon.epoch_steps[-1:])
