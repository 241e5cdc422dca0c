"""Cosine: the learning rate falls along half a cosine, to a floor at the end of the run.

Choose it as the default for a run of known length: only the floor can be tuned. The learning rate stays high for a long time,
falls fast in the middle and slowly at the end. A run that is stopped early misses the part that helps most.

    torch: CosineAnnealingLR(optimizer, T_max=number_of_updates, eta_min=0.001), stepped after every update

Run it: python examples/cosine.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report

from lr_toolkit import ScheduleMixin, cosine


class CosineClassifier(ScheduleMixin, DigitsClassifier):
    """The floor is an LR here; ``cosine(end=0.002)`` is the same floor as a factor of the base LR of each parameter group."""

    schedule = cosine(end_lr=0.001)

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.5)


if __name__ == "__main__":
    trainer = make_trainer("runs/cosine")
    trainer.fit(CosineClassifier(), DigitsData())
    report(trainer)
