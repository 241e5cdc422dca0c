"""Decides which updates are logged, from plain numbers."""

from __future__ import annotations

import math
from collections.abc import Container
from typing import Literal, NamedTuple, TypeAlias

__all__ = ["BEFORE_TRAINING", "Interval", "Position", "is_due", "next_log_step"]

Interval: TypeAlias = Literal["step", "epoch", "any"]


class Position(NamedTuple):
    """Where an update stands.

    Attributes:
        step: Lightning's x axis, the number of batches that stepped before.
        epoch: the epoch of the update.
        scheduler_step: the count of its scheduler, -1 without one of this package.
    """

    step: int
    epoch: int
    scheduler_step: int


BEFORE_TRAINING = Position(-1, -1, -1)


def is_due(
    now: Position, before: Position, *, interval: Interval, every: int, phase_starts: Container[int], last_row: int
) -> bool:
    """Whether the update at ``now`` is logged.

    The first update is logged, and each one at which a phase begins. With the interval ``"step"`` so is the first update
    at or after each ``every``-th batch; with ``"epoch"`` the first update of an epoch; with ``"any"`` both.

    Args:
        now: where the update stands.
        before: where the update before it stood, ``BEFORE_TRAINING`` for the first.
        interval: what the cadence counts.
        every: ``log_every_n_steps``; 0 logs no update for its number alone.
        phase_starts: the counts at which a phase of the schedule begins.
        last_row: the step of the last row, -1 before the first; also -1 if a group has joined since.

    Example:
        >>> options = {"interval": "step", "every": 10, "phase_starts": {13}, "last_row": 0}
        >>> [k for k in range(1, 25) if is_due(Position(k, 0, k), Position(k - 1, 0, k - 1), **options)]
        [9, 13, 19]
    """
    if last_row < 0 or (now.scheduler_step in phase_starts and now.scheduler_step != before.scheduler_step):
        return True
    # Under manual optimization the batch at the cadence may have no update: the next update is logged instead.
    if interval != "epoch" and every > 0 and (now.step + 1) // every > (before.step + 1) // every:
        return True
    return interval != "step" and now.epoch != before.epoch


def next_log_step(step: int, every: int) -> float:
    """The first step after ``step`` at which ``every`` makes an update due.

    Example:
        >>> next_log_step(3, 10), next_log_step(9, 10)
        (9, 19)
    """
    return ((step + 1) // every + 1) * every - 1 if every > 0 else math.inf
