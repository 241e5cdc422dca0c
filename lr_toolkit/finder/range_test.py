"""The classic range test: the LR rises from update to update until the loss diverges.

Reference:
    Smith, "Cyclical Learning Rates for Training Neural Networks", arXiv:1506.01186; fastai's ``lr_find``, whose numbers these are.
"""

from __future__ import annotations

from math import isfinite

import numpy as np

from lr_toolkit.finder.problem import Candidate, Problem
from lr_toolkit.finder.result import NoLRFound
from lr_toolkit.finder.rules import RULES, smoothed
from lr_toolkit.finder.search_log import SearchLog
from lr_toolkit.finder.trial import Trial

__all__ = ["sweep"]

LOWEST, HIGHEST, UPDATES = 1e-7, 10.0, 100
SKIPPED = (UPDATES // 10, 5)  # points at the beginning and at the end that the rules do not see
DIVERGED = 4.0  # times the lowest smoothed loss


def sweep(problem: Problem, log: SearchLog) -> dict[str, float]:
    """Train while the LR rises from 1e-7 to 10 over 100 updates; returns what each rule reads from the smoothed losses.

    Raises:
        NoLRFound: if the loss is flat or soon not finite, or if its minimum is at an end.
    """
    log.expect(UPDATES)
    candidate = Candidate(problem, log)
    losses: list[float] = []
    smooth = np.array([])
    for update in range(UPDATES):
        lr = LOWEST * (HIGHEST / LOWEST) ** (update / (UPDATES - 1))
        loss = candidate.update({"lr": problem.scaled_bases(lr)})
        if loss is None:
            continue
        if not isfinite(loss):
            break
        losses.append(loss)
        smooth = smoothed(np.array(losses))
        log.trials.append(Trial("sweep", lr, float(smooth[-1]), problem.seed, 1.0))
        if smooth[-1] > smooth.min() + (DIVERGED - 1) * abs(smooth.min()):
            break
    lrs = np.array([trial.lr for trial in log.trials])
    x, y = lrs[SKIPPED[0] : -SKIPPED[1]], smooth[SKIPPED[0] : -SKIPPED[1]]
    _check(y, log.trials)
    return {name: rule(x, y) for name, rule in RULES.items()}


def _check(losses: np.ndarray[tuple[int], np.dtype[np.float64]], trials: list[Trial]) -> None:
    """Refuse a curve in which the rules would see something that is not there."""
    if len(losses) < 3:
        raise NoLRFound(f"the loss is not finite or diverges after {len(trials)} updates of the sweep.", tuple(trials))
    if np.allclose(losses, losses[0], rtol=1e-9, atol=0.0):
        raise NoLRFound("the loss is flat: it is the same at each LR of the sweep.", tuple(trials))
    if losses.argmin() in (0, len(losses) - 1):
        side = "lowest" if losses.argmin() == 0 else "highest"
        raise NoLRFound(
            f"the loss of the sweep is least at the {side} LR that was tried: no minimum inside the range. Write method='auto'.",
            tuple(trials),
        )
