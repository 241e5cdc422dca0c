"""The error and the warning of the package, and how their messages show a value: a leaf that imports nothing of ours."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Protocol
from weakref import WeakSet

__all__ = ["ScheduleError", "ScheduleWarning", "WarningListener", "listeners", "shorten", "warn", "warn_caller"]

# The packages between a user's line and the one that finds a mistake in it: a hook of torch, a fit of Lightning.
_BETWEEN = {"lightning", "lightning_fabric", "lightning_utilities", "lr_toolkit", "pytorch_lightning", "torch"}


class ScheduleError(ValueError):
    """A plan that cannot be followed, refused before the first update.

    The message names what was given, what is possible, and the call to write.

    Example:
        >>> from lr_toolkit import warmup
        >>> warmup(0.05)
        Traceback (most recent call last):
        ...
        lr_toolkit.errors.ScheduleError: warmup(over=0.05): a bare float has no unit. Write over='5%' for a share of the \
run, over=500 or over='500 steps' for updates, over='3 epochs' for epochs.
    """


class ScheduleWarning(UserWarning):
    """A finding about a learning-rate schedule that trains, and probably not as it was meant.

    The message begins with the code of the check, so Python's own filter silences one check by its code.

    Example:
        >>> import warnings
        >>> from lr_toolkit import ScheduleWarning
        >>> warnings.filterwarnings("ignore", "LR203", ScheduleWarning)
    """


class WarningListener(Protocol):
    """Is notified of each warning of the package, as ``LRMonitor`` does during a fit."""

    def notify(self, code: str, text: str) -> bool:
        """Note a warning; returns whether it is to be emitted."""


listeners: WeakSet[WarningListener] = WeakSet()


def warn(code: str, text: str) -> None:
    """Emit a ``ScheduleWarning`` whose message begins with the code of the check, unless no listener wants it.

    Args:
        code: the code of the check, such as ``"LR701"``.
        text: what was found, and the line to write.
    """
    wanted = [listener.notify(code, text) for listener in tuple(listeners)]
    if not wanted or any(wanted):
        warn_caller(f"{code}: {text}")


def warn_caller(text: str) -> None:
    """Emit a ``ScheduleWarning`` that names the line that has called this package, or torch or Lightning, which call it in a hook."""
    frame: FrameType | None = sys._getframe()
    frames = 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        frame, frames = frame.f_back, frames + 1
    warnings.warn(text, ScheduleWarning, stacklevel=frames)


def shorten(value: object, most: int = 80) -> str:
    """``repr(value)`` in one line, cut to ``most`` characters, which a message can show."""
    try:
        text = " ".join(line.strip() for line in repr(value).splitlines())
    except ValueError:  # Python prints no number of more than 4300 digits, alone or in a list
        text = f"<{type(value).__name__} too long to print>"
    return text if len(text) <= most else text[: most - 3] + "..."
