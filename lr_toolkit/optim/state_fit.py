"""Refuses a state that is not of this scheduler: of another class or version, of other groups, of another unit, or with other keys."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.on_change import OnChange
from lr_toolkit.optim.plan_changed import counted_unit
from lr_toolkit.optim.state import CLASS, FORMAT, group_count

__all__ = ["check_fit", "check_same_keys", "check_state", "is_saved"]

_log = logging.getLogger("lr_toolkit")


def check_state(state: object, unit: str) -> None:
    """Refuse what is no state, or was saved by another class or a newer version.

    Args:
        state: the state as it was loaded, of any format.
        unit: what the scheduler counts.
    """
    if not isinstance(state, Mapping):
        raise ScheduleError(
            f"ScheduledLR.load_state_dict({shorten(state)}): must be what scheduler.state_dict() returned."
        )
    if state.get("class") != CLASS:
        keys = ", ".join(sorted(map(str, state)))[:300] or "nothing"
        counter = shorten(state.get("last_epoch", 0))
        raise ScheduleError(
            f"ScheduledLR.load_state_dict: this state was saved by another scheduler (it holds {keys}). Build the scheduler "
            f"that saved it, or let this one begin at its count: scheduler.step({counter}) instead of loading, if it "
            f"counted {counted_unit(unit)}s too. In Lightning: checkpoint['lr_schedulers'] = [] in the module's on_load_checkpoint, "
            f"and self.lr_schedulers().step(self.trainer.{'current_epoch' if unit == 'epoch' else 'global_step'}) in its on_train_start."
        )
    saved = state.get("format")
    if type(saved) is not int or not 1 <= saved <= FORMAT:
        raise ScheduleError(
            f"ScheduledLR.load_state_dict: the state has format {shorten(saved)}, and this version reads up to {FORMAT}. "
            "Install the version of lr_toolkit that saved it, or a newer one: git pull && pip install -e . in a clone of its repository."
        )


def check_fit(state: Mapping[str, Any], groups: int, unit: str) -> None:
    """Refuse a state of the current format that is of another optimizer, or counts in another unit."""
    if group_count(state) != groups:
        raise ScheduleError(
            f"ScheduledLR.load_state_dict: the state is of an optimizer with {group_count(state)} parameter groups, and "
            f"this one has {groups}. Add the groups first (optimizer.add_param_group), then load the state."
        )
    saved = state["configured"]["lr"]["horizon"]["unit"]
    if saved != unit:
        raise ScheduleError(
            f"ScheduledLR.load_state_dict: the state counts {saved}s, {state['last_epoch']} of them, and this scheduler counts "
            f"{unit}s. Write interval={saved!r} (in a plain loop Horizon(..., unit={saved!r})), as it was."
        )


def check_same_keys(state: Mapping[str, Any], configured: Sequence[Binding], on_change: OnChange) -> None:
    """Refuse a state in which something else is driven, unless ``on_change`` decides how to go on, which is logged.

    Raises:
        ScheduleError: with what is driven by either.
    """
    saved = {key: tuple(part.get("groups", ())) for key, part in state["configured"].items() if key != "lr"}
    now = {binding.key: binding.members for binding in configured if binding.key != "lr"}
    if saved != now:
        added = [key for key in now if key not in saved]
        moved = [key for key in now if key in saved and saved[key] != now[key]]
        removed = [key for key in saved if key not in now]
        news = [
            f"now there is a schedule for {', '.join(added)} that the checkpoint does not have" if added else "",
            f"the schedule for {', '.join(removed)} that the checkpoint has is gone, which leaves the saved value"
            if removed
            else "",
            *(
                f"the schedule for {key} is for the parameter groups {_listed(now[key])} now, and was for {_listed(saved[key])}"
                for key in moved
            ),
        ]
        message = f"The plan is not the one in the checkpoint: {', and '.join(filter(None, news))}."
        if on_change != "error":
            _log.warning("%s It goes on like that: on_change=%r.", message, on_change)
            return
        raise ScheduleError(
            f"{message} To go on like that write on_change='replan', an argument of configure_optimizers(...) and of ScheduledLR(...), and "
            "an attribute of a ScheduleMixin's class."
        )


def is_saved(state: Mapping[str, Any], configured: Binding) -> bool:
    """Whether a state knows what is driven by a binding, in the same groups."""
    saved = state["configured"].get(configured.key)
    return saved is not None and (configured.key == "lr" or tuple(saved["groups"]) == configured.members)


def _listed(positions: Sequence[int]) -> str:
    return ", ".join(map(str, positions))
