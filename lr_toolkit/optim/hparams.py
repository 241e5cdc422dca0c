"""Makes this package's values hyperparameters: plain text in YAML files, and safe to load from checkpoints."""

from __future__ import annotations

from typing import Any

import yaml
from torch.serialization import add_safe_globals

from lr_toolkit.optim.plateau import GreedyLR, ReduceOnPlateau
from lr_toolkit.schedules import Duration, Horizon, Schedule
from lr_toolkit.schedules.schedule import parse

__all__ = ["register"]

_VALUES = (Duration, GreedyLR, Horizon, ReduceOnPlateau)


def register() -> None:
    """Let ``torch.load(weights_only=True)`` read these values, and ``yaml.dump`` write each as its text."""
    # A schedule pickles as a call of parse on its text. parse accepts a whitelist and evaluates nothing.
    add_safe_globals([parse, *_VALUES])
    for kind in (Schedule, *_VALUES):
        yaml.add_representer(kind, _as_text)


def _as_text(dumper: Any, value: object) -> Any:
    return dumper.represent_str(str(value))
