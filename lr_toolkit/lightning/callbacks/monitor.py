"""The callback that shows, on every logger, the learning rates that the updates really used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, final

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from typing_extensions import override

from lr_toolkit.lightning.callbacks.capture import Capture, Reading, number
from lr_toolkit.lightning.callbacks.naming import Curve, optimizers_of, owners_of, stable_curves

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

__all__ = ["LRMonitor"]


@final
class LRMonitor(Callback):
    """Logs every parameter group's learning rate, as each update used it, to every logger of the Trainer.

    A row is written every ``log_every_n_steps`` updates (or once per epoch), and always for the first and the last
    update. Its step is Lightning's own x axis, the number of batches that stepped before. Curves are called
    ``lr/<scheduler or group name>``; ``lr/optimizer`` where nobody gave a name. Works without scheduler and logger.

    Args:
        logging_interval: ``"step"``, ``"epoch"``, or ``None`` for the interval of each scheduler (per step where an
            optimizer has none, or optimization is manual).
        log_momentum: log ``momentum/...`` too.
        log_weight_decay: log ``weight_decay/...`` too.
        print_lr: print the learning rates at the end of each epoch.

    Raises:
        MisconfigurationException: for another interval, or parameter groups of one optimizer that share a name.

    Example:
        >>> import lightning as L
        >>> from lr_toolkit import LRMonitor
        >>> trainer = L.Trainer(max_epochs=10, callbacks=[LRMonitor(print_lr=True)])

    Reference:
        Lightning's ``LearningRateMonitor``.
    """

    def __init__(
        self,
        logging_interval: Literal["step", "epoch"] | None = None,
        log_momentum: bool = False,
        log_weight_decay: bool = False,
        *,
        print_lr: bool = False,
    ) -> None:
        if logging_interval not in (None, "step", "epoch"):
            raise MisconfigurationException("logging_interval should be `step` or `epoch` or `None`.")
        self.logging_interval = logging_interval
        self.log_momentum = log_momentum
        self.log_weight_decay = log_weight_decay
        self.print_lr = print_lr
        self._captures: list[Capture] = []
        self._curves: list[Curve] = []
        self._begin()

    def _begin(self) -> None:
        self._used: list[Reading | None] = []  # of the latest batch that stepped
        self._step = -1  # its x
        self._logged: dict[str, int] = {}  # the x at which each curve was logged last
        self._epoch_begins = True
        self._updated = False

    @override
    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._begin()
        self._close()
        optimizers = optimizers_of(trainer)
        self._captures = [Capture(one, self._note) for one in optimizers]
        self._name(trainer)

    def _name(self, trainer: Trainer) -> None:
        optimizers = [one.optimizer for one in self._captures]
        groups = [[group.get("name") for group in one.param_groups] for one in optimizers]
        owners = owners_of(trainer, optimizers) if trainer.lightning_module.automatic_optimization else []
        self._curves = stable_curves(groups, owners)

    def _note(self) -> None:
        self._updated = True

    @override
    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._epoch_begins = True

    @override
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        if not self._updated:
            return
        self._updated = False
        before, self._step = self._step, trainer.fit_loop.epoch_loop._batches_that_stepped
        self._used = [one.latest for one in self._captures]
        if sum(len(one) for one in self._used if one) > len(self._curves):
            self._name(trainer)
        due = [one for one in self._curves if self._due(one, _every(trainer), before)]
        self._epoch_begins = False
        if due:
            self._log(trainer, due)

    def _due(self, curve: Curve, every: int, before: int) -> bool:
        """Whether its curve shows this update: the first, the first of an epoch, or one at the logging cadence."""
        if curve.name not in self._logged:
            return True
        if (self.logging_interval or curve.interval) == "epoch":
            return self._epoch_begins
        # Under manual optimization the batch at the cadence may have no update: the next one that has is logged.
        return every > 0 and (self._step + 1) // every > (before + 1) // every

    def _log(self, trainer: Trainer, curves: list[Curve]) -> None:
        row: dict[str, float] = {}
        for curve in curves:
            used = self._used[curve.optimizer]
            if used is None or curve.group >= len(used):
                continue  # this optimizer, or group, has had no update yet
            row[curve.name] = number(used[curve.group])
            self._logged[curve.name] = self._step
            group = self._captures[curve.optimizer].optimizer.param_groups[curve.group]
            if self.log_momentum:
                momentum = group["betas"][0] if "betas" in group else group.get("momentum", 0)
                row[f"momentum/{curve.name[3:]}"] = number(momentum)
            if self.log_weight_decay:
                row[f"weight_decay/{curve.name[3:]}"] = number(group.get("weight_decay", 0))
        if row:
            for logger in trainer.loggers:
                logger.log_metrics(row, step=self._step)

    @override
    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.print_lr:
            values = {one.name: used[one.group] for one in self._curves if (used := self._used[one.optimizer])}
            text = "  ".join(f"{name} {number(value):.3e}" for name, value in values.items())
            trainer.print(f"epoch {trainer.current_epoch}: {text}")

    @override
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._finish(trainer)

    @override
    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._finish(trainer)

    def _finish(self, trainer: Trainer) -> None:
        """Log the last update, which was not known to be the last, and let go of the optimizers."""
        last = [one for one in self._curves if self._logged.get(one.name, self._step) < self._step]
        if last and self._used:
            self._log(trainer, last)
        self._close()

    def _close(self) -> None:
        for one in self._captures:
            one.close()
        self._captures = []


def _every(trainer: Trainer) -> int:
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by its logger connector
    return every
