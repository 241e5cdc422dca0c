"""The callback that finds the base LR before the first update, and trains with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers.logger import DummyLogger
from lightning.pytorch.utilities import rank_zero_info

from lr_toolkit.finder.methods import run_search
from lr_toolkit.finder.random_state import same_random_state
from lr_toolkit.finder.result import LRSearch
from lr_toolkit.finder.search import check_arguments
from lr_toolkit.finder.trial import Method
from lr_toolkit.lightning._compat import callbacks_of, is_trial
from lr_toolkit.lightning.finder.set_lr import check_schedulers, set_hyperparameters, set_lr
from lr_toolkit.lightning.finder.shown import shown_search
from lr_toolkit.lightning.finder.trainer_problem import trainer_problem
from lr_toolkit.lightning.loggers.rows import log_search

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import ProgressBar

__all__ = ["LRFinder", "search_run"]


class LRFinder(Callback):
    """Finds the base LR before the first update of a fit, and trains with it.

    The search trains copies of the module. Its weights, buffers and attributes, the optimizer, the dataloaders, the loops, the loggers
    and the random number generators stay as they are, so the run equals one that was started with that LR. All groups keep the ratio of
    their base LRs. A run that goes on from a checkpoint is not searched again: it gets the LR that the checkpoint's callback has set.
    ``fast_dev_run`` is not searched.

    An interrupt (Ctrl-C) in the search ends the search alone: the fit goes on with what was found until then, and a second one ends
    the fit as usual. If nothing is found yet, the fit ends with ``NoLRFound``; of several ranks, with the interrupt.

    Args:
        method: as for ``find_lr``.
        budget: the length of the short runs is ``budget`` times an eighth of the run.
        seed: the seed of the data order and of dropout; ``None`` for torch's initial seed.
        apply: whether the run trains with the LR that was found. It is written to the groups, the scheduler, and ``lr`` or
            ``learning_rate`` in the hyperparameters and attributes of the module. ``False`` only reports.

    Attributes:
        search: the ``LRSearch``; ``None`` before.

    Raises:
        NoLRFound: (a ``ScheduleError``) when the fit begins, if there is no answer, or the search was interrupted too early.
        ScheduleError: then, if the run cannot be searched (``find_lr`` lists when), or its scheduler cannot be set.

    Example:
        >>> import lightning as L
        >>> from lr_toolkit import LRFinder
        >>> finder = LRFinder()
        >>> trainer = L.Trainer(max_epochs=1, callbacks=[finder], logger=False, enable_checkpointing=False)
        >>> # trainer.fit(module, loader); print(finder.search); finder.search.plot()
    """

    def __init__(
        self, method: Method = "auto", *, budget: float = 1.0, seed: int | None = None, apply: bool = True
    ) -> None:
        check_arguments(method, budget, seed)
        self.method = method
        self.budget = budget
        self.seed = seed
        self.apply = apply
        self.search: LRSearch | None = None
        self._lrs: list[float] | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Come first among the callbacks, so that all others see the LR that was found."""
        others = [callback for callback in callbacks_of(trainer) if callback is not self]
        trainer.callbacks = [self, *others]  # type: ignore[attr-defined]  # its callback connector sets it

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Give a resumed run the LR that was found when it began, before its scheduler is restored."""
        if self._lrs is not None and self.apply and trainer.ckpt_path is not None:
            check_schedulers(trainer)
            set_lr(trainer, self._lrs)
            set_hyperparameters(trainer, pl_module, max(self._lrs))

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Search, if no update was taken yet."""
        if trainer.global_step > 0 or is_trial(trainer):
            return
        if self.apply:
            check_schedulers(trainer)
        bar = trainer.progress_bar_callback
        self.search = search_run(trainer, pl_module, self.method, self.budget, self.seed, bar)
        rank_zero_info(f"LRFinder: {self.search}")
        if self.search.interrupted:
            rank_zero_info("LRFinder: The fit goes on. Interrupt it again to end it.")
        if trainer.is_global_zero:
            log_search(trainer, self.search)
        if self.apply:
            self._lrs = list(self.search.lrs)
            set_lr(trainer, self._lrs)
            set_hyperparameters(trainer, pl_module, self.search.lr)

    def state_dict(self) -> dict[str, Any]:
        """The base LR of each group, if they were set."""
        return {"lrs": self._lrs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Remember the base LRs of the run that goes on."""
        self._lrs = state_dict["lrs"]


def search_run(
    trainer: Trainer, module: LightningModule, method: Method, budget: float, seed: int | None, bar: ProgressBar | None
) -> LRSearch:
    """Search for a fit that is about to take its first update, and leave no trace, whatever happens; ``bar`` is that of the fit."""
    with same_random_state(), _without_loggers(trainer), torch.enable_grad():
        problem = trainer_problem(trainer, module, seed)
        with shown_search(trainer, bar) as watcher:
            return run_search(problem, method, budget, watcher)


@contextmanager
def _without_loggers(trainer: Trainer) -> Iterator[None]:
    """Give the Trainer loggers that write nothing: a training step may write to them by itself."""
    loggers = trainer.loggers
    trainer.loggers = [DummyLogger() for _ in loggers]
    try:
        yield
    finally:
        trainer.loggers = loggers
