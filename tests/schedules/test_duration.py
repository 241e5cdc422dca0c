"""Durations: the spellings, and what a duration keeps of them."""

from __future__ import annotations

import copy
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from lr_toolkit import Duration, ScheduleError, hold
from tests.helpers.strategies import durations


@pytest.mark.parametrize(
    ("value", "amount", "unit"),
    [
        (1, 1, "steps"),
        (500, 500, "steps"),
        (np.int64(500), 500, "steps"),
        ("500", 500, "steps"),
        ("500 steps", 500, "steps"),
        ("500steps", 500, "steps"),
        ("1 step", 1, "steps"),
        ("007 steps", 7, "steps"),
        ("3.0 steps", 3, "steps"),
        ("99999999999 steps", 99_999_999_999, "steps"),
        ("3 epochs", 3, "epochs"),
        ("1 epoch", 1, "epochs"),
        ("0.5 epochs", Fraction(1, 2), "epochs"),
        ("0.0001 epochs", Fraction(1, 10_000), "epochs"),
        ("0.10000 epochs", Fraction(1, 10), "epochs"),
        ("5%", 5, "%"),
        ("5 %", 5, "%"),
        (" 2.5% ", Fraction(5, 2), "%"),
        ("33.3333%", Fraction(333_333, 10_000), "%"),
        ("100%", 100, "%"),
        ("10 EPOCHS", 10, "epochs"),
        ("10\tSteps\n", 10, "steps"),
        (Duration("5%"), 5, "%"),
    ],
)
def test_a_spelling_gives_an_exact_amount_and_a_unit(value: Any, amount: Fraction, unit: str) -> None:
    """Each spelling is read as that exact fraction of that unit."""
    assert (Duration(value).amount, Duration(value).unit) == (amount, unit)


@pytest.mark.parametrize(
    ("value", "text", "shown"),
    [
        ("500", "500 steps", "Duration(500)"),
        ("01 step", "1 step", "Duration(1)"),
        ("2.50 %", "2.5%", "Duration('2.5%')"),
        ("3 Epoch", "3 epochs", "Duration('3 epochs')"),
        ("1.0 epochs", "1 epoch", "Duration('1 epoch')"),
        ("99999999999.9999 epochs", "99999999999.9999 epochs", "Duration('99999999999.9999 epochs')"),
    ],
)
def test_a_duration_is_printed_in_its_shortest_spelling(value: str, text: str, shown: str) -> None:
    """``str`` gives the spelling with its unit, ``repr`` the call."""
    assert (str(Duration(value)), repr(Duration(value))) == (text, shown)


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        (500, "500 steps", True),
        ("1 epoch", "1.0 epochs", True),
        ("2.5%", "2.50 %", True),
        (5, "5%", False),
        (5, "5 epochs", False),
        ("5%", "5.0001%", False),
    ],
)
def test_durations_are_equal_if_they_mean_the_same(first: Any, second: Any, equal: bool) -> None:
    """Two spellings of one amount in one unit are equal and hash alike; different units never are."""
    assert (Duration(first) == Duration(second)) is equal
    assert (len({Duration(first), Duration(second)}) == 1) is equal


@given(durations)
def test_a_duration_comes_back_from_each_of_its_forms(value: Any) -> None:
    """Its text, its literal, a pickle, a copy and the duration itself all give an equal duration."""
    duration = Duration(value)

    assert Duration(str(duration)) == duration
    assert Duration(eval(duration.literal)) == duration
    assert eval(repr(duration), {"Duration": Duration}) == duration
    assert pickle.loads(pickle.dumps(duration)) == duration
    assert copy.deepcopy(duration) == duration
    assert Duration(duration) == duration


def test_a_duration_cannot_be_changed() -> None:
    """Assigning to a field raises, so that a duration can be shared."""
    with pytest.raises(AttributeError, match="Duration is immutable"):
        Duration("5%").amount = Fraction(6)  # type: ignore[misc]  # that is the point


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (0.05, "a bare float has no unit"),
        (1.0, "a bare float has no unit"),
        (float("nan"), "a bare float has no unit"),
        (float("inf"), "a bare float has no unit"),
        (np.float64(0.1), "a bare float has no unit"),
        (np.float32(0.1), "is not a duration"),
        (Fraction(1, 2), "is not a duration"),
        (True, "is not a duration"),
        (None, "is not a duration"),
        ([5], "is not a duration"),
        (b"5%", "is not a duration"),
        ("", "is not a duration"),
        ("%", "is not a duration"),
        ("epochs", "is not a duration"),
        ("5 apples", "is not a duration"),
        ("5 % 3", "is not a duration"),
        ("5%%", "is not a duration"),
        ("5 epochs steps", "is not a duration"),
        (".5 epochs", "is not a duration"),
        ("5. epochs", "is not a duration"),
        ("1e3 steps", "is not a duration"),
        ("1_000 steps", "is not a duration"),
        ("1,5 epochs", "is not a duration"),
        ("٣ epochs", "is not a duration"),
        ("nan", "is not a duration"),
        ("inf epochs", "is not a duration"),
        ("9" * 10_000, "is not a duration"),
        (0, "must be more than zero"),
        (-3, "must be more than zero"),
        ("0%", "must be more than zero"),
        ("-5%", "must be more than zero"),
        ("0.0000 epochs", "must be more than zero"),
        ("0.5 steps", "a step cannot be divided"),
        ("1.5", "a step cannot be divided"),
        ("100.0001%", "is more than the whole run"),
        ("101%", "is more than the whole run"),
        (10**11, "is longer than any run"),
        (10**400, "is longer than any run"),
        ("100000000000 epochs", "is longer than any run"),
        ("33.33333%", "has more than four decimals"),
        ("0.00001 epochs", "has more than four decimals"),
    ],
)
def test_what_is_no_duration_is_refused(value: Any, why: str) -> None:
    """Anything else is refused, with the reason and a spelling for each unit."""
    with pytest.raises(ScheduleError) as refused:
        Duration(value)

    assert why in str(refused.value)
    for spelling in (
        "%' for a share of the run",
        " steps' for updates",
        "value='3 epochs' for epochs",
    ):
        assert spelling in str(refused.value)


@pytest.mark.parametrize(
    ("value", "share"),
    [
        (0.05, "5%"),
        (0.1, "10%"),
        (0.07, "7%"),
        (0.0001, "0.01%"),
        (1.0, "100%"),
        (1e-9, "5%"),
        (3.0, "5%"),
        (-0.1, "5%"),
    ],
)
def test_a_bare_float_is_answered_with_a_share_to_paste(value: float, share: str) -> None:
    """If a float can be meant as a share, the message shows that share in a valid spelling."""
    with pytest.raises(ScheduleError, match=f"over='{share}' for a share of the run"):
        hold(value)  # type: ignore[arg-type]  # that is the point

    assert hold(share).durations == (Duration(share),)
