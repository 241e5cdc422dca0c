"""Checks for milestones of staircases: those that count in another unit, and those that are never reached."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from torch.optim import lr_scheduler as torch_lr

from lr_toolkit.lightning.checks.advice import config_line
from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.checks.scheduler_length import is_reached
from lr_toolkit.lightning.checks.stepped import parts_of, resolved_phases, stepped_regularly
from lr_toolkit.lightning.run import is_endless
from lr_toolkit.optim import ScheduledLR

__all__: list[str] = []


@check("LR205", "The milestones are numbers of epochs, and the scheduler is stepped per update")
def milestones_of_epochs(info: RunInfo) -> Iterator[str]:
    """Report milestones in updates that look like epochs.

    An early drop may be intended. So every milestone has to fit the run as an epoch, and the last has to lie in the first
    twentieth of the run: both can only be true if an epoch has more than twenty updates.
    """
    for stepped in stepped_regularly(info):
        milestones = _milestones(stepped.scheduler)
        last = max(milestones, default=0)
        if (
            stepped.interval == "step"
            and not is_endless(info.trainer)
            and 0 < last <= info.layout.epochs
            and 20 * last < stepped.steps
        ):
            shown = ", ".join(map(str, milestones))
            in_epochs = ", ".join(f"'{milestone} epochs'" for milestone in milestones)
            yield (
                f"{stepped.name} has its last drop at update {last} of {stepped.steps}: its milestones ({shown}) count updates. "
                f"If they are epochs, write multistep([{in_epochs}]) in scheduler_config(...), or, for torch's scheduler, "
                "{'scheduler': ..., 'interval': 'epoch'}."
            )


def _milestones(scheduler: Any) -> list[int]:
    """The steps at which a scheduler drops, if they are given as such."""
    if isinstance(scheduler, torch_lr.MultiStepLR):
        return sorted(filter(is_reached, scheduler.milestones))
    if isinstance(scheduler, ScheduledLR) and scheduler.horizon.unit == "step":
        phases = [phase for phase in resolved_phases(scheduler) if phase.curve.is_monotone]
        drops = [phase for phase in phases if phase.curve.edges and not phase.curve.parts]
        if all(phase.shape.units == {"steps"} for phase in drops):
            return [edge for phase in drops for edge in phase.curve.edges]
    return []


@check("LR207", "A milestone is no whole number above 0")
def odd_milestones(info: RunInfo) -> Iterator[str]:
    """Report milestones of torch's ``MultiStepLR`` that are never reached or act at once, and a ``step_size`` that is not whole."""
    for scheduler in chain.from_iterable(parts_of(config.scheduler) for config in info.configs):
        if isinstance(scheduler, torch_lr.MultiStepLR):
            odd = [milestone for milestone in scheduler.milestones if not is_reached(milestone)]
            if odd:
                acts = "acts before the first update" if 0 in odd else "is never reached"
                yield _odd(scheduler, f"milestones={odd}", acts, _whole(scheduler.milestones))
        elif isinstance(scheduler, torch_lr.StepLR) and not is_reached(scheduler.step_size):
            shown, whole = f"step_size={scheduler.step_size}", f"Write step_size={max(int(scheduler.step_size), 1)}, or"
            yield _odd(scheduler, shown, "acts at its whole multiples alone", whole)


_AT_SHARES = "multistep(at=['50%', '75%'])"  # of the run


def _odd(scheduler: Any, shown: str, effect: str, fix: str) -> str:
    return (
        f"{type(scheduler).__name__} has {shown}, which {effect}: it compares them with whole numbers of steps, from 1 on. {fix} "
        f"{config_line(_AT_SHARES)}."
    )


def _whole(milestones: Iterable[Any]) -> str:
    """What to write for milestones that are not whole; fractions of the run have no whole numbers."""
    whole = sorted({int(each) for each in map(float, milestones) if math.isfinite(each) and each >= 1})
    return f"Write milestones={whole}, or" if whole else "Write"
