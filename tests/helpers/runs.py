"""Tiny runs that the tests of ``lightning/`` share: a module that records the LRs of each update, loaders, a table of Trainers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import BaseFinetuning, GradientAccumulationScheduler
from lightning.pytorch.utilities import CombinedLoader
from torch.optim import SGD, Optimizer
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from lr_toolkit import Horizon, configure_optimizers

BASES = [0.1, 0.02]


class RecordsUpdates(L.LightningModule):
    """A module that records each update of its optimizers."""

    def watched(self, optimizer: Optimizer) -> Optimizer:
        """Record the LRs of each update of ``optimizer``, and return it."""
        optimizer.register_step_post_hook(self._record)
        return optimizer

    def _record(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        raise NotImplementedError


class Net(RecordsUpdates):
    """Two weights in two groups; ``used`` has the epoch and the LRs of each optimizer update.

    ``answer`` returns the value of ``configure_optimizers`` for the module and its optimizer.
    """

    def __init__(self, answer: Callable[[Net, Optimizer], Any]) -> None:
        super().__init__()
        self.first = torch.nn.Linear(1, 1)
        self.second = torch.nn.Linear(1, 1)
        self.answer = answer
        self.used: list[tuple[int, list[float]]] = []

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """A loss that gives both weights a gradient."""
        value: torch.Tensor = self.second(self.first(_first(batch))).square().mean()
        return value

    def optimizer(self) -> Optimizer:
        """An optimizer that records the LRs of each of its updates."""
        layers = zip((self.first, self.second), BASES, strict=True)
        return self.watched(SGD([{"params": layer.parameters(), "lr": lr} for layer, lr in layers]))

    def configure_optimizers(self) -> Any:
        """The answer of the test."""
        return self.answer(self, self.optimizer())

    def _record(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self.used.append((self.current_epoch, [float(group["lr"]) for group in optimizer.param_groups]))

    @property
    def lrs(self) -> list[list[float]]:
        """The LRs of each update."""
        return [lrs for _, lrs in self.used]

    @property
    def per_epoch(self) -> list[int]:
        """The number of updates of each epoch."""
        return list(Counter(epoch for epoch, _ in self.used).values())


class LogsLoss(Net):
    """Logs the loss of each epoch as ``loss``."""

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """The loss, logged."""
        loss = super().training_step(batch, batch_idx)
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss


def with_schedule(schedule: Any, **options: Any) -> Callable[[Net, Optimizer], Any]:
    """An answer: the optimizer with a schedule of this package."""
    return lambda net, optimizer: configure_optimizers(optimizer, schedule, net.trainer, **options)


def with_scheduler(make: Callable[[Optimizer], Any], interval: str = "step") -> Callable[[Net, Optimizer], Any]:
    """An answer: the optimizer with the scheduler that ``make`` returns for it."""
    return lambda net, optimizer: {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": make(optimizer), "interval": interval},
    }


def plain_module(package: Any) -> Any:
    """The class of a module with a layer and a loss, for ``lightning.pytorch`` or ``pytorch_lightning``."""

    class Plain(package.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            return self.layer(batch[0]).square().mean()

    return Plain


class Unfreezes(BaseFinetuning):
    """Trains a layer of the module from epoch 1 on, in a group of its own, whose LR is left to the schedule."""

    def __init__(self, layer: str = "backbone") -> None:
        super().__init__()
        self.layer = layer

    def freeze_before_training(self, pl_module: L.LightningModule) -> None:
        """That layer alone."""
        self.freeze(getattr(pl_module, self.layer))

    def finetune_function(self, pl_module: L.LightningModule, epoch: int, optimizer: Optimizer) -> None:
        """Add the group."""
        if epoch == 1:
            self.unfreeze_and_add_param_group(getattr(pl_module, self.layer), optimizer, lr=0.01)


class Stages(L.Callback):
    """Lets the module configure its optimizers again at epoch 1."""

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """A new stage."""
        if trainer.current_epoch == 1:
            trainer.strategy.setup_optimizers(trainer)


class InStages(L.LightningModule):
    """A module that does so in its own hook, which runs after those of all callbacks."""

    def on_train_epoch_start(self) -> None:
        """A new stage."""
        Stages().on_train_epoch_start(self.trainer, self)


def _first(batch: Any) -> torch.Tensor:
    while not isinstance(batch, torch.Tensor):
        batch = next(iter(batch.values())) if isinstance(batch, dict) else batch[0]
    return batch


def trainer(**options: Any) -> L.Trainer:
    """A quiet Trainer that writes no files."""
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return L.Trainer(**({"accelerator": "cpu", "devices": 1} | quiet | options))


def loader(batches: int, *, ragged: bool = False, shuffle: bool = False) -> DataLoader[Any]:
    """A loader of that many batches of two samples; the last batch has one sample if ``ragged``."""
    samples = torch.linspace(0.1, 1, 2 * batches - ragged).reshape(-1, 1)
    return DataLoader(TensorDataset(samples), batch_size=2, shuffle=shuffle)


class Stream(IterableDataset[torch.Tensor]):
    """An iterable dataset of that many samples, without a length."""

    def __init__(self, samples: int) -> None:
        self.samples = samples

    def __iter__(self) -> Iterator[torch.Tensor]:
        """The samples, all of them 0.5."""
        return (torch.tensor([0.5]) for _ in range(self.samples))


class SizedStream(Stream):
    """A stream with a length."""

    def __len__(self) -> int:
        """The number of samples."""
        return self.samples


def stream(batches: int, *, sized: bool = False) -> DataLoader[Any]:
    """A loader over an iterable dataset."""
    return DataLoader((SizedStream if sized else Stream)(2 * batches), batch_size=2)


def two_loaders(mode: Any) -> CombinedLoader:
    """Loaders of five and of eight batches, combined."""
    return CombinedLoader({"a": loader(5), "b": loader(8)}, mode)


@dataclass
class Run:
    """The arguments of a Trainer, its training data, and the number of updates of each epoch and of the run."""

    options: dict[str, Any]
    data: Callable[[], Any]
    per_epoch: list[int] | None
    steps: int
    callbacks: Callable[[], list[L.Callback]] = field(default=list)

    @property
    def horizon(self) -> Horizon:
        """The length of this run, worked out by hand."""
        return Horizon(self.steps, self.per_epoch)

    @property
    def epochs(self) -> int:
        """The number of epochs that it begins."""
        return len(self.per_epoch or [])

    def fit(self, net: L.LightningModule) -> L.Trainer:
        """Train."""
        used = self.trainer()
        used.fit(net, self.data())
        return used

    def trainer(self) -> L.Trainer:
        """The Trainer of this run."""
        return trainer(**self.options, callbacks=self.callbacks())


def accumulation(scheduling: dict[int, int]) -> Callable[[], list[L.Callback]]:
    """Lightning's callback that changes the accumulation over the epochs."""
    return lambda: [GradientAccumulationScheduler(dict(scheduling))]


