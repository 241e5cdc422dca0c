"""A Python function as a curve: given as it is, or registered under a name that text can carry."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, field, make_dataclass
from functools import update_wrapper
from typing import Any, ClassVar, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, DurationLike, Unit
from lr_toolkit.schedules.registry import BUILDERS, register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Shape, Value, evenly_spread
from lr_toolkit.schedules.shapes.level import length_of
from lr_toolkit.schedules.text import argument_text

__all__ = ["Custom", "custom", "register_function"]


class FunctionShape(Shape):
    """Asks a Python function for each factor."""

    __slots__ = ()

    @property
    def units(self) -> frozenset[Unit]:
        # The function counts the steps of its phase by itself.
        return frozenset({"steps", *(duration.unit for duration in self.durations)})


@final
@dataclass(frozen=True, slots=True)
class Custom(FunctionShape):
    """What ``custom(...)`` says."""

    has_text: ClassVar[bool] = False

    fn: Callable[[int], float]
    over: Duration | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not callable(self.fn):
            raise ScheduleError(
                f"custom(fn={shorten(self.fn)}): must be a function of the number of steps since the phase began, as "
                "LambdaLR's: custom(lambda i: 0.95**i)."
            )

    def bind(self, context: PhaseContext) -> Curve:
        return _FunctionCurve(self.fn, f"custom({argument_text(self.fn)})", context.length).tried()


@final
@dataclass(frozen=True, slots=True)
class _FunctionCurve(Curve):
    """fn(i, *more, **named), refused unless it is a factor; ``call`` is how an error shows it."""

    fn: Callable[..., float]
    call: str = field(compare=False)
    length: int = field(compare=False)
    more: tuple[int, ...] = ()
    named: tuple[tuple[str, Any], ...] = ()

    def __call__(self, i: Index) -> Value:
        if isinstance(i, np.ndarray):
            return np.array([self._factor(update) for update in i.tolist()], float)
        return self._factor(int(i))

    def _factor(self, i: int) -> float:
        fix = "It must give a factor of the base LR, zero or more: custom(lambda i: 0.95**i)."
        try:
            given = self.fn(i, *self.more, **dict(self.named))
        except Exception as error:
            raise ScheduleError(f"{self.call}: raised {shorten(error)} for step {i} of its phase. {fix}") from error
        try:
            value = float(given)
        except (TypeError, ValueError, OverflowError):
            value = math.nan
        if not 0.0 <= value < math.inf:
            raise ScheduleError(f"{self.call}: gave {shorten(given)} for step {i} of its phase. {fix}")
        return value

    def tried(self) -> _FunctionCurve:
        """This curve, after the function was asked at up to a thousand steps."""
        for i in evenly_spread(max(self.length, 1)):
            self._factor(i)
        return self

    @property
    def end(self) -> float:
        return self._factor(max(self.length - 1, 0))

    @property
    def edges(self) -> tuple[int, ...]:
        return tuple(evenly_spread(self.length))

    @property
    def is_monotone(self) -> bool:
        return False


@register_shape(Custom)
def custom(fn: Callable[[int], float], *, over: DurationLike | None = None) -> Schedule:
    """Follow a function of your own.

        factor(i) = fn(i)

    Args:
        fn: from the number of steps since the phase began (0, 1, ..., n - 1, never beyond; epochs if the scheduler is stepped
            per epoch) to a factor of the base value, whatever the level before. It must be pure: it is called in any order, for
            previews too. When the schedule is resolved it is tried at up to a thousand steps, evenly spread, the last
            included; a step in between, in a longer phase, is only seen when it comes.
        over: how long to follow it; ``None`` for what the other phases leave. Afterwards its last value holds.

    Raises:
        ScheduleError: if ``fn`` is no function, raises (from its exception), or gives a negative or not finite factor.
            A schedule with ``custom`` cannot be parsed from text; ``register_function`` gives the function a name that can.

    Example:
        >>> from lr_toolkit import Horizon, warmup
        >>> custom(lambda i: 0.5**i).resolve(Horizon(steps=4)).values(range(6))
        array([1.   , 0.5  , 0.25 , 0.125, 0.125, 0.125])
        >>> def halves(i):
        ...     return 0.5**i
        >>> warmup(10) >> custom(halves)
        warmup(10) >> custom(halves)

    Reference:
        torch's ``LambdaLR``.
    """
    return Schedule((Custom(fn, over=length_of(over, "custom")),))


def register_function(fn: Callable[..., float]) -> Callable[..., Schedule]:
    """Make a builder of a function, which text, YAML and checkpoints then know by the function's name.

        factor(i) = fn(i)    or    fn(i, n),    for update i of a phase of n updates

    Args:
        fn: from the number of steps since the phase began, and the length of the phase if it takes two positional arguments,
            to a factor of the base value. Its keyword-only arguments, which need defaults, become arguments of the builder.
            It must be pure, and registered wherever the text is read.

    Returns:
        the builder: ``name(*, ..., over=None) -> Schedule``.

    Raises:
        ScheduleError: for a function without a name, with other arguments, or with a name that is taken.

    Example:
        >>> from lr_toolkit import Horizon, Schedule, register_function
        >>> @register_function
        ... def halving(i, n, *, times=4):
        ...     return 0.5 ** (times * i // n)
        >>> schedule = Schedule.parse("warmup('10%') >> halving(times=3)")
        >>> schedule
        warmup('10%') >> halving(times=3)
        >>> halving(times=2).resolve(Horizon(steps=4)).values(range(5))
        array([1. , 1. , 0.5, 0.5, 0.5])

    Reference:
        torch's ``LambdaLR``, whose function no text can carry.
    """
    parameters = list(inspect.signature(fn).parameters.values())
    positional = [
        parameter.name
        for parameter in parameters
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    named = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    has_defaults = all(parameter.default is not parameter.empty for parameter in named)
    if len(positional) not in (1, 2) or len(positional) + len(named) < len(parameters) or not has_defaults:
        raise ScheduleError(
            f"register_function({argument_text(fn)}): must take the step, or the step and the phase's length, and keyword-only "
            "arguments with defaults. Write def name(i, n, *, scale=1.0)."
        )
    shape = _shape_of(fn, named, takes_length=len(positional) == 2)

    def build(*, over: DurationLike | None = None, **arguments: Any) -> Schedule:
        return Schedule((shape(**arguments, over=length_of(over, fn.__name__)),))

    update_wrapper(build, fn)
    del build.__wrapped__  # type: ignore[attr-defined]  # it is another function, with other arguments
    length = inspect.Parameter("over", inspect.Parameter.KEYWORD_ONLY, default=None)
    build.__signature__ = inspect.Signature([*named, length])  # type: ignore[attr-defined]  # as inspect asks for it
    return register_shape(shape)(build)


def _shape_of(fn: Callable[..., float], named: list[inspect.Parameter], *, takes_length: bool) -> Any:
    """A shape whose fields are the keyword-only arguments of ``fn``."""

    def check(self: Any) -> None:
        for parameter in named:
            value = getattr(self, parameter.name)
            if value is not None and type(value) not in (int, float, str):
                raise ScheduleError(
                    f"{fn.__name__}({parameter.name}={shorten(value)}): must be a number, a string or None, which text can carry. "
                    f"Write {fn.__name__}({parameter.name}={parameter.default!r})."
                )

    def bind(self: Any, context: PhaseContext) -> Curve:
        values = tuple((parameter.name, getattr(self, parameter.name)) for parameter in named)
        more = (context.length,) if takes_length else ()
        return _FunctionCurve(fn, f"{fn.__name__}(...)", context.length, more, values).tried()

    def reduce(self: Any) -> tuple[Any, ...]:
        return _rebuilt, (
            fn.__name__,
            {name: getattr(self, name) for name in (*(parameter.name for parameter in named), "over")},
        )

    arguments = [(parameter.name, Any, field(default=parameter.default, kw_only=True)) for parameter in named]
    over = ("over", Duration | None, field(default=None, kw_only=True))
    return make_dataclass(
        fn.__name__,
        [*arguments, over],
        bases=(FunctionShape,),
        namespace={"bind": bind, "__post_init__": check, "__reduce__": reduce, "__doc__": fn.__doc__},
        frozen=True,
        slots=True,
    )


def _rebuilt(name: str, arguments: dict[str, Any]) -> Shape:
    """The shape of a registered function that was pickled by its name."""
    shape: Shape = BUILDERS[name](**arguments).phases[0]
    return shape
