"""Muon and AdamW: two optimizers as one, Muon for the matrices inside of the network and AdamW for the rest.

Choose it if you train with Muon: it is made for the matrices of hidden layers, and biases, norms, embeddings and the last layer
need another optimizer. Lightning's automatic optimization takes one optimizer, and so does a scheduler. ``CombinedOptimizer``
is one: it has the parameter groups of both under their names, so the logs show ``lr/muon`` and ``lr/adamw``, and it steps,
saves and resumes both. Each has a schedule of its own, and Muon's momentum rises at first, as in modded-nanogpt.

    torch: two optimizers and two schedulers under manual optimization, or a class of your own that holds both

Run it: python examples/muon_adamw.py (torch 2.9 or newer, which has Muon)
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, read_curves, report

from lr_toolkit import CombinedOptimizer, ScheduleMixin, absolute, cosine, hold, linear, warmup


class MuonClassifier(ScheduleMixin, DigitsClassifier):
    """The hidden layers' matrices with Muon, everything else with AdamW."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = {
            "muon": warmup("5%") >> hold() >> linear(over="40%"),
            "adamw": warmup("5%") >> cosine(end=0.05),
        }
        self.momentum = {"muon": absolute(linear(start=0.85, end=0.95, over="20%") >> hold())}

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Two optimizers as one."""
        *hidden, last = [layer for layer in self.network if isinstance(layer, torch.nn.Linear)]
        matrices = [layer.weight for layer in hidden]
        others = [layer.bias for layer in hidden] + list(last.parameters())
        return CombinedOptimizer(
            muon=torch.optim.Muon(matrices, lr=0.02, momentum=0.95, weight_decay=0.01),
            adamw=torch.optim.AdamW(others, lr=0.003, weight_decay=0.01),
        )


if __name__ == "__main__":
    trainer = make_trainer("runs/muon_adamw")
    trainer.fit(MuonClassifier(), DigitsData())
    report(trainer, "lr/muon")
    curves = read_curves(trainer.default_root_dir)
    momentum, adamw = (list(curves[name].values()) for name in ("momentum/muon", "lr/adamw"))
    print(f"Muon's momentum: {momentum[0]:.3g} at first, {momentum[-1]:.3g} at last")
    print(f"AdamW's learning rate: {adamw[0]:.3g} at first, {max(adamw):.3g} at most, {adamw[-1]:.3g} at last")
