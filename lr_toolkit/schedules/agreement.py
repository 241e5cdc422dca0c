"""Whether a new plan agrees with the route that was followed: on all updates already taken, or in all but a longer hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from lr_toolkit.schedules.geometric import Exponential, MultiStep, Step
from lr_toolkit.schedules.horizon import round_half_up
from lr_toolkit.schedules.routes import Plan, Route
from lr_toolkit.schedules.shapes import Custom, Hold, Shape
from lr_toolkit.schedules.timeline import Timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["agree", "inside_same_hold"]

_CHUNK = 1 << 20  # updates whose LRs are compared at once


def agree(before: Route, asked: Plan, at: int) -> bool:
    """Whether the new plan has the saved route's LRs on all updates already taken."""
    if not isinstance(before, Plan) or len(before.base_lrs) != len(asked.base_lrs):
        return False
    pairs = set(zip(before.base_lrs, asked.base_lrs, strict=True))
    edges = {0, at, *(min(edge, at) for line in (before.timeline, asked.timeline) for edge in _edges(line))}
    return all(_agree_between(before.timeline, asked.timeline, pairs, *piece) for piece in pairwise(sorted(edges)))


def inside_same_hold(before: Route, asked: Plan, at: int) -> bool:
    """Whether this update lies in the same open ``hold`` of both plans: then only the hold has grown."""
    if not isinstance(before, Plan):
        return False
    one, two = before.timeline, asked.timeline
    places = [
        next((j for j, seg in enumerate(line.segments) if seg.start <= at < seg.end), None) for line in (one, two)
    ]
    if one.schedule != two.schedule or places[0] is None or places[0] != places[1]:
        return False
    shape = one.schedule.phases[places[0]]
    # A decay before the hold may end elsewhere in a run of another length.
    return (
        isinstance(shape, Hold)
        and shape.over is None
        and np.allclose(before.lrs(at), asked.lrs(at), rtol=1e-12, atol=0.0)
    )


def _edges(line: Timeline) -> Iterator[int]:
    """Where a phase begins or ends, or a milestone in it is reached."""
    for one in line.segments:
        yield from (one.start, one.end)
        if isinstance(one.shape, MultiStep):
            yield from (round_half_up(line.horizon.after(one.position, each)) for each in one.shape.at)


def _agree_between(one: Timeline, two: Timeline, bases: set[tuple[float, float]], start: int, end: int) -> bool:
    """Whether two timelines give the same LRs from ``start`` to ``end``, between which there are no edges."""
    was, now = one.segment(start), two.segment(start)

    def alike(ks: NDArray[np.int64]) -> bool:
        (a, b), (c, d) = was.affine(ks), now.affine(ks)
        return all(np.allclose(old * a + b, new * c + d, rtol=1e-12, atol=0.0) for old, new in bases)

    if all(isinstance(each.shape, (Hold, MultiStep)) for each in (was, now)):
        return alike(np.array([start]))  # constant up to the next edge
    if all(old == new for old, new in bases) and _same_curve(one, two, start):
        return True
    # Curves that differ do so nearly everywhere, and a few points show it.
    few = np.linspace(start, end - 1, min(end - start, 64)).astype(np.int64)
    return alike(few) and all(alike(np.arange(k, min(k + _CHUNK, end))) for k in range(start, end, _CHUNK))


def _same_curve(one: Timeline, two: Timeline, k: int) -> bool:
    """Whether the phases around update ``k`` are one formula with the same numbers, so that no value need be compared."""
    was, now = one.segment(k), two.segment(k)
    if was.start != now.start or _but_its_length(was.shape) != _but_its_length(now.shape):
        return False
    if not isinstance(was.shape, (Custom, Exponential, Step)):
        return was.end == now.end
    old, new = one.horizon, two.horizon
    same = {"steps": True, "epochs": old.epoch_steps == new.epoch_steps, "%": old.steps == new.steps}
    lengths = [each for each in was.shape.durations if each != was.shape.over]
    return was.position == now.position and all(same[each.unit] for each in lengths)


def _but_its_length(shape: Shape) -> tuple[Any, ...]:
    names = (one.name for one in fields(shape))  # type: ignore[arg-type]  # every final shape is a dataclass
    return (type(shape), *(getattr(shape, name) for name in names if name != "over"))
