"""Curves in a terminal: lines of braille dots or of plain ASCII, with both axes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from lr_toolkit.preview.coloured import NONE, Line
from lr_toolkit.preview.report import count, epochs, plural
from lr_toolkit.preview.scale import Scale

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lr_toolkit.schedules.horizon import Horizon

__all__ = ["LETTERS", "chart"]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
"""The names of curves that share a chart."""

_DOTS = np.array([[0x40, 0x80], [0x04, 0x20], [0x02, 0x10], [0x01, 0x08]])  # of a braille cell, from its lowest row
_ASCII = {
    1: ".",
    2: "-",
    4: "'",
    3: ".",
    6: "'",
    5: "|",
    7: "|",
}  # by the rows of a cell that have a dot, 1 for the lowest
_EVERY = 14  # columns from one letter of a curve to its next


def chart(
    curves: Sequence[NDArray[np.float64]],
    scale: Scale,
    horizon: Horizon,
    *,
    width: int = 80,
    height: int = 13,
    ascii_only: bool = False,
) -> list[Line]:
    """Curves over the updates of a run, with both axes.

    Each update is as wide as the next, and its value holds for its whole width. A column that stands for several updates shows
    the range of their values, so that no peak is lost. Several curves are distinguished by the letters of ``LETTERS``; without braille
    dots, a star stands for more than one of them.

    Args:
        curves: the values of each curve, one for each update; a curve may end before the others. NaN is not drawn.
        scale: the vertical axis.
        horizon: the length of the run.
        width: the columns, with the axis.
        height: the rows, without the axis.
        ascii_only: whether to draw without braille dots.

    Example:
        >>> from lr_toolkit import Horizon
        >>> from lr_toolkit.preview.coloured import plain
        >>> values = np.linspace(1.0, 0.0, 60)
        >>> print(plain(chart([values], Scale(0.0, 1.0), Horizon(60), width=40, height=5, ascii_only=True)))
            1+''--...
         0.75+      '''--...
          0.5+              ''--...
         0.25+                    ''''--..
            0+                            '''-..
             +--------+-------+-------+--------+
              0      15      30       60 updates
    """
    labels = _labels(scale, height)
    margin = max(map(len, labels)) + 1
    columns = max(width - margin - 1, 1)
    across, up = (1, 3) if ascii_only else (2, 4)
    dots = [_dots(values, scale, horizon.steps, (columns * across, height * up)) for values in curves]
    rows = _marks([grid.reshape(height, up, columns, across) for grid in dots], ascii_only)
    bar, tick = ("|", "+") if ascii_only else ("│", "┤")
    drawn = [
        [(f"{label:>{margin}}{tick if label else bar}", NONE), *row] for label, row in zip(labels, rows, strict=True)
    ]
    return [*reversed(drawn), *([(line, NONE)] for line in _time_axis(horizon, margin, columns, ascii_only))]


def _labels(scale: Scale, height: int) -> list[str]:
    """The label of each row, from the lowest; empty for most. The higher one stands where two meet."""
    labels = [""] * height
    for share, value in scale.ticks():
        labels[round(share * (height - 1))] = f"{value:.3g}"
    return labels


def _time_axis(horizon: Horizon, margin: int, columns: int, ascii_only: bool) -> list[str]:
    """The line below the curves, and the updates and epochs at its quarters, or at each update of a shorter run."""
    parts = min(horizon.steps, 4)
    places = [part * (columns - 1) // parts for part in range(parts + 1)]
    corner, dash, tick = ("+", "-", "+") if ascii_only else ("└", "─", "┬")
    line = "".join(tick if column in places[1:] else dash for column in range(columns))
    updates = [round(horizon.steps * part / parts) for part in range(parts + 1)]
    rows = [_label_row(places, [*map(count, updates[:-1]), plural(updates[-1], horizon.noun)])]
    if horizon.unit == "step" and horizon.epochs is not None:
        epoch_ticks = [float(horizon.epoch_at(Fraction(horizon.steps * part, parts))) for part in range(parts + 1)]
        shown = [f"{epoch:.3g}" if epoch < 1000 else count(round(epoch)) for epoch in epoch_ticks[:-1]]
        rows.append(_label_row(places, [*shown, epochs(epoch_ticks[-1])]))
    return [f"{'':{margin}}{corner}{line}", *(f"{'':{margin}} {row}" for row in rows)]


def _label_row(places: Sequence[int], labels: Sequence[str]) -> str:
    """Labels in the middle below their places, the first from its place on and the last up to it; one without room is left out."""
    last_begin = places[-1] + 1 - len(labels[-1])
    row = ""
    for place, label in zip(places[:-1], labels[:-1], strict=True):
        begin = max(place - len(label) // 2, 0)
        if (not row or begin > len(row)) and begin + len(label) < last_begin - 1:
            row = f"{row:{begin}}{label}"
    return f"{row:{max(last_begin, 0)}}{labels[-1]}"


def _dots(values: NDArray[np.float64], scale: Scale, steps: int, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The dots of a curve, the lowest row first."""
    columns, rows = size
    grid = np.zeros((rows, columns), bool)
    edges = np.arange(columns) * steps // columns
    edges = edges[edges < len(values)]
    lows, highs = np.fmin.reduceat(values, edges), np.fmax.reduceat(values, edges)
    # A curve goes on from the last value of the column before, unless that is the same update.
    before = np.where(np.diff(edges, prepend=0) > 0, values[np.maximum(edges - 1, 0)], np.nan)
    drawn = np.isfinite(lows)
    first = _rows(scale, np.fmin(lows, before)[drawn], rows)
    last = _rows(scale, np.fmax(highs, before)[drawn], rows)
    low, high = _rows(scale, lows[drawn], rows), _rows(scale, highs[drawn], rows)
    first, last = np.minimum(first + 1, low), np.maximum(last - 1, high)  # the neighbour draws its own dot
    heights = np.arange(rows)[:, None]
    grid[:, np.flatnonzero(drawn)] = (heights >= first) & (heights <= last)
    return grid


def _rows(scale: Scale, values: NDArray[np.float64], rows: int) -> NDArray[np.int64]:
    return (scale.share(values) * (rows - 1)).round().astype(np.int64)


def _marks(cells: Sequence[NDArray[np.bool_]], ascii_only: bool) -> list[Line]:
    """The characters of each row, the lowest first, in pieces of one curve."""
    is_there = np.array([grid.any(axis=(1, 3)) for grid in cells])
    owners = np.where(is_there.any(0), is_there.argmax(0), NONE)
    together = np.any(cells, axis=0)
    height, columns = owners.shape
    letters = _letter_places(is_there) if len(cells) > 1 else {}
    rows: list[Line] = []
    for row in range(height):
        line: Line = []
        for column in range(columns):
            owner = int(owners[row, column])
            mark = letters.get((row, column)) or _mark(together[row, :, column, :], ascii_only)
            if ascii_only and len(cells) > 1 and owner != NONE:
                mark = LETTERS[owner] if is_there[:, row, column].sum() == 1 else "*"
            if line and line[-1][1] == owner:
                line[-1] = (line[-1][0] + mark, owner)
            else:
                line.append((mark, owner))
        rows.append(line)
    return rows


def _mark(cell: NDArray[np.bool_], ascii_only: bool) -> str:
    if not cell.any():
        return " "
    if ascii_only:
        return _ASCII[int(cell[:, 0] @ [1, 2, 4])]
    return chr(0x2800 + int(_DOTS[cell].sum()))


def _letter_places(is_there: NDArray[np.bool_]) -> dict[tuple[int, int], str]:
    """The cells in which the letter of a curve stands: some in each curve, if possible where no other curve is."""
    count, _, columns = is_there.shape
    alone = is_there & (is_there.sum(0) == 1)
    places: dict[tuple[int, int], str] = {}
    for curve in range(count):
        for begin in range(curve * _EVERY // count, columns, _EVERY):
            found = np.argwhere(alone[curve, :, begin : begin + _EVERY // 2].T)
            if found.size:
                places[int(found[0][1]), begin + int(found[0][0])] = LETTERS[curve]
    return places
