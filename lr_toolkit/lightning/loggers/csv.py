"""CSV: the plan as a text file beside the metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fsspec
from typing_extensions import override

from lr_toolkit.lightning.loggers.adapter import LoggerAdapter
from lr_toolkit.lightning.loggers.reports import PlanReport

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["CSVAdapter"]


class CSVAdapter(LoggerAdapter):
    """Writes to ``CSVLogger`` and its subclasses."""

    @override
    def log_plan(self, trainer: Trainer, logger: Any, plan: PlanReport) -> None:
        """Write the table, which begins with the schedule's text, to ``lr_plan.txt`` in the folder of the run."""
        with fsspec.open(f"{logger.log_dir}/lr_plan.txt", "w", encoding="utf-8", auto_mkdir=True) as file:
            file.write(f"{plan.table}\n")
