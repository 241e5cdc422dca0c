"""A builder's call with arguments that it does not have, answered in the names of the library that they come from."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.durations import shorten

__all__ = ["refusing_foreign_arguments"]

P = ParamSpec("P")
R = TypeVar("R")

# What torch, transformers and optax call the arguments of ours: the first that a builder has is meant.
_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "T_max": ("over",),
    "alpha": ("end",),
    "boundaries": ("at",),
    "decay_rate": ("gamma",),
    "decay_steps": ("over",),
    "end_factor": ("end",),
    "end_value": ("end_lr",),
    "eta_min": ("end_lr",),
    "factor": ("gamma",),
    "lr_end": ("end_lr",),
    "lr_lambda": ("fn",),
    "milestones": ("at",),
    "min_lr": ("end_lr",),
    "min_lr_rate": ("end",),
    "num_steps": ("over",),
    "num_training_steps": ("over",),
    "num_warmup_steps": ("over",),
    "start_factor": ("start",),
    "step_size": ("every",),
    "total_iters": ("over",),
    "transition_steps": ("every", "over"),
    "warmup_ratio": ("over",),
    "warmup_steps": ("over",),
}


def refusing_foreign_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """``function``, which answers arguments that it does not take with a ``ScheduleError`` that says those it takes."""
    signature = inspect.signature(function)

    @wraps(function)
    def build(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ScheduleError(_refusal(function.__name__, signature, args, kwargs, error)) from None
        return function(*args, **kwargs)

    return build


def _refusal(
    name: str, signature: inspect.Signature, args: tuple[object, ...], given: dict[str, Any], error: TypeError
) -> str:
    call = f"{name}({', '.join([*map(shorten, args), *(f'{key}={shorten(value)}' for key, value in given.items())])})"
    known = list(signature.parameters)
    for key in given:
        ours = next((one for one in _ELSEWHERE.get(key, ()) if one in known), None)
        if ours is not None and key not in known:
            write = f"{name}({ours}={shorten(given[key])})"
            return f"{call}: {key} is called {ours} here. Write {write}. Its arguments are {name}({', '.join(known)})."
    return f"{call}: {error}. Its arguments are {name}({', '.join(known)})."