RUNS = {
    "max_epochs": Run({"max_epochs": 3}, lambda: loader(8), [8] * 3, 24),
    "one epoch": Run({"max_epochs": 1}, lambda: loader(8), [8], 8),
    "ragged last batch": Run({"max_epochs": 2}, lambda: loader(5, ragged=True), [5] * 2, 10),
    "shuffled": Run({"max_epochs": 2}, lambda: loader(6, shuffle=True), [6] * 2, 12),
    "max_steps cuts an epoch": Run({"max_steps": 11}, lambda: loader(4), [4] * 3, 11),
    "max_steps ends with an epoch": Run({"max_steps": 8}, lambda: loader(4), [4] * 2, 8),
    "max_steps before max_epochs": Run({"max_epochs": 5, "max_steps": 6}, lambda: loader(4), [4] * 2, 6),
    "max_epochs before max_steps": Run({"max_epochs": 2, "max_steps": 99}, lambda: loader(4), [4] * 2, 8),
    "1000 epochs and max_steps": Run({"max_epochs": 1000, "max_steps": 6}, lambda: loader(4), [4] * 2, 6),
    "limit_train_batches=3": Run({"max_epochs": 2, "limit_train_batches": 3}, lambda: loader(8), [3] * 2, 6),
    "limit_train_batches=0.6": Run({"max_epochs": 2, "limit_train_batches": 0.6}, lambda: loader(8), [4] * 2, 8),
    "accumulate 2": Run({"max_epochs": 2, "accumulate_grad_batches": 2}, lambda: loader(8), [4] * 2, 8),
    "accumulate 2, ragged": Run({"max_epochs": 2, "accumulate_grad_batches": 2}, lambda: loader(7, ragged=True), [4] * 2, 8),
    "accumulate 3, ragged": Run({"max_epochs": 3, "accumulate_grad_batches": 3}, lambda: loader(8), [3] * 3, 9),
    "accumulate 4, ragged": Run({"max_epochs": 2, "accumulate_grad_batches": 4}, lambda: loader(9), [3] * 2, 6),
    "accumulate more than an epoch": Run({"max_epochs": 3, "accumulate_grad_batches": 9}, lambda: loader(4), [1] * 3, 3),
    "accumulate 3 and max_steps": Run({"max_steps": 5, "accumulate_grad_batches": 3}, lambda: loader(8), [3] * 2, 5),
    "accumulate 2 and limit": Run(
        {"max_epochs": 2, "accumulate_grad_batches": 2, "limit_train_batches": 5}, lambda: loader(8), [3] * 2, 6
    ),
    "accumulation 1 then 4": Run({"max_epochs": 3}, lambda: loader(8), [8, 2, 2], 12, accumulation({0: 1, 1: 4})),
    "accumulation from epoch 2": Run({"max_epochs": 4}, lambda: loader(5), [5, 5, 2, 2], 14, accumulation({2: 3})),
    "accumulation 4, 2, 1": Run({"max_epochs": 4}, lambda: loader(7), [2, 4, 7, 7], 20, accumulation({0: 4, 1: 2, 2: 1})),
    "accumulation and max_steps": Run({"max_steps": 11}, lambda: loader(8), [8, 2, 2], 11, accumulation({0: 1, 1: 4})),
    "overfit_batches=2": Run({"max_epochs": 2, "overfit_batches": 2}, lambda: loader(8), [2] * 2, 4),
    "overfit_batches=0.5": Run({"max_epochs": 2, "overfit_batches": 0.5}, lambda: loader(8), [4] * 2, 8),
    "fast_dev_run": Run({"fast_dev_run": True}, lambda: loader(8), [1], 1),
    "fast_dev_run=3": Run({"fast_dev_run": 3}, lambda: loader(8), [3], 3),
    "stream with a length": Run({"max_epochs": 2}, lambda: stream(6, sized=True), [6] * 2, 12),
    "stream and limit": Run({"max_epochs": 2, "limit_train_batches": 4}, lambda: stream(6), [4] * 2, 8),
    "stream and max_steps": Run({"max_steps": 10}, lambda: stream(6), None, 10),
    "stream, max_epochs and max_steps": Run({"max_epochs": 9, "max_steps": 10}, lambda: stream(6), None, 10),
    "two loaders, the longest": Run({"max_epochs": 2}, lambda: two_loaders("max_size_cycle"), [8] * 2, 16),
    "two loaders, the shortest": Run({"max_epochs": 2}, lambda: two_loaders("min_size"), [5] * 2, 10),
    "a dict of loaders": Run({"max_epochs": 2}, lambda: {"a": loader(3), "b": loader(6)}, [6] * 2, 12),
    "min_epochs": Run({"max_epochs": 2, "min_epochs": 2}, lambda: loader(4), [4] * 2, 8),
    "barebones": Run(
        {"max_epochs": 2, "barebones": True, "logger": None, "enable_checkpointing": None, "enable_progress_bar": None,
         "enable_model_summary": None}, lambda: loader(4), [4] * 2, 8
    ),
}  # fmt: skip
