"""The attributes and metrics of Lightning's ``LearningRateMonitor``, read when it reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, final

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning_utilities.core.rank_zero import rank_zero_warn

from lr_toolkit.lightning.monitor.callback_metrics import put_metrics
from lr_toolkit.lightning.monitor.names import SeriesName, assign_names
from lr_toolkit.lightning.monitor.recorder import momentum_of, numbers, weight_decay_of

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch.optim import Optimizer

    from lr_toolkit.lightning.monitor.settings import MonitorSettings

__all__ = ["LightningReadings", "check_logger", "warn_about_momentum"]


@final
class LightningReadings:
    """``lrs``, ``last_momentum_values`` and ``last_weight_decay_values`` as Lightning's monitor fills them.

    It reads before a batch that the Trainer is going to log, so under accumulation several times per update. The loggers'
    rows do not come from here.

    Args:
        settings: what is read, under which prefix.

    Attributes:
        lrs: the values read so far, by name.
        momentum: the latest values, by name.
        weight_decay: the latest values, by name.
    """

    def __init__(self, settings: MonitorSettings) -> None:
        self._settings = settings
        self.lrs: dict[str, list[float]] = {}
        self.momentum: dict[str, float | None] = {}
        self.weight_decay: dict[str, float | None] = {}

    def begin(self, series: Iterable[SeriesName]) -> None:
        """Show each series without a value."""
        for name in series:
            self.lrs[name.name] = []
            self.momentum[name.name_of("momentum")] = None
            self.weight_decay[name.name_of("weight_decay")] = None

    def read(self, trainer: Trainer, optimizers: Sequence[Optimizer], interval: str) -> None:
        """Read the values in force now of the series with this interval, and add them to the Trainer's metrics."""
        settings = self._settings
        series = assign_names(
            trainer,
            optimizers,
            [optimizer.param_groups for optimizer in optimizers],
            names="lightning",
            interval=settings.logging_interval,
            prefix=settings.prefix,
        )
        self._rename(series)
        wanted = [name for name in series if name.interval in (interval, "any")]
        groups = [optimizers[name.optimizer].param_groups[name.group] for name in wanted]
        read = _values("lr", wanted, (group["lr"] for group in groups))
        for name, lr in read.items():
            self.lrs[name].append(lr)
        if settings.log_momentum:
            momentum = _values("momentum", wanted, map(momentum_of, groups))
            self.momentum |= momentum
            read |= momentum
        if settings.log_weight_decay:
            weight_decay = _values("weight_decay", wanted, map(weight_decay_of, groups))
            self.weight_decay |= weight_decay
            read |= weight_decay
        put_metrics(trainer, read)

    def _rename(self, series: Iterable[SeriesName]) -> None:
        """Show groups that have joined; the values of a group that was alone go on under its new name."""
        for name in series:
            alone = name.name.removesuffix("/pg1")
            if alone != name.name and alone in self.lrs:
                self.lrs[name.name] = self.lrs.pop(alone)
            self.lrs.setdefault(name.name, [])


def _values(quantity: str, series: Sequence[SeriesName], values: Iterable[Any]) -> dict[str, float]:
    """The numbers of a quantity under the names of its series."""
    return dict(zip([name.name_of(quantity) for name in series], numbers(values), strict=True))


def check_logger(trainer: Trainer) -> None:
    """Refuse a Trainer without a logger, as Lightning's monitor does."""
    if not trainer.loggers:
        raise MisconfigurationException(
            "Cannot use `LRMonitor(names='lightning')` callback with `Trainer` that has no logger. Write LRMonitor(), "
            "which records and prints without one."
        )


def warn_about_momentum(trainer: Trainer, optimizers: Sequence[Optimizer]) -> None:
    """Warn that optimizers without momentum are logged as 0, as Lightning's monitor does."""
    scheduled: list[Any] = [config.scheduler.optimizer for config in trainer.lr_scheduler_configs]
    defaults = [optimizer.defaults for optimizer in scheduled or optimizers]
    if any("momentum" not in values for values in defaults) and any("betas" not in values for values in defaults):
        rank_zero_warn(
            "You have set log_momentum=True, but some optimizers do not"
            " have momentum. This will log a value 0 for the momentum.",
            category=RuntimeWarning,
        )
