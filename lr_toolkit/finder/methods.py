"""The methods of a search, and what each can answer if it is interrupted."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import final

from lr_toolkit.finder.answer import Answer
from lr_toolkit.finder.line_search import BATCHES, LineSearch, search_line
from lr_toolkit.finder.problem import Problem, with_settled_scaler
from lr_toolkit.finder.range_test import sweep
from lr_toolkit.finder.result import LRSearch, NoLRFound
from lr_toolkit.finder.search_log import SILENT, SearchLog, Watcher
from lr_toolkit.finder.short_runs import USUAL, ShortRuns
from lr_toolkit.finder.trial import Method

__all__ = ["run_search"]

FEWEST_BATCHES = 3
"""The batches of a line search that answer: of three limits, one outlier does not move the median."""
FEWEST_RUNS = 2
"""The short runs that answer: a single one has nothing to be compared with."""


def run_search(problem: Problem, method: Method, budget: float, watcher: Watcher = SILENT) -> LRSearch:
    """Search by one of the methods. The generators are left seeded.

    A ``KeyboardInterrupt`` ends the search: what was tried until then is the result. A second one is raised.

    Raises:
        NoLRFound: if there is no answer, or not yet.
        KeyboardInterrupt: at the first one if other ranks take part.
    """
    began = time.perf_counter()
    log = SearchLog(watcher)
    search = _Search(problem, method, log, ShortRuns(problem, budget, log))
    interrupted = False
    try:
        search.problem = search.runs.problem = with_settled_scaler(problem, log)
        answer = search.answer()
    except KeyboardInterrupt:
        if not problem.is_alone:
            raise
        interrupted = True
    if interrupted:  # outside of the handler, which would keep the frames of the interrupted step, and its memory
        answer = search.answer_so_far()
    return LRSearch(
        lr=answer.lr,
        lrs=tuple(problem.scaled_bases(answer.lr)),
        low=answer.low,
        high=answer.high,
        reason=answer.reason,
        curve=tuple(log.trials),
        method=method,
        schedule=problem.plan.text,
        cost=log.spent / problem.plan.steps,
        seconds=time.perf_counter() - began,
        limits=search.line.limits,
        start_loss=search.runs.start_loss,
        rules=search.rules,
        interrupted=interrupted,
    )


@final
@dataclass(slots=True)
class _Search:
    """A search by one of the methods."""

    problem: Problem
    method: Method
    log: SearchLog
    runs: ShortRuns
    line: LineSearch = field(default_factory=LineSearch)
    rules: dict[str, float] = field(default_factory=dict)

    def answer(self) -> Answer:
        """Search."""
        if self.method == "range_test":
            self.rules = sweep(self.problem, self.log)
            reason = "A tenth of the LR at which the smoothed loss of the sweep is least. The sweep does not know the schedule."
            return Answer(self.rules["minimum"], None, None, reason)
        if self.method == "schedules":
            self.runs.over_grid()
            return self.runs.answer()
        self.log.later = USUAL * self.runs.cost if self.method == "auto" else 0.0
        for line in search_line(self.problem, self.log):
            self.line = line
        if self.method == "line_search":
            return self.line.answer
        self.runs.around(self.line.lr)
        return self.runs.answer()

    def answer_so_far(self) -> Answer:
        """What an interrupted search has found.

        Raises:
            NoLRFound: if that is nothing.
        """
        runs = self.runs
        answer = None
        if runs.count < FEWEST_RUNS:
            if len(self.line.limits) >= FEWEST_BATCHES:
                answer = self.line.answer
        elif runs.has_learned():
            if not runs.best_is_at_end():
                answer = runs.answer()
            elif self.method == "auto":  # a grid has not come to the best LR yet
                answer = runs.lowest()
        if answer is None:
            raise NoLRFound(
                f"the search was interrupted after {self._done}, which is too little for an answer. Search again, and let it run longer.",
                tuple(self.log.trials),
                runs.start_loss,
            )
        return replace(answer, reason=f"Interrupted after {self._done}. {answer.reason}")

    @property
    def _done(self) -> str:
        """What was done, in words."""
        if self.method == "range_test":
            return f"{len(self.log.trials)} updates of the sweep"
        if self.runs.count:
            return f"{self.runs.count} short run{'s' if self.runs.count > 1 else ''}"
        if self.method == "schedules":
            return "no short run"
        return f"{len(self.line.limits)} of {BATCHES} batches of the line search"
