"""Who else moves the learning rate during a warmup ramp: hooks that must not see the ramp, a callback that has to wait for its end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING, Any

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning.kinds import is_a, steps_schedulers_itself
from lr_toolkit.lightning.settings import callbacks_of
from lr_toolkit.optim.shadow import Shadow

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from torch.optim import Optimizer

__all__ = ["hide_ramp", "refuse_companions"]

# Hooks that move an optimizer's LR, and how it is found in what Lightning hands them.
_MOVERS: dict[str, Callable[[tuple[Any, ...]], Optimizer]] = {
    "lr_scheduler_step": lambda handed: handed[0].optimizer,
    "finetune_function": lambda handed: handed[-1],
}


def hide_ramp(trainer: Trainer, module: LightningModule) -> Callable[[], None]:
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
    shadow = Shadow.around(_MOVERS[name](args))
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
