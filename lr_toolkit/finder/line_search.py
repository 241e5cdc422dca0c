"""How far a step may go: on a few batches, the largest LR at which a step does not raise the loss of its own batch.

A quadratic loss rises along its gradient from a step of 2 / curvature on, and falls most at half of that. The limit holds for the
directions of momentum, Adam and sign descent, too.

References:
    Critical sharpness, arXiv:2601.16979. The edge of stability of sign and spectral steps, arXiv:2603.05002.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite
from statistics import quantiles
from typing import final

import numpy as np
import torch

from lr_toolkit.finder.problem import Candidate, Problem, UpdateBatches
from lr_toolkit.finder.random_state import random_state, restore_random_state
from lr_toolkit.finder.result import NoLRFound
from lr_toolkit.finder.trial import Trial

__all__ = ["LineSearch", "search_line"]

BATCHES = 10
"""The batches: the geometric median of ten limits spread by a factor of two has a standard error of a third of an octave."""
BISECTIONS = 3
"""An eighth of an octave, less than the spread over batches."""
TRAINED = 1 / 8
"""The part of the limit at which training goes on from batch to batch: well inside, so that the next batch can be asked."""
SHARE = 1 / 4
"""The part of the limit that is suggested: half of the step that falls most, because a run is longer than one step."""
MOST_OCTAVES = 60
"""How far from an LR of 1 the limit is looked for."""


@final
@dataclass(frozen=True, slots=True)
class LineSearch:
    """The limits of the batches, the LRs that were tried, and the cost in updates."""

    limits: tuple[float, ...]
    trials: tuple[Trial, ...]
    cost: float

    @property
    def lr(self) -> float:
        """A quarter of the geometric median of the limits."""
        return SHARE * float(np.exp(np.median(np.log(self.limits))))

    @property
    def quartiles(self) -> tuple[float, float]:
        """A quarter of the quartiles of the limits."""
        if len(self.limits) < 2:
            return self.lr, self.lr
        low, _, high = quantiles(self.limits, n=4, method="inclusive")
        return SHARE * low, SHARE * high


def search_line(problem: Problem) -> LineSearch:
    """Search on ten batches.

    Raises:
        NoLRFound: if the loss is not finite before training, or if no step changes it or raises it.
    """
    candidate = Candidate(problem)
    limits: list[float] = []
    trials: list[Trial] = []
    for number in range(BATCHES):
        batches = candidate.next_batches()
        limit = _limit_on(candidate, problem, batches, limits[-1] if limits else 1.0, trials)
        if limit is not None:
            limits.append(limit)
        elif number == BATCHES - 1 and not limits:
            raise NoLRFound(
                "no step along the gradients of ten batches changes their loss, or none raises it: the loss is flat, or does not "
                "depend on the parameters of the optimizer. Check that training_step returns the loss of the model's output.",
                tuple(trials),
            )
    return LineSearch(tuple(limits), tuple(trials), candidate.cost)


def _limit_on(
    candidate: Candidate, problem: Problem, batches: UpdateBatches, guess: float, trials: list[Trial]
) -> float | None:
    """The largest LR at which a step does not raise the loss of these batches, where the candidate goes on; ``None`` if there is none."""
    generators = random_state()
    before = candidate.backward(batches)
    after = random_state()
    if before is None:
        return None
    if not isfinite(before):
        raise NoLRFound(
            f"the loss is {before} before training. Look for the NaN or the infinity in the data or the model first.",
            tuple(trials),
        )
    parameters = candidate.parameters
    start = [parameter.detach().clone() for parameter in parameters]
    candidate.step(problem.scaled_bases(1.0))
    step = [parameter.detach() - old for parameter, old in zip(parameters, start, strict=True)]
    losses = []

    def move(lr: float) -> None:
        with torch.no_grad():
            for parameter, old, direction in zip(parameters, start, step, strict=True):
                parameter.copy_(old + lr * direction)

    def falls(lr: float) -> bool:
        move(lr)
        restore_random_state(generators)  # the same dropout as before the step
        cost = candidate.cost
        found = candidate.loss(batches)
        loss = found if found is not None and isfinite(found) else inf
        losses.append(loss)
        trials.append(Trial("line search", lr, loss, problem.seed, candidate.cost - cost))
        return loss <= before

    limit = largest(falls, guess)
    if limit is None or all(loss in (before, inf) for loss in losses):
        move(0.0)
        limit = None
    else:
        move(TRAINED * limit)
    restore_random_state(after)
    return limit


def largest(falls: Callable[[float], bool], guess: float) -> float | None:
    """The largest LR for which ``falls`` holds, to an eighth of an octave, by doubling and bisecting; ``None`` without a limit.

    Example:
        >>> largest(lambda lr: lr <= 10, 1.0)
        9.513656920021768
        >>> largest(lambda lr: True, 1.0) is None
        True
    """
    factor = 2.0 if falls(guess) else 0.5
    low = high = guess
    for _ in range(MOST_OCTAVES):
        low, high = (high, high * factor) if factor > 1 else (low * factor, low)
        if falls(high if factor > 1 else low) != (factor > 1):
            break
    else:
        return None
    for _ in range(BISECTIONS):
        middle = (low * high) ** 0.5
        if falls(middle):
            low = middle
        else:
            high = middle
    return low
