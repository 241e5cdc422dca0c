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
        self._steps: list[int] = []
        self._epochs: list[int] = []
        self._values: dict[str, list[float]] = {}

    def add(self, *, step: int, epoch: int, values: Mapping[str, float]) -> None:
        """Append a row."""
        for name in values:
            self._values.setdefault(name, [math.nan] * len(self._steps))
        self._steps.append(step)
        self._epochs.append(epoch)
        for name, column in self._values.items():
            column.append(values.get(name, math.nan))

    def columns(self) -> dict[str, list[int] | list[float]]:
        """Every column under its name: ``step``, ``epoch``, then the values; copies, ready for ``pandas.DataFrame``."""
        values: dict[str, list[int] | list[float]] = {name: list(column) for name, column in self._values.items()}
        return {"step": list(self._steps), "epoch": list(self._epochs), **values}

    def series(self, name: str) -> tuple[list[int], list[float]]:
        """The steps and values at which ``name`` has one."""
        column = self._values.get(name, [math.nan] * len(self._steps))
        rows = [at for at, value in enumerate(column) if not math.isnan(value)]
        return [self._steps[at] for at in rows], [column[at] for at in rows]
