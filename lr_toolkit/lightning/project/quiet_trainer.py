"""The arguments of a Trainer for a run that is looked at and not trained: its length stays, devices and whatever writes go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lightning.pytorch import Trainer
from lightning.pytorch.loggers.logger import DummyLogger

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning.project.one_of_many import OneOfMany
from lr_toolkit.lightning.project.rehearsal import is_kept

__all__ = ["quiet_arguments", "quiet_trainer"]

# Of no account for the LRs, and dependent on the machine, or busy before the first update.
_DROPPED = (
    "accelerator",
    "barebones",
    "benchmark",
    "default_root_dir",
    "plugins",
    "precision",
    "profiler",
    "sync_batchnorm",
)


def quiet_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a Trainer that sets up the same run on one CPU, and writes and prints nothing.

    Args:
        arguments: those of the Trainer that trains. ``devices`` times ``num_nodes`` processes divide the data; ``"auto"`` counts as one.

    Example:
        >>> quiet = quiet_arguments({"max_epochs": 3, "devices": 2, "precision": "16-mixed", "logger": True})
        >>> quiet["max_epochs"], quiet["strategy"].world_size, "precision" in quiet
        (3, 2, False)
    """
    kept = {name: value for name, value in arguments.items() if name not in _DROPPED}
    devices, nodes = _count(kept.pop("devices", 1)), kept.pop("num_nodes", 1)
    kept.pop("strategy", None)
    callbacks = kept.pop("callbacks", None) or []
    many = {"strategy": OneOfMany(devices, nodes)} if devices * nodes > 1 else {"devices": 1}
    return kept | many | {
        "accelerator": "cpu",
        "callbacks": [each for each in (callbacks if isinstance(callbacks, Sequence) else [callbacks]) if is_kept(each)],
        "logger": DummyLogger(),
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "num_sanity_val_steps": 0,
    }  # fmt: skip


def quiet_trainer(arguments: Mapping[str, Any]) -> Trainer:
    """A Trainer that sets up the run of another one.

    Raises:
        ScheduleError: for an argument that a Trainer refuses.
    """
    try:
        return Trainer(**quiet_arguments(arguments))
    except ScheduleError:
        raise
    except Exception as error:  # Lightning's are of several classes
        raise ScheduleError(f"Trainer: {' '.join(str(error).split())}") from error


def _count(devices: Any) -> int:
    """How many devices an argument of the Trainer names."""
    if isinstance(devices, str) and "," in devices:
        return len([name for name in devices.split(",") if name.strip()])
    if isinstance(devices, Sequence) and not isinstance(devices, str):
        return len(devices)
    try:
        return max(int(devices), 1)
    except (TypeError, ValueError):  # "auto" or None
        return 1
