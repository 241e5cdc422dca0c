"""MLflow: the schedule and the plan as tags of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lr_toolkit.lightning.loggers.adapter import LoggerAdapter
from lr_toolkit.lightning.loggers.reports import PlanReport

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from lr_toolkit.finder.result import LRSearch

__all__ = ["MLflowAdapter"]

_KEY = "lr_toolkit"
_LONGEST = 5000  # characters that every version of MLflow keeps of a tag


class MLflowAdapter(LoggerAdapter):
    """Writes to ``MLFlowLogger`` and its subclasses."""

    @override
    def log_plan(self, trainer: Trainer, logger: Any, plan: PlanReport) -> None:
        """Set the tags ``lr_toolkit.schedule`` and ``lr_toolkit.plan``.

        Unlike a parameter, a tag may change at a resume; unlike an artifact, it needs no other rights than a metric.
        """
        for name, text in (*_schedules(plan.config), ("plan", plan.table)):
            logger.experiment.set_tag(logger.run_id, f"{_KEY}.{name}", text[:_LONGEST])

    @override
    def log_search(self, trainer: Trainer, logger: Any, search: LRSearch) -> None:
        """Set the tag ``lr_toolkit.search``."""
        logger.experiment.set_tag(logger.run_id, f"{_KEY}.search", str(search)[:_LONGEST])


def _schedules(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The name and the text of each schedule; with several optimizers the name has its number."""
    if "schedule" in config:
        yield "schedule", config["schedule"]
        return
    for optimizer, values in config.items():
        yield f"{optimizer}.schedule", values["schedule"]
