"""Warmup and cosine: the learning rate climbs to its peak in small steps, then falls along half a cosine.

Choose it for transformers, large batches and adaptive optimizers, and if a run diverges in its first updates. Give the warmup
in updates if the optimizer's statistics determine its length, as a share to compare runs of different lengths. The length of
the run is taken from the Trainer.

    transformers: get_cosine_schedule_with_warmup(optimizer, 50, number_of_updates), which starts at an LR of zero;
                  warmup("50 steps", start=0.0) does so too

Run it: python examples/warmup_cosine.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report

from lr_toolkit import Schedule, ScheduleMixin, cosine, warmup


class WarmupCosineClassifier(ScheduleMixin, DigitsClassifier):
    """The schedule is a hyperparameter: loggers and checkpoints store its text."""

    def __init__(self, schedule: Schedule | str) -> None:
        super().__init__()
        self.save_hyperparameters()

    def build_optimizer(self) -> torch.optim.Optimizer:
        """AdamW, which is usually warmed up."""
        return torch.optim.AdamW(self.parameters(), lr=0.01)


if __name__ == "__main__":
    for name, length in {"steps": "50 steps", "share": "10%"}.items():
        schedule = warmup(length) >> cosine()
        print(schedule)
        trainer = make_trainer(f"runs/warmup_cosine/{name}")
        trainer.fit(WarmupCosineClassifier(schedule), DigitsData())
        report(trainer)
