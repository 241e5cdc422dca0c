"""Makes a copy of a module that trains in a search: it logs nothing, and reaches its own copy of the optimizer alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.errors import ScheduleError

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["adapt_copy", "manual_loss"]


def adapt_copy(trainer: Trainer, model: Any, optimizer: Optimizer) -> None:
    """Give the copy the Trainer, which it reads, and stand-ins for what it would change."""
    model.trainer = trainer
    model.log = model.log_dict = _log_nothing
    schedulers: Any = model.lr_schedulers()
    if isinstance(schedulers, list):
        schedulers = [_StillScheduler(each) for each in schedulers]
    elif schedulers is not None:
        schedulers = _StillScheduler(schedulers)
    model.lr_schedulers = _giving(schedulers)
    if model.automatic_optimization:
        model.optimizers = _giving(optimizer)
        return
    counter = _CountedOptimizer(optimizer)
    model.optimizers = _giving(counter)
    model.manual_backward = counter.backward


def manual_loss(model: Any, step: Callable[[], object]) -> Tensor:
    """The loss of a ``training_step`` under manual optimization, whose gradients are computed. The update is left to the search.

    Raises:
        ScheduleError: if the step does not take one update with one loss.
    """
    counter: _CountedOptimizer = model.optimizers()
    counter.losses, counter.steps = [], 0
    step()
    if (len(counter.losses), counter.steps) != (1, 1):
        raise ScheduleError(
            "The LR finder searches under manual optimization if each batch takes one update: one self.manual_backward(loss) and one "
            f"optimizer.step(). This training_step called them {len(counter.losses)} and {counter.steps} times. Write "
            "search_lr(model, optimizer, loss_fn, batches, schedule, horizon)."
        )
    return counter.losses[0]


class _StillScheduler:
    """A scheduler that can be read and that does not move."""

    def __init__(self, scheduler: Any) -> None:
        self._scheduler = scheduler

    def step(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)


class _CountedOptimizer:
    """An optimizer whose updates are counted and left to the search, which also clears the gradients."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.losses: list[Tensor] = []
        self.steps = 0

    def backward(self, loss: Tensor, *args: Any, **kwargs: Any) -> None:
        """Compute the gradients."""
        self.losses.append(loss.detach())
        loss.backward(*args, **kwargs)  # type: ignore[no-untyped-call]

    def step(self, closure: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
        """Count, and compute what the closure computes."""
        self.steps += 1
        if closure is None:
            return None
        with torch.enable_grad():
            return closure()

    def zero_grad(self, *args: Any, **kwargs: Any) -> None:
        """Leave the gradients: the search clears them before, and needs them after."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.optimizer, name)


def _giving(value: object) -> Callable[..., Any]:
    """A method that returns ``value``."""

    def give(*_: Any, **__: Any) -> Any:
        return value

    return give


def _log_nothing(*args: Any, **kwargs: Any) -> None:
    """What ``self.log`` does in a copy of the module."""
