"""A Python function as a curve: called when a factor is needed, and checked each time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Unit
from lr_toolkit.schedules.shape import Curve, Index, Shape, Value, evenly_spread

__all__ = ["FunctionCurve", "FunctionShape"]


class FunctionShape(Shape):
    """Calls a Python function for each factor."""

    __slots__ = ()

    @property
    def units(self) -> frozenset[Unit]:
        # The function counts the steps of its phase by itself.
        return frozenset({"steps", *(duration.unit for duration in self.durations)})


@final
@dataclass(frozen=True, slots=True)
class FunctionCurve(Curve):
    """``function(i, *more, **named)``, refused if it is no factor.

    Attributes:
        function: the function.
        call: how a message shows it.
        length: how many updates the phase has.
        more: positional arguments after the update.
        named: keyword arguments.
    """

    function: Callable[..., float]
    call: str = field(compare=False)
    length: int = field(compare=False)
    more: tuple[int, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()

    def __call__(self, i: Index) -> Value:
        if isinstance(i, np.ndarray):
            return np.array([self._factor(update) for update in i.tolist()], float)
        return self._factor(int(i))

    @property
    def end(self) -> float:
        return self._factor(max(self.length - 1, 0))

    def checked(self) -> FunctionCurve:
        """This curve, after a call of the function at up to a thousand steps, evenly spaced."""
        for i in evenly_spread(max(self.length, 1)):
            self._factor(i)
        return self

    def _factor(self, i: int) -> float:
        fix = "It must return a factor of the base LR, zero or more: custom(lambda i: 0.95**i)."
        try:
            returned = self.function(i, *self.more, **dict(self.named))
        except Exception as error:
            raise ScheduleError(f"{self.call}: raised {shorten(error)} for step {i} of its phase. {fix}") from error
        try:
            factor = float(returned)
        except (TypeError, ValueError, OverflowError):
            factor = math.nan
        if not 0.0 <= factor < math.inf:
            raise ScheduleError(f"{self.call}: returned {shorten(returned)} for step {i} of its phase. {fix}")
        return factor
