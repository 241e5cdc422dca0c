"""Follows a Trainer's run: recalculates schedules if its length changes, and moves them on if nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from lr_toolkit.lightning._compat import (
    callbacks_of,
    is_a,
    is_loader_exhausted,
    is_trial,
    optimizer_list,
    steps_schedulers_itself,
)
from lr_toolkit.lightning.finetuning import follow_backbone
from lr_toolkit.lightning.ranks import uneven_batches
from lr_toolkit.lightning.run_length import TrainerRunLength
from lr_toolkit.lightning.run_reports import RunReports
from lr_toolkit.lightning.sparse_callback import SparseCallback

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

    from lr_toolkit.optim import ScheduledLR

__all__ = ["correct_wiring", "follow_run"]

# Callbacks that read LRs or save state, which the follower may change.
_READERS = ("LRMonitor", "LearningRateMonitor", "Checkpoint")


def follow_run(trainer: Trainer, scheduler: ScheduledLR) -> None:
    """Keep ``scheduler`` in step with the run of ``trainer`` until its next fit."""
    if not trainer.lightning_module.automatic_optimization:
        scheduler.moves_with = scheduler.horizon.noun
    callbacks: list[Any] = list(callbacks_of(trainer))
    follower = next((callback for callback in callbacks if isinstance(callback, _RunFollower)), None)
    if follower is None:
        follower = _RunFollower(trainer)
        readers = (index for index, each in enumerate(callbacks) if any(is_a(each, name) for name in _READERS))
        callbacks.insert(next(readers, len(callbacks)), follower)
        # The list is replaced, because Lightning may be iterating over it: an optimizer may be made in the middle of a run.
        trainer.callbacks = callbacks  # type: ignore[attr-defined]  # its callback connector sets it
    follower.add(scheduler)


def correct_wiring(trainer: Trainer, scheduler: ScheduledLR) -> None:
    """Let Lightning step a scheduler that is followed in the unit that it counts, whatever the module's dict has."""
    for follower in (callback for callback in callbacks_of(trainer) if isinstance(callback, _RunFollower)):
        follower.rewired.append(scheduler)


