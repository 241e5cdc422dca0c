"""Which learning rates a run is going to use, for any scheduler: a copy is stepped as Lightning would step the original."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.lightning._compat import callbacks_of, steps_schedulers_itself
from lr_toolkit.lightning.warmup.warmup import LRWarmup
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.multiplier import LRMultiplier
from lr_toolkit.preview.phase_rows import phase_rows

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from numpy.typing import NDArray

    from lr_toolkit.lightning.run_layout import RunLayout
    from lr_toolkit.lightning.warmup.optimizer_ramp import OptimizerRamp
    from lr_toolkit.schedules import Horizon

__all__ = ["Forecast", "forecast"]

_POINTS = 400  # of a schedule in closed form
_STEPS = 500_000  # parameter groups x updates that are stepped through, about a second


@final
@dataclass(frozen=True, slots=True)
class Forecast:
    """The LRs of an optimizer's groups: row i is used by update ``updates[i]``.

    ``why_not`` says why there is none, ``error`` what a scheduler is going to raise, ``cut`` that it ends before the run,
    ``ramps`` which warmup callbacks multiply what the scheduler alone would use, ``is_on_axis`` whether the updates are known to
    lie one by one on the loggers' x axis.
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


def forecast(trainer: Trainer, module: LightningModule, optimizer: Optimizer, course: RunLayout) -> Forecast:
    """The LRs that ``optimizer`` is going to use from here on, under the ramps of ``LRWarmup`` too; the run is not touched.

    Raises:
        ScheduleError: for a ramp that does not fit the run, as it does itself when it begins.
    """
    if not course.updates:
        return Forecast.none("the run's length is not known")
    if course.start >= course.updates:
        return Forecast.none("nothing is left to train")
    by_hand = _by_hand(trainer, module, optimizer, course)
    if by_hand is not None:
        course = replace(course, horizon=by_hand)
    ramps = [one for one in callbacks_of(trainer) if isinstance(one, LRWarmup)]
    ascents = [one for ramp in ramps for one in ramp.ramps(trainer) if one.optimizer is optimizer and not one.is_over]
    shadow = LRMultiplier.around(optimizer)
    with shadow.unscaled() if shadow else nullcontext():
        alone = _alone(trainer, module, optimizer, course, _corners(ascents, course))
    alone = replace(alone, ramps=tuple(repr(one.spec) for one in ascents), is_on_axis=by_hand is None)
    if alone.why_not or not ascents:
        return alone
    starts = course.starts()
    ahead = alone.updates - course.start
    # A resumed run's epochs are those of its course; a later fit of the same Trainer has a course of its own.
    epochs = np.searchsorted(starts, alone.updates, side="right") - 1 + (0 if course.start else trainer.current_epoch)
    lrs = alone.lrs
    for one in ascents:
        lrs = lrs * one.ahead(ahead, epochs)
    return replace(alone, lrs=lrs)


def _by_hand(trainer: Trainer, module: LightningModule, optimizer: Optimizer, course: RunLayout) -> Horizon | None:
    """The length that a module says which steps its optimizers itself, where that is not the Trainer's number of batches."""
    if module.automatic_optimization:
        return None
    for config in trainer.lr_scheduler_configs:
        one = config.scheduler
        if isinstance(one, ScheduledLR) and one.optimizer is optimizer and one.horizon.unit == "step":
            return one.horizon if one.horizon.steps != course.updates else None
    return None


def _corners(ascents: Sequence[OptimizerRamp], course: RunLayout) -> NDArray[np.int64]:
    """Updates at which ramps are to be seen."""
    found: list[NDArray[Any]] = [np.empty(0)]
    for one in ascents:
        if one.spec.counts_updates:
            end = course.start + one.left(course.updates - course.start)
            found.append(np.linspace(course.start, end, min(end - course.start + 1, _POINTS)))
        else:
            starts = course.starts()
            climbs = starts[starts > course.start]
            climbs = climbs[: one.left(len(climbs)) + 1]
            found += [climbs - 1, climbs]
    updates = np.unique(np.concatenate(found).round().astype(np.int64))
    return updates[(course.start <= updates) & (updates < course.updates)]


