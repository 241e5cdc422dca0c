"""Forecasts the learning rates of a run, for any scheduler: a copy is stepped as Lightning would step the original."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from torch.optim import Optimizer

from lr_toolkit.lightning._compat import callbacks_of, logging_cadence, movable_counters, steps_schedulers_itself
from lr_toolkit.lightning.checks.source import steps_schedulers
from lr_toolkit.lightning.checks.stepped_copies import NotOfDummyError, SteppedCopies
from lr_toolkit.lightning.warmup.conflicts import schedulers_of
from lr_toolkit.lightning.warmup.warmup import LRWarmup
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.multiplier import LRMultiplier

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from numpy.typing import NDArray

    from lr_toolkit.lightning.run_layout import RunLayout
    from lr_toolkit.lightning.warmup.optimizer_ramp import OptimizerRamp
    from lr_toolkit.schedules import Horizon

__all__ = ["Cadence", "Forecast", "forecast", "logged_updates", "ramps_of"]

_POINTS = 400  # of a schedule in closed form
_MOST_EPOCHS = 2000  # at whose beginnings a schedule per epoch is looked at
_MOST_LOGGED = 1000  # planned LRs that trackers get
_STEPS = 500_000  # parameter groups x updates that are stepped through before a fit, about a second
_STEPS_WITHOUT_FIT = 10_000_000  # the same, if somebody asks for the forecast alone


@final
@dataclass(frozen=True, slots=True)
class Forecast:
    """The LRs of an optimizer's groups: row i is used by update ``updates[i]``.

    Args:
        updates: the numbers of the updates, ascending, not necessarily all of them.
        lrs: a row for each of them, a column for each parameter group.
        why_not: why there is no forecast.
        error: the error that a scheduler is going to raise.
        cut: whether the forecast ends before the run does.
        ramps: the warmup callbacks that multiply the LRs of the schedulers.
        is_on_axis: whether each update is one point on the x axis of the loggers.
    """

    updates: NDArray[np.int64]
    lrs: NDArray[np.float64]
    why_not: str = ""
    error: str = ""
    cut: bool = False
    ramps: tuple[str, ...] = ()
    is_on_axis: bool = True

    @classmethod
    def none(cls, why_not: str) -> Forecast:
        """No forecast, and the reason."""
        return cls(np.empty(0, np.int64), np.empty((0, 0)), why_not)


def forecast(
    trainer: Trainer, module: LightningModule, optimizer: Optimizer, layout: RunLayout, *, without_fit: bool = False
) -> Forecast:
    """The LRs that ``optimizer`` is going to use from here on, ramps of ``LRWarmup`` included; the run is not touched.

    Args:
        trainer: the run.
        module: what it trains.
        optimizer: one of its optimizers.
        layout: how the run is divided.
        without_fit: the Trainer trains nothing afterwards. The forecast then has each update, and an ``lr_scheduler_step`` of the
            module is called, with the counters of the Trainer where they will be.

    Raises:
        ScheduleError: for a ramp that does not fit the run, as the callback itself raises when it begins.
    """
    if not layout.updates:
        return Forecast.none("the run's length is not known")
    if layout.start >= layout.updates:
        return Forecast.none("nothing is left to train")
    given = _given_horizon(trainer, module, optimizer, layout)
    if given is not None:
        layout = replace(layout, horizon=given)
    ramps = [ramp for ramp in ramps_of(trainer) if ramp.optimizer is optimizer and not ramp.is_over]
    multiplier = LRMultiplier.around(optimizer)
    with multiplier.unscaled() if multiplier else nullcontext():
        points = np.union1d(_points_of_ramps(ramps, layout), logged_updates(trainer, layout))
        if without_fit:
            points = np.arange(layout.start, layout.updates)
        unscaled = _unscaled(trainer, module, optimizer, layout, points, without_fit=without_fit)
    unscaled = replace(unscaled, ramps=tuple(repr(ramp.spec) for ramp in ramps), is_on_axis=given is None)
    if unscaled.why_not or not ramps:
        return unscaled
    # A resumed run counts its epochs from the beginning; a later fit of the same Trainer has a layout of its own.
    first_epoch = 0 if layout.start else trainer.current_epoch
    epochs = layout.epochs_of(unscaled.updates) + first_epoch
    lrs = unscaled.lrs
    for ramp in ramps:
        lrs = lrs * ramp.ahead(unscaled.updates - layout.start, epochs)
    return replace(unscaled, lrs=lrs)


def ramps_of(trainer: Trainer) -> list[OptimizerRamp]:
    """The ramps of the Trainer's warmup callbacks, one for each callback and optimizer."""
    callbacks = [callback for callback in callbacks_of(trainer) if isinstance(callback, LRWarmup)]
    return [ramp for callback in callbacks for ramp in callback.ramps(trainer)]


def _given_horizon(
    trainer: Trainer, module: LightningModule, optimizer: Optimizer, layout: RunLayout
) -> Horizon | None:
    """The ``horizon=`` of a module that optimizes manually, if it is not the Trainer's number of batches."""
    if module.automatic_optimization:
        return None
    for config in trainer.lr_scheduler_configs:
        scheduler = config.scheduler
        if isinstance(scheduler, ScheduledLR) and scheduler.optimizer is optimizer and scheduler.horizon.unit == "step":
            return scheduler.horizon if scheduler.horizon.steps != layout.updates else None
    return None


