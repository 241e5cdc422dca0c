"""Tiny fits that the tests of the callbacks share: a module that records the LRs of its updates, loggers, readers of CSV files."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.loggers import CSVLogger, Logger
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import ExponentialLR
from torch.utils.data import DataLoader, TensorDataset

from lr_toolkit import configure_optimizers
from tests.helpers import runs

Answer = Callable[["Probe"], Any]


class Probe(runs.RecordsUpdates):
    """A module with a weight for each group; ``used`` has (x, [lr, ...]) of every optimizer update."""

    def __init__(self, answer: Answer, *, groups: int = 1) -> None:
        super().__init__()
        self.weights = torch.nn.ParameterList(torch.nn.Parameter(torch.ones(1)) for _ in range(groups))
        self.answer = answer
        self.used: list[tuple[int, list[float]]] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """A loss that depends on every weight, logged as ``loss``."""
        loss = sum(weight.square().sum() for weight in self.weights) * batch[0].mean()
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """A metric that never improves."""
        self.log("val_loss", torch.ones(()))

    def configure_optimizers(self) -> Any:
        """The answer of the test."""
        return self.answer(self)

    def sgd(self, lr: Any = 0.1, **options: Any) -> Optimizer:
        """A recorded optimizer with a group for each weight."""
        return self.watched(SGD([{"params": [weight]} for weight in self.weights], lr=lr, **options))

    def _record(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        x = self.trainer.fit_loop.epoch_loop._batches_that_stepped
        self.used.append((x, [float(group["lr"]) for group in optimizer.param_groups]))


class WithBackbone(Probe):
    """A module with a backbone that is not in its optimizer at first."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.backbone = torch.nn.Linear(1, 1)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """A loss that depends on the backbone."""
        return super().training_step(batch, batch_idx) + self.backbone(batch[0]).square().mean()


def ours_per_step(net: Probe) -> Any:
    """An answer: a schedule of this package. It can be pickled."""
    return configure_optimizers(net.sgd(), "cosine()", net.trainer)


def torchs_per_step(net: Probe) -> Any:
    """An answer: a scheduler of torch, stepped after each batch. It can be pickled."""
    optimizer = net.sgd()
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": ExponentialLR(optimizer, 0.9), "interval": "step"}}


class BarMetrics(L.Callback):
    """``shown`` has the metrics of the progress bar after each batch."""

    def __init__(self) -> None:
        self.shown: list[dict[str, Any]] = []

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *args: Any) -> None:
        """Read them."""
        self.shown.append(trainer.progress_bar_callback.get_metrics(trainer, pl_module))


def data(batches: int) -> DataLoader[Any]:
    """A loader of that many batches of one sample."""
    return DataLoader(TensorDataset(torch.full((batches, 1), 0.1)))


class WrongLength:
    """A dataloader that gives ``batches`` and has a length of eight."""

    def __init__(self, batches: int) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Any]:
        """The batches."""
        return iter(data(self.batches))

    def __len__(self) -> int:
        """Eight."""
        return 8


def fit(
    net: L.LightningModule,
    *callbacks: L.Callback,
    batches: int = 8,
    logger: Logger | Sequence[Logger] | bool = False,
    validate: bool = False,
    ckpt_path: str | Path | None = None,
    **options: Any,
) -> L.Trainer:
    """Train quietly, and return the Trainer."""
    defaults: dict[str, Any] = {"max_epochs": 1, "limit_val_batches": 1 if validate else 0}
    trainer = runs.trainer(**(defaults | options), logger=logger, callbacks=list(callbacks))
    trainer.fit(net, data(batches), data(1) if validate else None, ckpt_path=ckpt_path)
    return trainer


def csv_logger(folder: Path) -> CSVLogger:
    """A logger that writes to ``folder``/run."""
    return CSVLogger(str(folder), name="", version="run")


def csv_rows(folder: Path, column: str) -> list[tuple[int, float]]:
    """(step, value) of every row of that logger's file that has a value in ``column``."""
    return read_csv(folder / "run" / "metrics.csv", column)


def read_csv(path: Path, column: str) -> list[tuple[int, float]]:
    """(step, value) of every row of a CSV logger's file that has a value in ``column``."""
    with path.open(newline="") as file:
        return [(int(row["step"]), float(row[column])) for row in csv.DictReader(file) if row.get(column)]


class Recorder(Logger):
    """A logger that records every row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int | None, dict[str, Any]]] = []

    name = "recorder"
    version = "0"

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Record a row."""
        self.rows.append((step, dict(metrics)))

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Not recorded."""

    def lrs(self, prefix: str = "lr") -> list[tuple[int | None, dict[str, Any]]]:
        """The rows that contain a learning rate."""
        return [(step, row) for step, row in self.rows if any(name.startswith(prefix) for name in row)]
