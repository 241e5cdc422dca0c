"""Which plans leave the past untouched, and how fast that is found out in long runs."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_toolkit import Horizon, custom, wsd
from lr_toolkit.schedules.changed import stretched
from lr_toolkit.schedules.same_history import only_hold_grew, same_history
from lr_toolkit.schedules.timeline import ResolvedTimeline
from tests.helpers.reference import Run
from tests.helpers.strategies import BASE, on, resolved, runs


@settings(max_examples=60)
@given(runs(), st.integers(1, 3), st.data())
def test_a_claim_is_true_by_brute_force(run: Run, more: int, data: st.DataObject) -> None:
    """A plan on a longer run, or with another phase, has the same history exactly as long as its values are the same."""
    before = resolved(run).relative_to(BASE)
    longer = Run(run.phases, run.steps + more, run.lengths)
    now = (resolved(longer) if longer.fits and longer.moves(BASE) else before).relative_to(BASE)
    until = data.draw(st.integers(0, run.steps))
    ks = np.arange(until)

    assert same_history(before, now, until) == np.allclose(before.factors(ks), now.factors(ks), rtol=1e-12, atol=0.0)


@pytest.mark.parametrize(
    ("before", "now", "until", "same"),
    [
        (on("warmup(10) >> hold()", 100), on("warmup(10) >> hold()", 200), 100, True),
        (on("warmup(10) >> hold() >> linear(over=20)", 100), on("warmup(10) >> cosine()", 100), 11, True),
        (on("warmup(10) >> hold() >> linear(over=20)", 100), on("warmup(10) >> cosine()", 100), 12, False),
        (on("warmup('10%') >> hold()", 100), on("warmup('10%') >> hold()", 200), 1, False),
        (on("step('2 epochs')", 100, 10), on("step('2 epochs')", 200, 10), 100, True),
        (on("step('2 epochs')", 100, 10), on("step('2 epochs')", 200, 20), 20, True),
        (on("step('2 epochs')", 100, 10), on("step('2 epochs')", 200, 20), 21, False),
        (on("multistep([30, 60])", 100), on("step(30, gamma=0.1, over=90) >> hold()", 100), 90, True),
        (on("multistep([30, 60])", 100), on("step(30, gamma=0.1)", 100), 100, False),
        (on("exponential(0.9, every=1)", 100), on("exponential(0.81, every=2)", 150), 100, True),
        (on("cosine()", 100), on("cosine()", 100), 100, True),
        (on("cosine()", 100), on("cosine(over=100)", 200), 100, True),
        (on("cosine()", 100), on("cosine()", 101), 2, False),
        (on("cosine()", 100), on("linear()", 100), 1, True),
        (on("cosine()", 100), on("linear()", 100), 0, True),
    ],
)
def test_what_the_same_history_is(before: ResolvedTimeline, now: ResolvedTimeline, until: int, same: bool) -> None:
    """Both ways round, the updates below ``until`` decide, whatever comes later."""
    assert same_history(before, now, until) is same_history(now, before, until) is same


def test_a_function_is_the_same_only_if_its_values_are() -> None:
    """Two functions of equal values have the same history; one that differs late has it until then."""
    before, now = (custom(lambda i, end=end: 1.0 if i < end else 0.5).resolve(Horizon(300)) for end in (200, 250))

    assert same_history(before, custom(lambda i: 1.0 if i < 200 else 0.5).resolve(Horizon(400)), 300)
    assert [same_history(before, now, until) for until in (200, 201, 300)] == [True, False, False]


def test_a_changed_timeline_has_only_its_own_history() -> None:
    """A stretched plan is the same as itself alone."""
    plan = on("cosine()", 100)

    assert same_history(stretched(plan, 20, 200), stretched(plan, 20, 200), 50)
    assert not same_history(stretched(plan, 20, 200), plan, 10)
    assert not only_hold_grew(stretched(plan, 20, 200), plan, 10)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("warmup(1000) >> hold() >> linear(over='10%')", "warmup(1000) >> hold() >> cosine(over='5%')"),
        ("step('1 epoch', over='50%') >> hold()", "step('1 epoch', over='60%') >> hold()"),
        ("multistep([10, 1000, 10000])", "multistep([10, 1000, 10000], over=90000000) >> hold()"),
        ("exponential(0.9)", "exponential(0.9, over='90%')"),
    ],
)
def test_a_run_of_a_hundred_million_updates_is_compared_in_a_moment(before: str, now: str) -> None:
    """Equal curves and holds are not walked through."""
    first, second = (on(text, 10**8, 10**6) for text in (before, now))
    begin = time.perf_counter()

    assert same_history(first, second, 4 * 10**7)
    assert time.perf_counter() - begin < 1.0


@pytest.mark.parametrize(
    ("before", "now", "update", "grew"),
    [
        (wsd("10%", 20).resolve(Horizon(100)), wsd("10%", 20).resolve(Horizon(150)), 15, True),
        (
            wsd("10%", 20).resolve(Horizon(100)),
            wsd("10%", 20).resolve(Horizon(150)),
            14,
            False,
        ),  # the warmup has grown, too
        (wsd("10%", 20).resolve(Horizon(100)), wsd("10%", 30).resolve(Horizon(150)), 20, False),
        (on("warmup(5) >> hold(50) >> linear()", 100), on("warmup(5) >> hold(50) >> linear()", 200), 20, False),
        (on("linear(end=0.5, over=5) >> hold()", 100), on("linear(end=0.5, over=5) >> hold()", 200), 50, True),
        (on("hold() >> cosine(over='10%')", 100), on("hold() >> cosine(over='10%')", 200), 95, False),
        (on("warmup(5) >> cosine()", 100), on("warmup(5) >> cosine()", 200), 50, False),
        (on("hold(5) >> step(1000)", 100), on("hold(5) >> step(1000)", 200), 50, True),  # as good as a hold
        (on("hold(5) >> step(150)", 100), on("hold(5) >> step(150)", 200), 50, False),
    ],
)
def test_when_only_a_hold_grew(before: ResolvedTimeline, now: ResolvedTimeline, update: int, grew: bool) -> None:
    """The same schedule must be in the same open phase, which is constant in both runs."""
    assert only_hold_grew(before, now, update) is grew
