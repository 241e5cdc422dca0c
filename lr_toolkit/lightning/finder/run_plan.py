"""The LRs over a Trainer's run, with a schedule of ours, another scheduler, or none."""

from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any

from torch.optim import Optimizer

from lr_toolkit.errors import ScheduleError
from lr_toolkit.finder.lr_plan import BoundPlan, LRPlan, TablePlan, Values, base_lrs
from lr_toolkit.finder.search import plan_of
from lr_toolkit.lightning._compat import steps_schedulers_itself
from lr_toolkit.lightning.run import horizon_of, is_endless
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.keys import Key
from lr_toolkit.schedules import Horizon

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["run_plan"]

CYCLED = ("momentum", "betas[0]")
"""What the schedulers of torch move beside the LR: ``OneCycleLR`` and ``CyclicLR``."""


def run_plan(trainer: Trainer, optimizer: Optimizer) -> LRPlan:
    """The plan of the run that is about to begin.

    A scheduler that is not ours is rehearsed on a copy of the parameter groups. One that waits for a metric, or that cannot be rehearsed,
    is taken for a constant LR; the plan's text names this.

    Raises:
        ScheduleError: if the length of the run is not known.
    """
    configs = list(trainer.lr_scheduler_configs)
    ours = configs[0].scheduler if len(configs) == 1 else None
    if isinstance(ours, ScheduledLR) and ours.horizon.unit == "step" and not is_endless(trainer):
        return BoundPlan(ours.bindings, ours.horizon.steps, repr(ours.schedule))
    if is_endless(trainer):
        raise ScheduleError(
            "The LR finder runs an eighth of the run, and this one has no end. Write Trainer(max_steps=...) or Trainer(max_epochs=...)."
        )
    horizon = horizon_of(trainer)
    names = " and ".join(type(config.scheduler).__name__ for config in configs)
    if not configs:
        return _constant(optimizer, horizon, "a constant LR, because the run has no scheduler")
    if any(config.reduce_on_plateau for config in configs):
        return _constant(optimizer, horizon, f"a constant LR, because {names} waits for a metric")
    if steps_schedulers_itself(trainer.lightning_module):
        return _constant(optimizer, horizon, "a constant LR, because the module overrides lr_scheduler_step")
    try:
        return TablePlan(*_rehearse(trainer, optimizer, configs, horizon), f"the LRs of {names}")
    except Exception as error:  # a scheduler may be anything
        return _constant(optimizer, horizon, f"a constant LR, because a rehearsal of {names} failed ({error})")


def _constant(optimizer: Optimizer, horizon: Horizon, text: str) -> LRPlan:
    return BoundPlan(plan_of(optimizer, "hold()", horizon).bindings, horizon.steps, text)


def _rehearse(
    trainer: Trainer, optimizer: Optimizer, configs: list[Any], horizon: Horizon
) -> tuple[list[list[float]], list[Values]]:
    """The factors of the base LRs at each update and what else is scheduled, with the scheduler stepped as Lightning does."""
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    memo: dict[int, Any] = {id(each): each for each in parameters} | {id(trainer): trainer}
    copied, schedulers = copy.deepcopy((optimizer, [config.scheduler for config in configs]), memo)
    bases = base_lrs(optimizer)
    batches, accumulated = trainer.fit_loop.max_batches, trainer.accumulate_grad_batches
    per_epoch = max(-(-int(batches) // accumulated), 1) if batches != float("inf") else horizon.steps + 1
    factors: list[list[float]] = []
    others: list[Values] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "step() before optimizer.step()": there are no updates
        for k in range(horizon.steps):
            factors.append(
                [
                    float(group["lr"]) / base if base else 0.0
                    for group, base in zip(copied.param_groups, bases, strict=True)
                ]
            )
            others.append({key: [_number(key, group) for group in copied.param_groups] for key in CYCLED})
            epoch, update = divmod(k, per_epoch)
            ends = update == per_epoch - 1
            batch = int(batches) if ends else (update + 1) * accumulated
            for config, scheduler in zip(configs, schedulers, strict=True):
                is_due = (
                    batch % config.frequency == 0
                    if config.interval == "step"
                    else ends and (epoch + 1) % config.frequency == 0
                )
                if is_due:
                    scheduler.step()
    return factors, others


def _number(key: str, group: dict[str, Any]) -> float | None:
    parsed = Key.parse(key)
    return float(parsed.number_in(group)) if parsed.is_in(group) else None
