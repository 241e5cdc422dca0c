"""A power of the remaining share, from one level to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from lr_toolkit.schedules.duration import DurationLike, optional_duration
from lr_toolkit.schedules.levels import Decay, DecayCurve, remaining
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value, check_number

__all__ = ["Polynomial", "polynomial"]


@final
@dataclass(frozen=True, slots=True)
class Polynomial(Decay):
    """The arguments of ``polynomial(...)``."""

    power: float
    k: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        check_number(self, "power", "power=2.0", above_zero=True)
        check_number(self, "k", "k=2.0", above_zero=True)
        Decay.__post_init__(self)

    def curve(self, first: float, last: float, context: PhaseContext) -> Curve:
        return _PolynomialCurve(first, last, context.length, self.power, self.k)


@final
@dataclass(frozen=True, slots=True)
class _PolynomialCurve(DecayCurve):
    power: float
    k: float

    def __call__(self, i: Index) -> Value:
        left = (self.length - i) / self.length if self.k == 1.0 else remaining(i, self.length, self.k)
        return self.level(np.power(left, self.power))


@register_shape(Polynomial)
def polynomial(
    power: float,
    *,
    end: float = 0.0,
    end_lr: float | None = None,
    k: float = 1.0,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Move from the level reached to ``end`` along a power of the remaining share.

        factor(i) = end + (start - end) * (1 - (i / n) ** k) ** power

    Take it if a paper or a config that you follow has it: segmentation uses 0.9, which is nearly a line. Leave steep powers (2 and
    more): ``polynomial(2.0)`` was worse than the habit beyond noise in five of eight small tasks. ``sqrt``, ``square`` and
    ``one_minus_square`` are names for three of them.

    Args:
        power: above zero; 1 is ``linear``, 2 falls fast at first, 0.5 late.
        k: the exponent of the progress, timm's ``k_decay``; above 1 it falls later. ``polynomial(1.0, k=2.0)`` is 1 - p^2.
        end: the last level as a factor of the base value; above the start the curve climbs.
        end_lr: the last level as an LR, transformers' ``lr_end``, instead of ``end``; at most the base LR.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the phase lasts, torch's ``total_iters``; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: if ``power`` or ``k`` is not above zero, if a level is negative or not finite, if a level is given twice, and,
            when the schedule is resolved, if the phase would begin at the level at which it ends.

    Example:
        >>> from lr_toolkit import Horizon
        >>> polynomial(2.0).resolve(Horizon(steps=4)).values(range(5))
        array([1.    , 0.5625, 0.25  , 0.0625, 0.    ])

    Reference:
        torch's ``PolynomialLR``; Chen et al. 2016 (DeepLab), https://arxiv.org/abs/1606.00915; k-decay: Zhang & Li 2020,
        https://arxiv.org/abs/2004.05909.
    """
    length = optional_duration(over, "polynomial")
    return Schedule((Polynomial(power, k=k, end=end, end_lr=end_lr, start=start, start_lr=start_lr, over=length),))
