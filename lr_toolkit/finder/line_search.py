"""How far a step may go: on a few batches, the largest LR at which a step does not raise the loss of its own batch.

A quadratic loss rises along its gradient from a step of 2 / curvature on, and falls most at half of that. The limit holds for the
directions of momentum, Adam and sign descent, too.

References:
    Critical sharpness, arXiv:2601.16979. The edge of stability of sign and spectral steps, arXiv:2603.05002.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf, isfinite
from statistics import quantiles
from typing import final

import numpy as np
import torch

from lr_toolkit.finder.answer import Answer
from lr_toolkit.finder.problem import Candidate, Problem, UpdateBatches
from lr_toolkit.finder.random_state import random_state, restore_random_state
from lr_toolkit.finder.result import NoLRFound
from lr_toolkit.finder.search_log import SearchLog
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
GUESS = 5.0
"""The cost of a batch, in updates, before one was searched: a step and a dozen forward passes."""
MOST_OCTAVES = 60
"""How far from an LR of 1 the limit is looked for."""


@final
@dataclass(frozen=True, slots=True)
class LineSearch:
    """The limits of the batches so far."""

    limits: tuple[float, ...] = ()

    @property
    def lr(self) -> float:
        """A quarter of the geometric median of the limits."""
        return SHARE * float(np.exp(np.median(np.log(self.limits))))

    @property
    def answer(self) -> Answer:
        """The LR, a quarter of the quartiles of the limits around it, and the reason."""
        low, _, high = quantiles(self.limits, n=4, method="inclusive") if len(self.limits) > 1 else self.limits * 3
        reason = (
            f"A quarter of the largest LR at which a step does not raise the loss of its batch, median of {len(self.limits)} batches; "
            "no schedule was run."
        )
        return Answer(self.lr, SHARE * low, SHARE * high, reason)


def search_line(problem: Problem, log: SearchLog) -> Iterator[LineSearch]:
    """Search on ten batches; yields what is known after each that has a limit.

    Raises:
        NoLRFound: if the loss is not finite before training, or if no step changes it or raises it.
    """
    log.expect(BATCHES * GUESS)
    began = log.spent
    candidate = Candidate(problem, log)
    found = LineSearch()
    for number in range(1, BATCHES + 1):
        batches = candidate.next_batches()
        limit = _limit_on(candidate, problem, batches, found.limits[-1] if found.limits else 1.0, log)
        if limit is not None:
            found = LineSearch((*found.limits, limit))
            yield found
        log.expect((log.spent - began) / number * (BATCHES - number))
    if not found.limits:
        raise NoLRFound(
            "no step along the gradients of ten batches changes their loss, or none raises it: the loss is flat, or does not "
            "depend on the parameters of the optimizer. Check that training_step returns the loss of the model's output.",
            tuple(log.trials),
        )
    log.report(f"line search: a step raises the loss of its batch above LR {found.lr / SHARE:.3g}")


def _limit_on(
    candidate: Candidate, problem: Problem, batches: UpdateBatches, guess: float, log: SearchLog
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
            tuple(log.trials),
        )
    parameters = candidate.parameters
    start = [parameter.detach().clone() for parameter in parameters]
    candidate.step({"lr": problem.scaled_bases(1.0)})
    step = [parameter.detach() - old for parameter, old in zip(parameters, start, strict=True)]
    losses = []

    def move(lr: float) -> None:
        with torch.no_grad():
            for parameter, old, direction in zip(parameters, start, step, strict=True):
                parameter.copy_(old + lr * direction)

    def falls(lr: float) -> bool:
        move(lr)
        restore_random_state(generators)  # the same dropout as before the step
        spent = log.spent
        found = candidate.loss(batches)
        loss = found if found is not None and isfinite(found) else inf
        losses.append(loss)
        log.trials.append(Trial("line search", lr, loss, problem.seed, log.spent - spent))
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
