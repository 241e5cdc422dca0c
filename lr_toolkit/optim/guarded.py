"""A scheduler whose every method runs inside a context, without the scheduler or its checkpoints knowing."""

from __future__ import annotations

from collections.abc import Callable
from copyreg import __newobj__  # type: ignore[attr-defined]  # what object.__reduce_ex__ names
from functools import wraps
from inspect import getattr_static
from types import FunctionType
from typing import Any, Protocol

from lr_toolkit.errors import ScheduleError

__all__ = ["guard", "is_guarded", "release"]

_ORIGINAL = "_lr_toolkit_original"


class Inside(Protocol):
    """A context that may be entered again and again."""

    @property
    def depth(self) -> int:
        """How often it is entered and not yet left."""
        ...

    def __enter__(self) -> object: ...

    def __exit__(self, *raised: Any) -> None: ...


def guard(scheduler: Any, inside: Inside) -> None:
    """Run each method of ``scheduler`` within ``inside``, until it is released.

    The class of the object is exchanged for a subclass of its own: whoever holds the scheduler goes through it, and nothing
    enters its ``__dict__``, which is what torch's schedulers save. Copies and pickles are of the original class.

    Raises:
        ScheduleError: for an object whose class cannot be exchanged.
    """
    original = type(scheduler)

    def reduced(self: Any, protocol: Any) -> Any:
        # A copy belongs to a copied optimizer, so it must not be tied to this one.
        guarded = type(self)
        self.__class__ = original
        try:
            made = self.__reduce_ex__(protocol)
        finally:
            self.__class__ = guarded
        # pickle refuses this one function where the class that it is to make is not the object's.
        return (_new, *made[1:]) if made[0] is __newobj__ else made

    methods = {
        name: _within(inside, method)
        for name in dir(original)
        if not name.startswith("__") and isinstance(method := getattr_static(original, name), FunctionType)
    }
    named = {name: getattr(original, name) for name in ("__module__", "__qualname__", "__doc__")}
    body = {"__slots__": (), _ORIGINAL: original, "__reduce_ex__": reduced, **named, **methods}
    try:
        metaclass: Any = type(original)
        scheduler.__class__ = metaclass(original.__name__, (original,), body)
    except TypeError as reason:
        raise ScheduleError(
            f"LRWarmup: a {original.__name__} cannot be kept apart from the ramp ({reason}). Wrap it in a class of your own that "
            "hands step(), state_dict() and load_state_dict() on to it."
        ) from None


def is_guarded(scheduler: Any) -> bool:
    """Whether ``guard`` was applied and not yet ``release``."""
    return _ORIGINAL in vars(type(scheduler))


def release(scheduler: Any) -> None:
    """Give a guarded scheduler its own class back."""
    scheduler.__class__ = vars(type(scheduler))[_ORIGINAL]


def _new(cls: type, *args: Any) -> Any:
    return cls.__new__(cls, *args)


def _within(inside: Inside, method: FunctionType) -> Callable[..., Any]:
    @wraps(method)
    def run(*args: Any, **kwargs: Any) -> Any:
        if inside.depth:  # a method calls others, several a step
            return method(*args, **kwargs)
        with inside:
            return method(*args, **kwargs)

    return run
