"""Changed timelines as values: the LRs after a stretch, a continuation and a second warmup, and their plain data."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lr_toolkit import Horizon, Schedule, ScheduleError, Timeline, custom
from lr_toolkit.schedules.changed import (
    Rewarmed,
    Stretched,
    continued,
    describe_change,
    stretched,
    timeline_from,
)
from lr_toolkit.schedules.timeline import ResolvedTimeline

BASE = 0.1


def plan(text: str, steps: int, base: float = BASE) -> ResolvedTimeline:
    """The timeline of that text on a run of that many updates, for a group of that base LR."""
    return Schedule.parse(text).resolve(Horizon(steps)).relative_to(base)


def lr(timeline: Timeline, k: float | Fraction, base: float = BASE) -> float:
    """The LR of an update, or between two."""
    return base * timeline.factor(k)


FALLING = [
    "hold()",
    "cosine()",
    "linear(end=0.1)",
    "warmup(5) >> cosine(end_lr=0.001)",
    "step(7, gamma=0.5)",
    "wsd(5, '20%')",
    "linear(end=0.5, over=20) >> step(7, gamma=0.5)",
]
DIPPING = [
    "hold(20) >> linear(over=20) >> linear(end=0.5)",
    "cosine(end=0.1, over=30) >> warmup(30, start=0.2)",
    "hold(20) >> step(3, gamma=0.5, over=30) >> linear(end=0.9)",
    "linear(over=45) >> exponential(0.9, every=20, start=1.0)",
]


@st.composite
def timelines(draw: st.DrawFn) -> Timeline:
    """A plan, or up to three changes, one on top of another; each begins after its warmup."""
    timeline: Timeline = plan(draw(st.sampled_from(FALLING)), draw(st.integers(30, 60)))
    update = 5
    for _ in range(draw(st.integers(0, 3))):
        update = draw(st.integers(update, 28))
        kind = draw(st.sampled_from(["stretch", "continue", "rewarm"]))
        if kind == "stretch":
            timeline = stretched(timeline, update, draw(st.integers(update + 1, 90)))
        elif kind == "rewarm":
            timeline = Rewarmed(timeline, update, draw(st.integers(1, min(9, timeline.steps - update))))
        else:
            target, value = plan(draw(st.sampled_from(FALLING)), draw(st.integers(30, 60))), lr(timeline, update)
            assume(lr(target, 60) >= lr(target, update) or lr(target, 60) <= value)
            timeline = continued(target, update, value, BASE)
        if timeline.steps <= 28:
            break
    return timeline


# --- what they do ---------------------------------------------------------------------------------------------------


@given(timelines(), st.integers(28, 100))
def test_no_lr_is_below_zero_or_above_the_base(timeline: Timeline, k: int) -> None:
    """After the last change each LR lies between zero and the base LR, alone and in an array."""
    assert 0.0 <= lr(timeline, k) <= BASE * (1 + 1e-12)
    assert timeline.values([k])[0] == timeline(k) == timeline.factor(k)


@given(timelines())
def test_after_its_end_a_timeline_holds_its_last_lr(timeline: Timeline) -> None:
    """From ``steps`` on, every update has the same LR."""
    assert lr(timeline, timeline.steps + 5) == pytest.approx(lr(timeline, timeline.steps), rel=1e-12, abs=1e-18)


@given(st.integers(0, 59), st.integers(1, 200), st.floats(0, 1))
def test_stretched_a_linear_decay_is_the_line_between_now_and_the_end(update: int, left: int, part: float) -> None:
    """Stretched at update ``at``, a linear decay goes straight from its LR there to zero at the new end."""
    timeline = stretched(plan("linear()", 60), update, update + left)
    k = update + round(part * left)

    assert timeline(k) == pytest.approx((60 - update) / 60 * (update + left - k) / left, rel=1e-12, abs=1e-15)


def test_stretched_to_twice_what_is_left_every_second_update_is_an_old_one() -> None:
    """With twice as many updates left, update at + 2 i has exactly the LR of the old update at + i, floor and stairs included."""
    for text in FALLING:
        old = plan(text, 60)
        new = stretched(old, 20, 100)

        assert [new(20 + 2 * i) for i in range(41)] == [old(20 + i) for i in range(41)]


def test_before_the_change_a_stretched_timeline_is_the_old_one() -> None:
    """Updates up to ``at`` keep their LRs, so a preview of the whole run shows what was."""
    old = plan("cosine()", 60)

    assert [stretched(old, 20, 100)(k) for k in range(21)] == [old(k) for k in range(21)]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.sampled_from(FALLING))
def test_a_stretch_of_a_stretch_is_one_stretch(first: int, second: int, left: int, text: str) -> None:
    """It has the LRs of the nested one from its beginning on, and keeps no stretch within."""
    old = stretched(plan(text, 60), first, first + 50)
    update = min(first + second, first + 49)
    new, nested = stretched(old, update, update + left), Stretched(old, update, Fraction(update), update + left)

    assert isinstance(new.of, ResolvedTimeline)
    assert [new(k) for k in range(update, update + left + 3)] == [nested(k) for k in range(update, update + left + 3)]


def test_two_thousand_stretches_cost_no_more_than_one() -> None:
    """A run that changes its rate at each resume keeps a small state and exact LRs; the reference is one exact clock."""
    old = plan("warmup(500) >> cosine(end=0.1)", 100_000)
    timeline: Timeline = old
    position, update = Fraction(0), 0
    for resume in range(2000):
        rate = Fraction(7, 3) if resume % 2 else Fraction(1, 2)
        until = update + round((100_000 - position) / rate)
        timeline = stretched(timeline, update, until)
        position += 30 * (100_000 - position) / (until - update)
        update += 30

        assert timeline(update) == pytest.approx(float(old.factor(position)), rel=1e-12)
    assert isinstance(timeline, Stretched)
    assert isinstance(timeline.of, ResolvedTimeline)
    assert len(json.dumps(timeline.to_state())) < 300
    assert timeline(timeline.steps) == old(100_000)


@given(st.sampled_from(["cosine()", "linear(end=0.1)", "wsd(5, '20%')"]), st.integers(5, 59), st.floats(0.001, 1))
def test_continued_the_decay_keeps_its_shape_and_its_end(text: str, update: int, start: float) -> None:
    """From the LR in use, the way to the plan's end is passed in the same proportions as in the plan."""
    target = plan(text, 60)
    end, first = target(60), target(update)
    assume(start >= end)
    timeline = continued(target, update, start, 1.0)
    ks = range(update, 61)

    assert timeline(update) == pytest.approx(start, rel=1e-12)
    assert timeline(60) == pytest.approx(end, abs=1e-15)
    assert [(timeline(k) - end) * (first - end) for k in ks] == pytest.approx(
        [(target(k) - end) * (start - end) for k in ks], rel=1e-9, abs=1e-12
    )


