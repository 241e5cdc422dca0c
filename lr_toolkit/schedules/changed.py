"""What a run follows after a change of its plan: a stretched, continued or restarted timeline, or a second warmup."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import Duration
from lr_toolkit.schedules.horizon import Horizon, horizon_from
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import evenly_spread
from lr_toolkit.schedules.shapes.warmup import Warmup
from lr_toolkit.schedules.timeline import ExactPhase, ResolvedTimeline, Timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Continued",
    "Restarted",
    "Rewarmed",
    "Stretched",
    "continued",
    "describe_change",
    "restarted",
    "rewarmed",
    "stretched",
    "timeline_from",
    "without_past",
]

_TOLERANCE = 1e-9
_SAMPLES = 10_000  # updates at which a plan of unknown form is evaluated
# The largest denominator of a position: without a limit it grows with each stretch, and so does the cost. An update that falls
# on the beginning of a phase has a smaller one, so it is kept exactly.
_FINEST = 10**15


class _Changed(Timeline):
    """Another timeline that is changed from an update on."""

    __slots__ = ()

    of: Timeline

    @property
    def steps(self) -> int:
        return self.of.steps

    @property
    def unit(self) -> Literal["step", "epoch"]:
        return self.of.unit

    @property
    def text(self) -> str:
        return self.of.text

    @property
    def is_absolute(self) -> bool:
        return self.of.is_absolute

    def relative_to(self, base: float) -> Timeline:
        return self._around(self.of.relative_to(base))

    def joining(self) -> Timeline:
        return self._around(self.of.joining())

    @abstractmethod
    def _around(self, of: Timeline) -> Timeline:
        """The same change, made to another timeline."""

    @abstractmethod
    def without_past(self, update: Fraction, *, ramps: bool) -> Timeline:
        """This timeline without the changes that have no effect from ``update`` on; ``ramps`` to leave out second warmups."""

    @property
    def _update(self) -> str:
        return self.unit.replace("step", "update")


@final
@dataclass(frozen=True, slots=True)
class Stretched(_Changed):
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


def without_past(timeline: Timeline, update: int | Fraction, *, ramps: bool = False) -> Timeline:
    """A timeline without the changes that have no effect from ``update`` on, so that it stays small however often it is changed.

    Args:
        timeline: the timeline, whose factors before ``update`` may become others.
        update: the update that comes next.
        ramps: leave out second warmups too that are not over, because another one begins.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> plan = linear().resolve(Horizon(10))
        >>> without_past(Rewarmed(plan, since=2, over=3), 5) == plan
        True
    """
    return timeline.without_past(Fraction(update), ramps=ramps) if isinstance(timeline, _Changed) else timeline


@final
@dataclass(frozen=True, slots=True)
class Continued(_Changed):
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
        return _phases_from(self.of.exact_phases, Fraction(self.since))

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


@final
@dataclass(frozen=True, slots=True)
class Restarted(_Changed):
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


@final
@dataclass(frozen=True, slots=True)
class Rewarmed(_Changed):
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
        return [*before, (Warmup(Duration(self.over)), start, end), *_phases_from(self.of.exact_phases, end)]

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
    """A timeline that warms up again from update ``since`` on; a second warmup that is not over yet gives way to this one.

    Example:
        >>> from lr_toolkit import Horizon, hold
        >>> plan = hold().resolve(Horizon(10))
        >>> rewarmed(rewarmed(plan, since=2, over=3), since=4, over=3) == rewarmed(plan, since=4, over=3)
        True
    """
    return Rewarmed(without_past(timeline, since, ramps=True), since, over)


def _phases_from(phases: list[ExactPhase], since: Fraction) -> list[ExactPhase]:
    return [(shape, max(start, since), end) for shape, start, end in phases if end > since]


def timeline_from(state: Mapping[str, Any], configured: ResolvedTimeline | None = None) -> Timeline:
    """The timeline that ``to_state`` described.

    Args:
        state: the plain data.
        configured: the plan of the code. It is taken if the state describes it, because its text may hold a Python function.

    Raises:
        ScheduleError: if the text holds a Python function, and ``configured`` is another plan.
    """
    if state["kind"] == "resolved":
        if configured is not None and configured.to_state() == dict(state):
            return configured
        return Schedule.parse(state["schedule"]).resolve(horizon_from(state["horizon"]))
    of = timeline_from(state["of"], configured)
    if state["kind"] == "stretched":
        return Stretched(of, state["at"], Fraction(*state["position"]), state["until"])
    if state["kind"] == "continued":
        return Continued(of, state["at"], state["start"])
    if state["kind"] == "restarted":
        return Restarted(of, state["at"])
    return Rewarmed(of, state["at"], state["over"])


def describe_change(timeline: Timeline, configured: Timeline) -> str:
    """How a run goes on if it does not follow the plan of its code, beginning with the policy; empty if it does.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> plan = linear().resolve(Horizon(10))
        >>> describe_change(plan, plan)
        ''
        >>> describe_change(stretched(plan, since=6, until=20), plan)
        'stretch: from update 6 on, what was left of linear() lasts until update 20'
    """
    if isinstance(timeline, Rewarmed) and not timeline.of.change:
        return "; ".join(filter(None, [timeline.change, describe_change(timeline.of, configured)]))
    if timeline.change or timeline == configured:
        return timeline.change
    return f"keep: the saved plan, {timeline.text} until {timeline.unit.replace('step', 'update')} {timeline.steps}, then its last LR"
