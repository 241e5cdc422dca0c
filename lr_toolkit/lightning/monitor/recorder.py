"""Turns the updates of an optimizer into records of the values that each update used."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import is_, itemgetter, mul
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.errors import ScheduleError, warn
from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.keys import Key
from lr_toolkit.optim.multiplier import MULTIPLIER
from lr_toolkit.optim.updates import hookable_optimizers, is_captured

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

    from lr_toolkit.optim import ScheduledLR

__all__ = ["Groups", "Update", "UpdateRecorder", "momentum_of", "numbers", "weight_decay_of"]

Groups: TypeAlias = "tuple[dict[str, Any], ...]"
Values: TypeAlias = "Tensor | list[Any]"

_lr = itemgetter("lr")
_FLOATS = {float}


@final
class Update(NamedTuple):
    """What one update of an optimizer used.

    Attributes:
        groups: the optimizer's parameter groups, in their order; the same tuple as before if they are the same.
        recorded_lrs: the LR of each group: numbers, or copies of tensors on their device.
        recorded: the same for each other quantity: ``"momentum"``, ``"weight_decay"``, ``"effective"``, and the keys that the
            scheduler drives besides the LR. A group that has no such number has NaN.
        scheduler: the scheduler of this package that drives the optimizer, if there is one.
        scheduler_step: the scheduler's count, -1 without one.
        bindings: what the scheduler followed.
        factors: what warmup ramps multiplied the LR of each group by, ``None`` without a ramp.
    """

    groups: Groups
    recorded_lrs: Values
    recorded: Mapping[str, Values]
    scheduler: ScheduledLR | None = None
    scheduler_step: int = -1
    bindings: tuple[Binding, ...] = ()
    factors: tuple[float, ...] | None = None

    @property
    def lrs(self) -> list[float]:
        """The LR of each group; for tensors this waits for their device."""
        return numbers(self.recorded_lrs)

    @property
    def planned_lrs(self) -> list[float]:
        """The LR that the scheduler planned for each group, times the warmup ramps; empty without a scheduler."""
        lrs = [lr for binding in self.bindings if binding.key == "lr" for lr in binding.values(self.scheduler_step)]
        return lrs if self.factors is None else list(map(mul, lrs, self.factors))

    @property
    def others(self) -> dict[str, list[float]]:
        """The numbers of each other quantity; for tensors this waits for their device."""
        return {quantity: numbers(values) for quantity, values in self.recorded.items()}

    @property
    def is_on_host(self) -> bool:
        """Whether the LRs can be read without waiting for a device."""
        lrs = self.recorded_lrs
        return not isinstance(lrs, Tensor) and not any(isinstance(lr, Tensor) for lr in lrs)


@final
class UpdateRecorder:
    """Records the latest update of one optimizer.

    A hook after the optimizer's ``step`` makes the record, before any other such hook: what ``training_step`` wrote is in
    force by then, and no scheduler has moved yet. An update that a ``GradScaler`` skips is not recorded. No device is
    waited for: tensors are copied on their device, because schedulers fill them in place.

    Args:
        optimizer: a torch optimizer.
        scheduler: the scheduler of this package that drives it, if there is one.
        momentum: record the momentum (or first beta) of each group.
        weight_decay: record the weight decay of each group.

    Attributes:
        optimizer: the optimizer.
        scheduler: its scheduler.
        latest: its latest update, ``None`` before the first.
        groups: its parameter groups in the latest update; before the first those that it has.
        is_hooked: whether updates are noticed; otherwise ``record()`` has to be called for each of them.

    Example:
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
        >>> recorder = UpdateRecorder(optimizer)
        >>> optimizer.step()
        >>> optimizer.param_groups[0]["lr"] = 0.05
        >>> recorder.latest.lrs
        [0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        scheduler: ScheduledLR | None = None,
        *,
        momentum: bool = False,
        weight_decay: bool = False,
    ) -> None:
        self.optimizer = optimizer
        self.latest: Update | None = None
        self.scheduler = scheduler
        self.groups: Groups = tuple(optimizer.param_groups)
        self._source = optimizer.param_groups
        wanted = {
            "momentum": momentum_of if momentum else None,
            "weight_decay": weight_decay_of if weight_decay else None,
        }
        self._asked = {quantity: reader for quantity, reader in wanted.items() if reader is not None}
        self._readers = {**_readers_of(scheduler), **self._asked}
        hookable = _hookable(optimizer)
        self._schedule_free = [each for each in hookable if "ScheduleFree" in type(each).__name__]
        # Prodigy and D-Adaptation multiply the LR by an estimate d.
        estimating = [each for each in hookable if all("d" in group for group in each.param_groups)]
        self._estimates: dict[int, Any] = {}  # of groups, by their identity
        self.is_hooked = bool(hookable)
        self._handles = [_register_first(each, self.record) for each in hookable]
        self._handles += [each.register_step_pre_hook(self._before_step) for each in estimating]
        self._has_others = bool(self._readers or self._schedule_free or estimating)

    def follow(self, scheduler: ScheduledLR | None) -> None:
        """Record the count and the bindings of another scheduler from now on, and what it drives."""
        self.scheduler = scheduler
        self._readers = {**_readers_of(scheduler), **self._asked}
        self._has_others = self._has_others or bool(self._readers)

    def record(self, *_: Any) -> None:
        """Record what the optimizer's groups hold now as its latest update; also a hook after its ``step``."""
        scheduler, present = self.scheduler, self.optimizer.param_groups
        groups = present if present is self._source else self._whole(present)
        found = list(map(_lr, groups))
        lrs: Values = found
        if set(map(type, found)) != _FLOATS:
            if is_captured():  # nothing has been updated, and no copy of ours may get into the graph
                self._warn_of_replays()
                return
            lrs = _copies(found)
        if len(groups) != len(self.groups) or not all(map(is_, groups, self.groups)):
            self.groups = tuple(groups)
        others = self._others() if self._has_others else {}
        if scheduler is None:
            self.latest = Update(self.groups, lrs, others)
            return
        multiplier = vars(self.optimizer).get(MULTIPLIER)
        factors = multiplier.factors if multiplier else None
        self.latest = Update(self.groups, lrs, others, scheduler, scheduler.last_epoch, scheduler.bindings, factors)

    def drop_groups(self) -> None:
        """Take the list of groups that there is between two updates as a whole one: groups may have left it."""
        self._source = self.optimizer.param_groups

    def _whole(self, present: list[dict[str, Any]]) -> Sequence[dict[str, Any]]:
        """All groups: DeepSpeed leaves only some of them in the optimizer's list for a while within an update."""
        if len(present) < len(self.groups) and set(map(id, self.groups)).issuperset(map(id, present)):
            return self.groups
        self._source = present
        return present

    def close(self) -> None:
        """Record no further updates."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        # The step uses the estimate from before it, and renews it.
        self._estimates |= {id(group): _copy(group["d"]) for group in optimizer.param_groups}

    def _others(self) -> dict[str, Values]:
        """What else is recorded of each group."""
        groups = self.groups
        recorded = {quantity: _copies(list(map(read, groups))) for quantity, read in self._readers.items()}
        effective = self._effective_lrs()
        return {**recorded, "effective": effective} if effective else recorded

    def _effective_lrs(self) -> list[Any]:
        """The LRs that the optimizer made of those it was given; empty if it keeps none."""
        free = [group for each in self._schedule_free for group in each.param_groups]
        made = {
            id(group): _copy(group["scheduled_lr"]) for group in free if "scheduled_lr" in group
        }  # some of them have it
        made |= {
            id(group): self._estimates[id(group)] * _copy(group["lr"])
            for group in self.groups
            if id(group) in self._estimates
        }
        return [made.get(id(group), _copy(group["lr"])) for group in self.groups] if made else []

    def _warn_of_replays(self) -> None:
        warn(
            "LR707",
            f"An update of {type(self.optimizer).__name__} is captured in a CUDA graph. Its replays call no optimizer.step(), "
            "so they are not seen, and their learning rates are not logged. Log scheduler.get_last_lr() yourself, or leave "
            "optimizer.step() out of the graph.",
        )


def _readers_of(scheduler: ScheduledLR | None) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
    """What reads each number that a scheduler drives besides the LR."""

    def reader(key: Key) -> Callable[[Mapping[str, Any]], Any]:
        return lambda group: key.number_in(group) if key.is_in(group) else math.nan

    keys = [Key.parse(binding.key) for binding in (scheduler.bindings[1:] if scheduler else ())]
    return {key.name: reader(key) for key in keys}


def momentum_of(group: Mapping[str, Any]) -> Any:
    """A group's first beta or its momentum, 0 if it has neither."""
    return group["betas"][0] if "betas" in group else group.get("momentum", 0)


