"""Stairs at milestones."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.geometric import GeometricCurve, GeometricShape
from lr_toolkit.schedules.milestones import place_milestones, read_milestones, unsorted_pair
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Index, PhaseContext, Value
from lr_toolkit.schedules.text import argument_text, call_text

__all__ = ["MultiStep", "multistep"]


@final
@dataclass(frozen=True, slots=True)
class MultiStep(GeometricShape):
    """The arguments of ``multistep(...)``."""

    at: tuple[Duration, ...]

    def __post_init__(self) -> None:
        GeometricShape.__post_init__(self)
        if not self.at:
            raise ScheduleError(
                "multistep(at=[]): without a milestone nothing happens. Write hold() or multistep(at=['50%', '75%'])."
            )
        if unsorted := unsorted_pair(self.at):
            raise self._unsorted(*unsorted, [(milestone.unit, milestone.amount) for milestone in self.at])

    def curve(self, start: float, context: PhaseContext) -> GeometricCurve:
        milestones = place_milestones(self.at, context)
        for index, (earlier, later) in enumerate(pairwise(milestones)):
            if earlier > later:
                raise self._unsorted(self.at[index], self.at[index + 1], milestones)
        if milestones[-1] >= context.length:
            raise self._too_late(milestones, context.length)
        return _MultiStepCurve(start, self.gamma, milestones)

    def _too_late(self, milestones: Sequence[int], length: int) -> ScheduleError:
        acting = self.at[: sum(milestone < length for milestone in milestones)]
        stay = f"hold({'' if self.over is None else argument_text(self.over)})"
        return ScheduleError(
            f"multistep(at=[..., {self.at[-1].literal}]): milestone {milestones[-1]} comes after the last of the {length} steps "
            f"that this phase takes, so it would never act. Write {call_text(self, at=acting) if acting else stay}, or milestones "
            "as shares of the run: at=['50%', '75%']."
        )

    def _unsorted(self, earlier: Duration, later: Duration, ranks: Sequence[Any]) -> ScheduleError:
        ordered = sorted(range(len(ranks)), key=lambda index: ranks[index])
        distinct = tuple(dict.fromkeys(self.at[index] for index in ordered))
        return ScheduleError(
            f"multistep(at=[..., {earlier.literal}, {later.literal}, ...]): milestones come in rising order, each once. "
            f"Write {call_text(self, at=distinct)}."
        )


@final
@dataclass(frozen=True, slots=True)
class _MultiStepCurve(GeometricCurve):
    milestones: tuple[int, ...]

    def exponent(self, i: Index) -> Value:
        if isinstance(i, np.ndarray):
            return np.searchsorted(self.milestones, i, side="right").astype(np.float64)
        return float(bisect_right(self.milestones, i))

    @property
    def end(self) -> float:
        return float(self(self.milestones[-1]))

    @property
    def edges(self) -> tuple[int, ...]:
        return self.milestones


@register_shape(MultiStep)
def multistep(
    at: Sequence[DurationLike],
    *,
    gamma: float = 0.1,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Multiply the level by ``gamma`` at each milestone.

        factor(i) = start * gamma ** (how many milestones are <= i)

    Take it to follow a recipe that has it (ResNets). Leave it otherwise: in small tasks a smooth decay reached the loss of stairs in
    1/1.3 of the updates. For another factor at each milestone write ``piecewise``.

    Args:
        at: the milestones, in rising order, counted from the beginning of the phase: ``[30, 60]`` in updates,
            ``["30 epochs", "60 epochs"]``, or shares of the run ``["50%", "75%"]``. The update at a milestone is the
            first with the new factor.
        gamma: the factor of one drop, above zero.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the stairs are; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: if there is no milestone, if they do not rise, if ``gamma`` is not above zero, and, when the schedule is
            resolved, if a milestone lies at or after the end of the phase, or if the phase would begin at zero.

    Example:
        >>> from lr_toolkit import Horizon
        >>> multistep(at=["50%", "75%"], gamma=0.5).resolve(Horizon(steps=8)).values(range(8))
        array([1.  , 1.  , 1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25])
        >>> multistep(at=[3, 5]).resolve(Horizon(steps=6)).values(range(6)).round(3)
        array([1.  , 1.  , 1.  , 0.1 , 0.1 , 0.01])

    Reference:
        torch's ``MultiStepLR``; He et al. 2015 (ResNet), https://arxiv.org/abs/1512.03385.
    """
    milestones = read_milestones(at, "multistep", "at=['50%', '75%']")
    shape = MultiStep(
        milestones, gamma=gamma, start=start, start_lr=start_lr, over=optional_duration(over, "multistep")
    )
    return Schedule((shape,))
