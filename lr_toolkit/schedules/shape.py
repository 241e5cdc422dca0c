"""The contract of a shape: everything that the rest of the package may ask of a phase and of its curve.

A ``Shape`` holds the arguments of its builder's call. ``Shape.bind`` places it in a run (``PhaseContext``) and returns a
``Curve``, which is called with an update of the phase. One formula serves a Python int and an int64 array, so a single value
and a whole preview cannot disagree. ``lr_toolkit.testing.check_builder`` checks a builder against this contract.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from typing import Any, ClassVar, TypeAlias, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, Unit
from lr_toolkit.schedules.horizon import Horizon, round_half_up
from lr_toolkit.schedules.text import call_fields

__all__ = [
    "Curve",
    "Index",
    "Length",
    "PhaseContext",
    "Shape",
    "Value",
    "check_number",
    "evenly_spread",
    "exact_ratio",
    "is_level",
]

# An int, or an int64 array of them, gives a number or a float64 array: the type system cannot express "the same for both".
Index: TypeAlias = Any
Value: TypeAlias = Any
Length: TypeAlias = "tuple[Duration, Fraction]"


@final
@dataclass(frozen=True, slots=True)
class PhaseContext:
    """The place of a phase in a run.

    Attributes:
        start: the first update of the phase.
        length: how many updates the phase has.
        position: the exact beginning of the phase, before rounding.
        horizon: the length of the run.
        until: the exact end of the phase, before rounding.
        level: the factor at which the phase before ended; 1 for the first phase.
        base: the base value of which absolute levels became factors; ``None`` without such a level.
    """

    start: int
    length: int
    position: Fraction
    until: Fraction
    horizon: Horizon
    level: float
    base: float | None = None

    def update_after(self, duration: Duration) -> int:
        """The first update of the phase that lies ``duration`` after its beginning."""
        return round_half_up(self.horizon.after(self.position, duration)) - self.start

    def steps_of(self, duration: Duration) -> float:
        """The length of ``duration`` from the beginning of the phase on, in steps, not rounded: for a duration that is a scale."""
        return float(self.horizon.after(self.position, duration) - self.position)


class Curve(ABC):
    """The factors of a phase on its own clock, in which update 0 is the first.

    A final subclass is a frozen dataclass. Two curves are equal if they have the same factor at every update that both phases
    have. A field that changes a factor must take part in the comparison; a field that only holds the end of the phase need not.
    """

    __slots__ = ()

    @property
    def is_monotone(self) -> bool:
        """Whether the curve is monotone from each of its edges to the next; a subclass sets it to ``True``.

        A curve that does not declare it is evaluated at many updates if the package has to know how it moves.
        """
        return False

    @abstractmethod
    def __call__(self, i: Index) -> Value:
        """The factor at update ``i`` of the phase: a number for an int, a float64 array for an int64 array."""

    @property
    def edges(self) -> tuple[int, ...]:
        """The updates at which the curve may jump or turn, in rising order; the ends of the phase need not be among them."""
        return ()

    @property
    @abstractmethod
    def end(self) -> float:
        """The factor that holds after the phase: the limit of the curve at its end."""

    @property
    def parts(self) -> tuple[tuple[Shape, int, int], ...]:
        """The phases within, each with its first update and the one after its last; empty for a single curve."""
        return ()


class Shape(ABC):
    """What a phase does with the hyperparameter: a frozen dataclass with the arguments of its builder.

    ``@register_shape`` connects it with its builder and sets ``name``. A shape that is not registered works in code, and has
    no text.
    """

    __slots__ = ("_written",)

    _written: Shape

    name: ClassVar[str] = ""
    """The name of the builder."""
    warms_up: ClassVar[bool] = False
    """Whether the phase climbs to the base value at the beginning of a run."""
    moves: ClassVar[bool] = True
    """Whether the phase is meant to change the level at which it begins."""

    over: Duration | None
    """The length of the phase; ``None`` for what the other phases leave."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # The text of a shape that nobody registered still names it.
        super().__init_subclass__(**kwargs)
        if "name" not in vars(cls):
            cls.name = cls.__name__

    @abstractmethod
    def bind(self, context: PhaseContext) -> Curve:
        """The curve of this shape in its place.

        Raises:
            ScheduleError: if the shape does not fit there.
        """

    @property
    def durations(self) -> tuple[Duration, ...]:
        """Every duration among the arguments, and in schedules among them, in the order of the call."""
        found: list[Duration] = []
        for value in self._arguments:
            found += (value,) if isinstance(value, Duration) else getattr(value, "durations", ())
        return tuple(found)

    @property
    def _arguments(self) -> list[Any]:
        """The arguments in the order of the call, those in lists one by one."""
        values = [getattr(self, field.name) for field in call_fields(self)]
        return [part for value in values for part in (value if isinstance(value, tuple) else (value,))]

    @property
    def lengths(self) -> tuple[Length, ...] | None:
        """The durations whose sum is the length of the phase, each with how often it is taken; ``None`` if the length is open."""
        return None if self.over is None else ((self.over, Fraction(1)),)

    @property
    def units(self) -> frozenset[Unit]:
        """The units in which the shape measures the run; empty for a shape that needs only its own length."""
        inner = [unit for value in self._arguments for unit in getattr(value, "units", ())]
        return frozenset([*inner, *(duration.unit for duration in self.durations)])

    @property
    def absolute_levels(self) -> tuple[float, ...]:
        """The arguments above zero that are LRs; with any of them the factors depend on the base value."""
        return ()

    @property
    def given_levels(self) -> tuple[tuple[str, float], ...]:
        """The levels that are written as factors of the base value, each with the name of its argument."""
        return ()

    def relative_to(self, base: float) -> Shape:
        """This shape with its absolute levels as factors of ``base``.

        Raises:
            ScheduleError: if a level does not fit the base value.
        """
        return self

    @final
    def in_factors(self, base: float) -> Shape:
        """``relative_to(base)``, whose text is still that of this shape: messages show the LRs that were written."""
        relative = self.relative_to(base)
        if relative is not self:
            object.__setattr__(relative, "_written", self)
        return relative

    @property
    def as_written(self) -> Shape:
        """This shape before ``in_factors``."""
        return getattr(self, "_written", self)

    def restarted(self) -> Shape:
        """This shape with the base value as its explicit start, if it would begin at the level reached."""
        return self


