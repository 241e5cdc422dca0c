"""What functions share in reading their arguments: an answer to those that they do not have or lack, and what a list is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import wraps
from typing import Any, ParamSpec, TypeGuard, TypeVar

from lr_toolkit.errors import ScheduleError, shorten

__all__ = ["answer_arguments", "is_list"]

P = ParamSpec("P")
R = TypeVar("R")


def answer_arguments(call: str, example: str, answers: Mapping[str, str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function, or an ``__init__``: a call with wrong arguments raises a ``ScheduleError`` with the line to write.

    A right call costs nothing more.

    Args:
        call: the name of the function, as its caller writes it.
        example: a right call.
        answers: what to write in place of the arguments of other libraries; ``{}`` stands for the value.

    Example:
        >>> @answer_arguments("area", "area(2, height=3)", {"tall": "Write height={}."})
        ... def area(width, *, height):
        ...     return width * height
        >>> area(2, tall=3)
        Traceback (most recent call last):
        ...
        lr_toolkit.errors.ScheduleError: area(2, tall=3): there is no argument 'tall'. Write height=3. Its arguments are width, \
height.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        signature = inspect.signature(function)

        @wraps(function)
        def answering(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except TypeError:
                try:
                    signature.bind(*args, **kwargs)
                except TypeError as error:
                    reason = str(error)
                else:
                    raise  # an error of the function itself
            raise ScheduleError(_answer(call, example, answers, signature, args, kwargs, reason))

        return answering

    return decorate


def _answer(
    call: str,
    example: str,
    answers: Mapping[str, str],
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    reason: str,
) -> str:
    is_method = next(iter(signature.parameters), "") == "self"
    names = list(signature.parameters)[is_method:]
    named = [f"{key}={_shown(value)}" for key, value in kwargs.items()]
    given = ", ".join([*map(_shown, args[is_method:]), *named])
    unknown = next((key for key in kwargs if key not in names), "")
    near = get_close_matches(unknown, set(names) - set(kwargs), n=1) if unknown else []
    if unknown:
        reason = f"there is no argument {unknown!r}"
    if unknown in answers:
        fix = answers[unknown].format(_shown(kwargs[unknown]))
    elif near:
        fix = f"Write {near[0]}={_shown(kwargs[unknown])}."
    else:
        fix = f"Write {example}."
    return f"{call}({given}): {reason}. {fix} Its arguments are {', '.join(names)}."


def _shown(value: object) -> str:
    """An argument in a message; an optimizer by its class, because its text is long."""
    return type(value).__name__ if hasattr(value, "param_groups") else shorten(value)


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether it is a list, a tuple, or a list of a configuration library (OmegaConf's ``ListConfig``); a text is none."""
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))
