"""A script: runs on one and two gloo ranks are interrupted and resumed; each rank writes its LRs to the folder that is given."""

from __future__ import annotations

import json
import logging
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch.optim import Optimizer

from lr_toolkit import configure_optimizers
from tests.helpers import two_ranks
from tests.helpers.runs import Net, loader, trainer

SCHEDULE = "warmup(3) >> cosine(end=0.1)"


class Ranked(Net):
    """Writes its LRs and final weights, and saves a checkpoint after ``save`` updates."""

    def __init__(self, name: str, save: int | None) -> None:
        super().__init__(self._answer)
        self.name, self.save = name, save

    @staticmethod
    def _answer(net: Net, optimizer: Optimizer) -> Any:
        return configure_optimizers(optimizer, SCHEDULE, net.trainer)

    def on_train_batch_end(self, *_: Any) -> None:
        if self.trainer.global_step == self.save:
            self.trainer.save_checkpoint(Path(sys.argv[1], f"{self.name}.ckpt"))

    def on_train_end(self) -> None:
        # Updates after the checkpoint are lost, as if the machine had been taken away.
        first = self.trainer.global_step - len(self.lrs)
        report = {
            "lrs": self.lrs[: self.save and self.save - first],
            "weights": [weight.tolist() for weight in self.parameters()],
        }
        Path(sys.argv[1], f"{self.name}-{self.global_rank}.json").write_text(json.dumps(report))


def run(name: str, ranks: int, *, save: int | None = None, after: str | None = None, **limit: int) -> None:
    """Train on that many ranks for 20 updates, or to ``limit``; from the checkpoint of the run ``after``, if it is given."""
    torch.manual_seed(1)
    options: dict[str, Any] = two_ranks.OPTIONS if ranks == 2 else {}
    checkpoint = Path(sys.argv[1], f"{after}.ckpt") if after else None
    trainer(**(limit or {"max_steps": 20}), **options).fit(Ranked(name, save), loader(12), ckpt_path=checkpoint)


def first_runs() -> None:
    """Two ranks with and without an interruption, and the first part of a run in epochs."""
    run("whole", 2)
    run("first", 2, save=9)
    run("second", 2, after="first")
    run("pair", 2, save=9, max_epochs=4)


def last_runs() -> None:
    """Runs on two ranks that began on one, or went on there."""
    run("joined", 2, after="alone")
    run("paired", 2, after="single", max_epochs=4)


def main() -> None:
    """Two ranks with and without an interruption; from one rank to two; in epochs from two ranks to one and back."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    two_ranks.on_two_ranks(first_runs)
    run("alone", 1, save=9)
    run("single", 1, save=21, after="pair", max_epochs=4)
    two_ranks.on_two_ranks(last_runs)


if __name__ == "__main__":
    main()
