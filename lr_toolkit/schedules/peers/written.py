"""A configuration as it is written: a name, arguments, and what stands for a value that only a run knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Unknown", "Written"]


@dataclass(frozen=True)
class Unknown:
    """An expression whose value is not in the text, such as ``optimizer`` or ``len(loader)``."""

    text: str


@dataclass(frozen=True)
class Written:
    """A constructor's call, or a section of a configuration that stands for one.

    Attributes:
        name: the name of the class or function, with its module if that is written too.
        args: its positional arguments: plain values, ``Unknown``, or ``Written`` for another call.
        kwargs: its arguments by name.
        library: the library, if the kind of section names it.
        is_per_epoch: whether the reader of such a section steps the scheduler once per epoch.
        lr: the LR in the section of the optimizer beside it.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    library: str = ""
    is_per_epoch: bool = field(default=False, repr=False)
    lr: float | None = field(default=None, repr=False)
