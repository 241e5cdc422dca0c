"""Multiplies the learning rates of an optimizer by factors, and keeps the unscaled ones for schedulers and checkpoints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from math import prod
from typing import Any, Protocol, final

from torch import Tensor
from torch.optim import Optimizer
from typing_extensions import override

from lr_toolkit.errors import warn
from lr_toolkit.optim.group_values import Group, group_values_of, has_tensors
from lr_toolkit.optim.scheduler_proxy import is_wrapped, unwrap, wrap
from lr_toolkit.optim.updates import UpdateTracker, hookable_optimizers, is_captured

__all__ = ["MULTIPLIER", "LRFactor", "LRMultiplier"]

MULTIPLIER = "_lr_toolkit_multiplier"  # the attribute of an optimizer that holds its multiplier


class LRFactor(Protocol):
    """A factor for the LR of each group, which changes from update to update."""

    @property
    def factors(self) -> tuple[float, ...]:
        """The factor of each group for the next update."""
        ...

    def regroup(self, groups: Sequence[Group]) -> None:
        """Give the factors of these groups from now on: some have joined the optimizer, left it or moved."""
        ...

    def advance(self) -> None:
        """Move on by one update."""
        ...


@final
class LRMultiplier:
    """Keeps ``group["lr"]`` at the unscaled LR x factor of each group, and the unscaled LR beside it.

        lr = unscaled * factor_1 * factor_2 * ...

    The unscaled LR is never computed by a division. A wrapped scheduler reads and writes the unscaled LR: what it writes is
    adopted, then the factors are applied. Everything else reads the LR in use at any time. The optimizer's ``state_dict``
    holds the unscaled LR.

    One optimizer has one multiplier, whatever the number of factors: ``LRMultiplier.of(optimizer)``.

    DeepSpeed narrows ``optimizer.param_groups`` to one group for each ``step()`` that it runs, and restores the list after
    it. So a list that is a part of the known groups is no change of groups before the batch has ended (``reset``).

    Raises:
        ScheduleError: if some groups have a number as LR and others a tensor, or if no hook would see an update.
    """

    factors: tuple[float, ...]
    """The factor of each group for the next update."""

    def __init__(self, optimizer: Optimizer) -> None:
        hookable = hookable_optimizers(optimizer)
        self._optimizer = optimizer
        self._terms: list[LRFactor] = []
        self._updates = UpdateTracker(optimizer.param_groups)
        self._unscaled = _Unscaled(self._restore, self._apply)
        self._wrapped: list[Any] = []
        self._has_warned = False
        self._bind(optimizer.param_groups, _lrs(optimizer.param_groups))
        self._handles = [
            handle
            for stepped in hookable
            for handle in (
                stepped.register_step_pre_hook(self._before_step),
                stepped.register_step_post_hook(self._after_step),
                stepped.register_state_dict_post_hook(self._save),
                stepped.register_load_state_dict_post_hook(self._loaded),
            )
        ]
        add = optimizer.add_param_group

        def add_param_group(param_group: Group) -> None:
            with self.unscaled():
                lr = param_group.get("lr", optimizer.defaults.get("lr"))
                has_tensors([*_lrs(optimizer.param_groups), lr], [*optimizer.param_groups, param_group])
                add(param_group)

        # Attributes of the instance do no harm to pickles: torch's optimizers pickle their groups and state alone.
        vars(optimizer).update({MULTIPLIER: self, "add_param_group": add_param_group})

    @classmethod
    def of(cls, optimizer: Optimizer) -> LRMultiplier:
        """The multiplier of this optimizer; a new one if there is none."""
        return cls.around(optimizer) or cls(optimizer)

    @classmethod
    def around(cls, optimizer: Optimizer) -> LRMultiplier | None:
        """The multiplier of this optimizer; ``None`` if nothing multiplies its LRs."""
        found: LRMultiplier | None = vars(optimizer).get(MULTIPLIER)
        return found

    # --- what multiplies --------------------------------------------------------------------------------------------------

    def add(self, term: LRFactor) -> None:
        """Multiply by ``term`` from now on."""
        self._terms.append(term)
        term.regroup(self._values.groups)
        self.refresh()

    def remove(self, term: LRFactor) -> None:
        """Stop to multiply by ``term``; the last removal leaves the optimizer and its schedulers as they were found.

        Not to be called from a hook of the optimizer, because its hooks are removed here.
        """
        self._terms.remove(term)
        if self._terms:
            self.refresh()
        else:
            self._detach()

    def _detach(self) -> None:
        """Leave the unscaled LRs; raises nothing, whatever the groups have become."""
        values = self._values
        if values.is_unchanged():
            values.restore()
        else:
            for group, lr, is_changed in zip(values.groups, values.unscaled, values.changed(), strict=True):
                if not is_changed and isinstance(lr, Tensor):
                    group["lr"].detach().copy_(lr)
                elif not is_changed:
                    group["lr"] = lr
        for handle in self._handles:
            handle.remove()
        for scheduler in self._wrapped:
            unwrap(scheduler)
        for name in (MULTIPLIER, "add_param_group"):
            del vars(self._optimizer)[name]

    def wrap(self, scheduler: Any) -> None:
        """Let ``scheduler``, and the schedulers that it steps itself, read and write the unscaled LR alone."""
        if not is_wrapped(scheduler):
            wrap(scheduler, self.unscaled())
            self._wrapped.append(scheduler)
            if not self._values.is_unchanged():  # a scheduler that is made during the ramp has written its first LR
                self._adopt(self._values.source, report=False)

    def unscaled(self) -> AbstractContextManager[None]:
        """A context in which ``group["lr"]`` is the unscaled LR, and what is written to it becomes the unscaled LR."""
        return self._unscaled

    def refresh(self) -> None:
        """Compute the factors and write the LRs again, after a factor has moved."""
        self._adopt_writes()
        self._compute_factors()
        self._scale()

    def reset(self) -> None:
        """End an update whose end no hook has shown, and adopt another list of groups. To be called between two batches."""
        groups = self._optimizer.param_groups
        if self._updates.reset(groups):
            self._advance()
        if groups is not self._values.source and not self._values.are_of(groups):
            self._adopt(groups)

    # --- LRs --------------------------------------------------------------------------------------------------------------

    def _bind(self, groups: list[Group], unscaled: Sequence[Any]) -> None:
        """Keep the LRs of these groups from now on."""
        self._values = group_values_of(groups, unscaled)
        for term in self._terms:
            term.regroup(self._values.groups)
        self._compute_factors()
        self._scale()

    def _compute_factors(self) -> None:
        if len(self._terms) == 1:
            self.factors = self._terms[0].factors
        else:
            rows = zip(*[term.factors for term in self._terms], strict=True)
            self.factors = tuple(map(prod, rows)) or (1.0,) * len(self._values.groups)

    def _scale(self) -> None:
        if not self._unscaled.is_active:
            self._values.scale(self.factors)

    def _restore(self) -> None:
        self._adopt_writes()
        self._values.restore()

    def _apply(self) -> None:
        groups = self._present_groups()
        if self._values.are_of(groups):
            self._values.read()
            self._values.scale(self.factors)
        else:
            self._bind(groups, _lrs(groups))

    def _present_groups(self) -> list[Group]:
        """The optimizer's groups; those that were bound if the list is narrowed to a part of them."""
        groups, bound = self._optimizer.param_groups, self._values
        is_shorter = groups is not bound.source and len(groups) < len(bound.groups)
        is_narrowed = is_shorter and set(map(id, bound.groups)).issuperset(map(id, groups))
        return bound.source if is_narrowed else groups

    def _adopt_writes(self) -> None:
        if not self._values.is_unchanged() and not self._unscaled.is_active:
            self._adopt(self._values.source)

    def _adopt(self, groups: list[Group], *, report: bool = True) -> None:
        """Take what others wrote to ``group["lr"]`` as the unscaled LR; a group that has joined brings its own."""
        values = self._values
        rows = list(zip(values.groups, values.unscaled, values.changed(), strict=True))
        kept = {id(group): lr for group, lr, is_changed in rows if not is_changed}
        written = {id(group) for group, _, is_changed in rows if is_changed}
        for index, group in enumerate(groups):
            if report and id(group) in written:
                self._report_write(group.get("name", index), group["lr"])
        values.keep_kind()
        self._bind(groups, [kept.get(id(group), group["lr"]) for group in groups])

    def _report_write(self, group: object, lr: Any) -> None:
        if self._has_warned:
            return
        self._has_warned = True
        value = "" if isinstance(lr, Tensor) else f" ({lr:g})"  # a tensor may be on a device, which is not waited for
        warn(
            "LR702",
            f"The lr of parameter group {group!r} of {type(self._optimizer).__name__} was written to directly{value} during a warmup "
            "ramp. It becomes the LR without the ramp, which goes on multiplying it. Let a scheduler of the Trainer make the "
            "change, or make it after the ramp.",
        )

    # --- the optimizer's hooks --------------------------------------------------------------------------------------------

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._values.are_tensors and is_captured():  # nothing of the ramp may get into the graph
            warn(
                "LR703",
                f"An update of {type(optimizer).__name__} is captured in a CUDA graph. Its replays call no optimizer.step(), so the "
                "warmup ramp does not move in them. Leave optimizer.step() out of the graph, or write the warmup into the "
                "schedule: warmup('500 steps') >> cosine().",
            )
        elif self._updates.begin():
            self._adopt_writes()

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if self._updates.end(optimizer.param_groups, self._values.groups):
            self._advance()

    def _advance(self) -> None:
        for term in self._terms:
            term.advance()
        self.refresh()

    def _save(self, optimizer: Optimizer, state: dict[str, Any]) -> None:
        if self._unscaled.is_active:
            return
        self._adopt_writes()
        unscaled = dict(zip(map(id, self._values.groups), self._values.unscaled, strict=True))
        for group, saved in zip(optimizer.param_groups, state["param_groups"], strict=True):
            lr = unscaled.get(id(group), saved["lr"])
            saved["lr"] = lr.detach().clone() if isinstance(lr, Tensor) else lr

    def _loaded(self, optimizer: Optimizer) -> None:
        if not self._unscaled.is_active:
            self._adopt(self._present_groups(), report=False)


@final
class _Unscaled(AbstractContextManager[None]):
    """Calls ``enter`` and ``leave`` around the outermost of nested ``with`` blocks."""

    is_active: bool = False
    """Whether a ``with`` block is running."""

    def __init__(self, enter: Callable[[], None], leave: Callable[[], None]) -> None:
        self._enter, self._leave = enter, leave
        self._depth = 0

    @override
    def __enter__(self) -> None:
        if not self._depth:
            self._enter()
        self._depth += 1
        self.is_active = True

    @override
    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            self.is_active = False
            self._leave()


def _lrs(groups: Sequence[Group]) -> list[Any]:
    return [group["lr"] for group in groups]
