"""A schedule whose levels are values, not factors of what the optimizer has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NoReturn, TypeAlias

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.immutable import Immutable
from lr_toolkit.schedules.schedule import Schedule, ScheduleLike

__all__ = ["Absolute", "AbsoluteLike", "absolute"]

_CALL = "absolute("


class Absolute(Immutable):
    """What ``absolute`` makes: a schedule whose levels are the values themselves.

    Args:
        schedule: the schedule.

    Raises:
        ScheduleError: if a level is an LR (``end_lr=``), whose name means something else.

    Example:
        >>> from lr_toolkit import absolute, linear
        >>> absolute(linear(start=0.85, end=0.95)).schedule
        linear(end=0.95, start=0.85)
    """

    _fields: ClassVar[tuple[str, ...]] = ("schedule",)
    __slots__ = _fields

    schedule: Schedule

    def __init__(self, schedule: Schedule) -> None:
        self._set(schedule=schedule)
        if schedule.absolute_levels:
            raise ScheduleError(
                f"{self!r}: each level is a value already. Write end=, start= in place of end_lr=, start_lr=."
            )

    @classmethod
    def parse(cls, text: ScheduleLike | AbsoluteLike) -> Schedule | Absolute:
        """Read the text of a schedule, or that of ``absolute(schedule)``; a value is returned unchanged.

        Example:
            >>> Absolute.parse("absolute(linear(end=0.95, start=0.85))")
            absolute(linear(end=0.95, start=0.85))
            >>> Absolute.parse("linear()")
            linear()
        """
        if isinstance(text, cls):
            return text
        stripped = text.strip() if isinstance(text, str) else ""
        if stripped.count(_CALL) > 1 or (_CALL in stripped and _is_cut(stripped)):
            raise ScheduleError(
                f"{shorten(stripped)}: absolute(...) stands once, around the whole schedule. Write absolute(linear(...) >> hold())."
            )
        if stripped.startswith(_CALL):
            try:
                return cls(Schedule.parse(stripped[len(_CALL) : -1]))
            except ScheduleError as error:
                raise ScheduleError(f"{shorten(stripped)}: {error}") from None
        return Schedule.parse(text)  # type: ignore[arg-type]  # it refuses anything else

    def __rshift__(self, following: object) -> NoReturn:
        self._refuse_join(self.schedule, following)

    def __rrshift__(self, before: object) -> NoReturn:
        self._refuse_join(before, self.schedule)

    def _refuse_join(self, before: object, following: object) -> NoReturn:
        inside = " >> ".join(
            part if isinstance(part, str) else shorten(part.schedule if isinstance(part, Absolute) else part)
            for part in (before, following)
        )
        raise ScheduleError(f"{self!r} is a whole schedule, and nothing joins it. Write absolute({inside}).")

    def __repr__(self) -> str:
        return f"{_CALL}{self.schedule!r})"

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object]]:
        return absolute, (self.schedule,)


def _is_cut(text: str) -> bool:
    """Whether the parenthesis of a call at the beginning is not closed by the end of the text; a bracket in a text counts, too."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and character == ")":
            return not text.startswith(_CALL) or place < len(text) - 1
    return True


AbsoluteLike: TypeAlias = Absolute | str


def absolute(schedule: ScheduleLike) -> Absolute:
    """A schedule for a hyperparameter whose levels are its values, whatever value the optimizer has.

        value(k) = schedule(k)

    Without it levels are factors of the value that each parameter group has. An LR always has such factors.

    Args:
        schedule: the schedule, or its text.

    Raises:
        ScheduleError: if a level is an LR (``end_lr=``).

    Example:
        >>> from lr_toolkit import absolute, hold, linear
        >>> absolute(linear(start=0.85, end=0.95, over=300) >> hold())
        absolute(linear(end=0.95, start=0.85, over=300) >> hold())

    Reference:
        Muon's momentum in the speed runs of modded-nanogpt, which rises from 0.85 to 0.95 in 300 updates.
    """
    return Absolute(Schedule.parse(schedule))
