"""The length of a Trainer's run in optimizer updates, found without changing the run."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.lightning._compat import batches_that_stepped, callbacks_of, is_in_epoch, is_trial
from lr_toolkit.lightning.dataloader import set_up_dataloader
from lr_toolkit.lightning.run_facts import RunFacts, horizon_ahead, horizon_with_even_past
from lr_toolkit.schedules import Horizon

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = [
    "ENDLESS",
    "facts_at_fit_start",
    "horizon_from_here",
    "horizon_of",
    "is_endless",
    "may_resume",
    "read_run_facts",
    "takes_no_update",
    "updates_taken",
]


ENDLESS = 10**9
"""The steps of the horizon of a run without an end: more than any run takes."""


def horizon_of(trainer: Trainer, interval: Literal["step", "epoch"] = "step") -> Horizon:
    """The length of a Trainer's run: its optimizer updates, and the updates of each epoch.

    It follows from ``max_epochs``, ``max_steps``, the training dataloader, ``limit_train_batches``,
    ``accumulate_grad_batches`` (the last, shorter accumulation of an epoch counts), ``GradientAccumulationScheduler`` (exactly,
    epoch by epoch) and the number of devices. Early stopping and ``max_time`` may end the run earlier, as may ``max_epochs``
    beside ``max_steps`` if the dataloader has no length. A dataloader that is reloaded is assumed to keep its length, and under
    manual optimization one update of each optimizer per batch is assumed: the helpers recalculate their schedules as soon as the
    run shows something else.

    Call it in ``configure_optimizers``. The helpers of this package do that for you.

    Args:
        trainer: a Trainer that is about to fit.
        interval: ``"epoch"`` for a horizon in epochs, for a scheduler that is stepped once per epoch.

    Raises:
        ScheduleError: if the length cannot be known: a dataset without length and no ``max_steps``, training without end, or
            only ``max_time``. Pass ``horizon=`` then.

    Example:
        >>> from lr_toolkit import horizon_of
        >>> # in configure_optimizers: horizon_of(self.trainer) -> Horizon(steps=60, steps_per_epoch=20)

    Reference:
        Lightning's ``estimated_stepping_batches``, which gives -1, inf or a wrong number in these cases, and makes a
        resumable dataloader start over.
    """
    if not hasattr(trainer, "fit_loop"):
        raise ScheduleError(
            f"horizon_of(trainer={shorten(trainer)}): must be the Trainer. Write horizon_of(self.trainer) in "
            f"configure_optimizers, or {_by_hand(interval)}"
        )
    _refuse_unknown_limits(read_run_facts(trainer), interval)
    if interval == "step" or trainer.max_steps != -1:
        set_up_dataloader(trainer)
        _refuse_unknown_batches(read_run_facts(trainer), interval)
    return horizon_ahead(facts_at_fit_start(trainer), in_epochs=interval == "epoch")


def is_endless(trainer: Trainer) -> bool:
    """Whether no number of epochs or updates ends the run."""
    return trainer.max_epochs == -1 and trainer.max_steps == -1


def takes_no_update(trainer: Trainer) -> bool:
    """Whether a limit of 0 lets the Trainer take no update at all, which Lightning allows."""
    limit: float = trainer.limit_train_batches
    return 0 in (trainer.max_epochs, trainer.max_steps, limit)


def updates_taken(trainer: Trainer) -> int:
    """The updates that each optimizer has taken in all fits of a Trainer, or in those of its checkpoint."""
    module: Any = trainer.lightning_module  # None before the first fit
    if module is None or module.automatic_optimization:
        return trainer.global_step
    # global_step counts the updates of all optimizers; Lightning counts a batch only after the checkpoints of its end were saved.
    return batches_that_stepped(trainer)


def horizon_from_here(trainer: Trainer, whole: Horizon, taken: int) -> Horizon:
    """The horizon of a run that goes on after ``taken`` updates whose division into epochs is not recorded.

    ``whole`` is the horizon of a run that always goes at today's rate.
    """
    return horizon_with_even_past(read_run_facts(trainer), whole, taken)


# --- reading a Trainer --------------------------------------------------------------------------------------------------


def read_run_facts(trainer: Trainer) -> RunFacts:
    """The facts about a Trainer's run as they are now. It can be asked at any time, and changes nothing.

    ``batches`` is ``inf`` until the training dataloader is set up.
    """
    epoch, batch = _position(trainer)
    return RunFacts(
        max_epochs=-1 if trainer.max_epochs is None else trainer.max_epochs,
        max_steps=trainer.max_steps,
        batches=trainer.fit_loop.max_batches,
        accumulation=_accumulation(trainer),
        # DeepSpeed's engine counts on across the end of an epoch, at which Lightning's own accumulation updates.
        ends_with_update=not trainer.strategy.handles_gradient_accumulation,
        is_trial=is_trial(trainer),
        epoch=epoch,
        batch=batch,
        updates=trainer.global_step,
        current_accumulation=trainer.accumulate_grad_batches,
    )


def facts_at_fit_start(trainer: Trainer) -> RunFacts:
    """The facts about a run that a new scheduler is made for: what is left of an epoch in progress, and the epochs after it.

    At the beginning of a fit these are the epochs after those of an earlier fit of this Trainer. A checkpoint restores its own
    progress, and that of the scheduler, so that the scheduler is made for the whole run; so is one for which nothing is left to
    train.
    """
    epochs: Any = trainer.fit_loop.epoch_progress.current
    facts = read_run_facts(trainer)
    if is_in_epoch(trainer):
        return facts
    facts = replace(facts, epoch=epochs.processed, batch=0)
    return facts.from_start() if facts.is_over or trainer.ckpt_path is not None else facts


def _position(trainer: Trainer) -> tuple[int, int]:
    """The epoch in which the run stands, and the batches of it that Lightning takes as done."""
    epochs: Any = trainer.fit_loop.epoch_progress.current
    batch: Any = trainer.fit_loop.epoch_loop.batch_progress
    epoch, done, batches = epochs.processed, batch.current.processed, trainer.fit_loop.max_batches
    if epoch == epochs.ready:
        return epoch, 0
    if batch.current.completed < batch.current.processed:
        # Saved in on_train_batch_end. If an epoch has fewer batches now, Lightning begins this one again.
        return epoch + batch.is_last_batch, 0 if done >= batches else done
    if done >= batches and epochs.started == epochs.ready:
        # Saved at the end of a validation. It is not repeated if it is due now; otherwise it comes after one more batch.
        every = trainer.val_check_batch if trainer.enable_validation else math.inf
        return (epoch, int(batches) - 1) if not every or done % every else (epoch + 1, 0)
    return epoch, done


def _accumulation(trainer: Trainer) -> tuple[tuple[int, int], ...]:
    """Batches per update, as pairs of the first epoch and the number."""
    scheduler = next((each for each in callbacks_of(trainer) if hasattr(each, "get_accumulate_grad_batches")), None)
    changes: dict[int, int] = scheduler.scheduling if scheduler else {0: trainer.accumulate_grad_batches}
    return tuple(sorted(changes.items()))


def may_resume(trainer: Trainer) -> bool:
    """Whether there is a checkpoint. Sharded strategies ask for the optimizers before that is known."""
    return trainer.ckpt_path is not None or trainer.strategy.restore_checkpoint_after_setup


# --- lengths that cannot be known ---------------------------------------------------------------------------------------


def _refuse_unknown_limits(facts: RunFacts, interval: str) -> None:
    """Refuse a run whose limits give no length."""
    reason = ""
    if facts.max_epochs == 0 or facts.max_steps == 0:
        reason = "it takes no update at all (max_epochs=0 or max_steps=0)"
    elif facts.max_epochs == -1 and facts.max_steps == -1:
        reason = "it trains without end (max_epochs=-1, or only max_time)"
    if reason:
        raise _unknown(reason, "Trainer(max_epochs=10)", interval)


def _refuse_unknown_batches(facts: RunFacts, interval: str) -> None:
    """Refuse an epoch without batches, and an epoch of unknown length if the horizon follows from it."""
    if facts.batches == 0:
        raise ScheduleError(
            "horizon_of(trainer): an epoch has no training batches. Write a larger limit_train_batches, a smaller batch_size, or "
            "drop_last=False."
        )
    if math.isinf(facts.batches) and interval == "epoch":
        reason = "the training dataloader has no length, so max_steps ends it in an unknown epoch"
        raise _unknown(reason, "Trainer(max_epochs=10), Trainer(limit_train_batches=500)", interval)
    if math.isinf(facts.batches) and facts.max_steps == -1:
        reason = "the training dataloader has no length"
        raise _unknown(reason, "Trainer(max_steps=10_000), Trainer(limit_train_batches=500)", interval)


def _unknown(reason: str, fix: str, interval: str) -> ScheduleError:
    return ScheduleError(
        f"horizon_of(trainer): the length of this run cannot be known: {reason}. Write {fix}, or {_by_hand(interval)}"
    )


def _by_hand(interval: str) -> str:
    horizon = "steps=10, unit='epoch'" if interval == "epoch" else "steps=10_000, steps_per_epoch=500"
    return (
        f"give it yourself: horizon=Horizon({horizon}) is an argument of configure_optimizers(...), and an attribute of a "
        "ScheduleMixin's class."
    )
