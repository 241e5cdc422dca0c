"""The shapes a phase can have: pure mathematics on the phase's own clock.

A shape is a frozen value with the arguments of its builder. ``bind`` fits it to a ``Span`` (the place that the phase
got in a run) and gives the curve of its factor a(i), ``floor`` that of an absolute part b(i), where lr = base * a + b. One
formula serves a Python int and an int64 array, so that a single value and a whole preview cannot disagree.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from itertools import accumulate, pairwise
from numbers import Real
from typing import Any, TypeAlias, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.durations import ENDLESS, Duration
from lr_toolkit.schedules.horizon import Horizon, round_half_up
from lr_toolkit.schedules.spelling import literal, spell

__all__ = [
    "Cosine",
    "Curve",
    "Custom",
    "Exponential",
    "Hold",
    "Level",
    "Linear",
    "MultiStep",
    "OneMinusSqrt",
    "Polynomial",
    "Shape",
    "Span",
    "Step",
    "Warmup",
    "spread",
]

Level: TypeAlias = tuple[float, float]
# An int, or an int64 array of them, gives floats or float64 arrays: the type system cannot say "the same for both".
Index: TypeAlias = Any
Value: TypeAlias = Any
Curve: TypeAlias = Callable[[Index], Value]


@final
@dataclass(frozen=True, slots=True)
class Span:
    """The place of a phase in a run: updates ``start`` to ``start + length - 1`` of ``horizon``.

    ``position`` is where it begins exactly, before rounding; ``level`` is the one at which the phase before it ended.
    """

    start: int
    length: int
    position: Fraction
    horizon: Horizon
    level: Level

    def milestone(self, duration: Duration) -> int:
        """The first update of this phase's clock that comes ``duration`` after its beginning."""
        return round_half_up(self.horizon.after(self.position, duration)) - self.start


class Shape(ABC):
    """What a phase does with the learning rate. Abstract: its final subclasses are the builders' values."""

    __slots__ = ()

    over: Duration | None

    @property
    def name(self) -> str:
        """The name of the shape's builder."""
        return type(self).__name__.lower()

    @abstractmethod
    def bind(self, span: Span) -> Curve:
        """The factor a(i) of update i in [0, span.length)."""

    def floor(self, span: Span) -> Curve | None:
        """The absolute part b(i), in LR units; ``None`` where it is zero throughout."""
        return None

    def end_level(self, span: Span, curve: Curve) -> Level:
        """The level that is held after the phase: the limit of its curve at the end."""
        return float(curve(max(span.length - 1, 0))), 0.0

    @property
    def durations(self) -> tuple[Duration, ...]:
        """Every duration among the shape's arguments."""
        values = [getattr(self, one.name) for one in fields(self)]  # type: ignore[arg-type]  # final shapes are dataclasses
        flat = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
        return tuple(one for one in flat if isinstance(one, Duration))

    @property
    def absolute(self) -> bool:
        """Whether the shape has a floor in LR units, so that a factor alone cannot say the LR."""
        return False


# --- climbing and staying -----------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class Warmup(Shape):
    over: Duration
    start: float | None = None

    def __post_init__(self) -> None:
        if self.start is not None:
            _check(self, "start", "start=0.0", at_most=1.0)

    def bind(self, span: Span) -> Curve:
        n, start = span.length, self.start
        if start is None:
            return lambda i: (i + 1) / (n + 1)
        return lambda i: (start * (n - i) + i) / n

    def end_level(self, span: Span, curve: Curve) -> Level:
        return 1.0, 0.0


@final
@dataclass(frozen=True, slots=True)
class Hold(Shape):
    over: Duration | None = None

    def bind(self, span: Span) -> Curve:
        return _constant(span.level[0])

    def floor(self, span: Span) -> Curve | None:
        return _constant(span.level[1]) if span.level[1] else None

    def end_level(self, span: Span, curve: Curve) -> Level:
        return span.level


# --- falling from the base LR to a floor ----------------------------------------------------------------------------


