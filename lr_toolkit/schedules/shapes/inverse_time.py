"""A power of the time that has passed: the decay that needs no end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.levels import StartingShape
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value, check_number

__all__ = ["InverseTime", "inverse_time"]


@final
@dataclass(frozen=True, slots=True)
class InverseTime(StartingShape):
    """The arguments of ``inverse_time(...)``."""

    timescale: Duration
    power: float = field(default=1.0, kw_only=True)
    rate: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        check_number(self, "power", "power=0.5", above_zero=True)
        check_number(self, "rate", "rate=1.0", above_zero=True)
        StartingShape.__post_init__(self)

    def bind(self, context: PhaseContext) -> Curve:
        start = self.start_level(context)
        if start == 0.0 and context.length:
            raise self._idle(context, ", which no factor changes")
        return _InverseTimeCurve(start, self.power, self.rate / context.steps_of(self.timescale), context.length)


@final
@dataclass(frozen=True, slots=True)
class _InverseTimeCurve(Curve):
    is_monotone = True

    start: float
    power: float
    speed: float
    length: int = field(compare=False)

    def __call__(self, i: Index) -> Value:
        if not isinstance(i, np.ndarray):
            return float(self(np.array([i]))[0])
        return self.start * np.power(1.0 + i * self.speed, -self.power)

    @property
    def end(self) -> float:
        return float(self(self.length))


@register_shape(InverseTime)
def inverse_time(
    timescale: DurationLike,
    *,
    power: float = 1.0,
    rate: float = 1.0,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Decay the level by a power of the time that has passed.

        factor(i) = start * (1 + rate * i / timescale) ** -power

    Its beginning does not depend on the length of the run. ``inverse_sqrt`` is ``power=0.5``.

    Take it if the length of the run is not known and the LR must fall all the same; let a cooldown follow
    (``inverse_sqrt("5%") >> linear(over="20%")``). Leave it for ``linear()`` or ``wsd`` if the length is known: in small tasks
    those needed 25 to 30 % fewer updates for the loss of an inverse square root.

    Args:
        timescale: the time after which the factor is (1 + rate) ** -power.
        power: above zero; 0.5 is the inverse square root, 0.51 the power scheduler's.
        rate: above zero; keras' ``decay_rate``, for a ``timescale`` that is no whole number of updates otherwise.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the decay lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: for a duration without a unit, for ``power`` or ``rate`` not above zero, for a level that is negative, not
            finite or given twice, and, when the schedule is resolved, if the phase would begin at zero.

    Example:
        >>> from lr_toolkit import Horizon
        >>> inverse_time(2).resolve(Horizon(steps=6)).values(range(7)).round(3)
        array([1.   , 0.667, 0.5  , 0.4  , 0.333, 0.286, 0.25 ])

    Reference:
        Robbins & Monro 1951; keras' ``InverseTimeDecay``; timm's WSD with ``stable_fn="power"``.
    """
    scale, length = Duration.of(timescale, "inverse_time", "timescale"), optional_duration(over, "inverse_time")
    return Schedule((InverseTime(scale, power=power, rate=rate, start=start, start_lr=start_lr, over=length),))
