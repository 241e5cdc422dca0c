"""What the loggers of a Trainer are given: rows, the plan before training, the outcome after it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning.tracking import tensorboard, wandb
from lr_toolkit.preview.picture import Line

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["Plan", "is_a", "log_outcome", "log_plan", "log_row"]


@final
@dataclass(frozen=True, slots=True)
class Plan:
    """What is known before training.

    ``lines`` are the planned curves, ``config`` says the schedule in plain nested data, ``table`` for a person's eyes.
    """

    lines: tuple[Line, ...]
    config: Mapping[str, Any]
    table: str
    pattern: str  # what the curves' names begin with


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


def log_plan(trainer: Trainer, plan: Plan) -> None:
    """Tell the trackers that have a place for it what is planned."""
    for logger in trainer.loggers:
        if is_a(logger, "WandbLogger"):
            wandb.log_plan(logger, plan.lines, plan.config, plan.pattern)
        elif is_a(logger, "TensorBoardLogger"):
            tensorboard.log_plan(logger, plan.lines, plan.table)


def log_outcome(trainer: Trainer, summary: Mapping[str, float], figure: Any) -> None:
    """Tell the trackers that have a place for it how it went; ``figure`` may be ``None``."""
    for logger in trainer.loggers:
        if is_a(logger, "WandbLogger"):
            wandb.log_outcome(logger, summary)
        elif is_a(logger, "TensorBoardLogger") and figure is not None:
            tensorboard.log_outcome(logger, figure)


def is_a(logger: Any, name: str) -> bool:
    """Whether a logger is one of that class, of ``lightning`` or ``pytorch_lightning`` alike."""
    kind: Any = type(logger)
    return name in _classes(kind)


@lru_cache(maxsize=64)
def _classes(kind: Any) -> frozenset[str]:
    return frozenset(one.__name__ for one in kind.__mro__)


def _logs_next(trainer: Trainer) -> bool:
    """Whether Lightning is going to log this batch's metrics, once the hooks at its end are done."""
    connector = trainer._logger_connector
    return bool((connector.should_update_logs or getattr(trainer, "fast_dev_run", False)) and connector.metrics["log"])