class _Decay(Shape):
    """From the base LR to a floor: lr = base * s + floor * (1 - s), where s falls from 1 to 0.

    ``fall`` gives s and ``rise`` gives 1 - s, each without the cancellation that the subtraction would bring.
    """

    __slots__ = ()

    end: float
    end_lr: float | None

    def __post_init__(self) -> None:
        _check(self, "end", "end=0.1")
        if self.end_lr is not None:
            _check(self, "end_lr", "end_lr=1e-5")
            if self.end != 0.0:
                raise ScheduleError(
                    f"{self.name}(end={self.end!r}, end_lr={self.end_lr!r}): a floor is either a factor of the base LR or an "
                    f"LR. Write {spell(self, end_lr=None)} or {spell(self, end=0.0)}."
                )
        if self.end > 1 and not isinstance(self, Linear):
            is_length = self.over is None and self.end.is_integer() and self.end < ENDLESS
            length = (
                f"{spell(self, end=0.0, over=Duration(int(self.end)))} for a length (torch's T_max), "
                if is_length
                else ""
            )
            raise ScheduleError(
                f"{self.name}(end={self.end!r}): a floor is a factor of the base LR, at most 1. Write {length}"
                f"{spell(self, end=0.0, end_lr=1e-5)} for an LR, or {spell(Linear(self.end, over=self.over))} to climb."
            )

    @abstractmethod
    def fall(self, n: int) -> Curve: ...

    @abstractmethod
    def rise(self, n: int) -> Curve: ...

    def bind(self, span: Span) -> Curve:
        end, fall, rise = self.end, self.fall(span.length), self.rise(span.length)
        return (lambda i: fall(i) + end * rise(i)) if end else fall

    def floor(self, span: Span) -> Curve | None:
        end_lr, rise = self.end_lr, self.rise(span.length)
        return (lambda i: end_lr * rise(i)) if end_lr else None

    def end_level(self, span: Span, curve: Curve) -> Level:
        return (self.end, 0.0) if self.end_lr is None else (0.0, self.end_lr)

    @property
    def absolute(self) -> bool:
        return bool(self.end_lr)


@final
@dataclass(frozen=True, slots=True)
class Cosine(_Decay):
    end: float = 0.0
    end_lr: float | None = field(default=None, kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)

    def fall(self, n: int) -> Curve:
        # sin^2 of the remaining quarter turn is (1 + cos(pi i / n)) / 2 without its cancellation near the end.
        turn = math.pi / max(2 * n, 1)
        return lambda i: _squared_sine(turn * (n - i))

    def rise(self, n: int) -> Curve:
        turn = math.pi / max(2 * n, 1)
        return lambda i: _squared_sine(turn * i)


@final
@dataclass(frozen=True, slots=True)
class Linear(_Decay):
    end: float = 0.0
    end_lr: float | None = field(default=None, kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)

    def fall(self, n: int) -> Curve:
        return lambda i: (n - i) / n

    def rise(self, n: int) -> Curve:
        return lambda i: i / n


