"""Builds a schedule phase by phase, from levels, and writes of each level only what differs from the one reached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lr_toolkit.schedules.peers.phases import joined
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import hold, linear, warmup

__all__ = ["Path"]


class Path:
    """Phases from level to level, in factors of the base LR; a phase of no update is left out.

    Example:
        >>> from lr_toolkit import cosine
        >>> Path().move(linear, 0.0, 1.0, 500).stay(1.0, 100).move(cosine, 1.0, 0.1, 400).schedule
        warmup(500, start=0.0) >> hold(100) >> cosine(end=0.1, over=400)
    """

    def __init__(self) -> None:
        self._parts: list[Schedule] = []
        self._level = 1.0

    def move(self, build: Callable[..., Schedule], first: float, last: float, over: int | None, **named: Any) -> Path:
        """Add a phase of ``build`` from one level to another, over so many updates; over what is left if ``None``."""
        if over == 0:
            return self
        if first == last:
            return self.stay(first, over)
        if build is linear and last == 1.0 and first < 1.0 and over is not None:
            return self.then(warmup(over, start=first), 1.0)
        start = {} if first == self._level else {"start": first}
        return self.then(build(**named, end=last, **start, over=over), last)

    def stay(self, level: float, over: int | None) -> Path:
        """Add a phase at one level."""
        if over == 0:
            return self
        return self.then(hold(over) if level == self._level else hold(over, level=level), level)

    def then(self, part: Schedule, level: float) -> Path:
        """Add a schedule that ends at a level."""
        self._parts.append(part)
        self._level = level
        return self

    @property
    def reached(self) -> float:
        """The level at which the phases end so far."""
        return self._level

    @property
    def schedule(self) -> Schedule:
        """The phases, joined."""
        return joined(*self._parts)
