"""What to follow after a checkpoint: the saved route where the plan is the same, a decision where it has changed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Literal, Protocol, TypeAlias, get_args

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.optim.question import counted, most_moved, plan_changed_error
from lr_toolkit.schedules import Duration, Horizon
from lr_toolkit.schedules.agreement import agree, inside_same_hold
from lr_toolkit.schedules.horizon import round_half_up
from lr_toolkit.schedules.routes import Continued, Plan, Rewarmed, Route, Stretched
from lr_toolkit.schedules.shapes import Custom

__all__ = ["CLASS", "FORMAT", "Host", "OnChange", "check_policy", "refuse_foreign", "route_after"]

CLASS = "lr_toolkit.ScheduledLR"
FORMAT = 1

OnChange: TypeAlias = Literal["error", "replan", "keep", "stretch", "continue"]


class Host(Protocol):
    """What says how long a run is, again after a checkpoint was read."""

    @property
    def said(self) -> dict[str, Any]:
        """What the length of a whole run as it is now comes from, as plain data."""

    def kept(self, said: Mapping[str, Any]) -> Literal["steps", "epochs"] | None:
        """The unit in which this run is as long as the one that ``said`` this; ``None`` where its length differs."""

    def horizon_after(self, said: Mapping[str, Any], saved: Horizon, taken: int) -> Horizon:
        """The length of this run, of which so many steps were taken on the way to the horizon ``saved``, as ``said``."""


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
            f"counted {counted(unit)}s too. In Lightning: checkpoint['lr_schedulers'] = [] in the module's on_load_checkpoint, and "
            f"self.lr_schedulers().step(self.trainer.{'current_epoch' if unit == 'epoch' else 'global_step'}) in its on_train_start."
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
    state: Mapping[str, Any],
    asked: Plan,
    *,
    on_change: OnChange = "error",
    rewarm: Duration | None = None,
    kept: Literal["steps", "epochs"] | None = None,
) -> Route:
    """The route to follow from a saved state on, where the code now asks for the plan ``asked``.

    The saved route goes on where the code asks for what it asked for then. Two changes are no question either: a new plan
    that agrees with the saved route on all updates already taken, and a longer ``hold`` around this update. Where the same
    schedule is asked for on the same run, which only takes its updates at another rate (its length is ``kept`` in steps or
    in epochs), what is left of the route is spread over what is left of the run, unless ``on_change`` says something else.

    Raises:
        ScheduleError: where the plan has changed and ``on_change`` does not say how to go on, or cannot be followed.
    """
    at, lrs = state["last_epoch"], tuple(state["lrs"])
    before = _saved_route(state, asked)
    if before is not None and state["asked"] == asked.to_state():
        return before
    if before is not None and (agree(before, asked, at) or inside_same_hold(before, asked, at)):
        return asked
    if before is not None and on_change == "error" and kept and _keeps_its_units(state["asked"], asked, at, kept):
        if not at < min(before.steps, asked.steps):
            return before
        _log.info("The updates that are left, %d to %d, take what was left until %d.", at, asked.steps, before.steps)
        return Stretched(before, at, asked.steps)
    ways = _ways(before, asked, at, lrs)
    if on_change == "error":
        raise plan_changed_error(state, asked, ways)
    route = ways[on_change]()
    if rewarm is not None:
        return Rewarmed(route, at, _length(rewarm, at, asked))
    group = most_moved(lrs, route.lrs(at))
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
        unit = counted(asked.timeline.horizon.unit)
        raise ScheduleError(
            f"rewarm={str(rewarm)!r} takes {over} {unit}s from {unit} {at} on, and the run ends at {asked.steps}. Write a shorter "
            "one, for example rewarm='1%'."
        )
    return over


def _saved_route(state: Mapping[str, Any], asked: Plan) -> Route | None:
    """What was being followed; ``None`` where it followed a Python function that is not the one in ``asked``."""
    try:
        route = Route.from_state(state["route"], asked)
    except ScheduleError:
        return None
    return route if np.allclose(route.lrs(state["last_epoch"]), state["lrs"], rtol=1e-9, atol=0.0) else None


def _keeps_its_units(saved: Mapping[str, Any], asked: Plan, at: int, kept: str) -> bool:
    """Whether the same schedule is asked for, and none of its phases to come counts in units that the run has not kept."""
    if saved["schedule"] != repr(asked.timeline.schedule) or saved["base_lrs"] != list(asked.base_lrs):
        return False
    to_come = [one.shape for one in asked.timeline.segments if one.end > at]
    units = {each.unit for shape in to_come for each in shape.durations}
    return units <= {kept, "%"} and not any(isinstance(shape, Custom) for shape in to_come)


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
