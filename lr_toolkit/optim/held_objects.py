"""Objects of a class that another object holds: in an attribute, or in lists, tuples and dicts in an attribute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

__all__ = ["held_objects"]

T = TypeVar("T")


def held_objects(owner: object, kind: type[T], depth: int = 1) -> list[T]:
    """The objects of class ``kind`` among the attributes of ``owner`` and in its lists, tuples and dicts, each once.

    Args:
        owner: the object.
        kind: the class.
        depth: how many lists, tuples and dicts may be around an object.

    Example:
        >>> from types import SimpleNamespace
        >>> held_objects(SimpleNamespace(first=1, more=[2, "three"], named={"four": [4]}, again=1), int)
        [1, 2]
        >>> held_objects(SimpleNamespace(named={"four": [4]}), int, depth=2)
        [4]
    """
    candidates = (each for value in vars(owner).values() for each in _items(value, depth))
    return list({id(candidate): candidate for candidate in candidates if isinstance(candidate, kind)}.values())


def _items(value: Any, depth: int) -> Iterator[Any]:
    """A value, or what its lists, tuples and dicts hold."""
    if depth and isinstance(value, (dict, list, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _items(item, depth - 1)
    else:
        yield value
