"""The convergence bound of convex optimization: how it ranks schedules, and the base LR that it prefers for each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.horizon import Horizon, HorizonLike
from lr_toolkit.schedules.schedule import Schedule, ScheduleLike
from lr_toolkit.schedules.timeline import Timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "COMPARED_OVER",
    "best_base_lr",
    "best_base_lr_of",
    "bound",
    "bound_of",
    "factor_between",
    "lr_factor",
    "schedule_base_lr",
]

COMPARED_OVER = Horizon(steps=1000)
"""The run on which schedules are compared if no other is given."""


def bound(timeline: Timeline) -> float:
    """The convex bound of a schedule: on the last loss of a convex problem, at the base LR that is best for the schedule.

        bound = sqrt(T) * min over c of bound(c) = sqrt(T) / (best_base_lr * S(1))

    in units of D * G / sqrt(T), with bound(c) and S(1), the sum of the factors, as in ``best_base_lr``. Lower is better, and only
    ratios between schedules on one run mean something. Experiments on small networks confirmed the base LRs that it prefers
    (``lr_factor``), and no ranking of the good schedules.

    Args:
        timeline: the schedule on its run, with levels as factors.

    Returns:
        The bound; ``inf`` for a schedule of zeros.

    Raises:
        ScheduleError: if a level is an LR, and the timeline does not know the base LR.

    Example:
        >>> from lr_toolkit import Horizon, bound, cosine, hold, linear
        >>> [round(bound(schedule.resolve(Horizon(400))), 3) for schedule in (linear(), cosine(), hold())]
        [2.013, 2.068, 2.751]

    Reference:
        Schaipp et al. 2025, https://arxiv.org/abs/2501.18965; Defazio et al. 2023, Theorem 10, https://arxiv.org/abs/2310.07831.
    """
    return bound_of(timeline.all_values())


def lr_factor(before: ScheduleLike, after: ScheduleLike, horizon: HorizonLike | None = None) -> float:
    """The factor for the base LR if one schedule replaces another on the same run.

        lr_factor = (best base LR of after) / (best base LR of before)

    by the convex bound. Over eight small tasks the tuned base LRs had the mean ratio 1.12 where it is 1.14 (linear for cosine to a
    tenth), 0.69 for 0.64 (a cooldown over the last fifth) and 0.40 for 0.42 (a constant LR); a single task missed it by a third of an
    octave. It is where a new search begins.

    Args:
        before: the schedule with which the base LR works, or its text.
        after: the schedule that replaces it, or its text.
        horizon: the run; needed if a length is in steps or epochs. Default: 1000 steps.

    Raises:
        ScheduleError: for a schedule with an absolute LR, one that is zero throughout, or one that needs the horizon.

    Example:
        >>> from lr_toolkit import lr_factor
        >>> round(lr_factor("cosine(end=0.1)", "linear()"), 2)
        1.16
        >>> round(lr_factor("cosine(end=0.1)", "wsd('5%', '20%')"), 2)
        0.64

    Reference:
        Schaipp et al. 2025, https://arxiv.org/abs/2501.18965.
    """
    return schedule_base_lr(after, horizon) / schedule_base_lr(before, horizon)


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
    return best_base_lr_of(timeline.all_values())


def best_base_lr_of(factors: NDArray[np.float64]) -> float:
    """``best_base_lr`` of the factors of all updates."""
    factors = factors[factors > 0]
    if not factors.size:
        return math.inf
    sums, squares = (np.cumsum(values[::-1])[::-1] for values in (factors, factors**2))
    later = np.sum(factors[:-1] / sums[1:] * squares[:-1] / sums[:-1])
    return float(1 / np.sqrt(squares[0] + sums[0] * later))


def bound_of(factors: NDArray[np.float64]) -> float:
    """``bound`` of the factors of all updates; a multiple of them has the same bound."""
    base = best_base_lr_of(factors)
    return math.inf if math.isinf(base) else math.sqrt(len(factors)) / (base * float(factors.sum()))


def factor_between(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """``lr_factor`` of the factors of all updates, as if both runs were equally long: each base LR is times sqrt(T).

    Example:
        >>> round(factor_between(np.ones(1000), np.linspace(1.0, 0.001, 1000)), 2)
        2.9
    """
    return best_base_lr_of(after) * math.sqrt(len(after)) / (best_base_lr_of(before) * math.sqrt(len(before)))


def schedule_base_lr(schedule: ScheduleLike, horizon: HorizonLike | None) -> float:
    """``best_base_lr`` of a schedule on a run, 1000 steps by default.

    Raises:
        ScheduleError: as in ``lr_factor``.
    """
    schedule = Schedule.parse(schedule)
    if schedule.absolute_levels:
        raise ScheduleError(
            f"{schedule} has an absolute LR, so its form depends on the LR that is asked for. Write levels as factors: end=0.1."
        )
    if horizon is None and any(duration.unit != "%" for duration in schedule.durations):
        raise ScheduleError(
            f"{schedule} has a length in steps or epochs. Write horizon=Horizon(steps=10000), the run on which the schedules are compared."
        )
    base = best_base_lr(schedule.resolve(horizon or COMPARED_OVER))
    if math.isinf(base):
        raise ScheduleError(f"{schedule} has an LR of 0 throughout. Write a schedule that trains: hold().")
    return base
