"""Routes as pure values: what each way of going on does with the LRs, and that plain data gives each of them back."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lr_toolkit.schedules.routes import Continued, Plan, Rewarmed, Route, Stretched, plan_of

from lr_toolkit import Horizon, Schedule, ScheduleError, custom

BASES = [0.1, 0.02]


def plan(text: str, steps: int, bases: list[float] = BASES) -> Plan:
    """The plan of that text on a run of that many updates."""
    return plan_of(Schedule.parse(text), Horizon(steps), bases)


FALLING = [
    "hold()",
    "cosine()",
    "linear(end=0.1)",
    "warmup(5) >> cosine(end_lr=0.001)",
    "step(7, gamma=0.5)",
    "wsd(5, '20%')",
]
DIPPING = [
    "hold(20) >> linear(over=20) >> linear(end=0.5)",
    "cosine(end=0.1, over=30) >> warmup(30, start=0.2)",
    "hold(20) >> step(3, gamma=0.5, over=30) >> linear(end=0.9)",
    "linear(over=45) >> exponential(0.9, every=20)",
]


@st.composite
def routes(draw: st.DrawFn) -> Route:
    """A plan, or up to three ways of going on, one on top of the other; each begins after its warmup."""
    route: Route = plan(draw(st.sampled_from(FALLING)), draw(st.integers(30, 60)))
    at = 5
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(at, 28))
        kind = draw(st.sampled_from(["stretch", "continue", "rewarm"]))
        if kind == "stretch":
            route = Stretched(route, at, draw(st.integers(at + 1, 90)))
        elif kind == "rewarm":
            route = Rewarmed(route, at, draw(st.integers(1, min(9, route.steps - at))))
        else:
            target, start = plan(draw(st.sampled_from(FALLING)), draw(st.integers(30, 60))), tuple(route.lrs(at))
            assume(
                all(
                    end >= first or end <= lr
                    for lr, first, end in zip(start, target.lrs(at), target.lrs(60), strict=True)
                )
            )
            route = Continued(target, at, start)
        if route.steps <= 28:
            break
    return route


# --- what they do ---------------------------------------------------------------------------------------------------


@given(routes(), st.integers(28, 100))
def test_a_route_gives_each_group_one_lr_that_is_none_below_zero(route: Route, k: int) -> None:
    """At any update after the last change there is one LR for each group, from zero to its base."""
    lrs = route.lrs(k)

    assert len(lrs) == len(route.bases) == 2
    assert all(0.0 <= lr <= base * (1 + 1e-12) for lr, base in zip(lrs, BASES, strict=True))


@given(routes())
def test_after_its_end_a_route_holds_its_last_lr(route: Route) -> None:
    """From ``steps`` on, every update has the same LR."""
    assert route.lrs(route.steps + 5) == pytest.approx(route.lrs(route.steps), rel=1e-12, abs=1e-18)


@given(st.integers(0, 59), st.integers(1, 200), st.floats(0, 1))
def test_stretched_a_linear_decay_is_the_line_between_now_and_the_end(at: int, left: int, part: float) -> None:
    """Stretched at update ``at``, a linear decay goes straight from its LR there to zero at the new end."""
    route = Stretched(plan("linear()", 60, [1.0]), at, at + left)
    k = at + round(part * left)

    assert route.lrs(k)[0] == pytest.approx((60 - at) / 60 * (at + left - k) / left, rel=1e-12, abs=1e-15)


def test_stretched_to_twice_what_is_left_every_second_update_is_an_old_one() -> None:
    """With twice as many updates left, update at + 2 i has exactly the LR of the old update at + i, floor and stairs included."""
    for text in FALLING:
        old = plan(text, 60)
        new = Stretched(old, 20, 100)

        assert [new.lrs(20 + 2 * i) for i in range(41)] == [old.lrs(20 + i) for i in range(41)]


def test_before_the_change_a_stretched_route_is_the_old_one() -> None:
    """Updates up to ``at`` keep their LRs, so a preview of the whole run shows what was."""
    old = plan("cosine()", 60)

    assert [Stretched(old, 20, 100).lrs(k) for k in range(21)] == [old.lrs(k) for k in range(21)]


@given(st.sampled_from(["cosine()", "linear(end=0.1)", "wsd(5, '20%')"]), st.integers(5, 59), st.floats(0.001, 1))
def test_continued_the_decay_keeps_its_shape_and_its_end(text: str, at: int, start: float) -> None:
    """From the LR in use, the way to the plan's end is passed in the same proportions as in the plan."""
    target = plan(text, 60, [1.0])
    end, first = target.lrs(60)[0], target.lrs(at)[0]
    assume(start >= end)
    route = Continued(target, at, (start,))
    ks = range(at, 61)

    assert route.lrs(at)[0] == pytest.approx(start, rel=1e-12)
    assert route.lrs(60)[0] == pytest.approx(end, abs=1e-15)
    assert [(route.lrs(k)[0] - end) * (first - end) for k in ks] == pytest.approx(
        [(target.lrs(k)[0] - end) * (start - end) for k in ks], rel=1e-9, abs=1e-12
    )


