"""Runs the checks that need a run to go on, and counts what they look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import (
    callbacks_of,
    has_whole_gradients,
    is_epoch_whole,
    lightning_steps,
    steps_schedulers_itself,
)
from lr_toolkit.lightning.checks.finding import Finding, When, checks_for
from lr_toolkit.lightning.checks.progress import RunProgress, StepCounter, UpdateCounter, steps_of
from lr_toolkit.lightning.checks.source import steps_schedulers
from lr_toolkit.lightning.run_layout import run_layout_of
from lr_toolkit.optim import ScheduledLR

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

__all__ = ["RuntimeChecks"]

_ERRORS = frozenset({"LR501"})  # raised under strict=True, if the schedule is of this package


@final
class RuntimeChecks:
    """The checks during training, each of which reports once for each scheduler.

    Args:
        trainer: a Trainer that is about to train, with the schedulers to look at.
        module: the module that it trains.
        strict: raise if a schedule of this package is not stepped.
    """

    def __init__(self, trainer: Trainer, module: LightningModule, *, strict: bool = False) -> None:
        self._strict = strict
        self._layout = run_layout_of(trainer)
        self._is_manual = not module.automatic_optimization
        self._first_epoch = trainer.current_epoch
        self._first_batch = _batches(trainer)
        self._first_lightning_step = lightning_steps(trainer)
        self._reported: set[tuple[str, int]] = set()
        self._updates: dict[int, UpdateCounter] = {}
        self._has_steps = steps_schedulers(module, callbacks_of(trainer))
        is_hooked = steps_schedulers_itself(module)
        self._counters = [
            self._counter(trainer, config, self._is_manual or (is_hooked and not config.reduce_on_plateau))
            for config in trainer.lr_scheduler_configs
        ]

    def _counter(self, trainer: Trainer, config: Any, is_stepped_by_module: bool) -> StepCounter:
        scheduler, updates = config.scheduler, None
        is_per_update = config.interval == "step" and config.frequency == 1 and not config.reduce_on_plateau
        # Ours counts updates itself, so what Lightning steps does not need to be counted again.
        is_stepped_twice = self._has_steps and not (is_stepped_by_module or config.reduce_on_plateau)
        is_counted = (
            is_stepped_by_module or is_stepped_twice or (is_per_update and not isinstance(scheduler, ScheduledLR))
        )
        if is_counted and steps_of(scheduler) is not None:
            key = id(scheduler.optimizer)
            # An optimizer whose updates cannot be noticed is a finding of its own.
            with suppress(ScheduleError):
                if key not in self._updates:
                    self._updates[key] = UpdateCounter(scheduler.optimizer, needs_gradient=has_whole_gradients(trainer))
                updates = self._updates[key]
        return StepCounter(
            config, is_stepped_by_module=is_stepped_by_module, is_stepped_twice=is_stepped_twice, updates=updates
        )

    def check(self, trainer: Trainer, *, starts_epoch: bool = False, ended: bool = False) -> list[Finding]:
        """Report what has shown since the last call.

        Call it when an epoch begins, when validation begins and when training ends. Do not call it when an epoch ends: the
        module's own hook, which may step a scheduler, comes after those of callbacks.

        Raises:
            ScheduleError: with ``strict``, for a schedule of this package that is not stepped.
        """
        epochs, batches = trainer.current_epoch - self._first_epoch, _batches(trainer) - self._first_batch
        run = RunProgress(
            trainer,
            self._layout,
            self._is_manual,
            self._has_steps,
            epochs,
            batches,
            has_ended=ended,
            is_between_epochs=starts_epoch or (ended and is_epoch_whole(trainer)),
            lightning_steps=lightning_steps(trainer) - self._first_lightning_step if len(self._counters) == 1 else None,
        )
        findings = []
        for index, counter in enumerate(self._counters):
            scheduler = counter.progress
            new = list(self._find("during training", index, run, scheduler))
            errors = [finding for finding in new if finding.code in _ERRORS and scheduler.ours]
            if self._strict and errors:
                raise ScheduleError(f"LRMonitor(strict=True): {errors[0]}")
            findings += new
        return findings

    def check_ranks(self, trainer: Trainer) -> list[Finding]:
        """Report what differs between ranks. Call it on all ranks at the end of an epoch, before plateaus step."""
        return [
            finding
            for index, counter in enumerate(self._counters)
            for finding in self._find("at the end of an epoch", index, trainer, counter.config)
        ]

    def _find(self, when: When, index: int, *facts: Any) -> Iterator[Finding]:
        """Run the checks of this moment for a scheduler, except for those that have reported it."""
        for check in checks_for(when):
            if (check.code, index) not in self._reported and (text := check.find(*facts)):
                self._reported.add((check.code, index))
                yield Finding(check.code, text)

    def close(self) -> None:
        """Stop counting; nothing is reported any more."""
        self._counters = []
        for updates in self._updates.values():
            updates.close()
        self._updates = {}


def _batches(trainer: Trainer) -> int:
    """The batches that this Trainer has begun, in all."""
    return int(trainer.fit_loop.epoch_loop.batch_progress.total.ready)
