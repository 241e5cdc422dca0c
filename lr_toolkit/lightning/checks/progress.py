"""How far a run and its schedulers have come: the facts that the checks during training look at."""

from __future__ import annotations

from dataclasses import dataclass
from inspect import unwrap
from typing import TYPE_CHECKING, Any, final

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.updates import GradientProbe, hookable_optimizers

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from lr_toolkit.lightning.run_layout import RunLayout

__all__ = ["RunProgress", "SchedulerProgress", "StepCounter", "UpdateCounter", "steps_of"]


@final
@dataclass(frozen=True, slots=True)
class RunProgress:
    """How far a run has come.

    Args:
        trainer: the Trainer.
        layout: how the run was going to be divided when it began.
        is_manual: whether the module optimizes by itself.
        has_steps: whether code of the module or of a callback has a call of a scheduler's ``step()``.
        epochs: the epochs that it has trained since it began, or was resumed.
        batches: the batches of these epochs.
        has_ended: whether training is over.
        is_between_epochs: whether the epochs so far were trained to their ends, and no other has begun.
        lightning_steps: how often Lightning stepped the only scheduler; ``None`` if there are several.
    """

    trainer: Trainer
    layout: RunLayout
    is_manual: bool
    has_steps: bool
    epochs: int
    batches: int
    has_ended: bool
    is_between_epochs: bool
    lightning_steps: int | None


@final
@dataclass(frozen=True, slots=True)
class SchedulerProgress:
    """How far a scheduler has come since the run began, or was resumed.

    Args:
        config: Lightning's configuration of the scheduler.
        is_stepped_by_module: whether the module steps it: under manual optimization, or in its own ``lr_scheduler_step``.
        is_stepped_twice: whether code of the module or a callback may step it, beside Lightning.
        steps: how often it was stepped; 0 if it has no count.
        updates: the updates of its optimizer; 0 if they are not counted, or the optimizer hides them.
    """

    config: Any
    is_stepped_by_module: bool
    is_stepped_twice: bool
    steps: int
    updates: int

    @property
    def name(self) -> str:
        """The class of the scheduler."""
        return type(self.config.scheduler).__name__

    @property
    def ours(self) -> ScheduledLR | None:
        """The scheduler, if it is of this package."""
        scheduler = self.config.scheduler
        return scheduler if isinstance(scheduler, ScheduledLR) else None


@final
class UpdateCounter:
    """Counts the steps of an optimizer that had a gradient.

    Args:
        optimizer: the optimizer.
        needs_gradient: ``False`` to count every step, because a rank may hold no part of the gradient.

    Raises:
        ScheduleError: if no hook would see a step.
    """

    def __init__(self, optimizer: Optimizer, *, needs_gradient: bool) -> None:
        self.count = 0
        self._needs_gradient = needs_gradient
        self._has_gradient = GradientProbe().has_gradient
        self._handle = hookable_optimizers(optimizer)[0].register_step_post_hook(self._after_step)

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self._needs_gradient or self._has_gradient(optimizer):
            self.count += 1

    def close(self) -> None:
        """Remove the hook."""
        self._handle.remove()


@final
class StepCounter:
    """Counts the steps of a scheduler and the updates of its optimizer, from now on.

    Args:
        config: Lightning's configuration of the scheduler.
        is_stepped_by_module: as for ``SchedulerProgress``.
        is_stepped_twice: as for ``SchedulerProgress``.
        updates: the counter of its optimizer; ``None`` if nothing needs to be counted.
    """

    def __init__(
        self, config: Any, *, is_stepped_by_module: bool, is_stepped_twice: bool, updates: UpdateCounter | None
    ) -> None:
        self.config = config
        self._is_stepped_by_module = is_stepped_by_module
        self._is_stepped_twice = is_stepped_twice
        self._updates = updates
        self._first_step = steps_of(config.scheduler) or 0
        self._first_update = updates.count if updates else 0

    @property
    def progress(self) -> SchedulerProgress:
        """The counts as of now."""
        steps = (steps_of(self.config.scheduler) or 0) - self._first_step
        updates = self._updates.count - self._first_update if self._updates is not None else 0
        return SchedulerProgress(self.config, self._is_stepped_by_module, self._is_stepped_twice, steps, updates)


def steps_of(scheduler: Any) -> int | None:
    """How often a scheduler was stepped; of ours, the steps that counted. ``None`` if it has no count."""
    names = ["_step_count", "last_epoch"]
    step = getattr(type(scheduler), "step", None)  # a scheduler of the module's lr_scheduler_step may have none
    if step is None or unwrap(step) is not LRScheduler.step:  # a step() of its own may not count as torch's does
        names.reverse()
    if isinstance(scheduler, ScheduledLR):
        names = ["last_epoch"]
    counts = (getattr(scheduler, name, None) for name in names)
    known = next((count for count in counts if isinstance(count, int)), None)
    if known is None and isinstance(getattr(scheduler, "_schedulers", None), list):  # several, stepped together
        return steps_of(scheduler._schedulers[0])
    return known
