"""Sets up the training dataloader, which gives the batches of an epoch, once in a fit and at the place that a checkpoint saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import Callback
from typing_extensions import override

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import (
    callbacks_of,
    forget_dataloader,
    has_dataloader,
    loaded_progress,
    progress_of,
    saves_dataloader,
)

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

__all__ = ["set_up_dataloader"]


def set_up_dataloader(trainer: Trainer) -> None:
    """Let Lightning set up the training dataloader now; it does not do so again when the fit begins.

    At a resume Lightning sets it up after it has restored the progress of the run, which gives a resumable dataloader its
    position (Lightning #20550). So that progress is restored for as long as the set-up takes.

    Raises:
        ScheduleError: if there is no training data yet.
    """
    if has_dataloader(trainer):
        return
    with loaded_progress(trainer):
        trainer.fit_loop.setup_data()
    if not has_dataloader(trainer):
        raise ScheduleError(
            "horizon_of(trainer): the trainer has no training data yet. Call it in configure_optimizers, with "
            "self.trainer, and with limit_train_batches above 0."
        )
    if progress_of(trainer) is None and trainer.strategy.restore_checkpoint_after_setup:
        # The list is replaced, because Lightning may be iterating over it.
        trainer.callbacks = [*callbacks_of(trainer), _LateCheckpoint()]  # type: ignore[attr-defined]  # its callback connector sets it


class _LateCheckpoint(Callback):
    """Lets Lightning set up a resumable dataloader again, if a sharded strategy reads the checkpoint after the set-up."""

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # It was created after this hook of its own fit. So this is a later fit.
        others = [callback for callback in callbacks_of(trainer) if callback is not self]
        trainer.callbacks = others  # type: ignore[attr-defined]  # its callback connector sets it

    @override
    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        if saves_dataloader(checkpoint):
            forget_dataloader(trainer)