def test_continued_after_its_plans_end_the_lr_in_use_stays() -> None:
    """If the plan has nothing left to decay, the LR stays what it was."""
    timeline = continued(plan("cosine(end=0.1)", 60), 70, 0.03, BASE)

    assert [lr(timeline, k) for k in (70, 99)] == [0.03, 0.03]


def test_continued_in_the_plans_hold_it_waits_for_the_decay() -> None:
    """While the plan holds, so does the LR in use; then it falls with the plan."""
    timeline = continued(plan("hold() >> linear(over=10)", 60), 30, 0.4, 1.0)

    assert [timeline(k) for k in (30, 49, 50, 55, 60)] == pytest.approx([0.4, 0.4, 0.4, 0.2, 0.0])


@given(st.sampled_from([*FALLING, *DIPPING]), st.integers(5, 70), st.floats(0.001, 1))
def test_continued_no_lr_leaves_the_way_from_start_to_end(text: str, update: int, start: float) -> None:
    """Each LR lies between the one in use and the plan's last, or a plan that dips on its way or ends above is refused."""
    target = plan(text, 60)
    end, first = target(60), target(update)
    try:
        timeline = continued(target, update, start, 1.0)
    except ScheduleError:
        assert text in DIPPING or start < end < first
        return
    low = min(start, timeline(60))

    assert all(low - 1e-12 <= timeline(k) <= start + 1e-12 for k in range(update, 99))