# --- arithmetic and validation that shapes share --------------------------------------------------------------------


def evenly_spread(n: int, most: int = 1000) -> list[int]:
    """At most ``most`` of the numbers below ``n``, evenly spaced, including the first and the last.

    Example:
        >>> evenly_spread(100, 4), evenly_spread(3)
        ([0, 33, 66, 99], [0, 1, 2])
    """
    return [round(place) for place in np.linspace(0, n - 1, min(n, most)).tolist()] if n > 0 else []


def exact_ratio(value: float, base: float) -> float:
    """The factor that gives ``value`` when multiplied by ``base``: to the last digit if there is such a factor.

    Example:
        >>> 0.03 * exact_ratio(1e-5, 0.03)
        1e-05
    """
    ratio = value / base
    near = (ratio, math.nextafter(ratio, math.inf), math.nextafter(ratio, 0.0))
    return next((factor for factor in near if base * factor == value), ratio)


def is_level(value: Any) -> bool:
    """Whether a value is a finite number, zero or more."""
    try:
        return not isinstance(value, bool) and isinstance(value, Real) and 0.0 <= float(value) <= sys.float_info.max
    except OverflowError:
        return False


def check_number(shape: Shape, name: str, example: str, *, above_zero: bool = False, at_most: float = math.inf) -> None:
    """Store the field ``name`` as a float, if it is a number that fits.

    Args:
        shape: the shape, from its ``__post_init__``.
        name: the field.
        example: the argument to write instead, for the message.
        above_zero: whether zero is refused too.
        at_most: the largest number that fits.

    Raises:
        ScheduleError: for anything but a finite number from zero to ``at_most``.
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
        length = _duration_in(value)
        if length and length.unit == "%" and fits(share := float(length.amount / 100)):
            example = f"{'end' if name == 'end_lr' else name}={share}"
        elif length and name == "end":
            example = f"over={length.literal}"
        raise ScheduleError(
            f"{shape.name}({name}={shorten(value)}): must be a finite number, {bound}. Write {shape.name}(..., {example})."
        )
    # One type, and one zero, so that equal schedules print alike. NumPy's numbers print as calls, which text cannot carry.
    object.__setattr__(shape, name, number + 0.0)


def _duration_in(value: object) -> Duration | None:
    """The duration that a text names in the place of a number: a share is meant as a factor, any other as a length."""
    try:
        return Duration(value) if isinstance(value, str) else None
    except ScheduleError:
        return None
