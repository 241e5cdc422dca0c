"""Plateau: the learning rate drops when a metric has stopped improving.

Choose it if you cannot predict when progress stalls and have a reliable validation metric. It reacts late by design. With a
noisy metric it reacts to noise; ``patience`` and ``threshold`` help.

    torch: ReduceLROnPlateau(optimizer, factor=0.3, patience=1), which cannot follow a warmup

Run it: python examples/plateau.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report

from lr_toolkit import ReduceOnPlateau, ScheduleMixin, hold, warmup


class PlateauClassifier(ScheduleMixin, DigitsClassifier):
    """A schedule, and on top of it a plateau that reduces the learning rate if ``val_loss`` stalls."""

    schedule = warmup("1 epoch") >> hold()
    plateau = ReduceOnPlateau(monitor="val_loss", factor=0.3, patience=1)

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.5)


if __name__ == "__main__":
    trainer = make_trainer("runs/plateau", max_epochs=15)
    trainer.fit(PlateauClassifier(), DigitsData())
    report(trainer)