class _RunFollower(SparseCallback):
    """Recalculates the schedules at the beginning of a batch, if a fact that decides the length of the run has changed.

    It looks for exchanged optimizers, too, so that the hook of the monitor behind it is not needed.
    By then all other callbacks and the module have run their hooks for the beginning of the epoch. The ranks communicate only after
    a dataloader was reloaded, until their epochs differ: all other facts are the same on all of them.
    """

    def __init__(self, trainer: Trainer) -> None:
        super().__init__()
        self._strategy = trainer.strategy  # is looked at in each batch
        self._schedulers: list[ScheduledLR] = []
        self._facts: list[Any] | None = None  # as they were seen last
        self._seen: list[Any] = []  # the lists of groups whose identities are among these facts
        self._behind: SparseCallback | None = None  # the callback right behind this one, whose hook may be None
        self._has_begun = False
        self._is_whole_epoch = True  # the epoch in progress was not resumed in its middle
        self._reports = RunReports()
        self._resumed: list[ScheduledLR] = []  # those whose state a checkpoint may hold
        self.rewired: list[ScheduledLR] = []  # those that are stepped as they count, whatever the module's dict has

    def add(self, scheduler: ScheduledLR) -> None:
        """Follow the run with this scheduler, too."""
        self._schedulers.append(scheduler)
        self._facts = None

    # --- what Lightning calls ---

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # A follower is created after this hook of its own fit. So this is a later fit, which has one of its own.
        others = [callback for callback in callbacks_of(trainer) if callback is not self]
        trainer.callbacks = others  # type: ignore[attr-defined]  # its callback connector sets it

    @override
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for config in trainer.lr_scheduler_configs if pl_module.automatic_optimization else ():
            if any(config.scheduler is scheduler for scheduler in self.rewired):
                self._rewire(trainer, config)

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if pl_module.automatic_optimization:
            self.on_train_batch_end = None  # type: ignore[assignment,method-assign]  # Lightning passes over it
        self._facts = None
        self._read_epochs(trainer)
        in_use = [scheduler for scheduler, _ in self._followed(trainer)]
        for scheduler in self._schedulers:
            if scheduler not in in_use:  # weight averaging was in charge when the checkpoint was saved
                scheduler.leave_groups()
        if trainer.ckpt_path is None:
            self._recalculate(trainer)
        self._resumed = list(self._schedulers)
        self._is_whole_epoch = not trainer.ckpt_path or not _batches_done(trainer)

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._is_whole_epoch = True
        self._facts = None
        if trainer.reload_dataloaders_every_n_epochs:  # type: ignore[attr-defined]  # its data connector sets it
            self._agree(trainer)
        self._write_new_groups(trainer, begins_epoch=True)

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        loop = trainer.fit_loop
        facts: list[Any] = [
            trainer.accumulate_grad_batches,
            loop.max_epochs,
            loop.epoch_loop.max_steps,
            loop.max_batches,
        ]
        facts += optimizer_list(self._strategy)
        for scheduler in self._schedulers:
            groups = scheduler.optimizer.param_groups
            facts += (id(groups), len(groups))
        if facts == self._facts:
            return
        self._seen = [scheduler.optimizer.param_groups for scheduler in self._schedulers]
        is_automatic = pl_module.automatic_optimization
        self._write_new_groups(trainer, begins_epoch=not _batches_done(trainer))
        if not is_automatic:
            self._measure(trainer)
        elif not self._has_begun and trainer.is_global_zero:
            for scheduler, _ in self._followed(trainer):
                scheduler.end_start()
        self._has_begun = True
        self._recalculate(trainer)
        self._begin_behind(trainer, pl_module, batch, batch_idx)
        # Under manual optimization each batch is looked at: the updates that it takes decide, too.
        self._facts = facts if is_automatic else None

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if pl_module.automatic_optimization:  # this follower has joined a run that had begun
            return
        is_last: bool = trainer.fit_loop.epoch_loop.batch_progress.is_last_batch
        for scheduler, _ in self._followed(trainer):
            scheduler.end_batch()
            # A checkpoint of this batch counts its epoch as ended. Lightning moves schedulers before it, too.
            if is_last and scheduler.horizon.unit == "epoch" and scheduler.has_update:
                scheduler.advance()

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not _is_complete(trainer):
            return
        is_ours_to_step = not (pl_module.automatic_optimization and steps_schedulers_itself(pl_module))
        for scheduler, length in self._followed(trainer):
            if length is not None and self._is_whole_epoch and is_loader_exhausted(trainer):
                length.measure_epoch()
            # Lightning steps a scheduler at the batch that it takes for the last of the epoch, which may never come, and none
            # under manual optimization. A scheduler that was stepped since its last update does not move.
            if scheduler.horizon.unit == "epoch" and scheduler.has_update and is_ours_to_step:
                scheduler.advance()

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._restore_hook_behind()

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._restore_hook_behind()

    # --- what it does ---

    def _begin_behind(self, trainer: Trainer, *batch: Any) -> None:
        """Begin the batch of the callback right behind this one, too: no other callback comes between the two."""
        self._restore_hook_behind()
        pairs = pairwise(callbacks_of(trainer))
        behind = next((second for first, second in pairs if first is self), None)
        if isinstance(behind, SparseCallback):
            self._behind = behind
            behind.begin_batch_after_change(trainer, *batch)

    def _restore_hook_behind(self) -> None:
        if self._behind is not None:
            self._behind.restore_hook()
            self._behind = None

    def _rewire(self, trainer: Trainer, config: Any) -> None:
        """Correct the interval and the frequency of a config that the module wrote for another scheduler."""
        unit = config.scheduler.horizon.unit
        given = (config.interval, config.frequency)
        if given == (unit, 1):
            return
        config.interval, config.frequency = unit, 1
        self._reports.rewired(trainer, config.scheduler, *given)

    def _write_new_groups(self, trainer: Trainer, *, begins_epoch: bool) -> None:
        """Let a reader see the LR that a late group is going to use, and not the base LR with which it came."""
        for scheduler, _ in self._followed(trainer):
            if begins_epoch:
                follow_backbone(trainer, scheduler)
            scheduler.write_new_groups()

    def _followed(self, trainer: Trainer) -> Iterator[tuple[ScheduledLR, TrainerRunLength | None]]:
        """The schedulers that are still in use, each with its run length if that is the Trainer's."""
        configured = {id(config.scheduler) for config in trainer.lr_scheduler_configs}
        for scheduler in self._schedulers:
            if id(scheduler) in configured:
                length = scheduler.run_length
                yield scheduler, length if isinstance(length, TrainerRunLength) else None

    def _read_epochs(self, trainer: Trainer) -> None:
        """Divide into epochs the schedules that were made before the dataloader was set up."""
        followed = [(scheduler, length) for scheduler, length in self._followed(trainer) if length is not None]
        waiting = [(scheduler, length) for scheduler, length in followed if length.awaits_data]
        batches = uneven_batches(trainer, {"step"}) if waiting else []
        for scheduler, length in waiting:
            horizon = length.read_epochs(scheduler.last_epoch, batches[0] if batches else None)
            if horizon != scheduler.horizon:
                scheduler.recalculate(horizon)

    def _agree(self, trainer: Trainer) -> None:
        """Follow the first rank from now on if the epochs of the ranks differ. They are at the same update for the last time."""
        followed = [(scheduler, length) for scheduler, length in self._followed(trainer) if length is not None]
        if not followed or any(length.has_agreed for _, length in followed):
            return
        batches = uneven_batches(trainer, {scheduler.horizon.unit for scheduler, _ in followed})
        for _, length in followed if batches else ():
            length.agree(batches[0])

    def _measure(self, trainer: Trainer) -> None:
        """Measure the updates per batch under manual optimization, at an epoch's start and after 1, 2, 4, 8 ... batches."""
        begins_epoch = not _batches_done(trainer)
        for scheduler, length in self._followed(trainer):
            scheduler.end_batch()
            if length is None:
                continue
            batches = length.batches_measured
            is_first_epoch = not begins_epoch and batches == _batches_done(trainer)
            if begins_epoch or (is_first_epoch and batches & (batches - 1) == 0):
                length.measure_pace(scheduler.last_epoch, begins_epoch=begins_epoch)

    def _recalculate(self, trainer: Trainer) -> None:
        """Recalculate the schedules if the run has another length now."""
        if is_trial(trainer):
            return
        for scheduler, length in self._followed(trainer):
            if length is None:
                continue
            if _is_fresh(trainer, scheduler, length):
                whole = scheduler.horizon
                scheduler.recalculate(length.horizon_from_here())
                if any(
                    each is scheduler for each in self._resumed
                ):  # or its optimizer was made after the run had begun
                    self._reports.begun_on_the_way(trainer, scheduler, whole)
                continue
            known, taken = scheduler.horizon, scheduler.last_epoch
            horizon = length.horizon_now(known, taken, is_used=scheduler.has_update)
            if horizon.steps != known.steps or (not taken and horizon != known):
                has_changed = scheduler.recalculate(horizon)
                self._reports.recalculated(trainer, scheduler, length, known, has_changed=has_changed)


def _batches_done(trainer: Trainer) -> int:
    """The batches of the epoch in progress that are done."""
    batches: Any = trainer.fit_loop.epoch_loop.batch_progress.current
    return int(batches.processed)


def _is_fresh(trainer: Trainer, scheduler: ScheduledLR, length: TrainerRunLength) -> bool:
    """Whether a scheduler is at its beginning although a checkpoint has put the run on its way."""
    return bool(trainer.ckpt_path) and not length.is_placed and not scheduler.last_epoch and trainer.global_step > 0


def _is_complete(trainer: Trainer) -> bool:
    """Whether the epoch that ends has had all its batches; a limit of updates or a request to stop may have cut it."""
    batches: Any = trainer.fit_loop.epoch_loop.batch_progress
    if batches.is_last_batch or batches.current.ready >= trainer.fit_loop.max_batches:
        return True
    return not (trainer.should_stop or trainer.received_sigterm or 0 <= trainer.max_steps <= trainer.global_step)
