"""A network that Lightning trains with Muon (or SGD) for its matrices and AdamW for the rest, and the same training by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import lightning as L
import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.utils.data import DataLoader, TensorDataset

from lr_toolkit import CombinedOptimizer, configure_optimizers

PLAN = "warmup(3) >> cosine(end=0.1)"
BATCH = 4


def network() -> nn.Sequential:
    """Two layers, the same at each call."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))


def samples(batches: int) -> torch.Tensor:
    """The inputs of a run."""
    return torch.randn(batches * BATCH, 4, generator=torch.Generator().manual_seed(1))


def loader(batches: int) -> DataLoader[Any]:
    """A loader of them."""
    return DataLoader(TensorDataset(samples(batches)), batch_size=BATCH)


def optimizers_of(net: nn.Module, **adamw: Any) -> dict[str, Optimizer]:
    """An optimizer for the matrices and one for the vectors."""
    matrices = [parameter for parameter in net.parameters() if parameter.ndim == 2]
    others = [parameter for parameter in net.parameters() if parameter.ndim != 2]
    first: Optimizer = (
        torch.optim.Muon(matrices, lr=0.05)  # torch 2.9 brought it
        if hasattr(torch.optim, "Muon")
        else SGD(matrices, lr=0.05, momentum=0.95, nesterov=True)
    )
    return {"muon": first, "adamw": AdamW(others, lr=0.01, **adamw)}


def configured(net: CombinedNet) -> Any:
    """Both under one schedule."""
    return configure_optimizers(CombinedOptimizer(**optimizers_of(net.net)), PLAN, net.trainer)


class CombinedNet(L.LightningModule):
    """The network under automatic optimization; ``used`` has the LRs of each update."""

    def __init__(self, answer: Callable[[CombinedNet], Any] = configured) -> None:
        super().__init__()
        self.net = network()
        self.answer = answer
        self.used: list[list[float]] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """The loss."""
        return loss_of(self.net, batch[0])

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """The same."""
        self.log("val_loss", loss_of(self.net, batch[0]))

    def configure_optimizers(self) -> Any:
        """The answer of the test."""
        return self.answer(self)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        """Record the LRs."""
        self.used.append([float(group["lr"]) for group in optimizer.param_groups])


class SaveAt(L.Callback):
    """Saves a checkpoint after an update."""

    def __init__(self, update: int, path: Path) -> None:
        self.update, self.path = update, path

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Save if it is time."""
        if trainer.global_step == self.update:
            trainer.save_checkpoint(self.path)


def loss_of(net: nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """The mean square of the outputs."""
    loss: torch.Tensor = net(batch).square().mean()
    return loss


def by_hand(
    lrs: Iterable[float],
    batches: int,
    *,
    epochs: int = 1,
    accumulate: int = 1,
    clip: float = 0.0,
    autocast: bool = False,
) -> nn.Sequential:
    """The network after a plain loop that steps both optimizers; ``lrs`` are the factors of their LRs at each update."""
    net, factors = network(), iter(lrs)
    optimizers = list(optimizers_of(net).values())
    bases = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    for _ in range(epochs):
        for index, batch in enumerate(samples(batches).split(BATCH)):
            with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
                loss = loss_of(net, batch) / accumulate
            loss.backward()
            if (index + 1) % accumulate:
                continue
            if clip:
                groups = [group for optimizer in optimizers for group in optimizer.param_groups]
                nn.utils.clip_grad_norm_([parameter for group in groups for parameter in group["params"]], clip)
            factor = next(factors)
            for optimizer, base in zip(optimizers, bases, strict=True):
                optimizer.param_groups[0]["lr"] = base * factor
                optimizer.step()
            for optimizer in optimizers:
                optimizer.zero_grad()
    return net


def weights(net: nn.Module) -> list[list[float]]:
    """Every parameter."""
    return [parameter.flatten().tolist() for parameter in net.parameters()]
