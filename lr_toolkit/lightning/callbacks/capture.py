"""The values that an update used, taken from the optimizer itself at the moment of the update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, final

from torch import Tensor
from torch.optim import Optimizer

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

__all__ = ["Capture", "Reading", "momentum_of", "number", "weight_decay_of"]

_PLAIN = {float}
_SHADOW = "_lr_toolkit_shadow"  # what LRWarmup leaves on an optimizer while it ramps

# For each quantity, the value of each parameter group.
Reading: TypeAlias = "Mapping[str, list[Any]]"


@final
class Capture:
    """Watches one optimizer and keeps what its latest update used.

    Read in a hook after the optimizer's ``step``, before any other such hook: by then whatever ``training_step`` wrote
    is in force, and no scheduler has moved yet. An update that a ``GradScaler`` skips does not get here. Nothing is
    brought to the host: a tensor is cloned on its device, because schedulers fill it in place.

    Args:
        optimizer: a torch optimizer.
        momentum: keep each group's momentum (or first beta), too.
        weight_decay: keep each group's weight decay, too.
        scheduler: one that counts updates in ``last_epoch``; the count is kept with the values.

    Attributes:
        latest: what the latest update used, ``None`` before the first.
        counted: the scheduler's count at that update.
        fresh: whether there was an update since this was last set to ``False``.
        ramped: whether a warmup callback multiplied the scheduler's LRs at that update.
    """

    def __init__(
        self, optimizer: Optimizer, *, momentum: bool = False, weight_decay: bool = False, scheduler: Any = None
    ) -> None:
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.latest: Reading | None = None
        self.counted = -1
        self.fresh = False
        self.ramped = False
        self._more: dict[str, Callable[[dict[str, Any]], Any]] = {}
        if momentum:
            self._more["momentum"] = momentum_of
        if weight_decay:
            self._more["weight_decay"] = weight_decay_of
        self._estimates: list[Any] = []
        self._handles: list[RemovableHandle] = [optimizer.register_step_post_hook(self._after)]
        hooks = getattr(optimizer, "_optimizer_step_post_hooks", None)
        if hooks is not None:  # a warmup's hook may write the next LR: it has to come after this one
            hooks.move_to_end(self._handles[0].id, last=False)
        self._schedule_free = type(optimizer).__name__.endswith("ScheduleFree")
        self._estimating = all("d" in group for group in optimizer.param_groups)
        if self._estimating:
            self._handles.append(optimizer.register_step_pre_hook(self._before))

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        # Prodigy and D-Adaptation move with their estimate d of before the step, and renew it in the step.
        self._estimates = [_kept(group["d"]) for group in optimizer.param_groups]

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        groups = optimizer.param_groups
        lrs = [group["lr"] for group in groups]
        if set(map(type, lrs)) != _PLAIN:
            lrs = [_kept(lr) for lr in lrs]
        latest = {"lr": lrs}
        for name, read in self._more.items():
            latest[name] = [_kept(read(group)) for group in groups]
        if self._estimating:
            latest["effective"] = [d * lr for d, lr in zip(self._estimates, lrs, strict=True)]
        elif self._schedule_free:
            latest["effective"] = [_kept(group["scheduled_lr"]) for group in groups]
        self.latest = latest
        self.fresh = True
        if self.scheduler is not None:
            self.counted = self.scheduler.last_epoch
            self.ramped = _SHADOW in vars(optimizer)

    def close(self) -> None:
        """Stop watching."""
        for handle in self._handles:
            handle.remove()
        self._handles = []


def momentum_of(group: Mapping[str, Any]) -> Any:
    """A group's first beta or its momentum, 0 where it has neither."""
    return group["betas"][0] if "betas" in group else group.get("momentum", 0)


def weight_decay_of(group: Mapping[str, Any]) -> Any:
    """A group's weight decay, 0 where it has none."""
    return group.get("weight_decay", 0)


def number(value: Any) -> float:
    """A plain number; for a tensor this waits for its device."""
    return float(value)


def _kept(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value
