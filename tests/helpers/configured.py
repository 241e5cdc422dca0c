"""Modules that the tests of configurations share, at paths that a configuration can name, and how their runs are compared with a plan."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from lightning.pytorch.cli import LRSchedulerCallable, OptimizerCallable
from torch.optim import SGD, Optimizer

from lr_toolkit import Duration, GreedyLR, Horizon, ReduceOnPlateau, Schedule, ScheduleMixin, cosine, warmup
from tests.helpers.runs import LogsLoss, Net, loader

BASE = 0.1
BATCHES = 5
DEFAULT = warmup("20%") >> cosine()
LENGTH = Duration("5%")
QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "devices": 1,
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}


class Plain(LogsLoss):
    """A module that builds an optimizer, and knows nothing of schedules."""

    def __init__(self, momentum: float = 0.0) -> None:
        super().__init__(lambda net, optimizer: optimizer)
        self.start_momentum = momentum

    def optimizer(self) -> Optimizer:
        """A recorded optimizer of one group."""
        return self.watched(SGD(self.parameters(), lr=BASE, momentum=self.start_momentum))

    def train_dataloader(self) -> Any:
        """A loader of five batches."""
        return loader(BATCHES)


class Scheduled(Plain):
    """A module that returns a scheduler already."""

    def configure_optimizers(self) -> Any:
        """The optimizer and a scheduler of torch."""
        optimizer = self.optimizer()
        return [optimizer], [torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)]


class Mixed(ScheduleMixin, Plain):
    """A module with the mixin, which keeps all of its arguments as hyperparameters."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.save_hyperparameters()

    def build_optimizer(self) -> Optimizer:
        """A recorded optimizer of one group, with a momentum that can be scheduled."""
        self.start_momentum = 0.5
        return self.optimizer()


class Annotated(ScheduleMixin, Plain):
    """A module with the mixin, whose parameters have type annotations."""

    def __init__(
        self,
        schedule: Schedule = DEFAULT,
        second: Schedule | None = None,
        plateau: ReduceOnPlateau | GreedyLR | None = None,
        horizon: Horizon | None = None,
        rewarm: Duration | None = None,
        length: Duration = LENGTH,
    ) -> None:
        super().__init__()
        self.given = {"second": second, "plateau": plateau, "horizon": horizon, "rewarm": rewarm, "length": length}
        self.save_hyperparameters()

    def build_optimizer(self) -> Optimizer:
        """A recorded optimizer of one group."""
        return self.optimizer()


class Slots(Plain):
    """A module as in the Lightning-Hydra template: factories for its optimizer and its scheduler, and a dict of its own."""

    def __init__(
        self, optimizer: OptimizerCallable, scheduler: LRSchedulerCallable, interval: str = "epoch", frequency: int = 1
    ) -> None:
        super().__init__()
        self.factories = optimizer, scheduler
        self.config = {"monitor": "loss", "interval": interval, "frequency": frequency}

    def configure_optimizers(self) -> Any:
        """What the template returns."""
        make_optimizer, make_scheduler = self.factories
        optimizer = self.watched(make_optimizer(self.parameters()))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": make_scheduler(optimizer), **self.config}}


def assert_followed(net: Net, schedule: Any, epochs: int = 2, base: float = BASE) -> None:
    """The LR that each update of a run of some epochs has used is that of the schedule's timeline."""
    steps = epochs * BATCHES
    planned = Schedule.parse(schedule).resolve(Horizon(steps, BATCHES)).values(range(steps)) * base

    assert [lrs[0] for lrs in net.lrs] == pytest.approx(planned.tolist(), rel=1e-12)
