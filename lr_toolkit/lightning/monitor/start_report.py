"""What a person is told when training begins: the plan of every optimizer, and the traps that lie in it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.nn.parameter import is_lazy

from lr_toolkit.lightning.checks.forecast import Forecast
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.monitor.names import SeriesName
from lr_toolkit.lightning.run_layout import RunLayout
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.preview import Report, Table, sparkline
from lr_toolkit.preview.phase_rows import change_of, phase_rows
from lr_toolkit.preview.picture import Line
from lr_toolkit.preview.report import can_print, count, plural

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch.optim import Optimizer

__all__ = ["config_of", "planned_lines", "start_report"]

_FEW_GROUPS = 6
_MOST_ROWS = 12
_MOST_POINTS = 200


def start_report(scene: RunInfo, curves: Sequence[SeriesName], notes: Iterable[str]) -> list[Report]:
    """One report for each optimizer; the notes stand under the last."""
    course = scene.layout
    reports = []
    for at, (optimizer, forecast) in enumerate(zip(scene.optimizers, scene.forecasts, strict=True)):
        configs = scene.configs_of(optimizer)
        names = {one.group: one.name for one in reversed(curves) if one.optimizer == at}
        length = _arithmetic(scene.trainer, course)
        if not forecast.is_on_axis:
            length = f"{count(int(forecast.updates[-1]) + 1)} updates by the module itself, as horizon= says"
        facts = [_cadence(configs), length]
        facts += [f"times {ramp}" for ramp in forecast.ramps]
        if course.start:
            facts.append(f"resumes at update {count(course.start)}")
        if forecast.why_not:
            facts.append(f"learning rates to come are not known: {forecast.why_not}")
        elif forecast.cut:
            facts.append(
                f"looked ahead to update {count(int(forecast.updates[-1]) + 1)}, what comes after is not known"
            )
        tables = [_groups(optimizer, names, forecast)]
        ours = [one.scheduler for one in configs if isinstance(one.scheduler, ScheduledLR)]
        facts += [change_of(one.route, one.timeline) for one in ours]
        tables += [_phases(one, course) for one in ours if len(phase_rows(one.route)) > 1]
        last = at == len(scene.optimizers) - 1
        reports.append(
            Report(
                f"LR schedule: {_schedule(configs)} ({type(optimizer).__name__})",
                tuple(fact for fact in facts if fact),
                tuple(tables),
                tuple(notes) if last else (),
            )
        )
    return reports


def planned_lines(scene: RunInfo, curves: Sequence[SeriesName]) -> tuple[Line, ...]:
    """The planned curves on the loggers' x axis, thinned to what a chart can show; none where nothing is known."""
    lines = []
    for curve in curves:
        forecast = scene.forecasts[curve.optimizer]
        if forecast.why_not or not forecast.is_on_axis or curve.group >= forecast.lrs.shape[1]:
            continue
        last = len(forecast.updates) - 1
        picked = np.unique(np.linspace(0, last, min(last + 1, _MOST_POINTS)).round().astype(int))
        updates = (forecast.updates[picked] + scene.layout.before).tolist()
        lrs = forecast.lrs[picked, curve.group].tolist()
        lines.append(Line(curve.name, planned=(updates, lrs)))
    return tuple(lines)


def config_of(scene: RunInfo) -> dict[str, Any]:
    """The schedules in plain nested data; where there are several optimizers, each under its number."""
    many = {}
    for at, (optimizer, forecast) in enumerate(zip(scene.optimizers, scene.forecasts, strict=True), start=1):
        configs = scene.configs_of(optimizer)
        said: dict[str, Any] = {
            "optimizer": type(optimizer).__name__,
            "schedule": _schedule(configs),
            "interval": configs[0].interval if configs else None,
            "total_updates": scene.layout.updates or None,
        }
        if forecast.ramps:
            said["times"] = list(forecast.ramps)
        for config in configs:
            if isinstance(config.scheduler, ScheduledLR):
                legs = phase_rows(config.scheduler.route)
                said["phases"] = {
                    str(number): {"shape": leg.name, "begins": leg.start, "steps": leg.end - leg.start}
                    for number, leg in enumerate(legs)
                }
                said["warmup_steps"] = sum(leg.end - leg.start for leg in legs if leg.name == "warmup")
                change = change_of(config.scheduler.route, config.scheduler.timeline)
                said |= {"change": change} if change else {}
        many[f"optimizer{at}"] = said
    return many["optimizer1"] if len(many) == 1 else many


def _schedule(configs: Sequence[Any]) -> str:
    if not configs:
        return "none"
    return " and ".join(
        repr(one.scheduler.schedule) if isinstance(one.scheduler, ScheduledLR) else type(one.scheduler).__name__
        for one in configs
    )


