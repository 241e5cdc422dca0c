"""Checks of who drives an optimizer: several schedulers, or a schedule that nothing follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.optim import lr_scheduler as torch_lr

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.mixin import ScheduleMixin, find_schedule, find_setting
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.schedules.group_schedules import GroupSchedules
from lr_toolkit.schedules.shape import Shape

# Schedulers that multiply the LR that they find, so that several of them on one optimizer compose.
_MULTIPLYING = (
    torch_lr.ConstantLR,
    torch_lr.CosineAnnealingLR,  # up to its eta_min
    torch_lr.ExponentialLR,
    torch_lr.LinearLR,
    torch_lr.MultiplicativeLR,
    torch_lr.MultiStepLR,
    torch_lr.PolynomialLR,
    torch_lr.StepLR,
)


@check("LR101", "Two schedulers drive one optimizer, and one overwrites the other")
def overwritten_scheduler(info: RunInfo) -> Iterator[str]:
    """Report a scheduler that writes its own LR over that of another scheduler."""
    by_optimizer: dict[int, list[Any]] = {}
    for config in info.configs:
        by_optimizer.setdefault(id(config.scheduler.optimizer), []).append(config)
    for configs in by_optimizer.values():
        writers = [config for config in configs if not (config.reduce_on_plateau or _multiplies(config.scheduler))]
        if len(configs) > 1 and writers:
            names = " and ".join(type(config.scheduler).__name__ for config in configs)
            yield (
                f"{names} drive one optimizer: {type(writers[0].scheduler).__name__} writes its own LR over that of the "
                "other. Keep one scheduler for each optimizer: warmup('500 steps') >> cosine() runs one phase after the "
                "other, and plateau=ReduceOnPlateau(...) adds the reaction to a metric."
            )


def _multiplies(scheduler: Any) -> bool:
    if isinstance(scheduler, torch_lr.ChainedScheduler):
        return all(map(_multiplies, scheduler._schedulers))
    return isinstance(scheduler, _MULTIPLYING)


@check("LR111", "Nothing follows an attribute of a ScheduleMixin")
def ignored_attribute(info: RunInfo) -> Iterator[str]:
    """Report attributes of the mixin that the module's own ``configure_optimizers`` ignores.

    A subclass that overrides ``configure_optimizers`` is assumed to replace its parent's schedule on purpose.
    """
    module: Any = info.module
    hook = getattr(module.configure_optimizers, "__func__", None)
    if not isinstance(module, ScheduleMixin) or hook is ScheduleMixin.configure_optimizers:
        return
    try:
        schedule, plateau = GroupSchedules.of(find_schedule(module)), find_setting(module, "plateau")
    except ScheduleError:  # the module has none
        return
    ours = [config.scheduler for config in info.configs if isinstance(config.scheduler, ScheduledLR)]
    is_followed = {
        "schedule": any(_phases(schedule) <= _phases(GroupSchedules.of(scheduler.schedule)) for scheduler in ours),
        "plateau": plateau is None or any(scheduler.plateau == plateau for scheduler in ours),
    }
    for name, value in (("schedule", schedule), ("plateau", plateau)):
        if not is_followed[name] and _depth(module, name) <= _depth(module, "configure_optimizers"):
            yield (
                f"{type(module).__name__}.{name} is {value!r}, and nothing follows it: the module defines "
                "configure_optimizers, which hides that of ScheduleMixin. Remove it and write build_optimizer(self), or "
                "return configure_optimizers(optimizer, self.schedule, self.trainer, plateau=self.plateau) from it."
            )
            return


def _phases(schedules: GroupSchedules) -> set[Shape]:
    return {phase for schedule in schedules.schedules for phase in schedule.phases}


def _depth(module: Any, name: str) -> int:
    """The class that defines an attribute, as its place in the MRO; -1 for the instance and its hyperparameters."""
    if name in vars(module) or name in getattr(module, "hparams", {}):
        return -1
    return next(depth for depth, kind in enumerate(type(module).__mro__) if name in vars(kind))
