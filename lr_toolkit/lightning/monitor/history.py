"""The rows of one fit, as columns of plain lists."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, final

import torch

__all__ = ["History"]


class _Row(NamedTuple):
    step: int
    epoch: int
    layout: int
    values: tuple[float, ...]


@final
class History:
    """Rows of named values, read as columns of one length; a value that a row does not have is NaN.

    Example:
        >>> history = History()
        >>> history.add(0, 0, {"lr/head": 0.1})
        >>> history.add(4, 1, {"lr/head": 0.05})
        >>> history.columns()
        {'step': [0, 4], 'epoch': [0, 1], 'lr/head': [0.1, 0.05]}
    """

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._layouts: dict[tuple[str, ...], int] = {}  # the different sequences of names, numbered

    def add(self, step: int, epoch: int, row: Mapping[str, float]) -> None:
        """Append a row."""
        layout = self._layouts.setdefault(tuple(row), len(self._layouts))
        self._rows.append(_Row(step, epoch, layout, tuple(row.values())))

    def columns(self) -> dict[str, list[int] | list[float]]:
        """New lists by name, ready for ``pandas.DataFrame``: ``step``, ``epoch``, then the values."""
        columns: dict[str, list[int] | list[float]] = {
            "step": [row.step for row in self._rows],
            "epoch": [row.epoch for row in self._rows],
        }
        for name in dict.fromkeys(name for names in self._layouts for name in names):
            columns[name] = [math.nan if value is None else value for value in self._column(name)]
        return columns

    def series(self, name: str) -> tuple[list[int], list[float]]:
        """The steps and values of the rows that have ``name``."""
        points = [(row.step, value) for row, value in zip(self._rows, self._column(name), strict=True)]
        there = [(step, value) for step, value in points if value is not None]
        return [step for step, _ in there], [value for _, value in there]

    def latest(self, name: str) -> float | None:
        """The last value of ``name``, ``None`` before the first."""
        positions = self._positions(name)
        found = ((row, positions[row.layout]) for row in reversed(self._rows))
        return next((row.values[position] for row, position in found if position is not None), None)

    def _column(self, name: str) -> Iterator[float | None]:
        """The value of ``name`` in each row."""
        positions = self._positions(name)
        for row in self._rows:
            position = positions[row.layout]
            yield None if position is None else row.values[position]

    def _positions(self, name: str) -> list[int | None]:
        """The position of ``name`` in each layout, ``None`` in one that does not have it."""
        return [names.index(name) if name in names else None for names in self._layouts]

    def state(self) -> dict[str, Any]:
        """The columns as tensors, eight bytes a value, for a checkpoint."""
        return {
            name: torch.tensor(values, dtype=torch.int64 if name in ("step", "epoch") else torch.float64)
            for name, values in self.columns().items()
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> History:
        """The history that returned ``state``."""
        columns = {name: values.tolist() for name, values in state.items()}
        steps, epochs = columns.pop("step"), columns.pop("epoch")
        history = cls()
        for index, (step, epoch) in enumerate(zip(steps, epochs, strict=True)):
            row = {name: values[index] for name, values in columns.items()}
            history.add(step, epoch, {name: value for name, value in row.items() if not math.isnan(value)})
        return history
