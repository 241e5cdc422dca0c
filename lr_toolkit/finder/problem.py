"""What is trained during a search, and the copies of it on which every trial happens."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any, TypeAlias, final

import torch
from torch import Tensor, nn
from torch.optim import LBFGS, Optimizer

from lr_toolkit.errors import ScheduleError
from lr_toolkit.finder.lr_plan import LRPlan, Values, base_lrs, write_values
from lr_toolkit.finder.random_state import same_random_state, seed_all
from lr_toolkit.finder.search_log import SearchLog

__all__ = ["Candidate", "Problem", "UpdateBatches", "check_optimizer", "with_settled_scaler"]

UpdateBatches: TypeAlias = "tuple[Any, ...]"
"""The batches of one update: more than one with accumulation."""


def check_optimizer(optimizer: Optimizer) -> None:
    """Refuse an optimizer that has no direction of its own, or no base LR.

    Raises:
        ScheduleError: for ``LBFGS``, and if each group's base LR is 0.
    """
    if isinstance(optimizer, LBFGS):
        raise ScheduleError(
            "The LR finder takes steps along a direction, and LBFGS searches along its own. Write "
            "LBFGS(..., line_search_fn='strong_wolfe')."
        )
    if max(base_lrs(optimizer), default=0.0) <= 0:
        raise ScheduleError(
            "The LR finder keeps the ratio of the groups' base LRs, and all of them are 0. Write lr=1e-3 in the optimizer."
        )


def _leave(model: nn.Module, optimizer: Optimizer) -> None:
    """Change nothing."""


def _same(value: float) -> float:
    return value


@final
@dataclass(frozen=True, slots=True)
class Problem:
    """A model before its first update, with all that decides which LR is best for it. Nothing in it is ever changed.

    Attributes:
        model: the model.
        optimizer: its optimizer.
        loss: the loss of a model on one batch; ``None`` if the batch is to be skipped.
        updates: begins a stream of the batches of each update, without an end and the same each time for equal seeds.
        plan: the LRs over the whole run.
        seed: the seed of every trial, so that trials are paired.
        adapt: prepares a copy of the model and its optimizer.
        before_step: what happens to the gradients before each update: clipping, the mean over ranks.
        mean: the mean of a number over ranks.
        scaler: the scaler of the gradients under mixed precision.
        shared: objects that a copy of the model refers to, and that are not copied.
        has_gradients: whether ``loss`` computes the gradients, too.
        is_alone: whether no other rank takes part. If one does, an interrupt ends the search without an answer: ranks are interrupted
            at different places, and would answer differently.
    """

    model: nn.Module
    optimizer: Optimizer
    loss: Callable[[nn.Module, Any], Tensor | None]
    updates: Callable[[], Iterator[UpdateBatches]]
    plan: LRPlan
    seed: int
    adapt: Callable[[nn.Module, Optimizer], None] = _leave
    before_step: Callable[[nn.Module, Optimizer], None] = _leave
    mean: Callable[[float], float] = _same
    scaler: Any = None
    shared: tuple[object, ...] = ()
    has_gradients: bool = False
    is_alone: bool = True

    @property
    def bases(self) -> list[float]:
        """The base LR of each group."""
        return base_lrs(self.optimizer)

    def scaled_bases(self, lr: float) -> list[float]:
        """The base LR of each group if the highest is ``lr``."""
        highest = max(self.bases)
        return [lr * (base / highest) for base in self.bases]


@final
class Candidate:
    """A copy of the model and its optimizer at the beginning of a run; it is trained, and thrown away. ``log`` counts its work."""

    def __init__(self, problem: Problem, log: SearchLog) -> None:
        self._problem = problem
        self._log = log
        memo = {id(kept): kept for kept in problem.shared}
        try:
            self.model, self.optimizer = copy.deepcopy((problem.model, problem.optimizer), memo)
        except (TypeError, RuntimeError) as error:
            raise ScheduleError(
                f"The LR finder trains copies of the model, and copy.deepcopy cannot copy it: {error}. Keep no graph, lock or open file in "
                "its attributes, or write a __deepcopy__."
            ) from error
        self.scaler = copy.deepcopy(problem.scaler)
        problem.adapt(self.model, self.optimizer)
        seed_all(problem.seed)
        self._updates = problem.updates()

    def next_batches(self) -> UpdateBatches:
        """The batches of the next update."""
        return next(self._updates)

    @property
    def parameters(self) -> list[nn.Parameter]:
        """The parameters that are trained."""
        return [each for group in self.optimizer.param_groups for each in group["params"] if each.requires_grad]

    def backward(self, batches: UpdateBatches) -> float | None:
        """Compute the gradients of an update; returns the loss, ``None`` if every batch was skipped."""
        self.model.zero_grad(set_to_none=True)
        self.optimizer.zero_grad(set_to_none=True)
        losses = []
        with torch.enable_grad():
            for batch in batches:
                loss = self._problem.loss(self.model, batch)
                if loss is None:
                    continue
                losses.append(loss.detach())
                if not self._problem.has_gradients:
                    scaled = loss if self.scaler is None else self.scaler.scale(loss)
                    (scaled / len(batches)).backward()
        self._log.spend(1)
        return self._mean(losses)

    def step(self, values: Values) -> None:
        """Take an update with these values of the groups, from the gradients that are there."""
        write_values(self.optimizer, values)
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        self._problem.before_step(self.model, self.optimizer)
        if self.scaler is None:
            self.optimizer.step()
        else:
            self.scaler.step(self.optimizer)
            self.scaler.update()

    def update(self, values: Values) -> float | None:
        """Train on the next batches, unless all are skipped or their loss is not finite; returns their loss before."""
        loss = self.backward(self.next_batches())
        if loss is not None and isfinite(loss):
            self.step(values)
        return loss

    def loss(self, batches: UpdateBatches) -> float | None:
        """The loss on these batches, as ``backward`` computes it. The generators stay where they are."""
        with torch.enable_grad(), same_random_state():  # a loss may differentiate
            losses = [self._problem.loss(self.model, batch) for batch in batches]
        self._log.spend(1 / 3)
        return self._mean([loss for loss in losses if loss is not None])

    def _mean(self, losses: Sequence[Tensor]) -> float | None:
        if not losses:
            return None
        return self._problem.mean(float(torch.stack([loss.detach().float() for loss in losses]).mean()))


def with_settled_scaler(problem: Problem, log: SearchLog) -> Problem:
    """The problem with the scale of the gradients fallen to where an update is taken.

    A new scaler skips the first updates of a run until its scale fits. That is a small part of a run, and a large one of a short run.
    """
    if problem.scaler is None:
        return problem
    candidate = Candidate(problem, log)
    batches = candidate.next_batches()
    is_skipped = True
    while is_skipped and candidate.scaler.get_scale() > 1:
        scale = candidate.scaler.get_scale()
        loss = candidate.backward(batches)
        if loss is None or not isfinite(loss):
            return problem
        candidate.step({"lr": problem.scaled_bases(0.0)})
        is_skipped = candidate.scaler.get_scale() < scale
    return replace(problem, scaler=candidate.scaler)
