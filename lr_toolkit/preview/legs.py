"""A route in words: the phases that a run really follows, also after its plan has changed on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import final

from lr_toolkit.schedules.routes import Continued, Plan, Rewarmed, Route, Stretched
from lr_toolkit.schedules.text import spell
from lr_toolkit.schedules.timeline import Timeline

__all__ = ["Leg", "change_of", "legs_of"]


@final
@dataclass(frozen=True, slots=True)
class Leg:
    """One phase of a route, updates ``start`` to ``end - 1``: its builder's name, and its call in text."""

    name: str
    text: str
    start: int
    end: int


def legs_of(route: Route) -> tuple[Leg, ...]:
    """The phases of ``route`` in turn; after the last one its LR holds.

    Of a plan that a run took up on the way, in the place of another, only what comes from there on.

    Example:
        >>> from lr_toolkit import Horizon, Schedule
        >>> from lr_toolkit.schedules.routes import plan_of
        >>> plan = plan_of(Schedule.parse("warmup(2) >> linear()"), Horizon(10), [0.1])
        >>> [(leg.text, leg.start) for leg in legs_of(Stretched(plan, at=6, until=20))]
        [('warmup(2)', 0), ('linear()', 2)]
        >>> [(leg.text, leg.start) for leg in legs_of(Rewarmed(plan, at=6, over=3))]
        [('warmup(2)', 0), ('linear()', 2), ('warmup(3)', 6), ('linear()', 9)]
    """
    match route:
        case Stretched():
            return _stretched(route)
        case Continued():
            return _from(legs_of(route.plan), route.at)
        case Rewarmed():
            legs, ready = legs_of(route.of), route.at + route.over
            before = tuple(replace(one, end=min(one.end, route.at)) for one in legs if one.start < route.at)
            again = Leg("warmup", f"warmup({route.over})", route.at, ready)
            return (*before, again, *_from(legs, ready))
        case Plan():
            parts = route.timeline.segments
            return tuple(Leg(one.shape.name, spell(one.shape), one.start, one.end) for one in parts)
    raise TypeError(f"{type(route).__name__} is no way to go on.")


def _from(legs: tuple[Leg, ...], at: int) -> tuple[Leg, ...]:
    return tuple(replace(one, start=max(one.start, at)) for one in legs if one.end > at)


def _stretched(route: Stretched) -> tuple[Leg, ...]:
    old, new = route.of.steps - route.at, route.until - route.at

    def moved(k: int) -> int:
        """The first update whose place in the route that was stretched is ``k`` or lies behind it."""
        return k if k <= route.at else route.at - (route.at - k) * new // old

    legs = legs_of(route.of)
    edges = [*(moved(one.start) for one in legs), moved(legs[-1].end)]
    placed = [replace(leg, start=start, end=end) for leg, (start, end) in zip(legs, pairwise(edges), strict=True)]
    return tuple(one for one in placed if one.end > one.start)


def change_of(route: Route, asked: Timeline) -> str:
    """How a run goes on that does not follow the plan it asks for, by the name of the policy; nothing where it does.

    Example:
        >>> from lr_toolkit import Horizon, Schedule
        >>> from lr_toolkit.schedules.routes import plan_of
        >>> plan = plan_of(Schedule.parse("linear()"), Horizon(10), [0.1])
        >>> change_of(plan, plan.timeline)
        ''
        >>> change_of(Stretched(plan, at=6, until=20), plan.timeline)
        'stretch: from update 6 on, what was left of linear() lasts until update 20'
    """
    unit = asked.horizon.unit.replace("step", "update")
    match route:
        case Rewarmed():
            again = f"rewarm: climbs again from {unit} {route.at} to {route.at + route.over}"
            rest = change_of(route.of, asked)
            return f"{again}; {rest}" if rest else again
        case Stretched():
            return f"stretch: from {unit} {route.at} on, what was left of {_schedule(route.of)} lasts until {unit} {route.until}"
        case Continued():
            return f"continue: from {unit} {route.at} on, from the LR in use, what is left of {_schedule(route)}"
        case Plan() if route.timeline != asked:
            return f"keep: the saved plan, {_schedule(route)} until {unit} {route.steps}, then its last LR"
    return ""


def _schedule(route: Route) -> str:
    """The schedule that a route began as."""
    while not isinstance(route, Plan):
        route = route.plan if isinstance(route, Continued) else route.of  # type: ignore[attr-defined]  # the other two have one
    return repr(route.timeline.schedule)
