"""Given levels at milestones: stairs, or a path through points."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal, TypeAlias, final

import numpy as np

from lr_toolkit.arguments import is_list
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.milestones import place_milestones, read_milestones, unsorted_pair
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Shape, Value, exact_ratio, is_level

__all__ = ["Piecewise", "piecewise"]

Path: TypeAlias = Literal["constant", "linear", "cosine"]
_PATHS = ("constant", "linear", "cosine")
_EXAMPLE = "at=['50%', '75%'], levels=[1.0, 0.5, 0.1]"


@final
@dataclass(frozen=True, slots=True)
class Piecewise(Shape):
    """The arguments of ``piecewise(...)``."""

    at: tuple[Duration, ...]
    levels: tuple[float, ...] | None = field(default=None, kw_only=True)
    levels_lr: tuple[float, ...] | None = field(default=None, kw_only=True)
    shape: Path = field(default="constant", kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if (self.levels is None) == (self.levels_lr is None):
            raise _refused("the levels are given either as factors, levels=[...], or as LRs, levels_lr=[...]")
        name = "levels" if self.levels_lr is None else "levels_lr"
        levels: Any = getattr(self, name)
        wrong = next((level for level in levels if not is_level(level)), None)
        if wrong is not None:
            raise _refused(f"{name}=[..., {shorten(wrong)}, ...]: each level is a finite number, zero or more")
        object.__setattr__(self, name, tuple(float(level) + 0.0 for level in levels))
        if not self.at or len(levels) != len(self.at) + 1:
            counted = f"at has {len(self.at)} milestones and {name} {len(levels)} levels"
            raise _refused(f"{counted}; there is one level more, because the first holds before the first milestone")
        if self.shape not in _PATHS:
            raise _refused(f"shape={shorten(self.shape)}: must be one of {', '.join(map(repr, _PATHS))}")
        if unsorted := unsorted_pair(self.at):
            raise self._unsorted(*unsorted)

    def bind(self, context: PhaseContext) -> Curve:
        milestones = place_milestones(self.at, context)
        for index, (earlier, later) in enumerate(pairwise(milestones)):
            if earlier > later:
                raise self._unsorted(self.at[index], self.at[index + 1])
        last = milestones[-1] + (self.shape == "constant")
        if last > context.length:
            raise _refused(
                f"milestone {milestones[-1]} (at={self.at[-1].literal}) comes after the last of the {context.length} steps that this "
                "phase takes"
            )
        levels = self.levels or tuple(0.0 for _ in self.levels_lr or ())  # LRs above zero became factors
        return (_StairsOfLevels if self.shape == "constant" else _PathOfLevels)(milestones, levels, self.shape)

    def _unsorted(self, earlier: Duration, later: Duration) -> ScheduleError:
        return _refused(
            f"at=[..., {earlier.literal}, {later.literal}, ...]: milestones come in rising order, each once"
        )

    @property
    def absolute_levels(self) -> tuple[float, ...]:
        return tuple(level for level in self.levels_lr or () if level)

    def relative_to(self, base: float) -> Shape:
        if not self.absolute_levels:
            return self
        if base == 0.0:
            raise _refused("the base LR is 0, of which no LR is a multiple; give the levels as factors")
        return replace(self, levels=tuple(exact_ratio(level, base) for level in self.levels_lr or ()), levels_lr=None)


def _refused(why: str) -> ScheduleError:
    return ScheduleError(f"piecewise(...): {why}. Write piecewise({_EXAMPLE}).")


@dataclass(frozen=True, slots=True)
class _LevelsCurve(Curve):
    is_monotone = True

    milestones: tuple[int, ...]
    levels: tuple[float, ...]
    shape: str

    @property
    def edges(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(self.milestones))

    @property
    def end(self) -> float:
        return self.levels[-1]


@final
@dataclass(frozen=True, slots=True)
class _StairsOfLevels(_LevelsCurve):
    def __call__(self, i: Index) -> Value:
        if isinstance(i, np.ndarray):
            return np.array(self.levels)[np.searchsorted(self.milestones, i, side="right")]
        return self.levels[bisect_right(self.milestones, i)]


@final
@dataclass(frozen=True, slots=True)
class _PathOfLevels(_LevelsCurve):
    def __call__(self, i: Index) -> Value:
        if not isinstance(i, np.ndarray):
            return float(self(np.array([i]))[0])
        places, levels = np.array((0, *self.milestones)), np.array(self.levels)
        left = np.searchsorted(places, i, side="right") - 1
        right = np.minimum(left + 1, len(self.levels) - 1)
        width = np.maximum(places[right] - places[left], 1)
        passed = np.minimum((i - places[left]) / width, 1.0)
        rest = (np.maximum(places[right] - i, 0)) / width
        if self.shape == "cosine":
            passed, rest = np.sin(math.pi / 2 * passed) ** 2, np.sin(math.pi / 2 * rest) ** 2
        return np.where(left == right, levels[right], levels[left] * rest + levels[right] * passed)


@register_shape(Piecewise)
def piecewise(
    at: Sequence[DurationLike],
    *,
    levels: Sequence[float] | None = None,
    levels_lr: Sequence[float] | None = None,
    shape: Path = "constant",
    over: DurationLike | None = None,
) -> Schedule:
    """Take given levels at milestones, in stairs or along a path through the points.

        "constant":  factor(i) = levels[how many milestones are <= i]
        "linear":    through the points (0, levels[0]), (at[0], levels[1]), (at[1], levels[2]), ...
        "cosine":    the same points, joined by halves of a cosine

    After the last milestone the last level holds.

    Take it for a plan that is a table of numbers, or for stairs with a factor of their own at each milestone. Leave it if
    ``multistep`` or a composition has the same meaning: those begin at the level reached, and these levels are the base value's.

    Args:
        at: the milestones, in rising order, counted from the beginning of the phase. The update at a milestone is the first with
            the new level.
        levels: factors of the base value, one more than milestones: the first holds from the beginning on.
        levels_lr: the same as LRs, instead of ``levels``.
        shape: how to go from one level to the next.
        over: how long the phase lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: if the milestones do not rise, if the levels are not one more than they, not finite, negative or given
            twice, and, when the schedule is resolved, if a milestone lies after the end of the phase.

    Example:
        >>> from lr_toolkit import Horizon
        >>> piecewise([2, 4], levels=[1.0, 0.5, 0.1]).resolve(Horizon(steps=5)).values(range(5))
        array([1. , 1. , 0.5, 0.5, 0.1])
        >>> piecewise([2, 4], levels=[0.0, 1.0, 0.5], shape="linear").resolve(Horizon(steps=5)).values(range(5))
        array([0.  , 0.5 , 1.  , 0.75, 0.5 ])

    Reference:
        keras' ``PiecewiseConstantDecay``, in which the update at a boundary still has the old level; optax's
        ``piecewise_interpolate_schedule``; ignite's ``PiecewiseLinear``; fairseq's ``manual``.
    """
    given = {"levels": levels, "levels_lr": levels_lr}
    for name, value in given.items():
        if value is not None and not is_list(value):
            raise _refused(f"{name}={shorten(value)}: the levels are a list")
    tuples = {name: None if value is None else tuple(value) for name, value in given.items()}
    milestones, length = read_milestones(at, "piecewise", _EXAMPLE), optional_duration(over, "piecewise")
    return Schedule((Piecewise(milestones, **tuples, shape=shape, over=length),))
