"""The only file that touches private attributes of Lightning, and attributes that its types do not declare."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NoReturn

from lightning.fabric.utilities.data import sized_len
from lightning.pytorch.loggers.logger import DummyLogger
from lightning.pytorch.utilities import CombinedLoader
from lightning.pytorch.utilities.exceptions import _TunerExitException
from lightning.pytorch.utilities.model_helpers import is_overridden
from lightning.pytorch.utilities.signature_utils import is_param_in_hook_signature
from lightning_utilities.core.apply_func import apply_to_collection
from torch.utils.data import DataLoader

from lr_toolkit.finder.batches import unread_copy

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.cli import LightningCLI
    from lightning.pytorch.strategies import Strategy

__all__ = [
    "batches_that_stepped",
    "brings_its_data",
    "callback_metrics_logged_so_far",
    "callbacks_of",
    "configured_value",
    "copied_trainer",
    "end_fit",
    "epoch_metrics",
    "forget_dataloader",
    "has_dataloader",
    "has_whole_gradients",
    "is_a",
    "is_about_to_log",
    "is_epoch_whole",
    "is_in_epoch",
    "is_loader_exhausted",
    "is_trial",
    "lightning_steps",
    "loaded_progress",
    "logger_prefix",
    "logging_cadence",
    "logs_this_batch",
    "movable_counters",
    "moved_batch",
    "optimizer_list",
    "overrides_hook",
    "progress_of",
    "saved_hyperparameters",
    "saves_dataloader",
    "starts_processes",
    "steps_schedulers_itself",
    "syncs_tensorboard",
    "takes_batch_index",
    "takes_iterator",
    "training_batches",
    "training_loaders",
    "trial_cause",
    "unread_copies",
    "validated_metrics",
]


def is_a(value: object, name: str) -> bool:
    """Whether ``value`` is an instance of a class of that name, or of a subclass, in ``lightning`` or ``pytorch_lightning``."""
    return name in (base.__name__ for base in type(value).__mro__)


def configured_value(cli: LightningCLI, name: str) -> Any:
    """What the configuration of a command line has for a name, of the subcommand that runs or at the top level."""
    return cli._get(cli.config_init, name)


def overrides_hook(module: LightningModule, name: str) -> bool:
    """Whether the module overrides a hook of the LightningModule of either package."""
    lightnings = next(base for base in type(module).__mro__ if base.__name__ == "LightningModule")
    return is_overridden(name, module, lightnings)


def steps_schedulers_itself(module: LightningModule) -> bool:
    """Whether the module overrides ``lr_scheduler_step``."""
    return overrides_hook(module, "lr_scheduler_step")


# --- the Trainer ------------------------------------------------------------------------------------------------------


def callbacks_of(trainer: Trainer) -> list[Any]:
    """The Trainer's list of callbacks, in the order in which their hooks are called."""
    found: list[Any] = trainer.callbacks  # type: ignore[attr-defined]  # its callback connector sets it
    return found


optimizer_list: Callable[[Strategy], list[Any]] = attrgetter("_optimizers")
"""The optimizers of a strategy, in another list object after they were exchanged. No function, because it is called in each batch."""


def has_whole_gradients(trainer: Trainer | None) -> bool:
    """Whether each rank holds all gradients, so that a missing gradient means a skipped update. A sharded rank holds a part."""
    return type(getattr(trainer, "strategy", None)).__name__ in ("SingleDeviceStrategy", "DDPStrategy")


def is_trial(trainer: Trainer) -> bool:
    """Whether ``fast_dev_run`` cuts the run to a few batches, so that its length is not the one that is planned for."""
    cut: bool | int = trainer.fast_dev_run  # type: ignore[attr-defined]  # Lightning's debugging setup sets it
    return bool(cut)


def trial_cause(trainer: Trainer) -> str:
    """The Trainer's argument that cuts the run to a few batches on purpose; empty for a real run.

    ``limit_train_batches`` cuts a dataloader of known length that is longer. Another dataloader gets its length from it.
    """
    if is_trial(trainer):
        return "fast_dev_run"
    if trainer.overfit_batches:  # type: ignore[attr-defined]  # Lightning's debugging setup sets it
        return "overfit_batches"
    combined: Any = trainer.fit_loop._combined_loader
    if combined is None:  # a resumed run sets it up later
        return (
            "limit_train_batches"
            if isinstance(trainer.limit_train_batches, float) and trainer.limit_train_batches < 1
            else ""
        )
    lengths = [sized_len(loader) for loader in combined.flattened]
    limits = zip(lengths, combined.limits or [], strict=False)
    return "limit_train_batches" if any(length is not None and limit < length for length, limit in limits) else ""


# --- the loops --------------------------------------------------------------------------------------------------------


