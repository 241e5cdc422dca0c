"""Schedules of other libraries one after another, and multiplied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from itertools import pairwise
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration
from lr_toolkit.schedules.peers.phases import joined, whole
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Shape
from lr_toolkit.schedules.shapes import hold, repeat, scaled

__all__ = ["in_sequence", "product"]


def in_sequence(schedules: object, milestones: object) -> Schedule:
    """Each schedule from its milestone to the next, from the base LR on and on its own clock.

    One that is longer is cut, one that is shorter holds its end.

    Raises:
        ScheduleError: if there is not one milestone between each two schedules, or they do not rise.

    Example:
        >>> from lr_toolkit import cosine, linear, warmup
        >>> in_sequence([warmup(5), linear(over=10), cosine()], [5, 20])
        warmup(5) >> linear(start=1.0, over=10) >> hold(5) >> cosine(start=1.0)
    """
    children = _schedules(schedules)
    if isinstance(milestones, str) or not isinstance(milestones, Sequence) or len(milestones) != len(children) - 1:
        raise ScheduleError(
            f"milestones={shorten(milestones)} must be a list with one number between each two of the {len(children)} schedules."
        )
    places = [0, *(whole("milestones", milestone, 1) for milestone in milestones)]
    if any(later <= earlier for earlier, later in pairwise(places)):
        raise ScheduleError(f"milestones={shorten(milestones)} must rise.")
    lengths = [later - earlier for earlier, later in pairwise(places)]
    rest = [_from_base(child) for child in children[1:]]
    fitted = [_fitted(child, length) for child, length in zip([children[0], *rest], [*lengths, None], strict=True)]
    return joined(*fitted)


def product(schedules: object) -> Schedule:
    """The product of schedules on one clock.

    Raises:
        ScheduleError: if a schedule has an absolute LR, which no factor multiplies.

    Example:
        >>> from lr_toolkit import step, warmup
        >>> product([warmup(5, start=0.1), step(30)])
        scaled(warmup(5, start=0.1) >> hold(), step(30))
    """
    children = _schedules(schedules)
    absolute = next((child for child in children if child.absolute_levels), None)
    if absolute is not None:
        raise ScheduleError(
            f"{absolute!r} has an absolute LR, which is no factor. Write it relative to the base LR: end=0.1."
        )
    # A product is as long as its first factor, so that one takes what the run leaves.
    is_open = any(phase.lengths is None for phase in children[0].phases)
    return reduce(scaled, children[1:], children[0] if is_open else children[0] >> hold())


def _schedules(schedules: Any) -> list[Schedule]:
    if isinstance(schedules, str) or not isinstance(schedules, Sequence) or not schedules:
        raise ScheduleError(
            f"schedulers={shorten(schedules)} must be a list of schedules, as in [warmup(5), cosine()]."
        )
    return [Schedule.parse(schedule) for schedule in schedules]


def _from_base(schedule: Schedule) -> Schedule:
    """The schedule, beginning at the base LR and not at the level reached."""
    first, *others = schedule.phases
    if first == hold(first.over).phases[0]:
        return joined(hold(first.over, level=1.0), *([Schedule(tuple(others))] if others else []))
    return Schedule((first.restarted(), *others))


def _fitted(schedule: Schedule, length: int | None) -> Schedule:
    """The schedule over exactly ``length`` updates; unchanged if that is ``None``."""
    if length is None:
        return schedule
    known = [part for phase in schedule.phases for part in phase.lengths or ()]
    if any(duration.unit != "steps" for duration, _ in known):
        raise ScheduleError(
            f"{schedule!r} has a length that is not in steps, so a milestone in steps cannot cut it. Write steps."
        )
    fixed = sum((duration.amount * times for duration, times in known), Fraction(0))
    is_open = any(phase.lengths is None for phase in schedule.phases)
    if is_open and fixed < length and fixed.denominator == 1:
        over = Duration(int(length - fixed))
        return Schedule(tuple(phase if phase.lengths is not None else _over(phase, over) for phase in schedule.phases))
    if is_open or fixed > length:
        return repeat(schedule, rest="cut", over=length)
    return schedule if fixed == length else schedule >> hold(int(length - fixed))


def _over(phase: Any, over: Duration) -> Shape:
    """The phase with a length."""
    lasting: Shape = replace(phase, over=over)
    return lasting
