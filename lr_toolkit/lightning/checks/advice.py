"""The line of this package that messages advise."""

from __future__ import annotations

__all__ = ["config_line"]


def config_line(schedule: str = "cosine()", more: str = "") -> str:
    """A call of ``scheduler_config`` that runs as it is printed, inside ``configure_optimizers`` and after ``import lr_toolkit``.

    Args:
        schedule: the text of a schedule that fits the place; the user puts another one there.
        more: further arguments.

    Example:
        >>> config_line()
        "lr_toolkit.scheduler_config(optimizer, 'cosine()', self.trainer)"
    """
    further = f", {more}" if more else ""
    return f"lr_toolkit.scheduler_config(optimizer, {schedule!r}, self.trainer{further})"
