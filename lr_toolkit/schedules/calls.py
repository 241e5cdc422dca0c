"""A builder's call with arguments that it does not have, answered in the names of the library that they come from."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from lr_toolkit.errors import ScheduleError, shorten

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
    "num_decay_steps": ("decay",),
    "num_steps": ("over",),
    "num_training_steps": ("over",),
    "num_warmup_steps": ("warmup", "over"),
    "start_factor": ("start",),
    "step_size": ("every",),
    "total_iters": ("over",),
    "transition_steps": ("every", "over"),
    "warmup_ratio": ("warmup", "over"),
    "warmup_steps": ("warmup", "over"),
}
# What they call the length and the beginning of a climb, which theirs have within a decay. A start of 1 is none.
_CLIMBS = frozenset({"num_warmup_steps", "start_factor", "warmup_ratio", "warmup_steps"})


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
    climb = next((key for key in given if key in _CLIMBS and given[key] != 1), None)
    if climb is not None and not {"start", "warmup"} & set(known):
        write = f"warmup('500 steps') >> {name}(...), with the length of yours"
        return f"{call}: {climb} belongs to a phase of its own here. Write {write}. Its arguments are {name}({', '.join(known)})."
    for key in given:
        ours = next((one for one in _ELSEWHERE.get(key, ()) if one in known), None)
        if ours is not None and key not in known:
            write = f"{name}({ours}={shorten(given[key])})"
            return f"{call}: {key} is called {ours} here. Write {write}. Its arguments are {name}({', '.join(known)})."
    return f"{call}: {error}. Its arguments are {name}({', '.join(known)})."
