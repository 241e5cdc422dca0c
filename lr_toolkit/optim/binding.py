"""What drives one hyperparameter of an optimizer: the number of each parameter group at each update, as a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.timeline import Timeline

__all__ = ["Binding", "GroupError", "distinct"]

GroupTimelines: TypeAlias = "Sequence[Timeline]"


class GroupError(ScheduleError):
    """A level that does not fit the base value of a group.

    Args:
        reason: why.
        group: the position of the group.
        name: its name, if it has one.
    """

    def __init__(self, reason: str, group: int, name: object = None) -> None:
        super().__init__(f"{reason} (In parameter group {group if name is None else repr(name)}.)")
        self.reason = reason
        self.group = group


@final
@dataclass(frozen=True, slots=True)
class Binding:
    """One key of the parameter groups, and what it follows.

        group[key] = base * timeline(k) * gain

    Groups with equal timelines share one, which is evaluated once. A binding never changes; another takes its place.

    Attributes:
        key: ``"lr"`` or another key of a parameter group.
        bases: the base value of each group.
        gains: what a rule for a metric has made of each group.
        timelines: the distinct timelines.
        which: for each group the index of its timeline.
    """

    key: str
    bases: tuple[float, ...]
    gains: tuple[float, ...]
    timelines: tuple[Timeline, ...]
    which: tuple[int, ...]

    @classmethod
    def of(cls, key: str, bases: Sequence[float], gains: Sequence[float], timelines: GroupTimelines) -> Binding:
        """A binding of groups that each follow a timeline; absolute levels become factors of the group's base value.

        Raises:
            ScheduleError: if a level does not fit a base value.
        """
        relative = [_relative(timeline, bases, group) for group, timeline in enumerate(timelines)]
        unique, which = distinct(relative)
        return cls(key, tuple(bases), tuple(gains), tuple(unique), which)

    @property
    def levels(self) -> list[float]:
        """Base value x gain of each group: what its timeline multiplies."""
        return [base * gain for base, gain in zip(self.bases, self.gains, strict=True)]

    def factors(self, k: int) -> list[float]:
        """The factor of each distinct timeline at update ``k``."""
        return [timeline.factor(k) for timeline in self.timelines]

    def values(self, k: int) -> list[float]:
        """The value of each group at update ``k``."""
        factors = self.factors(k)
        return [level * factors[index] for level, index in zip(self.levels, self.which, strict=True)]

    @property
    def group_timelines(self) -> list[Timeline]:
        """What each group follows."""
        return [self.timelines[index] for index in self.which]

    def with_gains(self, gains: Sequence[float]) -> Binding:
        """This binding with other gains."""
        return replace(self, gains=tuple(gains))

    def with_timelines(self, timelines: GroupTimelines) -> Binding:
        """This binding with a timeline for each group."""
        return Binding.of(self.key, self.bases, self.gains, timelines)

    def rebased(self, bases: Sequence[float]) -> Binding:
        """This binding with other base values; groups that have joined come behind the old ones, with a gain of 1."""
        joined = len(bases) - len(self.bases)
        late = [self.timelines[0].joining()] * joined if self.timelines else []
        gains = (*self.gains, *([1.0] * joined))
        return Binding.of(self.key, bases, gains, [*self.group_timelines, *late])


def _relative(timeline: Timeline, bases: Sequence[float], group: int) -> Timeline:
    try:
        return timeline.relative_to(bases[group])
    except ScheduleError as error:
        raise GroupError(str(error), group) from error.__cause__


def distinct(values: Sequence[Any]) -> tuple[list[Any], tuple[int, ...]]:
    """The distinct ones of some values in order, and for each value the index of its equal.

    Example:
        >>> distinct(["a", "b", "a"])
        (['a', 'b'], (0, 1, 0))
    """
    try:
        places = {value: index for index, value in enumerate(dict.fromkeys(values))}
        return list(places), tuple(places[value] for value in values)
    except TypeError:  # a function of the user's may have no hash
        unique = [value for index, value in enumerate(values) if value not in values[:index]]
        return unique, tuple(unique.index(value) for value in values)
