"""What a Trainer is about to train, as the search takes it: on copies, with everything else as in the run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.utilities.exceptions import SIGTERMException
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader, Dataset

from lr_toolkit.errors import ScheduleError
from lr_toolkit.finder.batches import check_repeatable, endless
from lr_toolkit.finder.problem import Problem, UpdateBatches, check_optimizer
from lr_toolkit.lightning._compat import (
    callbacks_of,
    has_whole_gradients,
    is_a,
    moved_batch,
    takes_batch_index,
    takes_iterator,
    training_batches,
    training_loaders,
)
from lr_toolkit.lightning.finder.module_copy import adapt_copy, manual_loss
from lr_toolkit.lightning.finder.run_plan import run_plan

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

__all__ = ["trainer_problem"]


def trainer_problem(trainer: Trainer, module: LightningModule, seed: int | None) -> Problem:
    """The problem of a fit that is about to take its first update.

    Raises:
        ScheduleError: for what the search cannot do: several optimizers, sharded models, data that can be read
            once, a run without an end.
    """
    optimizer = _check(trainer, module)
    with_index = takes_batch_index(module)
    is_manual = not module.automatic_optimization

    def loss(model: nn.Module, batch: Any) -> Tensor | None:
        if trainer.received_sigterm:
            raise SIGTERMException
        data, index = batch
        copied: Any = model
        moved = moved_batch(trainer, copied, data)
        arguments = (moved, index) if with_index else (moved,)
        with trainer.precision_plugin.train_step_context():
            if is_manual:
                return manual_loss(copied, lambda: copied.training_step(*arguments))
            return _loss_in(copied.training_step(*arguments))

    def updates() -> Iterator[UpdateBatches]:
        return _updates(trainer)

    def adapt(model: Any, copied: Optimizer) -> None:
        adapt_copy(trainer, model, copied)

    def before_step(model: Any, copied: Optimizer) -> None:
        _finish_gradients(trainer, model, copied)

    def mean(value: float) -> float:
        return _mean_over_ranks(trainer, value)

    data = [value for value in vars(module).values() if isinstance(value, (DataLoader, Dataset))]
    return Problem(
        model=module,
        optimizer=optimizer,
        loss=loss,
        updates=updates,
        plan=run_plan(trainer, optimizer),
        seed=(torch.initial_seed() if seed is None else seed) + trainer.global_rank,
        adapt=adapt,
        before_step=before_step,
        mean=mean,
        scaler=getattr(trainer.precision_plugin, "scaler", None),
        shared=(trainer, *data),
        has_gradients=is_manual,
        is_alone=trainer.world_size == 1,
    )


def _check(trainer: Trainer, module: LightningModule) -> Optimizer:
    """The optimizer, or the reason why the search cannot be done."""
    optimizers = trainer.optimizers
    if len(optimizers) != 1:
        raise ScheduleError(
            f"The LR finder searches the base LR of one optimizer, and configure_optimizers returned {len(optimizers)}. Give the optimizer "
            "several parameter groups, or search each LR alone: search_lr(model, optimizer, loss_fn, batches, schedule, horizon)."
        )
    if not module.automatic_optimization and getattr(trainer.precision_plugin, "scaler", None) is not None:
        raise ScheduleError(
            "The LR finder does not scale the gradients of manual optimization. Search with Trainer(precision='bf16-mixed') or "
            "precision='32-true'."
        )
    if not has_whole_gradients(trainer):
        raise ScheduleError(
            f"The LR finder trains copies of the module, and with {type(trainer.strategy).__name__} a rank may hold a part of it. Search "
            "with Trainer(strategy='ddp') or on one device."
        )
    if any(is_a(callback, "LRWarmup") for callback in callbacks_of(trainer)):
        raise ScheduleError(
            "The LR finder runs the schedule of the module, and LRWarmup adds another one. Write the warmup into the schedule: "
            "warmup('5%') >> cosine()."
        )
    if takes_iterator(module):
        raise ScheduleError(
            "The LR finder hands batches to training_step, and this one takes a dataloader_iter. Write "
            "search_lr(model, optimizer, loss_fn, batches, schedule, horizon)."
        )
    check_optimizer(optimizers[0])
    for loader in training_loaders(trainer):
        check_repeatable(loader)
    return optimizers[0]


def _updates(trainer: Trainer) -> Iterator[UpdateBatches]:
    """The batches of each update with their indices; an epoch ends with an update, as in Lightning."""

    def epoch() -> Iterator[UpdateBatches]:
        gathered: list[Any] = []
        for batch, index in training_batches(trainer):
            gathered.append((batch, index))
            if len(gathered) == trainer.accumulate_grad_batches:
                yield tuple(gathered)
                gathered = []
        if gathered:
            yield tuple(gathered)

    return endless(epoch)


def _loss_in(output: STEP_OUTPUT) -> Tensor | None:
    if output is None or isinstance(output, Tensor):
        return output
    loss: Tensor = output["loss"]
    return loss


def _finish_gradients(trainer: Trainer, model: Any, optimizer: Optimizer) -> None:
    """What happens to the gradients before an update: the mean over ranks, the module's hooks, clipping."""
    if trainer.world_size > 1:
        _average_gradients(trainer, optimizer)
    if not model.automatic_optimization:
        return
    model.on_after_backward()
    model.on_before_optimizer_step(optimizer)
    model.configure_gradient_clipping(
        optimizer,
        gradient_clip_val=trainer.gradient_clip_val,
        gradient_clip_algorithm=trainer.gradient_clip_algorithm,
    )


def _mean_over_ranks(trainer: Trainer, value: float) -> float:
    if trainer.world_size == 1:
        return value
    return float(trainer.strategy.reduce(torch.tensor(value, device=trainer.strategy.root_device), reduce_op="mean"))


def _average_gradients(trainer: Trainer, optimizer: Optimizer) -> None:
    """The mean over ranks, as DistributedDataParallel takes it."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            if parameter.requires_grad:
                gradient = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
                parameter.grad = trainer.strategy.reduce(gradient, reduce_op="mean")
