"""Mistakes that let a run train for hours at the wrong learning rate, seen before its first update.

``watch.py`` sees those that only the run shows. Out of reach of both are a length that is inside a user's function
(``LambdaLR(optimizer, lambda k: 1 - k / 100)``; its plan is in the table), the metric of a plateau that the module steps itself,
a metric that resembles none (it may be logged later; Lightning raises after the first epoch), and what fused optimizers skip
inside of their step under a ``GradScaler``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import callbacks_of, is_trial, logging_cadence
from lr_toolkit.lightning.checks.plateau import lost_reading, plateau_cadence, plateau_metric, wrong_mode
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.checks.units import idle_stairs, length_of, steps_and_lengths
from lr_toolkit.lightning.mixin import ScheduleMixin
from lr_toolkit.lightning.warmup.warmup import LRWarmup
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.preview.report import plural
from lr_toolkit.schedules import Schedule
from lr_toolkit.schedules.shapes import Warmup

__all__ = ["find_mistakes", "invisible_warmups"]

# Schedulers that multiply what they find, so that several of them on one optimizer compose.
_MULTIPLYING = (
    torch_lr.ConstantLR,
    torch_lr.CosineAnnealingLR,  # to within its eta_min
    torch_lr.ExponentialLR,
    torch_lr.LinearLR,
    torch_lr.MultiplicativeLR,
    torch_lr.MultiStepLR,
    torch_lr.PolynomialLR,
    torch_lr.StepLR,
)


def find_mistakes(scene: RunInfo) -> list[str]:
    """Every trap that the run is about to fall into: what is wrong, and the cure."""
    finders: list[Callable[[RunInfo], Iterable[str]]] = [
        _two_owners,
        _unused_schedule,
        _lr_of_zero,
        _dead_end,
        _will_raise,
        wrong_mode,
    ]
    # Under manual optimization Lightning steps no scheduler, and the module may step them as it likes.
    is_automatic = scene.module.automatic_optimization
    if is_automatic:
        finders += [plateau_cadence, plateau_metric, lost_reading]
    if not is_trial(scene.trainer):
        finders += [steps_and_lengths if is_automatic else _shared_steps, idle_stairs]
    return [text for finder in finders for text in finder(scene)]


def invisible_warmups(scene: RunInfo) -> Iterator[str]:
    """Warmups of this package's schedules and ramps that have few points in the logs."""
    every = logging_cadence(scene.trainer)
    for length in dict.fromkeys(_warmups(scene)):
        if 2 < length <= every < scene.course.updates:
            yield (
                f"The warmup of {plural(length, 'update')} shows in the logs as its first point and the one after it: "
                f"log_every_n_steps is {every}. To see its shape: Trainer(log_every_n_steps={max(length // 5, 1)})."
            )


def _warmups(scene: RunInfo) -> Iterator[int]:
    """How many updates each still takes, where it climbs at each."""
    for config in scene.configs:
        scheduler = config.scheduler
        if isinstance(scheduler, ScheduledLR) and scheduler.horizon.unit == "step":
            climbs = [part for part in scheduler.timeline.segments if isinstance(part.shape, Warmup)]
            yield from (part.end - max(part.start, scheduler.last_epoch) for part in climbs)
    for ramp in callbacks_of(scene.trainer):
        if isinstance(ramp, LRWarmup) and ramp.spec.counts_updates:
            yield from (one.left(scene.course.updates) for one in ramp.ramps(scene.trainer))


# --- schedulers and their optimizers ----------------------------------------------------------------------------------


def _two_owners(scene: RunInfo) -> Iterator[str]:
    by_optimizer: dict[int, list[Any]] = {}
    for config in scene.configs:
        by_optimizer.setdefault(id(config.scheduler.optimizer), []).append(config)
    for owners in by_optimizer.values():
        rest = [one for one in owners if not (one.reduce_on_plateau or _multiplies(one.scheduler))]
        if len(owners) > 1 and rest:
            names = " and ".join(type(one.scheduler).__name__ for one in owners)
            yield (
                f"{names} drive one optimizer: {type(rest[0].scheduler).__name__} writes its own LR over what the other "
                "did. Keep one scheduler for each optimizer: warmup('500 steps') >> cosine() runs phases one after the "
                "other, plateau=ReduceOnPlateau(...) adds the reaction to a metric."
            )


def _multiplies(scheduler: Any) -> bool:
    if isinstance(scheduler, torch_lr.ChainedScheduler):
        return all(map(_multiplies, scheduler._schedulers))
    return isinstance(scheduler, _MULTIPLYING)


