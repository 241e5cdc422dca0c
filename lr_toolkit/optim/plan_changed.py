"""The error for a plan that changed since the checkpoint, with the learning rates under each ``on_change`` policy."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.state import configured_state
from lr_toolkit.schedules.convex_bound import factor_between
from lr_toolkit.schedules.horizon import horizon_from
from lr_toolkit.schedules.schedule import Schedule

__all__ = ["counted_unit", "most_changed", "plan_changed_error", "quantity_of"]

_MOST_UPDATES = 10**6  # of a run whose bound is computed, in a tenth of a second
_MEANINGS = {
    "replan": "the new plan, at the same update",
    "keep": "the saved plan, then its last {}",
    "stretch": "the saved plan over what is left",
    "continue": "from here, the new plan's decay",
    "restart": "the new plan from its beginning",
}


def plan_changed_error(
    state: Mapping[str, Any],
    configured: Binding,
    policies: Mapping[str, Callable[[], Binding]],
    names: Sequence[object] = (),
) -> ScheduleError:
    """The error raised if the plan changed since the checkpoint; it lists the LRs under each ``on_change`` policy.

    Args:
        state: the saved state.
        configured: what the code asks for now, with the saved gains.
        policies: what each policy would follow; a policy that is not possible raises a ``ScheduleError``.
        names: the name of each group, ``None`` for a group without one.
    """
    followed = state["followed"][configured.key]
    timeline = configured.timelines[0]
    update, end, unit = state["last_epoch"], timeline.steps, counted_unit(timeline.unit)
    saved_values = [value * gain for value, gain in zip(followed["values"], followed["gains"], strict=True)]
    group = most_changed(saved_values, configured.values(update))
    position = configured.members[group]
    name = names[position] if names else None
    which = f" in parameter group {position if name is None else repr(name)}" if len(saved_values) > 1 else ""
    columns = sorted({k for k in (update + 1, (update + end) // 2, end - 1) if update < k < end} | {update})
    lines = ["The plan is not the one in the checkpoint.", *_plans(state, configured)]
    if update >= end:
        fix = "Lengthen it to go on: a larger max_epochs or max_steps, or Horizon(steps=...)."
        lines.append(_wrapped("  ", f"The run as it is now ends at {unit} {end}. {fix}"))
    was = f"{quantity_of(configured.key)} was to be {saved_values[group]:.6g}{which}"
    lines += [
        f"{unit.title()} {update} comes next; its {was}. Choose how to go on:",
        f"  at {unit:<19}" + "".join(f"{k:<11}" for k in columns).rstrip(),
    ]
    moving = []  # the policies under which the value does not stay as it is
    for name, policy in policies.items():
        try:
            binding = policy()
            values = [binding.values(k)[group] for k in columns]
            shown = "".join(f"{value:<11.4g}" for value in values)
            lines.append(f"  on_change={name!r:<12}{shown}{_MEANINGS[name].format(quantity_of(configured.key))}")
            moving += [name] if len(set(values)) > 1 else []
        except ScheduleError as error:
            lines.append(_wrapped(f"  on_change={name!r:<12}", f"not possible: {_reason(error)}"))
    # "replan" is always possible.
    example = "continue" if "continue" in moving else "replan" if "replan" in moving or not moving else moving[0]
    lines += _other_base_lr(state["configured"][configured.key], configured, group)
    return ScheduleError("\n".join([*lines, _wrapped("", _advice(example, unit, end - update))]))


def _other_base_lr(saved: Mapping[str, Any], configured: Binding, group: int) -> list[str]:
    """A line with the factor for the base LR if the group follows another schedule, and the factor is known."""
    now = configured.group_timelines[group]
    text = saved["schedules"][saved["which"][group]] if group < len(saved["which"]) else now.text
    if configured.key != "lr" or text == now.text or saved["horizon"] is None:
        return []
    try:
        before = Schedule.parse(text).resolve(horizon_from(saved["horizon"])).relative_to(saved["bases"][group])
    except ScheduleError:  # a function without a text
        return []
    if max(before.steps, now.steps) > _MOST_UPDATES:
        return []
    factor = factor_between(before.all_values(), now.all_values())
    if not 0 < factor < math.inf:
        return []
    return [
        _wrapped(
            "",
            f"With 'replan', the convex bound gives the new schedule about {factor:.2g} times the base LR (see lr_factor).",
        )
    ]


def _plans(state: Mapping[str, Any], configured: Binding) -> list[str]:
    """The saved plan and the new one, with enough detail to distinguish them."""
    plans = state["configured"][configured.key], configured_state(configured)
    quantity = quantity_of(configured.key).lower()
    saved, now = (_describe(plan, quantity) for plan in plans)
    if saved == now:
        saved, now = (_describe(plan, quantity, in_full=True) for plan in plans)
    lines = [_wrapped("  saved: ", saved), _wrapped("  now:   ", now)]
    if saved == now:
        same = "The same schedules, for other parameter groups."
        if plans[0]["which"] == plans[1]["which"]:
            same = "The same text, but the saved plan cannot be followed any longer: on_change='keep' names the cause."
        lines.append(f"  {same}")
    return lines


def _advice(example: str, unit: str, left: int) -> str:
    advice = (
        f"Write one of them, such as on_change={example!r}: it is an argument of configure_optimizers(...) and of ScheduledLR(...), and an "
        "attribute of a ScheduleMixin's class."
    )
    if left > 1:
        over = min(max(left // 10, 1), 500)
        over -= over % 10 ** (len(str(over)) - 1)  # a round number
        advice += f" With rewarm='{over} {unit.replace('update', 'step')}{'s' * (over > 1)}' beside it the LR warms up again first, "
        advice += "which softens a jump."
    return advice


def counted_unit(unit: str) -> str:
    """What a scheduler of this unit counts, in words."""
    return "epoch" if unit == "epoch" else "update"


def _wrapped(label: str, text: str) -> str:
    """``text`` behind ``label``, in lines of at most 100 characters."""
    below = " " * len(label)
    return textwrap.fill(
        text, 100, initial_indent=label, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
    )


def _reason(error: ScheduleError) -> str:
    """Why a policy cannot be followed. The table has its name and the call to write, and no room for the list of builders."""
    reason = str(error).partition(": ")[2]
    for rest in (" Write ", " The builders are "):
        reason = reason.partition(rest)[0]
    return reason


def quantity_of(key: str) -> str:
    """What a binding drives, in words."""
    return "LR" if key == "lr" else key


def _describe(plan: Mapping[str, Any], quantity: str, *, in_full: bool = False) -> str:
    """A plan in a line. Each base value is listed once and shortened, or ``in_full`` if two plans differ only there."""
    bases = ", ".join(map(repr, plan["bases"]) if in_full else (f"{base:g}" for base in dict.fromkeys(plan["bases"])))
    return f"{' and '.join(plan['schedules'])} on {shorten(horizon_from(plan['horizon']))}, base {quantity} {bases}"


def most_changed(before: Sequence[float], after: Sequence[float]) -> int:
    """The parameter group whose LR a change moves most."""
    moves = [abs(new - old) for old, new in zip(before, after, strict=True)]
    return moves.index(max(moves))
