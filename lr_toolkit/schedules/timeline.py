"""A schedule on a run of known length: a pure function from optimizer updates to learning rates."""

from __future__ import annotations

import math
import operator
import sys
from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import ENDLESS, decimal
from lr_toolkit.schedules.horizon import Horizon, round_half_up
from lr_toolkit.schedules.shapes import Curve, Hold, Index, Level, Shape, Span, Value
from lr_toolkit.schedules.text import spell

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from lr_toolkit.schedules.schedule import Schedule

__all__ = ["Segment", "Timeline"]


@final
@dataclass(frozen=True, slots=True)
class Segment:
    """One phase in its place: updates ``start`` to ``end - 1`` follow base * curve + floor and end at ``level``.

    ``position`` is where it begins exactly, before rounding.
    """

    start: int
    end: int
    shape: Shape
    curve: Curve
    floor: Curve | None
    level: Level
    position: Fraction = Fraction(0)

    def affine(self, k: Index) -> tuple[Value, Value]:
        """The pair (a, b) of update ``k`` of the run, or of an array of them: lr = base_lr * a + b."""
        i = k - self.start
        return self.curve(i), self.floor(i) if self.floor else 0.0


@final
@dataclass(frozen=True, slots=True)
class Timeline:
    """A schedule resolved for a run: the factor, or the LR, of every optimizer update.

        lr(k) = base_lr * a(k) + b(k),    b = 0 unless a phase has an absolute floor (``end_lr``)

    ``timeline(k)`` is the factor for update k (0 is the first), ``timeline(k, base_lr=...)`` the LR itself, and
    ``timeline.values(ks)`` the same for an array of any shape. After the last phase the value at which it ended holds for
    ever. Computed afresh in float64 from k alone: no drift, and any k at any time.

    Args:
        schedule: the plan, or its text.
        horizon: the length of the run.

    Attributes:
        segments: the phases with the updates at which they begin and end.
        absolute: whether there is an absolute floor: then the factor alone has no meaning, and ``base_lr`` is required.

    Raises:
        ScheduleError: where the schedule does not fit the run.

    Example:
        >>> from lr_toolkit import Horizon, cosine, warmup
        >>> timeline = (warmup(3) >> cosine()).resolve(Horizon(steps=10))
        >>> [round(timeline(k), 3) for k in range(11)]
        [0.25, 0.5, 0.75, 1.0, 0.95, 0.812, 0.611, 0.389, 0.188, 0.05, 0.0]
        >>> timeline(4, base_lr=3e-4) == 3e-4 * timeline(4)
        True
        >>> timeline.values([0, 3, 99])
        array([0.25, 1.  , 0.  ])
    """

    schedule: Schedule
    horizon: Horizon
    segments: tuple[Segment, ...] = field(init=False, repr=False, compare=False)
    absolute: bool = field(init=False, repr=False, compare=False)
    _rest: Segment = field(init=False, repr=False, compare=False)
    _ends: list[int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        from lr_toolkit.schedules.schedule import Schedule  # which resolves to a timeline, and so imports this file

        object.__setattr__(self, "schedule", Schedule.parse(self.schedule))
        if not isinstance(self.horizon, Horizon):
            raise ScheduleError(
                f"{self.schedule!r} on horizon={shorten(self.horizon)}: the length of a run is a Horizon. Write Horizon(steps=1000)."
            )
        if max((self.horizon.steps, *(self.horizon.epoch_steps or ()))) >= ENDLESS:
            raise ScheduleError(
                f"{self.schedule!r} on {shorten(self.horizon)}: is longer than any run or epoch, which has fewer than 10^11 "
                "steps. Write the length of yours, for example Horizon(steps=1000, steps_per_epoch=100)."
            )
        segments = _segments(self.schedule, self.horizon)
        object.__setattr__(self, "segments", segments)
        object.__setattr__(self, "absolute", any(phase.absolute for phase in self.schedule.phases))
        end = segments[-1].end
        rest = Span(end, sys.maxsize - end, Fraction(end), self.horizon, segments[-1].level)
        object.__setattr__(self, "_rest", _place(Hold(), rest))
        object.__setattr__(self, "_ends", [one.end for one in segments])

    def __call__(self, k: int, *, base_lr: float | None = None) -> float:
        """The factor of update ``k``, or its LR for a group whose base LR is ``base_lr``."""
        base = self._base(base_lr)
        try:
            k = operator.index(k)
        except TypeError:
            raise _no_update(k) from None
        if k < 0:
            raise _no_update(k)
        a, b = self.affine(k)
        return a if base is None else base * a + b

    def values(self, ks: ArrayLike, *, base_lr: float | None = None) -> NDArray[np.float64]:
        """The factors, or LRs, of the updates ``ks``: an array of the same shape, equal to the scalar calls."""
        base = self._base(base_lr)
        array = np.asarray(ks)
        if array.size and (array.dtype.kind not in "iu" or array.min() < 0):
            raise _no_update(ks)
        flat = array.reshape(-1).astype(np.int64)
        last_a, last_b = self.segments[-1].level
        a, b = np.full(flat.shape, last_a), np.full(flat.shape, last_b)
        for one in self.segments:
            inside = (flat >= one.start) & (flat < one.end)
            if inside.any():
                a[inside], b[inside] = one.affine(flat[inside])
        return (a if base is None else base * a + b).reshape(array.shape)

    def affine(self, k: float) -> Level:
        """The pair (a, b) of update ``k >= 0``, or of a point between two, unchecked: lr = base_lr * a + b."""
        a, b = self.segment(k).affine(k)
        return a, b

    def segment(self, k: float) -> Segment:
        """The phase to which update ``k`` belongs; after the last one, a segment without end that holds its value."""
        at = bisect_right(self._ends, k)
        return self.segments[at] if at < len(self.segments) else self._rest

    def _base(self, base_lr: float | None) -> float | None:
        """The base LR as a plain float; ``None`` where the factor is asked for, and has a meaning."""
        if base_lr is not None:
            return _plain(base_lr)
        if self.absolute:
            raise ScheduleError(
                f"{self.schedule!r} ends at an absolute LR, so a factor of the base LR cannot say it. "
                "Write timeline(k, base_lr=1e-3)."
            )
        return None

    def __reduce__(self) -> tuple[type[Timeline], tuple[Schedule, Horizon]]:
        return Timeline, (self.schedule, self.horizon)


def _segments(schedule: Schedule, horizon: Horizon) -> tuple[Segment, ...]:
    """The phases in their places, each bound to its span and the level before it."""
    segments: list[Segment] = []
    level: Level = (1.0, 0.0)
    try:
        positions = _positions(schedule, horizon)
        for shape, (position, after) in zip(schedule.phases, pairwise(positions), strict=True):
            start, end = round_half_up(position), round_half_up(after)
            segments.append(_place(shape, Span(start, end - start, position, horizon, level)))
            level = segments[-1].level
    except ScheduleError as error:
        raise ScheduleError(f"{error} (In {schedule!r} on {horizon!r}.)") from error.__cause__
    return tuple(segments)


def _place(shape: Shape, span: Span) -> Segment:
    curve = shape.bind(span)
    end = span.start + span.length
    return Segment(span.start, end, shape, curve, shape.floor(span), shape.end_level(span, curve), span.position)


def _positions(schedule: Schedule, horizon: Horizon) -> list[Fraction]:
    """Where the phases begin, exactly, and where the last one ends; the open phase takes what the others leave."""
    phases = schedule.phases
    opening = next((at for at, phase in enumerate(phases) if phase.over is None), len(phases))
    before, after = [Fraction(0)], [Fraction(horizon.steps)]
    for phase in phases[:opening]:
        if phase.over is not None:
            before.append(horizon.after(before[-1], phase.over))
    if opening == len(phases):
        if before[-1] > horizon.steps:
            raise _too_long(horizon, before[-1])
        return before
    for phase in reversed(phases[opening + 1 :]):
        if phase.over is not None:
            after.append(horizon.after(after[-1], phase.over, -1))
    if round_half_up(after[-1]) <= round_half_up(before[-1]):
        raise _too_long(horizon, before[-1] + horizon.steps - after[-1], spell(phases[opening]))
    return before + after[::-1]


def _too_long(horizon: Horizon, taken: Fraction, left_out: str = "") -> ScheduleError:
    nothing = f" and leave nothing for {left_out}" if left_out else ""
    steps = decimal(taken)
    if taken > horizon.steps and steps == str(horizon.steps):  # by less than the decimals show
        steps = f"more than {steps}"
    return ScheduleError(
        f"The schedule does not fit: its phases take {steps} steps{nothing}, and the run has {horizon.steps}. "
        "Lengthen the run, or shorten a phase, for example to a share of the run: over='5%'."
    )


def _plain(base_lr: object) -> float:
    try:
        number = math.nan if isinstance(base_lr, (bool, str, bytes)) else float(base_lr)  # type: ignore[arg-type]  # float() is the test
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0.0 <= number < math.inf:
        raise ScheduleError(
            f"timeline(k, base_lr={shorten(base_lr)}): a base LR is a finite number, zero or more. Write timeline(k, base_lr=1e-3)."
        )
    return number


def _no_update(k: object) -> ScheduleError:
    return ScheduleError(f"timeline({shorten(k)}): updates are counted by whole numbers from 0. Write timeline(0).")
