"""The callback that switches schedule-free optimizers between the weights that they train and those that they average."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

import numpy as np
from torch import nn
from torch.optim import Optimizer
from typing_extensions import override

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning.checks.forecast import forecast
from lr_toolkit.lightning.run_layout import run_layout_of
from lr_toolkit.lightning.weight_switch import WeightSwitch
from lr_toolkit.optim.held_objects import held_objects
from lr_toolkit.optim.updates import has_step_hooks

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

__all__ = ["ScheduleFree"]


@final
class ScheduleFree(WeightSwitch):
    """Calls ``train()`` and ``eval()`` of schedule-free optimizers where Lightning needs the weights of the other kind.

    A schedule-free optimizer takes gradients at weights y and averages its iterates into weights x, which are the result of the
    training. The module holds one of the two: y after ``optimizer.train()``, x after ``optimizer.eval()``. This callback calls
    ``train()`` before each training batch, and ``eval()`` before a validation, a test and a prediction, at the end of the
    training, after an exception, and whenever the module's ``state_dict()`` is taken after a step. So each checkpoint holds x,
    including one with the weights alone, and a resumed run goes on exactly. Within a batch, before its step, the state holds y:
    the backward pass needs them.

    Each switch rounds the weights, so a run that validates or saves at other times differs in the last bits.

    Optimizers inside of another one (``CombinedOptimizer``, a hybrid of your own) are switched too. ``LRMonitor`` logs the LR
    that they make of theirs as ``lr_effective/...``. A warmup on top is served (``LRWarmup``, ``warmup(...) >> hold()``). A decay is
    refused: the average takes its place, and its weights would follow the peak LR while the steps get smaller.

    A network with batch norm needs its statistics at x: run some training batches through it in ``eval()`` mode of the
    optimizer and ``train()`` mode of the module before it is evaluated.

    Raises:
        ScheduleError: when the training begins, if no optimizer has ``train()`` and ``eval()``, or if the LR of a schedule-free
            optimizer falls later in the run.

    Example:
        >>> import lightning as L
        >>> from lr_toolkit import LRMonitor, ScheduleFree
        >>> trainer = L.Trainer(max_epochs=10, callbacks=[ScheduleFree(), LRMonitor()])

    Reference:
        Defazio et al., "The Road Less Scheduled", arXiv 2405.15682, and their package ``schedulefree``, whose users write these
        calls into hooks of each module (Lightning #20441).
    """

    def __init__(self) -> None:
        super().__init__()
        self._optimizers: list[Any] = []

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        found = [each for optimizer in trainer.optimizers for each in _schedule_free(optimizer)]
        if not found:
            names = ", ".join(type(optimizer).__name__ for optimizer in trainer.optimizers) or "no optimizer"
            raise ScheduleError(
                f"ScheduleFree(): no optimizer of this run has train() and eval() ({names}). Write "
                "schedulefree.AdamWScheduleFree(self.parameters(), lr=2.5e-3), or leave the callback out."
            )
        _refuse_decays(trainer, pl_module)
        # A hybrid may have no hooks of its own.
        self.watch(pl_module, [each for each in found if has_step_hooks(each)])
        self._optimizers = found

    @override
    def to_training(self, module: nn.Module) -> None:
        for optimizer in self._optimizers:
            optimizer.train()

    @override
    def to_evaluation(self, module: nn.Module) -> None:
        for optimizer in self._optimizers:
            optimizer.eval()

    @override
    def forget(self) -> None:
        super().forget()
        self._optimizers = []

    def __getstate__(self) -> dict[str, Any]:
        return vars(ScheduleFree())  # a running fit stays with this callback


def _schedule_free(optimizer: Optimizer) -> list[Any]:
    """The optimizers with ``train()`` and ``eval()``: this one, or those that it holds."""
    candidates = [optimizer, *held_objects(optimizer, Optimizer)]
    return [each for each in candidates if all(callable(getattr(each, name, None)) for name in ("train", "eval"))]


def _refuse_decays(trainer: Trainer, module: LightningModule) -> None:
    """Refuse an LR of a schedule-free optimizer that falls, and a scheduler that may reduce it."""
    layout = run_layout_of(trainer)
    for optimizer in trainer.optimizers:
        free = {id(group): each for each in _schedule_free(optimizer) for group in each.param_groups}
        columns = [index for index, group in enumerate(optimizer.param_groups) if id(group) in free]
        if not columns:
            continue
        name = type(free[id(optimizer.param_groups[columns[0]])]).__name__
        configs = [config for config in trainer.lr_scheduler_configs if config.scheduler.optimizer is optimizer]
        if any(config.reduce_on_plateau or getattr(config.scheduler, "plateau", None) for config in configs):
            _refuse(name, "a rule reduces its LR when a metric stalls")
        lrs = forecast(trainer, module, optimizer, layout).lrs
        for column in columns if len(lrs) else []:
            falls = np.flatnonzero(np.diff(lrs[:, column]) < -1e-6 * lrs[:, column].max())
            if falls.size:
                _refuse(name, f"its LR falls from {lrs[:, column].max():.3g} to {lrs[-1, column]:.3g}")


def _refuse(optimizer: str, what: str) -> None:
    raise ScheduleError(
        f"ScheduleFree(): {what}, and {optimizer} averages its weights in place of a decay: each iterate would count by the peak LR, "
        "while the late ones hardly move. Write warmup('5%') >> hold(), or no schedule and warmup_steps=... of the optimizer; "
        "for a decay use the optimizer without it, for example torch.optim.AdamW."
    )
