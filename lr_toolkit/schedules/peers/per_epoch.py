"""The schedule of a scheduler that its library steps once per epoch, in epochs."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from lr_toolkit.schedules.duration import Duration
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.schedule import Schedule

__all__ = ["per_epoch"]

_NOTE = (
    "LightningCLI steps it once per epoch, so its durations are epochs here, and the LR moves at each update. A number of updates "
    "in these lines counts epochs too."
)


def per_epoch(translation: Translation) -> Translation:
    """The translation with each number of steps as a number of epochs, and a note about it.

    Example:
        >>> from lr_toolkit import step, warmup
        >>> per_epoch(Translation(warmup(5) >> step(1))).schedule
        warmup('5 epochs') >> step('1 epoch')
    """
    if "steps" not in translation.schedule.units:
        return translation
    changed = Translation(_in_epochs(translation.schedule), translation.base_lr, translation.notes)
    return changed.after(_NOTE)


def _in_epochs(value: Any) -> Any:
    """A schedule, a phase's argument or a list of them, with epochs in place of steps."""
    if isinstance(value, Duration):
        return Duration(f"{value.amount} epochs") if value.unit == "steps" else value
    if isinstance(value, tuple):
        return tuple(map(_in_epochs, value))
    if isinstance(value, Schedule):
        phases: list[Any] = list(value.phases)
        return Schedule(
            tuple(
                replace(phase, **{each.name: _in_epochs(getattr(phase, each.name)) for each in fields(phase)})
                for phase in phases
            )
        )
    return value
