"""Places the phases of a schedule in a run: exact boundaries, rounded once, and the level at which each phase begins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import final

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import ENDLESS, decimal
from lr_toolkit.schedules.horizon import Horizon, round_half_up
from lr_toolkit.schedules.shape import Curve, PhaseContext, Shape
from lr_toolkit.schedules.text import call_text, schedule_text

__all__ = ["ResolvedPhase", "check_horizon", "place_phases"]


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


def check_horizon(shapes: Sequence[Shape], horizon: object) -> None:
    """Refuse anything but a horizon of a possible length."""
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


def place_phases(shapes: Sequence[Shape], horizon: Horizon, base: float | None = None) -> tuple[ResolvedPhase, ...]:
    """The phases in their places, each bound at the level at which the phase before it ended.

    Args:
        shapes: the phases of a schedule.
        horizon: the length of the run.
        base: the base value of which absolute levels become factors; an example if it is not known.

    Raises:
        ScheduleError: if the phases do not fit; the message ends with the schedule and the horizon.
    """
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
