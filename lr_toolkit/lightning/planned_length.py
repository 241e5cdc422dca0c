"""The length of the run for which a scheduler is made: the Trainer's or a given one, if its schedules fit it, or longer in a trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from lr_toolkit.errors import ScheduleError, warn
from lr_toolkit.lightning._compat import has_dataloader, trial_cause
from lr_toolkit.lightning.dataloader import set_up_dataloader
from lr_toolkit.lightning.ranks import uneven_batches
from lr_toolkit.lightning.run import ENDLESS, facts_at_fit_start, horizon_of, is_endless, takes_no_update
from lr_toolkit.lightning.run_facts import horizon_ahead
from lr_toolkit.schedules import Horizon, Schedule
from lr_toolkit.schedules.horizon import same_in_other_unit
from lr_toolkit.schedules.same_history import same_history

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["agreed_by_ranks", "fitting_horizon", "horizon_for", "length_of_run"]

# Lightning sets this number of epochs if neither max_epochs nor max_steps is given.
_UNSET_EPOCHS = 1000

_MOST_EDGES = 1000  # that a million more updates may bring: a schedule may be asked for all of its edges


def length_of_run(
    schedules: Sequence[Schedule],
    trainer: Trainer | None,
    interval: Literal["step", "epoch"],
    horizon: Horizon | None,
    *,
    counts_epochs: bool = False,
) -> Horizon:
    """The horizon that was passed, if it has the unit of the scheduler, or the Trainer's.

    ``counts_epochs`` means that something beside the schedules has a duration in epochs.
    """
    if horizon is None:
        if trainer is None:
            raise ScheduleError(
                "scheduler_config(trainer=None): the length of the run is the Trainer's. Write self.trainer, or "
                "horizon=Horizon(steps=10_000, steps_per_epoch=500)."
            )
        if takes_no_update(trainer):
            return _any_length(schedules, interval)
        if is_endless(trainer) and (endless := _endless(schedules, trainer, interval)) is not None:
            return endless
        run = horizon_of(trainer, interval) if counts_epochs else horizon_for(schedules, trainer, interval)
        if trainer.max_epochs == _UNSET_EPOCHS and trainer.max_steps == -1:
            warn(
                "LR262",
                "The run has 1000 epochs, which is also what Lightning sets if neither max_epochs nor max_steps is given. Write the "
                "number that is meant: Trainer(max_epochs=10). If 1000 are meant, silence this finding: "
                "warnings.filterwarnings('ignore', 'LR262').",
            )
        return run
    if not isinstance(horizon, Horizon):
        raise ScheduleError(
            f"scheduler_config(horizon={horizon!r}): must be a Horizon. Write Horizon(steps=10_000, steps_per_epoch=500)."
        )
    if (horizon.unit == "epoch") != (interval == "epoch"):
        raise ScheduleError(
            f"scheduler_config(interval={interval!r}, horizon={horizon!r}): the horizon counts another unit. Write "
            f"horizon={same_in_other_unit(horizon)}."
        )
    return horizon


def horizon_for(
    schedules: Sequence[Schedule], trainer: Trainer, interval: Literal["step", "epoch"] = "step"
) -> Horizon:
    """The Trainer's horizon; its updates alone if they are known without the training data, and all that the schedules need.

    So a run of ``max_steps`` has its schedule before its dataloader is set up. Lightning does that when training begins, and the
    follower of the run reads the epochs then.
    """
    is_known = trainer.max_steps != -1 and trainer.max_epochs == -1 and interval == "step"
    is_fit = getattr(trainer, "lightning_module", None) is not None
    if is_known and is_fit and not has_dataloader(trainer):
        run = horizon_ahead(replace(facts_at_fit_start(trainer), batches=math.inf), in_epochs=False)
        if not any("epochs" in schedule.units or _misfits(schedule, run) for schedule in schedules):
            return run
    return horizon_of(trainer, interval)


def _misfits(schedule: Schedule, run: Horizon) -> bool:
    """Whether a schedule is too long, which the dataloader of a trial excuses."""
    try:
        schedule.resolve(run)
    except ScheduleError:
        return True
    return False


def agreed_by_ranks(trainer: Trainer, length: Horizon) -> tuple[Horizon, int | None]:
    """The horizon of the first rank, with its batches of an epoch, if those of the ranks differ; every rank has to call this."""
    batches = uneven_batches(trainer, {length.unit})
    if not batches:
        return length, None
    agreed: Horizon = trainer.strategy.broadcast(length)
    return agreed, None if math.isinf(batches[0]) else int(batches[0])


def _endless(schedules: Sequence[Schedule], trainer: Trainer, interval: Literal["step", "epoch"]) -> Horizon | None:
    """A horizon without an end in sight, if no schedule depends on the end."""
    facts = facts_at_fit_start(trainer)
    if interval == "step":
        set_up_dataloader(trainer)
        facts = facts_at_fit_start(trainer)
    per_epoch = None if interval == "epoch" or math.isinf(facts.batches) else facts.updates_in(facts.epoch)
    for schedule in schedules:
        try:
            short, long = (schedule.resolve(Horizon(steps, per_epoch, interval)) for steps in (10**6, 2 * 10**6))
        except ScheduleError:
            return None
        if len(long.edges) - len(short.edges) > _MOST_EDGES or not same_history(short, long, short.steps):
            return None
    return Horizon(ENDLESS, per_epoch, interval)


def fitting_horizon(
    schedules: Sequence[Schedule], run: Horizon, trainer: Trainer | None, cause: str, *, is_given: bool
) -> Horizon:
    """``run``, or a longer horizon that the schedules fit, of which the run is the beginning, if there is a cause to cut them.

    Args:
        schedules: the schedules.
        run: the length of the run.
        trainer: cuts the schedule in a trial.
        cause: the argument that asks to cut; empty to refuse a schedule that is too long.
        is_given: whether the user gave the length of the run, so that a trial does not excuse it.
    """
    schedule = schedules[0]
    try:
        for schedule in schedules:
            schedule.resolve(run)
    except ScheduleError as misfit:
        longer = _long_enough(schedules, run)
        if longer is None:
            raise
        if not cause and trainer is not None and not is_given:
            set_up_dataloader(trainer)  # its length shows whether limit_train_batches cuts it
            cause = trial_cause(trainer)
        if cause:
            others = [each for each in dict.fromkeys(schedules) if each != schedule and _is_cut(each, run, longer)]
            warn("LR261", _describe_cut([schedule, *others], run, longer, cause))
            return longer
        advice = "To train on the beginning of the schedule, write too_long='cut'."
        if trainer is not None and trainer.ckpt_path is not None and run.unit == "step" and not is_given:
            advice += (
                " If the checkpoint's run took more updates in an epoch, the run is longer than that: give its length with "
                "horizon=Horizon(steps=..., steps_per_epoch=[...])."
            )
        raise ScheduleError(f"{misfit} {advice}") from None
    return run


def _is_cut(schedule: Schedule, run: Horizon, longer: Horizon) -> bool:
    """Whether a schedule does not fit the run, or would have other values if it were made for the run alone."""
    try:
        return not same_history(schedule.resolve(run), schedule.resolve(longer), run.steps)
    except ScheduleError:
        return True


def _describe_cut(cut: Sequence[Schedule], run: Horizon, longer: Horizon, cause: str) -> str:
    """What a run that is shorter than its schedules trains on, and what it leaves out."""
    unit = run.noun
    longest = "steps=10_000, steps_per_epoch=500" if run.unit == "step" else "steps=100, unit='epoch'"
    first, *others = cut
    also = "".join(f" It cuts {other!r} too: {_describe_rest(other, run, longer)}." for other in others)
    return (
        f"{cause} cuts the schedule {first!r}, which is longer than this run of {run.steps} {unit}{'s' * (run.steps > 1)}: "
        f"{_describe_rest(first, run, longer)}.{also} To follow the curve of "
        f"a long run, pass its length: horizon=Horizon({longest})."
    )


def _describe_rest(schedule: Schedule, run: Horizon, longer: Horizon) -> str:
    phases = schedule.resolve(longer).phases
    reached = ", ".join(phase.text for phase in phases if phase.start < run.steps)
    left_out = ", ".join(phase.text for phase in phases if phase.start >= run.steps)
    return f"the run trains on the beginning of {reached}{f' and does not reach {left_out}' if left_out else ''}"


def _any_length(schedules: Sequence[Schedule], interval: Literal["step", "epoch"]) -> Horizon:
    """A horizon that the schedules fit, for a run that takes no update."""
    shortest = Horizon(1, unit="epoch") if interval == "epoch" else Horizon(1, 1)
    return _long_enough(schedules, shortest) or shortest


def _long_enough(schedules: Sequence[Schedule], horizon: Horizon) -> Horizon | None:
    """The first doubling of ``horizon`` that the schedules fit; ``None`` if no length helps."""
    for doublings in range(1, 40):
        longer = Horizon(horizon.steps << doublings, horizon.steps_per_epoch, horizon.unit)
        try:
            for schedule in schedules:
                schedule.resolve(longer)
        except ScheduleError:
            continue
        return longer
    return None
