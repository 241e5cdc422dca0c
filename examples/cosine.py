"""Cosine: the learning rate falls along half a cosine, to a floor at the end of the run.

Choose it as the default for a run whose length is known: there is nothing to tune but the floor. It stays high for long,
falls fast in the middle and lands softly. A run that is stopped before its end has missed the part that helps most.

    torch: CosineAnnealingLR(optimizer, T_max=number_of_updates, eta_min=0.001), stepped after every update

Run it: python examples/cosine.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report

from lr_toolkit import ScheduleMixin, cosine


class CosineClassifier(ScheduleMixin, DigitsClassifier):
    """The floor is an LR here; ``cosine(end=0.002)`` says the same as a share of each parameter group's base LR."""

    schedule = cosine(end_lr=0.001)

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.5)


if __name__ == "__main__":
    trainer = make_trainer("runs/cosine")
    trainer.fit(CosineClassifier(), DigitsData())
    report(trainer)
