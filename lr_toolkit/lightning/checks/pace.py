"""The check of a scheduler's pace: the steps of the first epoch against the length that the scheduler was made for."""

from __future__ import annotations

import math

from lr_toolkit.lightning._compat import trial_cause
from lr_toolkit.lightning.checks.advice import config_line
from lr_toolkit.lightning.checks.double_steps import is_stepped_by_both
from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.progress import RunProgress, SchedulerProgress
from lr_toolkit.lightning.checks.running import lags_behind
from lr_toolkit.lightning.checks.scheduler_length import SchedulerLength, length_of
from lr_toolkit.lightning.run import is_endless
from lr_toolkit.preview.report import plural

__all__ = ["fraction_done"]


@check("LR507", "At the pace of the first epoch, the scheduler does not end with the run", when="during training")
def off_pace(run: RunProgress, scheduler: SchedulerProgress) -> str:
    """Report a decay of which more than a tenth will not be run, or that will end before half of the run.

    What is known before training is reported then. This is for schedulers that the module steps, for dataloaders without a length
    and for those whose length is wrong. One step more or less in the first epoch may be chance.
    """
    length = _length(run, scheduler)
    steps, done = scheduler.steps, fraction_done(run)
    if length is None or not steps or not done or _goes_as_planned(run, scheduler):
        return ""
    is_too_long = length.steps > 1.1 * (steps + 1) / done
    is_too_short = length.steps < (steps - 1) / done / 2 and scheduler.ours is None  # LR263 reports ours
    if not is_too_long and not is_too_short:
        return ""
    total = round(steps / done)
    ends = f"so only {total / length.steps:.0%} of it is run" if is_too_long else "so it ends long before the run"
    written = length.argument_for(total)
    fix = f"Write {written}, or" if written else "Write"
    if scheduler.ours is not None:
        fix = f"Leave out horizon=, or write horizon=Horizon({total}) in"
    return (
        f"{scheduler.name} has {length}, and took {plural(steps, 'step')} in the first epoch. At this pace it takes "
        f"{total} in the run, {ends}. {fix} {config_line()}, whose scheduler counts the updates."
    )


def _length(run: RunProgress, scheduler: SchedulerProgress) -> SchedulerLength | None:
    """The length of a decay of torch; of ours, the ``horizon=`` of a module that optimizes manually."""
    ours = scheduler.ours
    if ours is None:
        length = length_of(scheduler.config.scheduler)
        return length if length and length.kind == "decay" else None
    is_given = run.is_manual and ours.run_length is None and not ours.is_cut
    if not is_given or (scheduler.is_stepped_by_module and lags_behind(run, scheduler)):
        return None
    return SchedulerLength("horizon", ours.horizon.steps, "decay")


def _goes_as_planned(run: RunProgress, scheduler: SchedulerProgress) -> bool:
    """Whether Lightning steps the scheduler as often as was to be expected before training, when its length was checked."""
    config, layout = scheduler.config, run.layout
    if is_stepped_by_both(run, scheduler):
        return True  # the second step is reported
    if run.is_manual or scheduler.is_stepped_twice or not layout.has_epochs:
        return False
    planned = layout.start_of(1) if config.interval == "step" else 1
    return bool(config.frequency != 1 or scheduler.steps == planned)


@check("LR263", "The run is twice as long as horizon=, or longer", when="during training")
def short_horizon(run: RunProgress, scheduler: SchedulerProgress) -> str:
    """Report a ``horizon=`` that ends long before the run; before training it is not known how many updates a module takes."""
    ours = scheduler.ours
    if ours is None or ours.run_length is not None:
        return ""
    given, taken, done = ours.horizon.steps, ours.last_epoch, fraction_done(run) or 1.0
    if taken < 2 * given * done:
        return ""
    pace = f" in the first epoch, so it takes {round(taken / done)} in the run" if done < 1.0 else ""
    return (
        f"ScheduledLR was given horizon=Horizon(steps={given}), and has taken {plural(taken, 'step')}{pace}: from step {given} on "
        "the LR stays where it is. Leave out horizon=, and pass self.trainer, which knows the length of the run; if the LR is meant "
        f"to stay, write the length of the decay: cosine(end=0.1, over={given})."
    )


def fraction_done(run: RunProgress) -> float | None:
    """How much of the run its first epoch is; ``None`` at any other moment, in a trial, and if the end of the run is not known."""
    trainer, layout = run.trainer, run.layout
    is_first = run.epochs == 1 and run.is_between_epochs and not (layout.start or layout.before)
    if not is_first or trial_cause(trainer) or trainer.should_stop or is_endless(trainer):
        return None
    if layout.updates and layout.has_epochs:
        has_shared_limit = run.is_manual and len(trainer.optimizers) > 1 and trainer.max_steps > 0
        return None if has_shared_limit else layout.start_of(1) / layout.updates
    by_epochs = 1 / trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else 0.0
    by_steps = trainer.global_step / trainer.max_steps if trainer.max_steps > 0 else 0.0
    fraction = max(by_epochs, by_steps)
    return min(fraction, 1.0) if math.isfinite(fraction) and fraction > 0 else None
