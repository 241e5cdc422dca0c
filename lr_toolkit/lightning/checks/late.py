"""Mistakes around this package's schedulers that show only while a run goes on: another length than foretold, an unread metric."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from lr_toolkit.lightning._compat import is_trial
from lr_toolkit.lightning.plateau_reader import has_reader
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.preview.report import count, plural

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["late_traps"]


def late_traps(trainer: Trainer, *, ended: bool) -> Iterator[tuple[str, str]]:
    """What shows at this moment, an epoch's beginning or the end of training: a name for the mistake, and the text."""
    for at, config in enumerate(trainer.lr_scheduler_configs):
        scheduler = config.scheduler
        if isinstance(scheduler, ScheduledLR) and not is_trial(trainer):
            for find in (_other_epochs, _ended_early, _unread):
                text = find(trainer, scheduler, ended)
                if text:
                    yield f"{find.__name__} {at}", text


def _other_epochs(trainer: Trainer, scheduler: ScheduledLR, ended: bool) -> str:
    """A dataloader that was reloaded with another length, where epochs end the run."""
    planned = scheduler.host.said.get("batches") if scheduler.host else None
    batches = trainer.fit_loop.max_batches
    if ended or planned is None or batches == planned or trainer.max_steps != -1:
        return ""
    return (
        f"Epoch {trainer.current_epoch} has {count(int(batches))} batches, and the schedule was made for epochs of "
        f"{count(planned)}: it ends at update {count(scheduler.horizon.steps)}, wherever the run does. Say how many updates each "
        "epoch has: horizon=Horizon(steps=..., steps_per_epoch=[...]) in configure_optimizers(...)."
    )


def _ended_early(trainer: Trainer, scheduler: ScheduledLR, ended: bool) -> str:
    """``max_epochs`` that came before ``max_steps``, which could not be known: the dataloader has no length."""
    limit, taken, planned = trainer.max_epochs, scheduler.last_epoch, scheduler.horizon.steps
    by_epochs = limit is not None and limit != -1 and trainer.current_epoch >= limit
    if not ended or scheduler.host is None or not math.isinf(trainer.fit_loop.max_batches):
        return ""
    if trainer.should_stop or not by_epochs or taken > 0.9 * planned:
        return ""
    return (
        f"The schedule was made for {plural(planned, 'update')}, and the run has ended after {count(taken)}: max_epochs={limit} "
        f"came before max_steps={trainer.max_steps}, which nobody could know, as the dataloader has no length. Write "
        f"Trainer(max_epochs=-1, max_steps={taken})."
    )


def _unread(trainer: Trainer, scheduler: ScheduledLR, ended: bool) -> str:
    """A reaction whose metric is there, and is not handed over."""
    plateau = scheduler.plateau
    if plateau is None or scheduler.was_observed or has_reader(trainer, scheduler):
        return ""
    if plateau.monitor not in trainer.callback_metrics or not (ended or trainer.current_epoch):
        return ""
    return (
        f"{type(plateau).__name__}(monitor={plateau.monitor!r}) was given no reading: Lightning hands metrics to torch's plateaus "
        "alone. Write scheduler_config(optimizer, schedule, self.trainer, plateau=...), which reads its metric, or hand each "
        "value over by scheduler.observe(value)."
    )