batches_that_stepped: Callable[[Trainer], int] = attrgetter("fit_loop.epoch_loop._batches_that_stepped")
"""The x axis of Lightning's loggers: the number of batches that have stepped. No function, because it is called in each batch."""


def lightning_steps(trainer: Trainer) -> int:
    """How often Lightning has stepped schedulers, in all fits of this Trainer and over all schedulers."""
    return trainer.fit_loop.epoch_loop.scheduler_progress.total.completed


def is_epoch_whole(trainer: Trainer) -> bool:
    """Whether the last batch that was trained is the last of its epoch."""
    return bool(trainer.fit_loop.epoch_loop.batch_progress.is_last_batch)


def has_dataloader(trainer: Trainer) -> bool:
    """Whether the training dataloader is set up."""
    return trainer.fit_loop._combined_loader is not None


def brings_its_data(trainer: Trainer) -> bool:
    """Whether the module or a datamodule has the training data, and not an argument of ``trainer.fit``."""
    return trainer.fit_loop._data_source.is_module()


def forget_dataloader(trainer: Trainer) -> None:
    """Let Lightning set up the training dataloader again."""
    trainer.fit_loop._combined_loader = None


def progress_of(trainer: Trainer) -> dict[str, Any] | None:
    """The progress of the loops of a fit that the checkpoint holds, from its reading until the run begins."""
    loops: dict[str, Any] = trainer._checkpoint_connector._loaded_checkpoint.get("loops") or {}
    return loops.get("fit_loop")


def saves_dataloader(checkpoint: dict[str, Any]) -> bool:
    """Whether a checkpoint holds the position of a resumable dataloader."""
    loop: dict[str, Any] = (checkpoint.get("loops") or {}).get("fit_loop") or {}
    return bool(loop.get("state_dict", {}).get("combined_loader"))


@contextmanager
def loaded_progress(trainer: Trainer) -> Iterator[None]:
    """Give the loops the progress of the checkpoint for a while, as Lightning does after it has made the optimizers."""
    saved = progress_of(trainer)
    if saved is None:
        yield
        return
    loop = trainer.fit_loop
    before = loop.state_dict()
    # Loading marks each loop as one that goes on.
    marks = [
        (each, {name: mark for name, mark in vars(each).items() if isinstance(mark, bool)}) for each in _loops(loop)
    ]
    loop.load_state_dict(saved)
    try:
        yield
    finally:
        loop.load_state_dict(before)
        for each, mark in marks:
            vars(each).update(mark)


def _loops(loop: object) -> Iterator[object]:
    """A loop, and the loops inside of it."""
    yield loop
    for inner in vars(loop).values():
        if hasattr(inner, "restarting"):
            yield from _loops(inner)


def is_in_epoch(trainer: Trainer) -> bool:
    """Whether this fit has begun an epoch that has not ended. The progress alone may be left from a fit that was interrupted."""
    epochs: Any = trainer.fit_loop.epoch_progress.current
    fetcher = trainer.fit_loop._data_fetcher
    begun = trainer.fit_loop.epoch_loop.batch_progress.current.ready
    return fetcher is not None and epochs.started > epochs.processed and fetcher.fetched >= begun > 0


@contextmanager
def movable_counters(trainer: Trainer) -> Iterator[Callable[[int, int, int], None]]:
    """Give a function that sets ``current_epoch``, the batches of it that are done, and ``global_step``; in the end all are as before.

    The Trainer must not train meanwhile.
    """
    loop: Any = trainer.fit_loop.epoch_loop
    epochs: Any = trainer.fit_loop.epoch_progress.current
    batches = loop.batch_progress.current
    updates = loop.automatic_optimization.optim_progress.optimizer.step.total
    before = (epochs.completed, batches.ready, updates.completed, loop._batches_that_stepped)

    def move(epoch: int, batch: int, update: int) -> None:
        epochs.completed, batches.ready, updates.completed, loop._batches_that_stepped = epoch, batch, update, update

    try:
        yield move
    finally:
        epochs.completed, batches.ready, updates.completed, loop._batches_that_stepped = before


def is_loader_exhausted(trainer: Trainer) -> bool:
    """Whether the epoch that ends has had all batches of its dataloader: the module may leave an epoch early."""
    fetcher = trainer.fit_loop._data_fetcher
    return not trainer.fit_loop.epoch_loop.batch_progress.is_last_batch or fetcher is None or fetcher.done


# --- metrics and loggers ----------------------------------------------------------------------------------------------


def logging_cadence(trainer: Trainer) -> int:
    """``log_every_n_steps``."""
    every: int = trainer.log_every_n_steps  # type: ignore[attr-defined]  # its logger connector sets it
    return every


def logs_this_batch(trainer: Trainer) -> bool:
    """Whether this batch is logged at Lightning's cadence."""
    return trainer._logger_connector.should_update_logs


