"""The error and the warning of the package, and how their messages show a value: a leaf that imports nothing of ours."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Protocol
from weakref import WeakSet

__all__ = ["ScheduleError", "ScheduleWarning", "WarningListener", "listeners", "shorten", "warn"]


class ScheduleError(ValueError):
    """A plan that cannot be followed, refused before the first update.

    The message says what was given, what is possible, and the call to write.

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
    """Hears of each warning of the package, as ``LRMonitor`` does during a fit."""

    def hear(self, code: str, text: str) -> bool:
        """Note a warning; returns whether it is to be emitted."""


listeners: WeakSet[WarningListener] = WeakSet()


def warn(code: str, text: str) -> None:
    """Emit a ``ScheduleWarning`` whose message begins with the code of the check, unless no listener wants it.

    It names the line that has called this package, or torch, if that has called the package in a hook.

    Args:
        code: the code of the check, such as ``"LR701"``.
        text: what was found, and the line to write.
    """
    wanted = [listener.hear(code, text) for listener in tuple(listeners)]
    if not wanted or any(wanted):
        warnings.warn(f"{code}: {text}", ScheduleWarning, stacklevel=_frames_within())


def _frames_within() -> int:
    """The number of frames from the caller of this function to the first one outside of this package and of torch."""
    frame: FrameType | None = sys._getframe(1)
    frames = 1
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("lr_toolkit", "torch"):
        frame, frames = frame.f_back, frames + 1
    return frames


def shorten(value: object, most: int = 80) -> str:
    """``repr(value)`` in one line, cut to ``most`` characters, which a message can show."""
    try:
        text = " ".join(line.strip() for line in repr(value).splitlines())
    except ValueError:  # Python prints no number of more than 4300 digits, alone or in a list
        text = f"<{type(value).__name__} too long to print>"
    return text if len(text) <= most else text[: most - 3] + "..."
