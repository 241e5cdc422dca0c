"""The scheduler of an optimizer alone: what a configuration's slot for a scheduler names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from torch.optim import Optimizer

from lr_toolkit.arguments import answer_arguments
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.lightning.configure import TooLong, scheduler_config
from lr_toolkit.lightning.run_follower import correct_wiring
from lr_toolkit.lightning.trainer_of_optimizer import trainer_of
from lr_toolkit.optim import OnChange, ScheduledLR
from lr_toolkit.optim.plateau import MetricRuleLike
from lr_toolkit.schedules import DurationLike
from lr_toolkit.schedules.group_schedules import GroupSchedulesLike
from lr_toolkit.schedules.horizon import HORIZON_ANSWERS, HorizonLike

__all__ = ["build_scheduler"]


@answer_arguments("build_scheduler", "build_scheduler(optimizer, \"warmup('5%') >> cosine()\")", HORIZON_ANSWERS)
def build_scheduler(
    optimizer: Optimizer,
    schedule: GroupSchedulesLike,
    *,
    interval: Literal["step", "epoch"] = "step",
    plateau: MetricRuleLike | None = None,
    horizon: HorizonLike | None = None,
    on_change: OnChange = "error",
    rewarm: DurationLike | None = None,
    too_long: TooLong = "error",
    momentum: GroupSchedulesLike | None = None,
    betas: Sequence[GroupSchedulesLike | None] | None = None,
    weight_decay: GroupSchedulesLike | None = None,
    other_schedules: Mapping[str, Any] | None = None,
) -> ScheduledLR:
    """The scheduler of an optimizer, for a module that is configured with a factory ``optimizer -> scheduler``.

        scheduler: {_target_: lr_toolkit.build_scheduler, _partial_: true, schedule: "warmup('5%') >> cosine()"}

    Call it in ``configure_optimizers``, where the module has the optimizer and the factory does not know the Trainer. ``LRMonitor``
    among the Trainer's callbacks introduces it: the schedule then has the length of the run, and is recalculated if that changes.
    Without ``LRMonitor``, give ``horizon``.

    The module puts the scheduler into a dict, whose ``interval`` and ``frequency`` were chosen for another one. If they do not
    step this one in the unit of ``interval``, they are corrected when training begins, with a warning.

    Args:
        optimizer: the optimizer whose parameter groups follow the schedule, each from its own base LR.
        schedule: a ``Schedule`` or its text, or a mapping of the names of parameter groups to them.
        interval: ``"step"`` to move after every optimizer update, ``"epoch"`` to move once per epoch.
        plateau: a rule that reacts to a metric, as for ``scheduler_config``; so are all arguments below.
        horizon: the length of the run, in place of the Trainer's.
        on_change: how to go on from a checkpoint that was saved under another plan.
        rewarm: the length of a second warmup after such a change.
        too_long: ``"error"`` refuses a schedule that is longer than the run, ``"cut"`` trains on its beginning.
        momentum: a schedule of the momentum.
        betas: schedules of the betas, one for each place.
        weight_decay: a schedule of the weight decay.
        other_schedules: schedules of other keys of the parameter groups, by key.

    Raises:
        ScheduleError: if the Trainer is not known and ``horizon`` is not given, and as ``scheduler_config``.

    Warns:
        ScheduleWarning: LR266, if the module's dict steps the scheduler otherwise.

    Example:
        >>> import functools
        >>> import torch
        >>> from lr_toolkit import Horizon, build_scheduler
        >>> factory = functools.partial(build_scheduler, schedule="warmup('5%') >> cosine()", horizon=Horizon(steps=1000))
        >>> factory(torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1))
        ScheduledLR(warmup('5%') >> cosine(), update 0 of 1000)

    Reference:
        The ``scheduler`` of the Lightning-Hydra template, and LightningCLI's ``LRSchedulerCallable``.
    """
    trainer = trainer_of(optimizer)
    if trainer is None and horizon is None:
        raise ScheduleError(
            f"build_scheduler(schedule={shorten(schedule)}): the length of the run is the Trainer's, which is not known here. Add "
            "lr_toolkit.LRMonitor() to its callbacks, or write horizon=Horizon(steps=10_000, steps_per_epoch=500)."
        )
    config = scheduler_config(
        optimizer,
        schedule,
        trainer,
        interval=interval,
        plateau=plateau,
        horizon=horizon,
        on_change=on_change,
        rewarm=rewarm,
        too_long=too_long,
        momentum=momentum,
        betas=betas,
        weight_decay=weight_decay,
        other_schedules=other_schedules,
    )
    scheduler = cast("ScheduledLR", config["scheduler"])
    if trainer is not None:
        correct_wiring(trainer, scheduler)
    return scheduler
