"""The search for the tuned LR in the benchmark of transferred LRs, on losses whose lowest point is known."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.transfer import losses_near_the_best, mean_losses, predictions, tuned


@given(lowest=st.floats(-20, 5), start=st.integers(-20, 5), scale=st.floats(0.1, 10))
def test_the_tuned_lr_of_a_parabola_is_its_lowest_point(lowest: float, start: int, scale: float) -> None:
    """Whatever the start, the grid grows to the lowest point, and the parabola is fitted exactly."""
    found = losses_near_the_best(lambda half, seed: scale * (half - lowest) ** 2 + seed, start, seeds=2)

    assert tuned(mean_losses(found, [0, 1])) == pytest.approx(lowest, abs=1e-6)


def test_a_run_that_diverges_beside_the_best_lr_moves_nothing() -> None:
    """A loss that is infinite is left out; with fewer than three left, the best LR of the grid is the answer."""
    assert tuned({2: 5.0, 3: 2.0, 4: 1.0, 5: inf}) == pytest.approx(tuned({2: 5.0, 3: 2.0, 4: 1.0}), rel=1e-12)
    assert tuned({3: 2.0, 4: 1.0, 5: inf}) == 4


def test_the_predictions_are_the_published_ones() -> None:
    """The ratios of the convex bound at 400 updates, with a warmup of 5 %, are those in use to 2 %."""
    published = {
        "linear to 0": 1.14,
        "cosine to 0": 1.11,
        "WSD, 40 % 1-sqrt": 0.79,
        "WSD, 20 % 1-sqrt": 0.64,
        "polynomial 2": 1.58,
        "constant": 0.42,
    }

    assert {name: predictions()[name] for name in published} == pytest.approx(published, rel=0.02)
