"""A script: two gloo ranks train with FSDP2 in Lightning, average the weights and resume; each writes what it got."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.strategies import ModelParallelStrategy
from torch import distributed as dist
from torch.optim import SGD, AdamW

from lr_toolkit import CombinedOptimizer, WeightEMA, configure_optimizers
from tests.helpers import two_ranks
from tests.helpers.combined_nets import BATCH, PLAN, CombinedNet, SaveAt, loader, loss_of, samples
from tests.helpers.runs import trainer

BATCHES, SAVED = 6, 5


def two_optimizers(net: CombinedNet) -> Any:
    """One for the matrices, one for the vectors."""
    parameters = list(net.parameters())
    matrices = SGD([each for each in parameters if each.ndim == 2], lr=0.05, momentum=0.9)
    vectors = AdamW([each for each in parameters if each.ndim != 2], lr=0.01)
    return configure_optimizers(CombinedOptimizer(sgd=matrices, adamw=vectors), PLAN, net.trainer)


class ShardedNet(CombinedNet):
    """Takes the same batches on every rank, each by its number, and has a statistic beside the weights."""

    def __init__(self, layout: str) -> None:
        super().__init__(two_optimizers)
        self.layout = layout
        self.register_buffer("scale", torch.zeros(2))
        self.seen: list[float] = []

    def configure_model(self) -> None:
        """Shard if the strategy has a mesh."""
        if self.device_mesh is not None:
            from torch.distributed.fsdp import fully_shard

            mesh = self.device_mesh["data_parallel"]
            for layer in (self.net[0], self.net[2]) if self.layout == "layers" else ():
                fully_shard(layer, mesh=mesh)
            fully_shard(self.net, mesh=mesh)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """The loss."""
        self.scale += batch_idx
        return loss_of(self.net, samples(BATCHES).split(BATCH)[batch_idx])

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Record the loss, and the average of the statistic."""
        self.seen += [loss_of(self.net, batch[0]).item(), self.scale[0].item()]


def fit(layout: str, folder: Path | None = None, *, resumed: bool = False, **options: Any) -> dict[str, Any]:
    """Train on this rank; save after five updates, or go on from there."""
    net, callback = ShardedNet(layout), WeightEMA(decay="linear(start=0.5, end=1.0)")
    callbacks = [callback, SaveAt(SAVED, folder)] if folder and not resumed else [callback]
    run = trainer(max_epochs=2, limit_val_batches=1, num_sanity_val_steps=0, callbacks=callbacks, **options)
    run.fit(net, loader(BATCHES), loader(1), ckpt_path=folder if resumed else None)
    weights = [each.full_tensor() if hasattr(each, "full_tensor") else each for each in net.parameters()]
    callback.to_training(net)
    raw = [each.full_tensor() if hasattr(each, "full_tensor") else each for each in net.parameters()]
    return {
        "used": net.used,
        "seen": net.seen,
        "weights": torch.cat([each.detach().flatten() for each in weights]).tolist(),
        "raw": torch.cat([each.detach().flatten() for each in raw]).tolist(),
    }


def work() -> None:
    """All runs, on this rank."""
    report: dict[str, Any] = {"alone": fit("")}
    for layout, kind in (("layers", "folder"), ("whole", "file")):
        path = Path(sys.argv[1], f"{layout}.ckpt")
        options = {"devices": 2, "use_distributed_sampler": False}
        runs = []
        for resumed in (False, True):
            strategy = ModelParallelStrategy(2, 1, save_distributed_checkpoint=kind == "folder")
            runs.append(fit(layout, path, resumed=resumed, strategy=strategy, **options))
        report[f"{layout}, {kind}"] = runs
    Path(sys.argv[1], f"{dist.get_rank()}.json").write_text(json.dumps(report))


if __name__ == "__main__":
    two_ranks.on_two_ranks(work)
