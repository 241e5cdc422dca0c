"""Stairs at regular intervals."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from typing import TypeAlias, final

import numpy as np

from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.geometric import GeometricCurve, GeometricShape, even_stride
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Index, PhaseContext, Value

__all__ = ["Step", "step"]

_Division: TypeAlias = "tuple[int, int, int]"


@final
@dataclass(frozen=True, slots=True)
class Step(GeometricShape):
    """The arguments of ``step(...)``."""

    every: Duration

    def curve(self, start: float, context: PhaseContext) -> GeometricCurve:
        # Drop m comes at the rounded place at which m intervals end. If epochs differ in length, each is a piece in which
        # the clock runs evenly. Counting the drops up to update i of a piece is one integer division.
        stride = even_stride(self.every, context.horizon)
        lengths: tuple[int, ...] = (1,)
        if stride is None:
            stride, lengths = self.every.amount, context.horizon.epoch_steps or ()
        begun = context.position if len(lengths) == 1 else context.horizon.epoch_at(context.position)
        begins = tuple(begin - context.start for begin in accumulate(lengths[:-1], initial=0))
        pieces = tuple(
            _division(Fraction(1, 2) - begin + (epoch - begun) * length, stride * length)
            for epoch, (begin, length) in enumerate(zip(begins, lengths, strict=True))
        )
        return _StepCurve(start, self.gamma, begins, pieces, context.length)


@final
@dataclass(frozen=True, slots=True)
class _StepCurve(GeometricCurve):
    """``pieces`` are the divisions that count the drops from each of the updates ``begins`` on."""

    begins: tuple[int, ...]
    pieces: tuple[_Division, ...]
    length: int = field(compare=False)

    def exponent(self, i: Index) -> Value:
        if not isinstance(i, np.ndarray):
            scale, first, width = self.pieces[bisect_right(self.begins, i) - 1]
            return float((i * scale + first) // width)
        largest = max(max(self.length * scale + abs(first), width) for scale, first, width in self.pieces)
        table = np.array(self.pieces, object if largest >= 2**62 else np.int64).T
        scale, first, width = table[:, np.searchsorted(self.begins, i, side="right") - 1]
        return ((i * scale + first) // width).astype(np.float64)

    @property
    def end(self) -> float:
        return float(self(max(self.length - 1, 0)))


def _division(offset: Fraction, interval: Fraction) -> _Division:
    """(scale, first, width) so that (i * scale + first) // width of the intervals end before i + offset."""
    scale = math.lcm(offset.denominator, interval.denominator)
    return scale, int(offset * scale) - 1, int(interval * scale)


@register_shape(Step)
def step(
    every: DurationLike,
    *,
    gamma: float = 0.1,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Multiply the level by ``gamma`` at regular intervals.

        factor(i) = start * gamma ** floor(i / every)

    Take it to follow a recipe that has it. Leave it otherwise: in small tasks a smooth decay reached its loss in 1/1.3 of the updates.

    Args:
        every: the interval, torch's ``step_size``. Drop m comes at the end of m intervals, rounded half up: there is no drift
            if an interval is no whole number of updates.
        gamma: the factor of one drop, above zero.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the stairs are; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: for a duration without a unit, for ``gamma`` not above zero, and, when the schedule is resolved, if the
            phase would begin at zero.

    Example:
        >>> from lr_toolkit import Horizon
        >>> step("30%", gamma=0.5).resolve(Horizon(steps=10)).values(range(10))
        array([1.   , 1.   , 1.   , 0.5  , 0.5  , 0.5  , 0.25 , 0.25 , 0.25 , 0.125])
        >>> step(2, gamma=0.5).resolve(Horizon(steps=6)).values(range(8))
        array([1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25, 0.25, 0.25])
        >>> step("10 epochs").resolve(Horizon(steps=3000, steps_per_epoch=100))(1000)
        0.1

    Reference:
        torch's ``StepLR``, which goes on dropping after the end.
    """
    interval = Duration.of(every, "step", "every")
    return Schedule(
        (Step(interval, gamma=gamma, start=start, start_lr=start_lr, over=optional_duration(over, "step")),)
    )
