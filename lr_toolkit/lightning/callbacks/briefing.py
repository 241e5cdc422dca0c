"""What a person is told when training begins: the plan of every optimizer, and the traps that lie in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from lr_toolkit.lightning.callbacks.forecast import Course, Forecast
from lr_toolkit.lightning.callbacks.naming import Curve
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.preview import Report, Table, sparkline
from lr_toolkit.preview.picture import Line
from lr_toolkit.preview.report import can_print, count, plural
from lr_toolkit.schedules.shapes import Warmup
from lr_toolkit.schedules.text import spell

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch.optim import Optimizer

__all__ = ["brief", "config_of", "planned_lines"]

_MOST_GROUPS = 12
_MOST_POINTS = 200


def brief(
    trainer: Trainer,
    optimizers: Sequence[Optimizer],
    curves: Sequence[Curve],
    course: Course,
    forecasts: Sequence[Forecast],
    warnings: Sequence[str],
) -> list[Report]:
    """One report for each optimizer; the warnings stand under the last."""
    reports = []
    for at, (optimizer, forecast) in enumerate(zip(optimizers, forecasts, strict=True)):
        configs = [one for one in trainer.lr_scheduler_configs if one.scheduler.optimizer is optimizer]
        names = {one.group: one.name for one in reversed(curves) if one.optimizer == at}
        facts = [_cadence(configs), _arithmetic(trainer, course)]
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
        tables += [_phases(one, course) for one in ours if len(one.timeline.segments) > 1]
        last = at == len(optimizers) - 1
        reports.append(
            Report(
                f"LR schedule: {_schedule(configs)} ({type(optimizer).__name__})",
                tuple(fact for fact in facts if fact),
                tuple(tables),
                tuple(warnings) if last else (),
            )
        )
    return reports


def planned_lines(curves: Sequence[Curve], forecasts: Sequence[Forecast], course: Course) -> tuple[Line, ...]:
    """The planned curves on the loggers' x axis, thinned to what a chart can show; none where nothing is known."""
    lines = []
    for curve in curves:
        forecast = forecasts[curve.optimizer]
        if forecast.why_not or curve.group >= forecast.lrs.shape[1]:
            continue
        last = len(forecast.updates) - 1
        picked = np.unique(np.linspace(0, last, min(last + 1, _MOST_POINTS)).round().astype(int))
        updates = (forecast.updates[picked] + course.before).tolist()
        lrs = forecast.lrs[picked, curve.group].tolist()
        lines.append(Line(curve.name, planned=(updates, lrs)))
    return tuple(lines)


def config_of(trainer: Trainer, optimizers: Sequence[Optimizer], course: Course) -> dict[str, Any]:
    """The schedules in plain nested data; where there are several optimizers, each under its number."""
    many = {}
    for at, optimizer in enumerate(optimizers, start=1):
        configs = [one for one in trainer.lr_scheduler_configs if one.scheduler.optimizer is optimizer]
        said: dict[str, Any] = {
            "optimizer": type(optimizer).__name__,
            "schedule": _schedule(configs),
            "interval": configs[0].interval if configs else None,
            "total_updates": course.updates or None,
        }
        for config in configs:
            if isinstance(config.scheduler, ScheduledLR):
                parts = config.scheduler.timeline.segments
                said["phases"] = {
                    str(number): {"shape": part.shape.name, "begins": part.start, "steps": part.end - part.start}
                    for number, part in enumerate(parts)
                }
                said["warmup_steps"] = sum(part.end - part.start for part in parts if isinstance(part.shape, Warmup))
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
        if one.reduce_on_plateau or getattr(one.scheduler, "plateau", None):
            part += f", reacts to {one.monitor!r}"
        parts.append(part)
    return "; ".join(parts)


def _arithmetic(trainer: Trainer, course: Course) -> str:
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
    rows = []
    groups = optimizer.param_groups
    for at, group in enumerate(groups[:_MOST_GROUPS]):
        name = names.get(at, f"pg{at + 1}").removeprefix("lr/")
        numel = count(sum(one.numel() for one in group["params"]))
        if forecast.why_not:
            rows.append((name, numel, f"{float(group['lr']):.1e}", "?", "?", "?", ""))
            continue
        lrs = forecast.lrs[:, at]
        peak = int(lrs.argmax())
        rows.append(
            (
                name,
                numel,
                f"{lrs[0]:.1e}",
                f"{lrs[peak]:.1e}",
                count(int(forecast.updates[peak])),
                f"{lrs[-1]:.1e}",
                _line(forecast, lrs),
            )
        )
    if len(groups) > _MOST_GROUPS:
        rows.append((f"and {len(groups) - _MOST_GROUPS} more", "", "", "", "", "", ""))
    return Table(("group", ">params", ">first", ">peak", ">at", ">last", "shape"), tuple(rows))


def _line(forecast: Forecast, lrs: Any) -> str:
    """The curve against the updates, which need not be evenly spaced in the forecast."""
    even = np.interp(np.linspace(forecast.updates[0], forecast.updates[-1], 96), forecast.updates, lrs)
    line = sparkline(even)
    return line if can_print(line) else sparkline(even, ascii_only=True)


def _phases(scheduler: ScheduledLR, course: Course) -> Table:
    """Where each phase begins, in updates and in epochs."""
    horizon = scheduler.horizon
    rows = []
    for part in scheduler.timeline.segments:
        epoch = float(horizon.epoch_at(Fraction(part.start))) if horizon.epoch_steps else math.nan
        update = part.start
        if horizon.unit == "epoch":
            update = sum(length for at, length in enumerate(course.lengths()) if at < part.start)
        rows.append((spell(part.shape), count(update), "" if math.isnan(epoch) else f"{epoch:.2f}"))
    return Table(("phase", ">from update", ">epoch"), tuple(rows))
