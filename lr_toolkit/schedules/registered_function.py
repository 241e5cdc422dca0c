"""Functions of the user as builders: a registered function has a name that text can carry."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import field, make_dataclass
from functools import update_wrapper
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.functions import FunctionCurve, FunctionShape
from lr_toolkit.schedules.registry import BUILDERS, register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, PhaseContext, Shape
from lr_toolkit.schedules.text import argument_text

__all__ = ["register_function"]

_PLAIN = (int, float, str)


def register_function(fn: Callable[..., float]) -> Callable[..., Schedule]:
    """Make a builder of a function, which text, YAML and checkpoints then know by the function's name.

        factor(i) = fn(i)    or    fn(i, n),    for update i of a phase of n updates

    Args:
        fn: from the number of steps since the phase began, and the length of the phase if it takes two positional arguments,
            to a factor of the base value. Its keyword-only arguments, whose defaults are numbers, strings or ``None``, become
            arguments of the builder. It must be pure, and registered in each process that reads the text.

    Returns:
        the builder: ``name(*, ..., over=None) -> Schedule``.

    Raises:
        ScheduleError: for a function without a name, with other arguments, or with a name that is taken.

    Example:
        >>> from lr_toolkit import Horizon, Schedule, register_function
        >>> @register_function
        ... def octaves(i, n, *, times=4):
        ...     return 0.5 ** (times * i // n)
        >>> schedule = Schedule.parse("warmup('10%') >> octaves(times=3)")
        >>> schedule
        warmup('10%') >> octaves(times=3)
        >>> octaves(times=2).resolve(Horizon(steps=4)).values(range(5))
        array([1. , 1. , 0.5, 0.5, 0.5])

    Reference:
        torch's ``LambdaLR``, whose function no text can carry.
    """
    positional, named = _parameters(fn)
    shape = _shape_of(fn, named, takes_length=len(positional) == 2)

    def build(*, over: DurationLike | None = None, **arguments: Any) -> Schedule:
        return Schedule((shape(**arguments, over=optional_duration(over, fn.__name__)),))

    update_wrapper(build, fn)
    del build.__wrapped__  # type: ignore[attr-defined]  # the builder takes other arguments than the function
    over = inspect.Parameter("over", inspect.Parameter.KEYWORD_ONLY, default=None)
    build.__signature__ = inspect.Signature([*named, over])  # type: ignore[attr-defined]  # inspect.signature reads it
    return register_shape(shape)(build)


def _parameters(fn: Callable[..., float]) -> tuple[list[inspect.Parameter], list[inspect.Parameter]]:
    """The positional and the keyword-only parameters of a function that can be registered."""
    parameters = list(inspect.signature(fn).parameters.values())
    positional_kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [parameter for parameter in parameters if parameter.kind in positional_kinds]
    named = [parameter for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
    has_defaults = all(parameter.default is not parameter.empty for parameter in named)
    if len(positional) not in (1, 2) or len(positional) + len(named) < len(parameters) or not has_defaults:
        raise ScheduleError(
            f"register_function({argument_text(fn)}): must take the step, or the step and the phase's length, and keyword-only "
            "arguments with defaults. Write def name(i, n, *, scale=1.0)."
        )
    taken = next(
        (parameter.name for parameter in named if hasattr(Shape, parameter.name) or parameter.name == "over"), None
    )
    if taken is not None:
        raise ScheduleError(
            f"register_function({argument_text(fn)}): {taken!r} cannot be an argument, because each phase has an attribute of that "
            f"name. Write another one, for example {taken}_of."
        )
    wrong = next((parameter for parameter in named if not _is_plain(parameter.default)), None)
    if wrong is not None:
        raise ScheduleError(
            f"register_function({argument_text(fn)}): {wrong.name}={shorten(wrong.default)}: a default must be a number, a string or "
            f"None, which text can carry. Write {_with_plain_defaults(fn)}."
        )
    return positional, named


def _is_plain(value: object) -> bool:
    """Whether text can carry an argument; True and False are no numbers in it."""
    return value is None or type(value) in _PLAIN


def _with_plain_defaults(fn: Callable[..., float]) -> str:
    """The line that defines the function with defaults that text can carry."""
    signature = inspect.signature(fn)
    parameters = []
    for parameter in signature.parameters.values():
        default = parameter.default
        if parameter.kind is parameter.KEYWORD_ONLY and not _is_plain(default):
            default = next((kind(default) for kind in _PLAIN if isinstance(default, kind)), None)
        parameters.append(parameter.replace(default=default, annotation=parameter.empty))
    return f"def {argument_text(fn)}{inspect.Signature(parameters)}"


def _shape_of(fn: Callable[..., float], named: list[inspect.Parameter], *, takes_length: bool) -> Any:
    """A shape whose fields are the keyword-only arguments of ``fn``."""
    names = [parameter.name for parameter in named]

    def check(self: Any) -> None:
        for parameter in named:
            value = getattr(self, parameter.name)
            if not _is_plain(value):
                raise ScheduleError(
                    f"{fn.__name__}({parameter.name}={shorten(value)}): must be a number, a string or None, which text can carry. "
                    f"Write {fn.__name__}({parameter.name}={parameter.default!r})."
                )

    def bind(self: Any, context: PhaseContext) -> Curve:
        values = tuple((name, getattr(self, name)) for name in names)
        more = (context.length,) if takes_length else ()
        return FunctionCurve(fn, f"{fn.__name__}(...)", context.length, more, values).checked()

    def reduce(self: Any) -> tuple[Any, ...]:
        return _rebuilt, (fn.__name__, {name: getattr(self, name) for name in (*names, "over")})

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
