"""Checks for schedulers of torch, transformers or timm that are made for another length than the run has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lr_toolkit.lightning.checks.advice import config_line
from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.checks.scheduler_length import Kind, SchedulerLength, length_of
from lr_toolkit.lightning.checks.stepped import Stepped, stepped_regularly
from lr_toolkit.preview.report import plural

if TYPE_CHECKING:
    from torch.optim import Optimizer

__all__ = ["optimizers_that_end_early"]


@check("LR202", "The scheduler is longer than the run")
def too_long(info: RunInfo) -> Iterator[str]:
    """Report a decay of which more than a tenth is not run, and anything else of which less than half is run.

    A decay that is one step longer than the run has an inclusive end, and one that went on from an earlier fit may have another one
    to follow.
    """
    for stepped, length in _known_lengths(info):
        is_exact = length.kind == "decay" and not stepped.earlier
        most = max(1.1 * stepped.steps, stepped.steps + 1) if is_exact else 2 * stepped.steps
        if length.kind != "drop" and length.steps > most:
            yield _misfit(info, stepped, length, f"so only {stepped.steps / length.steps:.0%} of it is run")


@check("LR203", "The scheduler ends before the run does")
def ends_early(info: RunInfo) -> Iterator[str]:
    """Report a decay that is over before half of the run, or after which the LR climbs again."""
    for stepped, length in _early_ends(info):
        has_half = length.steps >= stepped.steps / 2
        verdict = "so the LR climbs again after its end" if has_half else "so it has ended long before the run"
        yield _misfit(info, stepped, length, verdict)


@check("LR204", "The scheduler's first drop comes after the end of the run")
def never_drops(info: RunInfo) -> Iterator[str]:
    """Report a staircase of torch whose first stair is longer than the run."""
    for stepped, length in _known_lengths(info):
        if length.kind == "drop" and length.steps >= stepped.steps:
            yield _misfit(info, stepped, length, "so it never drops the LR")


def optimizers_that_end_early(info: RunInfo) -> list[Optimizer]:
    """The optimizers whose scheduler ends before the run does."""
    return [stepped.scheduler.optimizer for stepped, _ in _early_ends(info)]


def _known_lengths(info: RunInfo) -> Iterator[tuple[Stepped, SchedulerLength]]:
    for stepped in stepped_regularly(info):
        length = length_of(stepped.scheduler)
        counts_epochs = getattr(
            stepped.scheduler, "t_in_epochs", stepped.interval == "epoch"
        )  # timm's are given their epoch or update
        if length is not None and counts_epochs == (stepped.interval == "epoch"):
            yield stepped, length


def _early_ends(info: RunInfo) -> Iterator[tuple[Stepped, SchedulerLength]]:
    for stepped, length in _known_lengths(info):
        is_shorter = length.kind == "decay" and length.steps < stepped.steps
        if is_shorter and (length.steps < stepped.steps / 2 or _climbs(info, stepped.scheduler)):
            yield stepped, length


def _climbs(info: RunInfo, scheduler: Any) -> bool:
    """Whether the LR climbs again after its peak, by a hundredth of it or more, if no other scheduler drives the optimizer."""
    configs = info.configs_of(scheduler.optimizer)
    if len(configs) > 1 or configs[0].scheduler is not scheduler:
        return False
    for optimizer, forecast in zip(info.optimizers, info.forecasts, strict=True):
        if optimizer is scheduler.optimizer and len(forecast.updates) and not (forecast.cut or forecast.error):
            highest = forecast.lrs.max(axis=1)
            after_peak = highest[highest.argmax() :]
            return bool(after_peak[-1] - after_peak.min() >= 0.01 * after_peak[0])
    return False


def _misfit(info: RunInfo, stepped: Stepped, length: SchedulerLength, verdict: str) -> str:
    is_near = stepped.steps / 2 <= length.steps <= 2 * stepped.steps
    written = length.argument_for(stepped.steps)
    other, count = ("epoch", info.layout.epochs) if stepped.interval == "step" else ("step", info.layout.updates)
    if not (is_near and written) and _fits(length, count):
        noun = "epochs" if other == "epoch" else "updates"
        fix = f"If {length.steps} counts {noun}, return {{'scheduler': ..., 'interval': '{other}'}}"
    elif written:
        fix = f"Write {written}"
    else:
        fix = f"The length of this run is {stepped.steps}"
    return (
        f"{stepped.name} has {length}, and gets {plural(stepped.steps, 'step')} in this run "
        f"(interval={stepped.interval!r}), {verdict}. {fix}; or write {config_line(_SCHEDULES[length.kind])}, "
        f"which finds the run's {plural(info.layout.updates, 'update')} by itself."
    )


def _fits(length: SchedulerLength, count: int) -> bool:
    """Whether a length would be right in a run of ``count`` steps, so that nothing else is reported of it there."""
    is_long_enough = length.kind != "decay" or length.steps >= count / 2
    return is_long_enough and length.steps <= (count - 1 if length.kind == "drop" else max(1.1 * count, count + 1))


# What a schedule of this package looks like that does the same as a scheduler of this kind.
_SCHEDULES: dict[Kind, str] = {
    "decay": "cosine()",
    "climb": "warmup('5%') >> cosine()",
    "cycle": "repeat(cosine(), 3)",
    "drop": "multistep(at=['50%', '75%'])",
}
