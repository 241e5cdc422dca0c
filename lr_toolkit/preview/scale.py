"""The vertical axis of a picture: which values it shows, and where."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Scale", "scale_of"]

_LEAST = 1e-6  # of the highest value, that a logarithmic axis shows
_SMALLEST = 1e-300  # highest value of one, so that its lowest is a number


@final
@dataclass(frozen=True, slots=True)
class Scale:
    """The vertical axis of a picture.

    Args:
        bottom: the lowest value.
        top: the highest value, above ``bottom``.
        is_log: whether it is logarithmic.
    """

    bottom: float
    top: float
    is_log: bool = False

    def share(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The height of values, 0 at the bottom and 1 at the top; what lies outside is drawn at the edge."""
        inside = np.clip(values, self.bottom, self.top)
        if self.is_log:
            share: NDArray[np.float64] = np.log(inside / self.bottom) / math.log(self.top / self.bottom)
            return share
        return (inside - self.bottom) / (self.top - self.bottom)

    def ticks(self) -> list[tuple[float, float]]:
        """The heights and values to label, from the lowest: quarters, or the decades of a logarithmic axis."""
        if not self.is_log:
            return [(part / 4, self.bottom + part / 4 * (self.top - self.bottom)) for part in range(5)]
        decades = range(round(math.log10(self.bottom)), math.ceil(math.log10(self.top)))
        values = np.array([*(10.0**decade for decade in decades), self.top])
        return [*zip(self.share(values).tolist(), values.tolist(), strict=True)]


def scale_of(curves: Sequence[NDArray[np.float64]], *, log: bool = False, from_zero: bool = True) -> Scale:
    """The axis on which curves are drawn: from zero to the highest value.

    Args:
        curves: the values; what is not finite is left out.
        log: a logarithmic axis, from the power of ten below the lowest value above zero, over about six decades at most. It is
            linear if no value is above zero.
        from_zero: if not, values that vary by less than half of the highest fill the height.

    Example:
        >>> scale_of([np.array([0.0, 0.5, 0.1])])
        Scale(bottom=0.0, top=0.5, is_log=False)
        >>> scale_of([np.array([0.0, 0.5, 0.1])], log=True)
        Scale(bottom=0.1, top=0.5, is_log=True)
        >>> scale_of([np.array([0.85, 0.95])], from_zero=False)
        Scale(bottom=0.85, top=0.95, is_log=False)
    """
    finite = [values[np.isfinite(values)] for values in curves]
    top = max((float(values.max()) for values in finite if values.size), default=0.0)
    low = min((float(values.min()) for values in finite if values.size), default=0.0)
    if log and top > _SMALLEST:
        positive = min(float(values[values > 0].min()) for values in finite if (values > 0).any())
        bottom = 10.0 ** math.floor(math.log10(max(positive, top * _LEAST)))
        return Scale(bottom if bottom < top else top / 10, top, True)
    if not from_zero and top / 2 < low < top:
        return Scale(low, top)
    return Scale(min(low, 0.0), top if top > min(low, 0.0) else 1.0)
