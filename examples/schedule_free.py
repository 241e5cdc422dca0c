"""Schedule-free: a constant learning rate and an average of the weights in place of a decay.

Choose it for a run whose end is not known: the averaged weights can be used at any time, without a decay before. The optimizer
takes its gradients at other weights than those that it averages, so something has to switch between the two before each
validation, checkpoint and test. The callback ``ScheduleFree`` does. The warmup is the optimizer's own; ``LRMonitor`` shows the
learning rate that it uses as ``lr_effective``. With a decay on top the run is refused.

    torch: no counterpart; optimizer.train() and optimizer.eval() in about eight hooks of the module

Run it: python examples/schedule_free.py (pip install schedulefree)
"""

from __future__ import annotations

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, read_curves, report
from schedulefree import AdamWScheduleFree

from lr_toolkit import LRMonitor, ScheduleFree


class ScheduleFreeClassifier(DigitsClassifier):
    """An optimizer without a scheduler."""

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """The warmup is part of the optimizer."""
        optimizer: torch.optim.Optimizer = AdamWScheduleFree(self.parameters(), lr=0.01, warmup_steps=25)
        return optimizer


if __name__ == "__main__":
    trainer = make_trainer("runs/schedule_free", callbacks=[LRMonitor("step"), ScheduleFree()])
    model = ScheduleFreeClassifier()
    trainer.fit(model, DigitsData())
    (measured,) = trainer.test(model, DigitsData(), verbose=False)
    report(trainer, "lr_effective/optimizer")
    curves = read_curves(trainer.default_root_dir)
    print(
        f"The optimizer's lr stayed at {curves['lr/optimizer'][0]:.3g}. Test accuracy {measured['test_accuracy']:.1%}."
    )
