"""What to follow after a checkpoint: the saved timeline if the plan is the same, a policy if it has changed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal, Protocol, TypeAlias, cast, get_args

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.plan_changed import counted_unit, most_changed, plan_changed_error, quantity_of
from lr_toolkit.optim.state import configured_state, followed_from
from lr_toolkit.schedules import Duration, Horizon
from lr_toolkit.schedules.changed import continued, restarted, rewarmed, stretched
from lr_toolkit.schedules.horizon import round_half_up
from lr_toolkit.schedules.same_history import only_hold_grew, same_history
from lr_toolkit.schedules.timeline import ResolvedTimeline

__all__ = [
    "OnChange",
    "RunLength",
    "binding_after",
    "binding_over",
    "check_policy",
    "spread",
]

_ROUNDING = 2.0**-24  # of a number that is stored in 32 bits

OnChange: TypeAlias = Literal["error", "replan", "keep", "stretch", "continue", "restart"]


class RunLength(Protocol):
    """Reports the length of a run, including after a resume."""

    @property
    def record(self) -> dict[str, Any]:
        """What the length of the whole run comes from, as plain data."""

    def unchanged_unit(self, record: Mapping[str, Any]) -> Literal["steps", "epochs"] | None:
        """The unit in which this run is as long as the recorded one; ``None`` if its length differs."""

    def horizon_after(self, record: Mapping[str, Any], saved: Horizon, taken: int) -> Horizon:
        """The horizon of the resumed run, ``taken`` steps into the horizon ``saved`` that the checkpoint recorded."""

    def adopt(self, record: Mapping[str, Any]) -> Horizon | None:
        """Go on from a state that was loaded, with what its ``record`` knows of the run.

        Returns:
            The horizon of the run, if its length had changed since it began, and the code makes the same run.
        """


_log = logging.getLogger("lr_toolkit")


def check_policy(on_change: str, rewarm: Duration | None) -> None:
    """Refuse an unknown policy, and a second warmup without one."""
    if on_change not in get_args(OnChange):
        raise ScheduleError(
            f"on_change={shorten(on_change)}: must be one of {', '.join(map(repr, get_args(OnChange)))}."
        )
    if rewarm is not None and on_change == "error":
        raise ScheduleError(
            f"rewarm={str(rewarm)!r} acts on a changed plan, and needs a policy. Write on_change='replan', rewarm={rewarm.literal}."
        )


def binding_after(
    state: Mapping[str, Any],
    configured: Binding,
    *,
    on_change: OnChange = "error",
    rewarm: Duration | None = None,
    unchanged_unit: Literal["steps", "epochs"] | None = None,
    names: Sequence[object] = (),
) -> Binding:
    """What to follow from a saved state on, if the code now asks for ``configured``. A second warmup acts on the LR alone.

    The saved timelines go on if the code asks for what it asked for then. Two changes need no decision: a new plan that has
    the same LRs on all updates already taken, and a longer ``hold`` around this update. If the same schedule is asked for on
    the same run, which only takes its updates at another rate (its length is unchanged in steps or in epochs), what is left
    is spread over the updates that are left, unless ``on_change`` decides otherwise. An error calls a group by its name, if
    ``names`` has one.

    Raises:
        ScheduleError: if the plan has changed and ``on_change`` does not decide how to go on, or cannot be followed.
    """
    followed = state["followed"][configured.key]
    update = state["last_epoch"]
    configured = _with_exact_bases(configured, state["configured"][configured.key]["bases"])
    configured = configured.with_gains(followed["gains"])
    saved: Binding | ScheduleError
    try:
        saved = followed_from(followed, update, configured)
    except ScheduleError as error:
        saved = error
    if isinstance(saved, Binding):
        if state["configured"][configured.key] == configured_state(configured):
            return saved
        if _needs_no_decision(saved, configured, update + bool(state.get("updated"))):
            return configured
        if on_change == "error" and unchanged_unit and _keeps_its_units(state, configured, update, unchanged_unit):
            return _at_another_rate(saved, configured, update)
    _refuse_other_meaning(state, configured, on_change)
    policies = _policies(saved, configured, update, followed["values"])
    if on_change == "error":
        raise plan_changed_error(state, configured, policies, names)
    binding = policies[on_change]()
    if rewarm is not None and configured.key == "lr":
        over = _rewarm_length(rewarm, update, configured)
        return binding.changed(lambda timeline: rewarmed(timeline, update, over))
    _report(followed, binding, update, on_change)
    return binding


def _with_exact_bases(configured: Binding, saved: list[float]) -> Binding:
    """``configured`` with the saved base values if they differ by rounding alone.

    The same LR may be a float in one run and a tensor of 32 bits in the other.
    """
    pairs = zip(saved, configured.bases, strict=True)
    is_rounded = all(math.isclose(before, now, rel_tol=_ROUNDING) for before, now in pairs)
    return configured.rebased(saved) if is_rounded and tuple(saved) != configured.bases else configured


def binding_over(
    followed: Binding, new: Binding, update: int, on_change: OnChange = "error", *, is_used: bool = False
) -> Binding:
    """What to follow if the length of the run changes on the way, and ``new`` is the plan of the code on the new length.

    Before the first update, and in the two cases that need no decision, that is ``new``. The values of ``update`` belong to the
    past if they are used already (``is_used``), as within an epoch by a schedule per epoch. Otherwise ``on_change`` decides, and what
    is left of ``followed`` is spread over the updates that are left if it does not, or cannot be followed.
    """
    new = new.with_gains(followed.gains)
    past = update + is_used
    if not past or _needs_no_decision(followed, new, past):
        return new
    if on_change in ("replan", "keep", "continue"):
        values = followed.values_without_gains(update)
        try:
            return _policies(followed, new, update, values)[on_change]()
        except ScheduleError as error:
            _log.warning("%s What is left of the schedule is spread over the updates that are left.", error)
    return spread(followed, update, new.timelines[0].steps)


def spread(followed: Binding, update: int, until: int) -> Binding:
    """What is left of the followed timelines, over the updates up to ``until``; unchanged if nothing is left."""
    if not update < min(until, followed.timelines[0].steps):
        return followed
    return followed.changed(lambda timeline: stretched(timeline, update, until))


def _needs_no_decision(saved: Binding, configured: Binding, update: int) -> bool:
    """Whether all groups have the same past, or all are inside of an open hold that has grown."""
    if update and saved.bases != configured.bases:
        return False
    pairs = list(dict.fromkeys(zip(saved.which, configured.which, strict=True)))
    timelines = [(saved.timelines[before], configured.timelines[now]) for before, now in pairs]
    return all(same_history(before, now, update) for before, now in timelines) or all(
        only_hold_grew(before, now, update) for before, now in timelines
    )


def _keeps_its_units(state: Mapping[str, Any], configured: Binding, update: int, unchanged_unit: str) -> bool:
    """Whether the same schedule is asked for, and none of its phases to come counts in a unit that the run has not kept."""
    saved, now = state["configured"][configured.key], configured_state(configured)
    if any(saved[key] != now[key] for key in ("schedules", "which", "bases")):
        return False
    if unchanged_unit == "steps":
        return True  # the saved timelines plan each update that is left, however the epochs divide them
    phases = [phase for timeline in configured.timelines for phase in timeline.phases if phase.end > update]
    units = {unit for phase in phases for unit in phase.shape.units}
    return units <= {unchanged_unit, "%"}


def _at_another_rate(saved: Binding, configured: Binding, update: int) -> Binding:
    """What is left of the saved timelines, over the updates that are left."""
    before, now = saved.timelines[0].steps, configured.timelines[0].steps
    binding = spread(saved, update, now)
    if binding is not saved:
        _log.info("The updates that are left, %d to %d, take what was left until %d.", update, now, before)
    return binding


def _refuse_other_meaning(state: Mapping[str, Any], configured: Binding, on_change: str) -> None:
    """Refuse a text that meant something else when the checkpoint was saved."""
    renamed = state.get("renamed", {})
    text = next((timeline.text for timeline in configured.timelines if timeline.text in renamed), None)
    if text is not None and on_change == "error":
        raise ScheduleError(
            f"The checkpoint was saved by a version in which each phase began at the base LR. Now a phase begins at the level at "
            f"which the phase before it ended, so {text} means something else. To go on as before write {renamed[text]}."
        )


def _policies(
    saved: Binding | ScheduleError, configured: Binding, update: int, values: list[float]
) -> dict[str, Callable[[], Binding]]:
    """What each policy would follow; ``saved`` may be the reason why the saved plan cannot be followed."""

    def keep() -> Binding:
        if isinstance(saved, ScheduleError):
            raise ScheduleError(
                f"on_change='keep' or 'stretch' at update {update}: the saved plan cannot be followed any longer: {saved} Write "
                "on_change='replan' or on_change='continue' to go on without it."
            )
        return saved

    def stretch() -> Binding:
        until = configured.timelines[0].steps
        return keep().changed(lambda timeline: stretched(timeline, update, until))

    def go_on() -> Binding:
        groups = zip(configured.group_timelines, values, configured.bases, strict=True)
        may_rise = configured.key != "lr"
        try:
            timelines = [
                continued(timeline, update, value, base, may_rise=may_rise) for timeline, value, base in groups
            ]
        except ScheduleError as error:
            raise ScheduleError(
                f"{error} This is the schedule of {configured.key}." if may_rise else str(error)
            ) from None
        return configured.with_timelines(timelines)

    def restart() -> Binding:
        return configured.changed(lambda plan: restarted(cast("ResolvedTimeline", plan), update))

    return {"replan": lambda: configured, "keep": keep, "stretch": stretch, "continue": go_on, "restart": restart}


def _rewarm_length(rewarm: Duration, update: int, configured: Binding) -> int:
    """The updates of a second warmup, which has to end within the run."""
    timeline = configured.timelines[0]
    position = Fraction(update)
    if isinstance(timeline, ResolvedTimeline):
        position = timeline.horizon.after(position, rewarm)
    over = max(round_half_up(position) - update, 1)
    if update + over > timeline.steps:
        unit = counted_unit(timeline.unit)
        raise ScheduleError(
            f"rewarm={str(rewarm)!r} takes {over} {unit}s from {unit} {update} on, and the run ends at {timeline.steps}. Write a "
            "shorter one, for example rewarm='1%'."
        )
    return over


def _report(followed: Mapping[str, Any], binding: Binding, update: int, on_change: str) -> None:
    """Log how far the LR jumps."""
    before = [value * gain for value, gain in zip(followed["values"], followed["gains"], strict=True)]
    after = binding.values(update)
    group = most_changed(before, after)
    was, now = before[group], after[group]
    if not math.isclose(was, now, rel_tol=1e-6):
        factor = f", {now / was:.4g} times as much" if was else ""
        _log.warning(
            "The plan has changed at update %d: on_change=%r takes the %s of parameter group %d from %.6g to %.6g%s.",
            *(update, on_change, quantity_of(binding.key), binding.members[group], was, now, factor),
        )
