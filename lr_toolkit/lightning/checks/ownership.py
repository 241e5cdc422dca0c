"""Checks of what drives an optimizer: several schedulers, a schedule that nothing follows, or factors that nothing applies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import callbacks_of
from lr_toolkit.lightning.checks.advice import config_line
from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.checks.source import reads_key
from lr_toolkit.lightning.checks.stepped import parts_of
from lr_toolkit.lightning.mixin import ScheduleMixin, find_schedule, find_setting
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.lr_scale import SCALE_KEYS
from lr_toolkit.schedules.group_schedules import GroupSchedules
from lr_toolkit.schedules.keyed_schedules import schedules_by_key
from lr_toolkit.schedules.shape import Shape

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch.optim import Optimizer

    from lr_toolkit.lightning.checks.forecast import Forecast

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
        others = dict(_other_schedules(module))
    except ScheduleError:  # the module has none
        return
    ours = [config.scheduler for config in info.configs if isinstance(config.scheduler, ScheduledLR)]
    keys = {key for scheduler in ours for key in scheduler.other_schedules}
    is_followed = {
        "schedule": any(_phases(schedule) <= _phases(GroupSchedules.of(scheduler.schedule)) for scheduler in ours),
        "plateau": plateau is None or any(scheduler.plateau == plateau for scheduler in ours),
        **{name: schedules.keys() <= keys for name, schedules in others.items()},
    }
    for name, value in {"schedule": schedule, "plateau": plateau, **others}.items():
        if not is_followed[name] and _depth(module, name) <= _depth(module, "configure_optimizers"):
            also = "".join(f", {each}=self.{each}" for each in others)
            yield (
                f"{type(module).__name__}.{name} is {others.get(name, {}).get(name, value)!r}, and nothing follows it: the module defines "
                "configure_optimizers, which hides that of ScheduleMixin. Remove it and write build_optimizer(self), or "
                f"return configure_optimizers(optimizer, self.schedule, self.trainer, plateau=self.plateau{also}) from it."
            )
            return


def _other_schedules(module: ScheduleMixin) -> Iterator[tuple[str, dict[str, GroupSchedules]]]:
    """Each setting of the mixin with schedules of other keys than the LR, and these by key."""
    for name in ("momentum", "betas", "weight_decay", "other_schedules"):
        value = find_setting(module, name)
        by_key = (
            schedules_by_key("hold()", {}, value)
            if name == "other_schedules"
            else schedules_by_key("hold()", {name: value})
        )
        del by_key["lr"]
        if by_key:
            yield name, by_key


def _phases(schedules: GroupSchedules) -> set[Shape]:
    return {phase for schedule in schedules.schedules for phase in schedule.phases}


def _depth(module: Any, name: str) -> int:
    """The class that defines an attribute, as its place in the MRO; -1 for the instance and its hyperparameters."""
    if name in vars(module) or name in getattr(module, "hparams", {}):
        return -1
    return next(depth for depth, kind in enumerate(type(module).__mro__) if name in vars(kind))


@check("LR121", "Nothing applies the factors of the parameter groups")
def unapplied_factors(info: RunInfo) -> Iterator[str]:
    """Report groups that carry ``lr_scale`` or ``lr_mult``, and train at the LR of a group with another factor.

    Nothing is reported if code of the module, of a callback, of a scheduler or of the optimizer reads the key.
    """
    for optimizer, forecast in zip(info.optimizers, info.forecasts, strict=True):
        for key in SCALE_KEYS:
            has_key = any(key in group for group in optimizer.param_groups)
            factors = _factors_at_one_lr(optimizer, forecast, key) if has_key else []
            if factors and not reads_key(_owners_of_code(info, optimizer), key):
                shown = ", ".join(f"{factor:g}" for factor in factors[:4]) + (", ..." if len(factors) > 4 else "")
                yield (
                    f"The groups of {type(optimizer).__name__} carry {key} ({shown}), and these groups train at one LR: nothing "
                    f"multiplies {key}, because schedulers of torch and of this package read no other key than 'lr'. Write "
                    f"{type(optimizer).__name__}(param_groups(groups, lr=...)), which multiplies it into the LR of each group."
                )


def _factors_at_one_lr(optimizer: Optimizer, forecast: Forecast, key: str) -> list[float]:
    """The factors of groups that have equal LRs throughout the run; none if they are equal, too."""
    factors: dict[tuple[float, ...], set[float]] = {}
    for index, group in enumerate(optimizer.param_groups):
        lrs = (float(group["lr"]),) if forecast.why_not else tuple(forecast.lrs[:, index])
        factor = group.get(key, 1.0)
        if any(lrs) and isinstance(factor, (int, float)):
            factors.setdefault(lrs, set()).add(factor)
    most = max(factors.values(), key=len, default=set())
    return sorted(most) if len(most) > 1 else []


@check("LR122", "The scheduler gives one parameter group the LR of another")
def other_peak(info: RunInfo) -> Iterator[str]:
    """Report a group that the scheduler takes above its base LR, or to the LRs of another group, although others peak at theirs."""
    for optimizer, forecast in zip(info.optimizers, info.forecasts, strict=True):
        configs = info.configs_of(optimizer)
        bases = [float(group["initial_lr"]) for group in optimizer.param_groups if "initial_lr" in group]
        has_bases = len(bases) == len(optimizer.param_groups)
        is_known = has_bases and not forecast.why_not and len(forecast.updates) and forecast.updates[0] == 0
        if not configs or not is_known or any(_differs_by_group(config.scheduler) for config in configs):
            continue
        lrs = forecast.lrs
        index = strange_peak(lrs, np.array(bases))
        if index is not None:
            names = " and ".join(type(config.scheduler).__name__ for config in configs)
            yield (
                f"{names} takes the LR of parameter group {index} of {type(optimizer).__name__} to {lrs[:, index].max():g}, and its "
                f"own LR is {bases[index]:g}; another group peaks at its own LR. A number that is written to all groups (a "
                "floor such as eta_min, the LR of one group) replaces their own. Write "
                f"{config_line('cosine(end=0.1)')}, whose factors (cosine(end=0.1)) multiply the LR of each group."
            )


def strange_peak(lrs: NDArray[np.float64], bases: NDArray[np.float64]) -> int | None:
    """The first group that peaks above its base LR, or has the LRs of another base, if another group peaks at its own.

    Args:
        lrs: a row for each update, a column for each parameter group.
        bases: the base LR of each group.

    Example:
        >>> strange_peak(np.array([[0.1, 0.001], [0.01, 0.01]]), np.array([0.1, 0.001]))
        1
    """
    peaks = lrs.max(axis=0)
    own = np.isclose(peaks, bases, rtol=1e-6, atol=0.0)
    for index in np.flatnonzero(~own):
        copied = [other for other in np.flatnonzero(own) if np.array_equal(lrs[:, other], lrs[:, index])]
        if own.any() and bases[index] > 0 and (peaks[index] > bases[index] or copied):
            return int(index)
    return None


def _differs_by_group(scheduler: Any) -> bool:
    """Whether each group has a schedule of its own: in ours, or as one of several functions of torch's ``LambdaLR``."""
    lambdas = [each for part in parts_of(scheduler) for each in getattr(part, "lr_lambdas", ())]
    return isinstance(scheduler, ScheduledLR) or len({id(function) for function in lambdas}) > 1


def _owners_of_code(info: RunInfo, optimizer: Optimizer) -> list[Any]:
    """The objects whose code may apply a factor: those of the run, and schedulers that the module or a callback holds."""
    owners = [info.module, *callbacks_of(info.trainer)]
    held = [value for owner in owners for value in vars(owner).values() if hasattr(value, "step")]
    return [*owners, *held, optimizer, *(config.scheduler for config in info.configs_of(optimizer))]
