"""A script: two gloo ranks whose epochs have other lengths train; each writes its LRs to the folder that is the first argument."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from lr_toolkit import configure_optimizers
from tests.helpers import two_ranks
from tests.helpers.runs import Net, loader, trainer
from tests.helpers.schedule_warnings import schedule_warnings


class Uneven(Net):
    """Eight batches on the first rank, and six on the second."""

    def train_dataloader(self) -> Any:
        """The batches of this rank."""
        return loader(8 - 2 * self.global_rank)


def work() -> None:
    """A run with and without a common limit, on this rank."""
    for name, options in {"uneven": {}, "even": {"limit_train_batches": 6}}.items():
        net = Uneven(
            lambda net, optimizer: configure_optimizers(optimizer, "warmup('1 epoch') >> cosine()", net.trainer)
        )
        run = trainer(max_epochs=-1, max_steps=12, use_distributed_sampler=False, **two_ranks.OPTIONS, **options)
        with schedule_warnings() as found:
            run.fit(net)
        report = {"lrs": net.lrs, "findings": found}
        Path(sys.argv[1], f"{name}-{net.global_rank}.json").write_text(json.dumps(report))


if __name__ == "__main__":
    two_ranks.on_two_ranks(work)
