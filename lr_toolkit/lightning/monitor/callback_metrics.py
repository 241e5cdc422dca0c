"""Puts values among the Trainer's metrics, where ``EarlyStopping`` and ``ModelCheckpoint`` look for theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from lr_toolkit.lightning._compat import callbacks_of, is_a
from lr_toolkit.optim.group_writer import send

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["are_read_in_epochs", "put_metrics"]

_READERS = ("Checkpoint", "EarlyStopping")


def are_read_in_epochs(trainer: Trainer) -> bool:
    """Whether a callback of the Trainer may look at the metrics in mid-epoch."""
    return any(is_a(callback, kind) for callback in callbacks_of(trainer) for kind in _READERS)


def put_metrics(trainer: Trainer, values: Mapping[str, float]) -> None:
    """Add ``values`` to ``trainer.callback_metrics``, by one copy to the device."""
    if values:
        metrics = torch.empty(len(values), device=trainer.strategy.root_device)
        send(metrics, list(values.values()))
        trainer.callback_metrics.update(zip(values, metrics.unbind(), strict=True))
