"""A timeline that is changed from an update on, and the changes that are over."""

from __future__ import annotations

from abc import abstractmethod
from fractions import Fraction
from typing import Literal

from lr_toolkit.schedules.timeline import ExactPhase, Timeline

__all__ = ["Changed", "phases_from", "without_past"]


class Changed(Timeline):
    """Another timeline that is changed from an update on."""

    __slots__ = ()

    of: Timeline

    @property
    def steps(self) -> int:
        return self.of.steps

    @property
    def unit(self) -> Literal["step", "epoch"]:
        return self.of.unit

    @property
    def text(self) -> str:
        return self.of.text

    @property
    def is_absolute(self) -> bool:
        return self.of.is_absolute

    def relative_to(self, base: float) -> Timeline:
        return self._around(self.of.relative_to(base))

    def joining(self) -> Timeline:
        return self._around(self.of.joining())

    @abstractmethod
    def _around(self, of: Timeline) -> Timeline:
        """The same change, made to another timeline."""

    @abstractmethod
    def without_past(self, update: Fraction, *, ramps: bool) -> Timeline:
        """This timeline without the changes that have no effect from ``update`` on; ``ramps`` to leave out second warmups."""

    @property
    def _update(self) -> str:
        return self.unit.replace("step", "update")


def without_past(timeline: Timeline, update: int | Fraction, *, ramps: bool = False) -> Timeline:
    """A timeline without the changes that have no effect from ``update`` on, so that it stays small however often it is changed.

    Args:
        timeline: the timeline, whose factors before ``update`` may become others.
        update: the update that comes next.
        ramps: leave out second warmups too that are not over, because another one begins.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> from lr_toolkit.schedules.changed import Rewarmed
        >>> plan = linear().resolve(Horizon(10))
        >>> without_past(Rewarmed(plan, since=2, over=3), 5) == plan
        True
    """
    return timeline.without_past(Fraction(update), ramps=ramps) if isinstance(timeline, Changed) else timeline


def phases_from(phases: list[ExactPhase], since: Fraction) -> list[ExactPhase]:
    """The phases that end after ``since``, and what is left of the one that has begun."""
    return [(shape, max(start, since), end) for shape, start, end in phases if end > since]
