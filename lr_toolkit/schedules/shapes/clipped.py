"""A schedule between a floor and a ceiling."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.nested import NestedShape, WrappedCurve, bind_within
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule, ScheduleLike
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value
from lr_toolkit.schedules.text import call_text

__all__ = ["Clipped", "clipped"]


@final
@dataclass(frozen=True, slots=True)
class Clipped(NestedShape):
    """The arguments of ``clipped(...)``."""

    level_fields: ClassVar[Mapping[str, float | None]] = {"min": None, "max": None}

    min: float | None = field(default=None, kw_only=True)
    min_lr: float | None = field(default=None, kw_only=True)
    max: float | None = field(default=None, kw_only=True)
    max_lr: float | None = field(default=None, kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        NestedShape.__post_init__(self)
        if all(limit is None for limit in (self.min, self.min_lr, self.max, self.max_lr)):
            raise ScheduleError(f"{call_text(self)}: has no limit. Write {call_text(self, min=0.1)}, or min_lr=1e-5.")

    def refuse_swapped(self) -> Clipped:
        """This shape, as its caller wrote it: a factor and an LR can only be compared when the base LR is known."""
        for low, high, unit in ((self.min, self.max, ""), (self.min_lr, self.max_lr, "_lr")):
            if low is not None and high is not None and low > high:
                swapped = call_text(self, **{f"min{unit}": high, f"max{unit}": low})
                raise ScheduleError(f"{call_text(self)}: the floor lies above the ceiling. Write {swapped}.")
        return self

    def bind(self, context: PhaseContext) -> Curve:
        low, high = self.level_of("min"), self.level_of("max")
        floor, ceiling = (0.0 if low is None else low), (math.inf if high is None else high)
        if floor > ceiling and context.base is not None:  # one is a factor, the other an LR
            raise ScheduleError(
                f"{call_text(self)}: the floor lies above the ceiling for the base LR {context.base!r}. Write both as factors, "
                "min=0.1, max=1.0, or both as LRs."
            )
        return _ClippedCurve(bind_within(self.schedule, context, context.level), floor, ceiling)


@final
@dataclass(frozen=True, slots=True)
class _ClippedCurve(WrappedCurve):
    low: float
    high: float

    def __call__(self, i: Index) -> Value:
        factor = self.of(i)
        if isinstance(factor, np.ndarray):
            return np.clip(factor, self.low, self.high)
        return min(max(factor, self.low), self.high)

    @property
    def end(self) -> float:
        return float(min(max(self.of.end, self.low), self.high))


@register_shape(Clipped)
def clipped(
    schedule: ScheduleLike,
    *,
    min: float | None = None,  # the word that everybody uses
    min_lr: float | None = None,
    max: float | None = None,
    max_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Keep a schedule at or above a floor, and at or below a ceiling.

        factor(i) = min(max(schedule(i), min), max)

    Take it for stairs and exponential decays with a floor, ``clipped(step("30%"), min_lr=1e-5)``. Leave it for a decay that has an
    end of its own: ``cosine(end_lr=1e-5)`` arrives there at its last update and not earlier.

    Args:
        schedule: the schedule, or its text; its first phase begins at the level reached.
        min: the floor as a factor of the base value.
        min_lr: the floor as an LR, instead of ``min``.
        max: the ceiling as a factor of the base value.
        max_lr: the ceiling as an LR, instead of ``max``.
        over: how long it lasts; ``None`` for the length of ``schedule``.

    Raises:
        ScheduleError: if there is no limit, if one is negative, not finite or given twice, if the floor lies above the ceiling,
            and, when the schedule is resolved, if it does not fit.

    Example:
        >>> from lr_toolkit import Horizon, step
        >>> clipped(step(1, gamma=0.5), min=0.2).resolve(Horizon(steps=5)).values(range(6))
        array([1.  , 0.5 , 0.25, 0.2 , 0.2 , 0.2 ])

    Reference:
        optax's ``exponential_decay(end_value=...)``.
    """
    shape = Clipped(
        Schedule.parse(schedule),
        min=min,
        min_lr=min_lr,
        max=max,
        max_lr=max_lr,
        over=optional_duration(over, "clipped"),
    )
    return Schedule((shape.refuse_swapped(),))