def test_a_plan_that_ends_above_the_lr_in_use_cannot_be_continued() -> None:
    """From below its floor the way to a plan's end would climb: refused with both LRs; at the floor it goes on."""
    target = plan("linear(end=0.5)", 60)

    with pytest.raises(ScheduleError, match=r"the LR in use, 0\.2, lies below 0\.5, at which the plan ends"):
        continued(target, 20, 0.2, 1.0)
    assert continued(target, 20, 0.5, 1.0)(40) == 0.5


def test_nothing_decays_from_an_lr_of_zero() -> None:
    """An LR in use of zero cannot be continued, unless the base LR is zero too."""
    with pytest.raises(ScheduleError, match=r"the LR in use is 0(?s:.*)Write on_change='replan'"):
        continued(plan("linear()", 60), 20, 0.0, BASE)
    assert continued(plan("linear()", 60), 20, 0.0, 0.0)(20, base_lr=0.0) == 0.0


@pytest.mark.parametrize(
    "text",
    ["warmup(40) >> cosine()", "step(7, gamma=2.0)", "cosine(over=40) >> warmup(20)", *DIPPING],
)
def test_a_plan_that_climbs_cannot_be_continued(text: str) -> None:
    """A plan that climbs above its LR of now, or dips below its end, has no remaining decay: named, with another policy."""
    with pytest.raises(ScheduleError, match=r"still climbs there(?s:.*)Write on_change='replan'"):
        continued(plan(text, 60), 20, 0.1, BASE)


@pytest.mark.parametrize("update", [5, 20, 29])
def test_a_function_that_turns_cannot_be_continued(update: int) -> None:
    """A function of the user's is looked at inside of its phase too: one with restarts has no remaining decay."""
    restarts = custom(lambda i: 1 - i % 30 / 31).resolve(Horizon(60))
    with pytest.raises(ScheduleError, match="still climbs there"):
        continued(restarts, update, 0.1, 1.0)

    assert continued(restarts, 30, 0.1, 1.0)(30) == 0.1


@pytest.mark.parametrize(("update", "until"), [(60, 90), (70, 90), (30, 30), (30, 20)])
def test_nothing_left_cannot_be_stretched(update: int, until: int) -> None:
    """If the old plan or the new run is over there is nothing to stretch, and the message has both ends."""
    with pytest.raises(ScheduleError, match=rf"ends at 60(?s:.*){until}(?s:.*)Write on_change='replan'"):
        stretched(plan("cosine()", 60), update, until)


@given(st.integers(0, 40), st.integers(1, 20))
def test_rewarmed_the_timeline_is_met_after_so_many_equal_steps(update: int, over: int) -> None:
    """Over a constant LR the second warmup climbs by 1/(over + 1) per update, and no update has an LR of zero."""
    timeline = Rewarmed(plan("hold()", 60), update, over)

    assert [timeline(update + i) for i in range(over + 1)] == pytest.approx(
        [(i + 1) / (over + 1) for i in range(over + 1)]
    )
    assert update == 0 or timeline(update - 1) == 1.0


@given(timelines())
def test_edges_are_in_order_and_in_the_run(timeline: Timeline) -> None:
    """The edges of a timeline rise, and a timeline that declares it is monotone from each of them to the next."""
    edges = timeline.edges

    assert edges == sorted(set(edges))
    assert timeline.is_monotone == isinstance(timeline, ResolvedTimeline)
    for start, end in pairwise([*edges, timeline.steps + 10]) if timeline.is_monotone else ():
        moves = np.diff(timeline.factors(np.arange(start, end)))
        assert (moves <= 1e-12).all() or (moves >= -1e-12).all()


# --- groups ---------------------------------------------------------------------------------------------------------


@given(timelines(), st.floats(0.001, 10), st.integers(28, 80))
def test_another_base_scales_the_lrs(timeline: Timeline, factor: float, k: int) -> None:
    """With another base LR the LR is scaled like it, unless there is an absolute floor, which stays."""
    other = timeline_from(json.loads(json.dumps(timeline.to_state()))).relative_to(BASE)

    assert other == timeline
    if "end_lr" not in json.dumps(timeline.to_state()):
        assert timeline.relative_to(BASE * factor) == timeline


