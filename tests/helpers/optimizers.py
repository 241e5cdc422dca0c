"""Small optimizers, and the plain loops and checkpoints around them, that the tests of ``optim/`` share."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import SGD, Optimizer

from lr_toolkit import ScheduledLR


class Still(Optimizer):
    """An optimizer that moves nothing: torch's own read a tensor LR to the host unless they are capturable."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {})

    def step(self, closure: Any = None) -> Any:
        """An update, as far as hooks can see."""
        return None if closure is None else closure()


# --- making and reading optimizers ------------------------------------------------------------------------------------


def parameter(device: str = "cpu", dtype: torch.dtype = torch.float32) -> torch.nn.Parameter:
    """A weight of one element, with a gradient."""
    weight = torch.nn.Parameter(torch.ones(1, device=device, dtype=dtype))
    weight.grad = torch.ones_like(weight)
    return weight


def new_group(lr: Any, device: str = "cpu", dtype: torch.dtype = torch.float32) -> dict[str, Any]:
    """A parameter group of one weight."""
    return {"params": [parameter(device, dtype)], "lr": lr}


def optimizer_of(
    lrs: Sequence[Any], device: str = "cpu", kind: Callable[..., Optimizer] = SGD, dtype: torch.dtype = torch.float32
) -> Optimizer:
    """An optimizer with a parameter group for each LR."""
    return kind([new_group(lr, device, dtype) for lr in lrs])


def sgd(lrs: Sequence[Any]) -> SGD:
    """An optimizer whose update moves a weight with gradient 1 by exactly its LR."""
    return SGD([new_group(lr, dtype=torch.float64) for lr in lrs])


def lrs(optimizer: Optimizer) -> list[float]:
    """The LR of each group, as a number."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def held(optimizer: Optimizer) -> list[Any]:
    """The objects that the groups hold as their LRs."""
    return [group["lr"] for group in optimizer.param_groups]


def are_same(first: list[Any], second: list[Any]) -> bool:
    """Whether two lists hold the very same objects."""
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=False))


# --- training in a plain loop -----------------------------------------------------------------------------------------


def update(optimizer: Optimizer, accumulate: int = 1) -> list[float]:
    """Take one update of ``accumulate`` backward passes, and return the LR that really moved the weight of each group."""
    weights = [group["params"][0] for group in optimizer.param_groups]
    for weight in weights:
        weight.data.zero_()
        weight.grad = torch.zeros_like(weight)
        for _ in range(accumulate):
            weight.grad += 1 / accumulate
    optimizer.step()
    return [-weight.item() for weight in weights]


def train(optimizer: Optimizer, scheduler: ScheduledLR, updates: int, accumulate: int = 1) -> list[list[float]]:
    """Take updates, with a step of the scheduler after each, and return the LRs that really moved the weights."""
    moved = []
    for _ in range(updates):
        moved.append(update(optimizer, accumulate))
        scheduler.step()
    return moved


def move(optimizer: Optimizer, scheduler: ScheduledLR, times: int = 1) -> None:
    """Take updates and steps without a look at the weights, so that any device will do."""
    for _ in range(times):
        optimizer.step()
        scheduler.step()


# --- checkpoints ------------------------------------------------------------------------------------------------------


def through_a_file(state: Any) -> Any:
    """``state``, written to a file and read back by ``torch.load(weights_only=True)``."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def saved(optimizer: Optimizer, scheduler: ScheduledLR) -> Any:
    """Both states, as a file gives them back."""
    return through_a_file({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()})


def resume(optimizer: Optimizer, scheduler: ScheduledLR, states: Any) -> None:
    """Load both states, in Lightning's order."""
    optimizer.load_state_dict(states["optimizer"])
    scheduler.load_state_dict(states["scheduler"])
