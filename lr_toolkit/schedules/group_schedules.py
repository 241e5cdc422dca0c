"""Schedules by the names of parameter groups: one for all of them, or one for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any, ClassVar, TypeAlias, cast

from lr_toolkit.arguments import is_list
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.immutable import Immutable
from lr_toolkit.schedules.absolute_levels import Absolute, AbsoluteLike
from lr_toolkit.schedules.schedule import Schedule, ScheduleLike

__all__ = ["GroupSchedules", "GroupSchedulesLike", "as_text", "has_function"]

_WILD = frozenset("*?[")


class GroupSchedules(Immutable):
    """What each parameter group follows: a schedule, by the group's name or by a pattern for names.

    The entry with the group's name acts, or with what stands before a dot or a slash in it (``"head"`` for ``"head.no_decay"``); or
    else the first entry whose pattern matches it (``"layer_*"``, as in a shell); or else ``"*"``, which is also for groups without a
    name. A pattern may match groups that join later.

    Args:
        entries: the schedules by name or pattern, in order.

    Example:
        >>> from lr_toolkit import cosine, hold
        >>> schedules = GroupSchedules.of({"head": "cosine()", "layer_*": hold(), "*": "linear()"})
        >>> [schedules.schedule_of(name) for name in ("head", "head.no_decay", "layer_3", None)]
        [cosine(), cosine(), hold(), linear()]
        >>> GroupSchedules.of("cosine()").schedule_of("head")
        cosine()
        >>> schedules
        {'head': cosine(), 'layer_*': hold(), '*': linear()}
    """

    _fields: ClassVar[tuple[str, ...]] = ("entries",)
    __slots__ = _fields

    entries: tuple[tuple[str, Schedule | Absolute], ...]

    def __init__(self, entries: tuple[tuple[str, Schedule | Absolute], ...]) -> None:
        self._set(entries=entries)

    @classmethod
    def of(cls, given: GroupSchedulesLike, key: str = "lr") -> GroupSchedules:
        """The schedules that ``given`` stands for: one schedule for all groups, or a mapping by the names of groups.

        Args:
            given: a schedule or its text, or a mapping of names to them; for another key than ``"lr"`` also ``absolute(...)``.
            key: what they are for.

        Raises:
            ScheduleError: for anything else.
        """
        if isinstance(given, cls):
            return given
        if not isinstance(given, Mapping):
            return cls((("*", _parsed(cast("Any", given), key)),))
        names: list[object] = list(given)
        if not names or not all(isinstance(name, str) and name for name in names):
            raise ScheduleError(
                f"{key}: {shorten(dict(given))} must have the names of parameter groups as its keys. Write "
                "{'backbone': linear(), '*': cosine()}; '*' is for all other groups."
            )
        entries: dict[str, Any] = dict(given)
        nothing = next((name for name, schedule in entries.items() if schedule is None), None)
        if nothing is not None:
            raise ScheduleError(
                f"{key}: None is no schedule. To keep what the group has, write {{{nothing!r}: hold()}}."
            )
        if entries.keys() >= {"scheduler", "interval"}:
            raise ScheduleError(
                f"{key}: {shorten(entries)} is Lightning's dict, which the helper returns. Write {entries['scheduler']}."
            )
        read: dict[str, Schedule | Absolute] = {}  # a text is read once, however many groups have it
        return cls(tuple((name, _parsed_entry(name, each, key, read)) for name, each in entries.items()))

    @property
    def only(self) -> Schedule | Absolute | None:
        """The schedule that all groups follow; ``None`` if there are several entries."""
        (name, schedule), *others = self.entries
        return schedule if name == "*" and not others else None

    @property
    def schedules(self) -> tuple[Schedule, ...]:
        """The distinct schedules, in order."""
        return tuple(dict.fromkeys(_plain(schedule) for _, schedule in self.entries))

    def schedule_of(self, name: object) -> Schedule | Absolute | None:
        """What the group with this name follows; ``None`` if no entry is for it."""
        by_name = dict(self.entries)
        for given in _with_parents(name):
            if given in by_name and given != "*":
                return by_name[given]
        patterns = (entry for entry in by_name if entry != "*" and isinstance(name, str) and fnmatchcase(name, entry))
        return by_name.get(next(patterns, "*"))

    def check_names(self, names: Sequence[object], key: str) -> None:
        """Refuse an entry for a group that does not exist, which may be misspelled; a pattern may match a later one.

        Raises:
            ScheduleError: with the names that there are.
        """
        known = [each for name in names for each in _with_parents(name)]
        for entry, _ in self.entries:
            if entry in known or _WILD & set(entry):
                continue
            near = get_close_matches(entry, known, n=1)
            own = [str(name) for name in names if name is not None]
            there = f"The groups are {', '.join(map(repr, own))}." if own else "No group has a name."
            name = f"Give the group its name in the optimizer: {{'params': ..., 'name': {entry!r}}}."
            fix = f"Write {near[0]!r}." if near else name
            rest = "" if "*" in dict(self.entries) else " For all groups without an entry of their own write '*'."
            raise ScheduleError(
                f"{key}: no parameter group is called {entry!r}. {there} {fix} A group that joins later is named by a pattern: "
                f"'{entry}*'.{rest}"
            )

    def __repr__(self) -> str:
        if self.only is not None:
            return repr(self.only)
        return "{" + ", ".join(f"{name!r}: {schedule!r}" for name, schedule in self.entries) + "}"


def _with_parents(name: object) -> list[str]:
    """A group's name, and what stands before each dot or slash in it, the longest first."""
    if not isinstance(name, str):
        return []
    return [name, *(name[:place] for place in range(len(name) - 1, 0, -1) if name[place] in "./")]


