"""The only file that touches private attributes of Lightning, and what its types do not say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lightning.pytorch.utilities.model_helpers import is_overridden

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

__all__ = [
    "batches_that_stepped",
    "callback_metrics_logged_so_far",
    "callbacks_of",
    "epoch_metrics",
    "forget_dataloader",
    "has_dataloader",
    "has_whole_gradients",
    "is_a",
    "is_about_to_log",
    "is_trial",
    "logger_prefix",
    "logging_cadence",
    "logs_this_batch",
    "optimizer_list",
    "steps_schedulers_itself",
    "syncs_tensorboard",
]


def is_a(value: object, name: str) -> bool:
    """Whether ``value`` is of a class of that name, of ``lightning`` or ``pytorch_lightning``, or of one derived from it."""
    return name in (kind.__name__ for kind in type(value).__mro__)


def steps_schedulers_itself(module: LightningModule) -> bool:
    """Whether the module has an ``lr_scheduler_step`` of its own."""
    base = next(kind for kind in type(module).__mro__ if kind.__name__ == "LightningModule")
    return is_overridden("lr_scheduler_step", module, base)


# --- the Trainer ------------------------------------------------------------------------------------------------------


def callbacks_of(trainer: Trainer) -> list[Any]:
    """The Trainer's own list of callbacks, in the order in which their hooks are called."""
    found: list[Any] = trainer.callbacks  # type: ignore[attr-defined]  # set by its callback connector
    return found


def optimizer_list(trainer: Trainer) -> list[Any]:
    """The strategy's own list of optimizers: another list object after somebody has exchanged them."""
    found: list[Any] = trainer.strategy._optimizers
    return found


def has_whole_gradients(trainer: Trainer | None) -> bool:
    """Whether each rank has its whole gradient, so that a missing one means that nothing was learnt; a sharded rank has not."""
    return type(getattr(trainer, "strategy", None)).__name__ in ("SingleDeviceStrategy", "DDPStrategy")


def is_trial(trainer: Trainer) -> bool:
    """Whether the run is cut to a few batches on purpose, so that its length says nothing."""
    cut: bool | int = trainer.fast_dev_run  # type: ignore[attr-defined]  # set by Lightning's debugging setup
    return bool(cut)


# --- the loops --------------------------------------------------------------------------------------------------------


def batches_that_stepped(trainer: Trainer) -> int:
    """The x axis of Lightning's loggers: how many batches have stepped."""
    return trainer.fit_loop.epoch_loop._batches_that_stepped


def has_dataloader(trainer: Trainer) -> bool:
    """Whether the training dataloader is set up."""
    return trainer.fit_loop._combined_loader is not None


def forget_dataloader(trainer: Trainer) -> None:
    """Let Lightning set up the training dataloader again, which restores the place of a resumable one (Lightning #20550)."""
    trainer.fit_loop._combined_loader = None


# --- metrics and loggers ----------------------------------------------------------------------------------------------


def logging_cadence(trainer: Trainer) -> int:
    """``log_every_n_steps``."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]  # set by its logger connector
    return every


def logs_this_batch(trainer: Trainer) -> bool:
    """Whether Lightning's cadence has come to a batch that is logged."""
    return trainer._logger_connector.should_update_logs


def is_about_to_log(trainer: Trainer) -> bool:
    """Whether Lightning is going to log this batch's metrics at the same x as soon as the hooks at its end are done."""
    if not (logs_this_batch(trainer) or is_trial(trainer)):
        return False
    metrics = trainer._logger_connector.metrics["log"]
    return bool(metrics) and "step" not in metrics  # a metric of that name takes the place of x


def callback_metrics_logged_so_far(trainer: Trainer) -> dict[str, Any]:
    """What ``training_step`` has logged for this step, for callbacks."""
    found: dict[str, Any] = trainer._logger_connector.metrics["callback"]
    return found


def epoch_metrics(trainer: Trainer) -> dict[str, Any]:
    """What was logged for callbacks in the training epoch that ends: for the epoch, and under it for each step."""
    results = trainer.fit_loop._results
    return {**results.metrics(True)["callback"], **results.metrics(False)["callback"]}


def logger_prefix(logger: Any) -> str:
    """What a logger puts before each name by itself."""
    return f"{logger._prefix}{logger.LOGGER_JOIN_CHAR}" if logger._prefix else ""


def syncs_tensorboard(logger: Any) -> bool:
    """Whether a ``WandbLogger`` copies what TensorBoard is given."""
    return bool(logger._wandb_init.get("sync_tensorboard"))
