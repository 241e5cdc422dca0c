"""The schedulers that Lightning is going to step, and how often: what the checks of units and lengths look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, final

from torch.optim import lr_scheduler as torch_lr

from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.schedules.placement import ResolvedPhase

__all__ = ["Stepped", "configs_with_steps", "frequency_restarts", "parts_of", "resolved_phases", "stepped_regularly"]


@final
@dataclass(frozen=True, slots=True)
class Stepped:
    """A scheduler that Lightning is going to step until ``steps`` in all; of a ``ChainedScheduler``, one of its parts.

    ``earlier`` are the steps that it took in earlier fits.
    """

    scheduler: Any
    interval: str
    frequency: int
    steps: int
    earlier: int

    @property
    def name(self) -> str:
        """The class of the scheduler."""
        return type(self.scheduler).__name__


def configs_with_steps(info: RunInfo) -> Iterator[tuple[Any, int]]:
    """The configs whose steps are known beforehand, with the number of steps; none in a trial, or if the module steps too."""
    if info.is_trial or not info.is_stepped_by_lightning or not info.layout.updates:
        return
    for config in info.configs:
        needs_epochs = config.interval == "epoch" or config.frequency != 1
        if not config.reduce_on_plateau and (info.layout.has_epochs or not needs_epochs):
            yield config, info.layout.steps_of(config.interval, config.frequency)


def stepped_regularly(info: RunInfo) -> Iterator[Stepped]:
    """The schedulers that are stepped at a regular pace."""
    for config, steps in configs_with_steps(info):
        if steps and not frequency_restarts(info, config, steps):
            is_chain = isinstance(config.scheduler, torch_lr.ChainedScheduler)
            for scheduler in config.scheduler._schedulers if is_chain else (config.scheduler,):
                earlier = _taken(info, scheduler)
                yield Stepped(scheduler, config.interval, config.frequency, steps + earlier, earlier)


def _taken(info: RunInfo, scheduler: Any) -> int:
    """The steps of a scheduler in earlier fits; those of a resumed run are among the steps of the run."""
    taken = getattr(scheduler, "last_epoch", 0)
    return max(taken, 0) if isinstance(taken, int) and not info.layout.start else 0


def frequency_restarts(info: RunInfo, config: Any, steps: int) -> bool:
    """Whether a ``frequency`` in batches divides neither the epoch nor the accumulation."""
    is_frequency_of_batches = config.interval == "step" and config.frequency != 1
    return bool(is_frequency_of_batches and steps != info.layout.updates // config.frequency)


def parts_of(scheduler: Any) -> Iterator[Any]:
    """A scheduler, or those that a ``SequentialLR`` or a ``ChainedScheduler`` consists of."""
    inner = getattr(scheduler, "_schedulers", None)
    if isinstance(inner, (list, tuple)):
        yield from chain.from_iterable(map(parts_of, inner))
    else:
        yield scheduler


def resolved_phases(scheduler: ScheduledLR) -> Iterator[ResolvedPhase]:
    """The phases of each schedule that the code asks for."""
    return chain.from_iterable(timeline.resolved_phases for timeline in scheduler.timelines)
