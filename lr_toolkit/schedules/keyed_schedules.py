"""Schedules by the keys of parameter groups: that of the LR, and those of other keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lr_toolkit.arguments import is_list
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.group_schedules import GroupSchedules, GroupSchedulesLike

__all__ = ["schedules_by_key"]


def schedules_by_key(
    lr: GroupSchedulesLike, named: Mapping[str, Any], others: Mapping[str, Any] | None = None
) -> dict[str, GroupSchedules]:
    """The schedules of the LR and of other keys of the parameter groups, by key.

    Args:
        lr: the schedules of the LR.
        named: those of keys that have an argument, which may be ``None``; a tuple holds one for each place of an entry that is a
            tuple.
        others: the same for any other keys, as the user wrote them.

    Raises:
        ScheduleError: for something else, or a key that is given twice.

    Example:
        >>> schedules_by_key("cosine()", {"momentum": None, "betas": (None, "linear(end=0.9)")}, {"eps": "hold()"})
        {'lr': cosine(), 'betas[1]': linear(end=0.9), 'eps': hold()}
    """
    schedules = {"lr": GroupSchedules.of(lr)}
    for key, given in (*named.items(), *_checked(others)):
        for name, each in _by_place(key, given).items():
            if name in schedules:
                raise ScheduleError(f"{name!r} has two schedules: it is given twice. Leave it out of other_schedules.")
            schedules[name] = GroupSchedules.of(each, name)
    return schedules


def _checked(others: Any) -> Iterator[tuple[str, Any]]:
    """Each key and what is given for it, unless no schedule can be for the key."""
    if others is not None and not isinstance(others, Mapping):
        raise ScheduleError(
            f"other_schedules={shorten(others)}: must be a mapping of keys of the parameter groups to schedules. Write "
            f"other_schedules={{'eps': {shorten(others)}}}."
        )
    for key, given in (others or {}).items():
        if key == "lr":
            raise ScheduleError(
                "other_schedules: 'lr' has a schedule already. Write it as the schedule of the optimizer."
            )
        if not isinstance(key, str) or key.partition("[")[0] in ("", "params", "name"):
            raise ScheduleError(
                f"other_schedules: {shorten(key)} is no key under which a parameter group has a number. Write other_schedules={{'eps': "
                "hold()}."
            )
        yield key, given


def _by_place(key: str, given: Any) -> dict[str, Any]:
    """What is given for a key, or for each place of it, without those that are ``None``."""
    for group, each in given.items() if isinstance(given, Mapping) else ():
        if is_list(each):
            places = ", ".join("None" if place is None else f"{{{group!r}: {str(place)!r}}}" for place in each)
            raise ScheduleError(
                f"{key}={shorten(dict(given))}: each place has a schedule, or schedules by the names of groups. Write {key}=({places}"
                f"{',' * (len(each) == 1)})."
            )
    by_place = {f"{key}[{place}]": each for place, each in enumerate(given)} if is_list(given) else {key: given}
    return {name: each for name, each in by_place.items() if each is not None}
