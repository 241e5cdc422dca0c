"""Shapes with levels, each a factor or an LR: those that begin at a level of their own, and those that move to another."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import Duration
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Shape, Value, check_number, exact_ratio
from lr_toolkit.schedules.text import argument_text, call_text

__all__ = ["Decay", "DecayCurve", "LevelShape", "StartingShape", "remaining"]


class LevelShape(Shape):
    """A shape with levels: pairs of fields, ``name``, a factor, and ``name_lr``, an LR, of which at most one is given."""

    __slots__ = ()

    level_fields: ClassVar[Mapping[str, float | None]] = {}
    """The levels, each with its value if it is not given."""
    highest: ClassVar[Mapping[str, float]] = {}
    """The largest factor of a level, if it has one."""

    def __post_init__(self) -> None:
        for name, missing in self.level_fields.items():
            if getattr(self, name) is not None or missing is not None:
                check_number(self, name, f"{name}=0.1", at_most=self.highest.get(name, math.inf))
            if getattr(self, f"{name}_lr") is not None:
                check_number(self, f"{name}_lr", f"{name}_lr=1e-5")
                if getattr(self, name) != missing:
                    raise self._given_twice(name, missing)

    def _given_twice(self, name: str, missing: float | None) -> ScheduleError:
        factor, lr = getattr(self, name), getattr(self, f"{name}_lr")
        only_factor, only_lr = call_text(self, **{f"{name}_lr": None}), call_text(self, **{name: missing})
        return ScheduleError(
            f"{self.name}({name}={factor!r}, {name}_lr={lr!r}): {name} is either a factor of the base value or an LR. "
            f"Write {only_factor} or {only_lr}."
        )

    def level_of(self, name: str) -> float | None:
        """The factor of a level; ``None`` if it is not given. An LR of zero is a factor of zero."""
        factor: float | None = getattr(self, name)
        return 0.0 if getattr(self, f"{name}_lr") == 0.0 else factor

    @property
    def absolute_levels(self) -> tuple[float, ...]:
        return self.own_absolute_levels

    @property
    def own_absolute_levels(self) -> tuple[float, ...]:
        """The levels of the shape itself that are LRs above zero."""
        levels = [getattr(self, f"{name}_lr") for name in self.level_fields]
        return tuple(level for level in levels if level)

    @property
    def given_levels(self) -> tuple[tuple[str, float], ...]:
        levels = [(name, getattr(self, name)) for name in self.level_fields]
        return tuple((name, level) for name, level in levels if level is not None)

    def relative_to(self, base: float) -> Shape:
        changes: dict[str, Any] = {}
        for name in self.level_fields:
            if lr := getattr(self, f"{name}_lr"):
                changes |= {name: self._factor(name, lr, base), f"{name}_lr": None}
        return replace(self, **changes) if changes else self  # type: ignore[type-var]  # every final subclass is a dataclass

    def _factor(self, name: str, lr: float, base: float) -> float:
        if base == 0.0:
            raise ScheduleError(
                f"{self.name}({name}_lr={lr!r}): the base LR is 0, of which no LR is a multiple. Write a level relative to each "
                f"group's base LR: {name}=0.1."
            )
        if exact_ratio(lr, base) > self.highest.get(name, math.inf):
            raise ScheduleError(
                f"{self.name}({name}_lr={lr!r}): lies above the base LR {base!r}. Write a lower {name}_lr, or a level relative to "
                f"each group's base LR: {name}=0.1."
            )
        return exact_ratio(lr, base)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartingShape(LevelShape):
    """Begins at the level reached, at ``start``, a factor, or at ``start_lr``, an LR."""

    level_fields: ClassVar[Mapping[str, float | None]] = {"start": None}

    start: float | None = None
    start_lr: float | None = None
    over: Duration | None = None

    def start_level(self, context: PhaseContext) -> float:
        """The factor of the first update."""
        start = self.level_of("start")
        return context.level if start is None else start

    def restarted(self) -> Shape:
        if self.start is not None or self.start_lr is not None:
            return self
        return replace(self, start=1.0)

    def _idle(self, context: PhaseContext, why: str) -> ScheduleError:
        """The error for a phase that would do nothing, with both spellings of what may be meant."""
        first, written = self.start_level(context), cast("StartingShape", self.as_written)
        hold = [] if self.over is None else [argument_text(self.over)]
        if first != context.level:
            name, level = ("level", written.start) if written.start_lr is None else ("level_lr", written.start_lr)
            hold.append(f"{name}={level!r}")
        lr = next((lr for name in ("start_lr", "end_lr") if (lr := getattr(written, name, None))), None)
        again = call_text(self, start=1.0, start_lr=None)
        restart = f", or {again} to start again from the base value" if first != 1.0 else ""
        fix = f"hold({', '.join(hold)}) to stay there{restart}"
        if lr is not None:  # two whole sentences, so that each is found in the list of errors
            return ScheduleError(
                f"{call_text(self)}: begins at the LR {lr!r}{why}, so it would do nothing. Write {fix}."
            )
        return ScheduleError(
            f"{call_text(self)}: begins at {first:g} times the base value{why}, so it would do nothing. Write {fix}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decay(StartingShape):
    """Moves from its start to ``end``, a factor, or ``end_lr``, an LR, within its own length."""

    level_fields: ClassVar[Mapping[str, float | None]] = {"end": 0.0, "start": None}

    end: float = 0.0
    end_lr: float | None = None

    @abstractmethod
    def curve(self, first: float, last: float, context: PhaseContext) -> Curve:
        """The curve from one level to another."""

    def bind(self, context: PhaseContext) -> Curve:
        first = self.start_level(context)
        # An LR may be the base LR of a group by chance, which then stays there.
        if first == self.end and context.length and context.base is None:
            raise self._idle(context, " and ends there")
        return self.curve(first, self.end, context)

    def _factor(self, name: str, lr: float, base: float) -> float:
        if name == "end" and lr > base:
            raise ScheduleError(
                f"end_lr={lr!r} lies above the base LR {base!r}, so the LR would climb. Write a lower end_lr, or a level "
                "relative to each group's base LR: end=0.1."
            )
        return StartingShape._factor(self, name, lr, base)


def remaining(i: Index, length: int, k: float) -> Value:
    """1 - (i / length) ** k: what is left of the way, exact near its end.

    Example:
        >>> round(remaining(3, 4, 2.0), 4)
        0.4375
    """
    if not isinstance(i, np.ndarray):
        return float(remaining(np.array([i]), length, k)[0])
    progress, left = i / length, (length - i) / length
    with np.errstate(divide="ignore"):  # of update 0, whose logarithm is minus infinity
        logarithm = np.where(progress < 0.5, np.log(progress), np.log1p(-left))
    return -np.expm1(k * logarithm)


@dataclass(frozen=True, slots=True)
class DecayCurve(Curve):
    """Moves from ``first`` to ``last`` in ``length`` updates."""

    is_monotone = True

    first: float
    last: float
    length: int

    def level(self, left: Value) -> Value:
        """The level at which the share ``left`` of the way is left: exact near its end, if ``left`` is exact near 0."""
        return self.first * left + self.last * (1.0 - left)

    @property
    def end(self) -> float:
        return self.last
