"""The preview of schedules that are compared on one run, for the page."""

from __future__ import annotations

from collections.abc import Sequence

from lr_toolkit.errors import ScheduleError
from lr_toolkit.preview.preview import Preview
from lr_toolkit.preview.series import series_of
from lr_toolkit.schedules.horizon import Horizon
from lr_toolkit.schedules.schedule import Schedule, ScheduleLike

__all__ = ["preview_of"]

_MOST_UPDATES = 10**8  # a preview holds a value for each


def preview_of(schedules: Sequence[ScheduleLike], horizon: Horizon, base_lr: float | None = None) -> Preview:
    """The preview of schedules, each under its text.

    Args:
        schedules: schedules or their texts; the others are compared with the first.
        horizon: the length of the run.
        base_lr: the base LR; without it, the values are factors of the base LR.

    Raises:
        ScheduleError: if a schedule does not fit the run, has an absolute LR and no base LR is given, or if the run has more than
            10^8 updates.

    Example:
        >>> from lr_toolkit import Horizon
        >>> preview = preview_of(["linear()", "cosine()"], Horizon(steps=10), base_lr=0.1)
        >>> preview.title, [series.name for series in preview.series]
        ('2 schedules', ['linear()', 'cosine()'])
    """
    timelines = [Schedule.parse(schedule).resolve(horizon) for schedule in schedules]
    if horizon.steps > _MOST_UPDATES:
        raise ScheduleError(
            f"A preview of {horizon!r}: holds a value for each update, at most {_MOST_UPDATES}. Write a shorter run: lengths in "
            "percent give the same curve."
        )
    series = tuple(series_of(timeline, base_lr) for timeline in timelines)
    title = series[0].name if len(series) == 1 else f"{len(series)} schedules"
    return Preview(title, horizon, series, is_relative=base_lr is None)
