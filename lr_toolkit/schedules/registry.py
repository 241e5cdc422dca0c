"""The builders that text may call: ours, and those that a user registers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.aliases import answering_other_names
from lr_toolkit.schedules.shape import Shape

__all__ = ["BUILDERS", "WITHOUT_TEXT", "register_builder", "register_shape"]

P = ParamSpec("P")
R = TypeVar("R")

BUILDERS: dict[str, Callable[..., Any]] = {}
"""Every builder by its name."""
WITHOUT_TEXT: set[str] = set()
"""The builders with an argument that text cannot carry."""


def register_builder(function: Callable[P, R]) -> Callable[P, R]:
    """Let the text form call ``function`` by its name, and answer arguments that it does not have.

    For a recipe: a function that composes builders and returns a ``Schedule``. Its text is that of the composition.

    Raises:
        ScheduleError: if the name is taken, or text cannot carry it.

    Example:
        >>> from lr_toolkit import Schedule, hold, linear
        >>> @register_builder
        ... def trapezoid(over="20%", *, end=0.0):
        ...     return hold() >> linear(end=end, over=over)
        >>> Schedule.parse("trapezoid('30%')")
        hold() >> linear(over='30%')
    """
    name = getattr(function, "__name__", "")
    if not name.isidentifier():
        raise ScheduleError(
            f"register_builder({shorten(function)}): text calls a builder by its name, and this has none. Write def name(...)."
        )
    known = BUILDERS.get(name)
    if known is not None and not _is_same(inspect.unwrap(known), function):
        raise ScheduleError(
            f"register_builder: there is a builder {name!r} already, in {inspect.unwrap(known).__module__}. Give yours another name."
        )
    BUILDERS[name] = build = answering_other_names(function, BUILDERS)
    return build


def register_shape(shape: type[Shape], *, has_text: bool = True) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Register the builder of a shape, and give the shape the builder's name.

    ``lr_toolkit.testing.check_builder`` checks the result against the whole contract.

    Args:
        shape: a frozen dataclass whose fields are named as the builder's arguments.
        has_text: whether text can carry every argument.

    Raises:
        ScheduleError: if ``shape`` is no dataclass that derives from ``Shape`` and has a field ``over``, if it has another builder, or
            if the name is taken.

    Example:
        >>> from dataclasses import dataclass
        >>> from lr_toolkit import Duration, Horizon, Schedule, register_shape
        >>> from lr_toolkit.schedules.duration import optional_duration
        >>> from lr_toolkit.schedules.shape import Curve, Shape
        >>> @dataclass(frozen=True)
        ... class Staircase(Shape):
        ...     stairs: int
        ...     over: Duration | None = None
        ...
        ...     def bind(self, context):
        ...         return StaircaseCurve(self.stairs, context.length)
        >>> @dataclass(frozen=True)
        ... class StaircaseCurve(Curve):
        ...     stairs: int
        ...     length: int
        ...     is_monotone = True
        ...
        ...     def __call__(self, i):
        ...         return 1.0 - i * self.stairs // self.length / self.stairs
        ...
        ...     @property
        ...     def end(self):
        ...         return 1.0 / self.stairs
        >>> @register_shape(Staircase)
        ... def staircase(stairs, *, over=None):
        ...     return Schedule((Staircase(stairs, optional_duration(over, "staircase")),))
        >>> schedule = Schedule.parse("staircase(4)")
        >>> schedule, schedule.resolve(Horizon(steps=8)).values(range(9))
        (staircase(4), array([1.  , 1.  , 0.75, 0.75, 0.5 , 0.5 , 0.25, 0.25, 0.25]))
    """
    _check_shape(shape)

    def register(function: Callable[P, R]) -> Callable[P, R]:
        if shape.name in BUILDERS and shape.name != function.__name__:
            raise ScheduleError(
                f"register_shape({shape.__name__}): is the shape of {shape.name} already, and a shape has one builder. Write "
                f"another class for {function.__name__}, or @register_builder if it makes a schedule of {shape.name}."
            )
        build = register_builder(function)
        shape.name = function.__name__
        if not has_text:
            WITHOUT_TEXT.add(shape.name)
        return build

    return register


def _check_shape(shape: Any) -> None:
    given = f"register_shape({getattr(shape, '__qualname__', None) or shorten(shape)})"
    if not (isinstance(shape, type) and issubclass(shape, Shape)):
        raise ScheduleError(f"{given}: takes the class of the shape. Write @register_shape(MyShape) above its builder.")
    if "over" not in getattr(shape, "__dataclass_fields__", {}):
        raise ScheduleError(
            f"{given}: is no dataclass with a length. Write @dataclass(frozen=True) above class {shape.__name__}, and over: Duration | "
            "None = None as its last field."
        )


def _is_same(known: Any, function: Any) -> bool:
    """Whether ``function`` is the known builder, defined again by a module or a notebook cell that ran again."""
    return (known.__module__, known.__qualname__) == (function.__module__, function.__qualname__)
