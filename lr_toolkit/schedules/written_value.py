"""Reads a value as a configuration writes it: its text, or a mapping of its arguments."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten

__all__ = ["holds_call", "is_written", "read_written"]

_LONGEST = 20_000
_CALL = re.compile(r"[^\W\d]\w{0,99}\s{0,9}\(")


def read_written(name: str, given: Any, kinds: Mapping[str, Callable[..., Any]], example: str) -> Any:
    """What a text or a mapping stands for; nothing is evaluated, and nothing is imported.

    Args:
        name: the argument for which it is given.
        given: the text that ``repr`` prints, ``"Horizon(steps=10)"``; or the arguments, ``{"steps": 10}``, also below the path of a
            class as LightningCLI (``class_path``, ``init_args``) and Hydra (``_target_``) write it, whose last part counts.
        kinds: the classes by name; a mapping without a path is for the first.
        example: a right value.

    Raises:
        ScheduleError: for anything else.

    Example:
        >>> read_written("run", "dict(steps=10, lengths=[4, 6])", {"dict": dict}, "dict(steps=1)")
        {'steps': 10, 'lengths': [4, 6]}
        >>> read_written("run", {"_target_": "builtins.dict", "steps": 10}, {"dict": dict}, "dict(steps=1)")
        {'steps': 10}
    """
    shown, known = f"{name}={shorten(given)}", ", ".join(kinds)
    positional: list[Any] = []
    if isinstance(given, str):
        call = _read_call(given)
        if call is None:
            raise ScheduleError(f"{shown}: cannot be read. Write {name}={example}.")
        kind, positional, named = call
    elif isinstance(given, Mapping):
        kind, named = _read_mapping(given)
    else:
        raise ScheduleError(f"{shown}: must be one of {known}. Write {name}={example}, or its text.")
    if kind and kind not in kinds:
        raise ScheduleError(f"{shown}: {kind} is none of {known}. Write {name}={example}.")
    return kinds[kind or next(iter(kinds))](*positional, **named)


def is_written(given: Any, *required: str) -> bool:
    """Whether a value is written for ``read_written``: a text with a call, or a mapping with a path or the ``required`` keys.

    Example:
        >>> [is_written(given, "steps") for given in ("Horizon(10)", {"steps": 10}, {"hours": 24}, "24h", 24)]
        [True, True, False, False, False]
    """
    if isinstance(given, Mapping):
        return bool({"class_path", "_target_"} & given.keys()) or set(required) <= given.keys()
    return isinstance(given, str) and holds_call(given)


def holds_call(text: str) -> bool:
    """Whether a text has a call in it, as each text of a schedule has: a name and a parenthesis.

    Example:
        >>> [holds_call(text) for text in ("cosine()", "warmup (5) >> hold()", "(0.9, 0.95)", "0.1", "cosine")]
        [True, True, False, False, False]
    """
    return _CALL.search(text) is not None


def _read_call(text: str) -> tuple[str, list[Any], dict[str, Any]] | None:
    """The name and the arguments of the call in a text; ``None`` if it is no call of a name with plain values."""
    try:
        call = ast.parse(text.strip() if len(text) <= _LONGEST else "", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return None
        names = [keyword.arg for keyword in call.keywords]
        if None in names or len(set(names)) < len(names):
            return None
        positional = [ast.literal_eval(argument) for argument in call.args]
        named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None
    return call.func.id, positional, named


def _read_mapping(given: Mapping[Any, Any]) -> tuple[str, dict[str, Any]]:
    """The name of the class, empty without a path, and its arguments."""
    arguments = {str(key): value for key, value in given.items()}
    for path, below in (("class_path", "init_args"), ("_target_", "")):
        if path in arguments:
            name = str(arguments.pop(path)).rpartition(".")[2]
            return name, dict(arguments.get(below) or {}) if below else arguments
    return "", arguments
