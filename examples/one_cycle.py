"""One cycle: the learning rate climbs and falls far below its start, and the momentum moves against it.

Choose it for a short run with SGD and a high learning rate. The momentum is small where the steps are large, so the run stays
stable. Both follow schedules of the same length; the levels of ``absolute(...)`` are the values of the momentum.

    torch: OneCycleLR(optimizer, max_lr=0.5, total_steps=250, pct_start=0.3), stepped once per update

Run it: python examples/one_cycle.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, read_curves, report

from lr_toolkit import ScheduleMixin, absolute, cosine, one_cycle


class OneCycleClassifier(ScheduleMixin, DigitsClassifier):
    """With the mixin: the momentum has a schedule beside that of the learning rate."""

    schedule = one_cycle("30%")
    momentum = absolute(cosine(0.85, start=0.95, over="30%") >> cosine(0.95))

    def build_optimizer(self) -> torch.optim.Optimizer:
        """SGD with the highest learning rate; the schedule of the momentum replaces its number."""
        return torch.optim.SGD(self.parameters(), lr=0.5, momentum=0.9)


if __name__ == "__main__":
    trainer = make_trainer("runs/one_cycle")
    trainer.fit(OneCycleClassifier(), DigitsData())
    report(trainer)
    momentum = list(read_curves(trainer.default_root_dir)["momentum/optimizer"].values())
    print(f"Momentum: {momentum[0]:.3g} at first, {min(momentum):.3g} at least, {momentum[-1]:.3g} at last")
