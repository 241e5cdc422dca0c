"""What to follow after a checkpoint: the saved route where the plan is the same, a decision where it has changed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
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
    "stretch": "what is left of the saved plan, over what is left now",
    "continue": "from the LR in use, what is left of the new plan",
}
_CHUNK = 1 << 20

_log = logging.getLogger("lr_toolkit")


def check_policy(on_change: str, rewarm: Duration | None) -> None:
    """Refuse an unknown policy, and a second warmup without one."""
    if on_change not in get_args(OnChange):
        raise ScheduleError(
            f"on_change={shorten(on_change)}: must be one of {', '.join(map(repr, get_args(OnChange)))}."
        )
    if rewarm is not None and on_change == "error":
        raise ScheduleError(
            f"rewarm={str(rewarm)!r} warms up again in front of a changed plan. Say which: on_change='replan', rewarm={rewarm.literal}."
        )


def refuse_foreign(state: Mapping[str, Any], groups: int, unit: str) -> None:
    """Refuse a state that this class did not save, or saved for another optimizer or in another unit."""
    if state.get("class") != CLASS:
        keys = ", ".join(sorted(map(str, state))) or "nothing"
        counter = state.get("last_epoch", 0)
        raise ScheduleError(
            f"ScheduledLR.load_state_dict: this state was saved by another scheduler (it holds {keys}). Build the scheduler "
            f"that saved it, or let this one begin where that one was: scheduler.step({counter}) instead of loading, if it "
            "counted updates too. In Lightning: checkpoint['lr_schedulers'] = [] in the module's on_load_checkpoint, and "
            f"self.lr_schedulers().step({counter}) in its on_train_start."
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
    saved = state["asked"]["unit"]
    if saved != unit:
        raise ScheduleError(
            f"ScheduledLR.load_state_dict: the state counts {saved}s, {state['last_epoch']} of them, and this scheduler counts "
            f"{unit}s. Write interval={saved!r} (in a plain loop Horizon(..., unit={saved!r})), as it was."
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
        return Rewarmed(route, at, _length(rewarm, at, asked))
    group = _most_moved(lrs, route.lrs(at))
    was, now = (one[group] * state["gains"][group] for one in (lrs, route.lrs(at)))
    if not math.isclose(was, now, rel_tol=1e-6):
        factor = f", {now / was:.4g} times as much" if was else ""
        _log.warning(
            "The plan has changed at update %d: on_change=%r takes the LR of parameter group %d from %.6g to %.6g%s.",
            *(at, on_change, group, was, now, factor),
        )
    return route


def _length(rewarm: Duration, at: int, asked: Plan) -> int:
    """The updates of a second warmup, which has to end within the run."""
    over = max(round_half_up(asked.timeline.horizon.after(Fraction(at), rewarm)) - at, 1)
    if at + over > asked.steps:
        raise ScheduleError(
            f"rewarm={str(rewarm)!r} takes {over} updates from update {at} on, and the run ends at {asked.steps}. Write a shorter "
            "one, for example rewarm='1%'."
        )
    return over


def _most_moved(before: Sequence[float], after: Sequence[float]) -> int:
    """The parameter group whose LR a change moves most."""
    moves = [abs(new - old) for old, new in zip(before, after, strict=True)]
    return moves.index(max(moves))


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
    pairs = set(zip(before.base_lrs, asked.base_lrs, strict=True))
    for start in range(0, at, _CHUNK):
        ks = np.arange(start, min(start + _CHUNK, at))
        for old, new in pairs:
            one = before.timeline.values(ks, base_lr=old)
            if not np.allclose(one, asked.timeline.values(ks, base_lr=new), rtol=1e-12, atol=0.0):
                return False
    return True


def _inside_same_hold(before: Route, asked: Plan, at: int) -> bool:
    """Whether this update lies in the same open ``hold`` of both plans: then only the hold has grown."""
    if not isinstance(before, Plan):
        return False
    one, two = before.timeline, asked.timeline
    places = [
        next((j for j, seg in enumerate(line.segments) if seg.start <= at < seg.end), None) for line in (one, two)
    ]
    if one.schedule != two.schedule or places[0] is None or places[0] != places[1]:
        return False
    shape = one.schedule.phases[places[0]]
    # A decay before the hold may end elsewhere in a run of another length.
    return (
        isinstance(shape, Hold)
        and shape.over is None
        and np.allclose(before.lrs(at), asked.lrs(at), rtol=1e-12, atol=0.0)
    )


def _ways(before: Route | None, asked: Plan, at: int, lrs: tuple[float, ...]) -> dict[str, Callable[[], Route]]:
    def saved() -> Route:
        if before is None:
            raise ScheduleError(
                f"on_change='keep' or 'stretch' at update {at}: the saved plan holds a Python function, which a checkpoint cannot "
                "carry, so it cannot be followed any longer. Write on_change='replan' or on_change='continue'."
            )
        return before

    return {
        "replan": lambda: asked,
        "keep": saved,
        "stretch": lambda: Stretched(saved(), at, asked.steps),
        "continue": lambda: Continued(asked, at, lrs),
    }


def _undecided(state: Mapping[str, Any], asked: Plan, ways: Mapping[str, Callable[[], Route]]) -> ScheduleError:
    """The question that a changed plan is, with the LRs to which each answer leads."""
    at, saved, now = state["last_epoch"], _told(state["asked"]), str(asked)
    group = _most_moved(state["lrs"], asked.lrs(at))
    gain, which = state["gains"][group], f" in parameter group {group}" if len(state["lrs"]) > 1 else ""
    columns = sorted({at, at + 1, max(at, (at + asked.steps) // 2), max(at, asked.steps)})
    lines = ["The plan is not the one in the checkpoint.", f"  saved: {saved}", f"  now:   {now}"]
    if saved == now:
        lines.append("  The same text, but a Python function in it gives another LR than it did.")
    if at >= asked.steps:
        lines.append(
            f"  The run as it is now ends at update {asked.steps}. Lengthen it where it is to go on: Trainer(max_steps=...)."
        )
    lines += [
        f"Update {at} comes next; its LR was to be {state['lrs'][group] * gain:.6g}{which}. How shall it go on?",
        " " * 24 + "".join(f"update {k:<7}" for k in columns).rstrip(),
    ]
    for name, way in ways.items():
        try:
            route = way()
            shown = "".join(f"{route.lrs(k)[group] * gain:<14.6g}" for k in columns) + _MEANINGS[name]
        except ScheduleError as error:
            shown = f"not possible: {_reason(error)}"
        lines.append(f"  on_change={name!r:<12}{shown}")
    lines += [
        "Write one of them: configure_optimizers(..., on_change='continue'), ScheduledLR(..., on_change='continue') or, in the class of a",
        "ScheduleMixin, on_change = 'continue'. With rewarm='500 steps' beside it the LR warms up again first.",
    ]
    return ScheduleError("\n".join(lines))


def _reason(error: ScheduleError) -> str:
    """Why a policy cannot be followed, without its name and the call to write: both are in the table."""
    return str(error).partition(": ")[2].partition(" Write ")[0]


def _told(plan: Mapping[str, Any]) -> str:
    bases = ", ".join(f"{base:g}" for base in dict.fromkeys(plan["base_lrs"]))
    horizon = Horizon(plan["steps"], plan["steps_per_epoch"], plan["unit"])
    return f"{plan['schedule']} on {horizon!r}, base lr {bases}"
