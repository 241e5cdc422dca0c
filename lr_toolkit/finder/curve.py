"""Reading the curve of losses over LRs: its lowest point, the interval around it, and whether anything was learned."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, log2, sqrt

import numpy as np

__all__ = ["capped", "differs", "good_interval", "good_limit", "lowest_lr"]

SHARE = 0.05
"""How far back from the best to the untrained loss the good interval reaches."""


def capped(losses: Sequence[float], start: float) -> list[float]:
    """The losses, of which none is above the loss before training: how far a run diverged is no measure of the best LR."""
    return [min(loss, start) if isfinite(loss) else start for loss in losses]


def lowest_lr(lrs: Sequence[float], losses: Sequence[float], start: float = inf) -> float:
    """The lowest point of the parabola in log LR through the lowest loss and its neighbours, which has to be inside.

    If the next higher LR ends at the loss before training, ``start``, it diverged and is no point of a parabola: then nothing above
    the lowest loss is returned.

    Example:
        >>> lowest_lr([1.0, 4.0, 16.0], [2.0, 1.0, 2.0])
        4.0
        >>> round(lowest_lr([1.0, 4.0, 16.0], [4.0, 1.0, 2.0]), 6)
        5.656854
    """
    middle = int(np.argmin(losses))
    x = [log2(lr) for lr in lrs[middle - 1 : middle + 2]]
    y = losses[middle - 1 : middle + 2]
    left, right = (y[0] - y[1]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])
    if left + right <= 0:
        return float(lrs[middle])
    # The slope of the parabola is -left between the first two points and right between the last two, each at the middle of them.
    first, last = (x[0] + x[1]) / 2, (x[1] + x[2]) / 2
    vertex = float(2 ** (first + (last - first) * left / (left + right)))
    return min(vertex, lrs[middle]) if y[2] >= start else vertex


def good_limit(losses: Sequence[float], start: float) -> float:
    """The loss that is ``SHARE`` of the way back from the lowest to ``start``."""
    return min(losses) + SHARE * (start - min(losses))


def good_interval(lrs: Sequence[float], losses: Sequence[float], start: float) -> tuple[float, float]:
    """The LRs around the lowest loss whose loss is at most ``SHARE`` of the way back to ``start``, linear in log LR in between.

    An end that was not reached is the last LR that was tried.

    Example:
        >>> low, high = good_interval([1.0, 4.0, 16.0], [1.1, 1.0, 2.0], start=2.0)
        >>> round(low, 3), round(high, 3)
        (2.0, 4.287)
    """
    middle = int(np.argmin(losses))
    limit = good_limit(losses, start)

    def end(indices: range) -> float:
        inside = middle
        for index in indices:
            if losses[index] > limit:
                part = (limit - losses[inside]) / (losses[index] - losses[inside])
                return float(2 ** (log2(lrs[inside]) + part * (log2(lrs[index]) - log2(lrs[inside]))))
            inside = index
        return float(lrs[inside])

    return end(range(middle - 1, -1, -1)), end(range(middle + 1, len(lrs)))


def differs(before: Sequence[float], after: Sequence[float]) -> bool:
    """Whether the mean of ``after`` is below that of ``before`` by more than two standard errors of the paired differences.

    Example:
        >>> differs([1.0, 2.0, 3.0], [0.5, 1.4, 2.6]), differs([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
        (True, False)
    """
    falls = np.subtract(before, after)
    error = falls.std(ddof=1) / sqrt(len(falls)) if len(falls) > 1 else 0.0
    return bool(falls.mean() > 2 * error)
