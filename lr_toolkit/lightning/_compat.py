"""The only file that touches private attributes of Lightning, and what its types do not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightning.pytorch.utilities.model_helpers import is_overridden

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

__all__ = ["callbacks_of", "has_whole_gradients", "is_a", "is_trial", "logging_cadence", "steps_schedulers_itself"]


def is_a(one: object, name: str) -> bool:
    """Whether ``one`` is of a class of that name, or of one derived from it."""
    return name in (kind.__name__ for kind in type(one).__mro__)


def steps_schedulers_itself(module: LightningModule) -> bool:
    """Whether the module has an ``lr_scheduler_step`` of its own."""
    base = next(one for one in type(module).__mro__ if one.__name__ == "LightningModule")
    return is_overridden("lr_scheduler_step", module, base)


def callbacks_of(trainer: Trainer) -> list[Any]:
    """The Trainer's own list of callbacks, in the order in which their hooks are called."""
    found: list[Any] = trainer.callbacks  # type: ignore[attr-defined]  # set by its callback connector
    return found


def has_whole_gradients(trainer: Trainer | None) -> bool:
    """Whether each rank has its whole gradient, so that its absence means that nothing was learnt: not where it is sharded."""
    return type(getattr(trainer, "strategy", None)).__name__ in ("SingleDeviceStrategy", "DDPStrategy")


def is_trial(trainer: Trainer) -> bool:
    """Whether the run is cut to a few batches on purpose, so that its length says nothing."""
    cut: bool | int = trainer.fast_dev_run  # type: ignore[attr-defined]  # set by Lightning's debugging setup
    return bool(cut)


def logging_cadence(trainer: Trainer) -> int:
    """``log_every_n_steps``."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by its logger connector
    return every
