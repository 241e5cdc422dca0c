"""Runs every method of a scheduler inside a context, without a change to the scheduler's attributes or its checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from copyreg import __newobj__  # type: ignore[attr-defined]  # what object.__reduce_ex__ names
from functools import wraps
from inspect import getattr_static
from types import FunctionType
from typing import Any

from lr_toolkit.errors import ScheduleError

__all__ = ["SchedulerProxy", "is_wrapped", "unwrap", "wrap"]


class SchedulerProxy:
    """Base of the classes that ``wrap`` makes: each replaces the class of one scheduler.

    Everything that holds the scheduler goes through the methods of that class, and nothing enters the scheduler's ``__dict__``,
    which torch's schedulers save. Copies and pickles are of the original class.
    """

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> Any:
        # A copy belongs to a copied optimizer, so it must not be tied to this one.
        proxy, original = type(self), _original(self)
        self.__class__ = original
        try:
            reduced = self.__reduce_ex__(protocol)
        finally:
            self.__class__ = proxy
        # pickle refuses __newobj__ if the class that it is to make is not the object's.
        return (_new, *reduced[1:]) if reduced[0] is __newobj__ else reduced


def wrap(scheduler: Any, context: AbstractContextManager[None]) -> None:
    """Run each method of ``scheduler`` inside ``context`` until ``unwrap``.

    Raises:
        ScheduleError: for an object whose class cannot be replaced.
    """
    original = type(scheduler)
    methods = {
        name: _inside(context, method, original)
        for name in dir(original)
        if not name.startswith("__") and isinstance(method := getattr_static(original, name), FunctionType)
    }
    names = {name: getattr(original, name) for name in ("__module__", "__qualname__", "__doc__")}
    # The original comes first among the bases, or Python would not let the class be assigned.
    body = {"__slots__": (), "__reduce_ex__": SchedulerProxy.__reduce_ex__, **names, **methods}
    metaclass: Any = type(original)
    try:
        scheduler.__class__ = metaclass(original.__name__, (original, SchedulerProxy), body)
    except TypeError as reason:
        raise ScheduleError(
            f"LRWarmup: a {original.__name__} cannot be kept apart from the ramp, because its class cannot be replaced ({reason}). "
            "Wrap it in a class of your own that forwards step(), state_dict() and load_state_dict()."
        ) from None


def is_wrapped(scheduler: Any) -> bool:
    """Whether ``scheduler`` is between ``wrap`` and ``unwrap``."""
    return isinstance(scheduler, SchedulerProxy)


def unwrap(scheduler: Any) -> None:
    """Give a wrapped scheduler its own class back."""
    scheduler.__class__ = _original(scheduler)


def _original(scheduler: SchedulerProxy) -> type:
    """The class that a proxy's class was made from."""
    return type(scheduler).__bases__[0]


def _new(cls: type, *args: Any) -> Any:
    return cls.__new__(cls, *args)


def _inside(context: AbstractContextManager[None], method: FunctionType, original: type) -> Callable[..., Any]:
    @wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        # The methods that this one calls run inside already: they are called on the original class.
        proxy = self.__class__
        self.__class__ = original
        try:
            with context:
                return method(self, *args, **kwargs)
        finally:
            self.__class__ = proxy

    return run
