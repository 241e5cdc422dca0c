"""A schedule again and again: restarts and cycles."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar, Literal, TypeAlias, final

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.geometric import LARGEST_LOG
from lr_toolkit.schedules.horizon import round_half_up
from lr_toolkit.schedules.nested import NestedShape, SequenceCurve, joined_lengths
from lr_toolkit.schedules.placement import ResolvedPhase, bind_phases, phase_places
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule, ScheduleLike
from lr_toolkit.schedules.shape import Curve, Length, PhaseContext, check_number
from lr_toolkit.schedules.shapes.scaled import scaled_curve
from lr_toolkit.schedules.text import call_text

__all__ = ["Repeat", "repeat"]

Rest: TypeAlias = Literal["stretch", "cut"]
_RESTS = ("stretch", "cut")
_MOST = 10_000  # cycles


@final
@dataclass(frozen=True, slots=True)
class Repeat(NestedShape):
    """The arguments of ``repeat(...)``."""

    level_fields: ClassVar[Mapping[str, float | None]] = {"floor": 0.0}

    times: int | None = None
    growth: float = field(default=1.0, kw_only=True)
    gamma: float = field(default=1.0, kw_only=True)
    floor: float = field(default=0.0, kw_only=True)
    floor_lr: float | None = field(default=None, kw_only=True)
    rest: Rest = field(default="stretch", kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check_number(self, "growth", "growth=2.0", above_zero=True)
        check_number(self, "gamma", "gamma=0.5", above_zero=True)
        NestedShape.__post_init__(self)
        if self.rest not in _RESTS:
            raise ScheduleError(
                f"repeat(rest={shorten(self.rest)}): must be one of {', '.join(map(repr, _RESTS))}. Write "
                f"{call_text(self, rest='cut')}."
            )
        if self.times is not None:
            self._check_times()
        elif joined_lengths(self.schedule) is None:
            raise ScheduleError(
                f"{call_text(self)}: the schedule leaves its length open, so any number of cycles would fit. Write "
                f"{call_text(self, times=3)}, or give the cycle a length: repeat(cosine(over='10 epochs'))."
            )
        elif self.growth < 1.0:
            raise ScheduleError(
                f"{call_text(self)}: cycles that become shorter never fill the run. Write {call_text(self, times=3)}."
            )

    def _check_times(self) -> None:
        given: Any = self.times
        try:
            times = 0 if isinstance(given, bool) else operator.index(given)
        except TypeError:
            times = 0
        if not 1 <= times <= _MOST:
            raise ScheduleError(
                f"repeat(times={shorten(given)}): must be a whole number from 1 to {_MOST}. Write repeat(cosine(), 3), or leave it "
                "out for as many cycles as fit."
            )
        object.__setattr__(self, "times", times)

    @property
    def lengths(self) -> tuple[Length, ...] | None:
        once = joined_lengths(self.schedule)
        if self.over is not None:
            return ((self.over, Fraction(1)),)
        if self.times is None or once is None:
            return None
        return tuple((duration, often * self._scale(c)) for c in range(self.times) for duration, often in once)

    def _scale(self, cycle: int) -> Fraction:
        """How much longer a cycle is than the first."""
        return Fraction(repr(self.growth)) ** cycle if self.growth != 1.0 else Fraction(1)

    def _height(self, cycle: int) -> float:
        """How much higher a cycle is than the first."""
        return self.gamma**cycle

    def bind(self, context: PhaseContext) -> Curve:
        phases: list[ResolvedPhase] = []
        cycles = [*self._cycles(context)]
        if (len(cycles) - 1) * math.log(self.gamma) > LARGEST_LOG:
            raise ScheduleError(
                f"{call_text(self)}: grows beyond every float within its {len(cycles)} cycles. Write {call_text(self, gamma=0.5)}."
            )
        for cycle, places in enumerate(cycles):
            bound = bind_phases(self.schedule.phases, places, context.horizon, context.level, context.base)
            by = self._height(cycle)
            if by != 1.0:
                bound = [
                    ResolvedPhase(phase.start, phase.end, phase.shape, scaled_curve(phase.curve, by, self.floor))
                    for phase in bound
                ]
            phases += bound
        return SequenceCurve.of(phases, context, context.level)

    def _cycles(self, context: PhaseContext) -> Iterator[list[Fraction]]:
        """The exact beginnings of the phases of each cycle, and the end of the last of them."""
        if joined_lengths(self.schedule) is None:
            yield from self._shares(context)
            return
        place, shapes, horizon = context.position, self.schedule.phases, context.horizon
        end = round_half_up(context.until)
        waiting: list[Fraction] | None = None
        for cycle in range(self.times or _MOST + 1):
            far = place + 10**12  # a cycle of fixed length ends where its phases end
            places = phase_places(shapes, horizon, place, far, self._scale(cycle))
            if round_half_up(places[-1]) > end:
                if self.times is None and self.rest == "cut":
                    yield from [waiting] if waiting else []
                    waiting = places if round_half_up(place) < end else None
                    break
                if self.times is None and waiting is not None:
                    waiting[-1] = context.until  # the last phase takes what is left
                    break
                raise self._too_long(context, cycle)
            if round_half_up(places[-1]) == round_half_up(place) and self.times is None:
                raise self._too_many(context)
            if waiting is not None:
                yield waiting
            waiting, place = places, places[-1]
            if cycle == _MOST:
                raise self._too_many(context)
        yield from [waiting] if waiting else []

    def _shares(self, context: PhaseContext) -> Iterator[list[Fraction]]:
        """Cycles that share the phase, because they leave their length open."""
        scales = [self._scale(cycle) for cycle in range(self.times or 0)]
        unit = (context.until - context.position) / sum(scales)
        place = context.position
        for scale in scales:
            yield phase_places(self.schedule.phases, context.horizon, place, place + scale * unit, scale)
            place += scale * unit

    def _too_long(self, context: PhaseContext, fitting: int) -> ScheduleError:
        length = context.length
        if fitting:
            return ScheduleError(
                f"{call_text(self)}: {fitting} of {self.times} cycles fit into its {length} steps. Write "
                f"{call_text(self, times=fitting)}, or leave out times= for as many cycles as fit."
            )
        return ScheduleError(
            f"{call_text(self)}: a cycle is longer than its {length} steps. Give the cycle no length, and the number of cycles: "
            "repeat(cosine(), 3)."
        )

    def _too_many(self, context: PhaseContext) -> ScheduleError:
        return ScheduleError(
            f"{call_text(self)}: has more than {_MOST} cycles, or cycles without an update, in its {context.length} steps. Write "
            "longer cycles."
        )


@register_shape(Repeat)
def repeat(
    schedule: ScheduleLike,
    times: int | None = None,
    *,
    growth: float = 1.0,
    gamma: float = 1.0,
    floor: float = 0.0,
    floor_lr: float | None = None,
    rest: Rest = "stretch",
    over: DurationLike | None = None,
) -> Schedule:
    """Run a schedule several times in a row, each time from the level at which the first began.

        factor(i) = floor + (schedule(i - begin of cycle c) - floor) * gamma ** c,    c = 0, 1, ...

    Cycle c lasts ``growth ** c`` times as long as the first, each of its phases. A share of the run (``"5%"``) is one of the whole
    run here too.

    Take it for restarts: each end of a cycle is a model that can be used. Leave it if only the last model counts: a restart costs
    the updates that climb back.

    Args:
        schedule: one cycle, or its text. If it leaves its length open, the cycles share the phase.
        times: how many cycles; ``None`` for as many whole cycles as fit.
        growth: torch's ``T_mult``.
        gamma: the factor of the peak from one cycle to the next.
        floor: the level from which ``gamma`` scales the distance, a factor of the base value; usually where each cycle ends.
        floor_lr: the same as an LR, instead of ``floor``.
        rest: what happens to the updates that are left without ``times``: ``"stretch"`` lets the last phase of the last cycle take
            them, ``"cut"`` begins another cycle that the end of the phase cuts, as torch does.
        over: how long it lasts; ``None`` for the length of all cycles, or what the other phases leave.

    Raises:
        ScheduleError: if a number does not fit, if neither the number of cycles nor the length of one is given, and, when the
            schedule is resolved, if a cycle or all of them do not fit.

    Example:
        >>> from lr_toolkit import Horizon, cosine, linear, warmup
        >>> repeat(linear(), 3, gamma=0.5).resolve(Horizon(steps=6)).values(range(7))
        array([1.   , 0.5  , 0.5  , 0.25 , 0.25 , 0.125, 0.   ])
        >>> repeat(linear(over=2)).resolve(Horizon(steps=6)).values(range(7))
        array([1. , 0.5, 1. , 0.5, 1. , 0.5, 0. ])
        >>> repeat(warmup("2%") >> cosine(), 3)
        repeat(warmup('2%') >> cosine(), times=3)

    Reference:
        Loshchilov & Hutter 2016, https://arxiv.org/abs/1608.03983; torch's ``CosineAnnealingWarmRestarts`` and ``CyclicLR``, keras'
        ``CosineDecayRestarts``.
    """
    shape = Repeat(
        Schedule.parse(schedule),
        times,
        growth=growth,
        gamma=gamma,
        floor=floor,
        floor_lr=floor_lr,
        rest=rest,
        over=optional_duration(over, "repeat"),
    )
    return Schedule((shape,))
