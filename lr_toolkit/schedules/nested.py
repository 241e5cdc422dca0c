"""Shapes that change a whole schedule: they bind its phases within their own phase, and return one curve."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import final

import numpy as np

from lr_toolkit.schedules.levels import LevelShape
from lr_toolkit.schedules.placement import ResolvedPhase, bind_phases, phase_places
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, Length, PhaseContext, Shape, Value

__all__ = ["NestedShape", "SequenceCurve", "WrappedCurve", "bind_within"]

_MOST_PARTS = 50  # that are listed one by one


@dataclass(frozen=True, slots=True)
class NestedShape(LevelShape):
    """Changes the factors of a schedule, whose first phase begins at the level reached.

    Without ``over`` it is as long as the schedule.
    """

    schedule: Schedule

    @property
    def lengths(self) -> tuple[Length, ...] | None:
        if self.over is not None:
            return ((self.over, Fraction(1)),)
        return joined_lengths(self.schedule)

    @property
    def absolute_levels(self) -> tuple[float, ...]:
        return (*self.schedule.absolute_levels, *self.own_absolute_levels)

    @property
    def given_levels(self) -> tuple[tuple[str, float], ...]:
        return (*self.schedule.given_levels, *super(NestedShape, self).given_levels)

    def relative_to(self, base: float) -> Shape:
        inner = Schedule(tuple(phase.in_factors(base) for phase in self.schedule.phases))
        return LevelShape.relative_to(replace(self, schedule=inner), base)

    def restarted(self) -> Shape:
        first, *others = self.schedule.phases
        return replace(self, schedule=Schedule((first.restarted(), *others)))


def joined_lengths(schedule: Schedule) -> tuple[Length, ...] | None:
    """The lengths of all phases; ``None`` if one of them is open."""
    lengths = [phase.lengths for phase in schedule.phases]
    return None if None in lengths else tuple(length for phase in lengths for length in phase or ())


def bind_within(schedule: Schedule, context: PhaseContext, level: float) -> SequenceCurve:
    """The curve of a schedule within a phase: its phases begin with the phase, the first of them at ``level``.

    Raises:
        ScheduleError: if it is longer than the phase.
    """
    places = phase_places(schedule.phases, context.horizon, context.position, context.until)
    return SequenceCurve.of(bind_phases(schedule.phases, places, context.horizon, level, context.base), context, level)


@final
@dataclass(frozen=True, slots=True)
class SequenceCurve(Curve):
    """Curves one after another, each on its own clock; afterwards the factor ``last`` holds.

    Attributes:
        phases: the phases that have an update, which they count from the beginning of the sequence.
        last: the factor that holds after them.
    """

    phases: tuple[ResolvedPhase, ...]
    last: float

    @classmethod
    def of(cls, phases: Sequence[ResolvedPhase], context: PhaseContext, level: float) -> SequenceCurve:
        """The curve of phases of the run within the phase ``context``, behind the level ``level``."""
        end, last = context.start + context.length, level
        shifted: list[ResolvedPhase] = []
        for phase in phases:
            if phase.start < end or phase.end <= end:  # a phase without an update hands on its end too
                last = float(phase.curve.end if phase.end <= end else phase.curve(end - phase.start))
            if phase.start < min(phase.end, end):
                shifted.append(
                    replace(phase, start=phase.start - context.start, end=min(phase.end, end) - context.start)
                )
        return cls(tuple(shifted), last)

    def __call__(self, i: Index) -> Value:
        if not isinstance(i, np.ndarray):
            index = bisect_right(self.phases, i, key=_start) - 1
            if index < 0 or i >= self.phases[index].end:
                return self.last
            return self.phases[index].curve(i - self.phases[index].start)
        factors = np.full(i.shape, self.last)
        numbers = np.searchsorted([phase.start for phase in self.phases], i, side="right") - 1
        # The updates of each phase in turn: a mask for each of thousands of phases would take minutes.
        order = np.argsort(numbers, kind="stable")
        for updates in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
            number = numbers[updates[0]] if updates.size else -1
            if number >= 0:
                phase = self.phases[number]
                inside = updates[i[updates] < phase.end]
                factors[inside] = phase.curve(i[inside] - phase.start)
        return factors

    @property
    def is_monotone(self) -> bool:
        return all(phase.curve.is_monotone for phase in self.phases)

    @property
    def edges(self) -> tuple[int, ...]:
        found: set[int] = set()
        for phase in self.phases:
            found |= {
                phase.start,
                *(phase.start + edge for edge in phase.curve.edges if phase.start + edge < phase.end),
            }
        return tuple(sorted(found | {self.phases[-1].end} if self.phases else found))

    @property
    def end(self) -> float:
        return self.last

    @property
    def parts(self) -> tuple[tuple[Shape, int, int], ...]:
        if len(self.phases) > _MOST_PARTS:
            return ()
        inner: list[tuple[Shape, int, int]] = []
        for phase in self.phases:
            within = phase.curve.parts or ((phase.shape, 0, phase.length),)
            inner += [(shape, phase.start + first, phase.start + end) for shape, first, end in within]
        return tuple(inner) if len(inner) <= _MOST_PARTS else ()


def _start(phase: ResolvedPhase) -> int:
    return phase.start


@dataclass(frozen=True, slots=True)
class WrappedCurve(Curve):
    """A curve whose factors are changed one by one, so that it moves where the other one does."""

    of: Curve

    @property
    def is_monotone(self) -> bool:
        return self.of.is_monotone

    @property
    def edges(self) -> tuple[int, ...]:
        return self.of.edges

    @property
    def parts(self) -> tuple[tuple[Shape, int, int], ...]:
        return self.of.parts
