"""Weights & Biases: the LR in the row of the loss, the schedule in the config, the plan as a chart, and summary values."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lr_toolkit.lightning._compat import is_about_to_log, logger_prefix, syncs_tensorboard
from lr_toolkit.lightning.loggers.adapter import LoggerAdapter
from lr_toolkit.lightning.loggers.overrides import overrides_log_metrics
from lr_toolkit.lightning.loggers.reports import PlanReport, RowReport, SummaryReport
from lr_toolkit.preview.picture import Line

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from lr_toolkit.finder.result import LRSearch

__all__ = ["WandbAdapter"]

_KEY = "lr_toolkit"  # in the run's config
_SIGNATURE = {"logged_by": "lr_toolkit.LRMonitor"}
_X = "trainer/global_step"  # the x axis of WandbLogger

_log = logging.getLogger("lr_toolkit")


class WandbAdapter(LoggerAdapter):
    """Writes to ``WandbLogger`` and its subclasses."""

    @override
    def log_row(self, trainer: Trainer, logger: Any, row: RowReport) -> None:
        """Write a row; if Lightning logs next at the same step, leave W&B's row open so that both share it.

        W&B's own ``step=`` is never passed: W&B drops rows that come with a smaller one.
        """
        is_shared = row.in_batch and is_about_to_log(trainer)
        if not is_shared or syncs_tensorboard(logger) or overrides_log_metrics(logger, "WandbLogger"):
            super().log_row(trainer, logger, row)
            return
        prefix = logger_prefix(logger)
        named = {f"{prefix}{name}": value for name, value in row.as_dict().items()}
        logger.experiment.log({**named, _X: row.step}, commit=False)

    @override
    def log_plan(self, trainer: Trainer, logger: Any, plan: PlanReport) -> None:
        """Put the schedule into the run's config, and the planned curves into a chart."""
        run = logger.experiment
        _add_config(run, plan.config)
        if plan.pattern.endswith("/"):  # W&B takes a star only at the end of a path
            run.define_metric(f"{logger_prefix(logger)}{plan.pattern}*", step_metric=_X)
        if plan.lines:
            # Left open, so that the chart shares the first row that is logged.
            run.log({"lr_plan/chart": _chart(plan.lines)}, commit=False)

    @override
    def log_search(self, trainer: Trainer, logger: Any, search: LRSearch) -> None:
        """Put the LR, its interval and the cost into the run's summary."""
        values = {"lr": search.lr, "low": search.low, "high": search.high, "cost": search.cost, "reason": search.reason}
        for name, value in values.items():
            logger.experiment.summary[f"{logger_prefix(logger)}lr_search/{name}"] = value

    @override
    def log_summary(self, trainer: Trainer, logger: Any, summary: SummaryReport) -> None:
        """Put the values into the run's summary: W&B's own "last" is 0 for an LR that decayed to 0."""
        for name, value in summary.values.items():
            logger.experiment.summary[f"{logger_prefix(logger)}{name}"] = value


def _add_config(run: Any, config: Mapping[str, object]) -> None:
    """Put the schedule under a key of ours, as nested data, so that runs are filtered by ``lr_toolkit.warmup_steps``."""
    there = run.config.get(_KEY)
    if there is not None and not (isinstance(there, Mapping) and _SIGNATURE.items() <= there.items()):
        _log.info("The W&B config has a value of yours under %r, so the schedule is not added to it.", _KEY)
        return
    run.config.update({_KEY: {**config, **_SIGNATURE}}, allow_val_change=True)


def _chart(lines: Sequence[Line]) -> Any:
    import wandb

    return wandb.plot.line_series(
        xs=[list(line.planned[0]) for line in lines],
        ys=[list(line.planned[1]) for line in lines],
        keys=[line.name for line in lines],
        title="Planned learning rate",
        xname="update",
    )
