"""Phases that would do nothing, for every builder that moves a level, in every place where one can be written."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from itertools import product

from lr_toolkit.schedules.registry import BUILDERS

# What a builder requires before its levels.
_REQUIRED = {
    "exponential": ["0.9", "every=1"],
    "exponential_to": ["ratio=0.1"],
    "hyperbolic": ["500"],
    "inverse_sqrt": ["7"],
    "inverse_time": ["7"],
    "multistep": ["[3]"],
    "polynomial": ["2.0"],
    "step": ["3"],
}
_LEVELS = ["=0.0", "=0.5", "=1.0", "_lr=0.0", "_lr=0.001"]
_BEFORE = [
    "",
    "hold(10) >> ",
    "hold(10, level=0.5) >> ",
    "hold(10, level_lr=0.001) >> ",
    "linear(over=10) >> ",
]
_AROUND = ["{}", "repeat({}, 2)", "scaled({}, 0.5, floor_lr=0.001)"]


def names_with_start(names: Sequence[str]) -> list[str]:
    """Those of the builders whose phase begins at the level reached, or at a start of its own."""
    return [name for name in names if "start_lr" in inspect.signature(BUILDERS[name]).parameters and name != "warmup"]


def maybe_idle(name: str) -> Iterator[tuple[str, str]]:
    """Calls of a builder, of which many would do nothing; each with the schedule around it, which has {} in its place."""
    has_end = "end" in inspect.signature(BUILDERS[name]).parameters
    for start, end, over in product(["", *_LEVELS], ["", *_LEVELS] if has_end else [""], ["", "=5"]):
        if start and has_end and start != (end or "=0.0"):
            continue  # it moves
        levels = {"end": end, "start": start, "over": over}
        arguments = [*_REQUIRED.get(name, []), *(f"{key}{level}" for key, level in levels.items() if level)]
        for before, around in product(_BEFORE, _AROUND):
            yield f"{name}({', '.join(arguments)})", before + around
