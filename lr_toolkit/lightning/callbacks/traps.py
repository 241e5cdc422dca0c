"""Mistakes that let a run train for hours at the wrong learning rate, seen before its first update."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, final

import numpy as np
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit.lightning.callbacks.forecast import Course, Forecast
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.preview.report import plural
from lr_toolkit.schedules.shapes import Warmup

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

__all__ = ["Scene", "find_traps", "invisible_warmups"]

# Schedulers that multiply what they find, so that several of them on one optimizer compose.
_MULTIPLYING = (
    torch_lr.ConstantLR,
    torch_lr.ExponentialLR,
    torch_lr.LinearLR,
    torch_lr.MultiplicativeLR,
    torch_lr.MultiStepLR,
    torch_lr.PolynomialLR,
    torch_lr.StepLR,
)


@final
@dataclass(frozen=True, slots=True)
class Scene:
    """What is known about a run before its first update."""

    trainer: Trainer
    module: LightningModule
    course: Course
    forecasts: Sequence[Forecast]
    validated: frozenset[str]  # the metrics that sanity validation produced

    @property
    def configs(self) -> list[Any]:
        """Lightning's scheduler configurations."""
        return list(self.trainer.lr_scheduler_configs)


def find_traps(scene: Scene) -> list[str]:
    """Every trap that the run is about to fall into: what is wrong, and the cure."""
    finders: list[Callable[[Scene], Iterable[str]]] = [_two_owners, _lr_of_zero, _dead_end, _will_raise]
    if scene.module.automatic_optimization:  # otherwise Lightning steps no scheduler, and the module may do anything
        finders += [_steps_and_lengths, _plateau_cadence, _plateau_metric]
    return [text for finder in finders for text in finder(scene)]


def invisible_warmups(scene: Scene, every: int) -> Iterator[str]:
    """Warmups of this package's schedules that have few points in the logs."""
    for config in scene.configs:
        scheduler = config.scheduler
        if not isinstance(scheduler, ScheduledLR) or scheduler.horizon.unit == "epoch":
            continue
        for part in scheduler.timeline.segments:
            length = part.end - part.start
            if isinstance(part.shape, Warmup) and 2 < length <= every < scene.course.updates:
                yield (
                    f"The warmup of {plural(length, 'update')} shows in the logs as its first point and the one after it: "
                    f"log_every_n_steps is {every}. To see its shape: Trainer(log_every_n_steps={max(length // 5, 1)})."
                )


# --- schedulers and their steps ---------------------------------------------------------------------------------------


def _two_owners(scene: Scene) -> Iterator[str]:
    by_optimizer: dict[int, list[Any]] = {}
    for config in scene.configs:
        by_optimizer.setdefault(id(config.scheduler.optimizer), []).append(config)
    for owners in by_optimizer.values():
        rest = [one for one in owners if not isinstance(one.scheduler, _MULTIPLYING) and not one.reduce_on_plateau]
        if len(owners) > 1 and rest:
            names = " and ".join(type(one.scheduler).__name__ for one in owners)
            yield (
                f"{names} drive one optimizer: {type(rest[0].scheduler).__name__} writes its own LR over what the other "
                "did. Keep one scheduler for each optimizer: warmup('500 steps') >> cosine() runs phases one after the "
                "other, plateau=ReduceOnPlateau(...) adds the reaction to a metric."
            )


def _steps_and_lengths(scene: Scene) -> Iterator[str]:
    if not scene.course.updates:
        return
    for config in scene.configs:
        if config.reduce_on_plateau:
            continue
        steps = scene.course.steps_of(config.interval, config.frequency)
        found = _never(scene, config) if steps == 0 else _restarting(scene, config, steps)
        if not found:
            found = _wrong_unit(scene, config, steps) if steps else ""
        if found:
            yield found


def _never(scene: Scene, config: Any) -> str:
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


def _restarting(scene: Scene, config: Any, steps: int) -> str:
    """A ``frequency`` in batches that does not divide the epoch, or the accumulation."""
    meant = scene.course.updates // config.frequency
    if config.interval != "step" or config.frequency == 1 or steps == meant:
        return ""
    return (
        f"{type(config.scheduler).__name__} takes {plural(steps, 'step')} in this run, not {meant}: "
        f"frequency={config.frequency} counts batches, not updates, and starts again with every epoch. Write "
        "frequency=1, and give the schedule its length in updates."
    )


def _wrong_unit(scene: Scene, config: Any, steps: int) -> str:
    """A schedule whose own length has little to do with the steps that it is going to get."""
    scheduler, course = config.scheduler, scene.course
    name = type(scheduler).__name__
    if isinstance(scheduler, ScheduledLR):
        if scheduler.horizon.unit == config.interval and config.frequency == 1:
            return ""
        return (
            f"{name} counts in {scheduler.horizon.unit}s, and interval={config.interval!r}, frequency={config.frequency} "
            "step it otherwise. Let scheduler_config(optimizer, schedule, self.trainer) write the dict."
        )
    what, length, kind = _length(scheduler)
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


