"""What shapes share that multiply the level by the same factor again and again."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import Duration
from lr_toolkit.schedules.horizon import Horizon
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value
from lr_toolkit.schedules.shapes.level import StartingShape
from lr_toolkit.schedules.text import argument_text, call_text

__all__ = ["GeometricCurve", "GeometricShape", "even_stride"]


class GeometricShape(StartingShape):
    """Multiplies the level at which it begins by powers of ``gamma``."""

    __slots__ = ()

    gamma: float

    @abstractmethod
    def curve(self, start: float, context: PhaseContext) -> GeometricCurve:
        """The curve from a level on."""

    def bind(self, context: PhaseContext) -> Curve:
        start = self.start_level(context)
        if start == 0.0 and context.length:
            length = "" if self.over is None else argument_text(self.over)
            raise ScheduleError(
                f"{call_text(self)}: begins at 0, which no factor changes, so it would do nothing. Write hold({length}) to stay "
                f"there, or {call_text(self, start=1.0)} to start again from the base value."
            )
        curve = self.curve(start, context)
        if self.gamma > 1.0 and curve.exponent(context.length) * math.log(self.gamma) > 700.0:
            raise ScheduleError(
                f"{self.name}(gamma={self.gamma!r}): grows beyond every float within the {context.length} steps of its phase. Write "
                f"a gamma below 1: {self.name}(..., gamma=0.9)."
            )
        return curve


@dataclass(frozen=True, slots=True)
class GeometricCurve(Curve):
    """start * gamma ** exponent(i)."""

    start: float
    gamma: float

    @abstractmethod
    def exponent(self, i: Index) -> Value:
        """How often the level has been multiplied by ``gamma`` at update ``i``."""

    def __call__(self, i: Index) -> Value:
        power = self.exponent(i)
        # For one exponent alone, of 2 or 0.5, NumPy has a shorter way with another last bit; in a list it is one of many.
        factor = np.power(self.gamma, power if isinstance(power, np.ndarray) else [power])
        return self.start * (factor if isinstance(power, np.ndarray) else factor.item())


def even_stride(every: Duration, horizon: Horizon) -> Fraction | None:
    """``every`` in steps, exactly; ``None`` if it has no single length because the epochs differ."""
    if every.unit == "epochs" and len(horizon.epoch_steps or ()) > 1:
        return None
    return horizon.after(Fraction(0), every)
