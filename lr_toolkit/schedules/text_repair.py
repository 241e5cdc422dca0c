"""Repairs of a text that is nearly a schedule, to show what to write: quotes, parentheses, joins."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

from lr_toolkit.errors import ScheduleError

__all__ = ["repaired"]

_UNQUOTED = re.compile(r"(?<![\w.'\"])(\d{1,20}(?:\.\d{1,20})?) ?(%|epochs?|steps?)(?![\w'\"])")
_JOINS = re.compile(r"\) ?(?:>{1,4}|->|=>|\+|,|;|\||then) ?(?=[a-zA-Z])")
_LONGEST = 2_000  # of a text that a person has typed


def repaired(text: str, builders: Collection[str], read: Callable[[str], object]) -> str:
    """The text of the schedule that ``text`` is likely meant for; empty if no repair makes it readable.

    Args:
        text: what could not be read.
        builders: the names that may be called.
        read: reads a text, or raises a ``ScheduleError``.

    Example:
        >>> from lr_toolkit import Schedule
        >>> repaired("warmup(5%), cosine", ["warmup", "cosine"], Schedule.parse)
        "warmup('5%') >> cosine()"
    """
    if len(text) > _LONGEST:
        return ""
    quoted = _UNQUOTED.sub(r"'\1 \2'", text).replace(" %'", "%'")
    called = re.sub(rf"\b({'|'.join(map(re.escape, builders))})\b(?! ?\()", r"\1()", quoted)
    joined = _JOINS.sub(") >> ", called)
    try:
        read(joined)
    except ScheduleError:
        return ""
    return joined
