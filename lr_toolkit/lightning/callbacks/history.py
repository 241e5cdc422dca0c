"""What a run's learning rates were: a small table of plain lists."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import final

__all__ = ["History"]


@final
class History:
    """Rows of named values, kept as columns of one length; a value that was not there is NaN.

    Example:
        >>> history = History()
        >>> history.add(step=0, epoch=0, values={"lr/head": 0.1})
        >>> history.add(step=4, epoch=1, values={"lr/head": 0.05})
        >>> history.columns()
        {'step': [0, 4], 'epoch': [0, 1], 'lr/head': [0.1, 0.05]}
    """

    def __init__(self) -> None:
        # Rows as they come: adding one costs the same however many columns there are.
        self._rows: list[tuple[int, int, Mapping[str, float]]] = []

    def add(self, *, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Append a row, which is kept and must not be changed."""
        self._rows.append((step, epoch, values))

    def columns(self) -> dict[str, list[int] | list[float]]:
        """Every column under its name: ``step``, ``epoch``, then the values; new lists, ready for ``pandas.DataFrame``."""
        names = dict.fromkeys(name for _, _, values in self._rows for name in values)
        columns: dict[str, list[int] | list[float]] = {
            "step": [step for step, _, _ in self._rows],
            "epoch": [epoch for _, epoch, _ in self._rows],
        }
        for name in names:
            columns[name] = [values.get(name, math.nan) for _, _, values in self._rows]
        return columns

    def series(self, name: str) -> tuple[list[int], list[float]]:
        """The steps and values at which ``name`` has one."""
        rows = [(step, values[name]) for step, _, values in self._rows if name in values]
        return [step for step, _ in rows], [value for _, value in rows]

    def latest(self, name: str) -> float | None:
        """The last value of ``name``, ``None`` where there is none."""
        return next((values[name] for _, _, values in reversed(self._rows) if name in values), None)
