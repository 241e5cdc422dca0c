"""The learning rates of an optimizer as they would be without a ramp, kept beside those that it uses."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, final

import torch
from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.optim.guarded import guard, is_guarded, release

__all__ = ["Climb", "Shadow"]

_ATTRIBUTE = "_lr_toolkit_shadow"


class Climb(Protocol):
    """What multiplies an optimizer's LRs: a factor for each group at this moment, moved on by each update."""

    def factor(self, at: int, group: dict[str, Any]) -> float:
        """The factor of the group at index ``at``."""
        ...

    def advance(self) -> None:
        """An update was taken."""
        ...


@final
class Shadow:
    """Keeps each group's *bare* LR, and ``group["lr"]`` at bare LR x factor.

        lr = bare * factor_1 * factor_2 * ...

    The bare LR is never found by division. Guarded schedulers run in a world where ``group["lr"]`` is the bare LR: what
    they write there is adopted, then the factors are applied anew. Everybody else, at any time, reads the LR in use. The
    optimizer's ``state_dict`` holds the bare LR.

    One optimizer has one shadow, however many climbs: ``Shadow.of(optimizer)``.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._climbs: list[Climb] = []
        self._bare: list[float | Tensor] = []
        self._written: list[tuple[object, int]] = []
        self._factors: tuple[float, ...] = ()
        self._hidden = 0  # how many bare() are open
        self._stepping = 0  # how many optimizer.step() are running: a subclass that calls super().step() makes it two
        self._warned = False
        self._guarded: list[Any] = []
        self._adopt()
        self._handles = [
            optimizer.register_step_pre_hook(self._before_step),
            optimizer.register_step_post_hook(self._after_step),
            optimizer.register_state_dict_post_hook(self._save),
            optimizer.register_load_state_dict_post_hook(self._loaded),
        ]
        add = optimizer.add_param_group

        def add_param_group(param_group: dict[str, Any]) -> None:
            with self.bare():
                add(param_group)

        # An attribute of the instance does no harm to pickles: torch's optimizers pickle their groups and state alone.
        vars(optimizer).update({_ATTRIBUTE: self, "add_param_group": add_param_group})

    @classmethod
    def of(cls, optimizer: Optimizer) -> Shadow:
        """The shadow of this optimizer, made where there is none yet."""
        return cls.around(optimizer) or cls(optimizer)

    @classmethod
    def around(cls, optimizer: Optimizer) -> Shadow | None:
        """The shadow that this optimizer has, ``None`` where it has none: where no ramp is at work."""
        found: Shadow | None = vars(optimizer).get(_ATTRIBUTE)
        return found

    @property
    def factors(self) -> tuple[float, ...]:
        """What each group's bare LR was last multiplied by: a new tuple whenever it changes, so one may keep it."""
        return self._factors

    # --- climbs ---

    def add(self, climb: Climb) -> None:
        """Multiply by ``climb`` from now on."""
        self._climbs.append(climb)
        self.settle()

    def remove(self, climb: Climb) -> None:
        """Multiply by ``climb`` no longer; the last one leaves the optimizer and its schedulers as if nothing had been.

        Not to be called from a hook of the optimizer, whose hooks are removed here.
        """
        self._climbs.remove(climb)
        self.settle()
        if self._climbs:
            return
        for handle in self._handles:
            handle.remove()
        for scheduler in self._guarded:
            release(scheduler)
        for name in (_ATTRIBUTE, "add_param_group"):
            del vars(self._optimizer)[name]

    def guard(self, scheduler: Any) -> None:
        """Let ``scheduler``, with those that it steps itself, see and write the bare LR alone."""
        if not is_guarded(scheduler):
            guard(scheduler, self.bare)
            self._guarded.append(scheduler)

    # --- the two worlds ---

    @contextmanager
    def bare(self) -> Iterator[None]:
        """Within, ``group["lr"]`` is the bare LR, and what is written to it becomes the bare LR."""
        if not self._hidden:
            self._notice()
            for group, bare in zip(self._optimizer.param_groups, self._bare, strict=True):
                _write(group, bare, 1.0)
        self._hidden += 1
        try:
            yield
        finally:
            self._hidden -= 1
            if not self._hidden:
                self._adopt()
                self.show()

    def settle(self) -> None:
        """Take in groups that were added past ``add_param_group``, and notice direct writes; no update is running."""
        self._stepping = 0
        self._notice()
        self.show()

    def show(self) -> None:
        """Write bare LR x factors to every group."""
        if self._hidden:
            return
        groups = self._optimizer.param_groups
        factors = []
        for at, (group, bare) in enumerate(zip(groups, self._bare, strict=True)):
            factor = 1.0
            for climb in self._climbs:
                factor *= climb.factor(at, group)
            _write(group, bare, factor)
            factors.append(factor)
        self._factors = tuple(factors)
        # After all writes: tensor LRs that are views of one buffer share their version.
        self._written = [_mark(group) for group in groups]

    def _adopt(self) -> None:
        self._bare = [_copy(group["lr"]) for group in self._optimizer.param_groups]

    def _notice(self) -> None:
        """Adopt what somebody else wrote, as the bare LR, and say so; groups that are new bring theirs."""
        if self._hidden:
            return
        groups = self._optimizer.param_groups
        del self._bare[len(groups) :]
        for at, group in enumerate(groups):
            if at >= len(self._bare):
                self._bare.append(_copy(group["lr"]))
            elif at < len(self._written) and not _is_same(_mark(group), self._written[at]):
                self._bare[at] = _copy(group["lr"])
                self._warn(at)

    def _warn(self, at: int) -> None:
        if self._warned:
            return
        self._warned = True
        lr = self._optimizer.param_groups[at]["lr"]
        warnings.warn(
            f"The lr of parameter group {at} of {type(self._optimizer).__name__} was written to directly"
            f"{'' if isinstance(lr, Tensor) else f' ({lr:g})'} while a warmup ramp holds it. It is taken as the LR without the "
            "ramp, which goes on multiplying it. Leave the change to a scheduler that the Trainer has, or make it after the ramp.",
            UserWarning,
            stacklevel=3,
        )

    # --- the optimizer's hooks ---

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self._stepping:
            self.settle()
        self._stepping += 1

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        self._stepping = max(self._stepping - 1, 0)
        if self._stepping:
            return
        self._notice()
        for climb in self._climbs:
            climb.advance()
        self.show()

    def _save(self, optimizer: Optimizer, state: dict[str, Any]) -> None:
        if self._hidden:
            return
        self._notice()
        for group, bare in zip(state["param_groups"], self._bare, strict=True):
            group["lr"] = _copy(bare)

    def _loaded(self, optimizer: Optimizer) -> None:
        self._adopt()
        self.show()


def _write(group: dict[str, Any], bare: float | Tensor, factor: float) -> None:
    lr = group["lr"]
    if isinstance(lr, Tensor) and isinstance(bare, Tensor):
        # In place and on the device: a captured CUDA graph or a compiled step keeps reading the same tensor.
        torch.mul(bare, factor, out=lr.detach())
    elif isinstance(lr, Tensor):
        lr.fill_(bare * factor)
    else:
        group["lr"] = bare * factor


def _copy(lr: float | Tensor) -> float | Tensor:
    return lr.detach().clone() if isinstance(lr, Tensor) else lr


def _mark(group: dict[str, Any]) -> tuple[object, int]:
    """What tells a write apart: the number, or the tensor and how often it was written to (reading it would wait)."""
    lr = group["lr"]
    return lr, lr._version if isinstance(lr, Tensor) else 0


def _is_same(one: tuple[object, int], other: tuple[object, int]) -> bool:
    (lr, version), (before, earlier) = one, other
    if isinstance(lr, Tensor) or isinstance(before, Tensor):
        return lr is before and version == earlier
    return lr is before or lr == before
