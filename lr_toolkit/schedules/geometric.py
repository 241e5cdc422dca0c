"""Shapes that multiply the level repeatedly by the same factor."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import Duration
from lr_toolkit.schedules.horizon import Horizon
from lr_toolkit.schedules.levels import StartingShape
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value, check_number

__all__ = ["LARGEST_LOG", "GeometricCurve", "GeometricShape", "even_stride"]

LARGEST_LOG = 700.0
"""The largest logarithm of a factor; beyond it the largest float is near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometricShape(StartingShape):
    """Multiplies the level at which it begins by powers of ``gamma``."""

    usual_gamma: ClassVar[float] = 0.1
    """An example for messages."""

    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_number(self, "gamma", f"gamma={self.usual_gamma}", above_zero=True)
        StartingShape.__post_init__(self)

    @abstractmethod
    def curve(self, start: float, context: PhaseContext) -> GeometricCurve:
        """The curve from a level on."""

    def bind(self, context: PhaseContext) -> Curve:
        start = self.start_level(context)
        if start == 0.0 and context.length:
            raise self._idle(context, ", which no factor changes")
        curve = self.curve(start, context)
        growth = curve.exponent(context.length) * math.log(self.gamma)
        if growth > 0.0 and growth + math.log(max(start, 1.0)) > LARGEST_LOG:
            raise ScheduleError(
                f"{self.name}(gamma={self.gamma!r}): grows beyond every float within the {context.length} steps of its phase. Write "
                f"a gamma below 1: {self.name}(..., gamma=0.9)."
            )
        return curve


@dataclass(frozen=True, slots=True)
class GeometricCurve(Curve):
    """start * gamma ** exponent(i)."""

    is_monotone = True

    start: float
    gamma: float

    @abstractmethod
    def exponent(self, i: Index) -> Value:
        """How often the level has been multiplied by ``gamma`` at update ``i``."""

    def __call__(self, i: Index) -> Value:
        exponent = self.exponent(i)
        # For a single exponent of 2 or 0.5 NumPy takes a shortcut with another last bit; in a list it does not.
        power = np.power(self.gamma, exponent if isinstance(exponent, np.ndarray) else [exponent])
        return self.start * (power if isinstance(exponent, np.ndarray) else power.item())


def even_stride(every: Duration, horizon: Horizon) -> Fraction | None:
    """``every`` in steps, exactly; ``None`` if it has no single length because the epochs differ."""
    if every.unit == "epochs" and len(horizon.epoch_steps or ()) > 1:
        return None
    return horizon.after(Fraction(0), every)
