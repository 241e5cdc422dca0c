"""A straight line from one level to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from lr_toolkit.schedules.duration import DurationLike, optional_duration
from lr_toolkit.schedules.levels import Decay, DecayCurve
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value

__all__ = ["Linear", "linear"]


@final
@dataclass(frozen=True, slots=True)
class Linear(Decay):
    """The arguments of ``linear(...)``."""

    def curve(self, first: float, last: float, context: PhaseContext) -> Curve:
        return _LinearCurve(first, last, context.length)


@final
@dataclass(frozen=True, slots=True)
class _LinearCurve(DecayCurve):
    def __call__(self, i: Index) -> Value:
        # exact near both ends, because people climb along a line
        return self.first * ((self.length - i) / self.length) + self.last * (i / self.length)


@register_shape(Linear)
def linear(
    end: float = 0.0,
    *,
    end_lr: float | None = None,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Move from the level reached to ``end`` along a straight line.

        factor(i) = end + (start - end) * (1 - i / n)

    Take it, behind a warmup, if the length of the run is known and there is no reason for another shape: down to zero it was better
    than a cosine to zero in eight of eight small tasks, and never worse than a cosine to 10 % beyond noise. Leave it for ``wsd`` if the
    length may change. Coming from a cosine to 10 %, try 1.15 times its LR.

    Args:
        end: the last level as a factor of the base value; above the start the line climbs.
        end_lr: the last level as an LR, instead of ``end``; at most the base LR.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the line is; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: if a level is negative or not finite, if a level is given twice, and, when the schedule is resolved, if
            the phase would begin at the level at which it ends.

    Example:
        >>> from lr_toolkit import Horizon, step
        >>> linear().resolve(Horizon(steps=4)).values(range(6))
        array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ])
        >>> (step(2, gamma=0.5, over=4) >> linear()).resolve(Horizon(steps=8)).values(range(9))
        array([1.   , 1.   , 0.5  , 0.5  , 0.5  , 0.375, 0.25 , 0.125, 0.   ])

    Reference:
        Defazio et al. 2023, https://arxiv.org/abs/2310.07831; to zero: Bergsma et al. 2025, https://arxiv.org/abs/2502.15938.
    """
    return Schedule(
        (Linear(end=end, end_lr=end_lr, start=start, start_lr=start_lr, over=optional_duration(over, "linear")),)
    )
