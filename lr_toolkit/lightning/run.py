"""How long a Trainer is going to train, in optimizer updates, worked out without harming the run."""

from __future__ import annotations

import math
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, final

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.lightning._compat import callbacks_of, forget_dataloader, has_dataloader, is_trial
from lr_toolkit.schedules import Horizon
from lr_toolkit.schedules.routes import horizon_from, horizon_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lightning.pytorch import Trainer

__all__ = ["horizon_of"]

# What Lightning silently puts where neither max_epochs nor max_steps is given.
_UNSET_EPOCHS = 1000


def horizon_of(trainer: Trainer, interval: Literal["step", "epoch"] = "step") -> Horizon:
    """The length of a Trainer's run: its optimizer updates, and the updates of each epoch.

    Worked out from ``max_epochs``, ``max_steps``, the training dataloader, ``limit_train_batches``,
    ``accumulate_grad_batches`` (the last, shorter group of an epoch counts), ``GradientAccumulationScheduler`` (exactly,
    epoch by epoch) and the number of devices. Early stopping and ``max_time`` may end the run before, and so may ``max_epochs``
    where there is ``max_steps`` too and the dataloader has no length. A dataloader that is reloaded is taken to keep its length.
    Under manual optimization one update of each optimizer per batch is assumed; where there are several and ``max_steps`` ends
    the run, which counts the updates of all of them, pass ``horizon=``.

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
            f"horizon_of(trainer={shorten(trainer)}): must be the Trainer. Write horizon_of(self.trainer) in "
            f"configure_optimizers, or {_by_hand(interval)}"
        )
    epochs, steps = _limits(trainer)
    why = ""
    if epochs == 0 or steps == 0:
        why = "it takes no update at all (max_epochs=0 or max_steps=0)"
    elif epochs == _UNSET_EPOCHS and steps == -1:
        why = "max_epochs is not set, or 1000, which is what Lightning puts in its place"
    elif epochs == -1 and steps == -1:
        why = "it trains without end (max_epochs=-1, or only max_time)"
    if why:
        raise _unknown(why, "Trainer(max_epochs=10)", interval)
    first, updates = _behind(trainer)
    if interval == "epoch" and steps == -1:
        return Horizon(epochs - first, unit="epoch")
    batches = _batches_per_epoch(trainer)
    if math.isinf(batches):
        if interval == "epoch":
            raise _unknown(
                "the training dataloader has no length, so max_steps ends it in an unknown epoch",
                "Trainer(max_epochs=10), Trainer(limit_train_batches=500)",
                interval,
            )
        if steps == -1:
            raise _unknown(
                "the training dataloader has no length",
                "Trainer(max_steps=10_000), Trainer(limit_train_batches=500)",
                interval,
            )
        return Horizon(steps - updates)
    total, lengths = _ahead(trainer, first, updates)
    return Horizon(len(lengths), unit="epoch") if interval == "epoch" else Horizon(total, lengths)


@final
class TrainerRunLength:
    """What says of a Trainer's run how long it is, also when it goes on from a checkpoint.

    ``horizon_of`` takes the whole run to be as it is now. Where devices, accumulation or the batch size have changed since a
    checkpoint, the epochs that are over were of another length, which the saved horizon tells. ``horizon_after`` is asked
    where the scheduler's state is loaded: Lightning has put its loops' progress back by then, and has not in
    ``configure_optimizers``.
    """

    def __init__(self, trainer: Trainer, horizon: Horizon) -> None:
        self._trainer = trainer
        if horizon.unit == "epoch" and _may_resume(trainer):
            _batches_per_epoch(trainer)
        self._batches = trainer.fit_loop.max_batches
        epochs, steps = _limits(trainer)
        self._said = {
            **horizon_state(horizon),
            "accumulate": _accumulations(trainer),
            "max_epochs": epochs,
            "max_steps": steps,
            "behind": _behind(trainer)[0],
        }

    @property
    def said(self) -> dict[str, Any]:
        """What the length of a whole run as it is now comes from, as plain data."""
        if math.isinf(self._batches):  # a horizon in epochs did not need to know them
            self._batches = self._trainer.fit_loop.max_batches
        return {**self._said, "batches": None if math.isinf(self._batches) else self._batches}

    def kept(self, said: Mapping[str, Any]) -> Literal["steps", "epochs"] | None:
        """The unit in which this run is as long as the one that ``said`` this; ``None`` where its length differs."""
        was, now = _end(said), _end(self.said)
        return now[0] if was == now else None

    def horizon_after(self, said: Mapping[str, Any], saved: Horizon, taken: int) -> Horizon:
        """The length of this run, of which so many steps were taken on the way to the horizon ``saved``, as ``said``."""
        if said == self.said and not _forgets_accumulation(self._trainer):
            return saved
        return _horizon_after(self._trainer, saved, taken, behind=said.get("behind", 0))


def horizon_from_here(trainer: Trainer, whole: Horizon, taken: int) -> Horizon:
    """The length of a run that goes on after so many updates, of which nothing says how they were divided into epochs.

    ``whole`` is the horizon of a run that always goes at today's rate. Where that does not fit, the epochs that are over are
    taken to be alike.
    """
    return _horizon_after(trainer, whole, taken, is_guess=True)


def _horizon_after(trainer: Trainer, saved: Horizon, taken: int, *, behind: int = 0, is_guess: bool = False) -> Horizon:
    """``behind`` are the epochs of an earlier fit, from which the one that saved the checkpoint went on."""
    epochs, steps = _limits(trainer)
    first, done = _reached(trainer)
    over = 0 <= epochs <= first or 0 <= steps <= trainer.global_step
    if over or is_trial(trainer):
        return saved  # nothing is left to train, or the run is cut on purpose: what was planned is not in question
    if steps == -1 and saved.unit == "epoch":
        again = max(taken - (first - behind), 0)  # an epoch that was counted, and goes on
        return Horizon(epochs - behind + again, unit="epoch")
    if math.isinf(trainer.fit_loop.max_batches):
        return Horizon(taken + steps - trainer.global_step)
    total, lengths = _ahead(trainer, first, trainer.global_step, done)
    if saved.unit == "epoch":
        return Horizon(taken + len(lengths), unit="epoch")
    old = saved.epoch_steps or (lengths[-1],)
    past = [old[min(epoch, len(old) - 1)] for epoch in range(first - behind)]
    if is_guess:
        before = taken - (_ahead(trainer, first, trainer.global_step)[1][0] - lengths[0])
        if sum(past) != before:
            past = [max((at + 1) * before // first - at * before // first, 1) for at in range(first)]
    lengths[0] += max(taken - sum(past), 0)
    return Horizon(taken + total, [*past, *lengths])


def _limits(trainer: Trainer) -> tuple[int, int]:
    """``max_epochs`` and ``max_steps``, each -1 where it sets no limit."""
    return -1 if trainer.max_epochs is None else trainer.max_epochs, trainer.max_steps


def _end(said: Mapping[str, Any]) -> tuple[Literal["steps", "epochs"], int]:
    """The limit that ends a run, of which there may be two."""
    if said["max_steps"] == -1 or horizon_from(said).epochs == said["max_epochs"]:
        return "epochs", said["max_epochs"]
    return "steps", said["max_steps"]


def _unknown(why: str, cure: str, interval: str) -> ScheduleError:
    return ScheduleError(
        f"horizon_of(trainer): the length of this run cannot be known: {why}. Write {cure}, or {_by_hand(interval)}"
    )


def _by_hand(interval: str) -> str:
    horizon = "steps=10, unit='epoch'" if interval == "epoch" else "steps=10_000, steps_per_epoch=500"
    return (
        f"say it yourself: horizon=Horizon({horizon}) is an argument of configure_optimizers(...), and an attribute of a "
        "ScheduleMixin's class."
    )


def _batches_per_epoch(trainer: Trainer) -> float:
    """Batches of one epoch on this rank; ``inf`` where the dataloader does not say."""
    loop: Any = trainer.fit_loop
    if not has_dataloader(trainer):
        loop.setup_data()
        if not has_dataloader(trainer):
            raise ScheduleError(
                "horizon_of(trainer): the trainer has no training data yet. Call it in configure_optimizers, with "
                "self.trainer, and with limit_train_batches above 0."
            )
        if _may_resume(trainer):
            # Lightning restores a resumable dataloader's state only where it sets the loader up itself, which it does
            # after the checkpoint was read; a loader that is already there would start over (Lightning #20550).
            forget_dataloader(trainer)
    batches: float = loop.max_batches
    if batches == 0:
        raise ScheduleError(
            "horizon_of(trainer): an epoch has no training batches. Write a larger limit_train_batches, a smaller batch_size, or "
            "drop_last=False."
        )
    return batches


def _may_resume(trainer: Trainer) -> bool:
    """Whether there is a checkpoint; sharded strategies ask for optimizers before that is known."""
    return trainer.ckpt_path is not None or trainer.strategy.restore_checkpoint_after_setup


def _behind(trainer: Trainer) -> tuple[int, int]:
    """Epochs and updates of an earlier ``fit`` of this Trainer, from which a later one goes on with a new optimizer.

    A checkpoint brings its own counts, and its scheduler's; where nothing is left to train the whole run is as good.
    """
    epochs, steps = _limits(trainer)
    progress: Any = trainer.fit_loop.epoch_progress.current
    behind = progress.processed, trainer.global_step
    # Two optimizers count two updates a batch, so max_steps may be overshot.
    over = 0 <= epochs <= behind[0] or 0 <= steps <= behind[1]
    return (0, 0) if over or trainer.ckpt_path is not None else behind


def _reached(trainer: Trainer) -> tuple[int, int]:
    """The epoch in which a run goes on from the checkpoint that was read, and the batches of it that Lightning takes as done."""
    epochs: Any = trainer.fit_loop.epoch_progress.current
    batch: Any = trainer.fit_loop.epoch_loop.batch_progress
    epoch, done, batches = epochs.processed, batch.current.processed, trainer.fit_loop.max_batches
    if epoch == epochs.ready:
        return epoch, 0
    if batch.current.completed < batch.current.processed:
        # Saved in on_train_batch_end: where an epoch has fewer batches now, Lightning begins this one again.
        return epoch + batch.is_last_batch, 0 if done >= batches else done
    if done >= batches and epochs.started == epochs.ready:
        # Saved as a validation ended: it is not run again where its turn would be now, and otherwise comes after one more batch.
        every = trainer.val_check_batch if trainer.enable_validation else math.inf
        return (epoch, int(batches) - 1) if not every or done % every else (epoch + 1, 0)
    return epoch, done


def _ahead(trainer: Trainer, first: int, updates: int, done: int = 0) -> tuple[int, list[int]]:
    """The updates that are left after ``updates`` of them and ``done`` batches of epoch ``first``, in all and in each epoch."""
    epochs, steps = _limits(trainer)
    batches = int(trainer.fit_loop.max_batches)
    left = math.inf if steps == -1 else steps - updates
    # DeepSpeed's engine counts on beyond the last batch of an epoch, where Lightning's own accumulation steps.
    strategy_accumulates = trainer.strategy.handles_gradient_accumulation

    def length(epoch: int) -> int:
        factor = _accumulation(trainer, epoch)
        if done and epoch == first and _forgets_accumulation(trainer):
            factor = trainer.accumulate_grad_batches
        whole = batches // factor if strategy_accumulates else math.ceil(batches / factor)
        return max(whole - (done // factor if epoch == first else 0), 1)

    lengths: list[int] = []
    total = 0
    for epoch in count(first) if epochs == -1 else range(first, epochs):
        if total >= left:
            break
        lengths.append(length(epoch))
        total += lengths[-1]
    return int(min(total, left)), lengths


def _by_epoch(trainer: Trainer) -> Any:
    """The callback that changes the accumulation over the epochs, if there is one."""
    return next((one for one in callbacks_of(trainer) if hasattr(one, "get_accumulate_grad_batches")), None)


def _accumulation(trainer: Trainer, epoch: int) -> int:
    """Batches for an update in ``epoch``."""
    callback = _by_epoch(trainer)
    factor: int = callback.get_accumulate_grad_batches(epoch) if callback else trainer.accumulate_grad_batches
    return factor


def _accumulations(trainer: Trainer) -> list[list[int]]:
    """From which epoch on there are how many batches for an update, as plain data."""
    callback = _by_epoch(trainer)
    changes = callback.scheduling if callback else {0: trainer.accumulate_grad_batches}
    return [[epoch, factor] for epoch, factor in sorted(changes.items())]


def _forgets_accumulation(trainer: Trainer) -> bool:
    """Whether Lightning goes on in mid-epoch with the accumulation of no epoch: it tells the callback only as an epoch begins."""
    progress: Any = trainer.fit_loop.epoch_progress.current
    return _by_epoch(trainer) is not None and progress.ready > progress.processed