def test_continued_after_its_plans_end_the_lr_in_use_stays() -> None:
    """Where the plan has nothing left to decay, the LR stays what it was."""
    assert [Continued(plan("cosine()", 60), 70, (0.03, 0.01)).lrs(k) for k in (70, 99)] == [[0.03, 0.01]] * 2


def test_continued_in_the_plans_hold_it_waits_for_the_decay() -> None:
    """While the plan holds, so does the LR in use; then it falls with the plan."""
    route = Continued(plan("hold() >> linear(over=10)", 60, [1.0]), 30, (0.4,))

    assert [route.lrs(k)[0] for k in (30, 49, 50, 55, 60)] == pytest.approx([0.4, 0.4, 0.4, 0.2, 0.0])


@given(st.sampled_from([*FALLING, *DIPPING]), st.integers(5, 70), st.floats(0.001, 1))
def test_continued_no_lr_leaves_the_way_from_start_to_end(text: str, at: int, start: float) -> None:
    """Each LR lies between the one in use and the plan's last, or the plan, which dips on its way or ends above, is refused."""
    target = plan(text, 60, [1.0])
    end, first = target.lrs(60)[0], target.lrs(at)[0]
    try:
        route = Continued(target, at, (start,))
    except ScheduleError:
        assert text in DIPPING or start < end < first
        return
    low = min(start, route.lrs(60)[0])

    assert all(low - 1e-12 <= route.lrs(k)[0] <= start + 1e-12 for k in range(at, 99))


def test_a_plan_that_ends_above_the_lr_in_use_cannot_be_continued() -> None:
    """From below its floor the way to a plan's end would climb: refused with both LRs; at the floor it goes on."""
    target = plan("linear(end=0.5)", 60, [1.0])

    with pytest.raises(ScheduleError, match=r"the LR in use, 0\.2, lies below 0\.5, where the plan ends"):
        Continued(target, 20, (0.2,))
    assert Continued(target, 20, (0.5,)).lrs(40) == [0.5]


@pytest.mark.parametrize(
    "text",
    ["warmup(40) >> cosine()", "step(7, gamma=2.0)", "cosine(over=40) >> warmup(20)", *DIPPING],
)
def test_a_plan_that_climbs_cannot_be_continued(text: str) -> None:
    """A plan that climbs above its LR of now, or dips below its end, has no remaining decay: named, with another policy."""
    with pytest.raises(ScheduleError, match=r"still climbs there(?s:.*)Write on_change='replan'"):
        Continued(plan(text, 60), 20, (0.1, 0.02))


