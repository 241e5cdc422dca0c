"""What is known about a run before its first update."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning._compat import callbacks_of, is_trial
from lr_toolkit.lightning.checks.forecast import Forecast, forecast
from lr_toolkit.lightning.checks.source import steps_schedulers
from lr_toolkit.lightning.run_layout import RunLayout, run_layout_of

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from torch.optim import Optimizer

__all__ = ["RunInfo"]


@final
@dataclass(frozen=True, slots=True)
class RunInfo:
    """What is known about a run before its first update.

    ``forecasts`` are those of the ``optimizers``, in their order. ``validated`` are the metrics that the sanity validation
    logged. ``without_fit`` means that only the run is looked at, so that ``trainer.fit`` may be given more data.
    """

    trainer: Trainer
    module: LightningModule
    optimizers: Sequence[Optimizer]
    layout: RunLayout
    forecasts: Sequence[Forecast]
    validated: frozenset[str]
    without_fit: bool = False

    @classmethod
    def of(
        cls,
        trainer: Trainer,
        module: LightningModule,
        optimizers: Sequence[Optimizer],
        validated: frozenset[str],
        *,
        without_fit: bool = False,
    ) -> RunInfo:
        """Work out the layout of the run, and the LRs that each optimizer is going to use.

        ``without_fit`` is that of ``forecast``: the forecasts have each update of a run that is not trained.
        """
        layout = run_layout_of(trainer)
        forecasts = [forecast(trainer, module, optimizer, layout, without_fit=without_fit) for optimizer in optimizers]
        return cls(trainer, module, optimizers, layout, forecasts, validated, without_fit)

    @property
    def is_trial(self) -> bool:
        """Whether the run is cut to a few batches on purpose, so that its length has no meaning."""
        return is_trial(self.trainer)

    @property
    def is_automatic(self) -> bool:
        """Whether Lightning steps the schedulers; under manual optimization the module does."""
        return bool(self.module.automatic_optimization)

    @property
    def is_stepped_by_lightning(self) -> bool:
        """Whether Lightning alone steps the schedulers, so that their steps can be counted beforehand."""
        return self.is_automatic and not steps_schedulers(self.module, callbacks_of(self.trainer))

    @property
    def configs(self) -> list[Any]:
        """Lightning's scheduler configurations."""
        return list(self.trainer.lr_scheduler_configs)

    def configs_of(self, optimizer: Optimizer) -> list[Any]:
        """The configurations of the schedulers that drive ``optimizer``."""
        return [config for config in self.configs if config.scheduler.optimizer is optimizer]
