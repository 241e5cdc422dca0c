"""The preview of schedules that are compared."""

from __future__ import annotations

from collections.abc import Sequence

from lr_toolkit import Horizon, Schedule
from lr_toolkit.preview.preview import Preview
from lr_toolkit.schedules.schedule import ScheduleLike


def preview_of(schedules: Sequence[ScheduleLike], horizon: Horizon, base_lr: float | None = None) -> Preview:
    """The preview of schedules on one run, as ``lr-toolkit page`` makes it."""
    return Preview.compare([Preview.of(Schedule.parse(schedule), horizon, base_lr) for schedule in schedules])
