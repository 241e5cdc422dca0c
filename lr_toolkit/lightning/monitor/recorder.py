"""The values that an update used, taken from the optimizer itself at the moment of the update."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from operator import is_, itemgetter
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.optim.multiplier import MULTIPLIER
from lr_toolkit.optim.updates import hookable_optimizers, is_captured

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

    from lr_toolkit.optim import ScheduledLR

__all__ = ["UpdateRecorder", "momentum_of", "numbers", "weight_decay_of"]

_LR = itemgetter("lr")


@final
class UpdateRecorder:
    """Watches one optimizer and keeps what its latest update used.

    Read in a hook after the optimizer's ``step``, before any other such hook: by then whatever ``training_step`` wrote
    is in force, and no scheduler has moved yet. An update that a ``GradScaler`` skips does not get here. Nothing is
    brought to the host: tensors are copied on their device, because schedulers fill them in place.

    Args:
        optimizer: a torch optimizer.
        momentum: keep each group's momentum (or first beta), too.
        weight_decay: keep each group's weight decay, too.
        scheduler: the one of this package that drives it; its count is kept with the values.

    Attributes:
        groups: those of the latest update, in their order: a list of its own for each change of them.
        fresh: whether there was an update since this was last set to ``False``.
        counted: the scheduler's count at the latest update.
        levels: what the scheduler multiplied by its factor then, base LR x gain of each group: a list of its own for each change.
        factors: what warmup callbacks multiplied each group's LR by at the latest update, ``None`` where there is none.
        is_plain: whether the LRs are Python floats, and nothing else is kept.
        is_exact: whether all LRs are Python numbers; tensors were rounded to what they hold.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        momentum: bool = False,
        weight_decay: bool = False,
        scheduler: ScheduledLR | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.scheduler = scheduler
        self.groups: list[dict[str, Any]] = []
        self._list: list[dict[str, Any]] | None = None
        self._members: list[dict[str, Any]] = []
        self._count = 0
        self._first: Any = None
        self._last: Any = None
        self.fresh = False
        self.counted = -1
        self.levels: list[float] = []
        self.factors: tuple[float, ...] | None = None
        self.is_plain = self.is_exact = False
        self._lrs: Any = []
        self._more: dict[str, Callable[[dict[str, Any]], Any]] = {}
        self._kept: dict[str, list[Any]] = {}
        if momentum:
            self._more["momentum"] = momentum_of
        if weight_decay:
            self._more["weight_decay"] = weight_decay_of
        self._is_schedule_free = type(optimizer).__name__.endswith("ScheduleFree")
        self._estimates: list[Any] = []
        self._handles: list[RemovableHandle] = []
        for one in hookable_optimizers(optimizer):
            handle = one.register_step_post_hook(self._after)
            hooks: Any = one._optimizer_step_post_hooks
            hooks.move_to_end(
                handle.id, last=False
            )  # a warmup's hook may write the next LR: it has to come after this one
            self._handles.append(handle)
        self._estimating = all("d" in group for group in optimizer.param_groups)
        if self._estimating:
            self._handles.append(optimizer.register_step_pre_hook(self._before))

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        # Prodigy and D-Adaptation move with their estimate d of before the step, and renew it in the step.
        self._estimates = [_copied(group["d"]) for group in optimizer.param_groups]

    def _after(self, stepped: Optimizer, args: Any, kwargs: Any) -> None:
        # Every update comes here, also those that nobody logs: one pass, and references alone where LRs are floats.
        optimizer = self.optimizer
        groups = optimizer.param_groups
        lrs: list[Any] = [groups[0]["lr"]] if len(groups) == 1 else list(map(_LR, groups))
        # As soon as one of them is no Python number, neither is their sum.
        if self.is_plain and type(sum(lrs)) is float:
            self._lrs = lrs
        elif is_captured():  # nothing has happened, and nothing of this may get into the graph
            self._warn_of_replays()
            return
        else:
            self._keep(optimizer, lrs)
        # Who joins comes last, who leaves moves those behind, and a checkpoint brings another list.
        is_same = groups is self._list and len(lrs) == self._count
        if not (is_same and groups[0] is self._first and groups[-1] is self._last):
            self.members()
        self.groups = self._members
        self.fresh = True
        scheduler = self.scheduler
        if scheduler is not None:
            self.counted = scheduler.last_epoch
            self.levels = scheduler.levels
            shadow = optimizer.__dict__.get(MULTIPLIER)  # LRMultiplier.around, without its call
            self.factors = None if shadow is None else shadow.factors

    def _keep(self, optimizer: Optimizer, lrs: list[Any]) -> None:
        """Keep tensors, or more than LRs, or anything at all for the first time."""
        groups = optimizer.param_groups
        self.is_exact = not any(isinstance(lr, Tensor) for lr in lrs)
        self._lrs = lrs if self.is_exact else _stacked(lrs)
        self._kept = {name: [_copied(read(group)) for group in groups] for name, read in self._more.items()}
        if self._estimating:
            self._kept["effective"] = [d * _copied(lr) for d, lr in zip(self._estimates, lrs, strict=True)]
        elif self._is_schedule_free and all("scheduled_lr" in group for group in groups):  # not every one has it
            self._kept["effective"] = [_copied(group["scheduled_lr"]) for group in groups]
        self.is_plain = not self._kept and set(map(type, lrs)) == {float}

    def _warn_of_replays(self) -> None:
        warnings.warn(
            f"An update of {type(self.optimizer).__name__} is captured in a CUDA graph. Its replays call no optimizer.step(), so "
            "they are not seen, and no learning rate of theirs is logged. Log scheduler.get_last_lr() yourself, or leave "
            "optimizer.step() out of the graph.",
            UserWarning,
            stacklevel=2,
        )

    def members(self) -> list[dict[str, Any]]:
        """The groups that there are now, as a list of its own for each change of them."""
        groups, members = self.optimizer.param_groups, self._members
        if len(groups) != len(members) or not all(map(is_, groups, members)):
            self._members = groups[:]
        self._list, self._count = groups, len(groups) or -1  # of none there is no first to compare
        self._first, self._last = (groups[0], groups[-1]) if groups else (None, None)
        return self._members

    @property
    def lrs(self) -> Sequence[float]:
        """The LR that each group used in the latest update; of tensors this waits for their device."""
        if not self.is_plain:
            self._lrs = numbers(self._lrs)
        lrs: list[float] = self._lrs
        return lrs

    def more(self, quantity: str) -> Sequence[Any]:
        """What else each group used: ``"momentum"``, ``"weight_decay"`` or ``"effective"``; empty where it is not kept."""
        return self._kept.get(quantity, ())

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


def numbers(values: Any) -> list[float]:
    """Plain numbers of a list of numbers and tensors, or of a tensor; for tensors in one place their device is waited for once."""
    if not isinstance(values, Tensor) and any(isinstance(one, Tensor) for one in values):
        values = _stacked(values)
    return values.tolist() if isinstance(values, Tensor) else list(map(float, values))


def _copied(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def _stacked(lrs: list[Any]) -> Any:
    """Copies on the device: one operation, however many groups, where all are tensors in the same place."""
    if all(isinstance(lr, Tensor) for lr in lrs):
        try:
            with torch.no_grad():
                return torch.stack(lrs).flatten()
        except RuntimeError:  # on several devices, or of several shapes
            pass
    return [_copied(lr) for lr in lrs]
