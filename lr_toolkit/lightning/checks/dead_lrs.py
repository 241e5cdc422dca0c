"""Checks for learning rates that teach nothing, found in the forecast of the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from lr_toolkit.lightning._compat import callbacks_of
from lr_toolkit.lightning.checks.advice import config_line
from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.lengths import optimizers_that_end_early
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.checks.source import writes_lr
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.keys import BASE_OF_ZERO
from lr_toolkit.preview.report import plural

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch.optim import Optimizer

_NEAR_ZERO = 1e-6  # of the peak
_ZERO = 1e-14  # of the peak: what a recursion leaves of 0


@check("LR301", "The first updates have a learning rate of 0")
def lr_of_zero(info: RunInfo) -> Iterator[str]:
    """Report a run that begins with updates at LR 0, or has no others, unless the base LR itself is 0."""
    for optimizer, forecast in zip(info.optimizers, info.forecasts, strict=True):
        if forecast.why_not or not len(forecast.updates):
            continue
        moving = np.flatnonzero(forecast.lrs.max(axis=1) > 0)
        dead = int(forecast.updates[moving[0]] if moving.size else info.layout.updates) - info.layout.start
        is_whole_run = not moving.size and not forecast.cut and not _has_base_of_zero(info, optimizer)
        if dead > 1 and (is_whole_run or (moving.size and info.layout.start == 0)):
            which = "The first" if moving.size else "All"
            yield (
                f"{which} {plural(dead, 'update')} have a learning rate of 0 and teach nothing. If the scheduler is meant to "
                "move per step, return {'scheduler': ..., 'interval': 'step'}; warmup(...) of this package starts above 0."
            )


@check("LR302", "The last updates have a learning rate of 0, or nearly")
def dead_end(info: RunInfo) -> Iterator[str]:
    """Report a decay that is over before the run: at 0, or long before its end near 0."""
    horizons = [config.scheduler.horizon for config in info.configs if isinstance(config.scheduler, ScheduledLR)]
    if not info.is_automatic and any(horizon != info.layout.horizon for horizon in horizons):
        return  # horizon= was given, because the module takes fewer updates than it has batches
    early = {id(optimizer) for optimizer in optimizers_that_end_early(info)}
    for optimizer, forecast in zip(info.optimizers, info.forecasts, strict=True):
        if forecast.why_not or not len(forecast.updates) or not info.layout.updates or id(optimizer) in early:
            continue
        if first_impossible(forecast.lrs) is not None:
            continue
        updates = info.layout.updates
        near = dead_from(forecast.updates, forecast.lrs, _NEAR_ZERO)
        if forecast.cut and (near is None or forecast.updates[-1] < 10 * near):
            continue  # a cycle may raise the LR again after the end of the forecast
        zero = dead_from(forecast.updates, forecast.lrs, _ZERO)
        if near is not None and near <= updates / 2:
            yield (
                f"From update {near} of {updates} on the learning rate is less than a millionth of its peak: "
                "the rest of the run teaches nothing. A decay that is meant per epoch needs interval='epoch', or a duration in "
                "epochs (step('3 epochs')); a floor (cosine(end=0.1), end_lr=1e-5) or a longer phase keeps the LR above 0."
            )
        elif zero is not None and updates - zero > 1 and not info.is_trial:
            yield (
                f"The last {updates - zero} of {plural(updates, 'update')} have a learning rate of 0 and teach nothing: the decay "
                f"ends before the run does. Write {config_line()}, whose decay ends with the "
                "run, or a decay with a floor above 0, such as cosine(end=0.1) or eta_min=1e-5."
            )


def dead_from(updates: NDArray[np.int64], lrs: NDArray[np.float64], level: float) -> int | None:
    """The update from which on all LRs stay at or below ``level`` of their peak, ``None`` if the last one is above it.

    Args:
        updates: the numbers of the updates, ascending.
        lrs: a row for each of them, a column for each parameter group.
        level: a factor of the highest LR of the run.

    Example:
        >>> dead_from(np.arange(4), np.array([[0.1], [0.05], [0.0], [0.0]]), 1e-6)
        2
    """
    highest = lrs.max(axis=1)
    alive = np.flatnonzero(highest > level * highest.max())
    return int(updates[alive[-1] + 1]) if alive.size and alive[-1] + 1 < len(updates) else None


@check("LR303", "The scheduler raises an error before the run ends")
def will_raise(info: RunInfo) -> Iterator[str]:
    """Report the error that a scheduler raises in the forecast."""
    for forecast in info.forecasts:
        if forecast.error:
            yield (
                f"The scheduler is going to raise {forecast.error.rstrip('.: ')}. If it ends there, give it the length of this run, "
                f"{plural(info.layout.updates, 'update')}."
            )


@check("LR304", "A learning rate is negative or no number")
def impossible_lr(info: RunInfo) -> Iterator[str]:
    """Report LRs with which an update climbs, or destroys the weights."""
    for forecast in info.forecasts:
        impossible = first_impossible(forecast.lrs)
        if impossible is not None:
            row, lr = impossible
            yield (
                f"From update {forecast.updates[row]} of {info.layout.updates} on the learning rate is {lr:g}. A function such as "
                f"lambda k: 1 - k / 1000 has to end with the run: write max(0, 1 - k / 1000), or {config_line('linear()')}, which does."
            )


def first_impossible(lrs: NDArray[np.float64]) -> tuple[int, float] | None:
    """The first row with an LR that is negative or not finite, and that LR; a rounding error below 0 is none.

    Args:
        lrs: a row for each update, a column for each parameter group.

    Example:
        >>> first_impossible(np.array([[0.1, 0.1], [-1e-18, 0.1], [0.1, -0.1]]))
        (2, -0.1)
    """
    is_possible = np.isfinite(lrs) & (lrs >= -_ZERO * np.abs(lrs).max(initial=0.0, where=np.isfinite(lrs)))
    rows, columns = np.nonzero(~is_possible)
    return (int(rows[0]), float(lrs[rows[0], columns[0]])) if rows.size else None


@check("LR264", "The base LR is 0")
def base_of_zero(info: RunInfo) -> Iterator[str]:
    """Report an optimizer whose base LR is 0, unless code of the run writes its LR. A ``ScheduledLR`` warns of it itself."""
    for optimizer in info.optimizers:
        schedulers = [config.scheduler for config in info.configs_of(optimizer)]
        if not _has_base_of_zero(info, optimizer) or any(isinstance(each, ScheduledLR) for each in schedulers):
            continue
        if schedulers or not any(map(writes_lr, [info.module, *callbacks_of(info.trainer)])):
            yield BASE_OF_ZERO.format(type(optimizer).__name__)


def _has_base_of_zero(info: RunInfo, optimizer: Optimizer) -> bool:
    """Whether all base LRs are 0, and so are the LRs: a scheduler may write LRs that do not come from them."""
    if optimizer.defaults.get("lr", 0.0) is None:
        return False  # it chooses its LR itself, as Adafactor
    forecasts = [found for each, found in zip(info.optimizers, info.forecasts, strict=True) if each is optimizer]
    if any(forecast.lrs.any() for forecast in forecasts):
        return False
    bases = [getattr(config.scheduler, "base_lrs", None) for config in info.configs_of(optimizer)]
    lrs = [group["lr"] for group in optimizer.param_groups]
    is_zero = all(each is not None and not any(float(lr) > 0 for lr in each) for each in bases)
    return is_zero and not any(lr is None or float(lr) > 0 for lr in lrs)
