"""Reading a plateau's metric: once each time that it is produced, the same value on every rank."""

from __future__ import annotations

import warnings
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.callbacks import Callback
from typing_extensions import override

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import callback_metrics_logged_so_far, callbacks_of, epoch_metrics, is_a

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from torch import Tensor

    from lr_toolkit.optim import ScheduledLR

__all__ = ["attach_plateau", "gathered", "has_reader"]


def attach_plateau(trainer: Trainer | None, scheduler: ScheduledLR) -> None:
    """Let ``trainer`` feed the metric to the plateau reaction of ``scheduler``, before its checkpoints are saved."""
    if trainer is None:
        raise ScheduleError(
            "plateau=ReduceOnPlateau(...) needs the Trainer that produces its metric: pass self.trainer."
        )
    callbacks: list[Callback] = callbacks_of(trainer)
    before = next((at for at, one in enumerate(callbacks) if is_a(one, "Checkpoint")), len(callbacks))
    callbacks.insert(before, _PlateauReader(scheduler))


def has_reader(trainer: Trainer, scheduler: ScheduledLR) -> bool:
    """Whether ``trainer`` feeds the plateau reaction of ``scheduler``."""
    return any(isinstance(one, _PlateauReader) and one.scheduler is scheduler for one in callbacks_of(trainer))


class _PlateauReader(Callback):
    """Hands each new value of the metric to the scheduler, which keeps all state.

    Lightning's own way reads the metric when the scheduler's interval comes round: a value twice, a stale one, one rank's
    own, or only after the checkpoint was saved. Here a validation's value is new where ``trainer.callback_metrics`` holds
    another tensor than when it began (two validations may well give equal ones). An epoch's is where it was logged in that
    epoch: while Lightning still collects a metric, it gives another tensor each time that it is asked.
    """

    def __init__(self, scheduler: ScheduledLR) -> None:
        self.scheduler = scheduler
        self._before: Tensor | None = None
        self._ending: Trainer | None = None  # from the end of an epoch to the beginning of the next
        self._logged = False
        self._readings = 0
        self._read_at = -1
        self._expected = False

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
        # A reader is made after this hook of its own fit, so here a later run begins, which brings its own.
        # Another list, because Lightning is walking through this one.
        left = [one for one in callbacks_of(trainer) if one is not self]
        trainer.callbacks = left  # type: ignore[attr-defined]  # set by its callback connector

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # What was logged for this update was read before the checkpoint was saved; before the first one there is nothing.
        self._read_at = self.scheduler.last_epoch

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
        # A checkpoint at an epoch's end asks for this before it asks for the scheduler's state. The ranks' mean is taken
        # here: Lightning makes a checkpoint's contents on every rank, and lets rank 0 alone write them.
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
        if not self._readings and trainer.ckpt_path is None:
            why, cure = "first validation", "Trainer(check_val_every_n_epoch=1)"
            if self._every:
                why, cure = (
                    f"update {self._every}",
                    f"{self._kind}(..., every={max(self.scheduler.last_epoch // 10, 1)})",
                )
            elif trainer.fit_loop.epoch_progress.current.completed == 0:
                cure = "Trainer(val_check_interval=0.25)"
            warnings.warn(
                f"{self._kind}(monitor={self._monitor!r}) was never read: the run ended before its {why}. Read it earlier, for "
                f"example with {cure}.",
                UserWarning,
                stacklevel=2,
            )

    def _read_late(self) -> None:
        """Read what the module logged in its own ``on_train_epoch_end``, which comes after this callback's."""
        trainer, self._ending = self._ending, None
        if trainer is not None:
            self._read(trainer, None if self._logged else self._new(trainer))

    def _refuse_missing(self, trainer: Trainer) -> None:
        if not self._expected or self._readings:
            return
        names = sorted(trainer.callback_metrics)
        if self._every and self._monitor in names:
            raise ScheduleError(
                f"{self._kind}(monitor={self._monitor!r}, every={self._every}): every= reads what training_step logs for each step, "
                f"and {self._monitor!r} is not logged so. Leave out every= to read it where it is produced, or write "
                f"self.log({self._monitor!r}, value) in training_step."
            )
        near = get_close_matches(self._monitor, names, n=1)
        cure = f"Did you mean monitor={near[0]!r}?" if near else f"Log it: self.log({self._monitor!r}, value)."
        if not trainer.enable_validation:
            cure = f"This run does not validate: give trainer.fit(...) a validation dataloader, or log it in training. {cure}"
        raise ScheduleError(
            f"{self._kind}(monitor={self._monitor!r}): no such metric was logged by the end of the first epoch in which it "
            f"could be. The metrics are {', '.join(names) or 'none'}. {cure}"
        )

    def _known(self, trainer: Trainer) -> Tensor | None:
        metrics: dict[str, Tensor] = trainer.callback_metrics
        return metrics.get(self._monitor)

    def _new(self, trainer: Trainer) -> Tensor | None:
        value = self._known(trainer)
        return None if value is self._before else value

    def _read(self, trainer: Trainer, value: Tensor | None) -> None:
        if not any(config.scheduler is self.scheduler for config in trainer.lr_scheduler_configs):
            return  # another scheduler has taken over, as weight averaging does
        mean = _mean_over_ranks(trainer, value)
        if mean is not None:
            self._readings += 1
            self.scheduler.observe(mean)


def _mean_over_ranks(trainer: Trainer, value: Tensor | None) -> float | None:
    """The mean of the ranks that have a value, the same on all of them; equal values pass unchanged."""
    if trainer.world_size == 1:
        return None if value is None else float(value)
    values = [reading for reading, present in gathered(trainer, value) if present]
    if not values:
        return None
    return values[0] if len(set(values)) == 1 else sum(values) / len(values)


def gathered(trainer: Trainer, value: Tensor | None) -> list[tuple[float, bool]]:
    """The value of each rank and whether it has one; every rank has to ask."""
    mine = torch.full((2,), float("nan"), dtype=torch.float64, device=trainer.strategy.root_device)
    if value is not None:
        mine[0] = value
    mine[1] = value is not None
    every: list[list[float]] = trainer.strategy.all_gather(mine).reshape(-1, 2).tolist()
    return [(reading, bool(present)) for reading, present in every]
