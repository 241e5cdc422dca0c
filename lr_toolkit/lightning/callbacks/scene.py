"""What is known about a run before its first update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning.callbacks.course import Course
from lr_toolkit.lightning.callbacks.forecast import Forecast

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

__all__ = ["Scene"]


@final
@dataclass(frozen=True, slots=True)
class Scene:
    """What is known about a run before its first update."""

    trainer: Trainer
    module: LightningModule
    course: Course
    forecasts: Sequence[Forecast]
    validated: frozenset[str]  # the metrics that sanity validation produced

    @property
    def configs(self) -> list[Any]:
        """Lightning's scheduler configurations."""
        return list(self.trainer.lr_scheduler_configs)
