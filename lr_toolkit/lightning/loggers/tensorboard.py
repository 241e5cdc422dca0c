"""TensorBoard: one event per row, planned and used LRs in one chart, the table as text, and the picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from typing_extensions import override

from lr_toolkit.lightning._compat import logger_prefix
from lr_toolkit.lightning.loggers.adapter import LoggerAdapter
from lr_toolkit.lightning.loggers.overrides import overrides_log_metrics
from lr_toolkit.lightning.loggers.reports import PlanReport, RowReport, SummaryReport
from lr_toolkit.preview.picture import Line

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["TensorBoardAdapter"]

_PLAN = "lr_plan"  # the tags of the plan, and the run that holds the layout


class TensorBoardAdapter(LoggerAdapter):
    """Writes to ``TensorBoardLogger`` and its subclasses."""

    wants_picture: ClassVar[bool] = True

    @override
    def log_row(self, trainer: Trainer, logger: Any, row: RowReport) -> None:
        """Write a row as one event: a hundred scalars with an event each would cost a hundred times as much."""
        # Ranks above 0 have a dummy writer, and tensorboardX makes its events in another way.
        if not _is_torchs(logger.experiment) or overrides_log_metrics(logger, "TensorBoardLogger"):
            super().log_row(trainer, logger, row)
            return
        prefix = logger_prefix(logger)
        event, scalars = _event(tuple(f"{prefix}{name}" for name in row.names) if prefix else row.names)
        for scalar, value in zip(scalars, row.values, strict=True):
            scalar.simple_value = value
        logger.experiment.file_writer.add_event(event, row.step)

    @override
    def log_plan(self, trainer: Trainer, logger: Any, plan: PlanReport) -> None:
        """Write the table, the planned curves, and a chart of the planned and used curves."""
        logger.experiment.add_text(f"{_PLAN}/table", "\n".join(f"    {line}" for line in plan.table.splitlines()), 0)
        if plan.lines:
            _add_chart(logger, plan.lines)
            for row in _planned_rows(plan.lines, plan.logged):
                self.log_row(trainer, logger, row)

    @override
    def log_summary(self, trainer: Trainer, logger: Any, summary: SummaryReport) -> None:
        """Write the picture."""
        if summary.figure is not None:
            logger.experiment.add_figure(f"{_PLAN}/picture", summary.figure, 0)


def _is_torchs(writer: Any) -> bool:
    return type(writer).__module__.startswith("torch.utils.tensorboard")


@lru_cache(maxsize=8)
def _event(tags: tuple[str, ...]) -> tuple[Any, list[Any]]:
    """A reusable event and its scalar of each tag: a writer serializes the event before its call returns."""
    from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]  # it brings no types
    from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]  # as above

    event = Event(summary=Summary(value=[Summary.Value(tag=tag) for tag in tags]))
    return event, list(event.summary.value)


def _add_chart(logger: Any, lines: Sequence[Line]) -> None:
    """Add a chart of the planned and used curves to the Custom Scalars tab.

    A run holds one layout, the last one written, and TensorBoard merges the layouts of all runs. A run of its own keeps a
    layout that the user writes before or after this one.
    """
    used = [f"^{re.escape(f'{logger_prefix(logger)}{line.name}')}$" for line in lines]
    layout = {"learning rate": {"planned and used": ["Multiline", [*used, f"^{_PLAN}/.*"]]}}
    with type(logger.experiment)(f"{logger.log_dir}/{_PLAN}") as writer:
        writer.add_custom_scalars(layout)


def _planned_rows(lines: Sequence[Line], logged: frozenset[int]) -> list[RowReport]:
    """The planned curves as rows at the steps of the used ones: TensorBoard smooths a curve by its number of points."""
    rows: dict[int, dict[str, float]] = {}
    for line in lines:
        for update, lr in zip(*line.planned, strict=True):
            if logged and update not in logged:
                continue
            rows.setdefault(int(update), {})[f"{_PLAN}/{line.name.removeprefix('lr/')}"] = lr
    return [
        RowReport(tuple(rows[update]), list(rows[update].values()), update, in_batch=False) for update in sorted(rows)
    ]
