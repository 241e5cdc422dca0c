"""A script for a terminal: two searches under a Trainer with a slow module, with the bars of tqdm and of Rich, to be interrupted."""

from __future__ import annotations

import sys
import time

from lightning.pytorch.callbacks import RichProgressBar, TQDMProgressBar
from torch.utils.data import DataLoader

from lr_toolkit import LRFinder, find_lr
from tests.helpers.finding import Regression, loader, samples, trainer


class Slow(Regression):
    """Takes time, and is validated, so that Rich's bar is live before the fit."""

    def __init__(self) -> None:
        super().__init__()
        self.before_step = lambda: time.sleep(0.015)

    def validation_step(self, batch: object) -> None:
        """Do nothing."""

    def val_dataloader(self) -> DataLoader[object]:
        """The samples."""
        return DataLoader(samples(), 64)


def work() -> None:
    """Print what each search has given."""
    options = {"enable_progress_bar": True, "num_sanity_val_steps": 2, "max_epochs": 2}
    found = find_lr(trainer(callbacks=[TQDMProgressBar()], **options), Slow(), loader())
    sys.stdout.write(f"\nfind_lr: {found.interrupted}, {found.reason}\n")
    module, finder = Slow(), LRFinder()
    trainer(callbacks=[finder, RichProgressBar()], **options).fit(module, loader())
    assert finder.search is not None
    sys.stdout.write(f"\nLRFinder: {finder.search.interrupted}, {finder.search.reason}\n")
    sys.stdout.write(f"{len(module.used)} updates, the first at {module.used[0][0] / finder.search.lr:.3g} of the LR\n")


if __name__ == "__main__":
    work()
