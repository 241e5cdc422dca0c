"""Weights & Biases: the schedule in the config, the plan as a chart, the LR in the row of the loss, a summary that says something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lr_toolkit.lightning._compat import logger_prefix, syncs_tensorboard
from lr_toolkit.lightning.loggers.own_rows import has_own_rows
from lr_toolkit.preview.picture import Line

__all__ = ["log_outcome", "log_plan", "log_row"]

_X = "trainer/global_step"  # WandbLogger's own


def log_row(logger: Any, row: Mapping[str, float], step: int, *, joined: bool) -> None:
    """Log ``row``; ``joined`` leaves W&B's row open for what Lightning logs next, at the same step.

    W&B's own ``step=`` is never given: it drops whatever comes with a smaller one.
    """
    if not joined or syncs_tensorboard(logger) or has_own_rows(logger, "WandbLogger"):
        logger.log_metrics(dict(row), step=step)
        return
    named = {f"{logger_prefix(logger)}{name}": value for name, value in row.items()}
    logger.experiment.log({**named, _X: step}, commit=False)


def log_plan(logger: Any, lines: Sequence[Line], config: Mapping[str, Any], pattern: str) -> None:
    """Put the schedule into the run's config, and its planned curves into a chart.

    The config is nested plain data, so that runs can be filtered by ``lr_schedule.warmup_steps`` and the like.
    """
    run = logger.experiment
    run.config.update({"lr_schedule": dict(config)}, allow_val_change=True)
    if pattern.endswith("/"):  # W&B takes a star at the end of a path
        run.define_metric(f"{logger_prefix(logger)}{pattern}*", step_metric=_X)
    if lines:
        import wandb

        xs, ys = [list(line.planned[0]) for line in lines], [list(line.planned[1]) for line in lines]
        chart = wandb.plot.line_series(
            xs=xs, ys=ys, keys=[line.name for line in lines], title="Planned learning rate", xname="update"
        )
        # Left open for the first row that is logged, so that the chart does not take one of its own.
        run.log({"lr_plan/chart": chart}, commit=False)


def log_outcome(logger: Any, summary: Mapping[str, float]) -> None:
    """Put values into the run's summary, where W&B's own "last" is 0 for every LR that decayed."""
    for name, value in summary.items():
        logger.experiment.summary[f"{logger_prefix(logger)}{name}"] = value
