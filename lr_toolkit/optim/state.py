"""What a scheduler's checkpoint holds, as plain numbers and strings: its current format, and how an older one is read.

    {
        "class": ..., "format": 2, "last_epoch": ..., "updated": ...,
        "configured": {"lr": {"horizon", "schedules", "which", "bases"}, ...},         what the code asked for
        "followed": {"lr": {"timelines", "which", "bases", "gains", "values"}, ...},   what was followed; values without gains
        "plateau": ..., "metric": ...,                                            what a rule for a metric has seen
        "run": ...,                                                               what the run's length came from
    }

``schedules`` and ``timelines`` are the distinct ones; ``which`` has for each group the index of its own. Other keys than ``"lr"`` have
``"groups"`` too, the positions of the groups that they are driven in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lr_toolkit.errors import ScheduleError
from lr_toolkit.optim.binding import Binding, distinct
from lr_toolkit.optim.state_check import check_format_1, check_format_2
from lr_toolkit.schedules.changed import Stretched, timeline_from
from lr_toolkit.schedules.horizon import horizon_from, horizon_state
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.timeline import ResolvedTimeline, Timeline

__all__ = [
    "CLASS",
    "FORMAT",
    "configured_from",
    "configured_state",
    "followed_from",
    "followed_state",
    "group_count",
    "loaded_values",
    "upgraded",
]

CLASS = "lr_toolkit.ScheduledLR"
FORMAT = 2


def configured_state(binding: Binding) -> dict[str, Any]:
    """What the code asks for, as plain data."""
    timelines = binding.group_timelines
    schedules, which = distinct([timeline.text for timeline in timelines])
    horizon = timelines[0].horizon if timelines and isinstance(timelines[0], ResolvedTimeline) else None
    return {
        "horizon": horizon and horizon_state(horizon),
        "schedules": schedules,
        "which": list(which),
        "bases": list(binding.bases),
        **({} if binding.key == "lr" else {"groups": list(binding.members)}),
    }


def configured_from(state: Mapping[str, Any]) -> Binding:
    """What ``configured_state`` described, with gains of 1.

    Raises:
        ScheduleError: if a text holds a Python function.
    """
    horizon = horizon_from(state["horizon"])
    timelines = [Schedule.parse(text).resolve(horizon) for text in state["schedules"]]
    return Binding.of("lr", state["bases"], [1.0] * len(state["bases"]), [timelines[index] for index in state["which"]])


def followed_state(binding: Binding, k: int) -> dict[str, Any]:
    """What is followed, with the values of update ``k``, as plain data."""
    unique = [timeline.to_state() for timeline in binding.timelines]
    timelines = [state for index, state in enumerate(unique) if state not in unique[:index]]
    return {
        "timelines": timelines,
        "which": [timelines.index(unique[index]) for index in binding.which],
        "bases": list(binding.bases),
        "gains": list(binding.gains),
        "values": binding.values_without_gains(k),
    }


def followed_from(state: Mapping[str, Any], k: int, configured: Binding) -> Binding:
    """What ``followed_state`` described.

    Raises:
        ScheduleError: if a text cannot be read or does not fit, or gives other values at update ``k`` than were saved.
    """
    groups = zip(state["which"], configured.group_timelines, strict=True)
    timelines = [_read(state["timelines"][index], timeline) for index, timeline in groups]
    binding = Binding.of(configured.key, state["bases"], state["gains"], timelines, configured.members)
    for timeline, now, before in zip(timelines, binding.values_without_gains(k), state["values"], strict=True):
        if not math.isclose(now, before, rel_tol=1e-9):
            quantity = "LR" if configured.key == "lr" else configured.key
            raise ScheduleError(
                f"{timeline.text} gives another {quantity} than it did: {now:.6g} instead of {before:.6g}."
            )
    return binding


def _read(state: Mapping[str, Any], configured: Timeline) -> Timeline:
    return timeline_from(state, configured if isinstance(configured, ResolvedTimeline) else None)


# --- format 1 -----------------------------------------------------------------------------------------------------------


def upgraded(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """A state of any format as one of the current format.

    In format 1 each phase began at the base LR. If a text means something else now, that a phase begins at the level reached,
    the state gets the text that means what it meant, and ``"renamed"`` maps the old text to it.

    Raises:
        ScheduleError: if a part of the state is missing, or cannot have been saved by this package.
    """
    if state["format"] >= FORMAT:
        check_format_2(state)
        return state
    check_format_1(state)
    configured, route = state["asked"], state["route"]
    renamed = {text: meant for text in _texts(configured, route) if (meant := _as_meant(text, configured)) != text}
    groups = len(state["base_lrs"])
    states = [_timeline_of_format_1(route, group, renamed) for group in range(groups)]
    timelines = [entry for index, entry in enumerate(states) if entry not in states[:index]]
    text = renamed.get(configured["schedule"], configured["schedule"])
    horizon = {key: configured[key] for key in ("steps", "steps_per_epoch", "unit")}
    return {
        **{key: state[key] for key in ("class", "last_epoch", "plateau", "metric", "run", "updated") if key in state},
        "format": FORMAT,
        "configured": {
            "lr": {
                "horizon": horizon,
                "schedules": [text],
                "which": [0] * groups,
                "bases": list(configured["base_lrs"]),
            }
        },
        "followed": {
            "lr": {
                "timelines": timelines,
                "which": [timelines.index(entry) for entry in states],
                "bases": list(state["base_lrs"]),
                "gains": list(state["gains"]),
                "values": list(state["lrs"]),
            }
        },
        "renamed": renamed,
    }


def _texts(configured: Mapping[str, Any], route: Mapping[str, Any]) -> list[str]:
    """The texts of all plans in a state of format 1."""
    while route["kind"] != "Plan":
        route = route.get("of") or route["plan"]
    return [configured["schedule"], route["schedule"]]


def _as_meant(text: str, plan: Mapping[str, Any]) -> str:
    """The text that means today what ``text`` meant in format 1."""
    try:
        schedule = Schedule.parse(text)
    except ScheduleError:  # it holds a function
        return text
    meant = schedule.restarted()
    horizon = horizon_from(plan)
    try:
        same = _curves(schedule, horizon, plan) == _curves(meant, horizon, plan)
    except ScheduleError:
        same = False
    return text if same else repr(meant)


def _curves(schedule: Schedule, horizon: Any, plan: Mapping[str, Any]) -> list[Any]:
    timelines = [schedule.resolve(horizon).relative_to(base) for base in dict.fromkeys(plan["base_lrs"])]
    return [phase.curve for timeline in timelines for phase in timeline.resolved_phases]


def _timeline_of_format_1(route: Mapping[str, Any], group: int, renamed: Mapping[str, str]) -> dict[str, Any]:
    """The state of what one group followed."""
    kind = route["kind"]
    if kind == "Plan":
        horizon = {key: route[key] for key in ("steps", "steps_per_epoch", "unit")}
        text = renamed.get(route["schedule"], route["schedule"])
        return {"kind": "resolved", "schedule": text, "horizon": horizon}
    if kind == "Continued":
        base = route["plan"]["base_lrs"][group]
        start = route["start"][group] / base if base else 1.0
        plan = _timeline_of_format_1(route["plan"], group, renamed)
        return {"kind": "continued", "of": plan, "at": route["at"], "start": start}
    of = _timeline_of_format_1(route["of"], group, renamed)
    if kind == "Rewarmed":
        return {"kind": "rewarmed", "of": of, "at": route["at"], "over": route["over"]}
    since, until = route["at"], route["until"]
    if of["kind"] == "stretched":  # a stretch of a stretch is one stretch
        inner = timeline_from(of)
        if isinstance(inner, Stretched):
            position = inner.position_of(since)
            return {**of, "at": since, "position": [position.numerator, position.denominator], "until": until}
    return {"kind": "stretched", "of": of, "at": since, "position": [since, 1], "until": until}


def group_count(state: Mapping[str, Any]) -> int:
    """How many parameter groups a state is of."""
    bases: Sequence[float] = state["followed"]["lr"]["bases"]
    return len(bases)


def loaded_values(state: Mapping[str, Any], binding: Binding) -> list[float]:
    """What the scheduler of a state had written last to the groups of a binding; NaN if it did not drive them."""
    followed = state["followed"].get(binding.key)
    if followed is None or len(followed["values"]) != len(binding.members):
        return [math.nan] * len(binding.members)
    return [value * gain for value, gain in zip(followed["values"], followed["gains"], strict=True)]
