"""Custom: the learning rate follows a function of your own.

Choose it when no builder says what you mean. The function takes the number of updates since its phase began and gives a
factor of the base LR; as a phase it can still follow a warmup, or come before a hold.

    torch: LambdaLR(optimizer, lr_lambda=one_over_t), stepped after every update

Run it: python examples/custom.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig

from lr_toolkit import configure_optimizers, custom


def one_over_t(update: int) -> float:
    """Half of the base LR after 50 updates, a third after 100: the decay of the classical convergence proofs."""
    return 1 / (1 + update / 50)


class CustomClassifier(DigitsClassifier):
    """A function with a name keeps it: this schedule prints as ``custom(one_over_t)``."""

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Follow ``one_over_t``."""
        optimizer = torch.optim.SGD(self.parameters(), lr=0.5)
        return configure_optimizers(optimizer, custom(one_over_t), self.trainer)


if __name__ == "__main__":
    trainer = make_trainer("runs/custom")
    trainer.fit(CustomClassifier(), DigitsData())
    report(trainer)
