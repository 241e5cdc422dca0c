"""What is known about a run before its first update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning.callbacks.forecast import Course, Forecast

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
    def is_trial(self) -> bool:
        """Whether the run was cut to a few batches on purpose, so that its length says nothing."""
        cut: bool | int = self.trainer.fast_dev_run  # type: ignore[attr-defined]  # set by Lightning's debugging setup
        return bool(cut)

    @property
    def configs(self) -> list[Any]:
        """Lightning's scheduler configurations."""
        return list(self.trainer.lr_scheduler_configs)
