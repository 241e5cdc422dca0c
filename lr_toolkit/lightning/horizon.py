"""How long a Trainer is going to train, in optimizer updates, worked out without harming the run."""

from __future__ import annotations

import math
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules import Horizon

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["horizon_of"]

# What Lightning silently puts where neither max_epochs nor max_steps is given.
_UNSET_EPOCHS = 1000


def horizon_of(trainer: Trainer, interval: Literal["step", "epoch"] = "step") -> Horizon:
    """The length of a Trainer's run: its optimizer updates, and the updates of each epoch.

    Worked out from ``max_epochs``, ``max_steps``, the training dataloader, ``limit_train_batches``,
    ``accumulate_grad_batches`` (the last, shorter group of an epoch counts), ``GradientAccumulationScheduler`` (exactly,
    epoch by epoch) and the number of devices. Early stopping and ``max_time`` may end the run before. Under manual
    optimization one update of each optimizer per batch is assumed; where there are several and ``max_steps`` ends the run, which
    counts the updates of all of them, pass ``horizon=``.

    Call it in ``configure_optimizers``, where the helpers of this package call it for you.

    Args:
        trainer: a Trainer that is about to fit.
        interval: ``"epoch"`` for a horizon in epochs, for a scheduler that is stepped once per epoch.

    Raises:
        ScheduleError: where the length cannot be known: a dataset without length and no ``max_steps``, training without
            end, only ``max_time``, or no limit at all, for which Lightning puts 1000 epochs. ``horizon=`` says it then.

    Example:
        >>> from lr_toolkit import horizon_of
        >>> # in configure_optimizers: horizon_of(self.trainer) -> Horizon(steps=60, steps_per_epoch=20)

    Reference:
        Lightning's ``estimated_stepping_batches``, which gives -1, inf or a wrong number in these cases, and makes a
        resumable dataloader start over.
    """
    if not hasattr(trainer, "fit_loop"):
        raise ScheduleError(
            f"horizon_of(trainer={trainer!r}): must be the Trainer. Write horizon_of(self.trainer) in configure_optimizers, or "
            + _BY_HAND
        )
    epochs = -1 if trainer.max_epochs is None else trainer.max_epochs
    steps = trainer.max_steps
    if epochs == 0 or steps == 0:
        raise _unknown(
            "it takes no update at all (max_epochs=0 or max_steps=0)", f"Trainer(max_epochs=10), or {_BY_HAND}"
        )
    if epochs == _UNSET_EPOCHS and steps == -1:
        raise _unknown(
            "max_epochs is not set, and Lightning puts 1000 epochs in its place",
            f"Trainer(max_epochs=10). If 1000 epochs are meant, {_BY_HAND}",
        )
    if epochs == -1 and steps == -1:
        raise _unknown(
            "it trains without end (max_epochs=-1, or only max_time)", f"Trainer(max_epochs=10), or {_BY_HAND}"
        )
    first, updates = _behind(trainer, epochs, steps)
    if interval == "epoch" and steps == -1:
        return Horizon(epochs - first, unit="epoch")
    batches = _batches_per_epoch(trainer)
    if math.isinf(batches):
        if steps == -1 or interval == "epoch":
            raise _unknown(
                "the training dataloader has no length",
                f"Trainer(max_steps=10_000), Trainer(limit_train_batches=500), or {_BY_HAND}",
            )
        return Horizon(steps - updates)
    if steps != -1:
        steps -= updates
    lengths = _updates_of_epochs(trainer, int(batches), first, epochs, steps)
    total = sum(lengths) if steps == -1 else min(sum(lengths), steps)
    if interval == "epoch":
        return Horizon(len(lengths), unit="epoch")
    return Horizon(total, lengths)


_BY_HAND = "say it yourself: configure_optimizers(..., horizon=Horizon(steps=10_000, steps_per_epoch=500))."


def _unknown(why: str, cure: str) -> ScheduleError:
    return ScheduleError(f"horizon_of(trainer): the length of this run cannot be known: {why}. Write {cure}")


def _batches_per_epoch(trainer: Trainer) -> float:
    """Batches of one epoch on this rank; ``inf`` where the dataloader does not say."""
    loop: Any = trainer.fit_loop
    if loop._combined_loader is None:
        loop.setup_data()
        loader: Any = loop._combined_loader
        if loader is None:
            raise ScheduleError(
                "horizon_of(trainer): the trainer has no training data yet. Call it in configure_optimizers, with "
                "self.trainer, and with limit_train_batches above 0."
            )
        if trainer.ckpt_path is not None:
            # Lightning restores a resumable dataloader's state only where it sets the loader up itself, which it does
            # after the checkpoint was read; a loader that is already there would start over (Lightning #20550).
            loop._combined_loader = None
    batches: float = loop.max_batches
    if batches == 0:
        raise _unknown("an epoch has no training batches", "a larger dataset or limit_train_batches.")
    return batches


def _behind(trainer: Trainer, epochs: int, steps: int) -> tuple[int, int]:
    """Epochs and updates of an earlier ``fit`` of this Trainer, from which a later one goes on with a new optimizer.

    A checkpoint brings its own counts, and its scheduler's; where nothing is left to train the whole run is as good.
    """
    progress: Any = trainer.fit_loop.epoch_progress.current
    behind = progress.processed, trainer.global_step
    # Two optimizers count two updates a batch, so max_steps may be overshot.
    over = 0 <= epochs <= behind[0] or 0 <= steps <= behind[1]
    return (0, 0) if over or trainer.ckpt_path is not None else behind


def _updates_of_epochs(trainer: Trainer, batches: int, first: int, epochs: int, steps: int) -> list[int]:
    """The optimizer updates of the epochs from ``first`` on, until epoch ``epochs`` or ``steps`` updates are reached."""
    # DeepSpeed's engine counts on beyond the last batch of an epoch, where Lightning's own accumulation steps.
    strategy_accumulates = trainer.strategy.handles_gradient_accumulation
    callbacks = trainer.callbacks  # type: ignore[attr-defined]  # set by Lightning's callback connector
    schedulers = [one for one in callbacks if hasattr(one, "get_accumulate_grad_batches")]

    def updates(epoch: int) -> int:
        factor = schedulers[0].get_accumulate_grad_batches(epoch) if schedulers else trainer.accumulate_grad_batches
        return max(batches // factor, 1) if strategy_accumulates else math.ceil(batches / factor)

    lengths: list[int] = []
    total = 0
    for epoch in count(first) if epochs == -1 else range(first, epochs):
        if steps != -1 and total >= steps:
            break
        lengths.append(updates(epoch))
        total += lengths[-1]
    return lengths
