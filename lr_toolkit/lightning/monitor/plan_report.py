"""The plan of a run as the trackers get it: planned curves and the schedules as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from lr_toolkit.lightning.checks.forecast import logged_updates
from lr_toolkit.lightning.loggers.rows import PlanReport
from lr_toolkit.lightning.monitor.start_report import schedule_text
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.keys import Key
from lr_toolkit.preview.picture import Line

if TYPE_CHECKING:
    from lr_toolkit.lightning.checks.run_info import RunInfo
    from lr_toolkit.lightning.monitor.history import History
    from lr_toolkit.lightning.monitor.names import Names, SeriesName
    from lr_toolkit.preview import Report

__all__ = ["MOST_POINTS", "Points", "plan_report", "with_changes"]

Points: TypeAlias = "tuple[Sequence[int], Sequence[float]]"
MOST_POINTS = 200


def plan_report(
    run_info: RunInfo, series: Iterable[SeriesName], reports: Sequence[Report], *, names: Names, prefix: str
) -> PlanReport:
    """What the trackers get before training.

    Args:
        run_info: what is known about the run.
        series: the names of the groups.
        reports: the start report, which becomes the table.
        names: which names are used.
        prefix: stands before every name.
    """
    table = "\n\n".join(report.text() for report in reports)
    beginning = f"{prefix}{'lr/' if names == 'stable' else 'lr-'}"
    logged = [_logged_updates(run_info, optimizer) for optimizer in range(len(run_info.optimizers))]
    steps = frozenset(update + run_info.layout.before for updates in logged for update in updates)
    return PlanReport(_planned_lines(run_info, series, logged), _config(run_info), table, beginning, steps)


def with_changes(
    lines: Iterable[Line], changes: History, names: Iterable[str], ahead: Mapping[str, Points]
) -> tuple[Line, ...]:
    """The planned curves of a run whose plan has changed on the way.

    Args:
        lines: the curves as they were planned at its beginning.
        changes: the planned LRs of the updates that were logged since.
        names: the curves that there are.
        ahead: what is planned after the latest update, by name, if the plan has changed.
    """
    planned = {line.name: line.planned for line in lines}
    for name in names:
        updates, lrs = changes.series(name)
        if updates:
            before = [point for point in zip(*planned.get(name, ((), ())), strict=True) if point[0] < updates[0]]
            after = [point for point in zip(*ahead.get(name, ((), ())), strict=True) if point[0] > updates[-1]]
            planned[name] = (
                [*(update for update, _ in before), *updates, *(update for update, _ in after)],
                [*(lr for _, lr in before), *lrs, *(lr for _, lr in after)],
            )
    return tuple(Line(name, points) for name, points in planned.items())


def _planned_lines(
    run_info: RunInfo, series: Iterable[SeriesName], logged: Sequence[Sequence[int]]
) -> tuple[Line, ...]:
    """The planned LRs on the loggers' x axis, thinned to what a chart can show; none if nothing is known."""
    before = run_info.layout.before
    lines = []
    for name in series:
        forecast = run_info.forecasts[name.optimizer]
        if forecast.why_not or not forecast.is_on_axis or name.group >= forecast.lrs.shape[1]:
            continue
        last = len(forecast.updates) - 1
        thinned = np.linspace(0, last, min(last + 1, MOST_POINTS)).round().astype(int)
        picked = np.union1d(thinned, np.flatnonzero(np.isin(forecast.updates, logged[name.optimizer])))
        updates = (forecast.updates[picked] + before).tolist()
        lines.append(Line(name.name, planned=(updates, forecast.lrs[picked, name.group].tolist())))
    return tuple(lines)


def _logged_updates(run_info: RunInfo, optimizer: int) -> list[int]:
    """The updates at the cadence of the loggers, and those at which a phase begins."""
    if not run_info.layout.updates:
        return []
    starts = [phase.start for scheduler in _schedulers(run_info, optimizer) for phase in scheduler.phases]
    return [*logged_updates(run_info.trainer, run_info.layout).tolist(), *starts]


def _schedulers(run_info: RunInfo, optimizer: int) -> list[ScheduledLR]:
    """The schedulers of ours per update, of an optimizer."""
    configs = run_info.configs_of(run_info.optimizers[optimizer])
    ours = [config.scheduler for config in configs if isinstance(config.scheduler, ScheduledLR)]
    return [scheduler for scheduler in ours if scheduler.horizon.unit == "step"]


def _config(run_info: RunInfo) -> dict[str, Any]:
    """The schedules as plain nested data; with several optimizers each under its number."""
    optimizers = {
        f"optimizer{index + 1}": _optimizer_config(run_info, index) for index in range(len(run_info.optimizers))
    }
    return optimizers["optimizer1"] if len(optimizers) == 1 else optimizers


def _optimizer_config(run_info: RunInfo, index: int) -> dict[str, Any]:
    optimizer, forecast = run_info.optimizers[index], run_info.forecasts[index]
    configs = run_info.configs_of(optimizer)
    data: dict[str, Any] = {
        "optimizer": type(optimizer).__name__,
        "schedule": schedule_text(configs),
        "interval": configs[0].interval if configs else None,
        "total_updates": run_info.layout.updates or None,
    }
    if forecast.ramps:
        data["times"] = list(forecast.ramps)
    for config in configs:
        if isinstance(config.scheduler, ScheduledLR):
            data |= _phase_config(config.scheduler)
    return data


def _phase_config(scheduler: ScheduledLR) -> dict[str, Any]:
    phases = scheduler.phases
    change = scheduler.change
    return {
        "phases": {
            str(number): {"shape": phase.name, "begins": phase.start, "steps": phase.end - phase.start}
            for number, phase in enumerate(phases)
        },
        "warmup_steps": max(
            sum(phase.end - phase.start for phase in timeline.phases if phase.warms_up)
            for timeline in scheduler.bindings[0].timelines
        ),
        **({"change": change} if change else {}),
        **{Key.parse(key).name: repr(schedules) for key, schedules in scheduler.other_schedules.items()},
    }
