"""fastai's rules, which read an LR from the curve of a sweep, under their names there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["RULES", "minimum", "slide", "smoothed", "steep", "valley"]

Values = NDArray[np.float64]


def smoothed(losses: Values, beta: float = 0.98) -> Values:
    """The exponential mean with the weight ``beta`` on the past, divided by ``1 - beta^k`` so that it begins unbiased.

    Example:
        >>> smoothed(np.array([2.0, 2.0, 2.0])).round(12).tolist()
        [2.0, 2.0, 2.0]
    """
    mean, result = 0.0, []
    for k, loss in enumerate(losses, 1):
        mean = beta * mean + (1 - beta) * loss
        result.append(mean / (1 - beta**k))
    return np.array(result)


def minimum(lrs: Values, losses: Values) -> float:
    """A tenth of the LR of the lowest loss."""
    return float(lrs[losses.argmin()]) / 10


def steep(lrs: Values, losses: Values) -> float:
    """The LR at which the loss falls fastest, per factor of the LR."""
    return float(lrs[(np.diff(losses) / np.diff(np.log(lrs))).argmin()])


def valley(lrs: Values, losses: Values) -> float:
    """The LR at about half of the longest falling subsequence of the losses.

    fastai looks at two thirds of it in its words, and at a half in its code: a third plus half a third.
    """
    lengths = np.ones(len(losses), dtype=int)
    last = first = 0
    for i in range(1, len(losses)):
        before = lengths[:i][losses[:i] > losses[i]]
        lengths[i] = before.max(initial=0) + 1
        if lengths[i] > lengths[last]:
            last, first = i, i - int(lengths[i])
    third = (last - first) / 3
    return float(lrs[first + int(third) + int(third / 2)])


def slide(lrs: Values, losses: Values, width: int = 15, threshold: float = 0.005) -> float:
    """The LR at which the slope, seen through a window that slides down from the highest LR, is nearly even."""
    slopes = np.gradient(losses)
    right, left = -1, -1 - width
    if len(losses) <= width:
        return float(lrs[0])
    found = lrs[left]
    while left >= -len(losses) and abs(slopes[right] - slopes[left]) > threshold:
        found = lrs[left]
        right, left = right - 1, left - 1
    return float(found)


RULES: dict[str, Callable[[Values, Values], float]] = {
    "minimum": minimum,
    "steep": steep,
    "valley": valley,
    "slide": slide,
}
