"""Plateau: the learning rate drops when a metric has stopped improving.

Choose it when you cannot say in advance when progress will stall and have a validation metric that you trust. It reacts
late by design, and a noisy metric makes it react to noise: ``patience`` and ``threshold`` are the cure.

    torch: ReduceLROnPlateau(optimizer, factor=0.3, patience=1), which cannot follow a warmup; this one can

Run it: python examples/plateau.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report

from lr_toolkit import ReduceOnPlateau, ScheduleMixin, hold, warmup


class PlateauClassifier(ScheduleMixin, DigitsClassifier):
    """The schedule says what happens anyway, the plateau what happens on top when ``val_loss`` stalls."""

    schedule = warmup("1 epoch") >> hold()
    plateau = ReduceOnPlateau(monitor="val_loss", factor=0.3, patience=1)

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.5)


if __name__ == "__main__":
    trainer = make_trainer("runs/plateau", max_epochs=15)
    trainer.fit(PlateauClassifier(), DigitsData())
    report(trainer)
