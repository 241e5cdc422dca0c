"""What drives one hyperparameter of an optimizer: the number of each parameter group at each update, as a value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.timeline import Timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Binding", "GroupError", "distinct"]


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
        key: ``"lr"``, or what else of a parameter group is driven (``Key``).
        members: the positions of the groups that are driven. Everything below has a number for each of these.
        bases: their base values.
        gains: what a rule for a metric has made of each of them.
        timelines: the distinct timelines.
        which: for each of them the index of its timeline.
    """

    key: str
    members: tuple[int, ...]
    bases: tuple[float, ...]
    gains: tuple[float, ...]
    timelines: tuple[Timeline, ...]
    which: tuple[int, ...]

    @classmethod
    def of(
        cls,
        key: str,
        bases: Sequence[float],
        gains: Sequence[float],
        timelines: Sequence[Timeline],
        members: Sequence[int] | None = None,
    ) -> Binding:
        """A binding of groups that each follow a timeline; absolute levels become factors of the group's base value.

        Args:
            key: what is driven.
            bases: the base value of each group.
            gains: the gain of each group.
            timelines: what each group follows.
            members: the positions of the groups; ``None`` if these are all groups.

        Raises:
            ScheduleError: if a level does not fit a base value.
        """
        positions = tuple(range(len(bases)) if members is None else members)
        relative = [
            _relative(timeline, base, position)
            for timeline, base, position in zip(timelines, bases, positions, strict=True)
        ]
        unique, which = distinct(relative)
        return cls(key, positions, tuple(bases), tuple(gains), tuple(unique), which)

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

    def table(self, ks: NDArray[np.int64]) -> NDArray[np.float64]:
        """The value of each group at an array of updates: a row for each update, a column for each group."""
        factors = [timeline.factors(ks) for timeline in self.timelines]
        columns = [level * factors[index] for level, index in zip(self.levels, self.which, strict=True)]
        return np.stack(columns, axis=1)

    def values_without_gains(self, k: int) -> list[float]:
        """The value of each group at update ``k`` if no rule for a metric had moved it."""
        return self.with_gains([1.0] * len(self.gains)).values(k)

    @property
    def group_timelines(self) -> list[Timeline]:
        """What each group follows."""
        return [self.timelines[index] for index in self.which]

    def with_gains(self, gains: Sequence[float]) -> Binding:
        """This binding with other gains."""
        return replace(self, gains=tuple(gains))

    def changed(self, change: Callable[[Timeline], Timeline]) -> Binding:
        """This binding with another timeline in the place of each; ``change`` is called once for equal ones."""
        timelines = [change(timeline) for timeline in self.timelines]
        return Binding.of(self.key, self.bases, self.gains, [timelines[index] for index in self.which], self.members)

    def with_timelines(self, timelines: Sequence[Timeline]) -> Binding:
        """This binding with a timeline for each group."""
        return Binding.of(self.key, self.bases, self.gains, timelines, self.members)

    def rebased(self, bases: Sequence[float]) -> Binding:
        """This binding with other base values."""
        return Binding.of(self.key, bases, self.gains, self.group_timelines, self.members)

    def joined_by(self, members: Sequence[int], bases: Sequence[float], timelines: Sequence[Timeline]) -> Binding:
        """This binding with groups that have joined, behind the others, with a gain of 1."""
        return Binding.of(
            self.key,
            (*self.bases, *bases),
            (*self.gains, *([1.0] * len(bases))),
            (*self.group_timelines, *timelines),
            (*self.members, *members),
        )


def _relative(timeline: Timeline, base: float, position: int) -> Timeline:
    try:
        return timeline.relative_to(base)
    except ScheduleError as error:
        raise GroupError(str(error), position) from error.__cause__


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
