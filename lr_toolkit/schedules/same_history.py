"""Whether a new plan leaves the past untouched: the same factors on all updates taken, or only a longer hold."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from lr_toolkit.schedules.placement import ResolvedPhase
from lr_toolkit.schedules.shape import evenly_spread
from lr_toolkit.schedules.timeline import ResolvedTimeline, Timeline

__all__ = ["only_hold_grew", "same_history"]

_CHUNK = 1 << 20  # updates that are compared at once
_SAMPLES = 64  # updates that are compared first
_TOLERANCE = 1e-12


def same_history(before: Timeline, now: Timeline, until: int) -> bool:
    """Whether two timelines have the same factors on the updates below ``until``.

    Equal curves and constant ones are compared at a few updates, all others at every update, so a run of 10^8 updates is
    compared in a moment.

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
    """Whether both timelines have the same schedule and are in the same phase of open length, at the same constant level.

    Example:
        >>> from lr_toolkit import Horizon, wsd
        >>> shorter, longer = (wsd("10%", 20).resolve(Horizon(steps)) for steps in (100, 150))
        >>> [only_hold_grew(shorter, longer, update) for update in (9, 15, 79, 80)]
        [False, True, True, False]
    """
    if not (isinstance(before, ResolvedTimeline) and isinstance(now, ResolvedTimeline)) or before.shapes != now.shapes:
        return False
    was, new = _open_level(before, update), _open_level(now, update)
    return was is not None and new is not None and math.isclose(was, new, rel_tol=_TOLERANCE)


def _open_level(timeline: ResolvedTimeline, update: int) -> float | None:
    """The level of the open phase, if ``update`` lies in it and the phase is constant."""
    phase = _phase_at(timeline, update)
    if phase is None or phase.shape.lengths is not None or not _is_constant(timeline, phase.start, phase.end):
        return None
    return timeline.factor(update)


def _phase_at(timeline: ResolvedTimeline, update: int) -> ResolvedPhase | None:
    return next((phase for phase in timeline.resolved_phases if phase.start <= update < phase.end), None)


def _is_constant(timeline: ResolvedTimeline, start: int, end: int) -> bool:
    """Whether the factor is known to stay from ``start`` to ``end``, between which there is no edge."""
    phase = _phase_at(timeline, start)
    if phase is None:  # after the last phase the final value holds
        return True
    return phase.curve.is_monotone and timeline.factor(start) == timeline.factor(end - 1)


def _same_between(before: ResolvedTimeline, now: ResolvedTimeline, start: int, end: int) -> bool:
    """Whether two timelines agree from ``start`` to ``end``, between which there is no edge."""

    def agree(ks: np.ndarray) -> bool:
        return np.allclose(before.factors(ks), now.factors(ks), rtol=_TOLERANCE, atol=0.0)

    if _is_constant(before, start, end) and _is_constant(now, start, end):
        return agree(np.array([start]))
    # Curves that differ do so nearly everywhere. A curve that is wrongly equal to another is found here too.
    if not agree(np.array([start + offset for offset in evenly_spread(end - start, _SAMPLES)], np.int64)):
        return False
    was, new = _phase_at(before, start), _phase_at(now, start)
    if was is not None and new is not None and was.start == new.start and was.curve == new.curve:
        return True
    return all(agree(np.arange(k, min(k + _CHUNK, end))) for k in range(start, end, _CHUNK))
