"""What shapes share that move from one level to another: where they begin, where they end, and levels that are LRs."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import Duration
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Shape, Value, check_number, exact_ratio
from lr_toolkit.schedules.text import argument_text, call_text

__all__ = ["Decay", "DecayCurve", "StartingShape", "length_of"]


class StartingShape(Shape):
    """Begins at the level reached, or at its own ``start``, a factor, or ``start_lr``, an LR."""

    __slots__ = ()

    start: float | None
    start_lr: float | None

    def check_start(self) -> None:
        """Refuse a start that is no number, or two of them."""
        if self.start is not None:
            check_number(self, "start", "start=1.0")
        if self.start_lr is not None:
            check_number(self, "start_lr", "start_lr=1e-3")
            if self.start is not None:
                raise ScheduleError(
                    f"{self.name}(start={self.start!r}, start_lr={self.start_lr!r}): a start is either a factor of the base value "
                    f"or an LR. Write {call_text(self, start_lr=None)} or {call_text(self, start=None)}."
                )

    def start_level(self, context: PhaseContext) -> float:
        """The factor of the first update."""
        if self.start_lr == 0.0:
            return 0.0
        return context.level if self.start is None else self.start

    @property
    def absolute_levels(self) -> tuple[float, ...]:
        return (self.start_lr,) if self.start_lr else ()

    def relative_to(self, base: float) -> Shape:
        if not self.start_lr:
            return self
        return replace(self, start=exact_ratio(self.start_lr, base), start_lr=None)  # type: ignore[type-var]  # final shapes are dataclasses

    def restarted(self) -> Shape:
        if self.start is not None or self.start_lr is not None:
            return self
        return replace(self, start=1.0)  # type: ignore[type-var]  # as above


class Decay(StartingShape):
    """Moves from its start to ``end``, a factor, or ``end_lr``, an LR, within its own length."""

    __slots__ = ()

    end: float
    end_lr: float | None

    def __post_init__(self) -> None:
        check_number(self, "end", "end=0.1")
        if self.end_lr is not None:
            check_number(self, "end_lr", "end_lr=1e-5")
            if self.end != 0.0:
                raise ScheduleError(
                    f"{self.name}(end={self.end!r}, end_lr={self.end_lr!r}): a floor is either a factor of the base LR or an "
                    f"LR. Write {call_text(self, end_lr=None)} or {call_text(self, end=0.0)}."
                )
        self.check_start()

    @abstractmethod
    def curve(self, start: float, end: float, length: int) -> Curve:
        """The curve from one level to the other."""

    def bind(self, context: PhaseContext) -> Curve:
        start = self.start_level(context)
        if start == self.end and context.length:
            raise self._idle(start)
        return self.curve(start, self.end, context.length)

    @property
    def absolute_levels(self) -> tuple[float, ...]:
        return (*StartingShape.absolute_levels.fget(self), *((self.end_lr,) if self.end_lr else ()))  # type: ignore[attr-defined]  # the base's property

    def relative_to(self, base: float) -> Shape:
        if not self.end_lr:
            return StartingShape.relative_to(self, base)
        if self.end_lr > base:
            raise ScheduleError(
                f"end_lr={self.end_lr!r} lies above the base LR {base!r}, so the LR would climb. Write a lower end_lr, or a floor "
                "relative to each group's base LR: end=0.1."
            )
        shape: Any = StartingShape.relative_to(self, base)
        relative: Shape = replace(shape, end=exact_ratio(self.end_lr, base), end_lr=None)
        return relative

    def _idle(self, level: float) -> ScheduleError:
        length = "" if self.over is None else argument_text(self.over)
        restart = f", or {call_text(self, start=1.0)} to start again from the base value" if level != 1.0 else ""
        return ScheduleError(
            f"{call_text(self)}: begins at {level:g} times the base value and ends there, so it would do nothing. Write "
            f"hold({length}) to stay there{restart}."
        )


@dataclass(frozen=True, slots=True)
class DecayCurve(Curve):
    """From ``first`` to ``last`` in ``length`` updates: first * fall(i) + last * (1 - fall(i)), and fall goes from 1 to 0."""

    first: float
    last: float
    length: int

    @abstractmethod
    def fall(self, i: Index) -> Value:
        """The share of the way that is left at update ``i``, exact near its end."""

    def __call__(self, i: Index) -> Value:
        left = self.fall(i)
        return self.first * left + self.last * (1.0 - left)

    @property
    def end(self) -> float:
        return self.last


def length_of(over: Any, call: str) -> Duration | None:
    """The ``over=`` of a builder's call: a duration, or ``None`` for what the other phases leave."""
    return None if over is None else Duration.of(over, call)
