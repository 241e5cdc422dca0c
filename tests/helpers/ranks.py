"""A script: two gloo ranks train twice, and each writes what it saw to the folder that is the first argument."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from lr_toolkit import ReduceOnPlateau, configure_optimizers, horizon_of
from tests.helpers.runs import Net, loader, trainer

# What each rank's own validation gives, epoch by epoch: alone, rank 0 would never reduce and rank 1 always.
LOSSES = [[1.0, 0.8, 0.6, 0.4, 0.2, 0.1], [1.0, 1.3, 1.5, 1.7, 1.7, 1.8]]


class Ranked(Net):
    """Writes its LRs and final weights; logs a metric that is another one on each rank, without ``sync_dist``."""

    def __init__(self, name: str, answer: Any) -> None:
        super().__init__(answer)
        self.name = name

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """The loss of this rank and epoch; the other metric exists on rank 0 alone."""
        self.log("val_loss", LOSSES[self.global_rank][self.current_epoch])
        if self.global_rank == 0:
            self.log("lonely", 1.0, rank_zero_only=True)

    def on_train_end(self) -> None:
        """Say what happened here."""
        horizon = horizon_of(self.trainer)
        told = {
            "horizon": [horizon.steps, horizon.steps_per_epoch],
            "lrs": self.lrs,
            "weights": [weight.tolist() for weight in self.parameters()],
        }
        Path(sys.argv[1], f"{self.name}-{self.global_rank}.json").write_text(json.dumps(told))


def plain(net: Net, optimizer: Optimizer) -> Any:
    """A cosine over the run."""
    return configure_optimizers(optimizer, "cosine()", net.trainer)


def plateau(net: Net, optimizer: Optimizer) -> Any:
    """A reaction to each rank's own loss."""
    reaction = ReduceOnPlateau(monitor="val_loss", patience=0, factor=0.5)
    return configure_optimizers(optimizer, "warmup(3) >> hold()", net.trainer, plateau=reaction)


def lonely(net: Net, optimizer: Optimizer) -> Any:
    """A reaction to a metric that one rank lacks."""
    reaction = ReduceOnPlateau(monitor="lonely", patience=1, factor=0.5)
    return configure_optimizers(optimizer, "hold()", net.trainer, plateau=reaction)


def main() -> None:
    """Two ranks for each of the runs, forked so that torch is imported once."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    for answer, epochs in ((plain, 2), (plateau, 6), (lonely, 5)):
        torch.manual_seed(1)
        made = trainer(max_epochs=epochs, devices=2, strategy="ddp_fork", num_sanity_val_steps=0)
        made.fit(Ranked(answer.__name__, answer), loader(8), loader(4))


if __name__ == "__main__":
    main()
