"""Whether a logger of the user's own writes metrics in its own way."""

from __future__ import annotations

from typing import Any

__all__ = ["has_own_rows"]


def has_own_rows(logger: Any, name: str) -> bool:
    """Whether a logger's class, derived from Lightning's of that name, writes metrics otherwise, so that it has to be asked to."""
    kind = type(logger)
    theirs: Any = [one for one in kind.__mro__ if one.__name__ == name][-1]
    return kind.log_metrics is not theirs.log_metrics
