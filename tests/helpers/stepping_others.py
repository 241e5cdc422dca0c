"""Optimizers that step another one, as SAM and Lookahead do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.optim import SGD, Optimizer


class Sharp(Optimizer):
    """Sharpness-aware minimisation as most people have it: two steps, of which the second is another optimizer's."""

    def __init__(self, params: Any, lr: float = 1.0) -> None:
        super().__init__(params, {"lr": lr})
        self.base_optimizer = SGD(self.param_groups)
        self.param_groups = self.base_optimizer.param_groups

    def first_step(self) -> None:
        """LRFactor."""
        for group in self.param_groups:
            for one in group["params"]:
                one.data.add_(one.grad, alpha=1e-3)

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
    """Steps another optimizer, without having been made as one of torch's, as many a Lookahead does."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.param_groups, self.state, self.defaults = optimizer.param_groups, optimizer.state, optimizer.defaults
        # Enough for torch to step it, and nothing that torch can register a hook in.
        self._optimizer_step_pre_hooks = self._optimizer_step_post_hooks = {}  # type: ignore[assignment]  # OrderedDicts in torch

    def step(self, closure: Any = None) -> Any:  # type: ignore[override]  # torch has overloads
        """The other's."""
        return self.optimizer.step(closure)

    def state_dict(self) -> dict[str, Any]:
        """The other's."""
        return self.optimizer.state_dict()
