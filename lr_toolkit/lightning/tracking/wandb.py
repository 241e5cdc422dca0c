"""Weights & Biases: learning rates in the row of the loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["log_row"]


def log_row(logger: Any, row: Mapping[str, float], step: int, *, joined: bool) -> None:
    """Log ``row``; ``joined`` leaves W&B's row open for what Lightning logs next, at the same step.

    W&B's own ``step=`` is never given: it drops whatever comes with a smaller one.
    """
    if not joined or logger._wandb_init.get("sync_tensorboard"):
        logger.log_metrics(dict(row), step=step)
        return
    prefix = f"{logger._prefix}{logger.LOGGER_JOIN_CHAR}" if logger._prefix else ""
    named = {f"{prefix}{name}": value for name, value in row.items()}
    logger.experiment.log({**named, "trainer/global_step": step}, commit=False)
