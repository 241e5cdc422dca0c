"""Multistep: the learning rate drops by a factor at milestones of your choice.

Choose it to follow a published recipe (ResNets drop at 50 % and 75 % of the run), or if earlier curves show where progress
stalls. Milestones as shares of the run scale with its length.

    torch: MultiStepLR(optimizer, milestones=[5, 8], gamma=0.1), stepped once per epoch

Run it: python examples/multistep.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig

from lr_toolkit import configure_optimizers, multistep


class MultistepClassifier(DigitsClassifier):
    """With the helper: a line in the ``configure_optimizers`` of any LightningModule."""

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Divide the learning rate by ten after half of the run, and again after 80 % of it."""
        optimizer = torch.optim.SGD(self.parameters(), lr=0.5)
        return configure_optimizers(optimizer, multistep(at=["50%", "80%"], gamma=0.1), self.trainer)


if __name__ == "__main__":
    trainer = make_trainer("runs/multistep")
    trainer.fit(MultistepClassifier(), DigitsData())
    report(trainer)
