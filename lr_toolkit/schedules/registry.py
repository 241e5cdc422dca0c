"""The builders that text may call: ours, and those that a user registers."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.aliases import answering_other_names

if TYPE_CHECKING:
    from lr_toolkit.schedules.shape import Shape

__all__ = ["BUILDERS", "WITHOUT_TEXT", "register_builder", "register_shape"]

P = ParamSpec("P")
R = TypeVar("R")

BUILDERS: dict[str, Callable[..., Any]] = {}
WITHOUT_TEXT: set[str] = set()


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


def register_shape(shape: type[Shape]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Register the builder of a shape, whose name becomes the shape's.

    Args:
        shape: the frozen dataclass that the builder's schedule holds.

    Raises:
        ScheduleError: if the name is taken.

    Example:
        The shapes of this package are registered so; see ``lr_toolkit/schedules/shapes/linear.py``.
    """

    def register(function: Callable[P, R]) -> Callable[P, R]:
        build = register_builder(function)
        shape.name = function.__name__
        if not shape.has_text:
            WITHOUT_TEXT.add(shape.name)
        return build

    return register


def _is_same(known: Any, function: Any) -> bool:
    """Whether a module that is loaded again defines the builder that is known."""
    return (known.__module__, known.__qualname__) == (function.__module__, function.__qualname__)
