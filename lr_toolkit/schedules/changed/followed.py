"""What a run follows, read from plain data and described in words."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from lr_toolkit.schedules.changed.continuation import Continued
from lr_toolkit.schedules.changed.restart import Restarted
from lr_toolkit.schedules.changed.rewarm import Rewarmed
from lr_toolkit.schedules.changed.stretch import Stretched
from lr_toolkit.schedules.horizon import horizon_from
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.timeline import ResolvedTimeline, Timeline

__all__ = ["describe_change", "timeline_from"]


def timeline_from(state: Mapping[str, Any], configured: ResolvedTimeline | None = None) -> Timeline:
    """The timeline that ``to_state`` described.

    Args:
        state: the plain data.
        configured: the plan of the code. It is taken if the state describes it, because its text may hold a Python function.

    Raises:
        ScheduleError: if ``configured`` is another plan and the text does not fit, or cannot be read; that of a Python function cannot.
    """
    if state["kind"] == "resolved":
        if configured is not None and configured.to_state() == dict(state):
            return configured
        return Schedule.parse(state["schedule"]).resolve(horizon_from(state["horizon"]))
    of = timeline_from(state["of"], configured)
    if state["kind"] == "stretched":
        return Stretched(of, state["at"], Fraction(*state["position"]), state["until"])
    if state["kind"] == "continued":
        return Continued(of, state["at"], state["start"])
    if state["kind"] == "restarted":
        return Restarted(of, state["at"])
    return Rewarmed(of, state["at"], state["over"])


def describe_change(timeline: Timeline, configured: Timeline) -> str:
    """How a run goes on if it does not follow the plan of its code, beginning with the policy; empty if it does.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> from lr_toolkit.schedules.changed import stretched
        >>> plan = linear().resolve(Horizon(10))
        >>> describe_change(plan, plan)
        ''
        >>> describe_change(stretched(plan, since=6, until=20), plan)
        'stretch: from update 6 on, what was left of linear() lasts until update 20'
    """
    if isinstance(timeline, Rewarmed) and not timeline.of.change:
        return "; ".join(filter(None, [timeline.change, describe_change(timeline.of, configured)]))
    if timeline.change or timeline == configured:
        return timeline.change
    return f"keep: the saved plan, {timeline.text} until {timeline.unit.replace('step', 'update')} {timeline.steps}, then its last LR"