def test_an_absolute_floor_stays_for_another_base() -> None:
    """Changed timelines convert the floor of their plan, too."""
    saved = Schedule.parse("cosine(end_lr=0.001)").resolve(Horizon(60))
    for changed in (
        stretched(saved, 20, 100),
        Rewarmed(saved, 20, 5),
        Stretched(Rewarmed(saved, 5, 5), 20, Fraction(20), 99),
    ):
        assert changed.is_absolute
        for base in (0.1, 0.02):
            assert (
                lr(changed.relative_to(base), 100, base)
                == changed(100, base_lr=base)
                == pytest.approx(0.001, rel=1e-15)
            )


def test_a_group_that_joins_takes_up_the_plan() -> None:
    """A late group follows the new plan instead of continuing from an LR that it never had, and every other change."""
    target = plan("linear()", 60)

    assert continued(target, 30, 0.02, BASE).joining() == target
    assert Rewarmed(continued(target, 30, 0.02, BASE), 40, 5).joining() == Rewarmed(target, 40, 5)
    assert stretched(target, 30, 90).joining() == stretched(target, 30, 90)


def test_a_group_with_a_base_of_zero_takes_up_the_plan() -> None:
    """Under "continue", a group of base LR 0 keeps its place and follows the plan if it gets another base LR."""
    timeline = continued(plan("linear()", 60), 30, 0.0, 0.0)

    assert [lr(timeline, k, 0.2) for k in (30, 45)] == pytest.approx([0.1, 0.05])


# --- as plain data --------------------------------------------------------------------------------------------------


@given(timelines())
def test_plain_data_gives_the_timeline_back(timeline: Timeline) -> None:
    """JSON of ``to_state`` gives an equal timeline, whatever the code is configured to in the meantime."""
    configured = plan("linear()", 77)
    back = timeline_from(json.loads(json.dumps(timeline.to_state())), configured).relative_to(BASE)

    assert back == timeline
    assert [back(k) for k in range(95)] == [timeline(k) for k in range(95)]


def test_a_plan_without_text_is_found_in_the_code() -> None:
    """Plain data cannot carry a function: an equal plan of the code is taken, and without it the state is refused."""
    configured = custom(lambda i: 0.9**i).resolve(Horizon(60))
    state = stretched(configured, 20, 90).to_state()

    assert timeline_from(state, configured) == stretched(configured, 20, 90)
    with pytest.raises(ScheduleError, match="Python function"):
        timeline_from(state)
    with pytest.raises(ScheduleError, match="Python function"):
        timeline_from(state, custom(lambda i: 0.9**i).resolve(Horizon(61)))


@given(timelines())
def test_a_timeline_is_a_value(timeline: Timeline) -> None:
    """Timelines compare, hash and pickle by value."""
    twin = pickle.loads(pickle.dumps(timeline))

    assert twin == timeline
    assert hash(twin) == hash(timeline)


def test_between_two_updates_a_fraction_and_a_float_agree() -> None:
    """An update's place may be a whole number of any type."""
    timeline = Stretched(stretched(plan("cosine()", 60), 20, 100), 30, Fraction(30), 70)

    assert timeline.factor(50) == timeline.factor(50.0) == timeline.factor(Fraction(50))


# --- in words -------------------------------------------------------------------------------------------------------


def test_a_change_is_described() -> None:
    """The description names the policy and its update, each change of several, and is empty for the plan of the code."""
    target, epochs = plan("linear()", 60), Schedule.parse("linear()").resolve(Horizon(60, unit="epoch"))
    stretch = "stretch: from update 20 on, what was left of linear() lasts until update 90"

    assert describe_change(target, target) == ""
    assert (
        describe_change(target, plan("cosine()", 60))
        == "keep: the saved plan, linear() until update 60, then its last LR"
    )
    assert describe_change(stretched(target, 20, 90), target) == stretch
    assert (
        describe_change(Rewarmed(stretched(target, 20, 90), 20, 5), target)
        == f"rewarm: climbs again from update 20 to 25; {stretch}"
    )
    assert describe_change(continued(target, 20, 0.05, BASE), target) == (
        "continue: from update 20 on, from the LR in use, what is left of linear()"
    )
    assert describe_change(Rewarmed(epochs, 20, 5), epochs) == "rewarm: climbs again from epoch 20 to 25"
