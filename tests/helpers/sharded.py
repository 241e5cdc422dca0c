"""A script: two gloo ranks train under torch's own wrappers; each writes a report to the folder that is the first argument."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist
from torch.distributed import fsdp
from torch.distributed.device_mesh import init_device_mesh
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD, Optimizer

from lr_toolkit import Horizon, ScheduledLR
from tests.helpers import two_ranks

STEPS = 6
PLAN = "warmup(2) >> linear()"


def network() -> torch.nn.Module:
    """The same weights on every rank."""
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 2))


def sharded(net: torch.nn.Module) -> torch.nn.Module:
    """FSDP2."""
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (dist.get_world_size(),))
    for layer in net:
        fully_shard(layer, mesh=mesh)
    return fully_shard(net, mesh=mesh)


def zero(parameters: Any, lr: Any) -> Optimizer:
    """Each rank keeps the optimizer's state of its share of the weights, as DeepSpeed's first stage does."""
    from torch.distributed.optim import ZeroRedundancyOptimizer  # its import warns

    return ZeroRedundancyOptimizer(parameters, SGD, lr=lr)


CASES: dict[str, tuple[Callable[[Any], Any], Callable[..., Any]]] = {
    "alone": (lambda net: net, SGD),
    "DDP": (DistributedDataParallel, SGD),
    "FSDP2": (sharded, SGD),
    "ZeRO": (DistributedDataParallel, zero),
}


def train(wrap: Callable[[Any], Any], kind: Callable[..., Any], lr: Any) -> dict[str, Any]:
    """Train with the same batch on every rank, so that all wrappers have to agree, and report LRs and weights."""
    net = wrap(network())
    optimizer = kind(net.parameters(), lr=lr)
    scheduler = ScheduledLR(optimizer, PLAN, Horizon(STEPS))
    tensor, used = optimizer.param_groups[0]["lr"], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        net(torch.ones(3, 4)).square().mean().backward()
        used.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    weights = [weight.full_tensor() if hasattr(weight, "full_tensor") else weight for weight in net.parameters()]
    return {
        "used": used,
        "count": scheduler.last_epoch,
        "same": tensor is optimizer.param_groups[0]["lr"] or not isinstance(lr, torch.Tensor),
        "weights": torch.cat([weight.detach().flatten() for weight in weights]).tolist(),
    }


def work() -> None:
    """Train on this rank, with every wrapper and both kinds of LR."""
    report = {
        f"{name}, {kind}": train(*case, torch.tensor(0.1) if kind == "tensor" else 0.1)
        for name, case in CASES.items()
        if name != "FSDP2" or hasattr(fsdp, "fully_shard")  # since torch 2.6
        for kind in ("float", "tensor")
    }
    Path(sys.argv[1], f"{dist.get_rank()}.json").write_text(json.dumps(report))


if __name__ == "__main__":
    two_ranks.on_two_ranks(work)
