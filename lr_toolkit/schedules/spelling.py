"""How a phase is written: the builder's call that makes it."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from lr_toolkit.schedules.duration import Duration

if TYPE_CHECKING:
    from lr_toolkit.schedules.shapes import Shape

__all__ = ["literal", "spell"]


def spell(shape: Shape, **instead: Any) -> str:
    """The builder's call that makes ``shape``: required arguments by position, the others by name where they say more.

    Arguments that are given here take the place of its own.

    Example:
        >>> from lr_toolkit.schedules.decays import Cosine
        >>> spell(Cosine(0.1, over=Duration("3 epochs"))), spell(Cosine(0.1), end=0.0, over=Duration(5))
        ("cosine(end=0.1, over='3 epochs')", 'cosine(over=5)')
    """
    arguments = []
    for one in fields(shape):  # type: ignore[arg-type]  # every final shape is a dataclass
        value = instead.get(one.name, getattr(shape, one.name))
        if value == one.default:
            continue
        required = one.default is MISSING or (one.name == "over" and not one.kw_only)
        arguments.append(literal(value) if required else f"{one.name}={literal(value)}")
    return f"{shape.name}({', '.join(arguments)})"


def literal(value: object) -> str:
    """An argument as it is written; a function by its name."""
    if isinstance(value, Duration):
        return value.literal
    if isinstance(value, tuple):
        return f"[{', '.join(map(literal, value))}]"
    if callable(value):
        return str(getattr(value, "__name__", None) or type(value).__name__)
    return repr(value)
