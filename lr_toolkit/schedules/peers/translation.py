"""What a configuration of another library means here: a schedule, the base LR that it is relative to, and what differs."""

from __future__ import annotations

from typing import ClassVar

from lr_toolkit.immutable import Immutable
from lr_toolkit.schedules.schedule import Schedule

__all__ = ["Translation"]


class Translation(Immutable):
    """The schedule that equals a configuration of another library.

    Args:
        schedule: the schedule.
        base_lr: the LR to give the optimizer, if the configuration has it; ``None`` if the optimizer's own LR is the base there
            too.
        notes: what the configuration does that the schedule does not do, or does on purpose, each as a sentence.

    Example:
        >>> from lr_toolkit import cosine
        >>> Translation(cosine(), 0.1).base_lr
        0.1
    """

    _fields: ClassVar[tuple[str, ...]] = ("schedule", "base_lr", "notes")
    __slots__ = _fields

    schedule: Schedule
    base_lr: float | None
    notes: tuple[str, ...]

    def __init__(self, schedule: Schedule, base_lr: float | None = None, notes: tuple[str, ...] = ()) -> None:
        self._set(schedule=schedule, base_lr=base_lr, notes=notes)

    def after(self, *notes: str) -> Translation:
        """This translation with more notes."""
        return Translation(self.schedule, self.base_lr, (*self.notes, *notes))
