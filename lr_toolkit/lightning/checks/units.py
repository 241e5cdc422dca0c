"""Schedules that count in another unit than the one in which Lightning steps them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch.optim import lr_scheduler as torch_lr

from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.preview.report import plural
from lr_toolkit.schedules.geometric import MultiStep, Step
from lr_toolkit.schedules.routes import Plan
from lr_toolkit.schedules.text import spell

__all__ = ["idle_stairs", "length_of", "steps_and_lengths"]


def steps_and_lengths(scene: RunInfo) -> Iterator[str]:
    """Schedulers that never step, or whose own length has little to do with the steps that they get."""
    if not scene.course.updates:
        return
    for config in scene.configs:
        by_epoch = config.interval == "epoch" or config.frequency != 1
        if config.reduce_on_plateau or (by_epoch and not scene.course.has_epochs):
            continue
        steps = scene.course.steps_of(config.interval, config.frequency)
        found = _never(scene, config) if steps == 0 else _restarting(scene, config, steps)
        if not found and steps:
            parts = config.scheduler._schedulers if isinstance(config.scheduler, torch_lr.ChainedScheduler) else ()
            judged = (judge(scene, config, one, steps) for one in parts or (config.scheduler,) for judge in _JUDGES)
            found = next(filter(None, judged), "")
        if found:
            yield found


def _never(scene: RunInfo, config: Any) -> str:
    name, course = type(config.scheduler).__name__, scene.course
    if config.interval == "epoch":
        if config.frequency > 1:
            return (
                f"{name} never steps: frequency={config.frequency} with interval='epoch', and the run has "
                f"{plural(course.epochs, 'epoch')}. Write frequency=1."
            )
        return (
            f"{name} never steps: with interval='epoch' it moves at the end of an epoch, and this run of "
            f"{plural(course.updates, 'update')} ends before its first epoch does. Write interval='step'."
        )
    return (
        f"{name} never steps: frequency={config.frequency} counts the batches inside an epoch, and an epoch has "
        f"{course.batches:g}. Write frequency=1, and give the schedule its length in updates."
    )


def _restarting(scene: RunInfo, config: Any, steps: int) -> str:
    """A ``frequency`` in batches that does not divide the epoch, or the accumulation."""
    meant = scene.course.updates // config.frequency
    if config.interval != "step" or config.frequency == 1 or steps == meant:
        return ""
    return (
        f"{type(config.scheduler).__name__} takes {plural(steps, 'step')} in this run, not {meant}: "
        f"frequency={config.frequency} counts batches, not updates, and starts again with every epoch. Write "
        "frequency=1, and give the schedule its length in updates."
    )


def _wrong_unit(scene: RunInfo, config: Any, scheduler: Any, steps: int) -> str:
    """A schedule whose own length has little to do with the steps that it is going to get."""
    course, name = scene.course, type(scheduler).__name__
    if isinstance(scheduler, ScheduledLR):
        if scheduler.horizon.unit == config.interval and config.frequency == 1:
            return _wrong_horizon(scene, scheduler, steps)
        return (
            f"{name} counts in {scheduler.horizon.unit}s, and interval={config.interval!r}, frequency={config.frequency} "
            "step it otherwise. Let scheduler_config(optimizer, schedule, self.trainer) write the dict."
        )
    what, length, kind = length_of(scheduler)
    if not length:
        return ""
    gets = f"{name} has {what}={length}, and gets {plural(steps, 'step')} in this run (interval={config.interval!r})"
    if kind == "drop":
        if length < steps:
            return ""
        verdict = "so it never drops the LR"
    elif length > 2 * steps:
        verdict = f"so only {steps / length:.0%} of it is run"
    elif kind == "decay" and length < steps / 2:
        verdict = "so it has ended long before the run"
    else:
        return ""
    if config.interval == "epoch" and length > steps:
        cure = f"If {length} counts updates, return {{'scheduler': ..., 'interval': 'step'}}"
    elif config.interval == "step" and length < steps:
        cure = f"If {length} counts epochs, return {{'scheduler': ..., 'interval': 'epoch'}}"
    else:
        cure = f"The length of this run is {steps}"
    return (
        f"{gets}, {verdict}. {cure}; or write scheduler_config(optimizer, schedule, self.trainer), which finds the "
        f"run's {plural(course.updates, 'update')} by itself."
    )


def _wrong_horizon(scene: RunInfo, scheduler: ScheduledLR, steps: int) -> str:
    """A horizon that was given, and is much longer than the run; after a shorter one the LR may be meant to stay."""
    given = scheduler.horizon.steps
    is_own = scheduler.host is None and scene.trainer.lightning_module.automatic_optimization
    if not is_own or given <= 2 * steps:
        return ""
    return (
        f"ScheduledLR was given horizon=Horizon(steps={given}), and gets {plural(steps, 'step')} in this run, so only "
        f"{steps / given:.0%} of it is run. Leave out horizon=, and pass self.trainer, which knows the length of the run."
    )


def length_of(scheduler: Any) -> tuple[str, int, str]:
    """What a scheduler calls its own length, the length (0: it has none), and its kind: decay, climb, cycle or drop."""
    if isinstance(scheduler, torch_lr.SequentialLR):
        _, last, kind = length_of(scheduler._schedulers[-1])
        return "milestones and last length", int(scheduler._milestones[-1] + last), kind if kind == "decay" else "cycle"
    if isinstance(scheduler, torch_lr.LinearLR) and scheduler.end_factor >= scheduler.start_factor:
        return "total_iters", int(scheduler.total_iters), "climb"
    if isinstance(scheduler, torch_lr.MultiStepLR):
        return "its first milestone", int(min(scheduler.milestones, default=0)), "drop"
    if isinstance(scheduler, torch_lr.LambdaLR):
        # transformers' schedules are LambdaLRs over a partial that knows the length.
        keywords: Mapping[str, Any] = getattr(scheduler.lr_lambdas[0], "keywords", {})
        return "num_training_steps", int(keywords.get("num_training_steps") or 0), "decay"
    for kind_of, attribute, kind in _LENGTHS:
        if isinstance(scheduler, kind_of):
            return attribute, int(getattr(scheduler, attribute)), kind
    return "", 0, ""


_LENGTHS: tuple[tuple[type, str, str], ...] = (
    (torch_lr.CosineAnnealingLR, "T_max", "decay"),
    (torch_lr.OneCycleLR, "total_steps", "decay"),
    (torch_lr.PolynomialLR, "total_iters", "decay"),
    (torch_lr.LinearLR, "total_iters", "decay"),
    (torch_lr.CosineAnnealingWarmRestarts, "T_0", "cycle"),
    (torch_lr.CyclicLR, "total_size", "cycle"),
    (torch_lr.StepLR, "step_size", "drop"),
)


def _milestones_of_epochs(scene: RunInfo, config: Any, scheduler: Any, steps: int) -> str:
    """Milestones that are numbers of epochs, taken for numbers of updates.

    An early drop may be meant, so all milestones have to fit the run as epochs, and the last has to come before a twentieth of
    the run is over: only where an epoch has more than twenty updates can both be true.
    """
    milestones = _milestones(scheduler)
    last = max(milestones, default=0)
    if config.interval != "step" or not 0 < last <= scene.course.epochs or 20 * last >= steps:
        return ""
    shown = ", ".join(str(one) for one in milestones)
    quoted = ", ".join(f"'{one} epochs'" for one in milestones)
    return (
        f"{type(scheduler).__name__} has its last drop at update {last} of {steps}: its milestones ({shown}) count updates. If "
        f"they are epochs, write multistep([{quoted}]) in scheduler_config(...), or, for torch's scheduler, "
        "{'scheduler': ..., 'interval': 'epoch'}."
    )


def _milestones(scheduler: Any) -> list[int]:
    """The numbers of steps at which it drops."""
    if isinstance(scheduler, torch_lr.MultiStepLR):
        return sorted(scheduler.milestones)
    if isinstance(scheduler, ScheduledLR):
        phases = [one for one in scheduler.schedule.phases if isinstance(one, MultiStep)]
        durations = [at for one in phases for at in one.at]
        if all(at.unit == "steps" for at in durations):
            return [int(at.amount) for at in durations]
    return []


_JUDGES = (_wrong_unit, _milestones_of_epochs)


def idle_stairs(scene: RunInfo) -> Iterator[str]:
    """Stairs of ours that are longer than their phase: a schedule may say so, and hardly ever means it."""
    for config in scene.configs:
        scheduler = config.scheduler
        if not isinstance(scheduler, ScheduledLR) or not isinstance(scheduler.route, Plan):
            continue
        for one in scheduler.timeline.segments:
            length = one.end - one.start
            if isinstance(one.shape, Step) and length and one.curve(length - 1) == 1.0:
                unit = "update" if scheduler.horizon.unit == "step" else "epoch"
                yield (
                    f"{spell(one.shape)} never drops the LR: its phase has {plural(length, unit)}. Write a shorter interval, such "
                    "as step('30%'), or hold() where it is meant to stay."
                )
