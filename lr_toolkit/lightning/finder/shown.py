"""Shows a search as the fit shows itself: in a bar of the same library, or in lines of text where nobody looks."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, final

from lightning.pytorch.callbacks.progress.tqdm_progress import Tqdm
from lightning.pytorch.utilities import rank_zero_info

from lr_toolkit.finder.bars import NAME, OPTIONS, TqdmBar
from lr_toolkit.finder.search_log import SILENT, Watcher
from lr_toolkit.lightning._compat import is_a

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from lightning.pytorch.callbacks import ProgressBar

__all__ = ["shown_search"]


@contextmanager
def shown_search(trainer: Trainer, fit_bar: ProgressBar | None) -> Iterator[Watcher]:
    """A ``Watcher`` of a search on rank 0: a bar if the fit has one and this is a terminal or a notebook, otherwise lines of text.

    Args:
        trainer: the Trainer of the search.
        fit_bar: the progress bar of the fit, which is none with ``enable_progress_bar=False``.
    """
    if not trainer.is_global_zero:
        yield SILENT
    elif fit_bar is None or getattr(fit_bar, "is_disabled", False):
        yield _Lines()
    elif is_a(fit_bar, "RichProgressBar"):
        with _rich_bar(fit_bar) as watcher:
            yield watcher
    else:
        # Lightning's own class, which is the one for notebooks where ipywidgets is installed
        with closing(Tqdm(**OPTIONS, file=sys.stdout)) as bar:
            yield _Lines() if bar.disable else TqdmBar(bar)


@contextmanager
def _rich_bar(fit_bar: Any) -> Iterator[Watcher]:
    """A bar of Rich, for which the one of the fit gives up the terminal: after a sanity check that one is live."""
    rich, progress = (importlib.import_module(name) for name in ("rich", "rich.progress"))
    console = rich.get_console()
    if not (console.is_terminal or console.is_jupyter):
        yield _Lines()
        return
    live = fit_bar.progress if fit_bar.progress is not None and fit_bar.progress.live.is_started else None
    if live is not None:
        live.stop()
    columns = (progress.TextColumn("{task.description}"), progress.BarColumn(), progress.TaskProgressColumn())
    options = {
        "console": console,
        "transient": True,
        "speed_estimate_period": inf,
    }  # the mean rate, as for the bar of tqdm
    try:
        with progress.Progress(*columns, progress.TimeRemainingColumn(), **options) as bar:
            yield _RichBar(bar, bar.add_task(NAME, total=1.0))
    finally:
        if live is not None:
            live.start()


@final
class _RichBar:
    """A ``Watcher`` that moves a bar of Rich."""

    def __init__(self, bar: Any, task: Any) -> None:
        self._bar, self._task = bar, task

    def report(self, line: str) -> None:
        """Write the line in front of the bar."""
        self._bar.update(self._task, description=f"{NAME}, {line}")

    def move(self, spent: float, expected: float) -> None:
        """Move the bar by shares: Rich would forget the rate at another total. It draws ten times a second."""
        self._bar.update(self._task, completed=spent / expected)


@final
class _Lines:
    """A ``Watcher`` that prints a line after each part of the search."""

    def report(self, line: str) -> None:
        """Print it."""
        rank_zero_info(f"LRFinder: {line}")

    def move(self, spent: float, expected: float) -> None:
        """See ``Watcher``."""
