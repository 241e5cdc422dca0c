"""What is known about a run before its first update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning.checks.forecast import Forecast, forecast
from lr_toolkit.lightning.run_layout import RunLayout, run_layout_of

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from torch.optim import Optimizer

__all__ = ["RunInfo"]


@final
@dataclass(frozen=True, slots=True)
class RunInfo:
    """What is known about a run before its first update.

    ``forecasts`` are those of the ``optimizers``, in their order; ``validated`` are the metrics that sanity validation produced.
    """

    trainer: Trainer
    module: LightningModule
    optimizers: Sequence[Optimizer]
    course: RunLayout
    forecasts: Sequence[Forecast]
    validated: frozenset[str]

    @classmethod
    def of(
        cls, trainer: Trainer, module: LightningModule, optimizers: Sequence[Optimizer], validated: frozenset[str]
    ) -> RunInfo:
        """Work out the course of the run and what each optimizer is going to use."""
        course = run_layout_of(trainer)
        forecasts = [forecast(trainer, module, one, course) for one in optimizers]
        return cls(trainer, module, optimizers, course, forecasts, validated)

    @property
    def configs(self) -> list[Any]:
        """Lightning's scheduler configurations."""
        return list(self.trainer.lr_scheduler_configs)

    def configs_of(self, optimizer: Optimizer) -> list[Any]:
        """Those of the schedulers that drive ``optimizer``."""
        return [one for one in self.configs if one.scheduler.optimizer is optimizer]
