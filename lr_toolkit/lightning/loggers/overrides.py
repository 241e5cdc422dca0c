"""Detects a logger whose class replaces Lightning's ``log_metrics``."""

from __future__ import annotations

from typing import Any

__all__ = ["overrides_log_metrics"]


def overrides_log_metrics(logger: Any, name: str) -> bool:
    """Whether a class derived from Lightning's logger of that ``name`` writes metrics in its own way.

    Such a class may rename metrics or count steps otherwise, so each row has to pass through its ``log_metrics``.
    """
    lightnings: Any = [base for base in type(logger).__mro__ if base.__name__ == name][-1]
    return type(logger).log_metrics is not lightnings.log_metrics
