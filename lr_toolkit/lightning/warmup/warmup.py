"""The callback that warms up whatever schedulers a Trainer has, even schedulers that the user cannot change."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, final

from typing_extensions import override

from lr_toolkit.errors import ScheduleError, shorten, warn
from lr_toolkit.lightning.sparse_callback import SparseCallback
from lr_toolkit.lightning.warmup.foreign_arguments import answer_foreign_arguments
from lr_toolkit.lightning.warmup.ramp_spec import RampSpec
from lr_toolkit.lightning.warmup.warmup_run import WarmupRun
from lr_toolkit.schedules import DurationLike
from lr_toolkit.schedules.horizon import HorizonLike

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

    from lr_toolkit.lightning.warmup.optimizer_ramp import OptimizerRamp

__all__ = ["LRWarmup"]

_FORMAT = 1
_log = logging.getLogger("lr_toolkit")


@final
class LRWarmup(SparseCallback):
    """Multiplies the learning rate of whatever schedulers the Trainer has by a ramp, without disturbing them.

        lr(k) = (what the scheduler alone would have used) * ramp(k)

    for the k-th update of each optimizer since the ramp began, k = 0 for the first. It works with every scheduler of torch or
    of other packages, with plateaus, with a ``ScheduledLR`` and without a scheduler; with several optimizers; under manual
    optimization; with tensor LRs (groups that share a tensor get one each, for good).

    ``group["lr"]`` is the LR in use at any time. ``get_last_lr()`` of a scheduler, and the checkpoint, hold the LR without
    the ramp. So a run that is resumed without this callback goes on as if it had never been there, and a run that is resumed
    with it goes on at the same point of the ramp. After the ramp, and after training, nothing of it is left.

    =========================== ==================================================================================
    ``"linear"``                (k + 1) / (W + 1), or start + (1 - start) k / W
    ``"cosine"``                sin^2(pi/2 (k + 1) / (W + 1)), or start + (1 - start) sin^2(pi/2 k / W)
    ``"constant"``              start, which is required, then 1; with start 0.0 it freezes ``groups``
    ``"exponential"``           1 - exp(-(k + 1) / W): 63 % after ``over``, 95 % after three times that
    ``"untuned_linear"``        min(1, (k + 1) (1 - beta2) / 2)
    ``"untuned_exponential"``   1 - exp(-(k + 1) (1 - beta2))
    ``"radam"``                 RAdam's rectification sqrt((r-4)(r-2)R / ((R-4)(R-2)r)), from the first update with
                                r > 4; R = 2 / (1 - beta2) - 1, r = R - 2 t beta2^t / (1 - beta2^t)
    =========================== ==================================================================================

    W is ``over`` in updates (in epochs with ``interval="epoch"``); the first three are 1 from k = W on. The last three take
    Adam's second beta from each parameter group, as the decimal that its ``repr`` shows.

    An update counts if ``optimizer.step()`` ran. An update that a ``GradScaler`` skips does not count (a fused optimizer skips
    inside its step, which counts), nor does the replay of a CUDA graph (a warning reports it at the capture). A ``step()`` that
    raised counts once it was called again and returned. If an optimizer steps others on its groups, as SAM or a hybrid of
    Muon and AdamW does, their steps make one update.

    A group that is added during the ramp brings its LR without the ramp, and is ramped too. An optimizer that takes the place
    of another goes on where that one was. A direct write to ``group["lr"]`` during the ramp is reported, and becomes the LR
    without the ramp from the next update on. Schedulers, the module's ``lr_scheduler_step`` and ``BackboneFinetuning`` or
    another ``BaseFinetuning`` may write freely: they read and write the LR without the ramp. ``StochasticWeightAveraging``
    has to begin after the ramp.

    Args:
        over: how long the ramp lasts: ``"500 steps"``, ``"5%"``, ``"2 epochs"``; 0 for no ramp. Not given for the untuned
            shapes.
        start: the factor of the first update, from 0 to 1; ``None`` for the shape's own. Not given for the exponential and
            the untuned shapes.
        shape: a name of the table.
        interval: ``"step"`` to move at each update, ``"epoch"`` at each epoch, for durations in epochs or shares.
        optimizers: the indices of the optimizers to warm up; ``None`` for all.
        groups: the indices, or names (``group["name"]``), of the parameter groups to warm up; ``None`` for all, and for groups
            that are added later. Two callbacks on different groups are independent; on common groups the ramps multiply.
        horizon: the length of the run, instead of the Trainer's.

    Raises:
        ScheduleError: for arguments out of range. When training starts: for a ramp longer than the run (a trial run cuts it
            with a warning; under manual optimization the number of updates is not known), a relative duration if the run's
            length is not known, an optimizer without betas for an untuned shape, an optimizer whose updates cannot be seen,
            number and tensor LRs in one optimizer, groups that do not exist, and ``StochasticWeightAveraging`` during the ramp.

    Example:
        >>> import lightning as L
        >>> from lr_toolkit import LRWarmup
        >>> LRWarmup("5%", shape="cosine")
        LRWarmup('5%', shape='cosine')
        >>> trainer = L.Trainer(max_epochs=10, callbacks=[LRWarmup("500 steps")])

    Reference:
        pytorch_warmup's dampening, which truncates its untuned periods (1999 of 2000); Ma & Yarats 2019,
        https://arxiv.org/abs/1910.04209; RAdam, Liu et al. 2019, https://arxiv.org/abs/1908.03265.
    """

    @answer_foreign_arguments
    def __init__(
        self,
        over: DurationLike | None = None,
        start: float | None = None,
        shape: str = "linear",
        interval: Literal["step", "epoch"] = "step",
        *,
        optimizers: Sequence[int] | None = None,
        groups: Sequence[int | str] | None = None,
        horizon: HorizonLike | None = None,
    ) -> None:
        self.spec = RampSpec.of(over, start, shape, interval, optimizers, groups, horizon)
        # The key names what is ramped, not how: a ramp that was changed between two runs finds its state.
        super().__init__(interval=interval, optimizers=self.spec.optimizers, groups=self.spec.groups)
        self._state: dict[str, Any] | None = None  # of a checkpoint, or of the last fit
        self._run: WarmupRun | None = None  # during a fit

    @override
    def __repr__(self) -> str:
        return repr(self.spec)

    def __getstate__(self) -> dict[str, Any]:
        # The run, and the module's log() that Lightning attaches to callbacks, are not copied; the place of the ramps is.
        state = self._state if self._run is None else self.state_dict()
        return {"spec": self.spec, "state_key": self.state_key, "_state": state, "_run": None}

    def ramps(self, trainer: Trainer) -> list[OptimizerRamp]:
        """The ramps of the fit that begins or runs; a callback that comes before this one may ask for them first.

        Raises:
            ScheduleError: for a ramp that does not fit the run.
        """
        if self._run is None:
            self._run = WarmupRun(self.spec, trainer, self._state)
        return self._run.ramps

    # --- a fit ------------------------------------------------------------------------------------------------------------

    @override
    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage == "fit":  # the state of a checkpoint is loaded after this hook
            self._end()
            self._state = None

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not earlier: the checkpoint has to be restored, and LearningRateFinder has to have chosen the LR.
        self.ramps(trainer)
        if self._run is not None:
            self._run.start()

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._run is not None:
            self._run.enter_epoch(trainer.current_epoch)

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._run is not None:
            self._run.begin_batch()

    @override
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self._run is not None:
            self._run.end_batch()

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._run is not None:
            self._run.end_epoch(trainer.current_epoch)

    @override
    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._end()

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        try:
            self._end()
        except Exception:  # the error that ended the run must arrive, and the emergency checkpoint be written
            _log.warning("LRWarmup could not be taken off the optimizers of the interrupted run.", exc_info=True)

    def _end(self) -> None:
        if self._run is not None:
            self._state = self.state_dict()
            run, self._run = self._run, None
            run.end()

    # --- checkpoints ------------------------------------------------------------------------------------------------------

    @override
    def state_dict(self) -> dict[str, Any]:
        if self._run is None and self._state is not None:
            return self._state
        place = {"began": 0, "taken": []} if self._run is None else self._run.state()
        return {"format": _FORMAT, "ramp": repr(self), **place}

    @override
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if not _is_state(state_dict):
            raise ScheduleError(
                f"LRWarmup.load_state_dict: the state is damaged: {shorten(state_dict)}. Load an undamaged checkpoint; or leave out "
                "LRWarmup, and the run goes on with the LR without the ramp."
            )
        if state_dict["format"] > _FORMAT:
            raise ScheduleError(
                f"LRWarmup.load_state_dict: the state has format {state_dict['format']}, and this version reads up to {_FORMAT}. "
                "Install the version of lr_toolkit that saved it, or a newer one."
            )
        if state_dict["ramp"] != repr(self):
            warn(
                "LR704",
                f"The ramp is not the one that was saved ({state_dict['ramp']}): {self!r} goes on after as many updates. Write the "
                "saved call to go on as before.",
            )
        self._state = state_dict if state_dict["taken"] else None


def _is_state(state: object) -> bool:
    """Whether ``state_dict`` can have returned this; that of a newer version has a larger format, whatever else it holds."""
    if not isinstance(state, Mapping) or type(state.get("format")) is not int:
        return False
    if state["format"] > _FORMAT:
        return True
    began, taken = state.get("began"), state.get("taken")
    if not isinstance(taken, list) or not isinstance(state.get("ramp"), str):
        return False
    return all(type(count) is int and count >= 0 for count in (began, *taken))
