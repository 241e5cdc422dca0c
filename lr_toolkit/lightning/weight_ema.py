"""The callback that averages the weights over the latest updates, in place of a decay at an end that is not known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, final

import torch
from torch import Tensor, nn
from typing_extensions import override

from lr_toolkit.arguments import answer_arguments
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.lightning._compat import is_a
from lr_toolkit.lightning.ema_speed import decay_of, decays_of, window_of
from lr_toolkit.lightning.run import updates_taken
from lr_toolkit.lightning.weight_switch import WeightSwitch
from lr_toolkit.optim.sharded import laid_out_as, local_part, whole_tensor
from lr_toolkit.optim.updates import hookable_optimizers
from lr_toolkit.schedules import DurationLike, ScheduleLike
from lr_toolkit.schedules.absolute_levels import AbsoluteLike

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

    from lr_toolkit.schedules.timeline import Timeline

__all__ = ["WeightEMA"]


@final
class WeightEMA(WeightSwitch):
    """Averages the weights exponentially over the last updates; the average is validated, tested and saved.

        average(t) = average(t - 1) + (weights(t) - average(t - 1)) / max(1, window(t))

    after update t = 1, 2, ... ``window(t)`` is a share of the updates taken so far, ``over="10%"``: t / 10; or a number of them,
    ``over=500``: min(t, 500), so the first 500 count the same. The average follows the run from its first update on, and forgets
    its beginning: no start has to be chosen, and no length of the run has to be known.

    Choose it with a constant LR for a run whose end is not known: ``warmup("500 steps") >> hold()`` with ``WeightEMA("10%")``. On eight
    small tasks of 400 to 800 updates it was never worse than cosine to 10 % (three times better). It adds nothing to a schedule
    that decays to its end.

    With ``decay`` the average keeps that share of itself, and begins at the weights before the first update:

        average(t) = decay(t - 1) * average(t - 1) + (1 - decay(t - 1)) * weights(t)

    Choose it for a teacher whose average gets longer until the end, as in BYOL and DINO:
    ``decay="cosine(start=0.996, end=1.0)"``. A module calls its teacher with ``torch.func.functional_call(self.net,
    teacher.weights_of("net"), (images,))``, where ``teacher`` is this callback. The decay of update t depends on t alone, so a resumed
    run goes on with it; if the length of the run is another one at the resume, it follows the schedule on the new length.

    The training goes on from the weights without the average, as if there were no callback. The module has the average from a
    validation, a test or a prediction on until the next batch, after the training, and after an exception. So ``val_loss`` and
    each checkpoint are of the average, including one with the weights alone; the callback's state in the checkpoint has the
    weights that are trained, and a resumed run goes on exactly. Under ``precision="64-true"`` that takes layers that are made in
    ``configure_model``: Lightning rounds the loaded weights of others to 32 bits, and so the average.

    Parameters and buffers with floating point are averaged (the statistics of batch norm too), 16-bit ones in 32 bits; other
    buffers keep their latest value. It takes one copy of the weights, and another one during an evaluation. The host never
    waits for a device. Each rank of DDP averages the same weights. With ``ModelParallelStrategy`` (FSDP2) each rank averages its
    shards, and a checkpoint has the whole weights. ``FSDPStrategy`` and the third stage of DeepSpeed are refused.

    Args:
        over: the window: a share of the updates so far, or a number of updates; 10 % if there is no ``decay`` either.
        decay: a schedule of the decay, or its text, in place of a window. Its levels are the decay itself.

    Attributes:
        over: the window as a ``Duration``, ``None`` with a decay.
        decay: the schedule of the decay, ``None`` with a window.
        updates: the updates of the run so far.

    Raises:
        ScheduleError: for a window in epochs, for no duration, for a window and a decay, for a decay above 1, for an optimizer whose
            updates cannot be seen, for weights that are sharded otherwise, and for a checkpoint of another module.

    Example:
        >>> import lightning as L
        >>> from lr_toolkit import WeightEMA
        >>> trainer = L.Trainer(max_steps=1000, callbacks=[WeightEMA("10%")])
        >>> teacher = WeightEMA(decay="cosine(start=0.996, end=1.0)")

    Reference:
        The share is the power-law EMA of Karras et al., arXiv 2312.02696. The rising decay is that of BYOL, arXiv 2006.07733, and of
        DINO, arXiv 2104.14294. Lightning's ``WeightAveraging`` and torch's
        ``AveragedModel`` have fixed decays; the first validates the initial weights before its start (Lightning #21724), and
        the second waits for the device in each update.
    """

    @answer_arguments("WeightEMA", 'WeightEMA("10%")', {"momentum": "Write decay='hold(level={})'."})
    def __init__(self, over: DurationLike | None = None, *, decay: ScheduleLike | AbsoluteLike | None = None) -> None:
        super().__init__()
        if over is not None and decay is not None:
            raise ScheduleError(
                f"WeightEMA(over={shorten(over)}, decay={shorten(decay)}): each sets how fast the average forgets. Write one of them."
            )
        self.decay = None if decay is None else decay_of(decay)
        self.over = None if self.decay else window_of("10%" if over is None else over)
        self.updates = 0
        self._decays: Timeline | None = None  # of this run
        self._before = 0  # the updates of earlier fits, which the decay does not count
        self._average: dict[str, Tensor] = {}
        self._raw: dict[str, Tensor] = {}  # the weights that are trained, while the module has the average
        self._has_stepped = False
        self._loaded: dict[str, Any] | None = None
        self._sharded: list[Any] = []  # the modules that FSDP2 has sharded

    def window(self, update: int) -> float:
        """The number of updates that are averaged after an update, counted from 1; a whole one at least. Infinite for a decay of 1.

        With a decay there is a window while a run goes on.

        Example:
            >>> [WeightEMA("10%").window(update) for update in (1, 10, 500)], WeightEMA(20).window(500)
            ([1.0, 1.0, 50.0], 20.0)
        """
        weight = self._weight(update)
        return 1 / weight if weight else math.inf

    def _weight(self, update: int) -> float:
        """How much the weights after an update count in the average."""
        if self.over is None:
            if self._decays is None:
                raise ScheduleError(
                    f"WeightEMA(decay={self.decay!r}): the decay of an update depends on the length of the run. Ask within a fit."
                )
            return 1 - self._decays(max(update - self._before - 1, 0))
        amount = float(self.over.amount)
        return 1 / max(1.0, update * amount / 100 if self.over.unit == "%" else min(float(update), amount))

    def weights_of(self, part: str = "") -> dict[str, Tensor]:
        """The average as it is now, by the names of parameters and buffers in a part of the module; empty before there is one.

        Args:
            part: the name of an attribute of the module, such as ``"backbone"`` or ``"net.encoder"``; all weights by default.

        Example:
            >>> WeightEMA().weights_of("backbone")  # before a training
            {}
        """
        prefix = f"{part}." if part else ""
        return {name[len(prefix) :]: tensor for name, tensor in self._average.items() if name.startswith(prefix)}

    # --- a training ---

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._loaded = None  # a test may have loaded a checkpoint; that of this run is loaded later
        strategy: Any = trainer.strategy
        if is_a(strategy, "FSDPStrategy") or (is_a(strategy, "DeepSpeedStrategy") and strategy.zero_stage_3):
            raise ScheduleError(
                f"WeightEMA: {type(strategy).__name__} keeps a part of each weight on each rank, where a checkpoint of this callback "
                "cannot collect it. Write Trainer(strategy=ModelParallelStrategy()) for FSDP2, strategy='ddp', or leave the callback out."
            )

    @override
    @torch.no_grad()
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.watch(pl_module, [each for optimizer in trainer.optimizers for each in hookable_optimizers(optimizer)])
        self._sharded = [each for each in pl_module.modules() if is_a(each, "FSDPModule")]
        self.updates = updates_taken(trainer)
        tensors = self._tensors(pl_module)
        if self.decay is not None:
            self._before = 0 if trainer.ckpt_path else self.updates
            self._decays = decays_of(self.decay, trainer)
            self._average = {name: _wide(tensor.clone()) for name, tensor in tensors.items()}
        loaded, self._loaded = self._loaded, None
        if not loaded or not (loaded["raw"] or loaded["average"]):
            return
        self.updates = loaded["updates"]
        unknown = sorted(set(loaded["raw"] or loaded["average"]) ^ set(tensors))
        if unknown:
            raise ScheduleError(
                f"WeightEMA: the checkpoint is of a module with other weights ({shorten(unknown)}). Build the module as in "
                "the saved run, or load its weights alone."
            )
        # The module has loaded the average; 16-bit weights have rounded it.
        self._average = {
            name: _wide(laid_out_as(tensor, loaded["average"][name]) if name in loaded["average"] else tensor.clone())
            for name, tensor in tensors.items()
        }
        for name, raw in loaded["raw"].items():
            tensors[name].copy_(laid_out_as(tensors[name], raw))

    @override
    def after_step(self, *_: Any) -> None:
        super().after_step()
        self._has_stepped = True

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        self._take_update(pl_module)

    @torch.no_grad()
    def _take_update(self, module: nn.Module) -> None:
        """Move the average, if an update was taken since the last call."""
        if not self._has_stepped:
            return
        self._has_stepped = False
        self.updates += 1
        tensors = self._tensors(module)
        if self._average.keys() != tensors.keys():  # the first update, or weights that have joined
            kept = self._average
            self._average = {name: kept.get(name, _wide(tensor.clone())) for name, tensor in tensors.items()}
        averages = [local_part(average) for average in self._average.values()]
        current = [
            local_part(tensor).to(average.dtype) for tensor, average in zip(tensors.values(), averages, strict=True)
        ]
        torch._foreach_lerp_(averages, current, self._weight(self.updates))

    def _tensors(self, module: nn.Module) -> dict[str, Tensor]:
        """The parameters and buffers that are averaged, each once."""
        for each in self._sharded:
            each.reshard()  # a validation leaves whole weights behind
        named = [*module.named_parameters(), *module.named_buffers()]
        return {name: tensor.detach() for name, tensor in named if tensor.is_floating_point() or tensor.is_complex()}

    @override
    @torch.no_grad()
    def to_evaluation(self, module: nn.Module) -> None:
        self._take_update(module)
        if self._raw or not self._average:
            return
        tensors = self._tensors(module)
        self._raw = {name: tensor.clone() for name, tensor in tensors.items()}
        for name, tensor in tensors.items():
            tensor.copy_(self._average[name])

    @override
    @torch.no_grad()
    def to_training(self, module: nn.Module) -> None:
        if self._raw:
            raw, self._raw = self._raw, {}
            for name, tensor in self._tensors(module).items():
                tensor.copy_(raw[name])

    @override
    def forget(self) -> None:
        super().forget()
        self._average, self._raw, self._sharded, self._has_stepped = {}, {}, [], False

    # --- checkpoints ---

    @override
    def state_dict(self) -> dict[str, Any]:
        is_in_module = {name for name, raw in self._raw.items() if raw.dtype == self._average[name].dtype}
        average = {name: whole_tensor(tensor) for name, tensor in self._average.items() if name not in is_in_module}
        raw = {name: whole_tensor(tensor) for name, tensor in self._raw.items()}
        return {"updates": self.updates, "raw": raw, "average": average}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._loaded = state_dict

    def __getstate__(self) -> dict[str, Any]:
        return {
            **vars(WeightEMA(self.over, decay=self.decay)),
            "updates": self.updates,
        }  # a running fit stays with this callback


def _wide(tensor: Tensor) -> Tensor:
    """A tensor in 32 bits at least: an average in 16 bits stands still once its steps are small."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
