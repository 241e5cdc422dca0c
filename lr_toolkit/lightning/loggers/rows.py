"""Passes each event to the loggers of a Trainer, through the adapter of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lr_toolkit.lightning.loggers.adapter import LoggerAdapter
from lr_toolkit.lightning.loggers.registry import adapter_of
from lr_toolkit.lightning.loggers.reports import PlanReport, RowReport, SummaryReport

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from matplotlib.figure import Figure

    from lr_toolkit.finder.result import LRSearch

__all__ = ["PlanReport", "log_plan", "log_row", "log_search", "log_summary", "wants_picture"]

_log = logging.getLogger("lr_toolkit")


def log_row(trainer: Trainer, names: tuple[str, ...], values: Sequence[float], step: int, *, in_batch: bool) -> None:
    """Write a row at ``step`` to each logger.

    Args:
        trainer: the Trainer whose loggers are written to.
        names: the name of each value. Passing the same tuple object for each row is fastest.
        values: plain numbers.
        step: Lightning's x axis: the number of batches that stepped before.
        in_batch: whether a training batch is ending, so that Lightning may log a row of its own next.

    Raises:
        Exception: the error of the first logger that failed, after the others have their row.
    """
    row = RowReport(names, values, step, in_batch)
    _write(trainer, lambda adapter, logger: adapter.log_row(trainer, logger, row))


def log_plan(trainer: Trainer, plan: PlanReport) -> None:
    """Write the plan to each logger that has a place for it."""
    _write(trainer, lambda adapter, logger: adapter.log_plan(trainer, logger, plan))


def log_search(trainer: Trainer, search: LRSearch) -> None:
    """Write what ``LRFinder`` has found to each logger that has a place for it."""
    _write(trainer, lambda adapter, logger: adapter.log_search(trainer, logger, search))


def log_summary(trainer: Trainer, values: Mapping[str, float], figure: Figure | None) -> None:
    """Write the summary to each logger that has a place for it."""
    summary = SummaryReport(values, figure)
    _write(trainer, lambda adapter, logger: adapter.log_summary(trainer, logger, summary))


def wants_picture(trainer: Trainer) -> bool:
    """Whether one of the Trainer's loggers shows the picture of the planned and used LRs."""
    return any(adapter_of(logger).wants_picture for logger in trainer.loggers)


def _write(trainer: Trainer, write: Callable[[LoggerAdapter, Any], None]) -> None:
    """Call ``write`` for each logger, then raise the first error, so that a failing logger costs the others nothing."""
    errors: list[Exception] = []
    for logger in trainer.loggers:
        try:
            write(adapter_of(logger), logger)
        except Exception as error:
            errors.append(error)
    for other in errors[1:]:
        _log.error("Another logger failed at the same event.", exc_info=other)
    if errors:
        raise errors[0]
