"""What a phase's shape is, pure mathematics on the phase's own clock, and those that climb, stay, or are the user's own.

A shape is a frozen value with the arguments of its builder. ``bind`` fits it to a ``Span`` (the place that the phase
got in a run) and gives the curve of its factor a(i), ``floor`` that of an absolute part b(i), where lr = base * a + b. One
formula serves a Python int and an int64 array, so that a single value and a whole preview cannot disagree.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from fractions import Fraction
from numbers import Real
from typing import Any, TypeAlias, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration
from lr_toolkit.schedules.horizon import Horizon, round_half_up
from lr_toolkit.schedules.spelling import literal

__all__ = ["Curve", "Custom", "Hold", "Index", "Level", "Shape", "Span", "Value", "Warmup", "check", "like", "spread"]

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
            check(self, "start", "start=0.0", at_most=1.0)

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


def _constant(level: float) -> Curve:
    return lambda i: np.full(i.shape, level) if isinstance(i, np.ndarray) else level


def like(i: Index, value: Value) -> Value:
    """``value`` as a Python float where ``i`` is a single index."""
    return value if isinstance(i, np.ndarray) else float(value)


def check(shape: Shape, name: str, spelling: str, *, above: bool = False, at_most: float = math.inf) -> None:
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
