"""The protocol between LRMonitor and a logger: one method per event, and plain ``log_metrics`` as the default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from lr_toolkit.finder.result import LRSearch
    from lr_toolkit.lightning.loggers.reports import PlanReport, RowReport, SummaryReport

__all__ = ["LoggerAdapter"]


class LoggerAdapter:
    """Writes the events of ``LRMonitor`` to one kind of logger.

    The methods of this class serve any Lightning logger: a row is passed to ``log_metrics``, search, plan and summary are not written.
    Override the methods of the events for which the tracker has a better place, and register the adapter with
    ``register_logger_adapter``. Search, plan and summary are written on rank 0 only.

    Attributes:
        wants_picture: whether ``log_summary`` uses ``summary.figure``. The picture is drawn only if an adapter wants it.

    Example:
        >>> class NotesAdapter(LoggerAdapter):
        ...     def log_plan(self, trainer, logger, plan):
        ...         logger.experiment.add_note(plan.table)
    """

    wants_picture: ClassVar[bool] = False

    def log_row(self, trainer: Trainer, logger: Any, row: RowReport) -> None:
        """Write the values of an update.

        Args:
            trainer: the Trainer that the logger belongs to.
            logger: the logger to write to.
            row: names, values and step.
        """
        logger.log_metrics(row.as_dict(), step=row.step)

    def log_plan(self, trainer: Trainer, logger: Any, plan: PlanReport) -> None:
        """Write the plan, before the first update.

        Args:
            trainer: the Trainer that the logger belongs to.
            logger: the logger to write to.
            plan: the planned curves, the schedule as data, and the table.
        """

    def log_search(self, trainer: Trainer, logger: Any, search: LRSearch) -> None:
        """Write what ``LRFinder`` has found, before the first update.

        Args:
            trainer: the Trainer that the logger belongs to.
            logger: the logger to write to.
            search: the base LR, with what was tried.
        """

    def log_summary(self, trainer: Trainer, logger: Any, summary: SummaryReport) -> None:
        """Write the summary, after the last update.

        Args:
            trainer: the Trainer that the logger belongs to.
            logger: the logger to write to.
            summary: the numbers by which runs are compared, and the picture.
        """
