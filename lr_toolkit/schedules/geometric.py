"""The shapes that multiply the LR by the same factor again and again: in stairs, or evenly."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import Any, final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import Duration
from lr_toolkit.schedules.horizon import Horizon
from lr_toolkit.schedules.shapes import Curve, Hold, Index, Level, Shape, Span, Value, check, like
from lr_toolkit.schedules.spelling import spell

__all__ = ["Exponential", "MultiStep", "Step"]


@final
@dataclass(frozen=True, slots=True)
class Step(Shape):
    every: Duration
    gamma: float = 0.1
    over: Duration | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check(self, "gamma", "gamma=0.1", above=True)

    def bind(self, span: Span) -> Curve:
        # Drop m comes at the rounded place where m intervals end. Where epochs differ, each is a piece in which the clock
        # runs evenly; counting the drops up to update i of a piece is one integer division.
        stride = _stride(self.every, span.horizon)
        lengths: tuple[int, ...] = (1,)
        if stride is None:
            stride, lengths = self.every.amount, span.horizon.epoch_steps or ()
        begun = span.position if len(lengths) == 1 else span.horizon.epoch_at(span.position)
        begins = [begin - span.start for begin in accumulate(lengths[:-1], initial=0)]
        pieces = [
            _division(Fraction(1, 2) - begin + (epoch - begun) * length, stride * length)
            for epoch, (begin, length) in enumerate(zip(begins, lengths, strict=True))
        ]
        largest = max(max(span.length * scale + abs(first), width) for scale, first, width in pieces)
        edges, table = np.array(begins), np.array(pieces, object if largest >= 2**62 else np.int64).T

        def drops(i: Index) -> Value:
            if isinstance(i, np.ndarray):
                scale, first, width = table[:, np.searchsorted(edges, i, side="right") - 1]
                return ((i * scale + first) // width).astype(np.float64)
            scale, first, width = pieces[bisect_right(begins, i) - 1]
            return float((i * scale + first) // width)

        return _geometric(self, self.gamma, drops, span)


@final
@dataclass(frozen=True, slots=True)
class MultiStep(Shape):
    at: tuple[Duration, ...]
    gamma: float = 0.1
    over: Duration | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check(self, "gamma", "gamma=0.1", above=True)
        if not self.at:
            raise ScheduleError(
                "multistep(at=[]): without a milestone nothing happens. Write hold() or multistep(at=['50%', '75%'])."
            )
        for one, two in pairwise(self.at):
            if one.unit == two.unit and one.amount >= two.amount:
                raise self._unsorted(one, two, [(each.unit, each.amount) for each in self.at])

    def bind(self, span: Span) -> Curve:
        milestones = [span.milestone(one) for one in self.at]
        for j in range(1, len(milestones)):
            if milestones[j - 1] > milestones[j]:
                raise self._unsorted(self.at[j - 1], self.at[j], milestones)
        if milestones[-1] >= span.length:
            acting = self.at[: sum(one < span.length for one in milestones)]
            without = spell(self, at=acting) if acting else spell(Hold(self.over))
            raise ScheduleError(
                f"multistep(at=[..., {self.at[-1].literal}]): milestone {milestones[-1]} comes after the last of the "
                f"{span.length} steps that this phase takes, so it would never act. Write {without}, or milestones as shares of "
                "the run: at=['50%', '75%']."
            )
        return _geometric(self, self.gamma, _reached(milestones), span)

    def _unsorted(self, one: Duration, two: Duration, ranks: Sequence[Any]) -> ScheduleError:
        ordered = sorted(range(len(ranks)), key=lambda j: ranks[j])
        once = tuple(dict.fromkeys(self.at[j] for j in ordered))
        return ScheduleError(
            f"multistep(at=[..., {one.literal}, {two.literal}, ...]): milestones come in rising order, each once. "
            f"Write {spell(self, at=once)}."
        )


@final
@dataclass(frozen=True, slots=True)
class Exponential(Shape):
    gamma: float
    every: Duration = Duration("1 epoch")
    over: Duration | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check(self, "gamma", "gamma=0.95", above=True)

    def bind(self, span: Span) -> Curve:
        stride = _stride(self.every, span.horizon)
        if stride is not None:
            p, q = stride.numerator, stride.denominator
            return _geometric(self, self.gamma, lambda i: i * q / p, span)
        # Epochs of different lengths: the clock runs evenly inside each of them.
        start, end = span.start, span.start + span.length
        begun, over = (span.horizon.epoch_at(Fraction(at)) for at in (start, end))
        ends = enumerate(accumulate(span.horizon.epoch_steps or ()), 1)
        places = [(start, begun), *((at, Fraction(epoch)) for epoch, at in ends if start < at < end), (end, over)]
        x = np.array([float(at - start) for at, _ in places])
        y = np.array([float((epoch - begun) / self.every.amount) for _, epoch in places])
        return _geometric(self, self.gamma, lambda i: like(i, np.interp(i, x, y)), span)

    def end_level(self, span: Span, curve: Curve) -> Level:
        return float(curve(span.length)), 0.0


def _geometric(shape: Shape, gamma: float, exponent: Callable[[Index], Value], span: Span) -> Curve:
    """gamma ** exponent(i), refused where it would leave the range of a float."""
    if gamma > 1.0 and exponent(span.length) * math.log(gamma) > 700.0:
        raise ScheduleError(
            f"{shape.name}(gamma={gamma!r}): grows beyond every float within the {span.length} steps of its phase. Write a "
            f"gamma below 1: {shape.name}(..., gamma=0.9)."
        )
    base = np.array(gamma)

    def curve(i: Index) -> Value:
        power = exponent(i)
        # For one exponent alone, of 2 or 0.5, NumPy has a shorter way with another last bit; in a list it is one of many.
        return np.power(base, power) if isinstance(power, np.ndarray) else np.power(base, [power]).item()

    return curve


def _reached(milestones: list[int]) -> Callable[[Index], Value]:
    """How many of the milestones are reached at update i, as a float."""
    edges = np.array(milestones, dtype=np.int64)
    return lambda i: (
        np.searchsorted(edges, i, side="right").astype(np.float64)
        if isinstance(i, np.ndarray)
        else float(bisect_right(milestones, i))
    )


def _division(offset: Fraction, interval: Fraction) -> tuple[int, int, int]:
    """(scale, first, width) so that (i * scale + first) // width of the intervals end before i + offset."""
    scale = math.lcm(offset.denominator, interval.denominator)
    return scale, int(offset * scale) - 1, int(interval * scale)


def _stride(every: Duration, horizon: Horizon) -> Fraction | None:
    """``every`` in steps, exactly; ``None`` where it has no one length because the epochs differ."""
    if every.unit == "epochs" and len(horizon.epoch_steps or ()) > 1:
        return None
    return horizon.after(Fraction(0), every)
