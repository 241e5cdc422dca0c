"""A constant level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, final

import numpy as np

from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.levels import LevelShape
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value

__all__ = ["Hold", "hold"]


@final
@dataclass(frozen=True, slots=True)
class Hold(LevelShape):
    """The arguments of ``hold(...)``."""

    moves: ClassVar[bool] = False
    level_fields: ClassVar[Mapping[str, float | None]] = {"level": None}

    over: Duration | None = None
    level: float | None = field(default=None, kw_only=True)
    level_lr: float | None = field(default=None, kw_only=True)

    def bind(self, context: PhaseContext) -> Curve:
        level = self.level_of("level")
        return _ConstantCurve(context.level if level is None else level)


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
def hold(over: DurationLike | None = None, *, level: float | None = None, level_lr: float | None = None) -> Schedule:
    """Stay at the level at which the phase before ended, or at the base value in the first phase.

        factor(i) = level

    Take it if the length of the run is not known: a constant LR with an average of the weights over the last tenth of the run
    was worth a tuned decay in eight of eight small tasks. Leave it alone without such an average: it was worse beyond noise in
    seven of them. Tune its LR anew, 0.4 times that of a cosine.

    Args:
        over: how long to stay; ``None`` for what the other phases leave.
        level: the level as a factor of the base value; ``None`` for the level reached. ``hold("2 epochs", level=0.0)`` freezes a
            group for its first two epochs.
        level_lr: the level as an LR, instead of ``level``.

    Raises:
        ScheduleError: for a duration without a unit, or a level that is negative, not finite or given twice.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> (hold("50%") >> linear(end=0.5)).resolve(Horizon(steps=4)).values(range(6))
        array([1.  , 1.  , 1.  , 0.75, 0.5 , 0.5 ])
        >>> (hold(2, level=0.1) >> hold(level=1.0)).resolve(Horizon(steps=4)).values(range(4))
        array([0.1, 0.1, 1. , 1. ])

    Reference:
        torch's ``ConstantLR``, whose ``factor`` is ``level``; the stable phase of WSD, Hägele et al. 2024, https://arxiv.org/abs/2405.18392.
    """
    return Schedule((Hold(optional_duration(over, "hold"), level=level, level_lr=level_lr),))
