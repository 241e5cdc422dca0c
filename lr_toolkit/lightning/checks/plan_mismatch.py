"""The check of plan against fact: whether an update used the learning rate of its schedule."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor

from lr_toolkit.lightning._compat import callbacks_of, is_a
from lr_toolkit.lightning.checks.finding import Finding, check
from lr_toolkit.lightning.checks.source import writes_lr

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning.pytorch import Trainer

    from lr_toolkit.optim import ScheduledLR

__all__ = ["PlanMismatch", "find_mismatch"]

_CODE = "LR601"

# Callbacks of Lightning that write LRs, and what to write instead.
_WRITERS = {
    "BackboneFinetuning": (
        "writes the LR of the backbone's group as each epoch begins. The schedule goes on from it if configure_optimizers(optimizer, "
        "schedule, self.trainer) makes it, unless its factor is 0 or an end_lr is higher. Otherwise write a BaseFinetuning whose "
        "finetune_function only adds the group, unfreeze_and_add_param_group(pl_module.backbone, optimizer, lr=1e-4): it follows the "
        "schedule from then on"
    ),
    "LearningRateFinder": "writes the LR that it suggests over the schedule's. Give the suggestion to the optimizer as its lr",
}


@final
@dataclass(frozen=True, slots=True)
class PlanMismatch:
    """An update whose learning rate is not the planned one.

    Args:
        update: the number of the update, as its scheduler counts.
        series: the name of the parameter group in the logs.
        used: the LR that the group used.
        planned: the LR of the schedule.
        causes: what may have written the other LR, the most likely first.
    """

    update: int
    series: str
    used: float
    planned: float
    causes: tuple[str, ...]

    @property
    def finding(self) -> Finding:
        """The mismatch as a finding."""
        return Finding(_CODE, str(self))

    def __str__(self) -> str:
        return (
            f"Update {self.update} used a learning rate of {self.used:.6g} for {self.series!r}, and the plan has "
            f"{self.planned:.6g}. Likely causes: {'; '.join(self.causes)}."
        )


@check(_CODE, "An update did not use the learning rate of its schedule", when="at an update")
def find_mismatch(
    trainer: Trainer,
    scheduler: ScheduledLR,
    *,
    update: int,
    used: Sequence[float],
    planned: Sequence[float],
    names: Sequence[str],
) -> PlanMismatch | None:
    """Compare the LRs that an update used with the planned ones.

    Args:
        trainer: the run, in which likely causes are looked for.
        scheduler: the scheduler that planned the update.
        update: the number of the update, as ``scheduler`` counts.
        used: the LR of each parameter group in the update.
        planned: the LR that each group should have used, warmup ramps included.
        names: the name of each group in the logs.

    Returns:
        The first group that used another LR, ``None`` if all used theirs.
    """
    # A tensor LR carries fewer digits: the plan was rounded once when it was written.
    dtypes = {group["lr"].dtype for group in scheduler.optimizer.param_groups if isinstance(group["lr"], Tensor)}
    tolerance = max([1e-9, *(4 * torch.finfo(dtype).eps for dtype in dtypes)])
    for name, was, should_be in zip(names, used, planned, strict=False):
        if not math.isclose(was, should_be, rel_tol=tolerance, abs_tol=1e-30):
            return PlanMismatch(update, name, was, should_be, _causes(trainer, scheduler))
    return None


def _causes(trainer: Trainer, scheduler: ScheduledLR) -> tuple[str, ...]:
    """What may have written another LR, the most likely first."""
    others = [
        type(config.scheduler).__name__
        for config in trainer.lr_scheduler_configs
        if config.scheduler is not scheduler and config.scheduler.optimizer is scheduler.optimizer
    ]
    if others:
        return (f"{' and '.join(others)} drives the same optimizer. Keep one scheduler for each optimizer",)
    callbacks = callbacks_of(trainer)
    for callback in callbacks:
        for name, text in _WRITERS.items():
            if is_a(callback, name):
                return (f"{type(callback).__name__} {text}",)
    writers = [
        type(owner).__name__ for owner in (trainer.lightning_module, *callbacks) if writes_lr(owner, of_groups=True)
    ]
    writer = " and ".join(writers) if writers else "a callback or hook"
    return (
        f"{writer} writes group['lr'] (scheduler.rebase(lr) changes the plan instead)",
        "a second scheduler holds this optimizer",
        "scheduler.step() was called before optimizer.step(), or more than once for an update",
    )