def _unused_schedule(scene: RunInfo) -> Iterator[str]:
    """The mixin's attributes, where the module's own ``configure_optimizers`` has left them aside.

    Who overrides the hook in a subclass of the one that has the schedule means to replace it.
    """
    module: Any = scene.module
    hook = getattr(module.configure_optimizers, "__func__", None)
    if not isinstance(module, ScheduleMixin) or hook is ScheduleMixin.configure_optimizers:
        return
    try:
        schedule = Schedule.parse(module._find_schedule())
    except ScheduleError:  # there is none
        return
    ours = [one.scheduler for one in scene.configs if isinstance(one.scheduler, ScheduledLR)]
    used = {
        "schedule": any(set(schedule.phases) <= set(one.schedule.phases) for one in ours),
        "plateau": module.plateau is None or any(one.plateau == module.plateau for one in ours),
    }
    for name, value in (("schedule", schedule), ("plateau", module.plateau)):
        if not used[name] and _depth(module, name) <= _depth(module, "configure_optimizers"):
            yield (
                f"{type(module).__name__}.{name} is {value!r}, and nothing follows it: the module has a configure_optimizers "
                "of its own, which hides the one of ScheduleMixin. Remove it and write build_optimizer(self), or let it "
                "return configure_optimizers(optimizer, self.schedule, self.trainer, plateau=self.plateau)."
            )
            return


def _depth(module: Any, name: str) -> int:
    """In which class an attribute is defined, counted from the module's own; -1 where it is the instance's."""
    if name in vars(module) or name in getattr(module, "hparams", {}):
        return -1
    return next(at for at, one in enumerate(type(module).__mro__) if name in vars(one))


def _shared_steps(scene: RunInfo) -> Iterator[str]:
    """``max_steps`` with several optimizers, the updates of all of which Lightning counts."""
    many, most = len(scene.trainer.optimizers), scene.trainer.max_steps
    if many < 2 or most < 1 or scene.course.updates * many <= most:
        return
    for config in scene.configs:
        scheduler = config.scheduler
        ours = isinstance(scheduler, ScheduledLR)
        # One that was given by hand is taken as meant.
        if (scheduler.horizon == scene.course.horizon) if ours else (length_of(scheduler)[1] == scene.course.updates):
            yield (
                f"{type(scheduler).__name__} is made for {plural(scene.course.updates, 'update')}, and max_steps={most} "
                f"ends the run after about {most // many}: Lightning counts the updates of all {many} optimizers. Write "
                f"scheduler_config(optimizer, schedule, self.trainer, horizon=Horizon({most // many})), or "
                f"Trainer(max_steps={scene.course.updates * many})."
            )
            return


# --- learning rates that teach nothing --------------------------------------------------------------------------------


def _lr_of_zero(scene: RunInfo) -> Iterator[str]:
    for one in scene.forecasts:
        if one.why_not or not len(one.updates) or one.updates[0] != 0:
            continue
        highest = one.lrs.max(axis=1)
        moving = np.flatnonzero(highest > 0)
        first = int(one.updates[moving[0]]) if moving.size else scene.course.updates
        is_blamed = moving.size or (not one.cut and any(map(_has_base, scene.configs)))
        if first > 1 and is_blamed:
            which = "The first" if moving.size else "All"
            yield (
                f"{which} {plural(first, 'update')} have a learning rate of 0 and teach nothing. If the scheduler was meant to "
                "move per step, return {'scheduler': ..., 'interval': 'step'}; warmup(...) of this package starts above 0."
            )


def _has_base(config: Any) -> bool:
    """Whether a scheduler was given anything but 0 to start from."""
    return any(float(lr) > 0 for lr in getattr(config.scheduler, "base_lrs", ()))


def _dead_end(scene: RunInfo) -> Iterator[str]:
    horizons = [one.scheduler.horizon for one in scene.configs if isinstance(one.scheduler, ScheduledLR)]
    if not scene.module.automatic_optimization and any(one != scene.course.horizon for one in horizons):
        return  # given by hand for a module that makes fewer updates than it has batches
    for one in scene.forecasts:
        if one.why_not or not len(one.updates) or not scene.course.updates:
            continue
        highest = one.lrs.max(axis=1)
        alive = np.flatnonzero(highest > 1e-6 * highest.max())
        last = int(one.updates[alive[-1]]) + 1 if alive.size else 0
        if one.cut and one.updates[-1] < 10 * last:
            continue  # not foreseen to its end, and a cycle may lift it again
        if 0 < last < scene.course.updates / 2 and alive[-1] + 1 < len(one.updates):
            yield (
                f"From update {last} of {scene.course.updates} on the learning rate is less than a millionth of its peak: "
                "the rest of the run teaches nothing. A decay that was meant per epoch needs interval='epoch', or a duration "
                "in epochs (step('3 epochs')); a floor (cosine(end=0.1), end_lr=1e-5) or a longer phase keeps it alive."
            )


def _will_raise(scene: RunInfo) -> Iterator[str]:
    for one in scene.forecasts:
        if one.error:
            yield (
                f"The scheduler is going to raise {one.error.rstrip('.')}. Give it the length of this run, "
                f"{plural(scene.course.updates, 'update')}."
            )
