"""One minus the square root of the progress, from one level to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from lr_toolkit.schedules.duration import DurationLike, optional_duration
from lr_toolkit.schedules.levels import Decay, DecayCurve
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value

__all__ = ["OneMinusSqrt", "one_minus_sqrt"]


@final
@dataclass(frozen=True, slots=True)
class OneMinusSqrt(Decay):
    """The arguments of ``one_minus_sqrt(...)``."""

    def curve(self, first: float, last: float, context: PhaseContext) -> Curve:
        return _OneMinusSqrtCurve(first, last, context.length)


@final
@dataclass(frozen=True, slots=True)
class _OneMinusSqrtCurve(DecayCurve):
    def __call__(self, i: Index) -> Value:
        # 1 - sqrt(p) cancels near the end; (1 - p) / (1 + sqrt(p)) is equal to it and does not.
        return self.level((self.length - i) / self.length / (1.0 + np.sqrt(i / self.length)))


@register_shape(OneMinusSqrt)
def one_minus_sqrt(
    end: float = 0.0,
    *,
    end_lr: float | None = None,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Move from the level reached to ``end``, fast at first: the cooldown of a warmup-stable-decay run.

        factor(i) = end + (start - end) * (1 - sqrt(i / n))

    Take it as the cooldown behind a ``hold()``, as in ``wsd``. Leave it as the decay of a whole run, which would then fall below half of
    the LR in its first quarter.

    Args:
        end: the last level as a factor of the base value; above the start the curve climbs.
        end_lr: the last level as an LR, instead of ``end``; at most the base LR.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the phase lasts, 10 to 20 % of the run in practice; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: if a level is negative or not finite, if a level is given twice, and, when the schedule is resolved, if
            the phase would begin at the level at which it ends.

    Example:
        >>> from lr_toolkit import Horizon
        >>> one_minus_sqrt().resolve(Horizon(steps=4)).values(range(5)).round(3)
        array([1.   , 0.5  , 0.293, 0.134, 0.   ])

    Reference:
        Hägele et al. 2024, https://arxiv.org/abs/2405.18392, in which it beats the linear cooldown.
    """
    shape = OneMinusSqrt(
        end=end, end_lr=end_lr, start=start, start_lr=start_lr, over=optional_duration(over, "one_minus_sqrt")
    )
    return Schedule((shape,))