def _cadence(configs: Sequence[Any]) -> str:
    """How often it moves, and what it reacts to."""
    parts = []
    for one in configs:
        unit = "update" if one.interval == "step" else "epoch"
        if one.frequency != 1:
            unit = f"{one.frequency} {'batches of an epoch' if one.interval == 'step' else 'epochs'}"
        part = f"moves every {unit}"
        reaction = getattr(one.scheduler, "plateau", None)
        if one.reduce_on_plateau or reaction:
            part += f", reacts to {(reaction or one).monitor!r}"
        parts.append(part)
    return "; ".join(parts)


def _arithmetic(trainer: Trainer, course: RunLayout) -> str:
    """How the number of updates comes about."""
    if course.horizon is None:
        return f"length of the run not known: {course.unknown.split(': ', 2)[-1].split('. Write')[0]}"
    lengths = list(course.lengths())
    known = course.horizon.epoch_steps is not None
    if not known:
        how = ""
    elif len(set(lengths)) == 1:
        how = f" = {plural(len(lengths), 'epoch')} x {count(lengths[0])}"
    else:
        shown = " + ".join(count(one) for one in lengths[:4]) + (" + ..." if len(lengths) > 4 else "")
        how = f" = {shown} in {plural(len(lengths), 'epoch')}"
    accumulations = dict.fromkeys(course.accumulations)
    accumulate = ", then ".join(str(one) for one in accumulations)
    return f"{plural(course.updates, 'update')}{how}; accumulate {accumulate}; devices {trainer.world_size}"


def _groups(optimizer: Optimizer, names: dict[int, str], forecast: Forecast) -> Table:
    """A row for each group; of many, one for all that are alike, and of many different ones the first and the last."""
    groups = optimizer.param_groups
    alike: dict[object, list[int]] = {}
    for at, group in enumerate(groups):
        lrs = (float(group["lr"]),) if forecast.why_not else tuple(forecast.lrs[:, at])
        alike.setdefault(at if len(groups) <= _FEW_GROUPS else lrs, []).append(at)
    sets = list(alike.values())
    rows = []
    for many in sets:
        name = names.get(many[0], f"pg{many[0] + 1}").removeprefix("lr/")
        also = f"+{len(many) - 1}" if len(many) > 1 else ""
        numel = _numel([one for at in many for one in groups[at]["params"]])
        rows.append((name, also, numel, *_values(groups[many[0]], forecast, many[0])))
    columns: tuple[str, ...] = ("group", ">alike", ">params", ">first", ">peak", ">at", ">last")
    if len(sets) == len(groups):
        columns, rows = columns[:1] + columns[2:], [row[:1] + row[2:] for row in rows]
    # The curves give way before the names do.
    plain = [tuple(one.removeprefix(">") for one in columns), *rows]
    room = 78 - sum(max(len(row[at]) for row in plain) + 2 for at in range(len(columns)))
    curves = [_line(forecast, many[0], min(max(room, 12), 24)) for many in sets]
    shown = [(*row, curve) for row, curve in zip(rows, curves, strict=True)]
    if len(shown) > _MOST_ROWS:
        cut = slice(_MOST_ROWS // 2, 1 - _MOST_ROWS // 2)
        shown[cut] = [(f"... {len(shown[cut])} more", *[""] * len(columns))]
    return Table((*columns, "shape"), tuple(shown))


def _numel(parameters: Sequence[Any]) -> str:
    """How many numbers these hold; a lazy module's do not know it before their first batch."""
    return "?" if any(map(is_lazy, parameters)) else count(sum(one.numel() for one in parameters))


def _values(group: dict[str, Any], forecast: Forecast, at: int) -> tuple[str, ...]:
    """First LR of a group, its highest and where, and its last."""
    if forecast.why_not:
        return f"{float(group['lr']):.1e}", "?", "?", "?"
    lrs = forecast.lrs[:, at]
    peak = int(lrs.argmax())
    return f"{lrs[0]:.1e}", f"{lrs[peak]:.1e}", count(int(forecast.updates[peak])), f"{lrs[-1]:.1e}"


def _line(forecast: Forecast, at: int, width: int) -> str:
    """A group's curve against the updates, which need not be evenly spaced in the forecast."""
    if forecast.why_not:
        return ""
    even = np.linspace(forecast.updates[0], forecast.updates[-1], 96)
    even = np.interp(even, forecast.updates, forecast.lrs[:, at])
    line = sparkline(even, width)
    return line if can_print(line) else sparkline(even, width, ascii_only=True)


def _phases(scheduler: ScheduledLR, course: RunLayout) -> Table:
    """Where each phase begins, in updates and in epochs."""
    horizon = scheduler.horizon
    rows = []
    for leg in phase_rows(scheduler.route):
        epoch = float(horizon.epoch_at(Fraction(leg.start))) if horizon.epoch_steps else math.nan
        update = leg.start
        if horizon.unit == "epoch":
            update = sum(length for at, length in enumerate(course.lengths()) if at < leg.start)
        rows.append((leg.text, count(update), "" if math.isnan(epoch) else f"{epoch:.2f}"))
    return Table(("phase", ">from update", ">epoch"), tuple(rows))
