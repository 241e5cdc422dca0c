"""fastai's rules on curves whose answer is known, and the reading of a curve of short runs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lr_toolkit.finder.curve import capped, differs, good_interval, lowest_lr
from lr_toolkit.finder.rules import minimum, slide, smoothed, steep, valley

LRS = 10.0 ** np.arange(-6, 3)


def test_minimum_is_a_tenth_of_the_lowest_point() -> None:
    """The lowest loss is at 1, so the suggestion is 0.1."""
    losses = np.array([5, 5, 4.9, 4.5, 3, 2, 1.5, 4, 9.0])

    assert minimum(LRS, losses) == pytest.approx(0.1)


def test_steep_is_where_the_loss_falls_most_per_decade() -> None:
    """The largest fall between two neighbours begins at 1e-3."""
    losses = np.array([5, 5, 4.9, 4.5, 3, 2, 1.5, 4, 9.0])

    assert steep(LRS, losses) == pytest.approx(1e-3)


@given(st.lists(st.integers(0, 9), min_size=3, max_size=8))
def test_valley_finds_the_longest_falling_subsequence(losses: list[int]) -> None:
    """Its end is the first at which a subsequence of the greatest length ends; all subsequences are tried for it."""
    lengths = [
        max(
            size
            for size in range(1, end + 2)
            for chosen in combinations(range(end), size - 1)
            if all(losses[a] > losses[b] for a, b in zip((*chosen, end), (*chosen, end)[1:], strict=False))
        )
        for end in range(len(losses))
    ]
    longest = max(lengths)
    last = lengths.index(longest)
    first = last - longest if longest > 1 else 0
    third = (last - first) / 3
    expected = np.arange(1.0, 10.0)[first + int(third) + int(third / 2)]

    assert valley(np.arange(1.0, 10.0), np.array(losses, dtype=float)) == expected


def test_slide_stops_where_the_slopes_at_both_ends_of_its_window_agree() -> None:
    """The curve is flat up to index 40 and climbs behind: the window slides down until both ends are flat."""
    losses = np.concatenate([np.zeros(41), np.arange(1, 21) ** 2.0])
    lrs = np.logspace(-6, 0, len(losses))
    flat = len(losses) - next(
        shift for shift in range(1, 60) if abs(np.gradient(losses)[-shift] - np.gradient(losses)[-shift - 15]) <= 0.005
    )

    assert slide(lrs, losses) == lrs[flat - 15 + 1]


@given(st.floats(0.1, 100), st.integers(1, 50))
def test_a_flat_loss_stays_flat_when_it_is_smoothed(loss: float, count: int) -> None:
    """The mean is unbiased from the first point on."""
    np.testing.assert_allclose(smoothed(np.full(count, loss)), loss, rtol=1e-12)


@given(st.floats(-8, 2), st.floats(0.1, 3), st.floats(0.1, 3), st.floats(0.2, 5), st.floats(-0.45, 0.45))
def test_the_vertex_of_a_parabola_is_found(
    center: float, left: float, right: float, steepness: float, shift: float
) -> None:
    """Three points of a parabola in log LR give its vertex, whatever the distances of the points."""
    vertex = center + shift * min(left, right)
    octaves = [center - left, center, center + right]
    losses = [steepness * (octave - vertex) ** 2 for octave in octaves]

    assert np.log2(lowest_lr([2.0**octave for octave in octaves], losses)) == pytest.approx(vertex, abs=1e-6)


def test_the_good_interval_ends_where_five_percent_are_lost() -> None:
    """Of a loss that falls from 10 to 0 and rises to 10 over two octaves each, 5 % is a tenth of an octave."""
    low, high = good_interval([0.25, 1.0, 4.0], [10.0, 0.0, 10.0], start=10.0)

    assert (np.log2(low), np.log2(high)) == pytest.approx((-0.1, 0.1))


def test_an_end_that_was_not_reached_is_the_last_lr() -> None:
    """The losses to the left are all within 5 %."""
    assert good_interval([0.25, 1.0, 4.0], [0.1, 0.0, 10.0], start=10.0)[0] == 0.25


def test_a_run_that_diverged_does_not_raise_the_answer() -> None:
    """The parabola would lie above the lowest loss; with a neighbour at the untrained loss it is not believed."""
    lrs, losses = [0.1, 0.2, 0.8], [2.2, 1.3, 2.3]

    assert lowest_lr(lrs, losses, start=3.0) > 0.2
    assert lowest_lr(lrs, losses, start=2.3) == 0.2


def test_a_diverged_run_counts_as_untrained() -> None:
    """Neither its height nor a NaN moves the answer."""
    assert capped([1.0, 1e30, float("inf"), float("nan")], 2.0) == [1.0, 2.0, 2.0, 2.0]


def test_a_fall_within_the_noise_is_none() -> None:
    """Paired differences decide: an even fall is one, a mean that is carried by noise is not."""
    noise = np.random.default_rng(0).normal(size=100)

    assert differs(noise, noise - 0.01)
    assert not differs(np.zeros(100), noise - noise.mean() - 0.01)
