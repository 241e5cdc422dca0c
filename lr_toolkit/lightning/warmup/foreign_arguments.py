"""Answers a call of ``LRWarmup`` in the argument names of other libraries with the call to write."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import decimal

__all__ = ["answer_foreign_arguments"]

P = ParamSpec("P")

# What torch, transformers, Keras, timm and pytorch_warmup call our arguments.
_OURS = {
    "epochs": "over",
    "factor": "start",
    "num_steps": "over",
    "num_warmup_steps": "over",
    "start_factor": "start",
    "steps": "over",
    "total_iters": "over",
    "warmup_epochs": "over",
    "warmup_factor": "start",
    "warmup_iters": "over",
    "warmup_period": "over",
    "warmup_ratio": "over",
    "warmup_steps": "over",
}


def answer_foreign_arguments(init: Callable[P, None]) -> Callable[P, None]:
    """``init`` of ``LRWarmup``, which answers arguments that it does not have with a ``ScheduleError`` and the call to write."""
    signature = inspect.signature(init)

    @wraps(init)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ScheduleError(_answer(args[1:], kwargs, str(error), list(signature.parameters)[1:])) from None
        init(*args, **kwargs)

    return checked


def _answer(args: tuple[Any, ...], kwargs: Mapping[str, Any], error: str, names: list[str]) -> str:
    given = _call(args, kwargs)
    known = f"Its arguments are {', '.join(names)}; from optimizers on they are given by name."
    foreign = {name: _OURS[name] for name in kwargs if name not in names and name in _OURS}
    ours = {foreign.get(name, name): _in_our_units(name, value) for name, value in kwargs.items()}
    free = set(names) - set(names[: len(args)])
    is_unknown = not ours.keys() <= set(names)
    kept = {name: value for name, value in ours.items() if name in names}
    if (
        not (foreign or is_unknown)
        or len(ours) < len(kwargs)
        or not kept.keys() <= free
        or not (args or "over" in kept)
    ):
        return f"{given}: {error}. Write LRWarmup('500 steps'). {known}"
    over = [kept.pop("over")] if not args else []
    renamed = ", ".join(f"{theirs} is called {name}" for theirs, name in foreign.items())
    why = f"{renamed} here" if renamed and not is_unknown else error
    return f"{given}: {why}. Write {_call((*args, *over), kept)}. {known}"


def _in_our_units(name: str, value: Any) -> Any:
    """The value as our argument takes it: a ratio as a share of the run, epochs with their unit."""
    if name == "warmup_ratio" and isinstance(value, float):
        return f"{decimal(value * 100)}%"
    if name in ("epochs", "warmup_epochs"):
        return f"{value} epochs"
    return value


def _call(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    return (
        f"LRWarmup({', '.join([*map(shorten, args), *(f'{name}={shorten(value)}' for name, value in kwargs.items())])})"
    )
