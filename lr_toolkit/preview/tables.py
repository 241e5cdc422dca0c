"""The tables of a preview: its phases, its parameter groups, or the differences between schedules."""

from __future__ import annotations

from fractions import Fraction
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np

from lr_toolkit.preview.chart import LETTERS
from lr_toolkit.preview.report import Table, count
from lr_toolkit.schedules.convex_bound import bound_of, factor_between

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lr_toolkit.preview.preview import Preview
    from lr_toolkit.preview.series import Series

__all__ = ["notes_of", "phase_ranges", "tables_of"]

_DIFFERENCES = (
    "area: the sum of all updates; below 1 %: updates below 1 % of the peak",
    "bound: on the last loss of a convex problem; lower is better, in theory",
    "LR factor: for the base LR if the schedule replaces a, by that bound",
)

_DEAD = 0.01  # of the peak, below which an update hardly trains


def tables_of(preview: Preview) -> list[Table]:
    """The tables below the chart of a preview.

    Example:
        >>> from lr_toolkit import Horizon, linear, warmup
        >>> (table,) = tables_of((warmup(4) >> linear()).preview(Horizon(20, 10), base_lr=0.1))
        >>> print(table.text())
        phase      from update  updates  epochs  LR from       to
        warmup(4)            0        4    0.40     0.02     0.08
        linear()             4       16    1.60      0.1  0.00625
    """
    if preview.is_comparison:
        return [_differences([series for series in preview.series if series.key == preview.series[0].key])]
    groups = [_groups(preview.series)] if len(preview.series) > 1 else []
    by_phases = {series.phases: series for series in reversed(preview.series) if series.phases}
    return [*groups, *(_phases(preview, series) for series in reversed(by_phases.values()))]


def notes_of(preview: Preview) -> tuple[str, ...]:
    """What the columns of the tables mean, if their headings do not show it."""
    return _DIFFERENCES if preview.is_comparison else ()


def _phases(preview: Preview, series: Series) -> Table:
    """A row for each phase of a series."""
    horizon = preview.horizon
    in_epochs = horizon.unit == "step" and horizon.epochs is not None
    rows = []
    for start, end, text in phase_ranges(series):
        length = []
        if in_epochs:
            length = [f"{float(horizon.epoch_at(Fraction(end)) - horizon.epoch_at(Fraction(start))):.2f}"]
        first, last = series.values[start], series.values[end - 1]
        rows.append((text, count(start), count(end - start), *length, f"{first:.3g}", f"{last:.3g}"))
    name = "phase" if len(preview.series) == 1 else f"phase of {series.name}"
    value = "factor" if preview.is_relative else "LR" if series.key == "lr" else series.key
    columns = (
        name,
        f">from {horizon.noun}",
        f">{horizon.noun}s",
        *([">epochs"] if in_epochs else []),
        f">{value} from",
        ">to",
    )
    return Table(columns, tuple(rows))


def phase_ranges(series: Series) -> list[tuple[int, int, str]]:
    """The first update of each phase, the first after it, and its text.

    Example:
        >>> from lr_toolkit import Horizon, linear, warmup
        >>> phase_ranges((warmup(4) >> linear()).preview(Horizon(20)).series[0])
        [(0, 4, 'warmup(4)'), (4, 20, 'linear()')]
    """
    starts = [start for start, _ in series.phases]
    ends = [*starts[1:], series.steps]
    return [(start, end, text) for (start, text), end in zip(series.phases, ends, strict=True)]


def _groups(series: tuple[Series, ...]) -> Table:
    """A row for each series: its first, highest and last value."""
    several = len({each.key for each in series}) > 1
    rows = []
    for each in series:
        known = np.flatnonzero(np.isfinite(each.values))
        numbers = ["-"] * 4
        if known.size:
            first, peak, last = known[0], known[each.values[known].argmax()], known[-1]
            numbers = [f"{each.values[update]:.3g}" for update in (first, peak, last)]
            numbers.insert(2, count(int(peak)))
        rows.append((each.name, *([each.key] if several else []), *numbers))
    return Table(("group", *(["key"] if several else []), ">first", ">peak", ">at update", ">last"), tuple(rows))


def _between_ends(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values from the first to the last that is known; a log's are joined by lines."""
    known = np.flatnonzero(np.isfinite(values))
    if not known.size:
        return values[:0]
    joined: NDArray[np.float64] = np.interp(np.arange(known[0], known[-1] + 1), known, values[known])
    return joined


def _differences(series: list[Series]) -> Table:
    """A row for each of several schedules, named by the letter of its curve."""
    rows = []
    known = [_between_ends(each.values) for each in series]
    for letter, values in zip(LETTERS, known, strict=False):
        if not values.size:
            rows.append((letter, *["-"] * 6))
            continue
        peak = values.max()
        factor = factor_between(known[0], values)
        numbers = (peak, values[-1], values.sum())
        shown = [f"{number:.3g}" for number in numbers]
        dead = count(int((values < _DEAD * peak).sum()))
        theory = [(bound_of(values), "{:.3f}"), (factor, "{:.2f}")]
        rows.append((letter, *shown, dead, *(text.format(each) if isfinite(each) else "-" for each, text in theory)))
    return Table(("", ">peak", ">last", ">area", ">below 1 %", ">bound", ">LR factor"), tuple(rows))
