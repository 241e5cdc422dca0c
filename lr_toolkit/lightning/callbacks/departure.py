"""Plan against fact: whether an update used the learning rate that its schedule says."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from torch import Tensor

from lr_toolkit.lightning.callbacks.capture import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lightning.pytorch import Trainer

    from lr_toolkit.optim import ScheduledLR

__all__ = ["Departure", "find_departure"]


@final
@dataclass(frozen=True, slots=True)
class Departure:
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


def find_departure(
    trainer: Trainer, scheduler: ScheduledLR, update: int, lrs: Sequence[Any], names: Sequence[str]
) -> Departure | None:
    """The first parameter group whose LR was not the planned one, ``None`` where all were.

    Args:
        trainer: the run, in which likely causes are looked for.
        scheduler: whose plan it is.
        update: the scheduler's own count at that update.
        lrs: the LR that each group used.
        names: what each group's curve is called.
    """
    plan = scheduler.planned(update)
    for name, used, planned in zip(names, lrs, plan, strict=False):
        # A tensor LR carries float32: the plan was rounded once when it was written.
        tolerance = 1e-6 if isinstance(used, Tensor) else 1e-9
        value = number(used)
        if not math.isclose(value, planned, rel_tol=tolerance, abs_tol=1e-30):
            return Departure(update, name, value, planned, _causes(trainer, scheduler))
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
    return (
        "a callback or hook writes group['lr'] (scheduler.rebase(lr) is the way to mean it)",
        "a second scheduler holds this optimizer",
        "scheduler.step() was called before optimizer.step(), or more than once for an update",
    )