@final
@dataclass(frozen=True, slots=True)
class Polynomial(_Decay):
    power: float
    end: float = 0.0
    end_lr: float | None = field(default=None, kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check(self, "power", "power=2.0", above=True)
        _Decay.__post_init__(self)

    def fall(self, n: int) -> Curve:
        power = self.power
        return lambda i: _like(i, np.power((n - i) / n, power))

    def rise(self, n: int) -> Curve:
        power = min(self.power, 1e300)  # beyond it all is zero, and the product below would overflow
        return lambda i: _like(i, -np.expm1(power * _log_left(i, n)))


@final
@dataclass(frozen=True, slots=True)
class OneMinusSqrt(_Decay):
    end: float = 0.0
    end_lr: float | None = field(default=None, kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        return "one_minus_sqrt"

    def fall(self, n: int) -> Curve:
        # 1 - sqrt(p) cancels near the end; (1 - p) / (1 + sqrt(p)) is the same and does not.
        return lambda i: _like(i, (n - i) / n / (1.0 + np.sqrt(i / n)))

    def rise(self, n: int) -> Curve:
        return lambda i: _like(i, np.sqrt(i / n))


# --- in stairs ------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class Step(Shape):
    every: Duration
    gamma: float = 0.1
    over: Duration | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check(self, "gamma", "gamma=0.1", above=True)

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
        _check(self, "gamma", "gamma=0.1", above=True)
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
        _check(self, "gamma", "gamma=0.95", above=True)

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
        return _geometric(self, self.gamma, lambda i: _like(i, np.interp(i, x, y)), span)

    def end_level(self, span: Span, curve: Curve) -> Level:
        return float(curve(span.length)), 0.0


# --- the user's own -------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class Custom(Shape):
    fn: Callable[[int], float]
    over: Duration | None = field(default=None, kw_only=True)

    @property
    def label(self) -> str:
        """The function's name, as the text form shows it."""
        return literal(self.fn)

    def __post_init__(self) -> None:
        if not callable(self.fn):
            raise ScheduleError(
                f"custom(fn={shorten(self.fn)}): must be a function of the number of steps since the phase began, as "
                "LambdaLR's: custom(lambda i: 0.95**i)."
            )

    def bind(self, span: Span) -> Curve:
        def factor(i: float) -> float:
            cure = "It must give a factor of the base LR, zero or more: custom(lambda i: 0.95**i)."
            try:
                given = self.fn(int(i))
            except Exception as error:
                raise ScheduleError(
                    f"custom({self.label}): raised {shorten(error)} for step {i} of its phase. {cure}"
                ) from error
            try:
                value = float(given)
            except (TypeError, ValueError, OverflowError):
                value = math.nan
            if not 0.0 <= value < math.inf:
                raise ScheduleError(f"custom({self.label}): gave {shorten(given)} for step {i} of its phase. {cure}")
            return value

        for i in spread(max(span.length, 1)):
            factor(i)
        return lambda i: np.array([factor(j) for j in i.tolist()], float) if isinstance(i, np.ndarray) else factor(i)


def spread(n: int) -> list[int]:
    """At most a thousand of n steps, evenly, the first and the last among them: where a function is tried."""
    return [round(at) for at in np.linspace(0, n - 1, min(n, 1000)).tolist()]


# --- arithmetic -----------------------------------------------------------------------------------------------------


def _squared_sine(angle: Value) -> Value:
    sine = math.sin(angle) if type(angle) is float else np.sin(angle)  # at every step: isinstance takes twice as long
    return sine * sine


def _log_left(i: Index, n: int) -> Value:
    """log(1 - i / n), in each half of the way by the formula that keeps its digits there."""
    if isinstance(i, np.ndarray):
        return np.where(2 * i < n, np.log1p(-i / n), np.log((n - i) / n))
    return np.log1p(-i / n) if 2 * i < n else np.log((n - i) / n)


def _constant(level: float) -> Curve:
    return lambda i: np.full(i.shape, level) if isinstance(i, np.ndarray) else level


def _like(i: Index, value: Value) -> Value:
    """``value`` as a Python float where ``i`` is a single index."""
    return value if isinstance(i, np.ndarray) else float(value)


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


def _check(shape: Shape, name: str, spelling: str, *, above: bool = False, at_most: float = math.inf) -> None:
    """Keep the field ``name`` as a float; refuse all but finite ones of at least zero (or above it, or at most ..)."""
    value: Any = getattr(shape, name)

    def fits(number: float) -> bool:
        return 0.0 <= number <= min(at_most, sys.float_info.max) and not (above and number == 0.0)

    try:
        number = float(value) if not isinstance(value, bool) and isinstance(value, Real) else math.nan
    except OverflowError:
        number = math.inf
    if not fits(number):
        bound = "above zero" if above else "zero or more" if at_most == math.inf else f"from 0 to {at_most:g}"
        length = _length(value)
        if length and length.unit == "%" and fits(share := float(length.amount / 100)):
            spelling = f"{'end' if name == 'end_lr' else name}={share}"
        elif length and name == "end":
            spelling = f"over={length.literal}"
        raise ScheduleError(
            f"{shape.name}({name}={shorten(value)}): must be a finite number, {bound}. Write {shape.name}(..., {spelling})."
        )
    # One type, and one zero, so that equal schedules print alike; NumPy's numbers print as calls, which cannot be read back.
    object.__setattr__(shape, name, number + 0.0)


def _length(value: object) -> Duration | None:
    """The duration that a text in the place of a number spells: a share may stand for a factor, any for a length."""
    try:
        return Duration(value) if isinstance(value, str) else None
    except ScheduleError:
        return None
