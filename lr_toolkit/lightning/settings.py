"""What a Trainer was asked for, where its type does not say that it holds it: its connectors set these."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["callbacks_of", "has_whole_gradients", "is_trial", "logging_cadence"]


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
