"""Plans the ramps of one run: which optimizers, how long, from where; nothing is changed before they begin."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from torch.optim import Optimizer

from lr_toolkit.errors import ScheduleError, warn
from lr_toolkit.lightning._compat import trial_cause
from lr_toolkit.lightning.run import horizon_of
from lr_toolkit.lightning.warmup.conflicts import refuse_weight_averaging
from lr_toolkit.lightning.warmup.optimizer_ramp import OptimizerRamp
from lr_toolkit.lightning.warmup.ramp_spec import RampSpec
from lr_toolkit.optim.group_values import has_rates, has_tensors
from lr_toolkit.schedules import Horizon
from lr_toolkit.schedules.horizon import round_half_up

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lightning.pytorch import Trainer

__all__ = ["chosen_optimizers", "plan_ramps"]


def plan_ramps(spec: RampSpec, trainer: Trainer, saved: Mapping[str, Any] | None) -> list[OptimizerRamp]:
    """The ramp of each chosen optimizer in the run that begins, at the place that a checkpoint's state gives.

    Raises:
        ScheduleError: if the ramp does not fit the run, its optimizers, its callbacks or the checkpoint.
    """
    optimizers = _checked_optimizers(spec, trainer)
    horizon = _run_length(spec, trainer)
    length = _length(spec, horizon)
    began: int = saved["began"] if saved else trainer.current_epoch
    _check_length(spec, trainer, horizon, length)
    refuse_weight_averaging(trainer, spec, _end_epoch(spec, horizon, length, began))
    counts: list[int] = saved["taken"] if saved else [0] * len(optimizers)
    if len(counts) != len(optimizers):
        raise ScheduleError(
            f"{spec!r}: the checkpoint holds the ramps of {len(counts)} optimizers, and this run has {len(optimizers)}. Write "
            "optimizers=[...] for those that are the same."
        )
    ramps = [
        OptimizerRamp(spec, optimizer, length, began, taken)
        for optimizer, taken in zip(optimizers, counts, strict=True)
    ]
    for ramp in ramps:
        ramp.enter_epoch(trainer.current_epoch)
    return ramps


def chosen_optimizers(spec: RampSpec, optimizers: Sequence[Optimizer]) -> list[Optimizer]:
    """Those of a Trainer's optimizers that are warmed up; an index beyond them is left out.

    DeepSpeed puts a wrapper around each, which is no torch optimizer and has it in ``optimizer``.
    """
    optimizers = list(map(_without_wrapper, optimizers))
    if spec.optimizers is None:
        return list(optimizers)
    return [optimizers[index] for index in spec.optimizers if index < len(optimizers)]


def _without_wrapper(optimizer: Any) -> Any:
    held = getattr(optimizer, "optimizer", None)
    return held if isinstance(held, Optimizer) and not isinstance(optimizer, Optimizer) else optimizer


def _checked_optimizers(spec: RampSpec, trainer: Trainer) -> list[Optimizer]:
    count = len(trainer.optimizers)
    if not all(index in range(count) for index in spec.optimizers or ()):
        raise ScheduleError(f"{spec!r}: the Trainer has {count} optimizers. Write optimizers=[{count - 1}].")
    chosen = chosen_optimizers(spec, trainer.optimizers)
    for optimizer in chosen:
        is_torch: bool = isinstance(optimizer, Optimizer)  # a strategy may have replaced it
        if not is_torch or not has_rates(optimizer):
            raise ScheduleError(
                f"{spec!r}: {type(optimizer).__name__} is no torch optimizer with a number as the lr of each parameter group, so there "
                "is nothing to ramp. Write its lr (Adafactor(parameters, lr=1e-3, relative_step=False, warmup_init=False)), "
                "optimizers=[...] for those that have one, or the warmup in the strategy's own configuration."
            )
        groups = optimizer.param_groups
        has_tensors([group["lr"] for group in groups], groups)  # or an error, before anything is changed
        _check_groups(spec, optimizer)
    return chosen


def _check_groups(spec: RampSpec, optimizer: Optimizer) -> None:
    count = len(optimizer.param_groups)
    names = [group.get("name") for group in optimizer.param_groups]
    for wanted in spec.groups or ():
        if wanted not in range(count) and wanted not in names:
            there = ", ".join(str(index) if name is None else f"{index} ({name!r})" for index, name in enumerate(names))
            raise ScheduleError(
                f"{spec!r}: {type(optimizer).__name__} has no parameter group {wanted!r}. Its groups are {there}: write "
                "groups=[0], or optimizers=[...] for the optimizer that has it."
            )


def _run_length(spec: RampSpec, trainer: Trainer) -> Horizon | None:
    """The length of the run; ``None`` if it is not known and the ramp does not need it."""
    if spec.horizon is not None:
        return spec.horizon
    try:
        return horizon_of(trainer, spec.interval)
    except ScheduleError as unknown:
        if not spec.needs_run_length:
            return None
        raise ScheduleError(
            f"{spec!r}: {str(spec.over)!r} needs the length of the run. {unknown} For the ramp alone, write LRWarmup('500 "
            "steps'), or LRWarmup(..., horizon=Horizon(steps=10_000, steps_per_epoch=500))."
        ) from unknown


def _length(spec: RampSpec, horizon: Horizon | None) -> int:
    """The length of the ramp in updates, or epochs; 0 for an untuned one."""
    if spec.over is None:
        return 0
    if horizon is None:
        return round_half_up(spec.over.amount)
    return round_half_up(horizon.after(Fraction(0), spec.over))


def _check_length(spec: RampSpec, trainer: Trainer, horizon: Horizon | None, length: int) -> None:
    """Refuse a ramp that is longer than the run; a trial run cuts it."""
    # Under manual optimization the run's number of updates is not known.
    is_counted = trainer.lightning_module.automatic_optimization or not spec.counts_updates
    if horizon is None or not is_counted or length <= horizon.steps:
        return
    unit = "updates" if spec.counts_updates else "epochs"
    misfit = f"{spec!r}: the ramp takes {length} {unit} and the run has {horizon.steps}"
    if not trial_cause(trainer):
        raise ScheduleError(f"{misfit}. Write a shorter one, for example over='5%', or a longer run.")
    warn("LR705", f"{misfit}. A trial run such as fast_dev_run cuts the ramp.")


def _end_epoch(spec: RampSpec, horizon: Horizon | None, length: int, began: int) -> Fraction | None:
    """The exact epoch in which the ramp ends; ``None`` if it has no end, or if that is not known."""
    if spec.is_endless:
        return None
    if not spec.counts_updates:
        return Fraction(began + length)
    if horizon is None or horizon.epoch_steps is None:
        return None
    return horizon.epoch_at(horizon.step_at(Fraction(began)) + length)
