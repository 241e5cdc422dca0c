"""The base LR that the convergence bound of convex optimization prefers for a schedule."""

from __future__ import annotations

import math

import numpy as np

from lr_toolkit.schedules.timeline import Timeline

__all__ = ["best_base_lr"]


def best_base_lr(timeline: Timeline) -> float:
    """The base LR that minimizes the bound on the last iterate's loss, in units of D / G.

    With the factors f(1) ... f(T) of the updates, base LR c, distance D to the solution and gradients of norm G:

        bound(c) = D**2 / (2 * c * S(1)) + c * G**2 / 2 * (Q(1) / S(1) + sum over k < T of f(k) / S(k + 1) * Q(k) / S(k))

    where S(k) is the sum of f(t), and Q(k) the sum of f(t)**2, over t = k ... T. Updates at a factor of 0 change nothing and are
    left out; a schedule of zeros has an infinite base LR. Only ratios between schedules on the same run mean something.

    Example:
        >>> from lr_toolkit import Horizon, hold, linear
        >>> ratio = best_base_lr(linear().resolve(Horizon(400))) / best_base_lr(hold().resolve(Horizon(400)))
        >>> round(ratio, 2)
        2.73

    Reference:
        Defazio et al. 2023, Theorem 10, https://arxiv.org/abs/2310.07831; Schaipp et al. 2025, https://arxiv.org/abs/2501.18965.
    """
    factors = timeline.values(np.arange(timeline.steps))
    factors = factors[factors > 0]
    if not factors.size:
        return math.inf
    sums, squares = (np.cumsum(values[::-1])[::-1] for values in (factors, factors**2))
    later = np.sum(factors[:-1] / sums[1:] * squares[:-1] / sums[:-1])
    return float(1 / np.sqrt(squares[0] + sums[0] * later))
