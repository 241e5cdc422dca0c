"""A script: runs of one and two gloo ranks that are interrupted and go on; each rank writes its LRs to the folder given."""

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
        # What came after the checkpoint is lost, as where a machine is taken away.
        begun = self.trainer.global_step - len(self.lrs)
        told = {
            "lrs": self.lrs[: self.save and self.save - begun],
            "weights": [weight.tolist() for weight in self.parameters()],
        }
        Path(sys.argv[1], f"{self.name}-{self.global_rank}.json").write_text(json.dumps(told))


def run(name: str, ranks: int, *, save: int | None = None, after: str | None = None, **limit: int) -> None:
    """Twenty updates (or what ``limit`` says) on so many ranks, from the checkpoint of another run if one is named."""
    torch.manual_seed(1)
    options: dict[str, Any] = {"devices": 2, "strategy": "ddp_fork"} if ranks == 2 else {}
    checkpoint = Path(sys.argv[1], f"{after}.ckpt") if after else None
    trainer(**(limit or {"max_steps": 20}), **options).fit(Ranked(name, save), loader(12), ckpt_path=checkpoint)


def main() -> None:
    """Two ranks without and with an interruption, from one rank to two, and in epochs from two ranks to one and back."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    run("whole", 2)
    run("first", 2, save=9)
    run("second", 2, after="first")
    run("alone", 1, save=9)
    run("joined", 2, after="alone")
    run("pair", 2, save=9, max_epochs=4)
    run("single", 1, save=21, after="pair", max_epochs=4)
    run("paired", 2, after="single", max_epochs=4)


if __name__ == "__main__":
    main()
