"""Plan against fact: whether an update used the learning rate that its schedule says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor

from lr_toolkit.lightning._compat import callbacks_of, is_a

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning.pytorch import Trainer

    from lr_toolkit.optim import ScheduledLR

__all__ = ["PlanMismatch", "find_mismatch"]

# Callbacks of Lightning that write LRs, and what to write instead.
_WRITERS = {
    "BackboneFinetuning": (
        "writes the LR of the backbone's group as each epoch begins. Write a BaseFinetuning whose finetune_function only adds "
        "the group, unfreeze_and_add_param_group(pl_module.backbone, optimizer, lr=1e-4): it follows the schedule from then on"
    ),
    "LearningRateFinder": "writes the LR that it suggests over the schedule's. Give the suggestion to the optimizer as its lr",
}
_PACKAGES = ("lightning", "lr_toolkit", "pytorch_lightning")


@final
@dataclass(frozen=True, slots=True)
class PlanMismatch:
    """An update whose learning rate is not the planned one."""

    update: int
    curve: str
    used: float
    planned: float
    causes: tuple[str, ...]

    def __str__(self) -> str:
        causes = "; ".join(self.causes)
        return (
            f"Update {self.update} used a learning rate of {self.used:.6g} for {self.curve!r}, and the plan says "
            f"{self.planned:.6g}. Likely causes: {causes}."
        )


def find_mismatch(trainer: Trainer, capture: Any, names: Sequence[str]) -> PlanMismatch | None:
    """The first parameter group whose LR was not the planned one, ``None`` where all were.

    The plan is that of the scheduler, times what warmup callbacks made of it.

    Args:
        trainer: the run, in which likely causes are looked for.
        capture: what the latest update used.
        names: what each group's curve is called.
    """
    scheduler = capture.scheduler
    if scheduler is None:
        return None
    plan = scheduler.planned(capture.counted)
    factors = capture.factors or (1.0,) * len(plan)
    # A tensor LR carries fewer digits: the plan was rounded once when it was written.
    tensors = [group["lr"] for group in capture.optimizer.param_groups if isinstance(group["lr"], Tensor)]
    tolerance = max([1e-9, *(4 * torch.finfo(lr.dtype).eps for lr in tensors)])
    for name, used, lr, factor in zip(names, capture.lrs, plan, factors, strict=False):
        if not math.isclose(used, lr * factor, rel_tol=tolerance, abs_tol=1e-30):
            return PlanMismatch(capture.counted, name, used, lr * factor, _causes(trainer, scheduler))
    return None


def _causes(trainer: Trainer, scheduler: ScheduledLR) -> tuple[str, ...]:
    """What could have written another LR, the surest first."""
    others = [
        type(config.scheduler).__name__
        for config in trainer.lr_scheduler_configs
        if config.scheduler is not scheduler and config.scheduler.optimizer is scheduler.optimizer
    ]
    if others:
        return (f"{' and '.join(others)} drives the same optimizer. Keep one scheduler for each optimizer",)
    callbacks = callbacks_of(trainer)
    for callback in callbacks:
        for name, says in _WRITERS.items():
            if is_a(callback, name):
                return (f"{type(callback).__name__} {says}",)
    own = ", ".join(type(one).__name__ for one in callbacks if type(one).__module__.split(".")[0] not in _PACKAGES)
    return (
        f"a callback{own and f' ({own})'} or hook writes group['lr'] (scheduler.rebase(lr) is the way to mean it)",
        "a second scheduler holds this optimizer",
        "scheduler.step() was called before optimizer.step(), or more than once for an update",
    )
