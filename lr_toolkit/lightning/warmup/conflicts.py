"""What else moves the learning rate during a warmup ramp: schedulers, hooks and callbacks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from lr_toolkit.errors import ScheduleError, warn
from lr_toolkit.lightning._compat import callbacks_of, is_a, steps_schedulers_itself
from lr_toolkit.lightning.warmup.ramp_spec import RampSpec
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.held_objects import held_objects
from lr_toolkit.optim.multiplier import LRMultiplier

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from torch.optim import Optimizer

__all__ = ["exempt_from_ramp", "refuse_weight_averaging", "schedulers_of", "warn_of_warmups"]

# Hooks that move the LR of an optimizer, and how to find the optimizer in the arguments that Lightning gives them.
_MOVING_HOOKS: dict[str, Callable[[tuple[Any, ...]], Optimizer]] = {
    "lr_scheduler_step": lambda args: args[0].optimizer,
    "finetune_function": lambda args: args[-1],
}


def schedulers_of(optimizer: Optimizer, trainer: Trainer, module: LightningModule) -> list[Any]:
    """The schedulers of an optimizer: the Trainer's, and those in attributes of the module, as manual optimization allows."""
    found = [config.scheduler for config in trainer.lr_scheduler_configs] + held_objects(module, LRScheduler)
    unique = {id(scheduler): scheduler for scheduler in found}
    return [scheduler for scheduler in unique.values() if scheduler.optimizer is optimizer]


def warn_of_warmups(spec: RampSpec, schedulers: Iterable[Any]) -> None:
    """Warn of each of these schedulers, none of which was stepped yet, that warms up by itself."""
    if spec.is_freeze:
        return
    for scheduler in schedulers:
        if _warms_up(scheduler):
            warn(
                "LR701",
                f"{spec!r}: {type(scheduler).__name__} already warms up (it starts below its base LR), and the LR will be the "
                "product of both ramps. Leave out LRWarmup, or the warmup of the schedule.",
            )


def _warms_up(scheduler: Any) -> bool:
    if isinstance(scheduler, ScheduledLR):
        # A phase without an update is not among them.
        return any(phase.warms_up for timeline in scheduler.timelines for phase in timeline.phases[:1])
    if isinstance(scheduler, OneCycleLR):  # which calls the LR that it starts from the initial one
        return True
    groups = scheduler.optimizer.param_groups
    return any(float(group["lr"]) < 0.999 * float(group.get("initial_lr", group["lr"])) for group in groups)


def exempt_from_ramp(trainer: Trainer, module: LightningModule) -> Callable[[], None]:
    """Let ``lr_scheduler_step`` and finetuning callbacks read and write the LR without the ramp.

    A write in such a hook would be taken for a direct write otherwise. ``BaseFinetuning`` gives a group that it adds a share
    of the LR that it finds, and ``BackboneFinetuning`` writes in every epoch.

    Returns:
        A function that takes the exemption back.
    """
    hooks: list[tuple[Any, str]] = [
        (callback, "finetune_function") for callback in callbacks_of(trainer) if is_a(callback, "BaseFinetuning")
    ]
    if steps_schedulers_itself(module):
        hooks.append((module, "lr_scheduler_step"))
    exempted = [
        (owner, name) for owner, name in hooks if name not in vars(owner)
    ]  # another LRWarmup may have come first
    for owner, name in exempted:
        # A partial of a bound method, unlike a function, is copied and pickled with its owner.
        vars(owner)[name] = partial(_call_unscaled, name, getattr(owner, name))

    def undo() -> None:
        for owner, name in exempted:
            vars(owner).pop(name, None)

    return undo


def _call_unscaled(name: str, hook: Callable[..., Any], *args: Any) -> Any:
    multiplier = LRMultiplier.around(_MOVING_HOOKS[name](args))
    with multiplier.unscaled() if multiplier else nullcontext():
        return hook(*args)


def refuse_weight_averaging(trainer: Trainer, spec: RampSpec, end: Fraction | None) -> None:
    """Refuse ``StochasticWeightAveraging`` during the ramp: it replaces the schedulers, and anneals from the LR that it finds.

    Args:
        trainer: the Trainer whose callbacks are checked.
        spec: the ramp.
        end: the exact epoch in which the ramp ends; ``None`` if it is not known.

    Raises:
        ScheduleError: which names the callback, and the first epoch in which it may begin.
    """
    for callback in callbacks_of(trainer):
        if not is_a(callback, "StochasticWeightAveraging"):
            continue
        epoch: int = callback.swa_start
        if end is None:
            until, fix = "has no known end in epochs", "a ramp in epochs, or leave one of the two out"
        elif epoch < end:
            first = -(-end.numerator // end.denominator)
            until = f"lasts until epoch {float(end):g}"
            fix = f"swa_epoch_start={first} + 1 or later, or a shorter ramp"
        else:
            continue
        raise ScheduleError(
            f"{spec!r}: {type(callback).__name__} moves the learning rate from epoch {epoch} on, and the ramp {until}. Write {fix}."
        )
