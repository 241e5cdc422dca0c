"""Warm restarts: several cosines one after another, as many as you want, however long the run is.

Choose it if you want a model from each end of a cycle (a snapshot ensemble). If only the last model counts, a single cosine is
better, because the updates after each restart are lost for it.

    torch: CosineAnnealingWarmRestarts(optimizer, T_0=...), whose last cycle ends with the run only if T_0 divides it

Run it: python examples/restarts.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig

from lr_toolkit import configure_optimizers, cosine_restarts


class RestartsClassifier(DigitsClassifier):
    """With the helper: three cycles share the run, each with a peak of 0.7 of the one before it."""

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The cycles are shares of the run, so no length has to be computed."""
        optimizer = torch.optim.SGD(self.parameters(), lr=0.5)
        return configure_optimizers(optimizer, cosine_restarts(times=3, gamma=0.7), self.trainer)


if __name__ == "__main__":
    trainer = make_trainer("runs/restarts", max_epochs=9)
    trainer.fit(RestartsClassifier(), DigitsData())
    report(trainer)
