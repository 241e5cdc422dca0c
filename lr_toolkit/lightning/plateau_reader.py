"""Reads the metric of a plateau once each time that it is produced, with the same value on every rank."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.callbacks import Callback
from typing_extensions import override

from lr_toolkit.errors import ScheduleError, warn
from lr_toolkit.lightning._compat import (
    callback_metrics_logged_so_far,
    callbacks_of,
    epoch_metrics,
    is_a,
    is_epoch_whole,
    progress_of,
)

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from torch import Tensor

    from lr_toolkit.optim import ScheduledLR

__all__ = ["attach_plateau", "gathered", "has_reader", "nearest_names"]


def attach_plateau(trainer: Trainer | None, scheduler: ScheduledLR) -> None:
    """Let ``trainer`` pass each value of the metric to ``scheduler``, before its checkpoints are saved."""
    if trainer is None:
        raise ScheduleError(
            "plateau=ReduceOnPlateau(...) needs the Trainer that produces its metric: pass self.trainer."
        )
    scheduler.warns_of_no_reading = False  # the reader does
    callbacks: list[Callback] = callbacks_of(trainer)
    checkpoints = (index for index, callback in enumerate(callbacks) if is_a(callback, "Checkpoint"))
    callbacks.insert(next(checkpoints, len(callbacks)), _PlateauReader(scheduler, progress_of(trainer)))


def has_reader(trainer: Trainer, scheduler: ScheduledLR) -> bool:
    """Whether ``trainer`` passes the values of the metric to ``scheduler``."""
    readers = (callback for callback in callbacks_of(trainer) if isinstance(callback, _PlateauReader))
    return any(reader.scheduler is scheduler for reader in readers)


class _PlateauReader(Callback):
    """Passes each new value of the metric to the scheduler, which keeps all state.

    Lightning reads the metric at the scheduler's interval. It may read a value twice, a stale value, the value of one rank, or
    read it after the checkpoint was saved. Here the value of a validation is new if ``trainer.callback_metrics`` holds another
    tensor than at the beginning of the validation (two validations may give equal numbers). The value of an epoch is new if it
    was logged in that epoch: while Lightning collects a metric, each access returns another tensor.
    """

    def __init__(self, scheduler: ScheduledLR, saved: Mapping[str, Any] | None) -> None:
        self.scheduler = scheduler
        self._saved = saved  # the progress of the loops in the checkpoint
        self._before: Tensor | None = None
        self._ending: Trainer | None = None  # set from the end of an epoch to the beginning of the next
        self._logged = False
        self._readings = 0
        self._read_at = -1
        self._expected = False
        self._has_warned = False

    @property
    def _every(self) -> int | None:
        plateau = self.scheduler.plateau
        return plateau.every if plateau else None

    @property
    def _kind(self) -> str:
        return type(self.scheduler.plateau).__name__

    @property
    def _monitor(self) -> str:
        plateau = self.scheduler.plateau
        return plateau.monitor if plateau else ""

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # A reader is created after this hook of its own fit. So this is a later fit, which has a reader of its own.
        # The list is replaced, because Lightning is iterating over it.
        others = [callback for callback in callbacks_of(trainer) if callback is not self]
        trainer.callbacks = others  # type: ignore[attr-defined]  # its callback connector sets it

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # The value of this update was read before the checkpoint was saved; there is none before the first update.
        self._read_at = self.scheduler.last_epoch
        saved, self._saved = self._saved, None
        if saved and self._every is None and trainer.is_global_zero and _was_due(trainer, saved):
            warn(
                "LR408",
                f"{self._kind}(monitor={self._monitor!r}) misses a reading: the checkpoint was saved at the end of a batch, just before "
                f"{self._monitor!r} was read, and Lightning does not repeat that. A rule that counts readings acts later than it would "
                "have. Write ModelCheckpoint(every_n_epochs=1), which saves after the reading, in place of every_n_train_steps.",
            )

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._before = self._known(trainer)

    @override
    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking and self._every is None:
            self._expected = True
            self._read(trainer, self._new(trainer))

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        updates = self.scheduler.last_epoch
        if self._every and updates != self._read_at and updates % self._every == 0:
            self._read_at = updates
            self._expected = True
            self._read(trainer, callback_metrics_logged_so_far(trainer).get(self._monitor))

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._every is not None:
            return
        self._expected |= not trainer.enable_validation
        logged = epoch_metrics(trainer).get(self._monitor)
        self._read(trainer, logged)
        self._before, self._logged, self._ending = self._known(trainer), logged is not None, trainer

    @override
    def state_dict(self) -> dict[str, Any]:
        # A checkpoint at the end of an epoch asks for this state before the scheduler's. The mean over ranks can be taken here:
        # Lightning collects the contents of a checkpoint on every rank, and writes them on rank 0.
        self._read_late()
        return {}

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._read_late()
        self._refuse_missing(trainer)

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._read_late()
        self._refuse_missing(trainer)
        if not (self._readings or self._has_warned) and trainer.ckpt_path is None and trainer.is_global_zero:
            warn("LR410", self._never_read(trainer))

    def _never_read(self, trainer: Trainer) -> str:
        moment, fix = "first validation", "Trainer(check_val_every_n_epoch=1)"
        if self._every:
            moment, fix = f"update {self._every}", f"{self._kind}(..., every={max(self.scheduler.last_epoch // 10, 1)})"
        elif trainer.fit_loop.epoch_progress.current.completed <= 1 and not is_epoch_whole(trainer):
            batches = trainer.fit_loop.epoch_loop.batch_progress.current.ready
            fix = f"Trainer(check_val_every_n_epoch=1, val_check_interval={max(batches // 2, 1)})"
        return (
            f"{self._kind}(monitor={self._monitor!r}) was never read: the run ended before its {moment}. Read it earlier, for "
            f"example with {fix}."
        )

    def _read_late(self) -> None:
        """Read a value that the module logged in its own ``on_train_epoch_end``, which runs after this callback's."""
        trainer, self._ending = self._ending, None
        if trainer is not None:
            self._read(trainer, None if self._logged else self._new(trainer))

    def _refuse_missing(self, trainer: Trainer) -> None:
        """Refuse a metric that was not logged by the time at which it was expected."""
        if not self._expected or self._readings:
            return
        names = sorted(trainer.callback_metrics)
        if self._every and self._monitor in names:
            raise ScheduleError(
                f"{self._kind}(monitor={self._monitor!r}, every={self._every}): every= reads what training_step logs for each step, "
                f"and {self._monitor!r} is not logged there. Leave out every= to read it when it is produced, or write "
                f"self.log({self._monitor!r}, value) in training_step."
            )
        near = nearest_names(self._monitor, names)
        fix = f"Did you mean monitor={near[0]!r}?" if near else f"Log it: self.log({self._monitor!r}, value)."
        if not near and not self._every and trainer.enable_validation:
            self._warn_of_missing(trainer, names)
            return
        if not trainer.enable_validation:
            fix = f"This run does not validate: give trainer.fit(...) a validation dataloader, or log it in training. {fix}"
        raise ScheduleError(
            f"{self._kind}(monitor={self._monitor!r}): no such metric was logged by the end of the first epoch in which it "
            f"could be. The metrics are {', '.join(names) or 'none'}. {fix}"
        )

    def _warn_of_missing(self, trainer: Trainer, names: list[str]) -> None:
        """Warn once of a metric that resembles none of those that were logged: a later validation may bring it."""
        if self._has_warned:
            return
        self._has_warned = True
        if trainer.is_global_zero:
            warn(
                "LR407",
                f"{self._kind}(monitor={self._monitor!r}): no such metric was logged by the end of the first epoch in which it "
                f"could be, so the plateau waits for it. The metrics are {', '.join(names) or 'none'}. If none of the later "
                f"validations brings it, write self.log({self._monitor!r}, value) in validation_step.",
            )

    def _known(self, trainer: Trainer) -> Tensor | None:
        metrics: dict[str, Tensor] = trainer.callback_metrics
        return metrics.get(self._monitor)

    def _new(self, trainer: Trainer) -> Tensor | None:
        value = self._known(trainer)
        return None if value is self._before else value

    def _read(self, trainer: Trainer, value: Tensor | None) -> None:
        if not any(config.scheduler is self.scheduler for config in trainer.lr_scheduler_configs):
            return  # another scheduler has replaced it, as under weight averaging
        mean = _mean_over_ranks(trainer, value)
        if mean is not None:
            self._readings += 1
            self.scheduler.observe(mean)


