"""Half a cosine, or a power of it, from one level to another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from lr_toolkit.schedules.duration import DurationLike, optional_duration
from lr_toolkit.schedules.levels import Decay, DecayCurve, remaining
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value, check_number

__all__ = ["Cosine", "cosine"]

_QUARTER_TURN = math.pi / 2


@final
@dataclass(frozen=True, slots=True)
class Cosine(Decay):
    """The arguments of ``cosine(...)``."""

    power: float = 1.0
    k: float = 1.0

    def __post_init__(self) -> None:
        check_number(self, "power", "power=2.0", above_zero=True)
        check_number(self, "k", "k=1.5", above_zero=True)
        Decay.__post_init__(self)

    def curve(self, first: float, last: float, context: PhaseContext) -> Curve:
        return _CosineCurve(first, last, context.length, self.power, self.k)


@final
@dataclass(frozen=True, slots=True)
class _CosineCurve(DecayCurve):
    power: float
    k: float

    def __call__(self, i: Index) -> Value:
        # sin^2 of the remaining quarter turn is (1 + cos(pi p)) / 2 without its cancellation near the end.
        left = (self.length - i) / self.length if self.k == 1.0 else remaining(i, self.length, self.k)
        angle = _QUARTER_TURN * left
        sine = math.sin(angle) if isinstance(angle, float) else np.sin(angle)
        return self.level(sine * sine if self.power == 1.0 else np.power(sine, 2.0 * self.power))


@register_shape(Cosine)
def cosine(
    end: float = 0.0,
    *,
    end_lr: float | None = None,
    power: float = 1.0,
    k: float = 1.0,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Move from the level reached to ``end`` along half a cosine.

        factor(i) = end + (start - end) * ((1 + cos(pi * (i / n) ** k)) / 2) ** power

    for update i of the phase's n. It is computed as sin^2 of the remaining quarter turn, which keeps every digit down to
    the last update. After the phase its end holds; torch's ``CosineAnnealingLR`` climbs again after ``T_max``.

    Take it if others must recognize the plan, or compare with published runs: it is the common habit. Leave it for ``linear()``
    if nothing binds you to it (linear to zero was better than cosine to zero in eight of eight small tasks), and for ``wsd`` if
    the length of the run may change.

    Args:
        end: the last level as a factor of the base value; above the start the curve climbs.
        power: the exponent of the whole curve, optax's ``exponent``; above 1 it falls earlier.
        k: the exponent of the progress, timm's ``k_decay``; above 1 it falls later.
        end_lr: the last level as an LR, torch's ``eta_min``, instead of ``end``; at most the base LR.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none. ``start=1.0`` restarts from the base value.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the phase lasts, torch's ``T_max``; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: if ``power`` or ``k`` is not above zero, if a level is negative or not finite, if a level is given twice,
            and, when the schedule is resolved, if the phase would begin at the level at which it ends.

    Example:
        >>> from lr_toolkit import Horizon
        >>> cosine(end=0.1).resolve(Horizon(steps=4)).values(range(5)).round(3)
        array([1.   , 0.868, 0.55 , 0.232, 0.1  ])
        >>> timeline = cosine(end_lr=1e-5).resolve(Horizon(steps=4))
        >>> round(timeline(2, base_lr=1e-3), 6), timeline(4, base_lr=1e-3)
        (0.000505, 1e-05)

    Reference:
        Loshchilov & Hutter 2016, https://arxiv.org/abs/1608.03983; k-decay: Zhang & Li 2020, https://arxiv.org/abs/2004.05909.
    """
    length = optional_duration(over, "cosine")
    return Schedule((Cosine(power=power, k=k, end=end, end_lr=end_lr, start=start, start_lr=start_lr, over=length),))
