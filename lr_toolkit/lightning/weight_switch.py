"""The hooks of a callback that has two kinds of weights: those that are trained, and those that are evaluated and saved."""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import Callback
from torch import nn
from torch.optim import Optimizer
from typing_extensions import override

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from torch.utils.hooks import RemovableHandle

__all__ = ["WeightSwitch"]


class WeightSwitch(Callback):
    """Puts one kind of weights into the module before each training batch, and the other one for everything else.

    A validation, a test, a prediction, the end of the training and an exception put the other one in. So does
    ``module.state_dict()`` after a step, so each checkpoint has it, including one with the weights alone. Between the beginning
    of a batch and its step nothing is switched: the backward pass needs the weights.

    A subclass implements ``to_training`` and ``to_evaluation``; a second call of either does nothing. It calls ``watch`` when
    the training begins.
    """

    def __init__(self) -> None:
        self._handles: list[RemovableHandle] = []
        self._is_in_batch = False  # between the beginning of a batch and its step

    @abstractmethod
    def to_training(self, module: nn.Module) -> None:
        """Put the weights that are trained into the module."""

    @abstractmethod
    def to_evaluation(self, module: nn.Module) -> None:
        """Put the weights that are evaluated into the module."""

    def watch(self, module: nn.Module, optimizers: Iterable[Optimizer]) -> None:
        """Switch if the state of the module is taken after a step of these optimizers."""
        self.forget()
        reference = weakref.ref(self)  # a copy of the module must not take this callback with it

        def before_state_dict(module: nn.Module, *_: Any) -> None:
            callback = reference()
            if callback is not None and not callback._is_in_batch:
                callback.to_evaluation(module)

        hooked: Any = module  # torch has not typed its hooks
        self._handles = [hooked.register_state_dict_pre_hook(before_state_dict)]
        self._handles += [optimizer.register_step_post_hook(self.after_step) for optimizer in optimizers]

    def after_step(self, *_: Any) -> None:
        """Note that an optimizer has stepped."""
        self._is_in_batch = False

    def forget(self) -> None:
        """Watch nothing any more."""
        for handle in self._handles:
            handle.remove()
        self._handles, self._is_in_batch = [], False

    # --- a training ---

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self.to_training(pl_module)
        self._is_in_batch = True

    @override
    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        self.to_training(pl_module)  # a batch may have several steps, and the state may have been taken between them

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._is_in_batch = False  # even if no step was taken

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.to_evaluation(pl_module)

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self.to_evaluation(pl_module)

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.forget()

    # --- evaluations ---

    @override
    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.to_evaluation(pl_module)

    @override
    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.to_evaluation(pl_module)

    @override
    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.to_evaluation(pl_module)
