"""A scheduler whose every method runs inside a context, without the scheduler or its checkpoints knowing."""

from __future__ import annotations

from collections.abc import Callable
from copyreg import __newobj__  # type: ignore[attr-defined]  # what object.__reduce_ex__ names
from functools import wraps
from inspect import getattr_static
from types import FunctionType
from typing import Any

from lr_toolkit.errors import ScheduleError

__all__ = ["guard", "is_wrapped", "release"]

_ORIGINAL = "_lr_toolkit_original"


def guard(scheduler: Any, enter: Callable[[], bool], leave: Callable[[], None]) -> None:
    """Run each method of ``scheduler`` between ``enter()`` and ``leave()``, until it is released.

    Where ``enter()`` says that this is within already, there is nothing to leave.

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
        name: _between(enter, leave, method, original)
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


def is_wrapped(scheduler: Any) -> bool:
    """Whether ``guard`` was applied and not yet ``release``."""
    return _ORIGINAL in vars(type(scheduler))


def release(scheduler: Any) -> None:
    """Give a guarded scheduler its own class back."""
    scheduler.__class__ = vars(type(scheduler))[_ORIGINAL]


def _new(cls: type, *args: Any) -> Any:
    return cls.__new__(cls, *args)


def _between(
    enter: Callable[[], bool], leave: Callable[[], None], method: FunctionType, original: type
) -> Callable[..., Any]:
    @wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not enter():
            return method(self, *args, **kwargs)
        # The methods that this one calls, several a step, need no guard of their own.
        guarded = self.__class__
        self.__class__ = original
        try:
            return method(self, *args, **kwargs)
        finally:
            self.__class__ = guarded
            leave()

    return run
