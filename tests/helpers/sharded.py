"""A script: two gloo ranks train under torch's own wrappers, and each writes what it saw to the folder that is the first argument."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed as dist
from torch import multiprocessing as mp
from torch.distributed import fsdp
from torch.distributed.device_mesh import init_device_mesh
from torch.nn.parallel import DistributedDataParallel
from torch.optim import SGD, Optimizer

from lr_toolkit import Horizon, ScheduledLR

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
    from torch.distributed.optim import ZeroRedundancyOptimizer  # warns where it is imported

    return ZeroRedundancyOptimizer(parameters, SGD, lr=lr)


CASES: dict[str, tuple[Callable[[Any], Any], Callable[..., Any]]] = {
    "alone": (lambda net: net, SGD),
    "DDP": (DistributedDataParallel, SGD),
    "FSDP2": (sharded, SGD),
    "ZeRO": (DistributedDataParallel, zero),
}


def train(wrap: Callable[[Any], Any], kind: Callable[..., Any], lr: Any) -> dict[str, Any]:
    """What a training does whose batch is the same on every rank, so that all wrappers have to agree."""
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
    weights = [one.full_tensor() if hasattr(one, "full_tensor") else one for one in net.parameters()]
    return {
        "used": used,
        "count": scheduler.last_epoch,
        "same": tensor is optimizer.param_groups[0]["lr"] or not isinstance(lr, torch.Tensor),
        "weights": torch.cat([one.detach().flatten() for one in weights]).tolist(),
    }


def work(rank: int, ranks: int, folder: str) -> None:
    """One rank."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=ranks)
    told = {
        f"{name}, {kind}": train(*case, torch.tensor(0.1) if kind == "tensor" else 0.1)
        for name, case in CASES.items()
        if name != "FSDP2" or hasattr(fsdp, "fully_shard")  # since torch 2.6
        for kind in ("float", "tensor")
    }
    Path(folder, f"{rank}.json").write_text(json.dumps(told))
    dist.destroy_process_group()


if __name__ == "__main__":
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    mp.start_processes(work, (2, sys.argv[1]), nprocs=2, start_method="fork")
