"""The factors that other libraries leave in parameter groups (``lr_scale``), which their own schedulers multiply."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from lr_toolkit.errors import ScheduleError, shorten

__all__ = ["SCALE_KEYS", "is_groups", "scaled_groups"]

SCALE_KEYS = ("lr_scale", "lr_mult", "lr_multiplier", "lr_multi", "lr_factor", "lr_ratio")
"""The keys of timm, of detection libraries, of DINOv2, of self-supervised clustering, and of training loops of one's own."""


def is_groups(given: object) -> TypeGuard[Sequence[dict[str, Any]]]:
    """Whether these are parameter groups: dicts that have ``params``."""
    return (
        isinstance(given, (list, tuple))
        and bool(given)
        and all(isinstance(group, Mapping) and "params" in group for group in given)
    )


def scaled_groups(
    groups: Sequence[dict[str, Any]], lr: float, weight_decay: float | None, prefix: str, refused: Sequence[str]
) -> list[dict[str, Any]]:
    """Copies of groups whose LR is multiplied by the factor that they carry, without its key.

        group lr = own lr, or lr * lr_scale

    Raises:
        ScheduleError: if an argument is given that needs a module, or if a factor is no number of zero or more.
    """
    if refused:
        raise ScheduleError(
            f"param_groups([...], {refused[0]}=...): the groups are made already, and {refused[0]} needs the tree of the module. Write "
            f"param_groups(model, lr={lr!r}, {refused[0]}=...)."
        )
    scaled = []
    for index, group in enumerate(groups):
        factor = math.prod(_factor(group[key], key, index) for key in SCALE_KEYS if key in group)
        rest = {key: value for key, value in group.items() if key not in SCALE_KEYS}
        named = {"name": f"{prefix}{group['name']}"} if "name" in group else {}
        decay = {} if weight_decay is None or "weight_decay" in group else {"weight_decay": weight_decay}
        scaled.append({**rest, **named, **decay, "lr": group.get("lr", lr) * factor})
    return scaled


def _factor(value: Any, key: str, index: int) -> float:
    try:
        factor = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        factor = math.nan
    if not 0.0 <= factor < math.inf:
        raise ScheduleError(
            f"param_groups([...]): group {index} has {key}={shorten(value)}, and a factor is a finite number, zero or more. Write "
            f"group[{key!r}] = 1.0."
        )
    return factor