def _was_due(trainer: Trainer, saved: Mapping[str, Any]) -> bool:
    """Whether a checkpoint was saved between the last batch before a validation, or of an epoch, and what follows that batch."""
    batches = saved["epoch_loop.batch_progress"]
    done = batches["current"]["processed"]
    if batches["current"]["completed"] >= done:  # Lightning counts a batch as completed after the hooks at its end
        return False
    every = trainer.check_val_every_n_epoch
    if not trainer.enable_validation:
        return bool(batches["is_last_batch"])
    if every is not None and (saved["epoch_progress"]["current"]["processed"] + 1) % every:
        return False
    interval: Any = trainer.val_check_batch
    if math.isinf(interval):
        return bool(batches["is_last_batch"])
    return not (done if every is not None else batches["total"]["processed"]) % interval


def nearest_names(name: str, names: Collection[str], *, cutoff: float = 0.6) -> list[str]:
    """The metrics that ``name`` may have meant: those that begin with it, as ``val_loss/dataloader_idx_0`` does, or a similar one."""
    return sorted(known for known in names if known.startswith(f"{name}/")) or get_close_matches(
        name, names, n=1, cutoff=cutoff
    )


def _mean_over_ranks(trainer: Trainer, value: Tensor | None) -> float | None:
    """The mean over the ranks that have a value, the same on every rank. Equal values are returned unchanged."""
    if trainer.world_size == 1:
        return None if value is None else float(value)
    values = [reading for reading, present in gathered(trainer, value) if present]
    if not values:
        return None
    return values[0] if len(set(values)) == 1 else sum(values) / len(values)


def gathered(trainer: Trainer, value: Tensor | None) -> list[tuple[float, bool]]:
    """The value of each rank, and whether it has one. Every rank has to call this."""
    own = torch.full((2,), float("nan"), dtype=torch.float64, device=trainer.strategy.root_device)
    if value is not None:
        own[0] = value
    own[1] = value is not None
    ranks: list[list[float]] = trainer.strategy.all_gather(own).reshape(-1, 2).tolist()
    return [(reading, bool(present)) for reading, present in ranks]
