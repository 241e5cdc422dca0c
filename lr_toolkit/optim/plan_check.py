"""Refuses schedules of keys that no parameter group has, and values that a key may not have."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from lr_toolkit.arguments import is_list
from lr_toolkit.errors import ScheduleError
from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.keys import Key
from lr_toolkit.schedules.absolute_levels import Absolute
from lr_toolkit.schedules.group_schedules import GroupSchedules
from lr_toolkit.schedules.timeline import ResolvedTimeline, Timeline

__all__ = ["check_driven", "check_highest", "check_loaded"]

_BELOW_1 = ("momentum", "betas")


def check_driven(
    key: str,
    schedules: GroupSchedules,
    driven: Sequence[tuple[int, float, ResolvedTimeline]],
    groups: Sequence[dict[str, Any]],
) -> None:
    """Refuse a key that no group has, or whose base values are all 0."""
    if not driven:
        raise ScheduleError(f"ScheduledLR({key}=...): {_why_not_driven(key, schedules, groups)}")
    if key != "lr" and not any(base for _, base, _ in driven):
        entry = Key.parse(key).entry
        raise ScheduleError(
            f"ScheduledLR({key}=...): the {key} of each parameter group that it is for is 0, and a schedule multiplies it. Write "
            f"{entry}=... for the optimizer, or {entry}=absolute(...), whose levels are the values."
        )


def _why_not_driven(key: str, schedules: GroupSchedules, groups: Sequence[dict[str, Any]]) -> str:
    """Why no group has what a schedule is for, and what to write."""
    what = Key.parse(key)
    having = [group for group in groups if what.is_in(group)]
    if having:
        entries = ", ".join(f"{name!r}: {schedule!r}" for name, schedule in schedules.entries)
        name = having[0].get("name")
        return (
            f"No group that is there has a name which an entry is for. Write {{{entries}, {name or '*'!r}: hold()}} to let it wait for "
            "a group that joins later."
        )
    known = sorted({name for group in groups for name in group} - {"params", "name"})
    held = next((group[what.entry] for group in groups if what.entry in group), None)
    near = get_close_matches(what.entry, known, n=1)
    if what.entry == "momentum" and "betas" in known:
        levels = schedules.only if isinstance(schedules.only, Absolute) else "absolute(linear(start=0.85, end=0.95))"
        fix = f"Its momentum is the first of its betas. Write betas=({levels}, None)."
    elif is_list(held) and what.place is None:
        mine = repr(schedules.only) if schedules.only is not None else "linear()"
        fix = f"Each has {len(held)} numbers there. Write {key}=({', '.join(['None'] * (len(held) - 1) + [mine])}) for the last of them."
    elif isinstance(held, (int, float)) and what.place is not None:
        fix = f"It is one number. Write {what.entry}=linear()."
    elif held is None and near:
        fix = f"Write {near[0]}=."
    else:
        fix = f"The keys are {', '.join(known)}."
    return f"no parameter group that it is for has a number {key!r}. {fix}"


def check_highest(
    key: str, driven: Sequence[tuple[int, float, ResolvedTimeline]], groups: Sequence[dict[str, Any]]
) -> None:
    """Refuse a momentum that would leave the values that it may have."""
    for position, base, timeline in driven if Key.parse(key).entry in _BELOW_1 else ():
        highest = _highest(base, timeline)
        if highest >= 1:
            fix = f"Levels are factors of {base:g}; write absolute(...) for levels that are values."
            if base == 1:
                fix = (
                    "Its levels are values, and a first phase without one begins at 1: write absolute(linear(start=0.85, end=0.95)), or "
                    "hold(level=0.95) in place of a first hold()."
                )
            raise ScheduleError(
                f"ScheduledLR({key}=...): the {key} of parameter group {groups[position].get('name', position)!r} would rise to "
                f"{highest:.6g}, and must stay below 1. {fix}"
            )


def check_loaded(binding: Binding, names: Sequence[object]) -> None:
    """Refuse a plan of the momentum that no undamaged state brings: it would leave the values that it may have."""
    groups = zip(binding.members, binding.levels, binding.group_timelines, strict=True)
    for position, level, timeline in groups if Key.parse(binding.key).entry in _BELOW_1 else ():
        highest = _highest(level, timeline)
        if highest >= 1:
            name = position if names[position] is None else names[position]
            raise ScheduleError(
                f"ScheduledLR.load_state_dict: the state is damaged: the {binding.key} of parameter group {name!r} would rise to "
                f"{highest:.6g}, and must stay below 1. Load an undamaged checkpoint."
            )


def _highest(base: float, timeline: Timeline) -> float:
    """The highest value of a timeline; before an edge it may jump."""
    return max(base * timeline.factor(k) for edge in timeline.edges for k in {max(edge - 1, 0), edge})
