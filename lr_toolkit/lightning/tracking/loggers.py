"""What Lightning's loggers have in common."""

from __future__ import annotations

from typing import Any

__all__ = ["prefix_of"]


def prefix_of(logger: Any) -> str:
    """What a logger puts before each name by itself."""
    return f"{logger._prefix}{logger.LOGGER_JOIN_CHAR}" if logger._prefix else ""
