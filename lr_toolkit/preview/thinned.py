"""The updates of a long run that a picture needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lr_toolkit.preview.series import Series

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["thinned"]


def thinned(series: Series, most: int = 1000) -> NDArray[np.int64]:
    """About ``most`` of the updates: the lowest and the highest of each stretch, and both sides of each phase's beginning.

    Example:
        >>> values = np.zeros(10_000)
        >>> values[4321] = 1.0
        >>> updates = thinned(Series("peak", values))
        >>> len(updates) < 1100, 4321 in updates, updates[0], updates[-1]
        (True, True, np.int64(0), np.int64(9999))
    """
    steps = series.steps
    if steps <= most:
        return np.arange(steps)
    edges = np.linspace(0, steps, most // 2 + 1).astype(np.int64)
    stretches = np.split(np.nan_to_num(series.values), edges[1:-1])
    lowest = [begin + int(part.argmin()) for begin, part in zip(edges, stretches, strict=False)]
    highest = [begin + int(part.argmax()) for begin, part in zip(edges, stretches, strict=False)]
    starts = [update for start, _ in series.phases for update in (start - 1, start) if 0 <= update < steps]
    return np.unique([0, *lowest, *highest, *starts, steps - 1])