def weight_decay_of(group: Mapping[str, Any]) -> Any:
    """A group's weight decay, 0 if it has none."""
    return group.get("weight_decay", 0)


def numbers(values: Tensor | Iterable[Any]) -> list[float]:
    """Plain numbers of a tensor or of a list of numbers and tensors; tensors in one place are read at once."""
    if not isinstance(values, Tensor):
        values = _copies(list(values))
    return values.tolist() if isinstance(values, Tensor) else list(map(float, values))


def _copies(values: list[Any]) -> Values:
    """Values that nobody can change in place: one tensor if all are tensors of one kind in one place."""
    kinds = set(map(type, values))
    if kinds <= {float, int}:
        return values
    if all(issubclass(kind, Tensor) for kind in kinds):
        try:
            with torch.no_grad():
                return torch.stack(values).flatten()
        except RuntimeError:  # on several devices, or of several shapes
            pass
    return [_copy(value) for value in values]


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, Tensor) else value


def _hookable(optimizer: Optimizer) -> list[Optimizer]:
    """The optimizers whose steps are updates of ``optimizer``; none if torch can register no hooks with them."""
    try:
        return hookable_optimizers(optimizer)
    except ScheduleError:
        return []


def _register_first(optimizer: Optimizer, hook: Callable[..., None]) -> RemovableHandle:
    """Register a hook after the step in front of all others, as ``prepend=True`` does for a module's hooks."""
    handle = optimizer.register_step_post_hook(hook)
    hooks: Any = handle.hooks_dict_ref()
    hooks.move_to_end(handle.id, last=False)
    return handle
