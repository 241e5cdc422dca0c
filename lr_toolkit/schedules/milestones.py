"""Milestones: durations in rising order, counted from the beginning of a phase."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from lr_toolkit.arguments import is_list
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, DurationLike
from lr_toolkit.schedules.shape import PhaseContext

__all__ = ["place_milestones", "read_milestones", "unsorted_pair"]


def read_milestones(milestones: Sequence[DurationLike], call: str, example: str) -> tuple[Duration, ...]:
    """The milestones that are given as the argument ``at`` of the builder ``call``.

    Raises:
        ScheduleError: for anything but a list of durations.
    """
    if not is_list(milestones):
        raise ScheduleError(f"{call}(at={shorten(milestones)}): the milestones are a list. Write {call}({example}).")
    return tuple(Duration.of(milestone, call, "at=[..., {}, ...]") for milestone in milestones)


def unsorted_pair(milestones: Sequence[Duration]) -> tuple[Duration, Duration] | None:
    """Two neighbours of one unit that do not rise; ``None`` if there are none."""
    pairs = pairwise(milestones)
    return next((pair for pair in pairs if pair[0].unit == pair[1].unit and pair[0].amount >= pair[1].amount), None)


def place_milestones(milestones: Sequence[Duration], context: PhaseContext) -> tuple[int, ...]:
    """The updates of the phase at which the milestones lie."""
    return tuple(context.update_after(milestone) for milestone in milestones)
