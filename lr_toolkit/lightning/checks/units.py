"""Checks for schedules that are stepped in another unit than they count, and for a ``horizon=`` of another length than the run."""

from __future__ import annotations

from collections.abc import Iterator

from lr_toolkit.lightning._compat import trial_cause
from lr_toolkit.lightning.checks.advice import config_line
from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.checks.scheduler_length import length_of
from lr_toolkit.lightning.checks.stepped import (
    configs_with_steps,
    frequency_restarts,
    resolved_phases,
    stepped_regularly,
)
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.preview.report import plural
from lr_toolkit.schedules.text import call_text

# --- how often a scheduler is stepped ---------------------------------------------------------------------------------


@check("LR201", "The run ends before the scheduler steps for the first time")
def no_whole_epoch(info: RunInfo) -> Iterator[str]:
    """Report a scheduler per epoch in a run that has no whole epoch."""
    for config, steps in configs_with_steps(info):
        if steps == 0 and config.interval == "epoch" and config.frequency == 1:
            yield (
                f"{type(config.scheduler).__name__} never steps: with interval='epoch' it moves at the end of an epoch, and this "
                f"run of {plural(info.layout.updates, 'update')} ends before its first epoch does. Write interval='step'."
            )


@check("LR211", "The scheduler's frequency is longer than the run or the epoch")
def never_comes_round(info: RunInfo) -> Iterator[str]:
    """Report a ``frequency`` that is never reached."""
    for config, steps in configs_with_steps(info):
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
def frequency_of_batches(info: RunInfo) -> Iterator[str]:
    """Report a ``frequency`` in batches that divides neither the epoch nor the accumulation."""
    for config, steps in configs_with_steps(info):
        if steps and frequency_restarts(info, config, steps):
            yield (
                f"{type(config.scheduler).__name__} takes {plural(steps, 'step')} in this run, not "
                f"{info.layout.updates // config.frequency}: frequency={config.frequency} counts batches, not updates, and starts "
                "again with every epoch. Write frequency=1, and give the schedule its length in updates."
            )


@check("LR223", "max_steps counts the updates of all optimizers, and each schedule its own")
def shared_max_steps(info: RunInfo) -> Iterator[str]:
    """Report schedules as long as ``max_steps`` under manual optimization with several optimizers.

    A schedule that follows the length of the run is recalculated from the updates that its optimizer takes.
    """
    many, most = len(info.trainer.optimizers), info.trainer.max_steps
    if info.is_automatic or info.is_trial or many < 2 or most < 1 or info.layout.updates * many <= most:
        return
    for config in info.configs:
        scheduler = config.scheduler
        if isinstance(scheduler, ScheduledLR):
            is_whole = scheduler.run_length is None and scheduler.horizon == info.layout.horizon
        else:
            length = length_of(scheduler)
            is_whole = length is not None and length.steps == info.layout.updates
        if is_whole:
            yield (
                f"{type(scheduler).__name__} is made for {plural(info.layout.updates, 'update')}, and max_steps={most} ends the "
                f"run after about {most // many}: Lightning counts the updates of all {many} optimizers. Write {config_line()}, which "
                f"measures the updates of each optimizer, or Trainer(max_steps={info.layout.updates * many})."
            )
            return


# --- schedules of this package ----------------------------------------------------------------------------------------


@check("LR206", "A ScheduledLR is stepped in another unit than it counts")
def other_unit(info: RunInfo) -> Iterator[str]:
    """Report a ``ScheduledLR`` in a config written by hand with another interval or frequency."""
    for stepped in stepped_regularly(info):
        scheduler = stepped.scheduler
        if isinstance(scheduler, ScheduledLR) and (scheduler.horizon.unit, 1) != (stepped.interval, stepped.frequency):
            yield (
                f"{stepped.name} counts in {scheduler.horizon.unit}s, and interval={stepped.interval!r}, "
                f"frequency={stepped.frequency} step it otherwise. Let {config_line()} write "
                "the dict."
            )


@check("LR221", "A step() drops later than its phase ends")
def idle_stairs(info: RunInfo) -> Iterator[str]:
    """Report stairs that are longer than their phase."""
    for config in info.configs if not info.is_trial else ():
        scheduler = config.scheduler
        if not isinstance(scheduler, ScheduledLR) or scheduler.change:
            continue
        for phase in resolved_phases(scheduler):
            intervals = [duration for duration in phase.shape.durations if duration != phase.shape.over]
            if intervals and phase.is_idle:
                yield (
                    f"{call_text(phase.shape)} never drops the LR: its phase has {plural(phase.length, scheduler.horizon.noun)}. Write a "
                    "shorter interval, such as step('30%'), or hold() if the LR is meant to stay."
                )


@check("LR222", "horizon= is twice as long as the run, or longer")
def long_horizon(info: RunInfo) -> Iterator[str]:
    """Report a ``horizon=`` of which half or less is run."""
    for stepped in stepped_regularly(info) if not trial_cause(info.trainer) else ():
        scheduler = stepped.scheduler
        if not isinstance(scheduler, ScheduledLR) or scheduler.run_length is not None or scheduler.is_cut:
            continue
        is_kept = scheduler.last_epoch > 0 and info.trainer.ckpt_path is None  # from an earlier fit
        if is_kept or info.trainer.reload_dataloaders_every_n_epochs:  # type: ignore[attr-defined]  # its data connector sets it
            continue  # the length of the run is not the one that its beginning shows
        given = scheduler.horizon
        if len(set(given.epoch_steps or ())) > 1 and given.epochs == info.layout.epochs:
            continue  # epochs of several lengths, of which the Trainer knows the first alone
        if (given.unit, 1) == (stepped.interval, stepped.frequency) and given.steps >= 2 * stepped.steps:
            yield (
                f"ScheduledLR was given horizon=Horizon(steps={given.steps}), and gets {plural(stepped.steps, 'step')} in this "
                f"run, so only {stepped.steps / given.steps:.0%} of it is run. Leave out horizon=, and pass self.trainer, which "
                "knows the length of the run."
            )
