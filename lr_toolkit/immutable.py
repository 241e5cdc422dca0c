"""The base class of the public values: they compare, hash and pickle by their fields, and cannot be changed."""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = ["Immutable"]


class Immutable:
    """A value with the fields ``_fields``, in the order of the arguments of ``__init__``, which sets them once.

    It is no dataclass on purpose: OmegaConf, jsonargparse and Lightning take dataclasses for containers and take them apart.

    Example:
        >>> class Point(Immutable):
        ...     __slots__ = _fields = ("x",)
        ...     def __init__(self, x):
        ...         self._set(x=x)
        >>> Point(1) == Point(1), Point(1)
        (True, Point(x=1))
        >>> Point(1).x = 2
        Traceback (most recent call last):
        ...
        AttributeError: Point is immutable. Make a new one.
    """

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]] = ()

    def _set(self, **fields: Any) -> None:
        """Set fields; to be called by ``__init__`` alone."""
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self._fields)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable. Make a new one.")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable. Make a new one.")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._values() == self._values()

    def __hash__(self) -> int:
        return hash((type(self), self._values()))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self._values(), strict=True))
        return f"{type(self).__name__}({fields})"

    def __copy__(self) -> Any:
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._values()
