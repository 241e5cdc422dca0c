"""Small problems for the tests of the LR finder, and the whole state of a module, an optimizer and the generators, to compare."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from lr_toolkit import configure_optimizers
from tests.helpers import runs


def samples(count: int = 256) -> TensorDataset:
    """A linear function of eight inputs."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(count, 8, generator=generator)
    return TensorDataset(x, x.sum(1, keepdim=True))


def batches(size: int = 16, count: int = 256) -> list[Any]:
    """The samples in batches, in order."""
    return list(zip(*(part.split(size) for part in samples(count).tensors), strict=True))


def squared_error(model: nn.Module, batch: Any) -> Tensor:
    """The loss of a batch."""
    return F.mse_loss(model(batch[0]), batch[1])


class Stream(IterableDataset[Any]):
    """The samples without a length."""

    def __iter__(self) -> Iterator[Any]:
        """From the beginning."""
        return iter(samples())


class Regression(L.LightningModule):
    """A small network with batch normalisation and dropout; ``fails_at`` raises ``error`` in that call of ``training_step``."""

    calls: list[int]

    def __init__(
        self,
        lr: float = 1e-3,
        optimizer: str = "AdamW",
        schedule: str | None = "warmup('5%') >> linear()",
        *,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        torch.manual_seed(seed)
        self.frozen = nn.Linear(8, 8)
        self.frozen.requires_grad_(False)
        self.body = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Linear(16, 1)
        self.used: list[list[float]] = []
        self.before_step: Callable[[], None] = _nothing

    def forward(self, x: Tensor) -> Tensor:
        """The prediction."""
        result: Tensor = self.head(self.body(x + self.frozen(x)))
        return result

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The squared error; it logs, and looks at the optimizer as user code does."""
        self.before_step()
        loss = F.mse_loss(self(batch[0]), batch[1])
        self.log("loss", loss, prog_bar=True)
        self.log_dict({"lr": self.optimizers().param_groups[0]["lr"]})
        return loss

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Record the LRs."""
        self.used.append([float(group["lr"]) for group in self.trainer.optimizers[0].param_groups])

    def configure_optimizers(self) -> Any:
        """Two groups, the second at an eighth, which no rounding touches."""
        options = {"momentum": 0.9} if self.hparams["optimizer"] == "SGD" else {}
        optimizer = getattr(torch.optim, self.hparams["optimizer"])(self.groups(), **options)
        schedule = self.hparams["schedule"]
        return configure_optimizers(optimizer, schedule, self.trainer) if schedule else optimizer

    def groups(self) -> list[dict[str, Any]]:
        """The parameter groups."""
        lr = self.hparams["lr"]
        return [
            {"params": [*self.body.parameters()], "lr": lr, "name": "body"},
            {"params": [*self.head.parameters(), *self.frozen.parameters()], "lr": lr / 8, "name": "head"},
        ]


def _nothing() -> None:
    """Do nothing."""


def loader(*, shuffle: bool = True, workers: int = 0, size: int = 16, seeded: bool = False) -> DataLoader[Any]:
    """The samples; ``seeded`` gives the loader a generator of its own."""
    generator = torch.Generator().manual_seed(3) if seeded else None
    return DataLoader(
        samples(), size, shuffle=shuffle, num_workers=workers, generator=generator, persistent_workers=workers > 0
    )


def trainer(**options: Any) -> L.Trainer:
    """A Trainer of four epochs."""
    return runs.trainer(**({"max_epochs": 4, "num_sanity_val_steps": 0} | options))


def state_of(module: nn.Module, optimizer: Any = None) -> dict[str, Any]:
    """Weights, buffers, gradients, flags and modes of a module, the state of its optimizer, and the generators."""
    return {
        "weights": {name: value.clone() for name, value in module.state_dict().items()},
        "gradients": {
            name: None if each.grad is None else each.grad.clone() for name, each in module.named_parameters()
        },
        "flags": {name: each.requires_grad for name, each in module.named_parameters()},
        "modes": {name: each.training for name, each in module.named_modules()},
        "attributes": sorted(vars(module)),
        "optimizer": optimizer.state_dict() if optimizer is not None else None,
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1],  # noqa: NPY002
        "python": random.getstate(),
    }


def assert_same(before: Any, after: Any) -> None:
    """Compare bit for bit."""
    torch.testing.assert_close(_plain(after), _plain(before), rtol=0, atol=0, equal_nan=True)


def _plain(value: Any) -> Any:
    """Everything as tensors and numbers in containers, with texts as lists of code points."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, np.ndarray):
        return torch.tensor(value.astype(np.int64))
    if isinstance(value, str):
        return [ord(letter) for letter in value]
    return -1 if value is None else value
