"""Schedules by the names of parameter groups: which entry acts for a name, texts, copies."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest

from lr_toolkit import Absolute, Schedule, ScheduleError, absolute, cosine, custom, hold, linear
from lr_toolkit.schedules.group_schedules import GroupSchedules, as_text, has_function
from lr_toolkit.schedules.keyed_schedules import schedules_by_key

ENTRIES = {
    "*": "cosine(end=0.5)",
    "head": "cosine()",
    "layer_*": "hold()",
    "layer_1": "linear()",
    "adamw": "linear(end=0.1)",
    "backbone.layer2": "linear(end=0.2)",
    "backbone": "linear(end=0.3)",
}
ACTS = {
    "head": "head",
    "head.no_decay": "head",
    "head2": "*",
    "layer_1": "layer_1",
    "layer_1.no_decay": "layer_1",
    "layer_12": "layer_*",
    "adamw/pg2": "adamw",
    "adamw/deep.no_decay": "adamw",
    "backbone.layer2.no_decay": "backbone.layer2",
    "backbone.layer3": "backbone",
    "*": "*",
    "other": "*",
    None: "*",
    3: "*",
}


@pytest.mark.parametrize("name", ACTS, ids=str)
def test_the_nearest_entry_acts(name: Any) -> None:
    """The name, what stands before a dot or a slash in it, a pattern, the rest; the order of writing does not matter for these."""
    for entries in (ENTRIES, dict(reversed(ENTRIES.items()))):
        assert GroupSchedules.of(entries).schedule_of(name) == Schedule.parse(ENTRIES[ACTS[name]])


def test_a_group_that_no_entry_is_for_has_no_schedule() -> None:
    """Without ``"*"`` the caller decides."""
    assert GroupSchedules.of({"head": "cosine()"}).schedule_of("body") is None


def test_the_first_of_two_patterns_acts() -> None:
    """Patterns are tried in the order in which they are written."""
    schedules = GroupSchedules.of({"layer_1*": "hold()", "layer_*": "linear()"})
    assert [schedules.schedule_of(name) for name in ("layer_12", "layer_2")] == [hold(), linear()]


@pytest.mark.parametrize("given", ["cosine()", ENTRIES, {"a": absolute(linear(end=2.0)), "*": hold()}])
def test_schedules_are_values(given: Any) -> None:
    """They compare, hash, copy and pickle, and a copy made of their own entries is equal."""
    schedules = GroupSchedules.of(given, "weight_decay")
    assert pickle.loads(pickle.dumps(schedules)) == schedules == copy.deepcopy(schedules)
    assert hash(GroupSchedules.of(given, "weight_decay")) == hash(schedules)
    assert GroupSchedules.of(schedules) is schedules


@pytest.mark.parametrize(
    "text", ["absolute(linear(end=0.95, start=0.85, over=300) >> hold())", " absolute( hold() ) ", "hold()"]
)
def test_the_text_of_absolute_is_read(text: str) -> None:
    """What ``repr`` prints reads back as an equal value."""
    parsed = Absolute.parse(text)
    assert Absolute.parse(repr(parsed)) == parsed
    assert pickle.loads(pickle.dumps(parsed)) == parsed
    assert isinstance(parsed, Absolute) == ("absolute" in text)


@pytest.mark.parametrize(
    ("join", "line"),
    [
        (lambda: absolute(linear(over=3)) >> hold(), "absolute(linear(over=3) >> hold())"),
        (lambda: linear(over=3) >> absolute(hold()), "absolute(linear(over=3) >> hold())"),
        (lambda: "linear(over=3)" >> absolute(hold()), "absolute(linear(over=3) >> hold())"),
        (lambda: absolute(linear(over=3)) >> absolute(hold()), "absolute(linear(over=3) >> hold())"),
    ],
)
def test_absolute_is_joined_within_its_parenthesis(join: Callable[[], Any], line: str) -> None:
    """The error has the line to write, which is right."""
    with pytest.raises(ScheduleError, match=re.escape(f"Write {line}.")):
        join()
    assert repr(Absolute.parse(line)) == line


def test_functions_have_no_text() -> None:
    """Values with a function are found, however deep they are."""
    assert has_function({"a": [custom(lambda i: 1.0)], "*": cosine()})
    assert not has_function({"a": [cosine()], "b": 0.1})
    assert as_text([None, {"a": absolute(cosine())}]) == [None, {"a": "absolute(cosine())"}]
    untouched = [0.9, 0.95]
    assert as_text(untouched) is untouched


def test_a_tuple_has_a_schedule_for_each_place() -> None:
    """``None`` leaves a place, or a key, as it is."""
    by_key = schedules_by_key("hold()", {"betas": ("linear()", None), "momentum": None, "eps": {"a": "linear()"}})
    assert {key: repr(schedules) for key, schedules in by_key.items()} == {
        "lr": "hold()",
        "betas[0]": "linear()",
        "eps": "{'a': linear()}",
    }
