"""The base LRs of an optimizer's parameter groups: each group's ``initial_lr``, or its ``lr`` if there is none."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from lr_toolkit.errors import ScheduleError, shorten

__all__ = ["BASE_OF_ZERO", "base_of", "set_initial_lr"]

BASE_OF_ZERO = (
    "The base LR of each group of {} is 0, and every schedule multiplies it, so nothing is trained. Write it for the optimizer, for "
    "example lr=3e-4."
)


def base_of(group: dict[str, Any], index: int) -> float:
    """The base LR of a parameter group."""
    value = group.get("initial_lr", group["lr"])
    try:
        base = float(value)
    except (TypeError, ValueError):
        base = math.nan
    if value is None and "relative_step" in group:
        raise ScheduleError(
            "ScheduledLR: the lr of this Adafactor is None, so it computes its own and no schedule can act on it. Write "
            "Adafactor(parameters, lr=1e-3, relative_step=False, warmup_init=False)."
        )
    if not 0.0 <= base < math.inf:
        raise ScheduleError(
            f"ScheduledLR: the lr of parameter group {group.get('name', index)!r} is {shorten(value)}, and a base LR is a finite number, "
            "zero or more. Write lr=1e-3 for the optimizer."
        )
    return base


def set_initial_lr(group: dict[str, Any], base: float) -> None:
    """Write a base LR, in place if it is a tensor: a compiled optimizer would compile again for a value of another type."""
    initial = group.get("initial_lr")
    if isinstance(initial, Tensor):
        initial.detach().fill_(base)
    elif initial != base:
        group["initial_lr"] = base
