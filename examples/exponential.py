"""Exponential: the learning rate shrinks by the same factor in every epoch.

Choose it if the end of the run is not planned: the factor sets how fast the learning rate falls, not when it reaches a value.
It falls fastest at the beginning, so with a factor that is too small it is near zero long before the run ends.

    torch: ExponentialLR(optimizer, gamma=0.8), stepped once per epoch

Run it: python examples/exponential.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig

from lr_toolkit import configure_optimizers, exponential


class ExponentialClassifier(DigitsClassifier):
    """Moves once per epoch, as torch's scheduler; without ``interval`` the learning rate would change at every update."""

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Reduce the learning rate by a fifth in each epoch."""
        optimizer = torch.optim.SGD(self.parameters(), lr=0.5)
        return configure_optimizers(optimizer, exponential(0.8), self.trainer, interval="epoch")


if __name__ == "__main__":
    trainer = make_trainer("runs/exponential")
    trainer.fit(ExponentialClassifier(), DigitsData())
    report(trainer)
