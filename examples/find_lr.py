"""Find the base LR before a run: for the schedule of the module, on copies of it.

``find_lr`` reports and changes nothing. ``Trainer(callbacks=[LRFinder()])`` does the same when the fit begins, and trains with the LR.
docs/finder.md explains the picture.

    lightning: Tuner(trainer).lr_find(module), which does not know the schedule

Run it: python examples/find_lr.py
"""

from __future__ import annotations

import time

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report

from lr_toolkit import LRFinder, LRMonitor, ScheduleMixin, find_lr, linear, warmup


class FoundClassifier(ScheduleMixin, DigitsClassifier):
    """A schedule that falls to zero, and a base LR that is only a guess."""

    schedule = warmup("5%") >> linear()

    def build_optimizer(self) -> torch.optim.Optimizer:
        """AdamW."""
        return torch.optim.AdamW(self.parameters(), lr=1e-5)


if __name__ == "__main__":
    search = find_lr(make_trainer("runs/find_lr"), FoundClassifier(), datamodule=DigitsData())
    print(search)
    print("Picture:", search.save("runs/find_lr/search.png"))

    finder = LRFinder()
    trainer = make_trainer("runs/find_lr", callbacks=[LRMonitor("step"), finder])
    began = time.perf_counter()
    trainer.fit(FoundClassifier(), DigitsData())
    seconds = time.perf_counter() - began
    if finder.search is not None:
        print(
            f"Found {finder.search.lr:.3g} again; search and run took {seconds:.1f} s, the search {finder.search.seconds:.1f} s of it"
        )
    report(trainer)
