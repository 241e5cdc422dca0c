"""A route in words: its legs begin and end where its LRs do."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lr_toolkit.preview.phase_rows import phase_rows
from lr_toolkit.schedules.routes import Continued, Plan, Rewarmed, Route, Stretched, plan_of

from lr_toolkit import Horizon, Schedule

PHASES = [
    "hold('50%') >> linear()",
    "warmup(3) >> hold() >> cosine(over='20%')",
    "hold('1%') >> step(4)",
    "warmup('1%')",
]
KINDS = ["stretch", "stretch", "rewarm", "continue"]


def plan(text: str, steps: int) -> Plan:
    """The plan of that text on a run of that many updates."""
    return plan_of(Schedule.parse(text), Horizon(steps), [1.0])


@st.composite
def routes(draw: st.DrawFn, texts: Sequence[str] = PHASES, kinds: Sequence[str] = KINDS) -> Route:
    """A plan, or up to four ways of going on, one on top of the other."""
    route: Route = plan(draw(st.sampled_from(texts)), draw(st.integers(6, 40)))
    at = 0
    for kind in draw(st.lists(st.sampled_from(kinds), max_size=4)):
        at = draw(st.integers(at, route.steps - 1))
        if kind == "stretch":
            route = Stretched(route, at, at + draw(st.integers(1, 90)))
        elif kind == "rewarm":
            route = Rewarmed(route, at, draw(st.integers(1, min(9, route.steps - at))))
        else:
            route = Continued(plan("linear()", at + draw(st.integers(1, 30))), at, (0.5,))
    return route


def place(route: Route, k: Fraction) -> str:
    """What the phase of update ``k`` is called, by walking down to the plan; nothing after the last one."""
    if isinstance(route, Stretched):
        left, lasts = route.of.steps - route.at, route.until - route.at
        return place(route.of, k if k <= route.at else route.at + (k - route.at) * left / lasts)
    if isinstance(route, Continued):
        return place(route.plan, k) if k >= route.at else ""
    if isinstance(route, Rewarmed):
        again = f"warmup {id(route)}"  # one that is like another is another
        return again if 0 <= k - route.at < route.over else place(route.of, k)
    assert isinstance(route, Plan)
    return next((one.shape.name for one in route.timeline.segments if one.start <= k < one.end), "")


@given(routes())
def test_the_legs_are_the_phases_that_the_updates_lie_in(route: Route) -> None:
    """Walking along the updates one passes exactly the legs, each from its first update to its last, and none without any."""
    walked = [(name, [*ks]) for name, ks in groupby(range(500), lambda k: place(route, Fraction(k)))]

    assert [(leg.name, leg.start, leg.end - 1) for leg in phase_rows(route)] == [
        (name.split()[0], ks[0], ks[-1]) for name, ks in walked if name
    ]


@given(routes(["hold('50%') >> warmup('50%', start=0.5)"], ["stretch"]))
@example(Stretched(Stretched(plan("hold('50%') >> warmup('50%', start=0.5)", 9), 2, 12), 6, 66))
def test_a_leg_begins_with_the_first_lr_of_its_phase(route: Route) -> None:
    """However often a route was stretched, its second phase, which drops to a half, is told to begin where the LR drops."""
    start = next((leg.start for leg in phase_rows(route) if leg.name == "warmup"), None)

    assert start == next((k for k in range(500) if route.lrs(k) < [1.0]), None)


def test_a_route_of_another_kind_has_no_legs() -> None:
    """What is no way to go on is a TypeError that names it."""
    with pytest.raises(TypeError, match="int is no way to go on"):
        phase_rows(5)  # type: ignore[arg-type]  # that is the point
