"""The curves of a logged run, and which of its names are learning rates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

__all__ = ["Curve", "LoggedCurves", "is_lr", "matched"]

Curve = dict[int, float]
"""The value of each update that has one, in order."""


@final
@dataclass(frozen=True, slots=True)
class LoggedCurves:
    """What a logger has kept of a run.

    Attributes:
        place: the folder or file of the run.
        used: the LRs that its updates used, by the names of the series.
        planned: those that ``LRMonitor`` planned before the first one; none if it did not log the run.
    """

    place: Path
    used: Mapping[str, Curve]
    planned: Mapping[str, Curve]


def is_lr(name: str) -> bool:
    """Whether a series looks like a learning rate, by the names of LRMonitor and of Lightning's monitor.

    Example:
        >>> [name for name in ("lr/head", "lr-AdamW/pg1", "optim/lr", "learning_rate", "loss", "lr_plan/x") if is_lr(name)]
        ['lr/head', 'lr-AdamW/pg1', 'optim/lr', 'learning_rate']
    """
    return bool(re.search(r"(?:^|[/-])(?:lr|learning_rate)(?:[/-]|$)", name))


def matched(used: Mapping[str, Curve], planned: Mapping[str, Curve]) -> dict[str, Curve]:
    """The used LRs, by the names of the planned ones if there are any: a logger may put a prefix before a name.

    Example:
        >>> matched({"run1-lr/head": {0: 0.1}, "lr": {0: 1.0}}, {"lr/head": {0: 0.1}})
        {'lr/head': {0: 0.1}}
        >>> matched({"run1-lr/head": {0: 0.1}, "loss": {0: 1.0}}, {})
        {'run1-lr/head': {0: 0.1}}
    """
    if not planned:
        return {name: curve for name, curve in used.items() if curve and is_lr(name)}
    found = {plan: _named(plan, used) for plan in planned}
    return {plan: used[name] for plan, name in found.items() if name is not None}


def _named(plan: str, names: Iterable[str]) -> str | None:
    return next((name for name in names if name == plan or name.endswith(f"-{plan}")), None)
