"""A real loop of PyTorch, for schedulers that change an optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def stepped(make: Callable[[Any], Any], lr: float, updates: int) -> list[float]:
    """The LR of each update, with a scheduler that is stepped after each."""
    import torch

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler, lrs = make(optimizer), []
    for _ in range(updates):
        lrs.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return lrs
