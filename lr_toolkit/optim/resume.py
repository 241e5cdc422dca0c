"""What to follow after a checkpoint: the saved route where the plan is the same, a decision where it has changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Literal, TypeAlias, get_args

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules import Duration, Horizon
from lr_toolkit.schedules.durations import shorten
from lr_toolkit.schedules.routes import Continued, Plan, Rewarmed, Route, Stretched
from lr_toolkit.schedules.shapes import Hold, round_half_up

__all__ = ["CLASS", "FORMAT", "OnChange", "check_policy", "refuse_foreign", "route_after"]

CLASS = "lr_toolkit.ScheduledLR"
FORMAT = 1

OnChange: TypeAlias = Literal["error", "replan", "keep", "stretch", "continue"]

_MEANINGS = {
    "replan": "the new plan, at the same update",
    "keep": "the saved plan to its end, then its last LR",
    "stretch": "what is left of the saved plan, over the updates that are left now",
    "continue": "from the LR in use, the remaining decay of the new plan",
}
_CHUNK = 1 << 20

_log = logging.getLogger("lr_toolkit")


def check_policy(on_change: str, rewarm: Duration | None) -> None:
    """Refuse an unknown policy, and a second warmup without one."""
    if on_change not in get_args(OnChange):
        raise ScheduleError(f"on_change={shorten(on_change)}: must be one of {', '.join(map(repr, get_args(OnChange)))}.")
    if rewarm is not None and on_change == "error":
        raise ScheduleError(
            f"rewarm={str(rewarm)!r} warms up again in front of a changed plan. Say which: on_change='replan', rewarm={rewarm.literal}."
        )


def refuse_foreign(state: Mapping[str, Any], groups: int) -> None:
    """Refuse a state that this class did not save, or saved for another optimizer."""
    if state.get("class") != CLASS:
        keys = ", ".join(sorted(map(str, state))) or "nothing"
        counter = state.get("last_epoch", 0)
        raise ScheduleError(
            f"ScheduledLR.load_state_dict: this state was saved by another scheduler (it holds {keys}). Build the scheduler "
            f"that saved it, or start this one at the same update: ScheduledLR(..., last_epoch={counter!r} - 1)."
        )
    if state["format"] > FORMAT:
        raise ScheduleError(
            f"ScheduledLR.load_state_dict: the state has format {state['format']}, and this version reads up to {FORMAT}. "
            "Install the version of lr_toolkit that saved it, or a newer one: pip install -U lr_toolkit."
        )
    if len(state["base_lrs"]) != groups:
        raise ScheduleError(
            f"ScheduledLR.load_state_dict: the state is of an optimizer with {len(state['base_lrs'])} parameter groups, and "
            f"this one has {groups}. Add the groups first (optimizer.add_param_group), then load the state."
        )


def route_after(
    state: Mapping[str, Any], asked: Plan, *, on_change: OnChange = "error", rewarm: Duration | None = None
) -> Route:
    """The route to follow from a saved state on, where the code now asks for the plan ``asked``.

    The saved route goes on where the code asks for what it asked for then. Two changes are no question either: a new plan
    that agrees with the saved route on all updates already taken, and a longer ``hold`` around this update.

    Raises:
        ScheduleError: where the plan has changed and ``on_change`` does not say how to go on, or cannot be followed.
    """
    at, lrs = state["last_epoch"], tuple(state["lrs"])
    before = _saved_route(state, asked)
    if before is not None and state["asked"] == asked.to_state():
        return before
    if before is not None and (_agree(before, asked, at) or _inside_same_hold(before, asked, at)):
        return asked
    ways = _ways(before, asked, at, lrs)
    if on_change == "error":
        raise _undecided(state, asked, ways)
    route = ways[on_change]()
    if rewarm is not None:
        end = asked.timeline.horizon.after(Fraction(at), rewarm)
        return Rewarmed(route, at, max(round_half_up(end) - at, 1))
    if lrs[0] > 0 and abs(route.lrs(at)[0] / lrs[0] - 1.0) > 1e-6:
        factor = route.lrs(at)[0] / lrs[0]
        _log.warning("The plan has changed at update %d: on_change=%r multiplies the LR by %.4g.", at, on_change, factor)
    return route


def _saved_route(state: Mapping[str, Any], asked: Plan) -> Route | None:
    """What was being followed; ``None`` where it followed a Python function that is not the one in ``asked``."""
    try:
        route = Route.from_state(state["route"], asked)
    except ScheduleError:
        return None
    return route if np.allclose(route.lrs(state["last_epoch"]), state["lrs"], rtol=1e-9, atol=0.0) else None


def _agree(before: Route, asked: Plan, at: int) -> bool:
    """Whether the new plan has the saved route's LRs on all updates already taken."""
    if not isinstance(before, Plan) or len(before.base_lrs) != len(asked.base_lrs):
        return False
    pairs = set(zip(before.base_lrs, asked.base_lrs))
    for start in range(0, at, _CHUNK):
        ks = np.arange(start, min(start + _CHUNK, at))
        for old, new in pairs:
            one = before.timeline.values(ks, base_lr=old)
            if not np.allclose(one, asked.timeline.values(ks, base_lr=new), rtol=1e-12, atol=0.0):
                return False
    return True


