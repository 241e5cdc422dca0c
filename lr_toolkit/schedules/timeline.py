"""What a run follows: a pure function from update numbers to factors of a base value."""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from bisect import bisect_right
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.horizon import Horizon, horizon_state
from lr_toolkit.schedules.placement import ResolvedPhase, check_horizon, place_phases
from lr_toolkit.schedules.shape import Shape
from lr_toolkit.schedules.text import call_text, schedule_text

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ExactPhase", "Phase", "ResolvedTimeline", "Timeline"]


@final
@dataclass(frozen=True, slots=True)
class Phase:
    """A phase as a run follows it: its shape, and its updates ``start`` to ``end - 1``."""

    shape: Shape
    start: int
    end: int

    @property
    def name(self) -> str:
        """The name of its builder."""
        return self.shape.name

    @property
    def text(self) -> str:
        """The builder's call."""
        return call_text(self.shape)

    @property
    def warms_up(self) -> bool:
        """Whether it climbs to the base value."""
        return self.shape.warms_up


_BLOCK = 2**15  # updates that are computed together, in the cache of the processor

ExactPhase: TypeAlias = "tuple[Shape, Fraction, Fraction]"
"""A shape with its exact beginning and end: if they were rounded before a stretch, it would act too early."""


class Timeline(ABC):
    """The factor of every update of a run: a pure, immutable function.

    ``timeline(k)`` is the factor of update k (0 is the first), ``timeline(k, base_lr=...)`` the LR itself, and
    ``timeline.values(ks)`` the same for an array of any shape. After the last update the final value holds. Each value is
    computed from k alone in float64, so nothing drifts and any k can be asked at any time.

    Abstract: ``Schedule.resolve`` returns one. A plan that changed during a run is one too (``changed.py``).

    Example:
        >>> from lr_toolkit import Horizon, Timeline, linear
        >>> timeline = linear().resolve(Horizon(steps=4))
        >>> isinstance(timeline, Timeline), timeline(1), timeline(1, base_lr=0.1)
        (True, 0.75, 0.07500000000000001)
    """

    __slots__ = ()

    @property
    @abstractmethod
    def steps(self) -> int:
        """The update at which the timeline ends; from there on the final factor holds."""

    @property
    @abstractmethod
    def unit(self) -> Literal["step", "epoch"]:
        """What an update is: a step of the optimizer, or an epoch."""

    @property
    @abstractmethod
    def text(self) -> str:
        """The text of the schedule that it comes from."""

    @abstractmethod
    def factor(self, k: float | Fraction) -> float:
        """The factor of update ``k >= 0``, which is not checked; a fraction lies between two updates."""

    @abstractmethod
    def relative_to(self, base: float) -> Timeline:
        """This timeline with its absolute levels as factors of ``base``."""

    @property
    @abstractmethod
    def exact_phases(self) -> list[ExactPhase]:
        """The shapes in order, with their exact beginnings and ends."""

    @property
    @abstractmethod
    def edges(self) -> list[int]:
        """The updates at which the factor may jump or turn, in rising order."""

    @property
    def is_monotone(self) -> bool:
        """Whether the factor is known to be monotone from each of the edges to the next."""
        return False

    @abstractmethod
    def to_state(self) -> dict[str, Any]:
        """Plain data, from which ``timeline_from`` makes the timeline again, before ``relative_to``."""

    def joining(self) -> Timeline:
        """The timeline of a group that joins during the run, before ``relative_to``."""
        return self

    @property
    def is_absolute(self) -> bool:
        """Whether a level is an LR, so that a base value is needed and not given yet."""
        return False

    @property
    def change(self) -> str:
        """How the run goes on after a change of its plan, in words; empty if the plan did not change."""
        return ""

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The phases in order, with the updates that follow them; a phase without an update is left out."""
        rounded = (Phase(shape, math.ceil(start), math.ceil(end)) for shape, start, end in self.exact_phases)
        return tuple(phase for phase in rounded if phase.end > phase.start)

    def __call__(self, k: int, *, base_lr: float | None = None) -> float:
        """The factor of update ``k``, or its LR in a group with the base LR ``base_lr``.

        Raises:
            ScheduleError: if ``k`` is no whole number from 0 on, or if a level is an LR and ``base_lr`` is missing.
        """
        base = self._checked_base(base_lr)
        try:
            update = operator.index(k)
        except TypeError:
            raise _no_update(k) from None
        if update < 0:
            raise _no_update(k)
        return self.factor(update) if base is None else base * self.relative_to(base).factor(update)

    def values(self, ks: ArrayLike, *, base_lr: float | None = None) -> NDArray[np.float64]:
        """The factors, or LRs, of the updates ``ks``, in an array of the same shape."""
        base = self._checked_base(base_lr)
        updates = np.asarray(ks)
        if updates.size and (updates.dtype.kind not in "iu" or updates.min() < 0):
            raise _no_update(ks)
        flat = updates.reshape(-1).astype(np.int64)
        factors = self.factors(flat) if base is None else base * self.relative_to(base).factors(flat)
        return factors.reshape(updates.shape)

    def all_values(self, *, base_lr: float | None = None) -> NDArray[np.float64]:
        """The factors, or LRs, of all updates of the run: ``values(np.arange(steps))`` in less time and memory."""
        base = self._checked_base(base_lr)
        timeline, scale = (self, 1.0) if base is None else (self.relative_to(base), base)
        values = np.empty(self.steps)
        for begin in range(0, self.steps, _BLOCK):
            updates = np.arange(begin, min(begin + _BLOCK, self.steps))
            values[begin : begin + _BLOCK] = scale * timeline.factors(updates)
        return values

    def factors(self, ks: NDArray[np.int64]) -> NDArray[np.float64]:
        """The factors of a flat array of updates, unchecked."""
        return np.array([self.factor(k) for k in ks.tolist()], float)

    def _checked_base(self, base_lr: float | None) -> float | None:
        """The base LR as a plain float, or ``None`` to return the factor, if the factor has a meaning."""
        if base_lr is not None:
            return _plain(base_lr)
        if self.is_absolute:
            raise ScheduleError(
                f"{self.text} has an absolute LR, so its factors depend on the base LR. Write timeline(k, base_lr=1e-3)."
            )
        return None


@final
@dataclass(frozen=True, slots=True)
class ResolvedTimeline(Timeline):
    """The phases of a schedule on a run of known length.

    Args:
        shapes: the schedule's phases.
        horizon: the length of the run.
        base: the base value of which absolute levels are factors; ``None`` without such a level, or if the base is not known.

    Attributes:
        resolved_phases: the phases with their first and last updates, and their curves.

    Raises:
        ScheduleError: if the schedule does not fit the run.

    Example:
        >>> from lr_toolkit import Horizon, cosine, warmup
        >>> timeline = (warmup(3) >> cosine()).resolve(Horizon(steps=10))
        >>> [round(timeline(k), 3) for k in range(11)]
        [0.25, 0.5, 0.75, 1.0, 0.95, 0.812, 0.611, 0.389, 0.188, 0.05, 0.0]
        >>> timeline(4, base_lr=3e-4) == 3e-4 * timeline(4)
        True
        >>> timeline.values([0, 3, 99])
        array([0.25, 1.  , 0.  ])
    """

    shapes: tuple[Shape, ...]
    horizon: Horizon
    base: float | None = None
    resolved_phases: tuple[ResolvedPhase, ...] = field(init=False, repr=False, compare=False)
    _ends: list[int] = field(init=False, repr=False, compare=False)
    _last: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_horizon(self.shapes, self.horizon)
        resolved_phases = place_phases(self.shapes, self.horizon, self.base)
        object.__setattr__(self, "resolved_phases", resolved_phases)
        object.__setattr__(self, "_ends", [phase.end for phase in resolved_phases])
        object.__setattr__(self, "_last", float(resolved_phases[-1].curve.end))

    @property
    def steps(self) -> int:
        return self.horizon.steps

    @property
    def unit(self) -> Literal["step", "epoch"]:
        return self.horizon.unit

    @property
    def text(self) -> str:
        return schedule_text(self.shapes)

    @property
    def _absolute_levels(self) -> list[float]:
        return [level for shape in self.shapes for level in shape.absolute_levels]

    @property
    def is_absolute(self) -> bool:
        return self.base is None and bool(self._absolute_levels)

    def relative_to(self, base: float) -> ResolvedTimeline:
        return ResolvedTimeline(self.shapes, self.horizon, base) if self._absolute_levels else self

    def factor(self, k: float | Fraction) -> float:
        index = bisect_right(self._ends, k)
        if index == len(self._ends):
            return self._last
        phase = self.resolved_phases[index]
        offset = k - phase.start
        # A fraction finds its phase exactly; a curve takes an int or a float.
        if not isinstance(offset, int):
            offset = float(offset) if offset % 1 else int(offset)
        return float(phase.curve(offset))

    def factors(self, ks: NDArray[np.int64]) -> NDArray[np.float64]:
        factors = np.full(ks.shape, self._last)
        for phase in self.resolved_phases:
            inside = (ks >= phase.start) & (ks < phase.end)
            if not inside.any():
                continue
            if inside.all():
                return np.asarray(phase.curve(ks - phase.start), float)
            factors[inside] = phase.curve(ks[inside] - phase.start)
        return factors

    @property
    def exact_phases(self) -> list[ExactPhase]:
        phases: list[ExactPhase] = []
        for phase in self.resolved_phases:
            for shape, first, end in phase.curve.parts or ((phase.shape, 0, phase.length),):
                phases.append((shape, Fraction(phase.start + first), Fraction(phase.start + end)))
        return phases

    @property
    def edges(self) -> list[int]:
        found = {0, self._ends[-1]}
        for phase in self.resolved_phases:
            inside = (phase.start + edge for edge in phase.curve.edges)
            found |= {phase.start, phase.end, *(edge for edge in inside if edge < phase.end)}
        return sorted(found)

    @property
    def is_monotone(self) -> bool:
        return all(phase.curve.is_monotone for phase in self.resolved_phases)

    def to_state(self) -> dict[str, Any]:
        return {"kind": "resolved", "schedule": self.text, "horizon": horizon_state(self.horizon)}

    def __repr__(self) -> str:
        relative = "" if self.base is None else f".relative_to({self.base!r})"
        return f"({self.text}).resolve({self.horizon!r}){relative}"

    def __reduce__(self) -> tuple[Any, ...]:
        return ResolvedTimeline, (self.shapes, self.horizon, self.base)  # the curves are made again


def _plain(base_lr: object) -> float:
    try:
        number = math.nan if isinstance(base_lr, (bool, str, bytes)) else float(base_lr)  # type: ignore[arg-type]  # float() is the test
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0.0 <= number < math.inf:
        raise ScheduleError(
            f"timeline(k, base_lr={shorten(base_lr)}): a base LR is a finite number, zero or more. Write timeline(k, base_lr=1e-3)."
        )
    return number


def _no_update(k: object) -> ScheduleError:
    return ScheduleError(f"timeline({shorten(k)}): updates are counted by whole numbers from 0. Write timeline(0).")
