"""The contract of a shape: everything that the rest of the package may ask of a phase and of its curve.

A ``Shape`` is what a builder's call says: a frozen value with the arguments of its builder. ``Shape.bind`` fits it to the
place that its phase has in a run (``PhaseContext``) and gives a ``Curve``: a frozen value that is called with an update of
the phase. One formula serves a Python int and an int64 array, so that a single value and a whole preview cannot disagree.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from fractions import Fraction
from numbers import Real
from typing import Any, ClassVar, TypeAlias, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, Unit
from lr_toolkit.schedules.horizon import Horizon, round_half_up

__all__ = [
    "Curve",
    "Index",
    "PhaseContext",
    "Shape",
    "Value",
    "as_float",
    "check_number",
    "evenly_spread",
    "exact_ratio",
]

# An int, or an int64 array of them, gives floats or float64 arrays: the type system cannot say "the same for both".
Index: TypeAlias = Any
Value: TypeAlias = Any


@final
@dataclass(frozen=True, slots=True)
class PhaseContext:
    """The place of a phase in a run: updates ``start`` to ``start + length - 1`` of ``horizon``.

    ``position`` is where the phase begins exactly, before rounding. ``level`` is the factor at which the phase before it
    ended, 1 for the first phase.
    """

    start: int
    length: int
    position: Fraction
    horizon: Horizon
    level: float

    def milestone(self, duration: Duration) -> int:
        """The first update of the phase that comes ``duration`` after its beginning."""
        return round_half_up(self.horizon.after(self.position, duration)) - self.start


class Curve(ABC):
    """The factors of a phase on its own clock: update 0 is its first.

    A final subclass is a frozen dataclass. Two curves are equal if they have the same factor at every update that both
    phases have; so a field that changes a factor is compared, and one that only says where the phase ends need not be.
    """

    __slots__ = ()

    @abstractmethod
    def __call__(self, i: Index) -> Value:
        """The factor at update ``i`` of the phase: a float for an int, a float64 array for an int64 array."""

    @property
    @abstractmethod
    def end(self) -> float:
        """The factor that holds after the phase: the limit of the curve at its end."""

    @property
    def edges(self) -> tuple[int, ...]:
        """The updates at which the curve may jump or turn, in rising order; between two of them it is monotone."""
        return ()

    @property
    def is_monotone(self) -> bool:
        """Whether the curve never turns; then it rises, falls or stays from its first update to its last."""
        return True


class Shape(ABC):
    """What a phase does with the hyperparameter. A final subclass is a frozen dataclass with the builder's arguments.

    ``name`` is the name of the builder. ``@register_shape`` sets it.
    """

    __slots__ = ()

    name: ClassVar[str] = ""
    warms_up: ClassVar[bool] = False
    """Whether the phase climbs to the base value at the beginning of a run."""
    has_text: ClassVar[bool] = True
    """Whether the text form can carry the arguments."""

    over: Duration | None

    @abstractmethod
    def bind(self, context: PhaseContext) -> Curve:
        """The curve of this shape in its place; raises a ``ScheduleError`` if it does not fit there."""

    @property
    def durations(self) -> tuple[Duration, ...]:
        """Every duration among the arguments."""
        values = [getattr(self, field.name) for field in fields(self)]  # type: ignore[arg-type]  # final shapes are dataclasses
        flat = [part for value in values for part in (value if isinstance(value, tuple) else (value,))]
        return tuple(part for part in flat if isinstance(part, Duration))

    @property
    def units(self) -> frozenset[Unit]:
        """The units in which the shape measures the run; a shape that needs only its own length has none."""
        return frozenset(duration.unit for duration in self.durations)

    @property
    def absolute_levels(self) -> tuple[float, ...]:
        """The arguments above zero that are LRs: with any of them the factors depend on the base value."""
        return ()

    def relative_to(self, base: float) -> Shape:
        """This shape with its absolute levels as factors of ``base``."""
        return self

    def restarted(self) -> Shape:
        """This shape with the base value as its explicit start, if it would begin at the level reached."""
        return self


# --- arithmetic and validation that shapes share --------------------------------------------------------------------


def as_float(i: Index, value: Value) -> Value:
    """``value`` as a Python float if ``i`` is a single index."""
    return value if isinstance(i, np.ndarray) else float(value)


def evenly_spread(n: int, most: int = 1000) -> list[int]:
    """At most ``most`` of the numbers below ``n``, evenly, the first and the last among them."""
    return [round(place) for place in np.linspace(0, n - 1, min(n, most)).tolist()] if n > 0 else []


def exact_ratio(value: float, base: float) -> float:
    """The factor that gives ``value`` when it is multiplied by ``base``, to the last digit if there is such a factor."""
    ratio = value / base
    near = (ratio, math.nextafter(ratio, math.inf), math.nextafter(ratio, 0.0))
    return next((factor for factor in near if base * factor == value), ratio)


def check_number(shape: Shape, name: str, example: str, *, above_zero: bool = False, at_most: float = math.inf) -> None:
    """Keep the field ``name`` as a float.

    Raises:
        ScheduleError: for anything but a finite number of at least zero (above zero, or at most ``at_most``).
    """
    value: Any = getattr(shape, name)

    def fits(number: float) -> bool:
        return 0.0 <= number <= min(at_most, sys.float_info.max) and not (above_zero and number == 0.0)

    try:
        number = float(value) if not isinstance(value, bool) and isinstance(value, Real) else math.nan
    except OverflowError:
        number = math.inf
    if not fits(number):
        bound = "above zero" if above_zero else "zero or more" if at_most == math.inf else f"from 0 to {at_most:g}"
        length = _duration_of(value)
        if length and length.unit == "%" and fits(share := float(length.amount / 100)):
            example = f"{'end' if name == 'end_lr' else name}={share}"
        elif length and name == "end":
            example = f"over={length.literal}"
        raise ScheduleError(
            f"{shape.name}({name}={shorten(value)}): must be a finite number, {bound}. Write {shape.name}(..., {example})."
        )
    # One type, and one zero, so that equal schedules print alike. NumPy's numbers print as calls, which text cannot carry.
    object.__setattr__(shape, name, number + 0.0)


def _duration_of(value: object) -> Duration | None:
    """The duration that a text in the place of a number says: a share may stand for a factor, any other for a length."""
    try:
        return Duration(value) if isinstance(value, str) else None
    except ScheduleError:
        return None
