"""A route in words: the phases that a run really follows, also after its plan has changed on the way."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import TypeAlias, final

from lr_toolkit.schedules.routes import Continued, Plan, Rewarmed, Route, Stretched
from lr_toolkit.schedules.text import spell
from lr_toolkit.schedules.timeline import Timeline

__all__ = ["PhaseRow", "change_of", "phase_rows"]


@final
@dataclass(frozen=True, slots=True)
class PhaseRow:
    """One phase of a route, updates ``start`` to ``end - 1``: its builder's name, and its call in text."""

    name: str
    text: str
    start: int
    end: int


_Piece: TypeAlias = "tuple[str, str, Fraction, Fraction]"  # a leg before it is rounded


def phase_rows(route: Route) -> tuple[PhaseRow, ...]:
    """The phases of ``route`` in turn, those that take no update left out; after the last one its LR holds.

    Of a plan that a run took up on the way, in the place of another, only what comes from there on.

    Example:
        >>> from lr_toolkit import Horizon, Schedule
        >>> from lr_toolkit.schedules.routes import plan_of
        >>> plan = plan_of(Schedule.parse("warmup(2) >> linear()"), Horizon(10), [0.1])
        >>> [(leg.text, leg.start) for leg in phase_rows(Stretched(plan, at=6, until=20))]
        [('warmup(2)', 0), ('linear()', 2)]
        >>> [(leg.text, leg.start) for leg in phase_rows(Rewarmed(plan, at=6, over=3))]
        [('warmup(2)', 0), ('linear()', 2), ('warmup(3)', 6), ('linear()', 9)]
    """
    whole = (PhaseRow(name, text, ceil(start), ceil(end)) for name, text, start, end in _exactly(route))
    return tuple(one for one in whole if one.end > one.start)


def _exactly(route: Route) -> list[_Piece]:
    """The phases with their exact edges: rounded before they are stretched again, they would come too early."""
    match route:
        case Plan():
            parts = route.timeline.segments
            return [(one.shape.name, spell(one.shape), Fraction(one.start), Fraction(one.end)) for one in parts]
        case Stretched():
            slower = Fraction(route.until - route.at, route.of.steps - route.at)

            def moved(k: Fraction) -> Fraction:
                return k if k <= route.at else route.at + (k - route.at) * slower

            return [(name, text, moved(start), moved(end)) for name, text, start, end in _exactly(route.of)]
        case Continued():
            return _from(_exactly(route.plan), Fraction(route.at))
        case Rewarmed():
            pieces, at, ready = _exactly(route.of), Fraction(route.at), Fraction(route.at + route.over)
            again = ("warmup", f"warmup({route.over})", at, ready)
            return [*_before(pieces, at), again, *_from(pieces, ready)]
    raise TypeError(f"{type(route).__name__} is no way to go on.")


def _before(pieces: list[_Piece], at: Fraction) -> list[_Piece]:
    return [(name, text, start, min(end, at)) for name, text, start, end in pieces if start < at]


def _from(pieces: list[_Piece], at: Fraction) -> list[_Piece]:
    return [(name, text, max(start, at), end) for name, text, start, end in pieces if end > at]


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
