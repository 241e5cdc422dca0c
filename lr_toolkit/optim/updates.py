"""Notices the updates of an optimizer: which hooks see them, where one ends, whether it had a gradient or was captured."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, final
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.errors import ScheduleError, warn
from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.held_objects import held_objects
from lr_toolkit.optim.keys import Key

__all__ = [
    "GradientProbe",
    "UpdateTracker",
    "call_at_updates",
    "has_step_hooks",
    "hookable_optimizers",
    "is_captured",
    "warn_of_constants",
]

# The optimizers that an optimizer steps, and whose loads it follows.
_FOLLOWED: WeakKeyDictionary[Optimizer, WeakSet[Optimizer]] = WeakKeyDictionary()


def hookable_optimizers(optimizer: Optimizer) -> list[Optimizer]:
    """The optimizers whose step hooks see the updates of ``optimizer``: itself, and those that it steps.

    An optimizer that is held in an attribute, a list or a dict of ``optimizer`` is stepped by it if all its parameter groups
    are among those of ``optimizer``. SAM's ``second_step()`` steps such an optimizer without its own ``step()``; a
    hybrid of Muon and AdamW, or a Lookahead, often has no hooks of its own, because its ``__init__`` does not call torch's.

    Loading a state gives an optimizer other group dicts. ``optimizer`` takes those of the optimizers that it steps, now and
    after each load: otherwise what is written to its groups would have no effect.

    Raises:
        ScheduleError: if no hook would see an update.
    """
    known = {id(group["params"]) for group in optimizer.param_groups}  # the lists stay when a state is loaded
    candidates = [
        held
        for held in held_objects(optimizer, Optimizer, depth=2)
        if known.issuperset(id(group["params"]) for group in held.param_groups)
    ]
    for held in candidates:
        _take_groups(optimizer, held)
    groups = set(map(id, optimizer.param_groups))
    inner = [held for held in candidates if groups.issuperset(map(id, held.param_groups))]
    for held in inner:
        _take_groups_after_loads(optimizer, held)
    found = [candidate for candidate in (optimizer, *inner) if has_step_hooks(candidate)]
    if not found:
        raise ScheduleError(
            f"{type(optimizer).__name__} does not call the constructor of torch's Optimizer, so its updates cannot be seen. Write "
            "super().__init__(params, defaults) in its __init__, or keep the optimizers that it steps in attributes, with the "
            "same dicts in param_groups: self.param_groups = [*self.muon.param_groups, *self.adamw.param_groups]."
        )
    return found


def _take_groups(optimizer: Optimizer, held: Optimizer) -> None:
    """Put the groups of ``held`` in the place of those with the same parameters."""
    taken = {id(group["params"]): group for group in held.param_groups}
    groups = [taken.get(id(group["params"]), group) for group in optimizer.param_groups]
    if any(new is not old for new, old in zip(groups, optimizer.param_groups, strict=True)):
        with suppress(AttributeError):  # a property without a setter
            optimizer.param_groups = groups


def _take_groups_after_loads(optimizer: Optimizer, held: Optimizer) -> None:
    """Take the groups of ``held`` after each state that it loads."""
    followed = _FOLLOWED.setdefault(optimizer, WeakSet())
    if held in followed or not has_step_hooks(held):
        return
    followed.add(held)
    reference = weakref.ref(optimizer)

    def take(held: Optimizer) -> None:
        holder = reference()
        if holder is not None:
            _take_groups(holder, held)

    held.register_load_state_dict_post_hook(take)


def has_step_hooks(optimizer: Optimizer) -> bool:
    """Whether hooks can be registered around the step of an optimizer: not if its ``__init__`` does not call torch's."""
    return isinstance(vars(optimizer).get("_optimizer_step_post_hooks"), OrderedDict)


def call_at_updates(
    owner: Any, optimizer: Optimizer, before: Callable[[Any], None], after: Callable[[Any, Optimizer], None]
) -> None:
    """Call ``before(owner)`` and ``after(owner, optimizer)`` around each step of an optimizer, as long as ``owner`` lives.

    The optimizer must not keep an owner alive that others have dropped; the hooks go with it.

    Raises:
        ScheduleError: if no hook would see an update.
    """
    me = weakref.ref(owner)

    def begin(_: Optimizer, __: Any, ___: Any) -> None:
        if (owner := me()) is not None:
            before(owner)

    def end(stepped: Optimizer, _: Any, __: Any) -> None:
        if (owner := me()) is not None:
            after(owner, stepped)

    handles = [
        handle
        for each in hookable_optimizers(optimizer)
        for handle in (each.register_step_pre_hook(begin), each.register_step_post_hook(end))
    ]
    weakref.finalize(owner, _remove, handles)


