"""A script: two gloo ranks train several times; each writes its LRs and weights to the folder that is the first argument."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from lr_toolkit import ReduceOnPlateau, configure_optimizers, horizon_of
from tests.helpers import two_ranks
from tests.helpers.runs import Net, loader, trainer

# The loss of each rank in each epoch: with its own loss, rank 0 would never reduce and rank 1 always.
LOSSES = [[1.0, 0.8, 0.6, 0.4, 0.2, 0.1], [1.0, 1.3, 1.5, 1.7, 1.7, 1.8]]


class Ranked(Net):
    """Writes its LRs and final weights; logs a metric with another value on each rank, without ``sync_dist``."""

    def __init__(self, name: str, answer: Any) -> None:
        super().__init__(answer)
        self.name = name

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Log the loss of this rank and epoch, and a metric that exists on rank 0 alone."""
        self.log("val_loss", LOSSES[self.global_rank][self.current_epoch])
        if self.global_rank == 0:
            self.log("lonely", 1.0, rank_zero_only=True)

    def on_train_end(self) -> None:
        """Write the report of this rank."""
        horizon = horizon_of(self.trainer)
        report = {
            "horizon": [horizon.steps, horizon.steps_per_epoch],
            "lrs": self.lrs,
            "weights": [weight.tolist() for weight in self.parameters()],
        }
        Path(sys.argv[1], f"{self.name}-{self.global_rank}.json").write_text(json.dumps(report))


def plain(net: Net, optimizer: Optimizer) -> Any:
    """A cosine over the run."""
    return configure_optimizers(optimizer, "cosine()", net.trainer)


def plateau(net: Net, optimizer: Optimizer) -> Any:
    """A plateau that reads each rank's own loss."""
    rule = ReduceOnPlateau(monitor="val_loss", patience=0, factor=0.5)
    return configure_optimizers(optimizer, "warmup(3) >> hold()", net.trainer, plateau=rule)


def lonely(net: Net, optimizer: Optimizer) -> Any:
    """A plateau that reads a metric of one rank."""
    rule = ReduceOnPlateau(monitor="lonely", patience=1, factor=0.5)
    return configure_optimizers(optimizer, "hold()", net.trainer, plateau=rule)


def work() -> None:
    """All runs, on this rank."""
    for answer, epochs in ((plain, 2), (plateau, 6), (lonely, 5)):
        torch.manual_seed(1)
        run = trainer(max_epochs=epochs, num_sanity_val_steps=0, **two_ranks.OPTIONS)
        run.fit(Ranked(answer.__name__, answer), loader(8), loader(4))


if __name__ == "__main__":
    two_ranks.on_two_ranks(work)
