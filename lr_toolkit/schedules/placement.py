"""Places the phases of a schedule in a run: exact boundaries, rounded once, and the level at which each phase begins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import final

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import ENDLESS, decimal
from lr_toolkit.schedules.horizon import Horizon, round_half_up
from lr_toolkit.schedules.shape import Curve, Length, PhaseContext, Shape
from lr_toolkit.schedules.text import call_text, schedule_text

__all__ = ["ResolvedPhase", "bind_phases", "check_horizon", "phase_places", "place_phases"]

_ONCE = Fraction(1)


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


def check_horizon(shapes: Sequence[Shape], horizon: object) -> None:
    """Refuse anything but a horizon of a possible length."""
    if not isinstance(horizon, Horizon):
        raise ScheduleError(
            f"{schedule_text(shapes)} on horizon={shorten(horizon)}: the length of a run is a Horizon. Write "
            "Horizon(steps=1000), or a whole number of steps."
        )
    if max((horizon.steps, *(horizon.epoch_steps or ()))) >= ENDLESS:
        raise ScheduleError(
            f"{schedule_text(shapes)} on {shorten(horizon)}: is longer than any run or epoch, which has fewer than 10^11 "
            "steps. Write the length of yours, for example Horizon(steps=1000, steps_per_epoch=100)."
        )


def place_phases(shapes: Sequence[Shape], horizon: Horizon, base: float | None = None) -> tuple[ResolvedPhase, ...]:
    """The phases in their places, each bound at the level at which the phase before it ended.

    Args:
        shapes: the phases of a schedule.
        horizon: the length of the run.
        base: the base value of which absolute levels become factors; an example if it is not known.

    Raises:
        ScheduleError: if the phases do not fit; the message ends with the schedule and the horizon.
    """
    example = _example_base(shapes) if base is None else base
    try:
        places = phase_places(shapes, horizon, Fraction(0), Fraction(horizon.steps))
        bound = bind_phases([shape.in_factors(example) for shape in shapes], places, horizon, 1.0, base)
    except ScheduleError as error:
        raise ScheduleError(f"{error} (In {schedule_text(shapes)} on {horizon!r}.)") from error.__cause__
    return tuple(replace(phase, shape=shape) for phase, shape in zip(bound, shapes, strict=True))


def bind_phases(
    shapes: Sequence[Shape], places: Sequence[Fraction], horizon: Horizon, level: float, base: float | None
) -> list[ResolvedPhase]:
    """The phases between exact places, the first bound at ``level``, each other at the level at which the one before it ended."""
    resolved_phases: list[ResolvedPhase] = []
    for shape, (position, until) in zip(shapes, pairwise(places), strict=True):
        start, end = round_half_up(position), round_half_up(until)
        curve = shape.bind(PhaseContext(start, end - start, position, until, horizon, level, base))
        resolved_phases.append(ResolvedPhase(start, end, shape, curve))
        level = float(curve.end)
    return resolved_phases


def _example_base(shapes: Sequence[Shape]) -> float:
    """A base value that places absolute levels; no round number, so that none of them equals a factor by chance."""
    return math.pi * (1.0 + max((level for shape in shapes for level in shape.absolute_levels), default=0.0))


def phase_places(
    shapes: Sequence[Shape], horizon: Horizon, begin: Fraction, end: Fraction, times: Fraction = _ONCE
) -> list[Fraction]:
    """The exact beginnings of the phases between ``begin`` and ``end``, and the end of the last.

    The open phase takes what the others leave. The lengths of the others count ``times`` as much.

    Raises:
        ScheduleError: if the phases do not fit.
    """
    lengths = [shape.lengths for shape in shapes]
    opening = lengths.index(None) if None in lengths else len(shapes)
    before, after = [begin], [end]
    for length in lengths[:opening]:
        before.append(_walked(horizon, before[-1], length or (), times))
    if opening == len(shapes):
        if before[-1] > end:
            raise _too_long(horizon, before[-1] - begin, end - begin)
        return before
    for length in reversed(lengths[opening + 1 :]):
        after.append(_walked(horizon, after[-1], (length or ())[::-1], -times))
    if round_half_up(after[-1]) <= round_half_up(before[-1]):
        taken = before[-1] - begin + end - after[-1]
        raise _too_long(horizon, taken, end - begin, call_text(shapes[opening]))
    return before + after[::-1]


def _walked(horizon: Horizon, position: Fraction, length: Sequence[Length], times: Fraction) -> Fraction:
    for duration, often in length:
        position = horizon.after(position, duration, often * times)
    return position


def _too_long(horizon: Horizon, taken: Fraction, there: Fraction, left_out: str = "") -> ScheduleError:
    nothing = f" and leave nothing for {left_out}" if left_out else ""
    steps, limit = decimal(taken), decimal(there)
    if taken > there and steps == limit:  # the decimals do not show the difference
        steps = f"more than {steps}"
    whole, longer = "the run has", "Lengthen the run"
    if there != horizon.steps:
        whole, longer = "the schedule around them has", "Give it more room"
    return ScheduleError(
        f"The schedule does not fit: its phases take {steps} {horizon.unit}s{nothing}, and {whole} {limit}. "
        f"{longer}, or shorten a phase, for example to a share of the run: over='5%'."
    )
