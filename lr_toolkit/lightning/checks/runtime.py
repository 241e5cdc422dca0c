"""Mistakes that show only while a run goes on: what was stepped, held against the updates that there really were."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from inspect import unwrap
from typing import TYPE_CHECKING, Any, final

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import has_whole_gradients, is_trial, steps_schedulers_itself
from lr_toolkit.lightning.checks.late import late_traps
from lr_toolkit.lightning.checks.units import length_of
from lr_toolkit.lightning.plateau_reader import gathered
from lr_toolkit.lightning.run_layout import run_layout_of
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.updates import GradientProbe
from lr_toolkit.preview.report import plural

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

__all__ = ["RuntimeChecks"]


@final
class RuntimeChecks:
    """Looks at a run from time to time, and warns once of each mistake.

    - A scheduler that the module steps itself, under manual optimization or in its own ``lr_scheduler_step``, and does not.
    - A scheduler that Lightning steps also where no update happened: a ``GradScaler`` skipped it, ``training_step`` returned
      ``None``, ``on_train_batch_start`` returned -1. One in a hundred is let pass: a ``GradScaler`` finds its scale so.
    - Ranks that each feed their own value to a torch plateau.
    - What ``late_traps`` finds.

    Args:
        trainer: a Trainer that is about to train.
        module: what it trains.
        strict: raise where a schedule of this package is not stepped.
        told: what was found before, and is not told again.

    Attributes:
        findings: what it has warned of.
    """

    def __init__(
        self, trainer: Trainer, module: LightningModule, *, strict: bool = False, told: Sequence[str] = ()
    ) -> None:
        self.findings: tuple[str, ...] = ()
        self._before = told
        self._strict = strict
        self._first = trainer.current_epoch
        self._batches = trainer.fit_loop.epoch_loop.batch_progress.total.ready
        self._course = run_layout_of(trainer)
        self._epochs = self._course.epochs or math.inf
        self._manual = not module.automatic_optimization
        self._updates: dict[int, _Updates] = {}
        self._by_hand: list[_Account] = []
        self._by_lightning: list[_Account] = []
        self._plateaus: list[str] = []
        self._told: set[str] = set()
        is_whole = has_whole_gradients(trainer)
        by_itself = steps_schedulers_itself(module)
        for config in trainer.lr_scheduler_configs:
            ours = isinstance(config.scheduler, ScheduledLR)
            if config.reduce_on_plateau and config.monitor and trainer.world_size > 1:
                self._plateaus.append(config.monitor)
            if self._manual or (by_itself and not config.reduce_on_plateau):
                accounts = self._by_hand
            elif not (ours or config.reduce_on_plateau) and config.interval == "step" and config.frequency == 1:
                accounts = self._by_lightning
            else:
                continue
            if _steps(config.scheduler) is not None:
                optimizer = config.scheduler.optimizer
                if id(optimizer) not in self._updates:
                    self._updates[id(optimizer)] = _Updates(optimizer, is_whole=is_whole)
                accounts.append(_Account(config, self._updates[id(optimizer)]))

    def look(self, trainer: Trainer, *, ended: bool = False) -> None:
        """Warn of what has shown since the last look.

        Call it where an epoch begins, where validation does, and where training ends: not at an epoch's end, where the module's
        own hook, which may step a scheduler, comes after those of callbacks.
        """
        for account in list(self._by_hand):
            text = self._unstepped(trainer, account, ended=ended)
            if text:
                self._by_hand.remove(account)
                if self._strict and account.is_ours:
                    raise ScheduleError(f"LRMonitor(strict=True): {text}")
                self._warn(trainer, text)
        for account in list(self._by_lightning):
            text = _counted_too_many(account)
            if text:
                self._by_lightning.remove(account)
                self._warn(trainer, text)
        for name, text in late_traps(trainer, ended=ended):
            if name not in self._told:
                self._told.add(name)
                self._warn(trainer, text)

    def look_at_ranks(self, trainer: Trainer) -> None:
        """Warn of a plateau's metric that is another one on each rank: at an epoch's end, before the plateau steps."""
        for monitor in list(self._plateaus):
            if _differs(trainer, monitor):
                self._plateaus.remove(monitor)
                self._warn(
                    trainer,
                    f"Every rank has its own {monitor!r}, and each plateau follows its own: learning rates, and with them the "
                    f"weights, drift apart. Write self.log({monitor!r}, value, sync_dist=True); plateau=ReduceOnPlateau(...) of "
                    "this package follows the mean of all ranks.",
                )

    def close(self) -> None:
        """Stop counting, and have nothing more to say."""
        self._by_hand, self._by_lightning, self._plateaus = [], [], []
        for updates in self._updates.values():
            updates.close()
        self._updates = {}

    def _warn(self, trainer: Trainer, text: str) -> None:
        if trainer.is_global_zero and text not in self._before:
            self.findings += (text,)
            warnings.warn(text, UserWarning, stacklevel=3)

    def _unstepped(self, trainer: Trainer, account: _Account, *, ended: bool) -> str:
        """A scheduler that is stepped by hand, and too little for this point of the run."""
        epochs = trainer.current_epoch - self._first
        steps, updates = account.steps, account.updates
        if account.is_ours:
            # Several updates in a batch may be one step of the schedule, which was made for as many as there are batches.
            batches = trainer.fit_loop.epoch_loop.batch_progress.total.ready - self._batches
            expected = epochs if account.config.scheduler.horizon.unit == "epoch" else min(updates, batches)
            if steps >= expected / 2:
                return ""
        elif steps or not updates or not self._is_due(trainer, account, epochs, ended=ended):
            return ""
        name = type(account.config.scheduler).__name__
        why = "the module has its own lr_scheduler_step. Call scheduler.step() in it"
        if self._manual:
            many = len(trainer.lr_scheduler_configs) > 1
            call = "for one in self.lr_schedulers(): one.step()" if many else "self.lr_schedulers().step()"
            why = f"under manual optimization Lightning steps no scheduler. Call {call} after optimizer.step()"
        was = f"stepped {plural(steps, 'time')}" if steps else "never stepped"
        return f"{name} was {was} in {plural(updates, 'update')} of its optimizer: {why}."

    def _is_due(self, trainer: Trainer, account: _Account, epochs: int, *, ended: bool) -> bool:
        """Whether a third party's scheduler, which may be meant for every few epochs, should have been stepped by now."""
        length = length_of(account.config.scheduler)[1]
        as_long = self._epochs < length and self._course.updates / 2 < length <= self._course.updates * 2
        if account.config.interval == "step" or as_long:
            return True  # it counts updates
        if ended:
            return not is_trial(trainer) and trainer.fit_loop.epoch_loop.batch_progress.is_last_batch
        return bool(epochs >= max(self._epochs / 2, account.config.frequency))


