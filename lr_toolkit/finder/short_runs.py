"""Whole schedules on short runs, on the same data: the curve of the loss that each base LR reaches."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, isfinite, nan
from typing import final

import numpy as np

from lr_toolkit.finder.answer import Answer
from lr_toolkit.finder.curve import capped, differs, good_interval, good_limit, lowest_lr
from lr_toolkit.finder.lr_plan import positions
from lr_toolkit.finder.problem import Candidate, Problem
from lr_toolkit.finder.random_state import seed_all
from lr_toolkit.finder.result import NoLRFound
from lr_toolkit.finder.search_log import SearchLog
from lr_toolkit.finder.trial import Trial

__all__ = ["GRID", "ShortRuns"]

SHORT = 8
"""A short run has an eighth of the updates of a run, so that six of them and a line search cost one run."""
FEWEST = 8
"""The updates of a short run at least: a warmup, a peak and a decay can be distinguished."""
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
    log: SearchLog
    start_losses: list[float] = field(default_factory=list)
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
        """The cost of a short run, in updates."""
        return self.updates + self.checks / 3

    @property
    def count(self) -> int:
        """The runs so far."""
        return len(self._losses)

    @property
    def start_loss(self) -> float:
        """The loss before training; ``nan`` before the first run."""
        return float(np.mean(self.start_losses)) if self.start_losses else nan

    def around(self, lr: float) -> None:
        """Run at ``lr`` and a factor of 4 below and above, further on as long as an end may be the best, then beside the best."""
        for factor in (1 / STRIDE, 1.0, STRIDE):
            self._run(lr * factor, USUAL)
        while self.count < MOST:
            open_end = self._open_end()
            if open_end is None:
                break
            self._run(open_end, USUAL)
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
        usual = len(GRID) + 2
        for lr in GRID:
            self._run(lr, usual)
        self.refine(usual)

    def refine(self, most: int = USUAL) -> None:
        """Run half way between the best and its neighbours, the lower loss first, up to that many runs."""
        if self.best_is_at_end():
            return
        lrs, losses = self._points()
        middle = self._middle()
        for other in sorted((middle - 1, middle + 1), key=lambda index: losses[index]):
            if self.count < most:
                self._run((lrs[other] * lrs[middle]) ** 0.5, most)

    def answer(self) -> Answer:
        """Half way, in log LR, from the lowest point of the curve to the lower end of the good interval; with that interval.

        The LR that is best for the whole run may be higher or lower, and too high costs more than too low: above it runs diverge.

        Raises:
            NoLRFound: if no run has a finite loss, if none has learned, or if the lowest loss is at the end of what was tried.
        """
        lrs, losses = self._points()
        if not isfinite(self.start_loss) or not any(isfinite(losses[0]) for losses in self._losses.values()):
            self._refuse("the loss is not finite, before training or after each short run. Look for the NaN first.")
        best = lrs[self._middle()]
        if not self.has_learned():
            self._refuse(
                f"no short run of {self.updates} updates lowers the loss by more than its noise: the curve is flat. Give the runs more "
                "updates: find_lr(..., budget=4)."
            )
        if self.best_is_at_end():
            side = "highest" if best == lrs[-1] else "lowest"
            self._refuse(
                f"the lowest loss is at the {side} LR that was tried, {best:.3g}: no minimum inside the range."
            )
        lr = lowest_lr(lrs, losses, self.start_loss)
        low, high = good_interval(lrs, losses, self.start_loss)
        low, high = min(low, lr), max(high, lr)
        reason = (
            f"Half way from the lowest point between {len(lrs)} short runs of the whole schedule, {self.updates} updates each on the same "
            "batches, to the lower end of the interval, because an LR that is too high costs more than one that is too low."
        )
        return Answer((low * lr) ** 0.5, low, high, reason)

    def lowest(self) -> Answer:
        """The best of the runs, wherever it lies, with its good interval."""
        lrs, losses = self._points()
        reason = (
            f"The best of {len(lrs)} short runs of the whole schedule, {self.updates} updates each on the same batches."
        )
        return Answer(lrs[self._middle()], *good_interval(lrs, losses, self.start_loss), reason)

    def has_learned(self) -> bool:
        """Whether the best run lowers the loss by more than its noise."""
        lrs, _ = self._points()
        return bool(lrs) and differs(self.start_losses, self._losses[lrs[self._middle()]])

    def best_is_at_end(self) -> bool:
        """Whether nothing was tried beyond the best run."""
        return self._middle() in (0, self.count - 1)

    def _refuse(self, reason: str) -> None:
        raise NoLRFound(reason, tuple(self.log.trials), self.start_loss)

    def _points(self) -> tuple[list[float], list[float]]:
        lrs = sorted(self._losses)
        return lrs, capped([float(np.mean(self._losses[lr])) for lr in lrs], self.start_loss)

    def _middle(self) -> int:
        return int(np.argmin(self._points()[1]))

    def _run(self, lr: float, usual: int) -> None:
        """Train at ``lr``, and note the losses on the batches that follow; ``usual`` is how many runs there will be."""
        self.log.expect(max(usual - self.count, 1) * self.cost, later=0.0)
        if not self.start_losses:
            self.start_losses = self._train(0.0)
        spent = self.log.spent
        losses = self._train(lr)
        self._losses[lr] = losses
        loss = float(np.mean(losses))
        self.log.trials.append(Trial("schedule", lr, loss, self.problem.seed, self.log.spent - spent))
        self.log.report(f"LR {lr:.3g}: loss {loss:.5g} after {self.updates} updates")

    def _train(self, lr: float) -> list[float]:
        """The losses after a short run, or ``inf``; at 0 those before training."""
        candidate = Candidate(self.problem, self.log)
        values = self.problem.plan.with_bases(self.problem.scaled_bases(lr)) if lr else None
        for k in positions(self.updates, self.problem.plan.steps):
            if values is None:
                candidate.next_batches()
                continue
            loss = candidate.update(values(k))
            if loss is not None and not isfinite(loss):
                return [inf]
        batches = [candidate.next_batches() for _ in range(self.checks)]
        seed_all(self.problem.seed)  # the same dropout for each
        losses = [candidate.loss(each) for each in batches]
        return [loss if isfinite(loss) else inf for loss in losses if loss is not None] or [inf]
