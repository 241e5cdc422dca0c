"""A second warmup."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, final

from lr_toolkit.schedules.changed.change import Changed, phases_from, without_past
from lr_toolkit.schedules.duration import Duration
from lr_toolkit.schedules.shapes.warmup import Warmup
from lr_toolkit.schedules.timeline import ExactPhase, Timeline

__all__ = ["Rewarmed", "rewarmed"]


@final
@dataclass(frozen=True, slots=True)
class Rewarmed(Changed):
    """A timeline with a second warmup: the first ``over`` updates from ``since`` on climb by 1 / (over + 1) of it each."""

    of: Timeline
    since: int
    over: int

    def factor(self, k: float | Fraction) -> float:
        ramp = float(k - self.since + 1) / (self.over + 1)
        factor = self.of.factor(k)
        return factor * ramp if 0 < ramp < 1 else factor

    @property
    def exact_phases(self) -> list[ExactPhase]:
        start, end = Fraction(self.since), Fraction(self.since + self.over)
        before = [(shape, first, min(last, start)) for shape, first, last in self.of.exact_phases if first < start]
        return [*before, (Warmup(Duration(self.over)), start, end), *phases_from(self.of.exact_phases, end)]

    @property
    def edges(self) -> list[int]:
        return sorted({*self.of.edges, self.since, self.since + self.over})

    @property
    def change(self) -> str:
        change = f"rewarm: climbs again from {self._update} {self.since} to {self.since + self.over}"
        return "; ".join(filter(None, [change, self.of.change]))

    def _around(self, of: Timeline) -> Timeline:
        return replace(self, of=of)

    def without_past(self, update: Fraction, *, ramps: bool) -> Timeline:
        of = without_past(self.of, update, ramps=ramps)
        if ramps or update >= self.since + self.over:
            return of
        return self if of is self.of else replace(self, of=of)

    def to_state(self) -> dict[str, Any]:
        return {"kind": "rewarmed", "of": self.of.to_state(), "at": self.since, "over": self.over}


def rewarmed(timeline: Timeline, since: int, over: int) -> Rewarmed:
    """A timeline that warms up again from update ``since`` on. It replaces a second warmup that is not over yet.

    Example:
        >>> from lr_toolkit import Horizon, hold
        >>> plan = hold().resolve(Horizon(10))
        >>> rewarmed(rewarmed(plan, since=2, over=3), since=4, over=3) == rewarmed(plan, since=4, over=3)
        True
    """
    return Rewarmed(without_past(timeline, since, ramps=True), since, over)
