"""A schedule: an immutable sequence of phases, with units, that a run's length turns into a timeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ParamSpec, TypeAlias, final

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.aliases import refusing_foreign_arguments
from lr_toolkit.schedules.shapes import Custom, Shape
from lr_toolkit.schedules.text import LONGEST, evaluate, spell
from lr_toolkit.schedules.timeline import Timeline

if TYPE_CHECKING:
    from lr_toolkit.schedules.duration import Duration
    from lr_toolkit.schedules.horizon import Horizon

__all__ = ["Schedule", "ScheduleLike", "builder", "parse"]

P = ParamSpec("P")

_BUILDERS: dict[str, Callable[..., Schedule]] = {}


@final
@dataclass(frozen=True, slots=True, repr=False)
class Schedule:
    """A plan for the learning rate: phases that run one after the other, each on its own clock.

    ``a >> b`` (or ``a.then(b)``) runs b after a; either side may be a schedule's text. Values state factors of each
    parameter group's base LR, so one plan serves any number of groups. Schedules compare equal, hash, pickle and print by
    what they say, and ``Schedule.parse(repr(schedule)) == schedule``.

    Args:
        phases: the shapes, in order. Made by the builders (``warmup``, ``cosine``, ...) rather than by hand.

    Raises:
        ScheduleError: where there is no phase, or more than one of them leaves its length open.

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

    phases: tuple[Shape, ...]

    def __post_init__(self) -> None:
        phases: object = self.phases
        if not (isinstance(phases, tuple) and phases and all(isinstance(one, Shape) for one in phases)):
            raise ScheduleError(
                f"Schedule(phases={shorten(self.phases)}): build it, for example warmup('5%') >> cosine(), or read its text: "
                "Schedule.parse(\"warmup('5%') >> cosine()\")."
            )
        open_phases = [spell(one) for one in self.phases if one.over is None]
        if len(open_phases) > 1:
            first, second = open_phases[:2]
            raise ScheduleError(
                f"{self!r}: {first} and {second} both leave their length open, and only one phase can take what the others "
                f"leave. Say how long one of them is: {_with_length(first)}."
            )

    @classmethod
    def parse(cls, text: ScheduleLike) -> Schedule:
        """Read the text that ``repr`` prints; a ``Schedule`` is taken as it is.

        Only the builders' calls, ``>>``, numbers, strings, ``None`` and lists are understood; nothing is evaluated.

        Raises:
            ScheduleError: for any other text, and for ``custom``, whose function text cannot carry.

        Example:
            >>> Schedule.parse("warmup('500 steps') >> linear()")
            warmup(500) >> linear()
        """
        if isinstance(text, cls):
            return text
        return cls(tuple(shape for one in evaluate(text, _BUILDERS) for shape in one.phases))

    def then(self, following: ScheduleLike) -> Schedule:
        """This schedule, and ``following`` after it: the same as ``self >> following``."""
        return Schedule(self.phases + Schedule.parse(following).phases)

    def __rshift__(self, following: ScheduleLike) -> Schedule:
        return self.then(following)

    def __rrshift__(self, before: str) -> Schedule:
        return Schedule.parse(before).then(self)

    def resolve(self, horizon: Horizon) -> Timeline:
        """The timeline of this schedule on a run of that length.

        Phase boundaries are rounded, half up, on the exact cumulative sum; the phase of open length takes what the others
        leave. Where all phases together are shorter than the run, the final value holds.

        Raises:
            ScheduleError: where the phases are longer than the run, or a duration in epochs meets a horizon that does
                not know how long an epoch is.
        """
        return Timeline(self, horizon)

    @property
    def durations(self) -> tuple[Duration, ...]:
        """Every duration that the schedule's text names, in order."""
        return tuple(one for shape in self.phases for one in shape.durations)

    @property
    def has_text(self) -> bool:
        """Whether ``parse`` reads what ``repr`` prints: not a text without end, nor ``custom``, whose function it cannot carry."""
        return not any(isinstance(one, Custom) for one in self.phases) and len(repr(self)) <= LONGEST

    def __repr__(self) -> str:
        return " >> ".join(spell(one) for one in self.phases)

    def __reduce__(self) -> tuple[Callable[..., Schedule], tuple[object]]:
        # Text is what a checkpoint loaded with weights_only=True may hold; a Python function has none.
        return (parse, (repr(self),)) if self.has_text else (Schedule, (self.phases,))


ScheduleLike: TypeAlias = Schedule | str


def parse(text: str) -> Schedule:
    """``Schedule.parse`` as a plain function, which a pickle can name."""
    return Schedule.parse(text)


def builder(function: Callable[P, Schedule]) -> Callable[P, Schedule]:
    """Let the text form call ``function`` by its name, and refuse arguments that it does not have."""
    build = _BUILDERS[function.__name__] = refusing_foreign_arguments(function, _BUILDERS)
    return build


def _with_length(call: str) -> str:
    return f"{call[:-1]}{'' if call.endswith('()') else ', '}over='50%')"
