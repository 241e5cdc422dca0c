"""Shows a search in a progress bar with the remaining time."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.util import find_spec
from typing import Any, final

from lr_toolkit.finder.search_log import SILENT, Watcher

__all__ = ["NAME", "OPTIONS", "TqdmBar", "terminal_bar"]

NAME = "LR search"
OPTIONS: dict[str, Any] = {
    "desc": NAME,
    "total": 1.0,
    "bar_format": "{desc}: {percentage:3.0f}%|{bar:20}| {elapsed}<{remaining}{postfix}",
    "smoothing": 0,  # the mean rate: updates and forward passes differ
    "disable": None,  # only where somebody looks: in a terminal or a notebook
    "leave": False,
    "dynamic_ncols": True,
}
"""Of a bar of tqdm."""


@final
class TqdmBar:
    """A ``Watcher`` that moves a bar of tqdm."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def report(self, line: str) -> None:
        """Write the line behind the bar."""
        self._bar.set_postfix_str(line, refresh=False)

    def move(self, spent: float, expected: float) -> None:
        """Move the bar; tqdm limits how often it is drawn."""
        self._bar.total = expected
        self._bar.update(spent - self._bar.n)


@contextmanager
def terminal_bar(wanted: bool) -> Iterator[Watcher]:
    """A bar of tqdm while the search runs, if it is wanted, tqdm is installed, and this is a terminal or a notebook."""
    if not wanted or find_spec("tqdm") is None:
        yield SILENT
        return
    # tqdm.auto warns in a notebook without ipywidgets.
    tqdm = importlib.import_module("tqdm.auto" if find_spec("ipywidgets") else "tqdm").tqdm
    with closing(tqdm(**OPTIONS)) as bar:
        yield TqdmBar(bar)
