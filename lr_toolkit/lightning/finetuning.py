"""Lets a schedule go on from the LRs that Lightning's ``BackboneFinetuning`` writes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import callbacks_of, is_a
from lr_toolkit.optim.multiplier import LRMultiplier

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from lr_toolkit.optim import ScheduledLR

__all__ = ["follow_backbone"]

_TRIALS = 8  # of the secant method; one is enough unless a level of the schedule is an absolute LR


def follow_backbone(trainer: Trainer, scheduler: ScheduledLR) -> None:
    """Give the backbone's group the base LR with which it has the LR that ``BackboneFinetuning`` wrote, as an epoch begins.

        lr(k) = written * timeline(k) / timeline(first update of the epoch)

    That is what the callback does to torch's schedulers that multiply, such as ``CosineAnnealingLR``. A backbone that
    ``should_align`` has put on the LR of the head stays on it. A written LR from which the schedule cannot go on lasts one update:
    one where the factor is 0, or one below an absolute level of the schedule.
    """
    unfrozen: list[Any] = [
        callback
        for callback in callbacks_of(trainer)
        if is_a(callback, "BackboneFinetuning") and callback.unfreeze_backbone_at_epoch <= trainer.current_epoch
    ]
    if not unfrozen:
        return
    multiplier = LRMultiplier.around(scheduler.optimizer)
    with multiplier.unscaled() if multiplier else nullcontext():
        groups = scheduler.optimizer.param_groups
        written = float(groups[-1]["lr"])
        scheduler.write_new_groups()  # the backbone's group may have joined now
        bases = scheduler.bindings[0].bases
        if len(groups) != len(bases):
            return
        planned = scheduler.planned(scheduler.last_epoch)[-1]
        if math.isclose(planned, written, rel_tol=1e-6):  # a tensor may have few digits
            return
        base = _base_with(scheduler, bases[:-1], written)
        if base is not None:
            scheduler.rebase([*bases[:-1], base])


def _base_with(scheduler: ScheduledLR, others: Sequence[float], lr: float) -> float | None:
    """The base LR with which a last group has ``lr`` at the update to come; ``None`` if there is none."""

    def planned(base: float) -> float:
        return scheduler.bindings[0].rebased([*others, base]).values(scheduler.last_epoch)[-1]

    try:
        before, base = 0.0, lr
        value_before, value = 0.0, planned(lr)
        for _ in range(_TRIALS):
            if math.isclose(value, lr, rel_tol=1e-12):
                return base
            base, before = base + (lr - value) * (base - before) / (value - value_before), base
            value, value_before = planned(base), value
    except (ScheduleError, ZeroDivisionError):
        pass
    return None
