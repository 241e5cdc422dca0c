"""A linear climb to the base value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, final

from lr_toolkit.schedules.duration import Duration, DurationLike
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Shape, Value, check_number

__all__ = ["Warmup", "warmup"]


@final
@dataclass(frozen=True, slots=True)
class Warmup(Shape):
    """The arguments of ``warmup(...)``."""

    warms_up: ClassVar[bool] = True

    over: Duration
    start: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.start is not None:
            check_number(self, "start", "start=0.0", at_most=1.0)

    def bind(self, context: PhaseContext) -> Curve:
        return _WarmupCurve(self.start, context.length)


@final
@dataclass(frozen=True, slots=True)
class _WarmupCurve(Curve):
    is_monotone = True

    start: float | None
    length: int

    def __call__(self, i: Index) -> Value:
        n, start = self.length, self.start
        return (i + 1) / (n + 1) if start is None else (start * (n - i) + i) / n

    @property
    def end(self) -> float:
        return 1.0


@register_shape(Warmup)
def warmup(over: DurationLike, *, start: float | None = None) -> Schedule:
    """Climb linearly to the base value.

        factor(i) = (i + 1) / (W + 1)                   by default, W = over in updates
        factor(i) = start + (1 - start) * i / W         with ``start``

    No update is wasted at an LR of zero, and update W, the first after the warmup, is the first at the peak.

    Args:
        over: how long the warmup lasts. 0, or a share that rounds to no update at all, leaves it out, so that a sweep over the
            warmup can include none.
        start: the factor of the first update, from 0 to 1. ``start=0.0`` gives transformers' sequence 0, 1/W, 2/W, ...

    Raises:
        ScheduleError: for a duration without a unit, or ``start`` outside of 0 to 1.

    Example:
        >>> from lr_toolkit import Horizon
        >>> warmup(3).resolve(Horizon(steps=10)).values(range(5))
        array([0.25, 0.5 , 0.75, 1.  , 1.  ])
        >>> warmup(4, start=0.0).resolve(Horizon(steps=10)).values(range(5))
        array([0.  , 0.25, 0.5 , 0.75, 1.  ])

    Reference:
        Goyal et al. 2017, https://arxiv.org/abs/1706.02677; NeMo starts at 1/(W+1) too.
    """
    return Schedule((Warmup(Duration.of(over, "warmup", may_be_zero=True), start=start),))
