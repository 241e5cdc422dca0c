"""A schedule times a number, or times another schedule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.nested import NestedShape, WrappedCurve, bind_within
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule, ScheduleLike
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value, is_level

__all__ = ["Scaled", "scaled", "scaled_curve"]


@final
@dataclass(frozen=True, slots=True)
class Scaled(NestedShape):
    """The arguments of ``scaled(...)``."""

    level_fields: ClassVar[Mapping[str, float | None]] = {"floor": 0.0}

    by: float | Schedule
    floor: float = field(default=0.0, kw_only=True)
    floor_lr: float | None = field(default=None, kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if isinstance(self.by, Schedule):
            if self.by.absolute_levels:
                raise ScheduleError(
                    f"scaled(by={self.by!r}): is a factor, so it has no LRs. Write its levels as factors: scaled(cosine(), "
                    "hold('50%') >> linear(end=0.1))."
                )
        elif is_level(self.by) and self.by:
            object.__setattr__(self, "by", float(self.by))
        else:
            raise ScheduleError(
                f"scaled(by={shorten(self.by)}): must be a finite number above zero, or a schedule. Write scaled(cosine(), 0.5), or "
                "hold(level=0.0) for an LR of zero."
            )
        NestedShape.__post_init__(self)

    def bind(self, context: PhaseContext) -> Curve:
        curve = bind_within(self.schedule, context, context.level)
        if isinstance(self.by, Schedule):
            return _ProductCurve(curve, bind_within(self.by, context, 1.0), self.floor)
        return scaled_curve(curve, self.by, self.floor)


def scaled_curve(curve: Curve, by: float, floor: float) -> Curve:
    """The curve floor + (curve(i) - floor) * by."""
    return _ScaledCurve(curve, by, floor)


def _scaled(factor: Value, by: Value, floor: float) -> Value:
    """floor + (factor - floor) * by, without cancellation."""
    return factor * by if floor == 0.0 else np.maximum(factor * by + floor * (1.0 - by), 0.0)


@final
@dataclass(frozen=True, slots=True)
class _ScaledCurve(WrappedCurve):
    by: float
    floor: float

    def __call__(self, i: Index) -> Value:
        return _scaled(self.of(i), self.by, self.floor)

    @property
    def end(self) -> float:
        return float(_scaled(self.of.end, self.by, self.floor))


@final
@dataclass(frozen=True, slots=True)
class _ProductCurve(WrappedCurve):
    by: Curve
    floor: float

    def __call__(self, i: Index) -> Value:
        return _scaled(self.of(i), self.by(i), self.floor)

    @property
    def is_monotone(self) -> bool:
        return False

    @property
    def edges(self) -> tuple[int, ...]:
        return tuple(sorted({*self.of.edges, *self.by.edges}))

    @property
    def end(self) -> float:
        return float(_scaled(self.of.end, self.by.end, self.floor))


@register_shape(Scaled)
def scaled(
    schedule: ScheduleLike,
    by: float | ScheduleLike,
    *,
    floor: float = 0.0,
    floor_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Multiply a schedule by a number, or by another schedule on the same clock.

        factor(i) = floor + (schedule(i) - floor) * by(i),    and never below zero

    The schedule begins at the level reached, ``by`` at 1. A share of the run (``"5%"``) is one of the whole run here too.

    Take it for a lower peak (``scaled(wsd("5%", "20%"), 0.5)``), a ramp on top of a decay that goes on meanwhile
    (``scaled(cosine(), warmup(500))``), or milestones on the clock of the run (``scaled(warmup(500) >> hold(),
    multistep(["50%"]))``). Leave it if phases in a row mean the same.

    Args:
        schedule: the schedule, or its text.
        by: a number above zero, or a schedule of factors, or its text; after its end its last factor holds.
        floor: the level from which the distance is scaled, a factor of the base value.
        floor_lr: the same as an LR, instead of ``floor``.
        over: how long it lasts; ``None`` for the length of ``schedule``.

    Raises:
        ScheduleError: if ``by`` is no number above zero and no schedule, or has an LR, and, when the schedule is resolved, if one
            of them does not fit.

    Example:
        >>> from lr_toolkit import Horizon, cosine, hold, linear, warmup
        >>> scaled(linear(), warmup(2, start=0.0)).resolve(Horizon(steps=4)).values(range(5))
        array([0.   , 0.375, 0.5  , 0.25 , 0.   ])
        >>> scaled(linear(), 0.5).resolve(Horizon(steps=4)).values(range(5))
        array([0.5  , 0.375, 0.25 , 0.125, 0.   ])
        >>> scaled(warmup(2) >> cosine(), 0.5)
        scaled(warmup(2) >> cosine(), 0.5)

    Reference:
        torch's ``ChainedScheduler``; the dampening of pytorch_warmup; CyclicLR's ``exp_range``.
    """
    shape = Scaled(
        Schedule.parse(schedule),
        Schedule.parse(by) if isinstance(by, str) else by,
        floor=floor,
        floor_lr=floor_lr,
        over=optional_duration(over, "scaled"),
    )
    return Schedule((shape,))
