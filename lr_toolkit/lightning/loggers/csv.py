"""CSV: the plan and the search as text files beside the metrics."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

import fsspec
from typing_extensions import override

from lr_toolkit.lightning.loggers.adapter import LoggerAdapter
from lr_toolkit.lightning.loggers.reports import PlanReport
from lr_toolkit.preview.picture import Line

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from lr_toolkit.finder.result import LRSearch

__all__ = ["CSVAdapter"]


class CSVAdapter(LoggerAdapter):
    """Writes to ``CSVLogger`` and its subclasses."""

    @override
    def log_plan(self, trainer: Trainer, logger: Any, plan: PlanReport) -> None:
        """Write the table, which begins with the schedule's text, to ``lr_plan.txt``, and the planned curves to ``lr_plan.csv``."""
        _write(f"{logger.log_dir}/lr_plan.txt", plan.table)
        if plan.lines:
            _write(f"{logger.log_dir}/lr_plan.csv", _rows(plan.lines))

    @override
    def log_search(self, trainer: Trainer, logger: Any, search: LRSearch) -> None:
        """Write the table to ``lr_search.txt`` in the folder of the run."""
        _write(f"{logger.log_dir}/lr_search.txt", str(search))


def _rows(lines: Sequence[Line]) -> str:
    """The planned curves, a row for each update and a column for each curve, as in ``metrics.csv``."""
    rows: dict[float, dict[str, float]] = {}
    for line in lines:
        for update, lr in zip(*line.planned, strict=True):
            rows.setdefault(update, {})[line.name] = lr
    text = StringIO()
    writer = csv.DictWriter(text, ["step", *(line.name for line in lines)], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"step": update, **rows[update]} for update in sorted(rows))
    return text.getvalue().rstrip("\n")


def _write(path: str, text: str) -> None:
    with fsspec.open(path, "w", encoding="utf-8", auto_mkdir=True) as file:
        file.write(f"{text}\n")