def _alone(
    trainer: Trainer, module: LightningModule, optimizer: Optimizer, course: RunLayout, wanted: NDArray[np.int64]
) -> Forecast:
    """What the schedulers alone would say, at these updates in any case; to be asked where no ramp is to be seen."""
    configs = [one for one in trainer.lr_scheduler_configs if one.scheduler.optimizer is optimizer]
    ours = [one.scheduler for one in configs if isinstance(one.scheduler, ScheduledLR)]
    if len(configs) == len(ours) == 1:
        return _closed_form(ours[0], course, wanted)
    if not module.automatic_optimization and configs:
        return Forecast.none("the module steps its scheduler itself")
    if steps_schedulers_itself(module):
        return Forecast.none("the module has its own lr_scheduler_step")
    if not course.has_epochs and any(one.interval == "epoch" or one.frequency != 1 for one in configs):
        return Forecast.none("the length of an epoch is not known")
    return _stepped(trainer, module, optimizer, configs, course)


def _closed_form(scheduler: ScheduledLR, course: RunLayout, wanted: NDArray[np.int64]) -> Forecast:
    """The plan at its phases' boundaries, at points between them, and where it is wanted."""
    steps = course.updates
    edges = {0, steps - 1}
    for leg in phase_rows(scheduler.route):
        edges |= {leg.start, leg.end - 1, leg.end}
    points = np.linspace(course.start, steps - 1, min(steps, _POINTS)).round().astype(np.int64)
    points = np.union1d(points, wanted)
    if scheduler.horizon.unit == "epoch":
        starts = course.starts()
        updates = np.union1d(points, starts[starts >= course.start])
        counts = np.searchsorted(starts, updates, side="right") - 1
    else:
        ahead = [edge for edge in edges if course.start <= edge < steps]
        updates = np.union1d(points, np.array(ahead, np.int64))
        counts = updates
    return Forecast(updates, np.array([scheduler.planned(int(k)) for k in counts]))


class DummyOptimizer(Optimizer):
    """Parameter groups with the options of another optimizer's and nothing to train."""

    def __init__(self, real: Optimizer) -> None:
        groups = []
        for group in real.param_groups:
            weight = torch.nn.Parameter(torch.zeros(1))
            weight.grad = torch.zeros(1)
            options = {name: _cloned(value) for name, value in group.items() if name != "params"}
            groups.append({**options, "params": [weight]})
        super().__init__(groups, dict(real.defaults))

    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # torch has overloads
        """An update that changes nothing."""


def _cloned(value: Any) -> Any:
    return value.detach().clone().cpu() if isinstance(value, Tensor) else copy.copy(value)


def _stepped(
    trainer: Trainer, module: LightningModule, optimizer: Optimizer, configs: Sequence[Any], course: RunLayout
) -> Forecast:
    stand_in = DummyOptimizer(optimizer)
    # What a scheduler's functions hold of the run is shared with the copy, not copied with it.
    memo: dict[int, Any] = {id(optimizer): stand_in, id(trainer): trainer, id(module): module}
    try:
        copies = [(one, copy.deepcopy(one.scheduler, memo)) for one in configs if not one.reduce_on_plateau]
    except Exception as error:  # whatever a third party's scheduler holds
        return Forecast.none(f"the scheduler cannot be copied ({type(error).__name__})")
    room = max(_STEPS // max(len(stand_in.param_groups), 1), 1000)
    last = min(course.updates, course.start + room)
    rows: list[list[float]] = []
    failed = ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the stand-in, which is stepped as no optimizer is
        for update, (epoch, batch, done) in enumerate(course.ends()):
            if update < course.start:
                continue
            if update >= last or failed:
                break
            rows.append([float(group["lr"]) for group in stand_in.param_groups])
            stand_in.step()
            for config, scheduler in copies:
                if config.interval == "step" or done:
                    at = batch if config.interval == "step" else epoch + 1
                    failed = failed or _step(scheduler, at, config.frequency)
    updates = np.arange(course.start, course.start + len(rows))
    if failed and len(rows) + course.start == course.updates:
        failed = ""  # raised after the last update only
    raised = f"after {len(rows) + course.start} updates: {failed}" if failed else ""
    return Forecast(updates, np.array(rows), error=raised, cut=last < course.updates)


def _step(scheduler: Any, at: int, frequency: int) -> str:
    """Step a copied scheduler if it is its turn; what it raises, as text."""
    if frequency < 1 or at % frequency:
        return ""
    try:
        scheduler.step()
    except Exception as error:  # a third party's: what it will raise in the run is worth knowing now
        return f"{type(error).__name__}: {error}"
    return ""
