"""The rows of one fit, as columns of plain lists."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple, final

import torch
from torch import Tensor

__all__ = ["History"]

_MOST_ROWS = 10_000  # that are left of the rows of one layout, twice as many at most before they are thinned
_KEPT = -1


class _Row(NamedTuple):
    step: int
    epoch: int
    layout: int
    number: int  # among the rows of its layout, _KEPT if it is always kept
    values: tuple[float, ...]


@final
class History:
    """Rows of named values, read as columns of one length; a value that a row does not have is NaN.

    A long history is thinned: of each kind of row about 10,000 stay, evenly spaced, and every row that has to be kept. So
    it takes a few megabytes at most, however long the run is.

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
        self._added: Counter[int] = Counter()  # how many rows of each layout were added
        self._held: Counter[int] = Counter()  # how many of them are left

    def add(self, step: int, epoch: int, row: Mapping[str, float], *, keep: bool = False) -> None:
        """Append a row; with ``keep`` it stays whatever comes."""
        layout = self._layouts.setdefault(tuple(row), len(self._layouts))
        number = _KEPT if keep else self._added[layout]
        self._append(_Row(step, epoch, layout, number, tuple(row.values())))
        if self._held[layout] >= 2 * _MOST_ROWS:
            self._thin(layout)

    def _append(self, row: _Row) -> None:
        self._rows.append(row)
        if row.number != _KEPT:
            self._added[row.layout] = row.number + 1
            self._held[row.layout] += 1

    def _thin(self, layout: int) -> None:
        """Drop rows of a layout, so that those that are left are evenly spaced."""
        every = 2 ** math.ceil(math.log2(self._added[layout] / _MOST_ROWS))
        *rows, last = self._rows
        self._rows = [
            *(row for row in rows if row.layout != layout or row.number == _KEPT or row.number % every == 0),
            last,
        ]
        self._held[layout] = sum(row.layout == layout and row.number != _KEPT for row in self._rows)

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

    # --- checkpoints ---

    def state(self) -> dict[str, Tensor]:
        """The columns as tensors, eight bytes a value, for a checkpoint."""
        return {
            name: torch.tensor(values, dtype=torch.int64 if name in ("step", "epoch") else torch.float64)
            for name, values in self.columns().items()
        }

    def numbers(self) -> Tensor:
        """What ``state`` does not hold: the number of each row among its like, by which rows are thinned."""
        return torch.tensor([row.number for row in self._rows], dtype=torch.int64)

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], numbers: Tensor | None = None) -> History:
        """The history that returned ``state`` and ``numbers``; an older version saved no numbers."""
        columns = {name: values.tolist() for name, values in state.items()}
        steps, epochs = columns.pop("step"), columns.pop("epoch")
        history = cls()
        for index, (step, epoch) in enumerate(zip(steps, epochs, strict=True)):
            values = {name: column[index] for name, column in columns.items() if not math.isnan(column[index])}
            if numbers is None:
                history.add(step, epoch, values)
            else:
                layout = history._layouts.setdefault(tuple(values), len(history._layouts))
                history._append(_Row(step, epoch, layout, int(numbers[index]), tuple(values.values())))
        return history

    @staticmethod
    def is_state(state: object, numbers: object = None) -> bool:
        """Whether ``from_state`` can read this: columns of one length, among them the steps and the epochs."""
        if not isinstance(state, Mapping) or not {"step", "epoch"} <= state.keys():
            return False
        columns = [*state.values(), *([] if numbers is None else [numbers])]
        if not all(isinstance(column, Tensor) and column.dim() == 1 for column in columns):
            return False
        are_whole = all(
            column.dtype == torch.int64 for column in (state["step"], state["epoch"], *columns[len(state) :])
        )
        return are_whole and len({len(column) for column in columns}) == 1
