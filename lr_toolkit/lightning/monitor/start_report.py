"""The report at the start of training: each optimizer's schedule, the length of the run, and the LRs to come."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from lr_toolkit.lightning._compat import callbacks_of, is_a
from lr_toolkit.lightning.checks.forecast import ramps_of
from lr_toolkit.lightning.monitor.group_table import group_table
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.binding import distinct
from lr_toolkit.optim.keys import Key
from lr_toolkit.preview import Report, Table
from lr_toolkit.preview.report import count, plural

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from lr_toolkit.lightning.checks.forecast import Forecast
    from lr_toolkit.lightning.checks.run_info import RunInfo
    from lr_toolkit.lightning.monitor.names import SeriesName
    from lr_toolkit.lightning.run_layout import RunLayout
    from lr_toolkit.schedules.timeline import Timeline

__all__ = ["is_shown", "named_phases", "other_keys", "picture_title", "run_facts", "schedule_text", "start_report"]


def is_shown(trainer: Trainer, table: bool | None) -> bool:
    """Whether the report is printed: as ``table`` requests, or if the Trainer prints its model summary."""
    return any(is_a(callback, "ModelSummary") for callback in callbacks_of(trainer)) if table is None else table


def start_report(run_info: RunInfo, series: Sequence[SeriesName], notes: Iterable[str]) -> list[Report]:
    """One report per optimizer; the notes stand under the last."""
    reports = []
    for index, (optimizer, forecast) in enumerate(zip(run_info.optimizers, run_info.forecasts, strict=True)):
        configs = run_info.configs_of(optimizer)
        schedulers = [config.scheduler for config in configs if isinstance(config.scheduler, ScheduledLR)]
        names = {name.group: name.name for name in reversed(series) if name.optimizer == index}
        phases = [_phase_table(scheduler, run_info.layout, names) for scheduler in schedulers if _has_phases(scheduler)]
        phases += [_other_table(scheduler, run_info.layout) for scheduler in schedulers if scheduler.other_schedules]
        is_last = index == len(run_info.optimizers) - 1
        reports.append(
            Report(
                f"LR schedule: {schedule_text(configs)} ({type(optimizer).__name__})",
                run_facts(run_info, index),
                (group_table(optimizer, names, forecast, is_constant=_is_constant(run_info, configs)), *phases),
                tuple(notes) if is_last else (),
            )
        )
    return reports


def schedule_text(configs: Sequence[Any]) -> str:
    """The schedules of an optimizer in a line."""
    schedulers = [config.scheduler for config in configs]
    return (
        " and ".join(
            repr(scheduler.schedule) if isinstance(scheduler, ScheduledLR) else type(scheduler).__name__
            for scheduler in schedulers
        )
        or "none"
    )


def picture_title(trainer: Trainer) -> str:
    """The schedules of a run, and what moves the learning rates beside them, in a line."""
    configs = trainer.lr_scheduler_configs
    rules = [config.scheduler.plateau for config in configs if isinstance(config.scheduler, ScheduledLR)]
    gains = "".join(f", times the gain of {rule!r}" for rule in dict.fromkeys(rules) if rule is not None)
    return f"{schedule_text(configs)}{gains}"


def named_phases(trainer: Trainer) -> list[tuple[int, str]]:
    """The updates at which the phases of the schedules begin, each with its name."""
    schedulers = [
        config.scheduler for config in trainer.lr_scheduler_configs if isinstance(config.scheduler, ScheduledLR)
    ]
    starts = {
        (phase.start, phase.name)
        for scheduler in schedulers
        if scheduler.horizon.unit == "step"
        for phase in scheduler.phases
        if phase.start or len(scheduler.phases) > 1
    }
    return sorted(starts)


def other_keys(trainer: Trainer) -> tuple[str, ...]:
    """What else than the LR the schedulers of this package drive, as it is called in the logs."""
    schedulers = [config.scheduler for config in trainer.lr_scheduler_configs]
    bindings = [binding for each in schedulers if isinstance(each, ScheduledLR) for binding in each.bindings[1:]]
    return tuple(dict.fromkeys(Key.parse(binding.key).name for binding in bindings))


def run_facts(run_info: RunInfo, optimizer: int, *, with_length: bool = True) -> tuple[str, ...]:
    """What moves the LRs of the optimizer at that position and how long it runs, a line for each fact."""
    configs, forecast = run_info.configs_of(run_info.optimizers[optimizer]), run_info.forecasts[optimizer]
    return tuple(fact for fact in _facts(run_info, configs, forecast, with_length) if fact)


def _facts(run_info: RunInfo, configs: Sequence[Any], forecast: Forecast, with_length: bool) -> Iterator[str]:
    """The lines below the title."""
    yield "; ".join(map(_cadence, configs))
    if forecast.is_on_axis:
        rate = _rate(run_info.trainer, run_info.layout)
        length = _length(run_info.layout)
        yield length if run_info.layout.horizon is None else f"{length}; {rate}" if with_length else rate
    else:
        yield f"{_end(forecast)} updates by the module itself, from horizon="
    for ramp in forecast.ramps:
        yield f"times {ramp}"
    if run_info.layout.start:
        yield f"resumes at update {count(run_info.layout.start)}"
    if forecast.why_not:
        yield f"learning rates to come are not known: {forecast.why_not}"
    elif forecast.cut:
        yield f"looked ahead to update {_end(forecast)}, what comes after is not known"
    schedulers = [config.scheduler for config in configs if isinstance(config.scheduler, ScheduledLR)]
    for scheduler in schedulers:
        yield from (f"{Key.parse(key).name}: {schedules!r}" for key, schedules in scheduler.other_schedules.items())
        yield scheduler.change


def _end(forecast: Forecast) -> str:
    return count(int(forecast.updates[-1]) + 1)


def _cadence(config: Any) -> str:
    """How often a scheduler moves, and the metric that it reacts to."""
    unit = "update" if config.interval == "step" else "epoch"
    if config.frequency != 1:
        unit = f"{config.frequency} {'batches of an epoch' if config.interval == 'step' else 'epochs'}"
    rule = getattr(config.scheduler, "plateau", None) or (config if config.reduce_on_plateau else None)
    return f"moves every {unit}, reacts to {rule.monitor!r}" if rule else f"moves every {unit}"


def _length(layout: RunLayout) -> str:
    """The number of updates, and the epochs that make them up."""
    if layout.horizon is None:
        return f"length of the run not known: {layout.unknown.split(': ', 2)[-1].split('. Write')[0]}"
    return f"{plural(layout.updates, 'update')}{_epochs(layout)}"


def _rate(trainer: Trainer, layout: RunLayout) -> str:
    """How many batches an update takes."""
    accumulate = ", then ".join(str(batches) for batches in dict.fromkeys(layout.accumulations))
    return f"accumulate {accumulate}; devices {trainer.world_size}"


def _epochs(layout: RunLayout) -> str:
    """The epochs that make up the updates, if they are known."""
    if not layout.has_epochs:
        return ""
    if layout.equal_length is not None:
        return f" = {plural(layout.epochs, 'epoch')} x {count(layout.equal_length)}"
    ends = [layout.start_of(epoch) for epoch in range(min(layout.epochs, 4) + 1)]
    shown = " + ".join(count(end - start) for start, end in pairwise(ends)) + (" + ..." if layout.epochs > 4 else "")
    return f" = {shown} in {plural(layout.epochs, 'epoch')}"


def _is_constant(run_info: RunInfo, configs: Sequence[Any]) -> bool:
    """Whether a scheduler of this package keeps the LRs as they are, and no warmup callback or metric moves them."""
    scheduler = configs[0].scheduler if len(configs) == 1 else None
    if not isinstance(scheduler, ScheduledLR) or scheduler.plateau is not None or ramps_of(run_info.trainer):
        return False
    return all(_stays(timeline, scheduler.last_epoch) for timeline in scheduler.bindings[0].timelines)


def _stays(timeline: Timeline, update: int) -> bool:
    """Whether a timeline has one value from an update on; before an edge it may jump."""
    edges = {k for edge in timeline.edges for k in (edge - 1, edge) if k > update}
    return timeline.is_monotone and len({timeline.factor(k) for k in (update, *edges)}) == 1


def _has_phases(scheduler: ScheduledLR) -> bool:
    return len(scheduler.phases) > 1


def _other_table(scheduler: ScheduledLR, layout: RunLayout) -> Table:
    """What else than the LR is driven: its values in the first and in the last update."""
    last = (layout.updates if scheduler.horizon.unit == "step" else layout.epochs) or scheduler.horizon.steps
    ends = (scheduler.last_epoch, max(last - 1, scheduler.last_epoch))
    rows = [
        (Key.parse(binding.key).name, *(_range(binding.values(k)) for k in ends)) for binding in scheduler.bindings[1:]
    ]
    return Table(("also", ">first", ">last"), tuple(rows))


def _range(values: Sequence[float]) -> str:
    """The values of the groups: one, or the lowest and the highest."""
    return " to ".join(dict.fromkeys(f"{value:.4g}" for value in (min(values), max(values))))


def _phase_table(scheduler: ScheduledLR, layout: RunLayout, names: Mapping[int, str]) -> Table:
    """Where each phase begins, in updates and in epochs; by groups, if they have different phases."""
    horizon, binding = scheduler.horizon, scheduler.bindings[0]
    of_groups = [timeline.phases for timeline in binding.group_timelines]
    unique, which = distinct(of_groups)
    rows = []
    for index, phases in enumerate(unique):
        groups = [position for position, its in zip(binding.members, which, strict=True) if its == index]
        label = names.get(groups[0], f"pg{groups[0] + 1}").removeprefix("lr/")
        label += f" +{len(groups) - 1}" if len(groups) > 1 else ""
        for phase in phases:
            epoch = float(horizon.epoch_at(Fraction(phase.start))) if horizon.epoch_steps else math.nan
            update = layout.start_of(phase.start) if horizon.unit == "epoch" else phase.start
            rows.append((label, phase.text, count(update), "" if math.isnan(epoch) else f"{epoch:.2f}"))
            label = ""
    columns = ("groups", "phase", ">from update", ">epoch")
    return Table(columns, tuple(rows)) if len(unique) > 1 else Table(columns[1:], tuple(row[1:] for row in rows))
