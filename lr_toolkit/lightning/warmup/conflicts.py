"""Who else moves the learning rate during a warmup ramp: schedulers, hooks that must not see it, a callback that has to wait."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import callbacks_of, is_a, steps_schedulers_itself
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.multiplier import LRMultiplier
from lr_toolkit.schedules.shapes import Warmup

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from torch.optim import Optimizer

__all__ = ["exempt_from_ramp", "refuse_companions", "schedulers_of", "warn_of_warmups"]

# Hooks that move an optimizer's LR, and how it is found in what Lightning hands them.
_MOVERS: dict[str, Callable[[tuple[Any, ...]], Optimizer]] = {
    "lr_scheduler_step": lambda handed: handed[0].optimizer,
    "finetune_function": lambda handed: handed[-1],
}


def schedulers_of(trainer: Trainer, module: LightningModule) -> list[Any]:
    """The Trainer's schedulers, and those that the module keeps to itself, as manual optimization allows."""
    found = [config.scheduler for config in trainer.lr_scheduler_configs]
    for value in vars(module).values():
        many = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else (value,)
        found += [one for one in many if isinstance(one, LRScheduler)]
    return list({id(one): one for one in found}.values())


def warn_of_warmups(call: str, schedulers: Iterable[Any]) -> None:
    """Say which of these schedulers, none of which has moved yet, warm up by themselves; ``call`` is how the ramp was written."""
    for scheduler in schedulers:
        if _warms_up(scheduler):
            warnings.warn(
                f"{call}: {type(scheduler).__name__} already warms up (it starts below its base LR), and the LR will be the "
                "product of both ramps. Leave out LRWarmup, or the warmup of the schedule.",
                UserWarning,
                stacklevel=2,
            )


def _warms_up(scheduler: Any) -> bool:
    if isinstance(scheduler, ScheduledLR):
        return isinstance(scheduler.schedule.phases[0], Warmup)
    # OneCycleLR calls the LR from which it climbs the initial one.
    lrs = [
        (float(group["lr"]), float(group.get("initial_lr", group["lr"]))) for group in scheduler.optimizer.param_groups
    ]
    return isinstance(scheduler, OneCycleLR) or any(lr < 0.999 * base for lr, base in lrs)


def exempt_from_ramp(trainer: Trainer, module: LightningModule) -> Callable[[], None]:
    """Let ``lr_scheduler_step`` and finetuning callbacks see and write the LR without the ramp; the answer undoes it.

    A scheduler is guarded itself; what is written past it, in a hook of the module's own, would be taken for a direct write.
    ``BaseFinetuning`` gives a group that it adds a share of the LR that it finds, and ``BackboneFinetuning`` writes in every
    epoch.
    """
    owners: list[tuple[Any, str]] = [
        (one, "finetune_function") for one in callbacks_of(trainer) if is_a(one, "BaseFinetuning")
    ]
    if steps_schedulers_itself(module):
        owners.append((module, "lr_scheduler_step"))
    # Another LRWarmup may have been here.
    hidden = [(owner, name) for owner, name in owners if name not in vars(owner)]
    for owner, name in hidden:
        # A partial of a bound method, unlike a function, goes along with a copy or a pickle of its owner.
        vars(owner)[name] = partial(_without_ramp, name, getattr(owner, name))

    def undo() -> None:
        for owner, name in hidden:
            vars(owner).pop(name, None)

    return undo


def _without_ramp(name: str, hook: Callable[..., Any], *args: Any) -> Any:
    shadow = LRMultiplier.around(_MOVERS[name](args))
    with shadow.bare() if shadow else nullcontext():
        return hook(*args)


def refuse_companions(trainer: Trainer, call: str, ends: Fraction | None) -> None:
    """Refuse ``StochasticWeightAveraging`` before the ramp ends: it replaces the schedulers, and anneals from the LR it finds.

    Args:
        trainer: whose callbacks are looked at.
        call: how the ramp was written.
        ends: the epoch at which the ramp ends, with its fraction; ``None`` where that cannot be known.

    Raises:
        ScheduleError: which names the callback, and the epoch from which it may begin.
    """
    for one in callbacks_of(trainer):
        if not is_a(one, "StochasticWeightAveraging"):
            continue
        epoch: int = one.swa_start
        if ends is None:
            until, cure = "has no known end in epochs", "a ramp in epochs, or leave one of the two out"
        elif epoch < ends:
            first = -(-ends.numerator // ends.denominator)
            until = f"lasts until epoch {float(ends):g}"
            cure = f"swa_epoch_start={first} + 1 or later, or a shorter ramp"
        else:
            continue
        raise ScheduleError(
            f"{call}: {type(one).__name__} moves the learning rate from epoch {epoch} on, and the ramp {until}. Write {cure}."
        )
