"""A curve in one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

__all__ = ["sparkline"]

_BLOCKS = "▁▂▃▄▅▆▇█"
_ASCII = "_.-=+*#@"


def sparkline(values: ArrayLike, width: int = 24, *, ascii_only: bool = False) -> str:
    """``values`` as a line of ``width`` characters, from zero (the lowest block) to their maximum (the full one).

    Args:
        values: numbers of zero or more, in order; NaN is drawn as zero. If there are more than ``width``, as many are picked
            evenly, including the first and the last.
        width: the most characters.
        ascii_only: whether to use no blocks, which some terminals cannot print.

    Example:
        >>> sparkline([1, 2, 3, 4, 4, 3, 2, 1, 0])
        '▃▄▆██▆▄▃▁'
        >>> sparkline([0, 1, 2, 4], ascii_only=True)
        '_-=@'
    """
    array = np.nan_to_num(np.asarray(values, dtype=float).ravel())
    if array.size == 0 or width < 1:
        return ""
    picked = array[np.linspace(0, array.size - 1, min(width, array.size)).round().astype(int)]
    top = picked.max()
    marks = _ASCII if ascii_only else _BLOCKS
    levels = np.zeros(picked.size, int) if top <= 0 else np.ceil(picked / top * 7 - 0.5).clip(0, 7).astype(int)
    return "".join(marks[level] for level in levels)
