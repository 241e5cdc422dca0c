"""The convex bound and the base LRs that it prefers: exact arithmetic, closed forms, and what the paper's authors compute."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf

from lr_toolkit import (
    Horizon,
    Schedule,
    ScheduleError,
    bound,
    cosine,
    custom,
    hold,
    linear,
    lr_factor,
    one_minus_sqrt,
)
from lr_toolkit.schedules.convex_bound import best_base_lr, bound_of, factor_between


def exact_bound(factors: list[Fraction], base: Fraction) -> Fraction:
    """Theorem 10 of Defazio et al. with D = G = 1, term by term and in exact arithmetic."""
    lrs = [base * factor for factor in factors]
    last = len(lrs) - 1
    value = (1 + sum(lr**2 for lr in lrs)) / (2 * sum(lrs))
    for k in range(last):
        inner = sum(lr**2 for lr in lrs[k:]) / sum(lrs[k:])
        value += lrs[k] / sum(lrs[k + 1 :]) * inner / 2
    return value


@given(st.lists(st.integers(0, 20), min_size=1, max_size=15).filter(any))
def test_the_best_base_lr_minimizes_the_bound(levels: list[int]) -> None:
    """For any schedule: no LR next to it has a lower bound; updates at 0 are left out."""
    timeline = custom(lambda i: levels[min(i, len(levels) - 1)] / 20).resolve(Horizon(len(levels)))
    best = Fraction(best_base_lr(timeline))
    factors = [Fraction(level, 20) for level in levels if level]

    lowest = exact_bound(factors, best)
    assert lowest <= exact_bound(factors, best * Fraction(1001, 1000))
    assert lowest <= exact_bound(factors, best * Fraction(999, 1000))
    assert bound(timeline) == pytest.approx(math.sqrt(len(levels)) * float(lowest), rel=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 7, 400, 5000])
def test_closed_form_of_a_constant_lr(steps: int) -> None:
    """1 / sqrt(T * (1 + H(T - 1))), with the harmonic number H."""
    with mp.workdps(50):
        expected = float(1 / mp.sqrt(steps * (1 + mp.harmonic(steps - 1))))

    assert best_base_lr(hold().resolve(Horizon(steps))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("steps", [1, 2, 7, 400, 5000])
def test_closed_form_of_a_linear_decay(steps: int) -> None:
    """With f = m / T for m = T ... 1: sums m(m + 1) / 2T and squares m(m + 1)(2m + 1) / 6T**2."""
    with mp.workdps(50):
        total, squares = mpf(steps + 1) / 2, mpf(steps + 1) * (2 * steps + 1) / (6 * steps)
        later = mp.fsum(mpf(2) * (2 * m + 1) / (3 * (m - 1)) for m in range(2, steps + 1)) / steps
        expected = float(1 / mp.sqrt(squares + total * later))

    assert best_base_lr(linear().resolve(Horizon(steps))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("schedule", "published"),
    [
        (linear(), 0.991),
        (cosine(), 0.965),
        (cosine(end=0.1), 0.872),
        (hold() >> one_minus_sqrt(over="20%"), 0.537),
        (hold() >> linear(over="20%"), 0.507),
        (hold() >> linear(over="10%"), 0.453),
        (hold(), 0.364),
    ],
)
def test_the_numbers_of_the_authors_code(schedule: Schedule, published: float) -> None:
    """``compute_optimal_base`` of Schaipp's package, times sqrt(T), for T = 400."""
    assert best_base_lr(schedule.resolve(Horizon(400))) * 20 == pytest.approx(published, abs=6e-4)


@pytest.mark.parametrize(
    ("schedule", "published"),
    [
        (linear(), 2.013),
        (cosine(), 2.068),
        (cosine(end=0.1), 2.081),
        (hold() >> one_minus_sqrt(over="20%"), 2.146),
        (hold() >> linear(over="20%"), 2.187),
        (hold() >> linear(over="10%"), 2.323),
        (hold(), 2.751),
    ],
)
def test_the_bounds_of_the_authors_code(schedule: Schedule, published: float) -> None:
    """The bound of Schaipp's package at its best base LR, times sqrt(T), for T = 400."""
    assert bound(schedule.resolve(Horizon(400))) == pytest.approx(published, abs=6e-4)


@given(st.lists(st.floats(1e-3, 1.0), min_size=1, max_size=40), st.floats(1e-6, 1e6))
def test_a_multiple_has_the_same_bound_and_the_inverse_lr(levels: list[float], scale: float) -> None:
    """LRs in place of factors give the same bound, and base LRs whose products with them are the same."""
    factors = np.array(levels)

    assert bound_of(scale * factors) == pytest.approx(bound_of(factors), rel=1e-9)
    assert factor_between(scale * factors, factors) == pytest.approx(scale, rel=1e-9)


def test_a_schedule_of_zeros_has_no_finite_bound() -> None:
    """No base LR moves the weights."""
    assert bound(hold(level=0.0).resolve(Horizon(10))) == math.inf


@pytest.mark.parametrize(
    ("after", "predicted"),
    [("linear()", 1.14), ("hold() >> one_minus_sqrt(over='20%')", 0.537 / 0.872), ("hold()", 0.364 / 0.872)],
)
def test_the_factor_of_a_replacement(after: str, predicted: float) -> None:
    """The ratio of the published base LRs; there and back is 1."""
    factor = lr_factor("cosine(end=0.1)", after, Horizon(400))

    assert factor == pytest.approx(predicted, abs=4e-3)
    assert factor * lr_factor(after, "cosine(end=0.1)", Horizon(400)) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("cosine(end_lr=1e-5)", "hold()", "has an absolute LR.*end=0.1"),
        ("warmup(500) >> hold()", "hold()", "Write horizon=Horizon"),
        ("hold()", "hold(level=0.0)", "LR of 0 throughout"),
        ("cosin()", "hold()", "Did you mean cosine"),
    ],
)
def test_what_has_no_factor_is_refused(before: str, after: str, message: str) -> None:
    """The message names the cause or shows what is possible."""
    with pytest.raises(ScheduleError, match=message):
        lr_factor(before, after)


def test_lengths_in_updates_need_the_run() -> None:
    """With the run they are compared."""
    assert lr_factor("warmup(50) >> cosine()", "warmup(50) >> linear()", Horizon(1000)) > 1.0