def _inside_same_hold(before: Route, asked: Plan, at: int) -> bool:
    """Whether this update lies in the same open ``hold`` of both plans: then only the hold has grown."""
    if not isinstance(before, Plan) or before.base_lrs != asked.base_lrs:
        return False
    one, two = before.timeline, asked.timeline
    places = [next((j for j, seg in enumerate(line.segments) if seg.start <= at < seg.end), None) for line in (one, two)]
    if one.schedule != two.schedule or places[0] is None or places[0] != places[1]:
        return False
    shape = one.schedule.phases[places[0]]
    return isinstance(shape, Hold) and shape.over is None


def _ways(before: Route | None, asked: Plan, at: int, lrs: tuple[float, ...]) -> dict[str, Callable[[], Route]]:
    def saved() -> Route:
        if before is None:
            raise ScheduleError(
                "the saved plan holds a Python function, which a checkpoint cannot carry, so it cannot be followed any longer. "
                "Write on_change='replan' or on_change='continue'."
            )
        return before

    return {
        "replan": lambda: asked,
        "keep": saved,
        "stretch": lambda: Stretched(saved(), at, asked.steps),
        "continue": lambda: Continued(asked, at, lrs),
    }


def _undecided(state: Mapping[str, Any], asked: Plan, ways: Mapping[str, Callable[[], Route]]) -> ScheduleError:
    at, gain = state["last_epoch"], state["gains"][0]
    lines = [
        "The plan is not the one in the checkpoint.",
        f"  saved: {_told(state['asked'])}",
        f"  now:   {asked}",
        f"The next update is number {at}, and its LR was to be {state['lrs'][0] * gain:.6g}. Under each policy, the LR of the first "
        f"group at updates {at} and {at + 1}, and at the end:",
    ]
    for name, way in ways.items():
        try:
            route = way()
            shown = " ".join(f"{route.lrs(k)[0] * gain:<11.6g}" for k in (at, at + 1, max(at, asked.steps)))
        except ScheduleError as error:
            shown = f"not possible: {str(error).split(': ', 1)[-1]}"
        lines.append(f"  on_change={name!r:<11} {shown} {_MEANINGS[name]}")
    lines.append(
        "Write one of them, for example configure_optimizers(..., on_change='continue'), ScheduledLR(..., on_change='continue') "
        "or, in the class of a ScheduleMixin, on_change = 'continue'."
    )
    return ScheduleError("\n".join(lines))


def _told(plan: Mapping[str, Any]) -> str:
    bases = ", ".join(f"{base:g}" for base in dict.fromkeys(plan["base_lrs"]))
    horizon = Horizon(plan["steps"], plan["steps_per_epoch"], plan["unit"])
    return f"{plan['schedule']} on {horizon!r}, base lr {bases}"
