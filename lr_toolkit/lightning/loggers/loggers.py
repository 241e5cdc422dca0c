"""What Lightning's loggers have in common."""

from __future__ import annotations

from typing import Any

__all__ = ["has_own_rows", "prefix_of"]


def prefix_of(logger: Any) -> str:
    """What a logger puts before each name by itself."""
    return f"{logger._prefix}{logger.LOGGER_JOIN_CHAR}" if logger._prefix else ""


def has_own_rows(logger: Any, name: str) -> bool:
    """Whether a logger's class, derived from Lightning's of that name, writes metrics otherwise, so that it has to be asked to."""
    kind = type(logger)
    theirs: Any = [one for one in kind.__mro__ if one.__name__ == name][-1]
    return kind.log_metrics is not theirs.log_metrics
