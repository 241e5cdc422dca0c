"""Parts of schedules that configurations of several libraries share."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Collection, Sequence
from numbers import Real
from typing import Any, TypeAlias

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import ENDLESS, Duration, DurationLike, decimal
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import hold, warmup

__all__ = [
    "Arguments",
    "climb",
    "joined",
    "left",
    "level",
    "listed",
    "number",
    "one_of",
    "percent",
    "share",
    "stay",
    "whole",
]

Arguments: TypeAlias = "dict[str, Any]"
"""Arguments of a builder by name."""


def joined(*parts: Schedule | None) -> Schedule:
    """The parts in order; those that have no update are ``None``."""
    whole_schedule: Schedule | None = None
    for part in parts:
        if part is not None:
            whole_schedule = part if whole_schedule is None else whole_schedule >> part
    return hold() if whole_schedule is None else whole_schedule


def whole(name: str, value: Any, least: int = 0) -> int:
    """``value``, the argument ``name``, as a whole number.

    Raises:
        ScheduleError: for anything else, or a number below ``least``.

    Example:
        >>> whole("T_max", 0, least=1)
        Traceback (most recent call last):
        ...
        lr_toolkit.errors.ScheduleError: T_max=0 must be a whole number, 1 or more.
    """
    try:
        found = int(value) if isinstance(value, float) and value.is_integer() else operator.index(value)
    except TypeError:
        found = least - 1
    if isinstance(value, bool) or found < least:
        raise ScheduleError(f"{name}={shorten(value)} must be a whole number, {least} or more.")
    if found >= ENDLESS:
        raise ScheduleError(f"{name}={shorten(value)} is longer than any run, which has fewer than 10^11 steps.")
    return found


def number(name: str, value: Any, *, above_zero: bool = False, signed: bool = False) -> float:
    """``value``, the argument ``name``, as a finite number from zero on, or of any sign.

    Raises:
        ScheduleError: for anything else.

    Example:
        >>> number("max_lr", "0.1")
        Traceback (most recent call last):
        ...
        lr_toolkit.errors.ScheduleError: max_lr='0.1' must be a finite number, zero or more.
    """
    if isinstance(value, (list, tuple)):
        raise ScheduleError(
            f"{name}={shorten(value)} is a list. Give each group its own LR in the optimizer, and one number here."
        )
    try:
        found = float(value) if type(value) is not bool and isinstance(value, Real) else math.nan
    except OverflowError:
        found = math.inf
    lowest = -sys.float_info.max if signed else 0.0
    if not lowest <= found < math.inf or (above_zero and found == 0):
        bound = "" if signed else ", above zero" if above_zero else ", zero or more"
        raise ScheduleError(f"{name}={shorten(value)} must be a finite number{bound}.")
    return found


def left(total_name: str, total: int | None, **taken: int) -> int | None:
    """What ``total`` leaves after other lengths; ``None`` for a length that only the run knows.

    Raises:
        ScheduleError: if it leaves less than nothing.
    """
    if total is None:
        return None
    rest = total - sum(taken.values())
    if rest < 0:
        given = " and ".join(f"{name}={value}" for name, value in taken.items())
        raise ScheduleError(f"{given} take more than {total_name}={total}. Write a shorter part, or a longer whole.")
    return rest


def one_of(name: str, value: object, known: Collection[str]) -> str:
    """``value``, the argument ``name``, if it is one of the names ``known``."""
    if isinstance(value, str) and value in known:
        return value
    raise ScheduleError(f"{name}={shorten(value)} must be one of {', '.join(map(repr, known))}.")


def percent(part: float) -> str:
    """A share of a run whose length is not known, as a duration: to a millionth of the run.

    Example:
        >>> percent(0.05), percent(1 / 30)
        ('5%', '3.3333%')
    """
    return f"{decimal(100 * part)}%"


def share(lr: float, base: float) -> float:
    """The factor of ``base`` that is ``lr``, in as few digits as give it again.

    Example:
        >>> share(1e-5, 1e-2), share(3e-5, 7e-4)
        (0.001, 0.04285714285714286)
    """
    ratio = lr / base
    short = float(f"{ratio:.12g}")
    return short if abs(base * short - lr) <= 1e-15 * abs(lr) else ratio


def listed(name: str, value: Any, example: str) -> list[Any]:
    """``value``, the argument ``name``, as a list that is not empty.

    Raises:
        ScheduleError: for anything else, with an example.

    Example:
        >>> listed("milestones", 30, "[30, 60]")
        Traceback (most recent call last):
        ...
        lr_toolkit.errors.ScheduleError: milestones=30 must be a list, as in milestones=[30, 60].
    """
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence) or not value:
        raise ScheduleError(f"{name}={shorten(value)} must be a list, as in {name}={example}.")
    return [*value]


def level(name: str, argument: str, lr: Any) -> Arguments:
    """The argument ``name`` for a level that is the LR ``argument`` there; zero is the same as a factor."""
    checked = number(argument, lr)
    return {f"{name}_lr": checked} if checked else {name: 0.0}


def stay(length: int | None, **to: Any) -> Schedule | None:
    """``hold`` for so many updates, for what is left if ``None``; nothing for none."""
    return None if length == 0 else hold(length, **to)


def climb(
    length: DurationLike, *, start: float | None = None, start_lr: float | None = None, **named: Any
) -> Schedule | None:
    """``warmup``, from a factor or an LR; nothing for a length of zero."""
    if not Duration.of(length, "warmup", may_be_zero=True).amount:
        return None
    if start_lr:
        return warmup(length, start_lr=float(start_lr), **named)
    return warmup(length, start=0.0 if start_lr is not None else start, **named)
