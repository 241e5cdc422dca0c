"""Checks for schedules that count in another unit, or are made for another length, than the run has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

from torch.optim import lr_scheduler as torch_lr

from lr_toolkit.lightning._compat import trial_cause
from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.progress import RunProgress, SchedulerProgress
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.checks.scheduler_length import SchedulerLength, length_of
from lr_toolkit.lightning.run import is_endless
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.preview.report import plural
from lr_toolkit.schedules.text import call_text


@final
@dataclass(frozen=True, slots=True)
class _Stepped:
    """A scheduler that Lightning is going to step until ``steps`` in all; of a ``ChainedScheduler``, one of its parts."""

    scheduler: Any
    interval: str
    frequency: int
    steps: int

    @property
    def name(self) -> str:
        return type(self.scheduler).__name__


def _configs(info: RunInfo) -> Iterator[tuple[Any, int]]:
    """The configs whose steps are known beforehand, with the number of steps; none in a trial, or if the module steps too."""
    if info.is_trial or not info.is_stepped_by_lightning or not info.layout.updates:
        return
    for config in info.configs:
        needs_epochs = config.interval == "epoch" or config.frequency != 1
        if not config.reduce_on_plateau and (info.layout.has_epochs or not needs_epochs):
            yield config, info.layout.steps_of(config.interval, config.frequency)


def _stepped(info: RunInfo) -> Iterator[_Stepped]:
    """The schedulers that are stepped at a regular pace."""
    for config, steps in _configs(info):
        if steps and not _restarts(info, config, steps):
            is_chain = isinstance(config.scheduler, torch_lr.ChainedScheduler)
            for scheduler in config.scheduler._schedulers if is_chain else (config.scheduler,):
                yield _Stepped(scheduler, config.interval, config.frequency, steps + _taken(info, scheduler))


def _taken(info: RunInfo, scheduler: Any) -> int:
    """The steps of a scheduler in earlier fits; those of a resumed run are among the steps of the run."""
    taken = getattr(scheduler, "last_epoch", 0)
    return max(taken, 0) if isinstance(taken, int) and not info.layout.start else 0


def _restarts(info: RunInfo, config: Any, steps: int) -> bool:
    """Whether a ``frequency`` in batches divides neither the epoch nor the accumulation."""
    is_frequency_of_batches = config.interval == "step" and config.frequency != 1
    return bool(is_frequency_of_batches and steps != info.layout.updates // config.frequency)


# --- how often a scheduler is stepped ---------------------------------------------------------------------------------


@check("LR201", "The run ends before the scheduler steps for the first time")
def no_whole_epoch(info: RunInfo) -> Iterator[str]:
    """Report a scheduler per epoch in a run that has no whole epoch."""
    for config, steps in _configs(info):
        if steps == 0 and config.interval == "epoch" and config.frequency == 1:
            yield (
                f"{type(config.scheduler).__name__} never steps: with interval='epoch' it moves at the end of an epoch, and this "
                f"run of {plural(info.layout.updates, 'update')} ends before its first epoch does. Write interval='step'."
            )


@check("LR211", "The scheduler's frequency is longer than the run or the epoch")
def never_comes_round(info: RunInfo) -> Iterator[str]:
    """Report a ``frequency`` that is never reached."""
    for config, steps in _configs(info):
        if steps or config.frequency == 1:
            continue
        never = f"{type(config.scheduler).__name__} never steps: frequency={config.frequency}"
        if config.interval == "epoch":
            yield f"{never} with interval='epoch', and the run has {plural(info.layout.epochs, 'epoch')}. Write frequency=1."
        else:
            yield (
                f"{never} counts the batches inside an epoch, and an epoch has {info.layout.batches:g}. Write frequency=1, and "
                "give the schedule its length in updates."
            )


@check("LR212", "The scheduler's frequency starts again with every epoch")
def frequency_restarts(info: RunInfo) -> Iterator[str]:
    """Report a ``frequency`` in batches that divides neither the epoch nor the accumulation."""
    for config, steps in _configs(info):
        if steps and _restarts(info, config, steps):
            yield (
                f"{type(config.scheduler).__name__} takes {plural(steps, 'step')} in this run, not "
                f"{info.layout.updates // config.frequency}: frequency={config.frequency} counts batches, not updates, and starts "
                "again with every epoch. Write frequency=1, and give the schedule its length in updates."
            )


# --- how long a scheduler is ------------------------------------------------------------------------------------------


@check("LR202", "The scheduler is more than twice as long as the run")
def too_long(info: RunInfo) -> Iterator[str]:
    """Report a scheduler of torch of which less than half is run."""
    for stepped, length in _known_lengths(info):
        if length.kind != "drop" and length.steps > 2 * stepped.steps:
            yield _misfit(info, stepped, length, f"so only {stepped.steps / length.steps:.0%} of it is run")


@check("LR203", "The scheduler ends before half of the run")
def ends_early(info: RunInfo) -> Iterator[str]:
    """Report a decay of torch that is over before half of the run."""
    for stepped, length in _known_lengths(info):
        if length.kind == "decay" and length.steps < stepped.steps / 2:
            yield _misfit(info, stepped, length, "so it has ended long before the run")


@check("LR204", "The scheduler's first drop comes after the end of the run")
def never_drops(info: RunInfo) -> Iterator[str]:
    """Report a staircase of torch whose first stair is longer than the run."""
    for stepped, length in _known_lengths(info):
        if length.kind == "drop" and length.steps >= stepped.steps:
            yield _misfit(info, stepped, length, "so it never drops the LR")


def _known_lengths(info: RunInfo) -> Iterator[tuple[_Stepped, SchedulerLength]]:
    for stepped in _stepped(info):
        length = length_of(stepped.scheduler)
        if length is not None:
            yield stepped, length


def _misfit(info: RunInfo, stepped: _Stepped, length: SchedulerLength, verdict: str) -> str:
    if stepped.interval == "epoch" and length.steps > stepped.steps:
        fix = f"If {length.steps} counts updates, return {{'scheduler': ..., 'interval': 'step'}}"
    elif stepped.interval == "step" and length.steps < stepped.steps:
        fix = f"If {length.steps} counts epochs, return {{'scheduler': ..., 'interval': 'epoch'}}"
    else:
        fix = f"The length of this run is {stepped.steps}"
    return (
        f"{stepped.name} has {length.name}={length.steps}, and gets {plural(stepped.steps, 'step')} in this run "
        f"(interval={stepped.interval!r}), {verdict}. {fix}; or write scheduler_config(optimizer, schedule, self.trainer), "
        f"which finds the run's {plural(info.layout.updates, 'update')} by itself."
    )


@check("LR205", "The milestones are numbers of epochs, and the scheduler is stepped per update")
def milestones_of_epochs(info: RunInfo) -> Iterator[str]:
    """Report milestones in updates that look like epochs.

    An early drop may be intended. So every milestone has to fit the run as an epoch, and the last has to lie in the first
    twentieth of the run: both can only be true if an epoch has more than twenty updates.
    """
    for stepped in _stepped(info):
        milestones = _milestones(stepped.scheduler)
        last = max(milestones, default=0)
        if (
            stepped.interval == "step"
            and not is_endless(info.trainer)
            and 0 < last <= info.layout.epochs
            and 20 * last < stepped.steps
        ):
            shown = ", ".join(map(str, milestones))
            in_epochs = ", ".join(f"'{milestone} epochs'" for milestone in milestones)
            yield (
                f"{stepped.name} has its last drop at update {last} of {stepped.steps}: its milestones ({shown}) count updates. "
                f"If they are epochs, write multistep([{in_epochs}]) in scheduler_config(...), or, for torch's scheduler, "
                "{'scheduler': ..., 'interval': 'epoch'}."
            )


def _milestones(scheduler: Any) -> list[int]:
    """The steps at which a scheduler drops, if they are given as such."""
    if isinstance(scheduler, torch_lr.MultiStepLR):
        return sorted(scheduler.milestones)
    if isinstance(scheduler, ScheduledLR) and scheduler.horizon.unit == "step":
        phases = [phase for phase in scheduler.timeline.resolved_phases if phase.curve.is_monotone]
        drops = [phase for phase in phases if phase.curve.edges and not phase.curve.parts]
        if all(phase.shape.units == {"steps"} for phase in drops):
            return [edge for phase in drops for edge in phase.curve.edges]
    return []


@check("LR223", "max_steps counts the updates of all optimizers, and each schedule its own")
def shared_max_steps(info: RunInfo) -> Iterator[str]:
    """Report schedules as long as ``max_steps`` under manual optimization with several optimizers."""
    many, most = len(info.trainer.optimizers), info.trainer.max_steps
    if info.is_automatic or info.is_trial or many < 2 or most < 1 or info.layout.updates * many <= most:
        return
    for config in info.configs:
        scheduler = config.scheduler
        if isinstance(scheduler, ScheduledLR):
            is_whole = scheduler.horizon == info.layout.horizon  # a horizon= of the user's is assumed to be right
        else:
            length = length_of(scheduler)
            is_whole = length is not None and length.steps == info.layout.updates
        if is_whole:
            yield (
                f"{type(scheduler).__name__} is made for {plural(info.layout.updates, 'update')}, and max_steps={most} ends the "
                f"run after about {most // many}: Lightning counts the updates of all {many} optimizers. Write "
                f"scheduler_config(optimizer, schedule, self.trainer, horizon=Horizon({most // many})), or "
                f"Trainer(max_steps={info.layout.updates * many})."
            )
            return


# --- schedules of this package ----------------------------------------------------------------------------------------


@check("LR206", "A ScheduledLR is stepped in another unit than it counts")
def other_unit(info: RunInfo) -> Iterator[str]:
    """Report a ``ScheduledLR`` in a config written by hand with another interval or frequency."""
    for stepped in _stepped(info):
        scheduler = stepped.scheduler
        if isinstance(scheduler, ScheduledLR) and (scheduler.horizon.unit, 1) != (stepped.interval, stepped.frequency):
            yield (
                f"{stepped.name} counts in {scheduler.horizon.unit}s, and interval={stepped.interval!r}, "
                f"frequency={stepped.frequency} step it otherwise. Let scheduler_config(optimizer, schedule, self.trainer) write "
                "the dict."
            )


@check("LR221", "A step() drops later than its phase ends")
def idle_stairs(info: RunInfo) -> Iterator[str]:
    """Report stairs that are longer than their phase."""
    for config in info.configs if not info.is_trial else ():
        scheduler = config.scheduler
        if not isinstance(scheduler, ScheduledLR) or scheduler.change:
            continue
        for phase in scheduler.timeline.resolved_phases:
            intervals = [duration for duration in phase.shape.durations if duration != phase.shape.over]
            if intervals and phase.is_idle:
                unit = "update" if scheduler.horizon.unit == "step" else "epoch"
                yield (
                    f"{call_text(phase.shape)} never drops the LR: its phase has {plural(phase.length, unit)}. Write a shorter interval, "
                    "such as step('30%'), or hold() if the LR is meant to stay."
                )


@check("LR222", "horizon= is more than twice as long as the run")
def long_horizon(info: RunInfo) -> Iterator[str]:
    """Report a ``horizon=`` of which less than half is run."""
    for stepped in _stepped(info) if not trial_cause(info.trainer) else ():
        scheduler = stepped.scheduler
        if not isinstance(scheduler, ScheduledLR) or scheduler.run_length is not None or scheduler.is_cut:
            continue
        is_kept = scheduler.last_epoch > 0 and info.trainer.ckpt_path is None  # from an earlier fit
        if is_kept or info.trainer.reload_dataloaders_every_n_epochs:  # type: ignore[attr-defined]  # its data connector sets it
            continue  # the length of the run is not the one that its beginning shows
        given = scheduler.horizon
        if len(set(given.epoch_steps or ())) > 1 and given.epochs == info.layout.epochs:
            continue  # epochs of several lengths, of which the Trainer knows the first alone
        if (given.unit, 1) == (stepped.interval, stepped.frequency) and given.steps > 2 * stepped.steps:
            yield (
                f"ScheduledLR was given horizon=Horizon(steps={given.steps}), and gets {plural(stepped.steps, 'step')} in this "
                f"run, so only {stepped.steps / given.steps:.0%} of it is run. Leave out horizon=, and pass self.trainer, which "
                "knows the length of the run."
            )


@check("LR263", "The run is more than twice as long as horizon=", when="during training")
def short_horizon(_: RunProgress, scheduler: SchedulerProgress) -> str:
    """Report a ``horizon=`` that ended long ago; before training it is not known how many updates a module takes."""
    ours = scheduler.ours
    if ours is None or ours.run_length is not None or ours.last_epoch <= 2 * ours.horizon.steps:
        return ""
    given = ours.horizon.steps
    return (
        f"ScheduledLR was given horizon=Horizon(steps={given}), and has taken {plural(ours.last_epoch, 'step')}: from step {given} on "
        "the LR stays where it is. Leave out horizon=, and pass self.trainer, which knows the length of the run; if the LR is meant "
        f"to stay, write the length of the decay: cosine(end=0.1, over={given})."
    )
