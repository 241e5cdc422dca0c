"""TensorBoard: one event per row, the plan as a run beside it, the table as text, and the picture."""

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
from lr_toolkit.preview.axes import has_matplotlib
from lr_toolkit.preview.picture import Line

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from lr_toolkit.finder.result import LRSearch

__all__ = ["TensorBoardAdapter"]

_SEARCH = "lr_search"  # the tags of what LRFinder has found
_PLAN = "lr_plan"  # the run that holds the planned curves and the layout, and the tags of the table and the picture


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
        names = tuple(f"{prefix}{name}" for name in row.names) if prefix else row.names
        _write(logger.experiment, names, row.values, row.step)

    @override
    def log_plan(self, trainer: Trainer, logger: Any, plan: PlanReport) -> None:
        """Write the table; and the planned curves as another run, under the tags of the used ones.

        TensorBoard draws the curves of a tag in one card, so planned and used are seen together.
        """
        logger.experiment.add_text(f"{_PLAN}/table", _preformatted(plan.table), 0)
        if plan.lines:
            prefix = logger_prefix(logger)
            with type(logger.experiment)(f"{logger.log_dir}/{_PLAN}") as writer:
                writer.add_custom_scalars(_layout(prefix, plan.lines))
                for step, values in _rows(prefix, plan.lines, plan.logged):
                    _write(writer, tuple(values), list(values.values()), step)

    @override
    def log_search(self, trainer: Trainer, logger: Any, search: LRSearch) -> None:
        """Write the table, and the picture if matplotlib is there."""
        logger.experiment.add_text(f"{_SEARCH}/table", _preformatted(str(search)), 0)
        if has_matplotlib():
            logger.experiment.add_figure(f"{_SEARCH}/picture", search.plot(), 0)

    @override
    def log_summary(self, trainer: Trainer, logger: Any, summary: SummaryReport) -> None:
        """Write the picture."""
        if summary.figure is not None:
            logger.experiment.add_figure(f"{_PLAN}/picture", summary.figure, 0)


def _preformatted(table: str) -> str:
    """A table in Markdown, of which each space is kept."""
    return "\n".join(f"    {line}" for line in table.splitlines())


def _is_torchs(writer: Any) -> bool:
    return type(writer).__module__.startswith("torch.utils.tensorboard")


def _write(writer: Any, tags: tuple[str, ...], values: Sequence[float], step: int) -> None:
    """Write a row, with torch's writer as one event."""
    if not _is_torchs(writer):
        for tag, value in zip(tags, values, strict=True):
            writer.add_scalar(tag, value, step)
        return
    event, scalars = _event(tags)
    for scalar, value in zip(scalars, values, strict=True):
        scalar.simple_value = value
    writer.file_writer.add_event(event, step)


@lru_cache(maxsize=8)
def _event(tags: tuple[str, ...]) -> tuple[Any, list[Any]]:
    """A reusable event and its scalar of each tag: a writer serializes the event before its call returns."""
    from tensorboard.compat.proto.event_pb2 import Event  # type: ignore[import-untyped]  # it brings no types
    from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]  # as above

    event = Event(summary=Summary(value=[Summary.Value(tag=tag) for tag in tags]))
    return event, list(event.summary.value)


def _layout(prefix: str, lines: Sequence[Line]) -> dict[str, Any]:
    """A chart of all planned and used curves for the Custom Scalars tab.

    A run holds one layout, the last one written, and TensorBoard merges the layouts of all runs. The run of the plan keeps a
    layout that the user writes before or after this one.
    """
    return {
        "learning rate": {
            "planned and used": ["Multiline", [f"^{re.escape(f'{prefix}{line.name}')}$" for line in lines]]
        }
    }


def _rows(prefix: str, lines: Sequence[Line], logged: frozenset[int]) -> list[tuple[int, dict[str, float]]]:
    """The planned curves as rows at the steps of the used ones: TensorBoard smooths a curve by its number of points."""
    rows: dict[int, dict[str, float]] = {}
    for line in lines:
        for update, lr in zip(*line.planned, strict=True):
            if not logged or update in logged:
                rows.setdefault(int(update), {})[f"{prefix}{line.name}"] = lr
    return sorted(rows.items())
