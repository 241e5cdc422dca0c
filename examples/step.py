"""Step: the learning rate drops by a factor at regular intervals.

Choose it for a schedule that is easy to explain: the drops are visible in the loss. Interval and factor have to be chosen for
the length of the run.

    torch: StepLR(optimizer, step_size=3, gamma=0.3), stepped once per epoch

Run it: python examples/step.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report

from lr_toolkit import ScheduleMixin, step


class StepClassifier(ScheduleMixin, DigitsClassifier):
    """With the mixin: the schedule is an attribute, and ``build_optimizer`` sets the base LR."""

    schedule = step("3 epochs", gamma=0.3)

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.5)


if __name__ == "__main__":
    trainer = make_trainer("runs/step")
    trainer.fit(StepClassifier(), DigitsData())
    report(trainer)
