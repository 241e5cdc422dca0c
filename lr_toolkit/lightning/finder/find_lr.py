"""``find_lr``: the search on a copy of a Trainer that has not begun."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from lightning.pytorch.callbacks import Callback

from lr_toolkit.errors import ScheduleError
from lr_toolkit.finder.random_state import same_random_state
from lr_toolkit.finder.result import LRSearch
from lr_toolkit.finder.search import check_arguments
from lr_toolkit.finder.trial import Method
from lr_toolkit.lightning._compat import copied_trainer, end_fit, starts_processes, unread_copies
from lr_toolkit.lightning.finder.finder import search_run

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule, LightningModule, Trainer
    from lightning.pytorch.callbacks import ProgressBar

__all__ = ["find_lr"]


def find_lr(
    trainer: Trainer,
    module: LightningModule,
    train_dataloaders: Any = None,
    datamodule: LightningDataModule | None = None,
    *,
    method: Method = "auto",
    budget: float = 1.0,
    seed: int | None = None,
) -> LRSearch:
    """Find the base LR for the schedule of a module, and report it. Trainer, module and dataloaders stay as they are.

    A copy of the Trainer sets up a copy of the module as a fit does, without callbacks and loggers; further copies are trained on
    short runs. Precision, accumulation, clipping, train mode, betas, momentum and weight decay are those of the run. Each LR gets
    the same batches in the same order. Hooks of the module around batches and a ``optimizer_step`` of its own are not called.
    A schedule of this package is shortened with its curve; another scheduler is rehearsed without a model; the result's
    ``schedule`` has what was assumed. ``LRFinder`` does the same at the beginning of a fit, and trains with the LR.

    Shows a progress bar with the remaining time if the Trainer has one. An interrupt (Ctrl-C) ends the search, and the result is what
    was found until then; its ``reason`` describes how far it came. A second one is raised.

    Args:
        trainer: a Trainer that has taken no update.
        module: the module, with one optimizer.
        train_dataloaders: as for ``trainer.fit``.
        datamodule: as for ``trainer.fit``.
        method: ``"auto"``: a line search, then 3 to 6 whole schedules of an eighth of the run around it, at most one run together.
            ``"line_search"``, ``"schedules"`` and ``"range_test"`` are those of ``search_lr``.
        budget: the length of the short runs is ``budget`` times an eighth of the run.
        seed: the seed of the data order and of dropout, the same for each LR; ``None`` for torch's initial seed.

    Returns:
        The base LR, with the interval around it and everything that was tried.

    Raises:
        NoLRFound: (a ``ScheduleError``) if there is no answer: the loss is flat or not finite, or has no minimum inside of the range, or
            the search was interrupted too early.
        ScheduleError: if the run cannot be searched: several optimizers, a sharded model, manual optimization with another
            number of updates than one in each batch, data that can be read once, a run without an end, a Trainer that has already
            trained or would start processes.

    Example:
        >>> from lr_toolkit import find_lr
        >>> # found = find_lr(Trainer(max_epochs=10), module, loader); print(found); found.plot()
    """
    check_arguments(method, budget, seed)
    if trainer.global_step > 0:
        raise ScheduleError(
            f"find_lr: this Trainer has taken {trainer.global_step} updates. Search before the first one, with a new Trainer."
        )
    if starts_processes(trainer):
        raise ScheduleError(
            "find_lr: this Trainer starts a process for each device, and would start them again in fit(). Write "
            "Trainer(callbacks=[LRFinder()]), or start the script with torchrun."
        )
    search = _Search(method, budget, seed, trainer.progress_bar_callback)
    with same_random_state():
        copied = copied_trainer(trainer, keep=lambda _: False)
        copied.callbacks = [search]  # type: ignore[attr-defined]  # its connectors set these
        copied.limit_val_batches = copied.num_sanity_val_steps = 0
        copied.fit(copy.deepcopy(module), unread_copies(train_dataloaders), datamodule=_copied(datamodule))
    if search.error is not None:
        raise search.error
    if search.result is None:
        raise ScheduleError(
            "find_lr: the fit ended before its first update. Check max_epochs, max_steps and limit_train_batches."
        )
    return search.result


class _Search(Callback):
    """Searches, and ends the fit before its first update. An error is kept: Lightning would exit at an interrupt."""

    def __init__(self, method: Method, budget: float, seed: int | None, bar: ProgressBar | None) -> None:
        self._options = (method, budget, seed, bar)
        self.result: LRSearch | None = None
        self.error: BaseException | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        try:
            self.result = search_run(trainer, pl_module, *self._options)
        except BaseException as error:
            self.error = error
        end_fit()


def _copied(datamodule: LightningDataModule | None) -> LightningDataModule | None:
    """A datamodule that is set up for itself, and whose dataloaders are copies."""
    if datamodule is None:
        return None
    copied = copy.copy(datamodule)
    read = copied.train_dataloader
    copied.train_dataloader = lambda: unread_copies(read())  # type: ignore[method-assign]
    return copied
