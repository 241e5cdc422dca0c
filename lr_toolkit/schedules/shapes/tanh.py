"""A piece of a hyperbolic tangent, from one level to another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import DurationLike, optional_duration
from lr_toolkit.schedules.levels import Decay, DecayCurve
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value

__all__ = ["Tanh", "tanh"]

_WIDEST = 100.0  # beyond it the tangent is flat to the last digit


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Tanh(Decay):
    """The arguments of ``tanh(...)``."""

    lower: float = -7.0
    upper: float = 3.0

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            value: Any = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not -_WIDEST <= float(value) <= _WIDEST:
                raise ScheduleError(
                    f"tanh({name}={shorten(value)}): must be a number from {-_WIDEST:g} to {_WIDEST:g}. Write tanh(lower=-7.0, upper=3.0)."
                )
            object.__setattr__(self, name, float(value) + 0.0)
        if self.lower >= self.upper:
            raise ScheduleError(
                f"tanh(lower={self.lower!r}, upper={self.upper!r}): lower must lie below upper. Write tanh(lower=-7.0, upper=3.0)."
            )
        Decay.__post_init__(self)

    def curve(self, first: float, last: float, context: PhaseContext) -> Curve:
        return _TanhCurve(first, last, context.length, self.lower, self.upper)


@final
@dataclass(frozen=True, slots=True)
class _TanhCurve(DecayCurve):
    lower: float
    upper: float

    def __call__(self, i: Index) -> Value:
        if not isinstance(i, np.ndarray):
            return float(self(np.array([i]))[0])
        # tanh(u) - tanh(x) = sinh(u - x) / (cosh(u) cosh(x)) does not cancel, neither near the beginning nor near the end.
        width, left, progress = self.upper - self.lower, (self.length - i) / self.length, i / self.length
        whole = math.sinh(width) * np.cosh(self.lower * left + self.upper * progress)
        passed = np.sinh(width * progress) * math.cosh(self.upper) / whole
        rest = np.where(i == 0, 1.0, np.sinh(width * left) * math.cosh(self.lower) / whole)
        return self.first * rest + self.last * passed


@register_shape(Tanh)
def tanh(
    end: float = 0.0,
    *,
    end_lr: float | None = None,
    lower: float = -7.0,
    upper: float = 3.0,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Move from the level reached to ``end`` along a hyperbolic tangent: hold, fall, level off.

        factor(i) = end + (start - end) * (tanh(upper) - tanh(x)) / (tanh(upper) - tanh(lower))
        x = lower + (upper - lower) * i / n

    Take it to follow a timm recipe. Leave it otherwise: ``hold("50%") >> cosine()`` means the same in parts that can be read.

    Args:
        end: the last level as a factor of the base value; above the start the curve climbs.
        lower: where the tangent begins; the lower, the longer the level holds at first.
        upper: where it ends; the higher, the longer it stays near the end.
        end_lr: the last level as an LR, instead of ``end``; at most the base LR.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the phase lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: if ``lower`` does not lie below ``upper``, if a level is negative or not finite, if a level is given
            twice, and, when the schedule is resolved, if the phase would begin at the level at which it ends.

    Example:
        >>> from lr_toolkit import Horizon
        >>> tanh().resolve(Horizon(steps=5)).values(range(6)).round(4)
        array([1.    , 1.    , 0.9975, 0.8805, 0.117 , 0.    ])

    Reference:
        Hsueh et al. 2018, https://arxiv.org/abs/1806.01593. timm's ``TanhLRScheduler`` does not reach its ends: it is this curve
        from ``start=(1 - tanh(lower)) / 2`` to ``end=(1 - tanh(upper)) / 2``.
    """
    length = optional_duration(over, "tanh")
    shape = Tanh(lower=lower, upper=upper, end=end, end_lr=end_lr, start=start, start_lr=start_lr, over=length)
    return Schedule((shape,))
