"""Warmup callback: a ramp on top of a scheduler that you cannot change, or that cannot follow a warmup.

Choose it for a module or a scheduler of another package: torch refuses to put ``ReduceLROnPlateau`` after a warmup, and a
second scheduler for the warmup would undo every reduction. The callback multiplies the learning rates of all schedulers of the
Trainer; it does not change the module, and a scheduler reads and writes the LR without the ramp. In a module of your own,
write ``warmup(...) >> ...`` instead, as in ``warmup_cosine.py``.

    torch: SequentialLR(optimizer, [LinearLR(optimizer), ReduceLROnPlateau(optimizer)], [50]) raises a ValueError

Run it: python examples/warmup_callback.py
"""

from __future__ import annotations

from typing import Any

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, read_curves, report

from lr_toolkit import LRMonitor, LRWarmup


class ForeignClassifier(DigitsClassifier):
    """A module of another package: an optimizer, and torch's plateau, which Lightning steps once per epoch."""

    def configure_optimizers(self) -> Any:
        """An optimizer and a scheduler."""
        optimizer = torch.optim.SGD(self.parameters(), lr=0.5)
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=1)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}


if __name__ == "__main__":
    warmup = LRWarmup("50 steps", shape="cosine")
    print(warmup)
    trainer = make_trainer("runs/warmup_callback", max_epochs=15, callbacks=[LRMonitor("step"), warmup])
    trainer.fit(ForeignClassifier(), DigitsData())
    report(trainer)
    (name,) = (name for name in read_curves(trainer.default_root_dir) if name.startswith("lr/"))
    used = read_curves(trainer.default_root_dir)[name]
    print("The ramp, at every tenth update:", " ".join(f"{used[update]:.3g}" for update in range(0, 60, 10)))
