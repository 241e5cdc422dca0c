"""What one step of a scheduler costs, beside its peers and beside the floor: writing every group's LR and one cosine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from ignite.handlers import CosineAnnealingScheduler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR
from transformers import get_scheduler

from benchmarks.timing import Call, Row
from lr_toolkit import Horizon, ScheduledLR, cosine

RUN = 10**7  # longer than any measurement, so that the end is never reached
COUNTS = (1, 10, 100, 1000)

# What is asked of a step, by kind of LR and number of groups.
FLOAT = {1: {"torch": 0.3}, 100: {"torch": 0.06, "floor": 1.3}, 1000: {"torch": 0.05, "floor": 1.3}}
TENSOR = {100: {"torch": 1 / 300}, 1000: {"torch": 1 / 2000}}


class Still(Optimizer):
    """An optimizer whose update is nothing, so that what a scheduler adds to it can be seen."""

    def step(self, closure: Any = None) -> None:
        """Nothing."""


def optimizer_of(count: int, *, tensor: bool = False, alike: bool = True) -> Still:
    """So many groups, of one base LR or of as many."""
    bases = [0.1 if alike else 0.1 * (at + 1) / count for at in range(count)]
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in bases]
    lrs = [torch.tensor(base) if tensor else base for base in bases]
    return Still([{"params": [weight], "lr": lr} for weight, lr in zip(weights, lrs, strict=True)], {})


def ours(optimizer: Optimizer) -> Call:
    """A step of this package's scheduler after an update, which its hook on the optimizer has noted."""
    scheduler = ScheduledLR(optimizer, cosine(), Horizon(RUN))

    def step() -> None:
        scheduler._updated = True
        scheduler.step()

    return step


def of_torch(optimizer: Optimizer) -> Call:
    """torch's cosine."""
    scheduler = CosineAnnealingLR(optimizer, RUN)
    optimizer.step()  # or it warns
    return scheduler.step


def of_lambda(optimizer: Optimizer) -> Call:
    """torch's scheduler for a function of one's own."""
    scheduler = LambdaLR(optimizer, lambda k: 0.5 * (1 + math.cos(math.pi * k / RUN)))
    optimizer.step()
    return scheduler.step


def of_transformers(optimizer: Optimizer) -> Call:
    """The cosine that Hugging Face's Trainer uses."""
    scheduler = get_scheduler("cosine", optimizer, num_warmup_steps=0, num_training_steps=RUN)
    optimizer.step()
    return scheduler.step


def of_ignite(optimizer: Optimizer) -> Call:
    """ignite's cosine, which gives all groups one value and replaces tensors by numbers."""
    scheduler = CosineAnnealingScheduler(optimizer, "lr", 0.1, 0.0, RUN)
    return lambda: scheduler(None)


def floor(optimizer: Optimizer) -> Call:
    """The least that must be done where nothing is known beforehand: one cosine, and a write to each group."""
    groups = optimizer.param_groups
    bases = [float(group["lr"]) for group in groups]
    is_tensor = isinstance(groups[0]["lr"], torch.Tensor)
    k = 0

    def write() -> None:
        nonlocal k
        k += 1
        factor = 0.5 * (1 + math.cos(math.pi * k / RUN))
        for group, base in zip(groups, bases):  # noqa: B905  # the least, without a check
            group["lr"] = base * factor

    def fill() -> None:
        nonlocal k
        k += 1
        factor = 0.5 * (1 + math.cos(math.pi * k / RUN))
        for group, base in zip(groups, bases):  # noqa: B905
            group["lr"].fill_(base * factor)

    return fill if is_tensor else write


PEERS: dict[str, Callable[[Optimizer], Call]] = {
    "torch": of_torch,
    "LambdaLR": of_lambda,
    "transformers": of_transformers,
    "ignite": of_ignite,
    "floor": floor,
}


def rows() -> Iterator[Row]:
    """Float and tensor LRs, few and many groups, of one base LR and of many."""
    for tensor in (False, True):
        for count in COUNTS:
            for alike in (True, False) if count > 1 else (True,):
                peers = {name: make for name, make in PEERS.items() if not tensor or name != "ignite"}
                calls = {
                    name: make(optimizer_of(count, tensor=tensor, alike=alike))
                    for name, make in {"ours": ours, **peers}.items()
                }
                kind = "tensor" if tensor else "float"
                bases = "" if count == 1 else ", one base LR" if alike else ", all different"
                asked = (TENSOR if tensor else FLOAT).get(count, {})
                what = f"{kind} LR, {count} group{'s' * (count > 1)}{bases}"
                yield Row.of(what, calls, asked, turns=11 if tensor and count == 1000 else 101)
    noticed = {name: optimizer_of(1) for name in ("ours", "torch", "no scheduler")}
    kept = ScheduledLR(noticed["ours"], cosine(), Horizon(RUN)), CosineAnnealingLR(noticed["torch"], RUN)
    yield Row.of("an empty `optimizer.step()` with it", {name: one.step for name, one in noticed.items()})
    del kept  # our hook holds its scheduler weakly
