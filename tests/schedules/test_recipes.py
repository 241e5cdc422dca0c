"""Recipes are compositions of builders, and nothing more."""

from __future__ import annotations

import math

import pytest

import lr_toolkit
from lr_toolkit import Horizon, Schedule, ScheduleError, cosine, hold, linear, one_minus_sqrt, warmup, wsd


@pytest.mark.parametrize("shape", [cosine, linear, one_minus_sqrt])
def test_wsd_is_its_composition(shape: object) -> None:
    """``wsd`` equals warmup, an open hold and the cooldown of that name, as a value and as a text."""
    name = shape.__name__  # type: ignore[attr-defined]  # builders are functions
    built = wsd("500 steps", "20%", shape=name, end=0.1)

    assert built == warmup(500) >> hold() >> getattr(lr_toolkit, name)(0.1, over="20%")
    assert Schedule.parse(f"wsd('500 steps', '20%', shape={name!r}, end=0.1)") == Schedule.parse(repr(built)) == built


def test_wsd_climbs_holds_and_cools_down() -> None:
    """On 100 updates: ten to climb, sixty at the peak, then 1 - sqrt(p) over the last thirty."""
    timeline = wsd(10, "30%").resolve(Horizon(steps=100))

    assert timeline.values(range(11)) == pytest.approx([(i + 1) / 11 for i in range(11)])
    assert {timeline(k) for k in range(10, 71)} == {1.0}
    assert timeline.values(range(70, 101)) == pytest.approx([1 - math.sqrt(i / 30) for i in range(31)], abs=1e-15)


def test_the_cooldown_of_wsd_is_the_shape_that_practice_uses() -> None:
    """By default the cooldown is 1 - sqrt(p) down to zero."""
    assert wsd(10, "20%") == wsd(10, "20%", shape="one_minus_sqrt", end=0.0)


@pytest.mark.parametrize("shape", ["root", "exponential", None, one_minus_sqrt])
def test_another_cooldown_is_refused(shape: object) -> None:
    """An unknown shape is a ``ScheduleError`` with those that there are, and the composition for any other."""
    with pytest.raises(
        ScheduleError, match=r"'cosine', 'linear', 'one_minus_sqrt'(?s:.*)warmup\('5%'\) >> hold\(\) >> "
    ):
        wsd(10, "20%", shape=shape)  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize(("warm", "decay"), [(0.1, "20%"), (10, 0.2)])
def test_a_length_without_a_unit_is_refused(warm: object, decay: object) -> None:
    """A bare float is refused for either length, by its name in this call, with the spellings that are possible."""
    with pytest.raises(ScheduleError, match=r"^wsd\((warmup=0\.1|decay=0\.2)\): a bare float has no unit"):
        wsd(warm, decay)  # type: ignore[arg-type]  # that is the point


def test_a_run_too_short_for_both_ends_is_refused() -> None:
    """If warmup and cooldown leave nothing for the stable part, the message has the steps that they take."""
    with pytest.raises(ScheduleError, match=r"take 100 steps and leave nothing for hold\(\)"):
        wsd(80, "20%").resolve(Horizon(steps=100))
