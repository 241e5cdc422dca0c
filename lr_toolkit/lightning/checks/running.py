"""Checks of what only the run itself shows: steps, updates, epochs and metrics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import ReduceLROnPlateau

from lr_toolkit.lightning._compat import is_trial
from lr_toolkit.lightning.checks.advice import config_line
from lr_toolkit.lightning.checks.double_steps import steps_of_lightning
from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.progress import RunProgress, SchedulerProgress
from lr_toolkit.lightning.checks.scheduler_length import length_of
from lr_toolkit.lightning.optimizer_place import index_in, place_among
from lr_toolkit.lightning.plateau_reader import gathered, has_reader
from lr_toolkit.preview.report import count, plural

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["lags_behind"]

# --- steps against updates --------------------------------------------------------------------------------------------


@check("LR501", "The module steps its scheduler never or too seldom", when="during training")
def never_stepped(run: RunProgress, scheduler: SchedulerProgress) -> str:
    """Report a scheduler that the module has to step itself, and does not."""
    if not scheduler.is_stepped_by_module or not lags_behind(run, scheduler):
        return ""
    reason = "the module has its own lr_scheduler_step. Call scheduler.step() in it"
    if run.is_manual:
        reason = f"under manual optimization Lightning steps no scheduler. Call {_call(run, scheduler)}"
    stepped = f"stepped {plural(scheduler.steps, 'time')}" if scheduler.steps else "never stepped"
    return (
        f"{scheduler.name} was {stepped} in {plural(scheduler.updates, 'update')} of its optimizer"
        f"{place_among(run.trainer.optimizers, scheduler.config.scheduler.optimizer)}: {reason}."
    )


def _call(run: RunProgress, scheduler: SchedulerProgress) -> str:
    """The call that steps a scheduler under manual optimization, and its place."""
    call = f"self.lr_schedulers(){index_in(run.trainer.lr_scheduler_configs, scheduler.config.scheduler)}.step("
    if isinstance(scheduler.config.scheduler, ReduceLROnPlateau):
        metric = scheduler.config.monitor or "val_loss"
        return f"{call}self.trainer.callback_metrics[{metric!r}]) in on_train_epoch_end"
    return f"{call}) " + ("after optimizer.step()" if _counts_updates(run, scheduler) else "in on_train_epoch_end")


def _counts_updates(run: RunProgress, scheduler: SchedulerProgress) -> bool:
    """Whether a scheduler is meant to be stepped after each update: by its own declaration, or by its length."""
    if scheduler.ours is not None:
        return scheduler.ours.horizon.unit == "step"
    length, epochs = length_of(scheduler.config.scheduler), run.layout.epochs or math.inf
    is_as_long = length and epochs < length.steps and 0.5 < length.steps / max(run.layout.updates, 1) <= 2
    return bool(scheduler.config.interval == "step" or is_as_long)


def lags_behind(run: RunProgress, scheduler: SchedulerProgress) -> bool:
    """Whether a scheduler was stepped too little for this point of the run."""
    if scheduler.ours is None:
        return not scheduler.steps and scheduler.updates > 0 and _is_due(run, scheduler)
    expected = run.epochs
    if scheduler.ours.horizon.unit == "step":
        # The schedule was made for one update per batch; several updates in a batch may be one step of it.
        expected = min(scheduler.updates, run.batches)
    return scheduler.steps < expected / 2


def _is_due(run: RunProgress, scheduler: SchedulerProgress) -> bool:
    """Whether a scheduler of torch, which may be meant for every few epochs, should have been stepped by now."""
    if _counts_updates(run, scheduler):
        return True
    if run.has_ended:
        return not is_trial(run.trainer) and bool(run.trainer.fit_loop.epoch_loop.batch_progress.is_last_batch)
    if not run.has_steps:
        return run.epochs >= 1  # nothing in the module will ever step it
    return bool(run.epochs >= max((run.layout.epochs or math.inf) / 2, scheduler.config.frequency))


@check("LR502", "Lightning steps the scheduler although no update happened", when="during training")
def stepped_without_update(run: RunProgress, scheduler: SchedulerProgress) -> str:
    """Report a scheduler of torch that runs ahead of the updates.

    One skipped update in a hundred is not reported: a ``GradScaler`` finds its scale in this way.
    """
    updates = scheduler.updates
    steps = min(
        scheduler.steps, steps_of_lightning(run, scheduler) or scheduler.steps
    )  # one by hand is no skipped update
    is_by_user = scheduler.is_stepped_by_module or scheduler.is_stepped_twice
    if is_by_user or not updates or (steps - updates) * 100 <= updates:
        return ""
    return (
        f"{scheduler.name} was stepped {plural(steps, 'time')} in {plural(updates, 'update')} of its optimizer: Lightning steps it "
        "even if no update happened (a GradScaler skipped it, training_step returned None, on_train_batch_start returned -1), so "
        f"it runs ahead. Write {config_line()}: its scheduler counts what happened."
    )


# --- the length of the run --------------------------------------------------------------------------------------------


@check("LR505", "max_epochs ends the run before the schedule, which was made for max_steps", when="during training")
def ended_early(run: RunProgress, scheduler: SchedulerProgress) -> str:
    """Report a run that ``max_epochs`` has ended before ``max_steps``, because the dataloader has no length."""
    trainer, ours = run.trainer, scheduler.ours
    if ours is None or ours.run_length is None or not run.has_ended or is_trial(trainer):
        return ""
    limit, taken, planned = trainer.max_epochs, ours.last_epoch, ours.horizon.steps
    is_by_epochs = limit is not None and limit != -1 and trainer.current_epoch >= limit and not trainer.should_stop
    if not is_by_epochs or math.isfinite(trainer.fit_loop.max_batches) or taken > 0.9 * planned:
        return ""
    return (
        f"The schedule was made for {plural(planned, 'update')}, and the run has ended after {count(taken)}: max_epochs={limit} "
        f"came before max_steps={trainer.max_steps}, which could not be known, as the dataloader has no length. Write "
        f"Trainer(max_epochs=-1, max_steps={taken})."
    )


# --- metrics ----------------------------------------------------------------------------------------------------------


@check("LR503", "Every rank feeds its own value of the metric to the plateau", when="at the end of an epoch")
def ranks_differ(trainer: Trainer, config: Any) -> str:
    """Report a plateau of torch whose metric differs between ranks; every rank has to call this, before the plateau steps.

    Only values show it: a metric that the module reduced itself is logged without ``sync_dist``, too.
    """
    if trainer.world_size == 1 or not config.reduce_on_plateau or not config.monitor:
        return ""
    values = gathered(trainer, trainer.callback_metrics.get(config.monitor))
    known = [value for value, is_there in values if is_there]
    if not known or (len(known) == len(values) and all(_is_equal(known[0], value) for value in known)):
        return ""
    return (
        f"Every rank has its own {config.monitor!r}, and each plateau follows its own: learning rates, and with them the weights, "
        f"drift apart. Write self.log({config.monitor!r}, value, sync_dist=True); plateau=ReduceOnPlateau(...) of this package "
        "follows the mean of all ranks."
    )


def _is_equal(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=1e-6) or (math.isnan(first) and math.isnan(second))


@check("LR506", "Nothing hands the metric to the plateau", when="during training")
def unread_metric(run: RunProgress, scheduler: SchedulerProgress) -> str:
    """Report a plateau of this package whose metric is logged, and which was given no value."""
    trainer, ours = run.trainer, scheduler.ours
    plateau = ours.plateau if ours else None
    if ours is None or plateau is None or is_trial(trainer) or ours.was_observed or has_reader(trainer, ours):
        return ""
    if plateau.monitor not in trainer.callback_metrics or not (run.has_ended or trainer.current_epoch):
        return ""
    ours.warns_of_no_reading = False  # this finding reports it
    return (
        f"{type(plateau).__name__}(monitor={plateau.monitor!r}) was given no reading: Lightning hands metrics to torch's plateaus "
        f"alone. Write {config_line('hold()', 'plateau=...')}, which reads its metric, or hand over each "
        "value with scheduler.observe(value)."
    )
