"""The updates of a long run that a picture needs, and those that have no neighbour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lr_toolkit.preview.series import Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["alone", "has_gaps", "thinned"]


def thinned(series: Series, most: int = 1000) -> NDArray[np.int64]:
    """About ``most`` of the updates: the lowest and the highest of each stretch, and both sides of each phase's beginning.

    Of a series that is not known at some updates there is one of those between two known ones that are visibly apart, so that no line
    is drawn between them.

    Example:
        >>> values = np.zeros(10_000)
        >>> values[4321] = 1.0
        >>> updates = thinned(Series("peak", values))
        >>> len(updates) < 1100, 4321 in updates, updates[0], updates[-1]
        (True, True, np.int64(0), np.int64(9999))
        >>> values = np.full(10_000, np.nan)
        >>> values[[0, 50, 4321]] = 1.0
        >>> thinned(Series("logged", values)).tolist()
        [0, 1, 50, 51, 4321, 4322, 9999]
    """
    steps = series.steps
    if steps <= most:
        return np.arange(steps)
    known = np.flatnonzero(np.isfinite(series.values))
    edges = np.linspace(0, steps, most // 2 + 1).astype(np.int64)
    stretches = [part for part in np.split(known, np.searchsorted(known, edges[1:-1])) if part.size]
    lowest = [int(part[series.values[part].argmin()]) for part in stretches]
    highest = [int(part[series.values[part].argmax()]) for part in stretches]
    starts = [update for start, _ in series.phases for update in (start - 1, start) if 0 <= update < steps]
    ends = [known[:-1][np.diff(known) > steps / most] + 1, known[-1:] + 1] if has_gaps(series) else []
    found = np.unique(np.concatenate([[0], lowest, highest, starts, [steps - 1], *ends]).astype(np.int64))
    return found[found < steps]


def has_gaps(series: Series) -> bool:
    """Whether some of its values are not known."""
    return not np.isfinite(series.values).all()


def alone(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The known values without a known neighbour, which no line shows.

    Example:
        >>> alone(np.array([0.1, np.nan, 0.1, 0.1, np.nan]))
        array([0])
    """
    known = np.concatenate([[False], np.isfinite(values), [False]])
    return np.flatnonzero(known[1:-1] & ~known[:-2] & ~known[2:])
