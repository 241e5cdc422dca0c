"""Writes each row to the loggers, the history, and the Trainer's metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, final

from lr_toolkit.lightning.loggers.rows import log_row
from lr_toolkit.lightning.monitor.callback_metrics import put_metrics

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from lr_toolkit.lightning.monitor.history import History

__all__ = ["RowWriter"]


@final
class RowWriter:
    """Writes the rows of one fit.

    Args:
        trainer: its loggers get every row.
        history: gets every row.
        to_metrics: whether each row is added to ``trainer.callback_metrics``, too.
    """

    def __init__(self, trainer: Trainer, history: History, *, to_metrics: bool) -> None:
        self._trainer = trainer
        self._history = history
        self._to_metrics = to_metrics

    def write(self, row: Mapping[str, float], step: int, epoch: int, *, in_batch: bool, keep: bool) -> None:
        """Write a row at ``step``, if it has a value.

        Args:
            row: the values by name.
            step: the place on the x axis.
            epoch: the epoch.
            in_batch: whether a training batch is ending.
            keep: whether the history keeps the row, however long it becomes.
        """
        if not row:
            return
        self._history.add(step, epoch, row, keep=keep)  # first: a logger may fail
        log_row(self._trainer, tuple(row), list(row.values()), step, in_batch=in_batch)
        if self._to_metrics:
            put_metrics(self._trainer, row)
