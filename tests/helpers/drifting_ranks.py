"""A script: two gloo ranks train with a plateau, and each writes what its monitor reported to the folder that is the first argument."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.callbacks import Callback
from torch.optim.lr_scheduler import ReduceLROnPlateau

from lr_toolkit import LRMonitor, ReduceOnPlateau, configure_optimizers, hold
from tests.helpers import two_ranks
from tests.helpers.fits import Probe, fit

# The loss of each rank in each epoch: with its own loss, rank 0 would never reduce and rank 1 always.
LOSSES = [[1.0, 0.8, 0.6, 0.4], [1.0, 1.3, 1.5, 1.7]]


class Ranked(Probe):
    """Logs the loss of its rank or the mean of both ranks, or lets Lightning take the mean."""

    def __init__(self, how: str) -> None:
        super().__init__(lambda net: net.ours() if how == "ours" else net.torchs())
        self.how = how

    def ours(self) -> Any:
        """A plateau of this package."""
        plateau = ReduceOnPlateau(monitor="val_loss", patience=0)
        return configure_optimizers(self.sgd(), hold(), self.trainer, plateau=plateau)

    def torchs(self) -> Any:
        """torch's plateau, which reads the metric after each validation."""
        optimizer = self.sgd()
        config = {"scheduler": ReduceLROnPlateau(optimizer, patience=0), "monitor": "val_loss"}
        frequency = self.trainer.check_val_every_n_epoch or 1
        return {"optimizer": optimizer, "lr_scheduler": config | {"frequency": frequency}}

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """The loss of this rank and epoch."""
        loss = torch.tensor(LOSSES[self.global_rank][self.current_epoch] + 0.01 * self.global_rank)
        if self.how == "reduced":
            loss = self.all_gather(loss).mean()
        self.log("val_loss", loss, sync_dist=self.how in ("synced", "late"))


class Notes(Callback):
    """Writes a report; has to come after the monitor."""

    since: int | None = None

    def __init__(self, monitor: LRMonitor) -> None:
        self.monitor = monitor

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """The epoch of the first finding."""
        if self.since is None and self.monitor.findings:
            self.since = trainer.current_epoch

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """A file for each rank."""
        report = {
            "findings": [str(finding) for finding in self.monitor.findings],
            "since": self.since,
            "lr": trainer.optimizers[0].param_groups[0]["lr"],
        }
        Path(sys.argv[1], f"{pl_module.how}-{trainer.global_rank}.json").write_text(json.dumps(report))


def work() -> None:
    """All runs, on this rank."""
    for how in ("own", "synced", "reduced", "ours", "late"):
        monitor = LRMonitor()
        options = {"num_sanity_val_steps": 0, "max_epochs": 4, "check_val_every_n_epoch": 2 if how == "late" else 1}
        fit(Ranked(how), monitor, Notes(monitor), validate=True, **two_ranks.OPTIONS, **options)


if __name__ == "__main__":
    two_ranks.on_two_ranks(work)
