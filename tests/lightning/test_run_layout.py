"""The layout of a run: its answers do not need a walk through its epochs, and are those of such a walk."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lr_toolkit import Horizon
from lr_toolkit.lightning.run_layout import RunLayout


@st.composite
def layouts(draw: st.DrawFn) -> RunLayout:
    """A run of epochs with any number of batches, of which the first accumulate in another way, and the last is cut short."""
    batches = draw(st.integers(1, 12))
    accumulations = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    lengths = [-(-batches // number) for number in accumulations]
    lengths[0] += draw(st.integers(0, 2))  # a run was resumed in it, at another rate
    steps = draw(st.integers(1, 60))
    return RunLayout(Horizon(steps, lengths), "", batches, accumulations, 0, 0)


@given(layouts(), st.integers(2, 7))
def test_a_frequency_counts_the_batches_of_each_update(layout: RunLayout, frequency: int) -> None:
    """A scheduler with a frequency is stepped at each update after which so many batches are done."""
    assert layout.steps_of("step", frequency) == sum(batch % frequency == 0 for _, batch, _ in layout.ends())
    assert layout.steps_of("step", 1) == layout.updates == len(list(layout.ends()))


@given(layouts())
def test_the_epoch_of_an_update_begins_at_or_before_it(layout: RunLayout) -> None:
    """The epochs are those of a walk through the updates, and each begins where the one before it ends."""
    walked = [epoch for epoch, _, _ in layout.ends()]
    starts = [walked.index(epoch) for epoch in range(layout.epochs)]

    assert layout.epochs_of(np.arange(layout.updates)).tolist() == walked
    assert layout.starts().tolist() == starts == [layout.start_of(epoch) for epoch in range(layout.epochs)]
    assert list(layout.lengths()) == [end - start for start, end in pairwise([*starts, layout.updates])]


@pytest.mark.parametrize("length", [1, 10])
@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_a_frequency_takes_no_walk_through_the_epochs(length: int, interval: str) -> None:
    """Ten million updates are counted at once."""
    layout = RunLayout(Horizon(10**7, length), "", length, (1,), 0, 0)
    began = time.process_time()
    steps = layout.steps_of(interval, 2)

    assert steps == (0 if (length, interval) == (1, "step") else 10**7 // 2 // (length if interval == "epoch" else 1))
    assert time.process_time() - began < 0.5
