"""Custom: the learning rate follows a function of your own.

Choose it if no builder describes your schedule. The function takes the number of updates since its phase began and returns a
factor of the base LR. It is a phase like any other: it can follow a warmup, or come before a hold. ``@register_function``
instead of ``custom`` makes a builder of the function, which text, YAML files and checkpoints know by its name.

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
    """The schedule prints with the name of the function: ``custom(one_over_t)``."""

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Follow ``one_over_t``."""
        optimizer = torch.optim.SGD(self.parameters(), lr=0.5)
        return configure_optimizers(optimizer, custom(one_over_t), self.trainer)


if __name__ == "__main__":
    trainer = make_trainer("runs/custom")
    trainer.fit(CustomClassifier(), DigitsData())
    report(trainer)
