"""What a run follows: a pure function from update numbers to factors of a base value."""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import ENDLESS, decimal
from lr_toolkit.schedules.horizon import Horizon, horizon_state, round_half_up
from lr_toolkit.schedules.shape import Curve, PhaseContext, Shape
from lr_toolkit.schedules.text import call_text

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["ExactPhase", "Phase", "ResolvedPhase", "ResolvedTimeline", "Timeline", "schedule_text"]


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
class ResolvedPhase:
    """A phase in its place: updates ``start`` to ``end - 1`` follow ``curve``."""

    start: int
    end: int
    shape: Shape
    curve: Curve

    @property
    def length(self) -> int:
        """How many updates it has."""
        return self.end - self.start

    @property
    def is_idle(self) -> bool:
        """Whether it is meant to move the level and does not, such as a ``step`` whose interval is longer than its phase."""
        if not (self.shape.moves and self.length and self.curve.is_monotone and not self.curve.edges):
            return False
        return bool(self.curve(0) == self.curve.end)


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
        _check_horizon(self.shapes, self.horizon)
        resolved_phases = _resolve(self.shapes, self.horizon, self.base)
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
        if (
            type(offset) is Fraction
        ):  # a curve takes an int or a float; isinstance asks an abstract class, which takes longer
            offset = int(offset) if offset.denominator == 1 else float(offset)
        return float(phase.curve(offset))

    def factors(self, ks: NDArray[np.int64]) -> NDArray[np.float64]:
        factors = np.full(ks.shape, self._last)
        for phase in self.resolved_phases:
            inside = (ks >= phase.start) & (ks < phase.end)
            if inside.any():
                factors[inside] = phase.curve(ks[inside] - phase.start)
        return factors

    @property
    def exact_phases(self) -> list[ExactPhase]:
        return [(phase.shape, Fraction(phase.start), Fraction(phase.end)) for phase in self.resolved_phases]

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


def schedule_text(shapes: Sequence[Shape]) -> str:
    """The builders' calls, joined by ``>>``."""
    return " >> ".join(call_text(shape) for shape in shapes)


def _check_horizon(shapes: Sequence[Shape], horizon: object) -> None:
    if not isinstance(horizon, Horizon):
        raise ScheduleError(
            f"{schedule_text(shapes)} on horizon={shorten(horizon)}: the length of a run is a Horizon. Write "
            f"Horizon(steps={horizon if type(horizon) is int and 0 < horizon < ENDLESS else 1000})."
        )
    if max((horizon.steps, *(horizon.epoch_steps or ()))) >= ENDLESS:
        raise ScheduleError(
            f"{schedule_text(shapes)} on {shorten(horizon)}: is longer than any run or epoch, which has fewer than 10^11 "
            "steps. Write the length of yours, for example Horizon(steps=1000, steps_per_epoch=100)."
        )


def _resolve(shapes: Sequence[Shape], horizon: Horizon, base: float | None) -> tuple[ResolvedPhase, ...]:
    """The phases in their places, each bound at the level at which the phase before it ended."""
    resolved_phases: list[ResolvedPhase] = []
    level = 1.0
    try:
        positions = _positions(shapes, horizon)
        for shape, (position, after) in zip(shapes, pairwise(positions), strict=True):
            start, end = round_half_up(position), round_half_up(after)
            context = PhaseContext(start, end - start, position, horizon, level, base)
            curve = shape.relative_to(_example_base(shapes) if base is None else base).bind(context)
            resolved_phases.append(ResolvedPhase(start, end, shape, curve))
            level = float(curve.end)
    except ScheduleError as error:
        raise ScheduleError(f"{error} (In {schedule_text(shapes)} on {horizon!r}.)") from error.__cause__
    return tuple(resolved_phases)


def _example_base(shapes: Sequence[Shape]) -> float:
    """A base value that places absolute levels; no round number, so that none of them equals a factor by chance."""
    return math.pi * (1.0 + max((level for shape in shapes for level in shape.absolute_levels), default=0.0))


def _positions(shapes: Sequence[Shape], horizon: Horizon) -> list[Fraction]:
    """The exact beginnings of the phases, and the end of the last; the open phase takes what the others leave."""
    opening = next((index for index, shape in enumerate(shapes) if shape.over is None), len(shapes))
    before, after = [Fraction(0)], [Fraction(horizon.steps)]
    for shape in shapes[:opening]:
        if shape.over is not None:
            before.append(horizon.after(before[-1], shape.over))
    if opening == len(shapes):
        if before[-1] > horizon.steps:
            raise _too_long(horizon, before[-1])
        return before
    for shape in reversed(shapes[opening + 1 :]):
        if shape.over is not None:
            after.append(horizon.after(after[-1], shape.over, -1))
    if round_half_up(after[-1]) <= round_half_up(before[-1]):
        raise _too_long(horizon, before[-1] + horizon.steps - after[-1], call_text(shapes[opening]))
    return before + after[::-1]


def _too_long(horizon: Horizon, taken: Fraction, left_out: str = "") -> ScheduleError:
    nothing = f" and leave nothing for {left_out}" if left_out else ""
    steps = decimal(taken)
    if taken > horizon.steps and steps == str(horizon.steps):  # the decimals do not show the difference
        steps = f"more than {steps}"
    return ScheduleError(
        f"The schedule does not fit: its phases take {steps} {horizon.unit}s{nothing}, and the run has {horizon.steps}. "
        "Lengthen the run, or shorten a phase, for example to a share of the run: over='5%'."
    )


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