@pytest.mark.parametrize("at", [5, 20, 29])
def test_a_function_that_turns_cannot_be_continued(at: int) -> None:
    """A function of the user's is looked at inside of its phase too: one with restarts has no remaining decay."""
    restarts = plan_of(custom(lambda i: 1 - i % 30 / 31), Horizon(60), [1.0])
    with pytest.raises(ScheduleError, match="still climbs there"):
        Continued(restarts, at, (0.1,))

    assert Continued(restarts, 30, (0.1,)).lrs(30) == [0.1]


@pytest.mark.parametrize(("at", "until"), [(60, 90), (70, 90), (30, 30), (30, 20)])
def test_nothing_left_cannot_be_stretched(at: int, until: int) -> None:
    """Where the old plan or the new run is over there is nothing to stretch, and the message says where both end."""
    with pytest.raises(ScheduleError, match=rf"ends at 60(?s:.*){until}(?s:.*)Write on_change='replan'"):
        Stretched(plan("cosine()", 60), at, until)


@given(st.integers(0, 40), st.integers(1, 20))
def test_rewarmed_the_route_is_met_after_so_many_steps_of_one_height(at: int, over: int) -> None:
    """Over a constant LR the second warmup climbs by 1/(over + 1) per update, and no update has an LR of zero."""
    route = Rewarmed(plan("hold()", 60, [1.0]), at, over)

    assert [route.lrs(at + i)[0] for i in range(over + 1)] == pytest.approx(
        [(i + 1) / (over + 1) for i in range(over + 1)]
    )
    assert at == 0 or route.lrs(at - 1) == [1.0]


# --- groups ---------------------------------------------------------------------------------------------------------


@given(routes(), st.floats(0.001, 10), st.integers(28, 80))
def test_scaling_every_base_scales_the_lrs(route: Route, factor: float, k: int) -> None:
    """With every base LR multiplied by a number, so is the LR of each group, unless there is an absolute floor."""
    if "end_lr" in json.dumps(route.to_state()):
        return
    scaled = route.rebased([base * factor for base in route.bases])

    assert scaled.bases == pytest.approx([base * factor for base in route.bases])
    assert scaled.lrs(k) == pytest.approx([lr * factor for lr in route.lrs(k)], rel=1e-9, abs=1e-15)


@given(routes(), st.floats(0.01, 0.1), st.integers(28, 80))
def test_a_group_that_joins_changes_none_of_the_others(route: Route, base: float, k: int) -> None:
    """With a third base LR the first two groups keep their LRs, and the third is driven like them from its own base."""
    joined = route.rebased([*route.bases, base])

    assert joined.lrs(k)[:2] == route.lrs(k)
    assert len(joined.lrs(k)) == 3


def test_a_group_with_a_base_of_zero_keeps_its_place() -> None:
    """Rebased under "continue", a group of base LR 0 does not push the others' LRs into its place."""
    route = Continued(plan("linear()", 60, [0.0, 0.1]), 30, (0.0, 0.04)).rebased([0.2, 0.1])

    assert route.lrs(30) == pytest.approx([0.1, 0.04])
    assert route.lrs(45) == pytest.approx([0.05, 0.02])


# --- as plain data --------------------------------------------------------------------------------------------------


@given(routes())
def test_plain_data_gives_the_route_back(route: Route) -> None:
    """JSON of ``to_state`` gives an equal route, whatever the code asks for in the meantime."""
    asked = plan("linear()", 77)
    back = Route.from_state(json.loads(json.dumps(route.to_state())), asked)

    assert back == route
    assert [back.lrs(k) for k in range(95)] == [route.lrs(k) for k in range(95)]


@given(routes())
def test_a_route_is_a_value(route: Route) -> None:
    """Routes compare, hash and pickle by what they say."""
    twin = pickle.loads(pickle.dumps(route))

    assert twin == route
    assert hash(twin) == hash(route)


def test_between_two_updates_a_fraction_and_a_float_agree() -> None:
    """An update's place may be a whole number in any spelling."""
    route = Stretched(Stretched(plan("cosine()", 60), 20, 100), 30, 70)

    assert route.lrs(50) == route.lrs(50.0) == route.lrs(Fraction(50))
