"""A script: two gloo ranks whose epochs have other lengths train; each writes its LRs to the folder that is the first argument."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lr_toolkit import ScheduleError, configure_optimizers
from tests.helpers import two_ranks
from tests.helpers.runs import Net, loader, trainer
from tests.helpers.schedule_warnings import schedule_warnings


class Uneven(Net):
    """The batches of this rank and epoch: ``epochs`` has a row for each rank, whose last number holds for all later epochs."""

    def __init__(self, answer: Any, epochs: list[list[int]]) -> None:
        super().__init__(answer)
        self.epochs = epochs

    def train_dataloader(self) -> Any:
        """The batches of this rank."""
        lengths = self.epochs[self.global_rank]
        return loader(lengths[min(self.current_epoch, len(lengths) - 1)])

    def on_train_batch_end(self, *_: Any) -> None:
        """Stop both ranks at the same update."""
        self.trainer.should_stop |= self.trainer.global_step >= LAST


UNEVEN, LATER = [[8], [6]], [[8, 8, 4], [8, 8, 6]]
RELOADED = {"reload_dataloaders_every_n_epochs": 2}
LAST = 19
# Lightning itself waits in vain for a rank whose epochs are shorter, if the run does not end at the same update.
RUNS: dict[str, tuple[list[list[int]], str, dict[str, Any], dict[str, Any]]] = {
    "uneven": (UNEVEN, "warmup('1 epoch') >> cosine()", {}, {"max_steps": 12}),
    "uneven-updates": (UNEVEN, "warmup(3) >> cosine()", {}, {"max_steps": 12}),
    "even": (UNEVEN, "warmup('1 epoch') >> cosine()", {}, {"max_steps": 12, "limit_train_batches": 6}),
    "refused": (UNEVEN, "cosine()", {"interval": "epoch"}, {"max_steps": 12}),
    "later": (LATER, "linear()", {}, {"max_epochs": 4} | RELOADED),
    "later-even": (LATER, "linear()", {}, {"max_epochs": 4, "limit_train_batches": 4} | RELOADED),
    "later-refused": (LATER, "linear()", {"interval": "epoch"}, {"max_steps": 24} | RELOADED),
}


def work() -> None:
    """All runs, on this rank."""
    for name, (epochs, text, more, options) in RUNS.items():
        net = Uneven(
            lambda net, optimizer, text=text, more=more: configure_optimizers(optimizer, text, net.trainer, **more),
            epochs,
        )
        run = trainer(**({"max_epochs": -1, "use_distributed_sampler": False} | two_ranks.OPTIONS | options))
        error = ""
        with schedule_warnings() as found:
            try:
                run.fit(net)
            except ScheduleError as refusal:
                error = str(refusal)
        report = {"lrs": net.lrs, "findings": found, "error": error}
        Path(sys.argv[1], f"{name}-{net.global_rank}.json").write_text(json.dumps(report))


if __name__ == "__main__":
    two_ranks.on_two_ranks(work)
