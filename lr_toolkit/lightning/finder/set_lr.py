"""Sets the base LR of a run that has not begun: where the optimizer, its schedulers, the hyperparameters and the loggers have it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from lr_toolkit.errors import ScheduleError
from lr_toolkit.finder.lr_plan import base_lrs
from lr_toolkit.lightning._compat import saved_hyperparameters
from lr_toolkit.optim import ScheduledLR

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

__all__ = ["NAMES", "check_schedulers", "set_hyperparameters", "set_lr"]

NAMES = ("lr", "learning_rate")
"""The hyperparameters and attributes that hold a base LR."""


def check_schedulers(trainer: Trainer) -> None:
    """Refuse a scheduler of which it is not known where it keeps its base LRs.

    Raises:
        ScheduleError: if there is one.
    """
    for config in trainer.lr_scheduler_configs:
        if not isinstance(config.scheduler, (LRScheduler, ReduceLROnPlateau)):
            raise ScheduleError(
                f"LRFinder does not know where {type(config.scheduler).__name__} keeps its base LRs. Write LRFinder(apply=False), and the "
                "LR that it reports into the optimizer."
            )


def set_lr(trainer: Trainer, lrs: Sequence[float]) -> None:
    """Give the groups of the one optimizer other base LRs. Absolute levels of the schedulers stay."""
    optimizer = trainer.optimizers[0]
    old = base_lrs(optimizer)
    for group, *bases in zip(optimizer.param_groups, old, lrs, strict=True):
        for key in ("lr", "initial_lr", *(("max_lr", "min_lr") if "max_lr" in group else ())):
            if isinstance(group.get(key), Tensor):
                group[key].fill_(_moved(float(group[key]), *bases))
            elif key in group:
                group[key] = _moved(group[key], *bases)
    for config in trainer.lr_scheduler_configs:
        _rebase(config.scheduler, old, lrs)


def set_hyperparameters(trainer: Trainer, module: LightningModule, lr: float) -> None:
    """Write the LR into ``hparams`` and the attribute that hold one, and into the hyperparameters of the loggers."""
    changed = {}
    for name in NAMES:
        for hyperparameters in saved_hyperparameters(module):
            if _is_number((hyperparameters or {}).get(name)):
                hyperparameters[name] = changed[name] = lr
        if _is_number(vars(module).get(name)):
            setattr(module, name, lr)
    if changed:
        for logger in trainer.loggers:
            logger.log_hyperparams(changed)


def _rebase(scheduler: Any, old: Sequence[float], new: Sequence[float]) -> None:
    """Move what a scheduler of torch remembers; those inside of it, too."""
    if isinstance(scheduler, ScheduledLR):
        scheduler.rebase(new)
        return
    for name in ("base_lrs", "max_lrs", "_last_lr"):
        values = getattr(scheduler, name, None)
        if isinstance(values, list) and len(values) == len(new):
            setattr(
                scheduler, name, [_moved(float(value), *bases) for value, *bases in zip(values, old, new, strict=True)]
            )
    for inner in getattr(scheduler, "_schedulers", ()):
        _rebase(inner, old, new)


def _moved(value: float, old: float, new: float) -> float:
    """An LR of a run with the base LR ``old``, for one with ``new``; the base itself becomes exactly the new one."""
    if value == old:
        return new
    return value * (new / old) if old else value


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
