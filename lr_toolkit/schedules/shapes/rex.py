"""REX: a reflected exponential, from one level to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from lr_toolkit.schedules.duration import DurationLike, optional_duration
from lr_toolkit.schedules.levels import Decay, DecayCurve
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value, check_number

__all__ = ["Rex", "rex"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Rex(Decay):
    """The arguments of ``rex(...)``."""

    beta: float = 0.5

    def __post_init__(self) -> None:
        check_number(self, "beta", "beta=0.5", above_zero=True)
        Decay.__post_init__(self)

    def curve(self, first: float, last: float, context: PhaseContext) -> Curve:
        return _RexCurve(first, last, context.length, self.beta)


@final
@dataclass(frozen=True, slots=True)
class _RexCurve(DecayCurve):
    beta: float

    def __call__(self, i: Index) -> Value:
        left = (self.length - i) / self.length
        return self.level(left / (self.beta * (i / self.length) + left))


@register_shape(Rex)
def rex(
    end: float = 0.0,
    *,
    end_lr: float | None = None,
    beta: float = 0.5,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Move from the level reached to ``end``, slowly at first and steeply at the end.

        factor(i) = end + (start - end) * left / (beta + (1 - beta) * left),    left = 1 - i / n

    Take it for short runs whose LR should stay high for long. Leave it if ``linear()`` or a cooldown (``wsd``) is as good for you:
    it was not measured here.

    Args:
        end: the last level as a factor of the base value; above the start the curve climbs.
        beta: above zero; the smaller, the later it falls. 0.5 is the paper's, axolotl uses 0.1, 1 is ``linear``.
        end_lr: the last level as an LR, instead of ``end``; at most the base LR.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the phase lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: if ``beta`` is not above zero, if a level is negative or not finite, if a level is given twice, and, when
            the schedule is resolved, if the phase would begin at the level at which it ends.

    Example:
        >>> from lr_toolkit import Horizon
        >>> rex().resolve(Horizon(steps=4)).values(range(5)).round(4)
        array([1.    , 0.8571, 0.6667, 0.4   , 0.    ])

    Reference:
        Chen, Wolfe & Kyrillidis 2021, https://arxiv.org/abs/2107.04197; pytorch_optimizer's ``REXScheduler`` (0.5), axolotl's
        ``RexLR`` (0.1).
    """
    length = optional_duration(over, "rex")
    return Schedule((Rex(beta=beta, end=end, end_lr=end_lr, start=start, start_lr=start_lr, over=length),))
