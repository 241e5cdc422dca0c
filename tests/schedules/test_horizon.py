"""Horizons: the length of a run, and the ends of its epochs."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lr_toolkit import (
    Duration,
    Horizon,
    LRWarmup,
    ScheduledLR,
    ScheduleError,
    build_scheduler,
    cosine,
    lr_factor,
    scheduler_config,
)
from lr_toolkit.preview.preview import Preview
from lr_toolkit.schedules.horizon import read_horizon
from tests.helpers.optimizers import sgd
from tests.helpers.reference import Run
from tests.helpers.strategies import horizons

places = st.fractions(-50, 200, max_denominator=10_000)


@pytest.mark.parametrize(
    ("horizon", "steps_per_epoch", "shown"),
    [
        (Horizon(10), None, "Horizon(steps=10)"),
        (Horizon(10, 5), 5, "Horizon(steps=10, steps_per_epoch=5)"),
        (Horizon(10, [5, 5]), 5, "Horizon(steps=10, steps_per_epoch=5)"),
        (Horizon(10, (5,)), 5, "Horizon(steps=10, steps_per_epoch=5)"),
        (Horizon(10, [4, 4, 2]), (4, 4, 2), "Horizon(steps=10, steps_per_epoch=(4, 4, 2))"),
        (Horizon(10, [4, 2, 2, 2]), (4, 2), "Horizon(steps=10, steps_per_epoch=(4, 2))"),
        (Horizon(np.int64(10), [np.int64(4), np.int32(2)]), (4, 2), "Horizon(steps=10, steps_per_epoch=(4, 2))"),
        (Horizon(10, range(1, 5)), (1, 2, 3, 4), "Horizon(steps=10, steps_per_epoch=(1, 2, 3, 4))"),
        (Horizon(10, np.array([4, 4, 2])), (4, 4, 2), "Horizon(steps=10, steps_per_epoch=(4, 4, 2))"),  # type: ignore[arg-type]
        (Horizon(10, np.array(5)), 5, "Horizon(steps=10, steps_per_epoch=5)"),  # type: ignore[arg-type]
        (Horizon(3, unit="epoch"), None, "Horizon(steps=3, unit='epoch')"),
    ],
)
def test_a_horizon_has_one_spelling_that_gives_it_back(horizon: Horizon, steps_per_epoch: Any, shown: str) -> None:
    """Equal epochs at the end are stored once, numbers are plain ints, and ``repr`` is the call."""
    assert horizon.steps_per_epoch == steps_per_epoch
    assert type(horizon.steps) is int
    assert repr(horizon) == shown
    assert eval(shown, {"Horizon": Horizon}) == horizon


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        (Horizon(10, 5), Horizon(10, [5, 5, 5]), True),
        (Horizon(10, [4, 2]), Horizon(10, [4, 2, 2]), True),
        (Horizon(10), Horizon(10, unit="epoch"), False),
        (Horizon(10), Horizon(10, 10), False),
        (Horizon(10, [4, 2]), Horizon(10, [2, 4]), False),
    ],
)
def test_horizons_are_equal_if_they_mean_the_same(first: Horizon, second: Horizon, equal: bool) -> None:
    """Two spellings of one run are equal and hash alike."""
    assert (first == second) is equal
    assert (len({first, second}) == 1) is equal


@pytest.mark.parametrize("horizon", [Horizon(10), Horizon(10, [4, 4, 2]), Horizon(3, unit="epoch")])
def test_a_horizon_is_a_value(horizon: Horizon) -> None:
    """It pickles and copies to an equal one, and cannot be changed."""
    assert pickle.loads(pickle.dumps(horizon)) == horizon
    assert copy.deepcopy(horizon) == horizon
    with pytest.raises(AttributeError, match="Horizon is immutable"):
        horizon.steps = 11  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize(
    ("horizon", "epochs"),
    [
        (Horizon(10), None),
        (Horizon(1000, 100), 10.0),
        (Horizon(1050, 100), 10.5),
        (Horizon(90, unit="epoch"), 90.0),
        (Horizon(10, [4, 4, 2]), 3.0),
        (Horizon(9, [4, 4, 2]), 2.5),
        (Horizon(14, [4, 4, 2]), 5.0),
        (Horizon(2, [4, 4, 2]), 0.5),
    ],
)
def test_the_length_in_epochs(horizon: Horizon, epochs: float | None) -> None:
    """It is exact, counts parts of an epoch, and is unknown if the length of an epoch is."""
    assert horizon.epochs == epochs


@pytest.mark.parametrize(
    ("epoch", "step"),
    [
        ("0", "0"),
        ("0.5", "2"),
        ("1", "4"),
        ("1.25", "5"),
        ("2", "8"),
        ("2.5", "9"),
        ("3", "10"),
        ("5", "14"),
        ("-1", "-4"),
    ],
)
def test_epochs_of_different_length_begin_at_their_updates(epoch: str, step: str) -> None:
    """With epochs of 4, 4 and 2 updates, the last for all that follow, each epoch begins at its update."""
    horizon = Horizon(10, [4, 4, 2])

    assert horizon.step_at(Fraction(epoch)) == Fraction(step)
    assert horizon.epoch_at(Fraction(step)) == Fraction(epoch)


@given(horizons(), places)
def test_the_epoch_at_a_place_and_the_place_of_an_epoch_are_inverse(drawn: tuple[int, Any], place: Fraction) -> None:
    """``epoch_at`` and ``step_at`` undo each other exactly, before the run and after it too."""
    horizon = Horizon(*drawn)

    assert horizon.step_at(horizon.epoch_at(place)) == place
    assert horizon.epoch_at(horizon.step_at(place)) == place


@given(horizons(), places, places)
def test_epochs_are_in_the_order_of_updates(drawn: tuple[int, Any], first: Fraction, second: Fraction) -> None:
    """A later place lies in a later epoch."""
    horizon = Horizon(*drawn)

    assert (first < second) == (horizon.epoch_at(first) < horizon.epoch_at(second))


@given(horizons(), st.fractions(0, 200, max_denominator=100))
def test_epochs_are_found_by_a_walk_along_them(drawn: tuple[int, tuple[int, ...]], place: Fraction) -> None:
    """The epoch of a place, and the place of an epoch, are those that a walk from epoch to epoch finds."""
    horizon, walk = Horizon(*drawn), Run([], *drawn)

    assert horizon.epoch_at(place) == walk.epoch_at(place)
    assert horizon.step_at(place) == walk.step_at(place)


@pytest.mark.parametrize(
    ("position", "duration", "times", "there"),
    [
        ("0", 3, 1, "3"),
        ("2.5", 3, 2, "8.5"),
        ("8.5", 3, -2, "2.5"),
        ("0", "25%", 1, "2.5"),
        ("2.5", "25%", 3, "10"),
        ("10", "25%", -1, "7.5"),
        ("0", "1 epoch", 1, "4"),
        ("0", "1 epoch", 2, "8"),
        ("0", "1 epoch", 3, "10"),
        ("0", "0.5 epochs", 5, "9"),
        ("2", "1 epoch", 1, "6"),
        ("6", "1 epoch", 1, "9"),
        ("10", "1 epoch", -1, "8"),
        ("10", "1.5 epochs", -1, "6"),
        ("9", "1 epoch", -1, "6"),
        ("10", "2 epochs", 1, "14"),
    ],
)
def test_after_goes_ahead_and_back(position: str, duration: Any, times: int, there: str) -> None:
    """In a run of 10 updates in epochs of 4, 4 and 2, so many durations lead to that place, exactly."""
    horizon = Horizon(10, [4, 4, 2])

    assert horizon.after(Fraction(position), Duration(duration), times) == Fraction(there)


@given(horizons(), places, st.sampled_from(["7 steps", "12.5%", "0.75 epochs"]), st.integers(-5, 5))
def test_going_back_undoes_going_ahead(drawn: tuple[int, Any], place: Fraction, duration: str, times: int) -> None:
    """``times`` durations ahead and as many back lead to the same place, at once or one by one."""
    horizon, length = Horizon(*drawn), Duration(duration)
    there = horizon.after(place, length, times)
    by_one = place
    for _ in range(abs(times)):
        by_one = horizon.after(by_one, length, 1 if times > 0 else -1)

    assert horizon.after(there, length, -times) == place
    assert by_one == there


def test_a_horizon_in_epochs_counts_epochs() -> None:
    """With ``unit="epoch"`` an epoch is a step."""
    horizon = Horizon(90, unit="epoch")

    assert horizon.after(Fraction(0), Duration("30 epochs")) == horizon.after(Fraction(0), Duration(30)) == 30
    assert horizon.after(Fraction(0), Duration("0.5 epochs")) == Fraction(1, 2)


def test_epochs_of_unknown_length_are_refused() -> None:
    """A place in epochs is refused if the length of an epoch is not known."""
    horizon = Horizon(100)
    for ask in (horizon.epoch_at, horizon.step_at, lambda place: horizon.after(place, Duration("3 epochs"))):
        with pytest.raises(ScheduleError, match="length of an epoch"):
            ask(Fraction(1))


@pytest.mark.parametrize("steps", [40, np.int64(40), "40", "Horizon(steps=40)", {"steps": 40}])
@pytest.mark.parametrize(
    "length",
    [
        lambda steps: read_horizon(steps).steps,
        lambda steps: cosine().resolve(steps).steps,
        lambda steps: cosine().preview(steps).horizon.steps,
        lambda steps: len(Preview.of({"head": "cosine()", "*": "linear()"}, steps).values),
        lambda steps: ScheduledLR(sgd([0.1]), cosine(), steps).horizon.steps,
        lambda steps: scheduler_config(sgd([0.1]), cosine(), horizon=steps)["scheduler"].horizon.steps,
        lambda steps: build_scheduler(sgd([0.1]), cosine(), horizon=steps).horizon.steps,
        lambda steps: LRWarmup("50%", horizon=steps).spec.horizon.steps,
        lambda steps: lr_factor("cosine()", "linear()", steps) == lr_factor("cosine()", "linear()", Horizon(40)) and 40,
    ],
)
def test_a_number_of_steps_is_a_length(length: Any, steps: Any) -> None:
    """Wherever a horizon is taken, so is a whole number of steps, its text and its mapping."""
    assert length(steps) == 40


def test_a_scheduler_goes_on_over_a_number_of_steps() -> None:
    """``recalculate`` takes it, too."""
    scheduler = ScheduledLR(sgd([0.1]), cosine(), 40)
    scheduler.recalculate(80)

    assert scheduler.horizon == Horizon(80)


@pytest.mark.parametrize("steps", [40.0, True, None, [40], "forty"])
@pytest.mark.parametrize(
    "take", [lambda steps: cosine().resolve(steps), lambda steps: ScheduledLR(sgd([0.1]), cosine(), steps)]
)
def test_what_is_no_length_is_refused(take: Any, steps: Any) -> None:
    """A float, a flag or anything else, with the call to write."""
    with pytest.raises(ScheduleError, match=r"Horizon\(steps=1000"):
        take(steps)
