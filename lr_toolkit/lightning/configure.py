"""Builds what ``configure_optimizers`` returns: a schedule bound to the optimizer, for the run that is about to begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from lightning.pytorch.utilities.types import LRSchedulerConfigType, OptimizerLRSchedulerConfig

from lr_toolkit.arguments import answer_arguments
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.lightning._compat import has_whole_gradients
from lr_toolkit.lightning.planned_length import agreed_by_ranks, fitting_horizon, length_of_run
from lr_toolkit.lightning.plateau_reader import attach_plateau
from lr_toolkit.lightning.run import is_endless
from lr_toolkit.lightning.run_follower import follow_run
from lr_toolkit.lightning.run_length import TrainerRunLength
from lr_toolkit.optim import MetricRule, OnChange, ScheduledLR
from lr_toolkit.optim.plateau import MetricRuleLike, read_rule
from lr_toolkit.schedules import Duration, DurationLike, Schedule
from lr_toolkit.schedules.group_schedules import GroupSchedulesLike
from lr_toolkit.schedules.horizon import HORIZON_ANSWERS, HorizonLike, read_horizon
from lr_toolkit.schedules.keyed_schedules import schedules_by_key

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch.optim import Optimizer

__all__ = ["TooLong", "configure_optimizers", "scheduler_config"]

TooLong: TypeAlias = Literal["error", "cut"]

_ANSWERS = {
    **HORIZON_ANSWERS,
    "frequency": "Leave it out, because durations express it better: step('5 epochs') drops every 5 epochs.",
    "monitor": "Write plateau=ReduceOnPlateau(monitor={}).",
}


@answer_arguments("scheduler_config", "scheduler_config(optimizer, schedule, self.trainer)", _ANSWERS)
def scheduler_config(
    optimizer: Optimizer,
    schedule: GroupSchedulesLike,
    trainer: Trainer | None = None,
    *,
    interval: Literal["step", "epoch"] = "step",
    plateau: MetricRuleLike | None = None,
    name: str | None = None,
    horizon: HorizonLike | None = None,
    on_change: OnChange = "error",
    rewarm: DurationLike | None = None,
    too_long: TooLong = "error",
    momentum: GroupSchedulesLike | None = None,
    betas: Sequence[GroupSchedulesLike | None] | None = None,
    weight_decay: GroupSchedulesLike | None = None,
    other_schedules: Mapping[str, Any] | None = None,
) -> LRSchedulerConfigType:
    """Lightning's ``lr_scheduler`` dict for a schedule, with every key set.

    The length of the run is the Trainer's, and the schedule is recalculated if that changes on the way. ``frequency`` stays 1:
    Lightning counts it in batches within an epoch, and durations are clearer. Under manual optimization the scheduler moves by
    itself, with each update of its optimizer or each epoch, and a ``step()`` changes nothing.

    If ``max_steps`` alone ends the run and nothing counts epochs, the training dataloader is left to Lightning, which sets it up when
    training begins. Otherwise it is set up here, once.

    A run without an end (``max_epochs=-1``, or only ``max_time``) needs a schedule that does not depend on the end, such as
    ``warmup("500 steps") >> hold()``. A shape of your own that declares more than 1000 edges in a million updates
    is refused there; pass ``horizon``.

    The state in a checkpoint lists the updates of each epoch up to the last change of their number. So it grows with the epochs of a
    run whose dataloader is exchanged for one of another length in each of them; at most a million such epochs can be loaded.

    Args:
        optimizer: the optimizer whose parameter groups follow the schedule, each from its own base LR.
        schedule: a ``Schedule`` or its text; or a mapping of the names of parameter groups, which they have in the optimizer
            (``{"params": ..., "name": "head"}``), to schedules, ``"*"`` for all others.
        trainer: ``self.trainer``; ``None`` only with ``horizon`` and without ``plateau``.
        interval: ``"step"`` to move after every optimizer update, ``"epoch"`` to move once per epoch, with durations in
            epochs or shares of the run.
        plateau: a rule that reacts to a metric, on top of the schedule. It reads the metric once each time that the metric is
            produced: after a validation, or at the end of a training epoch. With ``every`` it reads once per that many updates.
            The Trainer needs nothing else.
        name: the curve's name in the logs.
        horizon: the length of the run, in place of the Trainer's.
        on_change: how to go on from a checkpoint that was saved under another plan: ``"error"``, ``"replan"``, ``"keep"``,
            ``"stretch"``, ``"continue"`` or ``"restart"``, as for ``ScheduledLR``; and if the length of the run changes on the way,
            where the default spreads what is left of the schedule over what is left of the run. Resuming with a different
            number of devices, batch size or accumulation needs no decision: the rest of the schedule is rescaled to the
            remaining updates.
        rewarm: the length of a second warmup after such a change.
        too_long: what to do with a schedule that is longer than the run: ``"error"`` refuses it, ``"cut"`` trains on its
            beginning, with a warning. A trial always cuts it: ``fast_dev_run``, ``overfit_batches``, or a
            ``limit_train_batches`` that cuts a dataloader of known length.
        momentum: a schedule of the momentum, as for ``ScheduledLR``; so are ``betas``, ``weight_decay`` and ``other_schedules``.
        betas: schedules of the betas, one for each place.
        weight_decay: a schedule of the weight decay.
        other_schedules: schedules of other keys of the parameter groups, by key.

    Returns:
        ``{"scheduler", "interval", "frequency", "monitor", "strict", "name"}``; ``monitor`` is the plateau's.

    Raises:
        ScheduleError: if the schedule does not fit the run, or the run's length cannot be known.

    Warns:
        ScheduleWarning: LR261, if the schedule is cut.

    Example:
        >>> import lightning as L
        >>> import torch
        >>> from lr_toolkit import cosine, scheduler_config, warmup
        >>> class Classifier(L.LightningModule):
        ...     def configure_optimizers(self):
        ...         optimizer = torch.optim.AdamW(self.parameters(), lr=3e-4)
        ...         config = scheduler_config(optimizer, warmup("500 steps") >> cosine(), self.trainer)
        ...         return {"optimizer": optimizer, "lr_scheduler": config}

    Reference:
        Lightning's ``configure_optimizers``. Its default ``interval`` of an epoch is the most frequent mistake.
    """
    if interval not in ("step", "epoch"):
        raise ScheduleError(f"scheduler_config(interval={interval!r}): write interval='step' or interval='epoch'.")
    if too_long not in ("error", "cut"):
        raise ScheduleError(
            f"scheduler_config(too_long={shorten(too_long)}): write too_long='error' or too_long='cut'."
        )
    plateau = read_rule(plateau)
    horizon = read_horizon(horizon)
    named = {"momentum": momentum, "betas": betas, "weight_decay": weight_decay}
    by_key = schedules_by_key(schedule, named, other_schedules)
    schedules = [each for by_name in by_key.values() for each in by_name.schedules]
    if interval == "epoch":
        _refuse_updates(schedules, plateau, rewarm)
    rewarm = None if rewarm is None else Duration.of(rewarm, "scheduler_config", "rewarm")
    counts_epochs = rewarm is not None and rewarm.unit == "epochs"
    run = length_of_run(schedules, trainer, interval, horizon, counts_epochs=counts_epochs)
    batches = None
    if horizon is None and trainer is not None:
        run, batches = agreed_by_ranks(trainer, run)
    cause = "too_long='cut'" if too_long == "cut" else ""
    length = fitting_horizon(schedules, run, trainer, cause, is_given=horizon is not None)
    scheduler = ScheduledLR(
        optimizer, by_key.pop("lr"), length, plateau=plateau, on_change=on_change, rewarm=rewarm, other_schedules=by_key
    )
    scheduler.is_cut = length != run
    if horizon is None and trainer is not None and not is_endless(trainer):
        scheduler.run_length = TrainerRunLength(trainer, length, batches, is_cut=scheduler.is_cut)
    # Lightning steps the optimizer even if training_step returned None. A sharded optimizer may hold no gradient on some rank,
    # and all ranks must count alike.
    scheduler.needs_gradient = has_whole_gradients(trainer)
    config: LRSchedulerConfigType = {"scheduler": scheduler, "interval": interval, "frequency": 1, "name": name}
    module = getattr(trainer, "lightning_module", None)
    if module is None or module.automatic_optimization:
        # Under manual optimization Lightning does not step schedulers, and warns of these two keys.
        config |= {"monitor": plateau.monitor if plateau else None, "strict": True}
    if plateau is not None:
        attach_plateau(trainer, scheduler)
    if trainer is not None:
        follow_run(trainer, scheduler)
    return config


@answer_arguments("configure_optimizers", "configure_optimizers(optimizer, schedule, self.trainer)", _ANSWERS)
def configure_optimizers(
    optimizer: Optimizer,
    schedule: GroupSchedulesLike,
    trainer: Trainer | None = None,
    *,
    interval: Literal["step", "epoch"] = "step",
    plateau: MetricRuleLike | None = None,
    name: str | None = None,
    horizon: HorizonLike | None = None,
    on_change: OnChange = "error",
    rewarm: DurationLike | None = None,
    too_long: TooLong = "error",
    momentum: GroupSchedulesLike | None = None,
    betas: Sequence[GroupSchedulesLike | None] | None = None,
    weight_decay: GroupSchedulesLike | None = None,
    other_schedules: Mapping[str, Any] | None = None,
) -> OptimizerLRSchedulerConfig:
    """The return value of ``LightningModule.configure_optimizers``: the optimizer and its ``scheduler_config``.

    Args:
        optimizer: the optimizer to return. All arguments are those of ``scheduler_config``.
        schedule: a ``Schedule`` or its text, or a mapping of the names of parameter groups to schedules.
        trainer: ``self.trainer``.
        interval: ``"step"`` or ``"epoch"``.
        plateau: a rule that reacts to a metric, on top of the schedule.
        name: the curve's name in the logs.
        horizon: the length of the run, in place of the Trainer's.
        on_change: how to go on from a checkpoint that was saved under another plan.
        rewarm: the length of a second warmup after such a change.
        too_long: ``"error"`` refuses a schedule that is longer than the run, ``"cut"`` trains on its beginning.
        momentum: a schedule of the momentum, with ``"*"`` and names as for the LR.
        betas: schedules of the betas, one for each place: ``betas=(None, absolute(linear(start=0.95, end=0.99)))``.
        weight_decay: a schedule of the weight decay.
        other_schedules: schedules of other keys of the parameter groups, by key.

    Returns:
        ``{"optimizer": optimizer, "lr_scheduler": scheduler_config(...)}``.

    Raises:
        ScheduleError: see ``scheduler_config``.

    Example:
        >>> import lightning as L
        >>> import torch
        >>> import lr_toolkit
        >>> class Classifier(L.LightningModule):
        ...     def configure_optimizers(self):
        ...         optimizer = torch.optim.AdamW(self.parameters(), lr=3e-4)
        ...         return lr_toolkit.configure_optimizers(optimizer, "warmup('5%') >> cosine()", self.trainer)
    """
    config = scheduler_config(
        optimizer,
        schedule,
        trainer,
        interval=interval,
        plateau=plateau,
        name=name,
        horizon=horizon,
        on_change=on_change,
        rewarm=rewarm,
        too_long=too_long,
        momentum=momentum,
        betas=betas,
        weight_decay=weight_decay,
        other_schedules=other_schedules,
    )
    return {"optimizer": optimizer, "lr_scheduler": config}


def _refuse_updates(schedules: Sequence[Schedule], plateau: MetricRule | None, rewarm: DurationLike | None) -> None:
    """Refuse what counts updates under ``interval="epoch"``, where a number of steps would silently count epochs."""
    for schedule in schedules:
        _refuse_steps(repr(schedule), *schedule.durations)
    if rewarm is not None:
        _refuse_steps(f"rewarm={shorten(rewarm)}", Duration.of(rewarm, "scheduler_config", "rewarm"))
    if plateau is not None and plateau.every is not None:
        raise ScheduleError(
            f"{type(plateau).__name__}(every={plateau.every}) with interval='epoch': the scheduler counts no updates then. Write "
            "interval='step', or leave out every= to read the metric when it is produced."
        )


def _refuse_steps(given: str, *durations: Duration) -> None:
    for duration in durations:
        if duration.unit == "steps":
            raise ScheduleError(
                f"{given} with interval='epoch': the schedule moves once per epoch, so {str(duration)!r} has no meaning. "
                f"Write {str(Duration(f'{duration.amount} epochs'))!r} or a share of the run ('5%'), or interval='step'."
            )
