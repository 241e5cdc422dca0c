"""The arguments of recipes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, DurationLike

__all__ = ["choice_of", "length_of"]


def length_of(call: str, name: str, value: DurationLike, *, may_be_zero: bool = False) -> Duration:
    """``value``, the argument ``name`` of the recipe ``call``."""
    return Duration.of(value, call, name, may_be_zero=may_be_zero)


def choice_of(call: str, name: str, value: Any, possible: Mapping[Any, Any]) -> Any:
    """What ``value``, the argument ``name`` of the recipe ``call``, stands for."""
    if value not in tuple(possible) or isinstance(value, (bool, float)):  # a tuple, because it may be unhashable
        first = next(iter(possible))
        raise ScheduleError(
            f"{call}({name}={shorten(value)}): must be one of {', '.join(map(repr, possible))}. Write {call}(..., {name}={first!r})."
        )
    return possible[value]
