"""CSV: the plan and the search as text files beside the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fsspec
from typing_extensions import override

from lr_toolkit.lightning.loggers.adapter import LoggerAdapter
from lr_toolkit.lightning.loggers.reports import PlanReport

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from lr_toolkit.finder.result import LRSearch

__all__ = ["CSVAdapter"]


class CSVAdapter(LoggerAdapter):
    """Writes to ``CSVLogger`` and its subclasses."""

    @override
    def log_plan(self, trainer: Trainer, logger: Any, plan: PlanReport) -> None:
        """Write the table, which begins with the schedule's text, to ``lr_plan.txt`` in the folder of the run."""
        _write(f"{logger.log_dir}/lr_plan.txt", plan.table)

    @override
    def log_search(self, trainer: Trainer, logger: Any, search: LRSearch) -> None:
        """Write the table to ``lr_search.txt`` in the folder of the run."""
        _write(f"{logger.log_dir}/lr_search.txt", str(search))


def _write(path: str, text: str) -> None:
    with fsspec.open(path, "w", encoding="utf-8", auto_mkdir=True) as file:
        file.write(f"{text}\n")
