"""The remaining decay of a plan, from the value in use."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.changed.change import Changed, phases_from
from lr_toolkit.schedules.shape import evenly_spread
from lr_toolkit.schedules.timeline import ExactPhase, Timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Continued", "continued"]

_TOLERANCE = 1e-9
_SAMPLES = 10_000  # updates at which a plan of unknown form is evaluated


@final
@dataclass(frozen=True, slots=True)
class Continued(Changed):
    """The remaining decay of a plan, from the factor ``start`` in use at update ``since``.

        factor(k) = end + (start - end) * (of(k) - end) / (of(since) - end),    end = the plan's final factor

    If nothing is left to decay, the factor stays what it was.
    """

    of: Timeline
    since: int
    start: float

    def factor(self, k: float | Fraction) -> float:
        first, end = self.of.factor(self.since), self.of.factor(max(self.of.steps, self.since))
        if first == end:
            return self.start
        return end + (self.start - end) * ((self.of.factor(k) - end) / (first - end))

    def joining(self) -> Timeline:
        return self.of.joining()

    @property
    def exact_phases(self) -> list[ExactPhase]:
        return phases_from(self.of.exact_phases, Fraction(self.since))

    @property
    def edges(self) -> list[int]:
        return sorted({*self.of.edges, self.since})

    @property
    def change(self) -> str:
        return f"continue: from {self._update} {self.since} on, from the LR in use, what is left of {self.text}"

    def _around(self, of: Timeline) -> Timeline:
        return replace(self, of=of)

    def without_past(self, update: Fraction, *, ramps: bool) -> Timeline:
        return self  # factor() divides by of(since), which lies in the past

    def to_state(self) -> dict[str, Any]:
        return {"kind": "continued", "of": self.of.to_state(), "at": self.since, "start": self.start}


def continued(plan: Timeline, since: int, value: float, base: float, *, may_rise: bool = False) -> Continued:
    """The remaining decay of a plan, from the value in use at update ``since``.

    Args:
        plan: the new plan.
        since: the update that comes next.
        value: the value in use.
        base: the base value of the group; a group with a base of 0 takes up the plan.
        may_rise: whether the way to the plan's end may rise, as that of a momentum does.

    Raises:
        ScheduleError: if the plan still climbs there, or if the value in use lies below the end of a decay. With ``may_rise`` only
            if the plan rises and falls.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> timeline = continued(linear(end=0.1).resolve(Horizon(10)), since=5, value=0.02, base=0.1)
        >>> [round(timeline(k, base_lr=0.1), 4) for k in (5, 10)]
        [0.02, 0.01]
    """
    first, last = plan.factor(since), plan.factor(max(plan.steps, since))
    if base and first and not value and not may_rise:
        raise ScheduleError(
            f"on_change='continue' at update {since}: the LR in use is 0, from which nothing decays. Write on_change='replan'."
        )
    if value < base * last * (1 - _TOLERANCE) and last < first and not may_rise:
        raise ScheduleError(
            f"on_change='continue' at update {since}: the LR in use, {value:.6g}, lies below {base * last:.6g}, at which the plan ends, "
            "so the way there is no decay. Write a lower end=, or on_change='replan'."
        )
    later = plan.factors(_turns_after(plan, since))
    # A plan that dips below its end has to climb back to it.
    low, high = (min(first, last), max(first, last)) if may_rise else (last, first)
    if (later > high * (1 + _TOLERANCE)).any() or (later < low * (1 - _TOLERANCE)).any():
        if may_rise:
            raise ScheduleError(
                f"on_change='continue' at update {since}: {plan.text} rises and falls there, so there is no one way from the value in use "
                "to its end. Write on_change='replan'."
            )
        raise ScheduleError(
            f"on_change='continue' at update {since}: {plan.text} still climbs there, so there is no remaining decay to run from "
            "the LR in use. Write on_change='replan'."
        )
    start = value / base if base else first
    if start == math.inf:
        raise ScheduleError(
            f"on_change='continue' at update {since}: the value in use, {value:.6g}, is too large for a base value of {base:.6g}. Write "
            "on_change='replan'."
        )
    return Continued(plan, since, start)


def _turns_after(plan: Timeline, since: int) -> NDArray[np.int64]:
    """Updates after ``since``, among them each at which the factor may be highest or lowest."""
    updates = {plan.steps, *(update for edge in plan.edges for update in (edge - 1, edge))}
    if not plan.is_monotone:
        updates |= {since + offset for offset in evenly_spread(plan.steps - since, _SAMPLES)}
    return np.array([update for update in updates if update > since], np.int64)
