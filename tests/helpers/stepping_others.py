"""Optimizers that step other optimizers, as SAM, Lookahead and hybrids do, and an engine that steps group by group."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.optim import SGD, Optimizer


class Sharp(Optimizer):
    """Sharpness-aware minimisation as usually written: two steps, of which the second is another optimizer's."""

    def __init__(self, params: Any, lr: float = 1.0) -> None:
        super().__init__(params, {"lr": lr})
        self.base_optimizer = SGD(self.param_groups)
        self.param_groups = self.base_optimizer.param_groups

    def first_step(self) -> None:
        """Move up the gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.data.add_(parameter.grad, alpha=1e-3)

    def second_step(self) -> None:
        """Take the update."""
        self.base_optimizer.step()

    def step(self, closure: Callable[[], Any] = lambda: None) -> Any:  # type: ignore[override]  # torch has overloads
        """Both."""
        loss = closure()
        self.first_step()
        closure()
        self.second_step()
        return loss


class Wrapper(Optimizer):
    """Steps another optimizer and does not call the constructor of torch's Optimizer, as many Lookaheads do."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.param_groups, self.state, self.defaults = optimizer.param_groups, optimizer.state, optimizer.defaults
        # Enough for torch to step it, but torch cannot register hooks in it.
        self._optimizer_step_pre_hooks = self._optimizer_step_post_hooks = {}  # type: ignore[assignment]  # OrderedDicts in torch

    def step(self, closure: Any = None) -> Any:  # type: ignore[override]  # torch has overloads
        """The other's."""
        return self.optimizer.step(closure)

    def state_dict(self) -> dict[str, Any]:
        """The other's."""
        return self.optimizer.state_dict()


class Hybrid(Optimizer):
    """Steps several optimizers, each on its own parameter groups, as a hybrid of Muon and AdamW does.

    It does not call the constructor of torch's Optimizer; ``held`` names the way it stores them: attributes, list or dict.
    """

    def __init__(self, optimizers: list[Optimizer], held: str = "list") -> None:
        if held == "attributes":
            self.first, self.second = optimizers
        elif held == "list":
            self.optimizers = optimizers
        else:
            self.by_name = {str(index): optimizer for index, optimizer in enumerate(optimizers)}
        self._all = tuple(optimizers) if held == "list" else ()
        self.step_all = [optimizer.step for optimizer in optimizers]
        self.param_groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        self.state, self.defaults = {}, {}  # type: ignore[assignment]  # a defaultdict in torch
        self._optimizer_step_pre_hooks = self._optimizer_step_post_hooks = {}  # type: ignore[assignment]  # OrderedDicts in torch

    def step(self, closure: Any = None) -> Any:  # type: ignore[override]  # torch has overloads
        """All of them, one after another."""
        loss = closure() if closure is not None else None
        for step in self.step_all:
            step()
        return loss


def narrowed_step(optimizer: Optimizer) -> None:
    """Step one parameter group after another, as DeepSpeed's ZeRO stages 1 and 2 do (``_optimizer_step``)."""
    groups = optimizer.param_groups
    for group in groups:
        optimizer.param_groups = [group]
        optimizer.step()
        optimizer.param_groups = groups
