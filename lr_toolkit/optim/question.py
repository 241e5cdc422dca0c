"""The question that a changed plan is at a resume, with the learning rates to which each answer leads."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.routes import Plan, Route, horizon_from

__all__ = ["counted", "most_moved", "plan_changed_error"]

_MEANINGS = {
    "replan": "the new plan, at the same update",
    "keep": "the saved plan, then its last LR",
    "stretch": "the saved plan over what is left",
    "continue": "from here, the new plan's decay",
}


def plan_changed_error(state: Mapping[str, Any], asked: Plan, ways: Mapping[str, Callable[[], Route]]) -> ScheduleError:
    """The question that a changed plan is, with the LRs to which each answer leads."""
    at, end, unit = state["last_epoch"], asked.steps, counted(state["asked"]["unit"])
    plans = state["asked"], asked.to_state()
    saved, now = map(_told, plans)
    if saved == now:
        saved, now = (_told(one, in_full=True) for one in plans)
    group = most_moved(state["lrs"], asked.lrs(at))
    gain, which = state["gains"][group], f" in parameter group {group}" if len(state["lrs"]) > 1 else ""
    columns = sorted({k for k in (at + 1, (at + end) // 2, end - 1) if at < k < end} | {at})
    lines = ["The plan is not the one in the checkpoint.", _wrapped("  saved: ", saved), _wrapped("  now:   ", now)]
    if saved == now:
        lines.append("  The same text, but a Python function in it gives another LR than it did.")
    if at >= end:
        cure = "Lengthen it where it is to go on: a larger max_epochs or max_steps, or Horizon(steps=...)."
        lines.append(_wrapped("  ", f"The run as it is now ends at {unit} {end}. {cure}"))
    lines += [
        f"{unit.title()} {at} comes next; its LR was to be {state['lrs'][group] * gain:.6g}{which}. How shall it go on?",
        f"  at {unit:<19}" + "".join(f"{k:<11}" for k in columns).rstrip(),
    ]
    example = "replan"  # which is always possible
    for name, way in ways.items():
        try:
            route = way()
            shown = "".join(f"{route.lrs(k)[group] * gain:<11.4g}" for k in columns) + _MEANINGS[name]
            lines.append(f"  on_change={name!r:<12}{shown}")
            example = "continue" if name == "continue" else example
        except ScheduleError as error:
            lines.append(_wrapped(f"  on_change={name!r:<12}", f"not possible: {_reason(error)}"))
    advice = (
        f"Write one of them: on_change={example!r} is an argument of configure_optimizers(...) and of ScheduledLR(...), and an "
        "attribute of a ScheduleMixin's class."
    )
    if end - at > 1:
        over = min(max((end - at) // 10, 1), 500)
        over -= over % 10 ** (len(str(over)) - 1)  # a round number
        advice += f" With rewarm='{over} {unit.replace('update', 'step')}{'s' * (over > 1)}' beside it the LR warms up again first."
    return ScheduleError("\n".join([*lines, _wrapped("", advice)]))


def counted(unit: str) -> str:
    """What a scheduler of this unit counts, in words."""
    return "epoch" if unit == "epoch" else "update"


def _wrapped(label: str, text: str) -> str:
    """``text`` behind ``label``, in lines of at most 100 characters."""
    below = " " * len(label)
    return textwrap.fill(
        text, 100, initial_indent=label, subsequent_indent=below, break_long_words=False, break_on_hyphens=False
    )


def _reason(error: ScheduleError) -> str:
    """Why a policy cannot be followed, without its name and the call to write: both are in the table."""
    return str(error).partition(": ")[2].partition(" Write ")[0]


def _told(plan: Mapping[str, Any], *, in_full: bool = False) -> str:
    """A plan in a line; its base LRs each once and short, or ``in_full``, where only that tells two plans apart."""
    bases = ", ".join(
        map(repr, plan["base_lrs"]) if in_full else (f"{one:g}" for one in dict.fromkeys(plan["base_lrs"]))
    )
    return f"{plan['schedule']} on {shorten(horizon_from(plan))}, base lr {bases}"


def most_moved(before: Sequence[float], after: Sequence[float]) -> int:
    """The parameter group whose LR a change moves most."""
    moves = [abs(new - old) for old, new in zip(before, after, strict=True)]
    return moves.index(max(moves))
