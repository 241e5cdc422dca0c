"""Exponential: the learning rate shrinks by the same factor in every epoch.

Choose it when the run has no planned end: the factor says how fast to fall, not when to arrive. It falls fastest at the
beginning, so a factor that is too small ends the training long before the run does.

    torch: ExponentialLR(optimizer, gamma=0.8), stepped once per epoch

Run it: python examples/exponential.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig

from lr_toolkit import configure_optimizers, exponential


class ExponentialClassifier(DigitsClassifier):
    """Moves once per epoch, as torch's scheduler does; without ``interval`` it would glide from update to update."""

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """A fifth less in each epoch."""
        optimizer = torch.optim.SGD(self.parameters(), lr=0.5)
        return configure_optimizers(optimizer, exponential(0.8), self.trainer, interval="epoch")


if __name__ == "__main__":
    trainer = make_trainer("runs/exponential")
    trainer.fit(ExponentialClassifier(), DigitsData())
    report(trainer)
