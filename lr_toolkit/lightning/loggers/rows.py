"""What the loggers of a Trainer are given: rows, the plan before training, the outcome after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning._compat import is_about_to_log
from lr_toolkit.lightning.loggers import tensorboard, wandb
from lr_toolkit.preview.picture import Line

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["PlanReport", "has_tensorboard", "log_outcome", "log_plan", "log_row"]

_WANDB = "WandbLogger"
_TENSORBOARD = "TensorBoardLogger"


@final
@dataclass(frozen=True, slots=True)
class PlanReport:
    """What is known before training.

    ``lines`` are the planned curves, ``config`` says the schedule in plain nested data, ``table`` for a person's eyes.
    """

    lines: tuple[Line, ...]
    config: Mapping[str, Any]
    table: str
    pattern: str  # what the curves' names begin with


def log_row(trainer: Trainer, names: tuple[str, ...], values: Sequence[float], step: int, *, in_batch: bool) -> None:
    """Write a row at ``step``.

    Args:
        trainer: whose loggers are written to.
        names: what the values are called; the same tuple at each row is fastest.
        values: plain numbers.
        step: Lightning's x axis, the batches that stepped before.
        in_batch: whether a training batch is just ending, so that the Trainer may log a row of its own right after.
    """
    for logger in trainer.loggers:
        kind = _kind(type(logger))
        if kind is _TENSORBOARD:
            tensorboard.log_row(logger, names, values, step)
            continue
        row = dict(zip(names, values))  # noqa: B905  # one for each name; to have it checked takes a tenth of a logged step
        if kind is _WANDB:
            wandb.log_row(logger, row, step, joined=in_batch and is_about_to_log(trainer))
        else:
            logger.log_metrics(row, step=step)


def log_plan(trainer: Trainer, plan: PlanReport) -> None:
    """Tell the trackers that have a place for it what is planned."""
    for logger in trainer.loggers:
        kind = _kind(type(logger))
        if kind is _WANDB:
            wandb.log_plan(logger, plan.lines, plan.config, plan.pattern)
        elif kind is _TENSORBOARD:
            tensorboard.log_plan(logger, plan.lines, plan.table)


def log_outcome(trainer: Trainer, summary: Mapping[str, float], figure: Any) -> None:
    """Tell the trackers that have a place for it how it went; ``figure`` may be ``None``."""
    for logger in trainer.loggers:
        kind = _kind(type(logger))
        if kind is _WANDB:
            wandb.log_outcome(logger, summary)
        elif kind is _TENSORBOARD and figure is not None:
            tensorboard.log_outcome(logger, figure)


def has_tensorboard(trainer: Trainer) -> bool:
    """Whether one of the Trainer's loggers shows pictures."""
    return any(_kind(type(logger)) is _TENSORBOARD for logger in trainer.loggers)


@lru_cache(maxsize=64)
def _kind(of: Any) -> str:
    """Which tracker a logger's class belongs to, of ``lightning`` or ``pytorch_lightning`` alike."""
    names = {one.__name__ for one in of.__mro__}
    return next((kind for kind in (_WANDB, _TENSORBOARD) if kind in names), "")
