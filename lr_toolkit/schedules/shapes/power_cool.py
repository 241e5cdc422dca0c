"""Hold, then fall along a power of the time that is left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import DurationLike, optional_duration
from lr_toolkit.schedules.levels import StartingShape
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value, check_number

__all__ = ["PowerCool", "power_cool"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PowerCool(StartingShape):
    """The arguments of ``power_cool(...)``."""

    power: float = 1.2
    scale: float = 2.0
    beyond: float = 1.0

    def __post_init__(self) -> None:
        check_number(self, "power", "power=1.2", above_zero=True)
        check_number(self, "scale", "scale=2.0", above_zero=True)
        check_number(self, "beyond", "beyond=1.05")
        if self.scale < 1.0 or self.beyond < 1.0:
            name, value = ("scale", self.scale) if self.scale < 1.0 else ("beyond", self.beyond)
            raise ScheduleError(
                f"power_cool({name}={value!r}): must be 1 or more, because the curve begins at the level reached and does not pass "
                "zero. Write power_cool(scale=2.0, beyond=1.05)."
            )
        StartingShape.__post_init__(self)

    def bind(self, context: PhaseContext) -> Curve:
        start = self.start_level(context)
        if start == 0.0 and context.length:
            raise self._idle(context, ", which no factor changes")
        return _PowerCoolCurve(start, self.power, self.scale, self.beyond, context.length)


@final
@dataclass(frozen=True, slots=True)
class _PowerCoolCurve(Curve):
    is_monotone = True

    start: float
    power: float
    scale: float
    beyond: float
    length: int

    def __call__(self, i: Index) -> Value:
        if not isinstance(i, np.ndarray):
            return float(self(np.array([i]))[0])
        # beyond * n - i, without cancellation near the end
        left = ((self.length - i) / self.length + (self.beyond - 1.0)) / self.beyond
        return self.start * np.minimum(1.0, self.scale * np.power(left, self.power))

    @property
    def end(self) -> float:
        return float(self(self.length)) if self.length else self.start


@register_shape(PowerCool)
def power_cool(
    power: float = 1.2,
    *,
    scale: float = 2.0,
    beyond: float = 1.0,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Hold the level reached, then fall along a power of the time that is left.

        factor(i) = start * min(1, scale * (1 - i / (beyond * n)) ** power)

    The level holds for the first ``beyond * (1 - scale ** (-1 / power))`` of the phase: 44 % by default.

    Take it for a run of known length that should hold first and end near zero. Leave it if the run will be branched: the stable
    part of ``wsd`` does not depend on the length of the run.

    Args:
        power: the exponent of the fall, above zero.
        scale: 1 or more; the larger, the longer the level holds.
        beyond: 1 or more: where the fall would reach zero, in lengths of the phase. A little beyond the end (1.05) keeps the last
            updates above zero.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the phase lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: if ``power`` is not above zero, if ``scale`` or ``beyond`` is below 1, if a level is negative, not finite or
            given twice, and, when the schedule is resolved, if the phase would begin at zero.

    Example:
        >>> from lr_toolkit import Horizon
        >>> power_cool().resolve(Horizon(steps=5)).values(range(6)).round(4)
        array([1.    , 1.    , 1.    , 0.666 , 0.2899, 0.    ])

    Reference:
        The power law at the end of a run that scaling laws of the loss predict, https://arxiv.org/abs/2602.06797, behind a constant
        LR.
    """
    length = optional_duration(over, "power_cool")
    return Schedule((PowerCool(power=power, scale=scale, beyond=beyond, start=start, start_lr=start_lr, over=length),))