def _length(scheduler: Any) -> tuple[str, int, str]:
    """What a scheduler calls its own length, the length, and its kind: one that decays, climbs, cycles or drops."""
    if isinstance(scheduler, torch_lr.SequentialLR):
        _, last, kind = _length(scheduler._schedulers[-1])
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


# --- learning rates that teach nothing --------------------------------------------------------------------------------


def _lr_of_zero(scene: Scene) -> Iterator[str]:
    for one in scene.forecasts:
        if one.why_not or not len(one.updates) or one.updates[0] != 0:
            continue
        highest = one.lrs.max(axis=1)
        moving = np.flatnonzero(highest > 0)
        first = int(one.updates[moving[0]]) if moving.size else scene.course.updates
        if moving.size and first > 1:
            yield (
                f"The first {plural(first, 'update')} have a learning rate of 0 and teach nothing. If the scheduler was "
                "meant to move per step, return {'scheduler': ..., 'interval': 'step'}; warmup(...) of this package "
                "starts above 0."
            )


def _dead_end(scene: Scene) -> Iterator[str]:
    for one in scene.forecasts:
        if one.why_not or one.cut or not len(one.updates) or not scene.course.updates:
            continue
        highest = one.lrs.max(axis=1)
        alive = np.flatnonzero(highest > 1e-6 * highest.max())
        last = int(one.updates[alive[-1]]) + 1 if alive.size else 0
        if 0 < last < scene.course.updates / 2 and alive[-1] + 1 < len(one.updates):
            yield (
                f"From update {last} of {scene.course.updates} on the learning rate is less than a millionth of its peak: "
                "the rest of the run teaches nothing. A decay that was meant per epoch needs interval='epoch'; a floor "
                "(cosine(end=0.1), end_lr=1e-5) or a longer phase keeps it alive."
            )


def _will_raise(scene: Scene) -> Iterator[str]:
    for one in scene.forecasts:
        if one.error:
            yield (
                f"The scheduler is going to raise {one.error.rstrip('.')}. Give it the length of this run, "
                f"{plural(scene.course.updates, 'update')}."
            )


# --- plateaus ---------------------------------------------------------------------------------------------------------


def _plateaus(scene: Scene) -> list[Any]:
    return [one for one in scene.configs if one.reduce_on_plateau and one.monitor]


def _is_validated(scene: Scene, monitor: str) -> bool:
    """Whether a plateau's metric comes from validation: as sanity validation showed, or, without it, as it is called."""
    if scene.validated:
        return monitor in scene.validated
    return any(word in monitor.lower() for word in ("val", "dev", "test"))


def _plateau_cadence(scene: Scene) -> Iterator[str]:
    trainer = scene.trainer
    if not trainer.enable_validation:
        return
    for config in _plateaus(scene):
        if not _is_validated(scene, config.monitor):
            continue
        every = trainer.check_val_every_n_epoch
        ours = "plateau=ReduceOnPlateau(...) of this package reads each value once, whatever the cadence"
        if config.interval == "epoch" and every is not None and config.frequency % every:
            what = "Lightning raises after the first epoch" if config.strict else "every value is counted again"
            yield (
                f"The plateau steps every {plural(config.frequency, 'epoch')}, and {config.monitor!r} is produced every "
                f"{every} epochs: {what}. Write frequency={every}; {ours}."
            )
        elif config.interval == "epoch":
            per_epoch = len(_validations(scene))
            if per_epoch > 1:
                yield (
                    f"The plateau sees one of the {per_epoch} values of {config.monitor!r} that an epoch produces "
                    f"(val_check_interval={trainer.val_check_interval}). {ours[0].upper()}{ours[1:]}."
                )
        else:
            yield from _lost_validations(scene, config, ours)


def _validations(scene: Scene) -> list[int]:
    """The batches of an epoch, counted from 1, after which validation runs."""
    every, batches = scene.trainer.val_check_batch, scene.course.batches
    if every is None or batches == float("inf") or every in (0, float("inf")):
        return []
    return list(range(int(every), int(batches) + 1, int(every)))


def _lost_validations(scene: Scene, config: Any, ours: str) -> Iterator[str]:
    """Step-wise plateaus act after an update only: a validation in the middle of an accumulation is lost."""
    validations, batches = _validations(scene), scene.course.batches
    accumulation = scene.course.accumulation(0)
    seen = [at for at in validations if at % config.frequency == 0 and (at % accumulation == 0 or at == batches)]
    if validations and len(seen) < len(validations):
        yield (
            f"The plateau sees {len(seen)} of the {len(validations)} values of {config.monitor!r} that an epoch produces: "
            f"frequency={config.frequency} counts batches, and it steps after an update only "
            f"(accumulate_grad_batches={accumulation}). {ours[0].upper()}{ours[1:]}."
        )


def _plateau_metric(scene: Scene) -> Iterator[str]:
    for config in _plateaus(scene):
        if not scene.validated or config.monitor in scene.validated:
            continue
        near = get_close_matches(config.monitor, scene.validated, n=1, cutoff=0.8)
        if near:
            yield (
                f"The plateau watches {config.monitor!r}, which validation did not produce. Did you mean "
                f"monitor={near[0]!r}?"
            )
