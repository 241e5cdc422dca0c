"""Objects of a class that another object holds: in an attribute, or in a list, tuple or dict in an attribute."""

from __future__ import annotations

from typing import TypeVar

__all__ = ["held_objects"]

T = TypeVar("T")


def held_objects(owner: object, kind: type[T]) -> list[T]:
    """The objects of class ``kind`` among the attributes of ``owner`` and in its lists, tuples and dicts, each once.

    Example:
        >>> from types import SimpleNamespace
        >>> held_objects(SimpleNamespace(first=1, more=[2, "three"], named={"four": 4}, again=1), int)
        [1, 2, 4]
    """
    found: dict[int, T] = {}
    for value in vars(owner).values():
        if isinstance(value, dict):
            candidates = list(value.values())
        elif isinstance(value, (list, tuple)):
            candidates = list(value)
        else:
            candidates = [value]
        found |= {id(candidate): candidate for candidate in candidates if isinstance(candidate, kind)}
    return list(found.values())
