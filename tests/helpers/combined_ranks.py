"""A script: two gloo ranks train a combination of optimizers with DDP, and its optimizers by hand; each writes what it got."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

from lr_toolkit import Horizon, Schedule, WeightEMA
from tests.helpers import two_ranks
from tests.helpers.combined_nets import (
    BATCH,
    PLAN,
    CombinedNet,
    loss_of,
    network,
    optimizers_of,
    samples,
    weights,
)
from tests.helpers.runs import trainer

BATCHES, EPOCHS = 6, 2


def by_hand(rank: int) -> tuple[list[list[float]], list[list[float]]]:
    """The weights after a plain loop that steps both optimizers, on this rank's samples, and their average over 40 %."""
    net = network()
    parallel, optimizers = DistributedDataParallel(net), list(optimizers_of(net).values())
    bases = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
    average = [parameter.detach().clone() for parameter in net.parameters()]
    timeline = Schedule.parse(PLAN).resolve(Horizon(BATCHES * EPOCHS))
    for update in range(BATCHES * EPOCHS):
        batch = samples(2 * BATCHES).split(2 * BATCH)[update % BATCHES][rank::2]
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss_of(parallel, batch).backward()
        for optimizer, base in zip(optimizers, bases, strict=True):
            optimizer.param_groups[0]["lr"] = base * timeline(update)
            optimizer.step()
        step = 1 / max(1, 0.4 * (update + 1))
        average = [
            mean + (weight.detach() - mean) * step for mean, weight in zip(average, net.parameters(), strict=True)
        ]
    return weights(net), [mean.flatten().tolist() for mean in average]


def work() -> None:
    """Both trainings, on this rank."""
    net = CombinedNet()
    rank = dist.get_rank()
    run = trainer(max_epochs=EPOCHS, use_distributed_sampler=False, **two_ranks.OPTIONS)
    run.fit(net, DataLoader(TensorDataset(samples(2 * BATCHES)[rank::2]), batch_size=BATCH))
    averaged = CombinedNet()
    run = trainer(max_epochs=EPOCHS, use_distributed_sampler=False, callbacks=[WeightEMA("40%")], **two_ranks.OPTIONS)
    run.fit(averaged, DataLoader(TensorDataset(samples(2 * BATCHES)[rank::2]), batch_size=BATCH))
    report = {"used": net.used, "weights": weights(net), "by hand": by_hand(rank), "averaged": weights(averaged)}
    Path(sys.argv[1], f"{rank}.json").write_text(json.dumps(report))


if __name__ == "__main__":
    two_ranks.on_two_ranks(work)
