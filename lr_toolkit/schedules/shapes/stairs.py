"""A schedule that moves only now and then."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.horizon import round_half_up
from lr_toolkit.schedules.nested import NestedShape, WrappedCurve, bind_within
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule, ScheduleLike
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value

__all__ = ["Stairs", "stairs"]

_MOST = 10_000  # stairs


@final
@dataclass(frozen=True, slots=True)
class Stairs(NestedShape):
    """The arguments of ``stairs(...)``."""

    every: Duration
    over: Duration | None = field(default=None, kw_only=True)

    def bind(self, context: PhaseContext) -> Curve:
        horizon, position = context.horizon, context.position
        begins: list[int] = [0]
        while len(begins) <= _MOST:
            begin = round_half_up(horizon.after(position, self.every, len(begins))) - context.start
            if begin >= context.length:
                return _StairsCurve(bind_within(self.schedule, context, context.level), tuple(begins))
            begins.append(begin)
        raise ScheduleError(
            f"stairs(every={self.every.literal}): are more than {_MOST} in the {context.length} steps of the phase. Write a longer "
            "interval, such as every='1%'."
        )


@final
@dataclass(frozen=True, slots=True)
class _StairsCurve(WrappedCurve):
    """``begins`` are the updates at which the level moves."""

    begins: tuple[int, ...]

    def __call__(self, i: Index) -> Value:
        if not isinstance(i, np.ndarray):
            return self.of(self.begins[bisect_right(self.begins, i) - 1])
        return self.of(np.array(self.begins)[np.searchsorted(self.begins, i, side="right") - 1])

    @property
    def is_monotone(self) -> bool:
        return True

    @property
    def edges(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self.begins))

    @property
    def end(self) -> float:
        return float(self.of(self.begins[-1]))


@register_shape(Stairs)
def stairs(schedule: ScheduleLike, every: DurationLike, *, over: DurationLike | None = None) -> Schedule:
    """Move along a schedule in stairs: each interval keeps the factor at which it begins.

        factor(i) = schedule(every * floor(i / every))

    Take it to move once per epoch in a run that counts updates (``stairs(cosine(), "1 epoch")``), as most recipes for images do.
    Leave it if there is no such recipe to follow: the smooth curve costs nothing.

    Args:
        schedule: the schedule, or its text; its first phase begins at the level reached.
        every: the interval. Interval m begins after m of them, rounded half up.
        over: how long it lasts; ``None`` for the length of ``schedule``. Afterwards the level of the last interval holds.

    Raises:
        ScheduleError: for a duration without a unit, and, when the schedule is resolved, for more than 10000 intervals, or if the
            schedule does not fit.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> stairs(linear(), 2).resolve(Horizon(steps=6)).values(range(6)).round(3)
        array([1.   , 1.   , 0.667, 0.667, 0.333, 0.333])

    Reference:
        a scheduler of timm or torch that is stepped once per epoch; keras' and optax's ``staircase=True``.
    """
    interval = Duration.of(every, "stairs", "every")
    return Schedule((Stairs(Schedule.parse(schedule), interval, over=optional_duration(over, "stairs")),))
