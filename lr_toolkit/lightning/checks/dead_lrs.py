"""Checks for learning rates that teach nothing, found in the forecast of the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.keys import BASE_OF_ZERO
from lr_toolkit.preview.report import plural


@check("LR301", "The first updates have a learning rate of 0")
def lr_of_zero(info: RunInfo) -> Iterator[str]:
    """Report a run that begins with updates at LR 0, unless the base LR itself is 0."""
    for forecast in info.forecasts:
        if forecast.why_not or not len(forecast.updates) or forecast.updates[0] != 0:
            continue
        moving = np.flatnonzero(forecast.lrs.max(axis=1) > 0)
        dead = int(forecast.updates[moving[0]]) if moving.size else info.layout.updates
        is_known = moving.size or (not forecast.cut and any(map(_has_base, info.configs)))
        if dead > 1 and is_known:
            which = "The first" if moving.size else "All"
            yield (
                f"{which} {plural(dead, 'update')} have a learning rate of 0 and teach nothing. If the scheduler is meant to "
                "move per step, return {'scheduler': ..., 'interval': 'step'}; warmup(...) of this package starts above 0."
            )


def _has_base(config: Any) -> bool:
    """Whether a scheduler has a base LR other than 0."""
    return any(float(lr) > 0 for lr in getattr(config.scheduler, "base_lrs", ()))


@check("LR302", "The learning rate is near 0 for half of the run or more")
def dead_end(info: RunInfo) -> Iterator[str]:
    """Report a decay that is over long before the run."""
    horizons = [config.scheduler.horizon for config in info.configs if isinstance(config.scheduler, ScheduledLR)]
    if not info.is_automatic and any(horizon != info.layout.horizon for horizon in horizons):
        return  # horizon= was given, because the module takes fewer updates than it has batches
    for forecast in info.forecasts:
        if forecast.why_not or not len(forecast.updates) or not info.layout.updates:
            continue
        highest = forecast.lrs.max(axis=1)
        alive = np.flatnonzero(highest > 1e-6 * highest.max())
        first_dead = int(forecast.updates[alive[-1]]) + 1 if alive.size else 0
        if forecast.cut and forecast.updates[-1] < 10 * first_dead:
            continue  # a cycle may raise the LR again after the end of the forecast
        if 0 < first_dead <= info.layout.updates / 2 and alive[-1] + 1 < len(forecast.updates):
            yield (
                f"From update {first_dead} of {info.layout.updates} on the learning rate is less than a millionth of its peak: "
                "the rest of the run teaches nothing. A decay that is meant per epoch needs interval='epoch', or a duration in "
                "epochs (step('3 epochs')); a floor (cosine(end=0.1), end_lr=1e-5) or a longer phase keeps the LR above 0."
            )


@check("LR303", "The scheduler raises an error before the run ends")
def will_raise(info: RunInfo) -> Iterator[str]:
    """Report the error that a scheduler raises in the forecast."""
    for forecast in info.forecasts:
        if forecast.error:
            yield (
                f"The scheduler is going to raise {forecast.error.rstrip('.')}. Give it the length of this run, "
                f"{plural(info.layout.updates, 'update')}."
            )


@check("LR264", "The base LR is 0")
def base_of_zero(info: RunInfo) -> Iterator[str]:
    """Report an optimizer whose schedulers multiply a base LR of 0. A ``ScheduledLR`` warns of it itself."""
    for optimizer in info.optimizers:
        schedulers = [config.scheduler for config in info.configs_of(optimizer)]
        if schedulers and not any(isinstance(scheduler, ScheduledLR) or _moves(scheduler) for scheduler in schedulers):
            yield BASE_OF_ZERO.format(type(optimizer).__name__)


def _moves(scheduler: Any) -> bool:
    """Whether a scheduler has a base LR other than 0, or writes LRs that do not come from it."""
    bases = getattr(scheduler, "base_lrs", None)
    lrs = [float(group["lr"]) for group in scheduler.optimizer.param_groups]
    return bases is None or any(float(base) > 0 for base in bases) or any(lr > 0 for lr in lrs)
