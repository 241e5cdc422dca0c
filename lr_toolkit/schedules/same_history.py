"""Whether a new plan leaves what was done untouched: the same on all updates taken, or only a longer hold."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from lr_toolkit.schedules.shape import evenly_spread
from lr_toolkit.schedules.timeline import ResolvedPhase, ResolvedTimeline, Timeline

__all__ = ["only_hold_grew", "same_history"]

_CHUNK = 1 << 20  # updates that are compared at once
_TOLERANCE = 1e-12


def same_history(before: Timeline, now: Timeline, until: int) -> bool:
    """Whether two timelines have the same factors on the updates below ``until``.

    Equal curves are not evaluated, and a curve that is constant between two edges is evaluated once, so a run of 10^8 updates
    is compared in a moment.

    Example:
        >>> from lr_toolkit import Horizon, wsd
        >>> shorter, longer = (wsd(10, 20).resolve(Horizon(steps)) for steps in (100, 200))
        >>> same_history(shorter, longer, 80), same_history(shorter, longer, 81), same_history(shorter, longer, 82)
        (True, True, False)
    """
    if not (isinstance(before, ResolvedTimeline) and isinstance(now, ResolvedTimeline)):
        return before == now
    edges = {0, until, *(edge for edge in (*before.edges, *now.edges) if edge < until)}
    return all(_same_between(before, now, start, end) for start, end in pairwise(sorted(edges)))


def only_hold_grew(before: Timeline, now: Timeline, update: int) -> bool:
    """Whether the same schedule lies in the same phase of open length, at the same constant level, in both timelines."""
    if not (isinstance(before, ResolvedTimeline) and isinstance(now, ResolvedTimeline)):
        return False
    phases = [_phase_at(before, update), _phase_at(now, update)]
    if before.shapes != now.shapes or phases[0] is None or phases[1] is None or phases[0].shape != phases[1].shape:
        return False
    index = before.resolved_phases.index(phases[0])
    if now.resolved_phases[index] is not phases[1] or phases[0].shape.over is not None:
        return False
    levels = [
        _constant(timeline, phase.start, phase.end)
        for timeline, phase in zip((before, now), phases, strict=True)
        if phase
    ]
    return None not in levels and math.isclose(*levels, rel_tol=_TOLERANCE)  # type: ignore[arg-type]  # two numbers


def _phase_at(timeline: ResolvedTimeline, update: int) -> ResolvedPhase | None:
    return next((phase for phase in timeline.resolved_phases if phase.start <= update < phase.end), None)


def _constant(timeline: ResolvedTimeline, start: int, end: int) -> float | None:
    """The factor from ``start`` to ``end``, between which there is no edge, if it is constant: monotone with equal ends."""
    phase = _phase_at(timeline, start)
    if phase is not None and not phase.curve.is_monotone:
        return None
    first = timeline.factor(start)
    middle, last = timeline.factor((start + end - 1) // 2), timeline.factor(end - 1)
    return first if first == middle == last else None


def _same_between(before: ResolvedTimeline, now: ResolvedTimeline, start: int, end: int) -> bool:
    """Whether two timelines agree from ``start`` to ``end``, between which there is no edge."""
    was, new = _phase_at(before, start), _phase_at(now, start)
    if was is not None and new is not None and was.start == new.start and was.curve == new.curve:
        return True
    levels = _constant(before, start, end), _constant(now, start, end)
    if levels[0] is not None and levels[1] is not None:
        return math.isclose(levels[0], levels[1], rel_tol=_TOLERANCE)

    def agree(ks: np.ndarray) -> bool:
        return np.allclose(before.factors(ks), now.factors(ks), rtol=_TOLERANCE, atol=0.0)

    # Curves that differ do so nearly everywhere, and a few points show it.
    few = np.array([start + offset for offset in evenly_spread(end - start, 64)], np.int64)
    return agree(few) and all(agree(np.arange(k, min(k + _CHUNK, end))) for k in range(start, end, _CHUNK))