def logged_updates(trainer: Trainer, layout: RunLayout) -> NDArray[np.int64]:
    """The updates that the cadence of the Trainer's loggers logs; every few of them if they are many."""
    before, every = layout.before, max(logging_cadence(trainer), 1)
    last = layout.updates - 1
    first = layout.start + (-(before + layout.start) - 1) % every
    updates = np.arange(first, last + 1, every * max(-(-last // (every * _MOST_LOGGED)), 1))
    return np.union1d(updates, [layout.start, last])


def _points_of_ramps(ramps: Sequence[OptimizerRamp], layout: RunLayout) -> NDArray[np.int64]:
    """The updates that the forecast has to contain to show the ramps."""
    found: list[NDArray[Any]] = [np.empty(0)]
    for ramp in ramps:
        if ramp.spec.counts_updates:
            end = layout.start + ramp.left(layout.updates - layout.start)
            found.append(np.linspace(layout.start, end, min(end - layout.start + 1, _POINTS)))
        else:
            starts = layout.starts()
            ahead = starts[starts > layout.start]
            climbs = ahead[: ramp.left(len(ahead)) + 1]
            found += [climbs - 1, climbs]
    updates = np.unique(np.concatenate(found).round().astype(np.int64))
    return updates[(layout.start <= updates) & (updates < layout.updates)]


def _unscaled(
    trainer: Trainer,
    module: LightningModule,
    optimizer: Optimizer,
    layout: RunLayout,
    points: NDArray[np.int64],
    *,
    without_fit: bool,
) -> Forecast:
    """The LRs of the schedulers without any ramp; the forecast contains these points."""
    configs = [config for config in trainer.lr_scheduler_configs if config.scheduler.optimizer is optimizer]
    ours = [config.scheduler for config in configs if isinstance(config.scheduler, ScheduledLR)]
    if len(configs) == len(ours) == 1:
        return _closed_form(ours[0], Cadence.of(configs[0], module), layout, points)
    if not module.automatic_optimization and configs:
        return Forecast.none("the module steps its scheduler itself")
    if schedulers_of(optimizer, trainer, module) and steps_schedulers(module, callbacks_of(trainer)):
        return Forecast.none("the module steps its scheduler itself")
    if steps_schedulers_itself(module) and not without_fit:
        return Forecast.none("the module has its own lr_scheduler_step")
    if not layout.has_epochs and any(config.interval == "epoch" or config.frequency != 1 for config in configs):
        return Forecast.none("the length of an epoch is not known")
    return _stepped(trainer, module, optimizer, configs, layout, without_fit=without_fit)


@final
@dataclass(frozen=True, slots=True)
class Cadence:
    """How often a scheduler is stepped: every ``frequency`` batches that update, or epochs."""

    interval: str
    frequency: int

    @classmethod
    def of(cls, config: Any, module: LightningModule) -> Cadence:
        """The cadence in the config; under manual optimization a scheduler is taken to be stepped in its own unit."""
        if module.automatic_optimization:
            return cls(config.interval, config.frequency)
        return cls(config.scheduler.horizon.unit, 1)

    def steps_before(self, updates: NDArray[np.int64], layout: RunLayout) -> NDArray[np.int64]:
        """The scheduler's steps before each of the updates."""
        if self.interval == "epoch":
            return layout.epochs_of(updates) // max(self.frequency, 1)
        if self.frequency == 1:
            return updates
        is_step = [self.frequency > 0 and batch % self.frequency == 0 for _, batch, _ in layout.ends()]
        return np.concatenate([[0], np.cumsum(is_step)])[updates]


def _closed_form(scheduler: ScheduledLR, cadence: Cadence, layout: RunLayout, points: NDArray[np.int64]) -> Forecast:
    """The plan at the edges of its phases, at points between them, and at the given points."""
    steps = layout.updates
    even = np.linspace(layout.start, steps - 1, min(steps, _POINTS)).round().astype(np.int64)
    edges = np.array([edge for phase in scheduler.phases for edge in (phase.start, phase.end - 1, phase.end)])
    if cadence.interval == "epoch":
        epochs = np.linspace(0, layout.epochs - 1, min(layout.epochs, _MOST_EPOCHS)).round()
        edges = layout.starts_of(np.union1d(epochs, edges * max(cadence.frequency, 1)).astype(np.int64))
    edges = np.append(edges[(layout.start <= edges) & (edges < steps)], [layout.start, steps - 1])
    updates = np.union1d(np.union1d(even, points), edges).astype(np.int64)
    return Forecast(updates, scheduler.planned_at(cadence.steps_before(updates, layout)))


def _stepped(
    trainer: Trainer,
    module: LightningModule,
    optimizer: Optimizer,
    configs: Sequence[Any],
    layout: RunLayout,
    *,
    without_fit: bool,
) -> Forecast:
    """The LRs of copies of the schedulers that are stepped through the run."""
    try:
        # What a scheduler's functions hold of the run is shared with the copy, not copied.
        copies = SteppedCopies(optimizer, configs, shared=(trainer, module))
    except Exception as error:  # anything can be inside a user's scheduler
        return Forecast.none(f"the scheduler cannot be copied ({type(error).__name__})")
    groups = max(len(optimizer.param_groups), 1)
    last = min(layout.updates, layout.start + max((_STEPS_WITHOUT_FIT if without_fit else _STEPS) // groups, 1000))
    try:
        if without_fit:
            with movable_counters(trainer) as move:
                lrs, failed = copies.run(layout, last, module.lr_scheduler_step, move)
        else:
            lrs, failed = copies.run(layout, last)
    except NotOfDummyError:
        return Forecast.none("the scheduler reads the LR of its optimizer, which chooses it itself")
    end = layout.start + len(lrs)
    if end == layout.updates:
        failed = ""  # raised after the last update only
    raises = f"after {end} updates: {failed}" if failed else ""
    return Forecast(np.arange(layout.start, end), lrs, error=raises, cut=last < layout.updates)
