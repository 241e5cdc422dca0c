"""Reads the learning rates from the event files of TensorBoard."""

from __future__ import annotations

from pathlib import Path

from lr_toolkit.errors import ScheduleError
from lr_toolkit.logged_runs.curves import Curve, LoggedCurves, matched

__all__ = ["read_tensorboard_log"]

_PLAN = "lr_plan"  # the run below the run, to which LRMonitor writes the planned curves


def read_tensorboard_log(folder: Path) -> LoggedCurves:
    """The curves in the event files of a folder, and the plan in its folder ``lr_plan``.

    Raises:
        ScheduleError: if tensorboard is not installed.
    """
    plan = folder / _PLAN
    planned = _curves(plan) if plan.is_dir() else {}
    return LoggedCurves(folder, matched(_curves(folder), planned), planned)


def _curves(folder: Path) -> dict[str, Curve]:
    try:
        from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]  # it brings no types
            EventAccumulator,
        )
    except ImportError as error:
        raise ScheduleError("To read event files, run: pip install 'lr_toolkit[tensorboard]'") from error
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
    return {
        tag: {point.step: point.value for point in sorted(events.Scalars(tag), key=lambda point: point.step)}
        for tag in events.Tags()["scalars"]
    }