class _Updates:
    """How often an optimizer was stepped with a gradient; 0 where it takes its gradients away itself."""

    def __init__(self, optimizer: Optimizer, *, is_whole: bool) -> None:
        self.count = 0
        self._is_whole = is_whole
        self._has_gradient = GradientProbe().has_gradient
        self._handle = optimizer.register_step_post_hook(self._after)

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self._is_whole or self._has_gradient(optimizer):
            self.count += 1

    def close(self) -> None:
        self._handle.remove()


class _Account:
    """A scheduler's steps beside its optimizer's updates, both from here on."""

    def __init__(self, config: Any, updates: _Updates) -> None:
        self.config = config
        self.is_ours = isinstance(config.scheduler, ScheduledLR)
        self._updates = updates
        self._begun = _steps(config.scheduler) or 0, updates.count

    @property
    def steps(self) -> int:
        return (_steps(self.config.scheduler) or 0) - self._begun[0]

    @property
    def updates(self) -> int:
        return self._updates.count - self._begun[1]


def _steps(scheduler: Any) -> int | None:
    """How often a scheduler was stepped, ours only where it counted; ``None`` where it does not say."""
    names = ["_step_count", "last_epoch"]
    if unwrap(type(scheduler).step) is not LRScheduler.step:  # without what LRWarmup puts around it
        names.reverse()  # a step() of its own need not count as torch's does
    if isinstance(scheduler, ScheduledLR):
        names = ["last_epoch"]
    found = next((count for name in names if isinstance(count := getattr(scheduler, name, None), int)), None)
    if found is None and isinstance(getattr(scheduler, "_schedulers", None), list):  # several that are stepped together
        return _steps(scheduler._schedulers[0])
    return found


def _counted_too_many(account: _Account) -> str:
    steps, updates = account.steps, account.updates
    if not updates or (steps - updates) * 100 <= updates:
        return ""  # where none was seen, the optimizer hides them
    name = type(account.config.scheduler).__name__
    return (
        f"{name} was stepped {plural(steps, 'time')} in {plural(updates, 'update')} of its optimizer: Lightning steps it also "
        "where no update happened (a GradScaler skipped it, training_step returned None, on_train_batch_start returned -1), so "
        "it runs ahead. Write scheduler_config(optimizer, schedule, self.trainer): its scheduler counts what happened."
    )


def _differs(trainer: Trainer, monitor: str) -> bool:
    """Whether ranks hold different values. What was reduced by hand is logged without ``sync_dist``, too: only values tell."""
    values = gathered(trainer, trainer.callback_metrics.get(monitor))
    known = [value for value, is_there in values if is_there]
    same = (math.isclose(known[0], one, rel_tol=1e-6) or (math.isnan(known[0]) and math.isnan(one)) for one in known)
    return 0 < len(known) < len(values) or not all(same)
