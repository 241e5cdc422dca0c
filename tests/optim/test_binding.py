"""A binding gives the value of each group at each update, and evaluates equal timelines once."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lr_toolkit import Horizon, Schedule, ScheduleError
from lr_toolkit.optim.binding import Binding, distinct

RUN = Horizon(steps=20)


def binding(texts: list[str], bases: list[float], gains: list[float] | None = None) -> Binding:
    """A binding with a group for each text."""
    timelines = [Schedule.parse(text).resolve(RUN) for text in texts]
    return Binding.of("lr", bases, gains or [1.0] * len(bases), timelines)


@given(st.integers(0, 30), st.lists(st.sampled_from([0.0, 0.1, 3e-4, 7.0]), min_size=1, max_size=5), st.data())
def test_each_group_is_base_times_timeline_times_gain(k: int, bases: list[float], data: st.DataObject) -> None:
    """group[key] = base * timeline(k) * gain, for any timelines."""
    texts = [data.draw(st.sampled_from(["linear()", "hold()", "warmup(4) >> cosine(end=0.1)"])) for _ in bases]
    gains = [data.draw(st.sampled_from([1.0, 0.5, 0.01])) for _ in bases]
    values = binding(texts, bases, gains).values(k)

    expected = [
        base * gain * Schedule.parse(text).resolve(RUN)(k) for text, base, gain in zip(texts, bases, gains, strict=True)
    ]
    assert values == expected


def test_groups_with_equal_timelines_share_one() -> None:
    """A hundred groups with the same schedule share a timeline; with a floor in LR units each base LR has its own."""
    shared = binding(["cosine(end=0.1)"] * 100, [0.001 * (group + 1) for group in range(100)])
    floors = binding(["cosine(end_lr=0.0001)"] * 3, [0.1, 0.2, 0.1])

    assert len(shared.timelines) == 1
    assert floors.which == (0, 1, 0)
    assert floors.values(20) == pytest.approx([0.0001] * 3, rel=1e-15)


def test_a_group_that_joins_has_its_own_base_and_floor() -> None:
    """The new group comes after the old ones, with a gain of 1 and its own floor."""
    before = binding(["linear(end_lr=0.01)"], [0.1], [0.5])
    after = before.joined_by([1], [0.2], before.timelines)

    assert after.gains == (0.5, 1.0)
    assert after.members == (0, 1)
    assert after.values(20) == pytest.approx([0.005, 0.01], rel=1e-15)
    assert before.values(20) == pytest.approx([0.005], rel=1e-15)


def test_a_floor_above_a_base_names_the_group() -> None:
    """The error shows the group whose base LR is below the floor, and what to write."""
    with pytest.raises(ScheduleError, match=r"end_lr=0\.05 lies above the base LR 0\.03.*end=0\.1.*parameter group 1"):
        binding(["cosine(end_lr=0.05)"] * 2, [0.1, 0.03])


def test_a_binding_is_a_value() -> None:
    """It compares by its fields, and pickles."""
    first, second = binding(["linear()"], [0.1]), binding(["linear()"], [0.1])

    assert first == second == pickle.loads(pickle.dumps(first))
    assert first != first.with_gains([0.5])


@given(st.lists(st.one_of(st.integers(0, 3), st.lists(st.integers(0, 1), max_size=2)), max_size=8))
def test_distinct_keeps_each_value_and_its_index(values: list[object]) -> None:
    """The index of each value leads to an equal value among the distinct ones, for hashable values and others."""
    unique, which = distinct(values)

    assert [unique[index] for index in which] == values
    assert all(unique.index(value) == index for index, value in enumerate(unique))


def test_the_table_of_many_updates_has_the_values_of_each() -> None:
    """A row for each update and a column for each group, as the plain numbers to the last digits."""
    bound = binding(["warmup(5) >> cosine()", "step(7)", "warmup(5) >> cosine()"], [0.1, 0.2, 0.3], [1.0, 0.5, 1.0])
    updates = np.array([0, 3, 19, 60, 7])

    assert bound.table(updates) == pytest.approx(np.array([bound.values(int(k)) for k in updates]), rel=1e-14)
