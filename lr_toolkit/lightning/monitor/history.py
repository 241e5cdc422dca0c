"""What a run's learning rates were: a small table of plain lists."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

import torch

__all__ = ["History"]


@final
class History:
    """Rows of named values, read as columns of one length; a value that was not there is NaN.

    Example:
        >>> history = History()
        >>> history.add(0, 0, ("lr/head",), [0.1])
        >>> history.add(4, 1, ("lr/head",), [0.05])
        >>> history.columns()
        {'step': [0, 4], 'epoch': [0, 1], 'lr/head': [0.1, 0.05]}
    """

    def __init__(self) -> None:
        # Rows as they come, which share their names: adding one costs the same however many columns there are.
        self._rows: list[tuple[int, int, tuple[str, ...], Sequence[float]]] = []

    def add(self, step: int, epoch: int, names: tuple[str, ...], values: Sequence[float]) -> None:
        """Append a row; ``values`` are kept and must not be changed."""
        self._rows.append((step, epoch, names, values))

    def columns(self) -> dict[str, list[int] | list[float]]:
        """Every column under its name: ``step``, ``epoch``, then the values; new lists, ready for ``pandas.DataFrame``."""
        columns: dict[str, list[int] | list[float]] = {
            "step": [row[0] for row in self._rows],
            "epoch": [row[1] for row in self._rows],
        }
        names = dict.fromkeys(row[2] for row in self._rows)
        for name in dict.fromkeys(name for each in names for name in each):
            columns[name] = [math.nan if value is None else value for value in self._column(name)]
        return columns

    def series(self, name: str) -> tuple[list[int], list[float]]:
        """The steps and values at which ``name`` has one."""
        points = [
            (row[0], value) for row, value in zip(self._rows, self._column(name), strict=True) if value is not None
        ]
        return [step for step, _ in points], [value for _, value in points]

    def latest(self, name: str) -> float | None:
        """The last value of ``name``, ``None`` where there is none."""
        return next((values[names.index(name)] for _, _, names, values in reversed(self._rows) if name in names), None)

    def _column(self, name: str) -> Iterator[float | None]:
        """The value of ``name`` in each row."""
        known: tuple[str, ...] = ()
        at: int | None = None
        for _, _, names, values in self._rows:
            if names is not known:
                known, at = names, names.index(name) if name in names else None
            yield None if at is None else values[at]

    def state(self) -> dict[str, Any]:
        """The columns as tensors, eight bytes a value, for a checkpoint."""
        return {
            name: torch.tensor(values, dtype=torch.int64 if name in ("step", "epoch") else torch.float64)
            for name, values in self.columns().items()
        }

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> History:
        """The history of which ``state()`` was saved."""
        columns = {name: values.tolist() for name, values in state.items()}
        steps, epochs = columns.pop("step"), columns.pop("epoch")
        names = tuple(columns)
        history = cls()
        for at, (step, epoch) in enumerate(zip(steps, epochs, strict=True)):
            values = [columns[name][at] for name in names]
            there = [not math.isnan(value) for value in values]
            if all(there):
                history.add(step, epoch, names, values)
            else:
                kept = [(name, value) for name, value, is_there in zip(names, values, there, strict=True) if is_there]
                history.add(step, epoch, tuple(name for name, _ in kept), [value for _, value in kept])
        return history
