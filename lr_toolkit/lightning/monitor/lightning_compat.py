"""What projects read from Lightning's ``LearningRateMonitor``: its attributes and metrics, at its own cadence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning_utilities.core.rank_zero import rank_zero_warn

from lr_toolkit.lightning.monitor.names import SeriesName
from lr_toolkit.lightning.monitor.recorder import momentum_of, numbers, weight_decay_of
from lr_toolkit.optim.group_writer import send

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch.optim import Optimizer

__all__ = ["Readings", "check_logger", "put_metrics", "warn_about_momentum"]


@final
class Readings:
    """``lrs``, ``last_momentum_values`` and ``last_weight_decay_values`` as Lightning's monitor fills them.

    They are read before the batch, every time that the Trainer is about to log, so under accumulation several times for
    one update. The rows of the loggers do not come from here.
    """

    def __init__(self) -> None:
        self.lrs: dict[str, list[float]] = {}
        self.momentum: dict[str, float | None] = {}
        self.weight_decay: dict[str, float | None] = {}

    def begin(self, curves: Iterable[SeriesName]) -> None:
        """Forget, and hold an empty list for each curve."""
        curves = list(curves)
        self.lrs = {one.name: [] for one in curves}
        self.momentum = {one.momentum: None for one in curves}
        self.weight_decay = {one.weight_decay: None for one in curves}

    def rename(self, curves: Iterable[SeriesName]) -> None:
        """Take in groups that have joined; what one group alone was called goes on under its new name."""
        for one in curves:
            alone = one.name.removesuffix("/pg1")
            if alone != one.name and alone in self.lrs:
                self.lrs[one.name] = self.lrs.pop(alone)
            self.lrs.setdefault(one.name, [])

    def read(
        self,
        trainer: Trainer,
        optimizers: Sequence[Optimizer],
        curves: Iterable[SeriesName],
        *,
        momentum: bool,
        weight_decay: bool,
    ) -> None:
        """Append the values in force now, and put them among the Trainer's metrics."""
        curves = list(curves)
        groups = [optimizers[one.optimizer].param_groups[one.group] for one in curves]
        values = dict(zip([one.name for one in curves], numbers([one["lr"] for one in groups]), strict=True))
        for name, lr in values.items():
            self.lrs[name].append(lr)
        if momentum:
            found = dict(zip([one.momentum for one in curves], numbers(list(map(momentum_of, groups))), strict=True))
            self.momentum.update(found)
            values |= found
        if weight_decay:
            found = dict(
                zip([one.weight_decay for one in curves], numbers(list(map(weight_decay_of, groups))), strict=True)
            )
            self.weight_decay.update(found)
            values |= found
        put_metrics(trainer, values)


def put_metrics(trainer: Trainer, values: Mapping[str, float]) -> None:
    """Put values among the Trainer's metrics, where ``EarlyStopping`` and ``ModelCheckpoint`` look for theirs."""
    if values:
        # One copy to the device for all of them; a metric is a view of it.
        metrics = torch.empty(len(values), device=trainer.strategy.root_device)
        send(metrics, list(values.values()))
        trainer.callback_metrics.update(zip(values, metrics.unbind(), strict=True))


def check_logger(trainer: Trainer) -> None:
    """Refuse a Trainer without logger, as Lightning's monitor does."""
    if not trainer.loggers:
        raise MisconfigurationException(
            "Cannot use `LRMonitor(names='lightning')` callback with `Trainer` that has no logger. Write LRMonitor(), "
            "which records and prints without one."
        )


def warn_about_momentum(trainer: Trainer, optimizers: Sequence[Optimizer]) -> None:
    """Say that optimizers without momentum are logged as 0, as Lightning's monitor does."""
    scheduled: list[Any] = [config.scheduler.optimizer for config in trainer.lr_scheduler_configs]
    watched = scheduled or list(optimizers)
    if any("momentum" not in one.defaults for one in watched) and any("betas" not in one.defaults for one in watched):
        rank_zero_warn(
            "You have set log_momentum=True, but some optimizers do not"
            " have momentum. This will log a value 0 for the momentum.",
            category=RuntimeWarning,
        )
