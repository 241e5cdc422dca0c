"""A schedule: an immutable sequence of phases, with units, that a run's length turns into a timeline."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar, NoReturn, TypeAlias, cast

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.immutable import Immutable
from lr_toolkit.schedules.duration import Duration, Unit
from lr_toolkit.schedules.horizon import Horizon, HorizonLike, read_horizon
from lr_toolkit.schedules.registry import BUILDERS, WITHOUT_TEXT
from lr_toolkit.schedules.shape import Shape
from lr_toolkit.schedules.text import call_text, evaluate, schedule_text
from lr_toolkit.schedules.timeline import ResolvedTimeline

__all__ = ["Schedule", "ScheduleLike", "parse"]


class Schedule(Immutable):
    """A plan for the learning rate: phases that run one after another, each on its own clock.

    ``a >> b`` (or ``a.then(b)``) runs b after a; either side may be a schedule's text. Levels are factors of each parameter
    group's base LR, so one plan serves any number of groups. A phase begins at the level at which the phase before it ended,
    unless it has ``start=``. Schedules compare, hash, pickle and print by value, and ``Schedule.parse(repr(schedule))`` is
    equal to the schedule.

    Args:
        phases: the shapes, in order. The builders (``warmup``, ``cosine``, ...) make them.

    Raises:
        ScheduleError: if there is no phase, or if more than one of them leaves its length open.

    Example:
        >>> from lr_toolkit import Horizon, cosine, warmup
        >>> schedule = warmup("5%") >> cosine(end=0.1)
        >>> schedule
        warmup('5%') >> cosine(end=0.1)
        >>> schedule == Schedule.parse("warmup('5%') >> cosine(end=0.1)")
        True
        >>> schedule.resolve(Horizon(steps=1000))(50)
        1.0

    Reference:
        optax's ``join_schedules``, in which each schedule sees its own clock.
    """

    _fields: ClassVar[tuple[str, ...]] = ("phases",)
    __slots__ = _fields

    phases: tuple[Shape, ...]

    def __init__(self, phases: tuple[Shape, ...]) -> None:
        given: object = phases
        if not (isinstance(given, tuple) and given and all(isinstance(phase, Shape) for phase in given)):
            raise ScheduleError(
                f"Schedule(phases={shorten(phases)}): build it, for example warmup('5%') >> cosine(), or read its text: "
                "Schedule.parse(\"warmup('5%') >> cosine()\")."
            )
        self._set(phases=phases)
        open_phases = [call_text(phase) for phase in phases if phase.lengths is None]
        if len(open_phases) > 1:
            first, second = open_phases[:2]
            raise ScheduleError(
                f"{self!r}: {first} and {second} both leave their length open, and only one phase can take what the others "
                f"leave. Give one of them a length: {_with_length(first)}."
            )

    @classmethod
    def parse(cls, text: ScheduleLike) -> Schedule:
        """Read the text that ``repr`` prints; a ``Schedule`` is returned unchanged.

        Only calls of builders, ``>>``, numbers, strings, ``None`` and lists are read; nothing is evaluated. A schedule may be an
        argument: ``scaled(warmup(500) >> cosine(), 0.5)``.

        Raises:
            ScheduleError: for any other text, including ``custom``, whose function text cannot carry.

        Example:
            >>> Schedule.parse("warmup('500 steps') >> linear()")
            warmup(500) >> linear()
        """
        if isinstance(text, cls):
            return text
        parts: list[Schedule] = evaluate(text, BUILDERS, WITHOUT_TEXT)  # type: ignore[arg-type]  # evaluate refuses anything but a text
        return cls(tuple(phase for part in parts for phase in part.phases))

    def then(self, following: ScheduleLike) -> Schedule:
        """This schedule and ``following`` after it, as ``self >> following``."""
        return Schedule(self.phases + Schedule.parse(following).phases)

    def __rshift__(self, following: ScheduleLike) -> Schedule:
        if hasattr(following, "schedule"):
            return NotImplemented  # absolute(...) answers
        return self.then(following)

    def __rrshift__(self, before: str) -> Schedule:
        return Schedule.parse(before).then(self)

    def __or__(self, following: object) -> NoReturn:
        raise _no_operator(f"{self!r} | {shorten(following)}", f"{self!r} >> {shorten(following)}")

    def __add__(self, following: object) -> NoReturn:
        raise _no_operator(f"{self!r} + {shorten(following)}", f"{self!r} >> {shorten(following)}")

    def __mul__(self, by: object) -> NoReturn:
        raise _no_operator(f"{self!r} * {shorten(by)}", f"scaled({self!r}, {_as_number(by)})")

    def __rmul__(self, by: object) -> NoReturn:
        raise _no_operator(f"{shorten(by)} * {self!r}", f"scaled({self!r}, {_as_number(by)})")

    def resolve(self, horizon: HorizonLike) -> ResolvedTimeline:
        """The timeline of this schedule on a run of that length.

        Phase boundaries are rounded half up on the exact cumulative sum; the phase of open length takes what the others
        leave. If all phases together are shorter than the run, the final value holds.

        Args:
            horizon: the length of the run: a ``Horizon``, its text, or a number of steps.

        Raises:
            ScheduleError: if the phases are longer than the run, if a phase would do nothing, or if a duration is in epochs and
                the horizon does not know the length of an epoch.
        """
        return ResolvedTimeline(self.phases, cast("Horizon", read_horizon(horizon)))

    def preview(self, horizon: HorizonLike, base_lr: float | None = None) -> Any:
        """What this schedule does on a run of that length, to print, draw and save: a ``Preview``.

        Args:
            horizon: the length of the run.
            base_lr: the base LR; without it, factors of the base LR are shown.

        Raises:
            ScheduleError: as ``Preview.of``, which also takes schedules by the names of parameter groups.

        Example:
            >>> from lr_toolkit import Horizon, linear
            >>> preview = linear().preview(Horizon(steps=4), base_lr=0.1)
            >>> preview.values.round(3)
            array([0.1  , 0.075, 0.05 , 0.025])
        """
        # Everything in preview/ builds on this module; it is loaded when it is asked for.
        return import_module("lr_toolkit.preview.preview").Preview.of(self, horizon, base_lr)

    def page(self, horizon: HorizonLike, base_lr: float | None = None, path: str | Path = "lr-schedule.html") -> Path:
        """Write a page on which this schedule is read, edited and compared: one HTML file that needs no network.

        Args:
            horizon: the length of the run.
            base_lr: the base LR; without it, factors of the base LR are shown.
            path: the file; missing folders are created.

        Returns:
            the path of the file.

        Raises:
            ScheduleError: as ``resolve``; for a schedule with an absolute LR without ``base_lr``; for more than 10^8 updates.

        Example:
            >>> from lr_toolkit import Horizon, cosine
            >>> cosine().page(Horizon(steps=1000), base_lr=1e-3, path=getfixture("tmp_path") / "cosine.html").name
            'cosine.html'
        """
        written: Path = import_module("lr_toolkit.preview.page").write_page(self.preview(horizon, base_lr), path)
        return written

    @property
    def durations(self) -> tuple[Duration, ...]:
        """Every duration among the arguments, in order."""
        return tuple(duration for phase in self.phases for duration in phase.durations)

    @property
    def units(self) -> frozenset[Unit]:
        """The units in which its phases measure the run."""
        return frozenset(unit for phase in self.phases for unit in phase.units)

    @property
    def absolute_levels(self) -> tuple[float, ...]:
        """Every level above zero that is an LR, in order; without any, the schedule is the same for each base LR."""
        return tuple(level for phase in self.phases for level in phase.absolute_levels)

    @property
    def given_levels(self) -> tuple[tuple[str, float], ...]:
        """Every level that is written as a factor of the base value, in order, each with the name of its argument.

        Example:
            >>> from lr_toolkit import cosine, warmup
            >>> (warmup(10, start_lr=1e-6) >> cosine(end=0.1)).given_levels
            (('end', 0.1),)
        """
        return tuple(level for phase in self.phases for level in phase.given_levels)

    @property
    def has_text(self) -> bool:
        """Whether ``parse`` reads what ``repr`` prints; not with a function of ``custom``, or if the text is too long."""
        try:
            return Schedule.parse(repr(self)) == self
        except ScheduleError:
            return False

    def restarted(self) -> Schedule:
        """This schedule with ``start=1.0`` in each phase after the first that begins at the level reached."""
        first, *others = self.phases
        return Schedule((first, *(phase.restarted() for phase in others)))

    def __repr__(self) -> str:
        return schedule_text(self.phases)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object]]:
        # A checkpoint that is loaded with weights_only=True may hold text; a Python function has none.
        return (parse, (repr(self),)) if self.has_text else (Schedule, (self.phases,))


ScheduleLike: TypeAlias = Schedule | str


def parse(text: str) -> Schedule | str:
    """``Schedule.parse`` as a plain function, which a pickle can name.

    A text that cannot be read is returned as it is: a builder of another version, or a function that is not registered yet, must not
    keep ``torch.load`` from the weights. Where the schedule is used, the error names the builder.
    """
    try:
        return Schedule.parse(text)
    except ScheduleError:
        return text


def _no_operator(given: str, fix: str) -> ScheduleError:
    """The refusal of another operator than ``>>``, with the expression to write."""
    return ScheduleError(f"{given}: a schedule has no other operator than >>, which joins phases. Write {fix}.")


def _as_number(by: Any) -> str:
    """A factor as it is written: that of a tensor or an array with one value as a number."""
    return shorten(by.item() if hasattr(by, "item") and getattr(by, "ndim", 0) == 0 else by)


def _with_length(call: str) -> str:
    return f"{call[:-1]}{'' if call.endswith('()') else ', '}over='50%')"
