"""Weight decay on the same clock: it rises while the learning rate falls, and groups without decay stay without it.

Choose it if a published recipe does (DINO raises it tenfold along a cosine). A schedule multiplies the value that each
parameter group has, so biases, whose decay is 0, keep 0.

    DINO: cosine_scheduler(0.04, 0.4, epochs, updates_per_epoch), written to param_group["weight_decay"] at each update

Run it: python examples/weight_decay.py
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, read_curves, report

from lr_toolkit import ScheduleMixin, cosine, param_groups, warmup


class DecayClassifier(ScheduleMixin, DigitsClassifier):
    """With the mixin: the weight decay has a schedule beside that of the learning rate."""

    schedule = warmup("10%") >> cosine()
    weight_decay = cosine(end=10.0)

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Two groups: matrices with weight decay, biases without."""
        return torch.optim.AdamW(param_groups(self, lr=0.01, weight_decay=0.04))


if __name__ == "__main__":
    trainer = make_trainer("runs/weight_decay")
    trainer.fit(DecayClassifier(), DigitsData())
    report(trainer, "lr/decay")
    curves = read_curves(trainer.default_root_dir)
    for group in ("decay", "no_decay"):
        values = list(curves[f"weight_decay/{group}"].values())
        print(f"Weight decay of {group}: {values[0]:.3g} at first, {values[-1]:.3g} at last")
