"""One row of values to every logger of the Trainer, in the way that each takes best."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lr_toolkit.lightning.tracking import tensorboard, wandb

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["is_a", "log_row"]


def log_row(trainer: Trainer, row: Mapping[str, float], step: int, *, in_batch: bool) -> None:
    """Write ``row`` at ``step``.

    Args:
        trainer: whose loggers are written to.
        row: plain numbers.
        step: Lightning's x axis, the batches that stepped before.
        in_batch: whether a training batch is just ending, so that the Trainer may log a row of its own right after.
    """
    for logger in trainer.loggers:
        if is_a(logger, "WandbLogger"):
            wandb.log_row(logger, row, step, joined=in_batch and _logs_next(trainer))
        elif is_a(logger, "TensorBoardLogger"):
            tensorboard.log_row(logger, row, step)
        else:
            logger.log_metrics(dict(row), step=step)


def is_a(logger: Any, name: str) -> bool:
    """Whether a logger is one of that class, of ``lightning`` or ``pytorch_lightning`` alike."""
    return any(one.__name__ == name for one in type(logger).__mro__)


def _logs_next(trainer: Trainer) -> bool:
    """Whether Lightning is going to log this batch's metrics, once the hooks at its end are done."""
    connector = trainer._logger_connector
    return bool((connector.should_update_logs or getattr(trainer, "fast_dev_run", False)) and connector.metrics["log"])
