"""An arc of a hyperbola whose beginning does not depend on the length of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.levels import Decay, DecayCurve
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value

__all__ = ["Hyperbolic", "hyperbolic"]


@final
@dataclass(frozen=True, slots=True)
class Hyperbolic(Decay):
    """The arguments of ``hyperbolic(...)``."""

    limit: Duration

    def curve(self, first: float, last: float, context: PhaseContext) -> Curve:
        limit = context.steps_of(self.limit)
        if limit < context.length:
            raise ScheduleError(
                f"hyperbolic({self.limit.literal}): the limit is shorter than the phase, which takes {context.length} steps. Write "
                f"hyperbolic({2 * context.length}), the length of the longest run that you may make."
            )
        return _HyperbolicCurve(first, last, context.length, limit)


@final
@dataclass(frozen=True, slots=True)
class _HyperbolicCurve(DecayCurve):
    limit: float

    def __call__(self, i: Index) -> Value:
        n, far = self.length, 2.0 * self.limit
        return self.level(np.sqrt((n - i) / n * ((far - n - i) / (far - n))))


@register_shape(Hyperbolic)
def hyperbolic(
    limit: DurationLike,
    *,
    end: float = 0.0,
    end_lr: float | None = None,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Move from the level reached to ``end`` along a hyperbola, slowly at first and steeply at the end.

        factor(i) = end + (start - end) * sqrt((n - i) * (2 * limit - n - i) / (n * (2 * limit - n)))

    With ``limit`` equal to the length of the phase it is a line; with a limit far beyond, a square root.

    Take it if you tune on short runs and want the beginning of a long one to look alike. Leave it for ``wsd``, whose stable part
    is the same for each length.

    Args:
        limit: the longest run that you may make; at least as long as the phase.
        end: the last level as a factor of the base value; above the start the curve climbs.
        end_lr: the last level as an LR, instead of ``end``; at most the base LR.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the phase lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: for a duration without a unit, if a level is negative, not finite or given twice, and, when the schedule is
            resolved, if ``limit`` is shorter than the phase, or if the phase would begin at the level at which it ends.

    Example:
        >>> from lr_toolkit import Horizon
        >>> hyperbolic(8).resolve(Horizon(steps=4)).values(range(5)).round(4)
        array([1.    , 0.8292, 0.6455, 0.433 , 0.    ])

    Reference:
        Kim 2024 (HyperbolicLR), https://arxiv.org/abs/2407.15200.
    """
    far = Duration.of(limit, "hyperbolic", "limit")
    length = optional_duration(over, "hyperbolic")
    return Schedule((Hyperbolic(far, end=end, end_lr=end_lr, start=start, start_lr=start_lr, over=length),))