def _remove(handles: Sequence[Any]) -> None:
    for handle in handles:
        handle.remove()


@final
class UpdateTracker:
    """Finds the end of each update from the hooks around ``step()``, several of which may run for one update.

    A subclass calls ``super().step()``; an optimizer steps the optimizers that it holds; DeepSpeed steps one parameter group
    after another. The update ends when the outermost ``step()`` has returned and each group was stepped.

    DeepSpeed's third stage steps one part of the parameters after another, leaves the other groups empty for as long, and all of
    them between two updates. No hook shows which part is the last: the update ends between two batches (``reset``).

    Args:
        groups: the optimizer's groups, if no step is running.
    """

    def __init__(self, groups: Sequence[dict[str, Any]] = ()) -> None:
        self.is_in_parts = _are_empty(groups)
        self._depth = 0
        self._stepped: set[int] = set()  # the groups of an update that steps them one after another
        self._has_steps = False  # whether a step() has returned since the last update

    def begin(self) -> bool:
        """Note that a ``step()`` begins; ``True`` if it is not inside another one."""
        self._depth += 1
        return self._depth == 1

    def end(self, stepped: Sequence[dict[str, Any]], groups: Sequence[dict[str, Any]]) -> bool:
        """Note that the ``step()`` of some ``groups`` has returned; ``True`` if the update of all of them ends with it."""
        if not self._depth:  # its beginning was not noted
            return False
        self._depth -= 1
        self._has_steps = True
        if self._depth or self.is_in_parts:
            return False
        if len(stepped) < len(groups):
            self._stepped |= set(map(id, stepped))
            if len(self._stepped) < len(groups):
                return False
            self._stepped.clear()
        self._has_steps = False
        return True

    def reset(self, groups: Sequence[dict[str, Any]]) -> bool:
        """Begin anew between two batches; ``True`` if an update was taken whose end was not found.

        That is so after a ``step()`` that raised and was called again, or if some groups were not stepped, or all of them in parts.
        """
        was_taken = self._has_steps
        self.is_in_parts = _are_empty(groups)
        self._depth, self._has_steps = 0, False
        if self._stepped:
            self._stepped.clear()
        return was_taken


def _are_empty(groups: Sequence[dict[str, Any]]) -> bool:
    return bool(groups) and not groups[0]["params"] and not any(group["params"] for group in groups)


@final
class GradientProbe:
    """Finds whether a parameter of an optimizer has a gradient.

    The parameter that had a gradient last time is asked first: a frozen backbone may come before it, with too many parameters
    to look through at each update.
    """

    def __init__(self) -> None:
        self._parameter: Callable[[], Tensor | None] = lambda: None

    def has_gradient(self, optimizer: Optimizer) -> bool:
        """Whether a parameter has a gradient now."""
        known = self._parameter()
        if known is not None and known.grad is not None:
            return True
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._parameter = weakref.ref(parameter)
                    return True
        return False


def is_captured() -> bool:
    """Whether the running code is captured in a CUDA graph instead of executed."""
    is_on_gpu = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]  # torch has not typed it
    return is_on_gpu and torch.cuda.is_current_stream_capturing()


def warn_of_constants(optimizer: Optimizer, bindings: Sequence[Binding]) -> None:
    """Warn if the step being captured in a CUDA graph reads a scheduled value from host memory: replays keep using that value."""
    for binding in bindings:
        key, members = Key.parse(binding.key), set(binding.members)
        for index, group in enumerate(optimizer.param_groups):
            if index not in members:
                continue
            value = key.number_in(group)
            if isinstance(value, Tensor) and value.device.type != "cpu":
                continue
            kind = "a tensor in the host's memory" if isinstance(value, Tensor) else "a number"
            fix = f"Leave out the schedule of {key}, or take the updates without a graph."
            if binding.key == "lr":
                fix = "Give the optimizer a tensor on the GPU: lr=torch.tensor(3e-4, device='cuda')."
            warn(
                "LR706",
                f"An update of {type(optimizer).__name__} is captured in a CUDA graph, and the {key} of parameter group "
                f"{group.get('name', index)!r} is {kind}: each replay uses its present value ({float(value):g}), whatever the schedule "
                f"has. {fix}",
            )
            return
