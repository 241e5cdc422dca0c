"""A smooth decay by the same factor in each interval."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from typing import ClassVar, final

import numpy as np

from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.geometric import GeometricCurve, GeometricShape, even_stride
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Index, PhaseContext, Value

__all__ = ["Exponential", "exponential"]


@final
@dataclass(frozen=True, slots=True)
class Exponential(GeometricShape):
    """The arguments of ``exponential(...)``."""

    usual_gamma: ClassVar[float] = 0.95

    gamma: float
    every: Duration = field(default=Duration("1 epoch"), kw_only=True)

    def curve(self, start: float, context: PhaseContext) -> GeometricCurve:
        stride = even_stride(self.every, context.horizon)
        if stride is not None:
            return _ExponentialCurve(start, self.gamma, stride, context.length)
        return _UnevenCurve(start, self.gamma, *self._clock(context), context.length)

    def _clock(self, context: PhaseContext) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Updates of the phase, and the intervals that are over there: in each epoch the clock runs evenly."""
        horizon, first, last = context.horizon, context.start, context.start + context.length
        begun, over = (horizon.epoch_at(Fraction(update)) for update in (first, last))
        ends = enumerate(accumulate(horizon.epoch_steps or ()), 1)
        inside = [(update, Fraction(epoch)) for epoch, update in ends if first < update < last]
        places = [(first, begun), *inside, (last, over)]
        return (
            tuple(float(update - first) for update, _ in places),
            tuple(float((epoch - begun) / self.every.amount) for _, epoch in places),
        )


@final
@dataclass(frozen=True, slots=True)
class _ExponentialCurve(GeometricCurve):
    stride: Fraction
    length: int = field(compare=False)

    def exponent(self, i: Index) -> Value:
        return i * self.stride.denominator / self.stride.numerator

    @property
    def end(self) -> float:
        return float(self(self.length))


@final
@dataclass(frozen=True, slots=True)
class _UnevenCurve(GeometricCurve):
    """The exponent is interpolated between the updates at which epochs of different lengths end."""

    updates: tuple[float, ...]
    intervals: tuple[float, ...]
    length: int = field(compare=False)

    def exponent(self, i: Index) -> Value:
        return np.interp(i, self.updates, self.intervals)

    @property
    def end(self) -> float:
        return float(self(self.length))


@register_shape(Exponential)
def exponential(
    gamma: float,
    *,
    every: DurationLike = "1 epoch",
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Decay the level smoothly, by the factor ``gamma`` in each interval.

        factor(i) = start * gamma ** (i / every)

    Stepped once per epoch this is torch's ``ExponentialLR``; stepped per update it goes through the same values at the
    epochs' ends. For stairs instead, write ``step(every, gamma=gamma)``.

    Take it to follow a recipe that has it. Leave it if the decay should end at a given level: ``exponential_to``, or ``linear()``.

    Args:
        gamma: the factor of one interval, above zero.
        every: the interval, an epoch by default.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the decay lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: for a duration without a unit, for ``gamma`` not above zero, and, when the schedule is resolved, for
            growth beyond every float, or if the phase would begin at zero.

    Example:
        >>> from lr_toolkit import Horizon
        >>> exponential(0.25).resolve(Horizon(steps=4, steps_per_epoch=2)).values(range(6))
        array([1.    , 0.5   , 0.25  , 0.125 , 0.0625, 0.0625])

    Reference:
        torch's ``ExponentialLR``, optax's ``exponential_decay``.
    """
    interval = Duration.of(every, "exponential", "every")
    shape = Exponential(
        gamma, every=interval, start=start, start_lr=start_lr, over=optional_duration(over, "exponential")
    )
    return Schedule((shape,))
