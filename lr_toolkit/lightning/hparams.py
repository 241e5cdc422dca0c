"""Schedules in ``save_hyperparameters``: plain text in YAML files, safe in checkpoints."""

from __future__ import annotations

from typing import Any

import yaml
from torch.serialization import add_safe_globals

from lr_toolkit.schedules import Schedule
from lr_toolkit.schedules.schedule import parse

__all__ = ["register"]


def register() -> None:
    """Let ``torch.load(weights_only=True)`` read a pickled ``Schedule``, and ``yaml.dump`` write one as its text."""
    # A schedule pickles as a call of parse on its text, which reads a whitelist and evaluates nothing.
    add_safe_globals([parse])
    yaml.add_representer(Schedule, _as_text)


def _as_text(dumper: Any, schedule: Schedule) -> Any:
    return dumper.represent_str(repr(schedule))
