"""What is left of a timeline, spread over another number of updates."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, final

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.changed.change import Changed, without_past
from lr_toolkit.schedules.timeline import ExactPhase, Timeline

__all__ = ["Stretched", "stretched"]

# The largest denominator of a position: without a limit it grows with each stretch, and so does the cost. An update that falls
# on the beginning of a phase has a smaller one, so it is kept exactly.
_FINEST = 10**15


@final
@dataclass(frozen=True, slots=True)
class Stretched(Changed):
    """What was left of a timeline at update ``since``, spread over the updates from there to ``until``.

        factor(k) = of(position + (k - since) * (of.steps - position) / (until - since))

    Update ``since`` stands at ``position`` of the other timeline. Updates before it move at the mean rate, position / since. The
    arithmetic is exact, because a float could fall short of the update at which a phase begins.
    """

    of: Timeline
    since: int
    position: Fraction
    until: int
    _rate: Fraction = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_rate", (self.of.steps - self.position) / (self.until - self.since))

    @property
    def steps(self) -> int:
        return self.until

    def position_of(self, k: float | Fraction) -> Fraction:
        """The place of update ``k`` in the other timeline."""
        if k > self.since:
            offset = k - self.since if isinstance(k, int) else Fraction(k) - self.since
            return self.position + offset * self._rate
        return Fraction(k) * self.position / self.since if self.since else Fraction(0)

    def factor(self, k: float | Fraction) -> float:
        return self.of.factor(self.position_of(k))

    def _update_of(self, position: Fraction) -> Fraction:
        """The inverse of ``position_of``."""
        if position > self.position:
            return self.since + (position - self.position) / self._rate
        return position * self.since / self.position if self.position else Fraction(0)

    @property
    def exact_phases(self) -> list[ExactPhase]:
        return [(shape, self._update_of(start), self._update_of(end)) for shape, start, end in self.of.exact_phases]

    @property
    def edges(self) -> list[int]:
        return sorted({math.ceil(self._update_of(Fraction(edge))) for edge in self.of.edges} | {self.since})

    @property
    def change(self) -> str:
        change = f"stretch: from {self._update} {self.since} on, what was left of {self.text} lasts until {self._update} {self.until}"
        return "; ".join(filter(None, [change, self.of.change]))

    def _around(self, of: Timeline) -> Timeline:
        return replace(self, of=of)

    def without_past(self, update: Fraction, *, ramps: bool) -> Timeline:
        of = without_past(self.of, self.position_of(update), ramps=ramps)
        return self if of is self.of else _merged(of, self.since, self.position, self.until)

    def to_state(self) -> dict[str, Any]:
        position = [self.position.numerator, self.position.denominator]
        return {
            "kind": "stretched",
            "of": self.of.to_state(),
            "at": self.since,
            "position": position,
            "until": self.until,
        }


def stretched(timeline: Timeline, since: int, until: int) -> Stretched:
    """What is left of a timeline at update ``since``, spread over the updates from there to ``until``.

    A stretch of a stretch is one stretch, and a second warmup that is over is left out, so a run that is resumed often stays as fast
    as it was.

    Raises:
        ScheduleError: if nothing is left of the timeline, or of the run.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> timeline = stretched(linear().resolve(Horizon(10)), since=5, until=25)
        >>> timeline(5), timeline(15), timeline(25)
        (0.5, 0.25, 0.0)
    """
    if not since < min(until, timeline.steps):
        raise ScheduleError(
            f"on_change='stretch' at update {since}: the saved plan ends at {timeline.steps} and the new one at {until}, so there "
            "is nothing to stretch. Write on_change='replan', or leave it out to see the LRs under each policy."
        )
    return _merged(without_past(timeline, since), since, Fraction(since), until)


def _merged(of: Timeline, since: int, position: Fraction, until: int) -> Stretched:
    """``Stretched``, and if ``of`` is stretched too, both as one stretch of what is within."""
    if not (isinstance(of, Stretched) and position >= of.since):
        return Stretched(of, since, position, until)
    exact = Stretched(of.of, since, of.position_of(position), until)
    short = replace(exact, position=exact.position.limit_denominator(_FINEST))
    # No phase may begin an update earlier or later for it.
    return short if short.phases == exact.phases else exact
