"""The learning rates of an optimizer as they would be without a ramp, kept beside those that it uses."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from operator import mul
from typing import Any, Protocol, final

from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.optim.group_values import group_values_of
from lr_toolkit.optim.match_groups import match_groups
from lr_toolkit.optim.scheduler_proxy import guard, is_wrapped, release
from lr_toolkit.optim.updates import hookable_optimizers, is_captured

__all__ = ["MULTIPLIER", "LRFactor", "LRMultiplier"]

MULTIPLIER = "_lr_toolkit_shadow"  # the attribute of an optimizer that holds its shadow


class LRFactor(Protocol):
    """What multiplies an optimizer's LRs: a factor for each group at this moment, moved on by each update."""

    def factors(self, groups: Sequence[dict[str, Any]]) -> tuple[float, ...]:
        """The factor of each group, which are others where the list is another; the same tuple as before where none has changed."""
        ...

    def advance(self, groups: Sequence[dict[str, Any]]) -> tuple[float, ...]:
        """An update was taken: the factors for the next one."""
        ...


@final
class LRMultiplier:
    """Keeps each group's *bare* LR, and ``group["lr"]`` at bare LR x factor.

        lr = bare * factor_1 * factor_2 * ...

    The bare LR is never found by division. Guarded schedulers run in a world where ``group["lr"]`` is the bare LR: what
    they write there is adopted, then the factors are applied anew. Everybody else, at any time, reads the LR in use. The
    optimizer's ``state_dict`` holds the bare LR.

    One optimizer has one shadow, however many climbs: ``LRMultiplier.of(optimizer)``.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._climbs: list[LRFactor] = []
        self._factors: tuple[float, ...] = ()
        # How many optimizer.step() are running: a subclass that calls super().step(), or another optimizer's, makes it two.
        self._stepping = 0
        self._warned = False
        self._guarded: list[Any] = []
        self._is_hidden = False
        self._bind(self._lrs())
        self.turn()
        self._handles = [
            handle
            for one in hookable_optimizers(optimizer)
            for handle in (
                one.register_step_pre_hook(self._before_step),
                one.register_step_post_hook(self._after_step),
                one.register_state_dict_post_hook(self._save),
                one.register_load_state_dict_post_hook(self._loaded),
            )
        ]
        add = optimizer.add_param_group

        def add_param_group(param_group: dict[str, Any]) -> None:
            with self.bare():
                add(param_group)

        # An attribute of the instance does no harm to pickles: torch's optimizers pickle their groups and state alone.
        vars(optimizer).update({MULTIPLIER: self, "add_param_group": add_param_group})

    @classmethod
    def of(cls, optimizer: Optimizer) -> LRMultiplier:
        """The shadow of this optimizer, made where there is none yet."""
        return cls.around(optimizer) or cls(optimizer)

    @classmethod
    def around(cls, optimizer: Optimizer) -> LRMultiplier | None:
        """The shadow that this optimizer has, ``None`` where it has none: where no ramp is at work."""
        found: LRMultiplier | None = vars(optimizer).get(MULTIPLIER)
        return found

    @property
    def factors(self) -> tuple[float, ...]:
        """What each group's bare LR was last multiplied by: a new tuple whenever it changes, so one may keep it."""
        return self._factors

    # --- climbs ---

    def add(self, climb: LRFactor) -> None:
        """Multiply by ``climb`` from now on."""
        self._climbs.append(climb)
        self.turn()

    def remove(self, climb: LRFactor) -> None:
        """Multiply by ``climb`` no longer; the last one leaves the optimizer and its schedulers as if nothing had been.

        Not to be called from a hook of the optimizer, whose hooks are removed here.
        """
        self._climbs.remove(climb)
        self.turn()
        if self._climbs:
            return
        for handle in self._handles:
            handle.remove()
        for scheduler in self._guarded:
            release(scheduler)
        for name in (MULTIPLIER, "add_param_group"):
            del vars(self._optimizer)[name]

    def guard(self, scheduler: Any) -> None:
        """Let ``scheduler``, with those that it steps itself, see and write the bare LR alone."""
        if not is_wrapped(scheduler):
            guard(scheduler, self._hide, self._show)
            self._guarded.append(scheduler)
            if not self._rates.is_untouched():  # made in mid-ramp, it has written its first LR
                self._take_in(tells=False)

    def settle(self) -> None:
        """Between two updates: forget one that raised and so never ended."""
        self._stepping = 0

    def turn(self) -> None:
        """A climb has moved, or the groups have changed: multiply by what the climbs say now."""
        groups = self._rates.members
        if len(self._climbs) == 1:
            self._multiply(self._climbs[0].factors(groups))
            return
        factors = (1.0,) * len(groups)
        for climb in self._climbs:
            factors = tuple(map(mul, factors, climb.factors(groups)))
        self._multiply(factors)

    def _multiply(self, factors: tuple[float, ...]) -> None:
        if factors is self._factors:
            if not self._rates.is_untouched():
                self._take_in()
            return
        self._factors = factors
        if not self._is_hidden and not self._rates.show(factors):
            self._take_in()

    # --- the two worlds ---

    @contextmanager
    def bare(self) -> Iterator[None]:
        """Within, ``group["lr"]`` is the bare LR, and what is written to it becomes the bare LR."""
        is_outermost = self._hide()
        try:
            yield
        finally:
            if is_outermost:
                self._show()

    def _hide(self) -> bool:
        if self._is_hidden:
            return False
        if not self._rates.hide():
            self._take_in()
            self._rates.hide()
        self._is_hidden = True
        return True

    def _show(self) -> None:
        self._is_hidden = False
        if not self._rates.renew(self._factors):
            self._bind(self._lrs())
            self.turn()

    def _take_in(self, *, tells: bool = True) -> None:
        """Adopt what somebody else wrote, as the bare LR, and say so; groups that are new bring theirs."""
        if self._is_hidden:
            return
        groups, members = self._optimizer.param_groups, self._rates.members
        lrs, bare, touched = self._lrs(), self._rates.bare, self._rates.touched()
        for at, was in enumerate(match_groups(members, groups)):
            if was is None or groups[at] is not members[was]:
                continue
            if not touched[was]:
                lrs[at] = bare[was]
            elif tells:
                self._warn(at)
        self._bind(lrs)
        self.turn()

    def _bind(self, bare: Sequence[float | Tensor]) -> None:
        groups = self._optimizer.param_groups
        found: set[tuple[int, int]] = set()
        for group in groups:
            lr = group["lr"]
            if isinstance(lr, Tensor):
                # A default that is a tensor is one tensor in all groups, which could not hold an LR for each.
                place = lr.untyped_storage()._cdata, int(lr.storage_offset())
                if place in found:
                    group["lr"] = _copy(lr)
                found.add(place)
        self._rates = group_values_of(groups, bare)
        self._factors = ()
        self._has_tensors = any(isinstance(lr, Tensor) for lr in self._lrs())

    def _lrs(self) -> list[float | Tensor]:
        return [group["lr"] for group in self._optimizer.param_groups]

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
        if self._has_tensors and is_captured():  # nothing of the ramp may get into the graph
            warnings.warn(
                f"An update of {type(optimizer).__name__} is captured in a CUDA graph, whose replays call no optimizer.step(): the "
                "warmup ramp stands still in them. Leave optimizer.step() out of the graph, or write the warmup into the "
                "schedule, warmup('500 steps') >> cosine().",
                UserWarning,
                stacklevel=2,
            )
            return
        if not self._stepping and not self._rates.is_untouched():
            self._take_in()
        self._stepping += 1

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._has_tensors and is_captured():
            return
        if self._stepping > 1:
            self._stepping -= 1
            return
        self._stepping = 0
        groups, climbs = self._rates.members, self._climbs
        if len(climbs) == 1:
            self._multiply(climbs[0].advance(groups))
            return
        for climb in climbs:
            climb.advance(groups)
        self.turn()

    def _save(self, optimizer: Optimizer, state: dict[str, Any]) -> None:
        if self._is_hidden:
            return
        if not self._rates.is_untouched():
            self._take_in()
        for group, bare in zip(state["param_groups"], self._rates.bare, strict=True):
            group["lr"] = _copy(bare)

    def _loaded(self, optimizer: Optimizer) -> None:
        self._bind(self._lrs())
        self.turn()


def _copy(lr: float | Tensor) -> float | Tensor:
    return lr.detach().clone() if isinstance(lr, Tensor) else lr
