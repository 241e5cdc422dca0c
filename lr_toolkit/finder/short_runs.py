"""Whole schedules on short runs, on the same data: the curve of the loss that each base LR reaches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import final

import numpy as np

from lr_toolkit.finder.curve import capped, differs, good_interval, good_limit, lowest_lr
from lr_toolkit.finder.lr_plan import positions
from lr_toolkit.finder.problem import Candidate, Problem
from lr_toolkit.finder.random_state import seed_all
from lr_toolkit.finder.result import NoLRFound
from lr_toolkit.finder.trial import Trial

__all__ = ["GRID", "ShortRuns"]

SHORT = 8
"""A short run has an eighth of the updates of a run, so that six of them and a line search cost one run."""
FEWEST = 8
"""The updates of a short run at least: a warmup, a peak and a decay can be told apart."""
STRIDE = 4.0
"""The factor between the first short runs. The good interval of a schedule is wider, and the runs beside the best halve it."""
USUAL = 5
MOST = 12
"""Runs at most, if the best of them is still at the end of what was tried."""
GRID = tuple(2.0**octave for octave in range(-20, 5, 2))
"""The LRs of a grid: about 1e-6 to 16."""


@final
@dataclass(slots=True)
class ShortRuns:
    """The short runs of a search so far."""

    problem: Problem
    budget: float
    progress: Callable[[str], None]
    trials: list[Trial] = field(default_factory=list)
    start_losses: list[float] = field(default_factory=list)
    start_cost: float = 0.0
    _losses: dict[float, list[float]] = field(default_factory=dict)

    @property
    def updates(self) -> int:
        """The updates of a short run."""
        steps = self.problem.plan.steps
        return min(max(round(self.budget * steps / SHORT), FEWEST), steps)

    @property
    def checks(self) -> int:
        """The updates' worth of batches, which follow those of the run, on which the runs are compared."""
        return max(self.updates // 4, FEWEST // 2)

    @property
    def cost(self) -> float:
        """In updates."""
        return self.start_cost + sum(trial.cost for trial in self.trials)

    @property
    def start_loss(self) -> float:
        """The loss before training."""
        return float(np.mean(self.start_losses))

    def around(self, lr: float) -> None:
        """Run at ``lr`` and a factor of 4 below and above, further on as long as an end may be the best, then beside the best."""
        for factor in (1 / STRIDE, 1.0, STRIDE):
            self._run(lr * factor)
        while len(self._losses) < MOST:
            open_end = self._open_end()
            if open_end is None:
                break
            self._run(open_end)
        self.refine()

    def _open_end(self) -> float | None:
        """The next LR beyond an end that may be the best: its loss is good, and not above the lowest by more than the noise."""
        lrs, losses = self._points()
        best = self._losses[lrs[self._middle()]]
        limit = good_limit(losses, self.start_loss)
        ends = ((losses[0], lrs[0], lrs[0] / STRIDE), (losses[-1], lrs[-1], lrs[-1] * STRIDE))
        for loss, lr, following in sorted(ends):
            if loss <= limit and isfinite(self._losses[lr][0]) and not differs(self._losses[lr], best):
                return following
        return None

    def over_grid(self) -> None:
        """Run at each LR of the grid, then beside the best."""
        for lr in GRID:
            self._run(lr)
        if not self._best_is_at_end():
            self.refine(len(GRID) + 2)

    def refine(self, most: int = USUAL) -> None:
        """Run half way between the best and its neighbours, the lower loss first, up to that many runs."""
        if self._best_is_at_end():
            return
        lrs, losses = self._points()
        middle = self._middle()
        for other in sorted((middle - 1, middle + 1), key=lambda index: losses[index]):
            if len(self._losses) < most:
                self._run((lrs[other] * lrs[middle]) ** 0.5)

    def answer(self) -> tuple[float, float, float, str]:
        """The LR, the ends of the good interval, and the reason.

        Raises:
            NoLRFound: if no run has a finite loss, if none has learned, or if the lowest loss is at the end of what was tried.
        """
        lrs, losses = self._points()
        if not isfinite(self.start_loss) or not any(isfinite(trial.loss) for trial in self.trials):
            self._refuse("the loss is not finite, before training or after each short run. Look for the NaN first.")
        best = lrs[self._middle()]
        if not differs(self.start_losses, self._losses[best]):
            self._refuse(
                f"no short run of {self.updates} updates lowers the loss by more than its noise: the curve is flat. Give the runs more "
                "updates: find_lr(..., budget=4)."
            )
        if self._best_is_at_end():
            side = "highest" if best == lrs[-1] else "lowest"
            self._refuse(
                f"the lowest loss is at the {side} LR that was tried, {best:.3g}: no minimum inside the range."
            )
        lr = lowest_lr(lrs, losses, self.start_loss)
        low, high = good_interval(lrs, losses, self.start_loss)
        reason = f"The lowest point between {len(lrs)} short runs of the whole schedule, {self.updates} updates each on the same batches."
        return lr, min(low, lr), max(high, lr), reason

    def _refuse(self, reason: str) -> None:
        raise NoLRFound(reason, tuple(self.trials), self.start_loss)

    def _points(self) -> tuple[list[float], list[float]]:
        lrs = sorted(self._losses)
        return lrs, capped([float(np.mean(self._losses[lr])) for lr in lrs], self.start_loss)

    def _middle(self) -> int:
        return int(np.argmin(self._points()[1]))

    def _best_is_at_end(self) -> bool:
        return self._middle() in (0, len(self._losses) - 1)

    def _run(self, lr: float) -> None:
        """Train at ``lr``, and note the losses on the batches that follow."""
        if not self.start_losses:
            self.start_losses, self.start_cost = self._train(0.0)
        losses, cost = self._train(lr)
        self._losses[lr] = losses
        loss = float(np.mean(losses))
        self.trials.append(Trial("schedule", lr, loss, self.problem.seed, cost))
        self.progress(f"LR {lr:.3g}: loss {loss:.5g} after {self.updates} updates")

    def _train(self, lr: float) -> tuple[list[float], float]:
        """The losses after a short run, or ``inf``; at 0 those before training."""
        candidate = Candidate(self.problem)
        lrs = self.problem.plan.with_bases(self.problem.scaled_bases(lr)) if lr else None
        for k in positions(self.updates, self.problem.plan.steps):
            if lrs is None:
                candidate.next_batches()
                continue
            loss = candidate.update(lrs(k))
            if loss is not None and not isfinite(loss):
                return [inf], candidate.cost
        batches = [candidate.next_batches() for _ in range(self.checks)]
        seed_all(self.problem.seed)  # the same dropout for each
        losses = [candidate.loss(each) for each in batches]
        found = [loss if isfinite(loss) else inf for loss in losses if loss is not None]
        return found or [inf], candidate.cost