GroupSchedulesLike: TypeAlias = ScheduleLike | AbsoluteLike | GroupSchedules | Mapping[str, ScheduleLike | AbsoluteLike]


def as_text(value: Any) -> Any:
    """A value in which each schedule is its text, also within mappings, lists and tuples; anything else is returned as it is.

    Example:
        >>> from lr_toolkit import cosine
        >>> as_text({"head": cosine(), "*": "linear()"}), as_text(0.1)
        ({'head': 'cosine()', '*': 'linear()'}, 0.1)
    """
    if isinstance(value, (Schedule, Absolute)):
        return repr(value)
    if not any(True for _ in _schedules_in(value)):
        return value
    if isinstance(value, Mapping):
        return {key: as_text(each) for key, each in value.items()}
    return [as_text(each) for each in value]


def has_function(value: Any) -> bool:
    """Whether a schedule in a value, which may be a mapping, a list or a tuple, has a function that text cannot carry."""
    return not all(_plain(schedule).has_text for schedule in _schedules_in(value))


def _schedules_in(value: Any) -> Iterator[Schedule | Absolute]:
    if isinstance(value, (Schedule, Absolute)):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _schedules_in(each)
    elif is_list(value):
        for each in value:
            yield from _schedules_in(each)


def _plain(schedule: Schedule | Absolute) -> Schedule:
    return schedule.schedule if isinstance(schedule, Absolute) else schedule


def _parsed_entry(name: str, given: Any, key: str, read: dict[str, Schedule | Absolute]) -> Schedule | Absolute:
    """The schedule of an entry; a text that was read before is in ``read``."""
    if isinstance(given, str) and given in read:
        return read[given]
    try:
        parsed = _parsed(given, key)
    except ScheduleError as error:
        raise ScheduleError(
            f"{error} (In the entry {name!r} of a mapping, whose keys are names of parameter groups.)"
        ) from None
    if isinstance(given, str):
        read[given] = parsed
    return parsed


def _parsed(given: ScheduleLike | AbsoluteLike, key: str) -> Schedule | Absolute:
    if key != "lr" and _is_number(given):
        entry, _, place = key.partition("[")
        raise ScheduleError(
            f"{key}: {given!r} is a number, and must be a schedule. Write {entry}={'(...)' if place else given} for the optimizer, and "
            "leave it out here."
        )
    parsed = Absolute.parse(given)
    if isinstance(parsed, Absolute) and key == "lr":
        raise ScheduleError(
            f"{shorten(given)}: the levels of an LR are factors of the base LR that the optimizer has. Write "
            f"{parsed.schedule!r}, and the highest LR in the optimizer: torch.optim.AdamW(parameters, lr=3e-4)."
        )
    if isinstance(parsed, Schedule) and key != "lr" and parsed.absolute_levels:
        raise ScheduleError(
            f"{key}: {parsed!r} has a level that is an LR (end_lr=, start_lr=). Write end= and start= for factors of what each group "
            "has, or absolute(...) with them for values: absolute(linear(start=0.04, end=0.4))."
        )
    return parsed


def _is_number(given: object) -> bool:
    try:
        float(given)  # type: ignore[arg-type]  # float() is the test
    except (TypeError, ValueError):
        return False
    return True