def is_about_to_log(trainer: Trainer) -> bool:
    """Whether Lightning logs metrics of this batch at the same x, right after the hooks at its end."""
    if not (logs_this_batch(trainer) or is_trial(trainer)):
        return False
    metrics = trainer._logger_connector.metrics["log"]
    return bool(metrics) and "step" not in metrics  # a metric named "step" replaces x


def callback_metrics_logged_so_far(trainer: Trainer) -> dict[str, Any]:
    """The metrics of this step that ``training_step`` has logged, for callbacks."""
    found: dict[str, Any] = trainer._logger_connector.metrics["callback"]
    return found


def epoch_metrics(trainer: Trainer) -> dict[str, Any]:
    """The metrics that were logged in the training epoch that ends, for callbacks. A value of the epoch replaces that of a step."""
    results = trainer.fit_loop._results
    return {**results.metrics(True)["callback"], **results.metrics(False)["callback"]}


def validated_metrics(trainer: Trainer) -> set[str]:
    """The names of what the last validation of a fit has logged for its epoch; the sanity validation keeps no metric."""
    results = trainer.fit_loop.epoch_loop.val_loop._results
    return {results._forked_name(metric, False)[1] for metric in results.values() if metric.meta.on_epoch}


def logger_prefix(logger: Any) -> str:
    """The prefix that a logger puts before each name."""
    return f"{logger._prefix}{logger.LOGGER_JOIN_CHAR}" if logger._prefix else ""


def syncs_tensorboard(logger: Any) -> bool:
    """Whether a ``WandbLogger`` copies the events of TensorBoard."""
    return bool(logger._wandb_init.get("sync_tensorboard"))


# --- hyperparameters --------------------------------------------------------------------------------------------------


def saved_hyperparameters(module: LightningModule) -> tuple[Any, Any]:
    """The hyperparameters of a module, for its checkpoints, and the copy of them that its loggers write; ``None`` without any."""
    return getattr(module, "_hparams", None), getattr(module, "_hparams_initial", None)


# --- a search before the first update -----------------------------------------------------------------------------------


def copied_trainer(trainer: Trainer, keep: Callable[[Any], bool]) -> Trainer:
    """A copy of a Trainer that has not begun, with the callbacks that are kept, and with loggers that write nothing."""
    dropped = [each for each in callbacks_of(trainer) if not keep(each)]
    memo: dict[int, Any] = {id(logger): DummyLogger() for logger in trainer.loggers}
    memo |= {id(each): None for each in dropped}
    copied = copy.deepcopy(trainer, memo)
    copied.callbacks = [each for each in callbacks_of(copied) if each is not None]  # type: ignore[attr-defined]  # its callback connector sets it
    return copied


def end_fit() -> NoReturn:
    """End a fit from inside of a hook, in good order."""
    raise _TunerExitException


def starts_processes(trainer: Trainer) -> bool:
    """Whether a fit starts a process for each device, or runs in another process."""
    launcher: Any = trainer.strategy.launcher
    environment = getattr(trainer.strategy, "cluster_environment", None)
    return launcher is not None and not (environment is not None and environment.creates_processes_externally)


def training_loaders(trainer: Trainer) -> list[Any]:
    """The dataloaders of the fit, one by one."""
    combined: Any = trainer.fit_loop._combined_loader
    return list(combined.flattened)


def unread_copies(loaders: Any) -> Any:
    """Copies of dataloaders, alone, in containers or combined, that read as these would."""
    if not isinstance(loaders, CombinedLoader):
        return apply_to_collection(loaders, DataLoader, unread_copy)
    unread = CombinedLoader(loaders.iterables, loaders._mode)
    unread.flattened = [unread_copy(loader) for loader in loaders.flattened]
    unread.limits = loaders.limits
    return unread


def training_batches(trainer: Trainer) -> Iterator[tuple[Any, int]]:
    """The batches of an epoch and their indices, from copies of the dataloaders: the fit's own are not read."""
    for batch, index, _ in unread_copies(trainer.fit_loop._combined_loader):
        yield batch, index


def moved_batch(trainer: Trainer, module: Any, batch: Any) -> Any:
    """A batch on the device of a copy of the module, by the module's own hooks."""
    batch = trainer.precision_plugin.convert_input(batch)
    batch = module._on_before_batch_transfer(batch, dataloader_idx=0)
    return module._apply_batch_transfer_handler(batch, device=trainer.strategy.root_device, dataloader_idx=0)


def takes_batch_index(module: LightningModule) -> bool:
    """Whether ``training_step`` takes the index of the batch."""
    return bool(is_param_in_hook_signature(module.training_step, "batch_idx", min_args=2))


def takes_iterator(module: LightningModule) -> bool:
    """Whether ``training_step`` takes an iterator over the batches."""
    return bool(is_param_in_hook_signature(module.training_step, "dataloader_iter", explicit=True))
