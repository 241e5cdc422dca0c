"""A constant level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np

from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Shape, Value

__all__ = ["Hold", "hold"]


@final
@dataclass(frozen=True, slots=True)
class Hold(Shape):
    """The arguments of ``hold(...)``."""

    moves: ClassVar[bool] = False

    over: Duration | None = None

    def bind(self, context: PhaseContext) -> Curve:
        return _ConstantCurve(context.level)


@final
@dataclass(frozen=True, slots=True)
class _ConstantCurve(Curve):
    is_monotone = True

    level: float

    def __call__(self, i: Index) -> Value:
        return np.full(i.shape, self.level) if isinstance(i, np.ndarray) else self.level

    @property
    def end(self) -> float:
        return self.level


@register_shape(Hold)
def hold(over: DurationLike | None = None) -> Schedule:
    """Stay at the level at which the phase before ended, or at the base value in the first phase.

        factor(i) = level

    Args:
        over: how long to stay; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: for a duration without a unit.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> (hold("50%") >> linear(end=0.5)).resolve(Horizon(steps=4)).values(range(6))
        array([1.  , 1.  , 1.  , 0.75, 0.5 , 0.5 ])

    Reference:
        torch's ``ConstantLR(factor=1)``; the stable phase of WSD, Hägele et al. 2024, https://arxiv.org/abs/2405.18392.
    """
    return Schedule((Hold(optional_duration(over, "hold")),))
