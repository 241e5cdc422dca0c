"""The LR scheduler of torchtitan."""

from __future__ import annotations

from typing import Any

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.peers.path import Path
from lr_toolkit.schedules.peers.peer import Peer
from lr_toolkit.schedules.peers.phases import climb, left, number, one_of, percent, whole
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import cosine, linear, one_minus_sqrt

__all__ = ["torchtitan"]

_TORCHTITAN = Peer(
    "torchtitan", ("torchtitan.components.optimizer.lr_scheduler", "torchtitan.components.lr_scheduler", "torchtitan")
)


def torchtitan(name: str = "LRSchedulersContainer", /, *args: Any, **kwargs: Any) -> Schedule:
    """The schedule that equals the ``lr_scheduler`` section of a torchtitan configuration.

    Without ``total_steps`` the schedule takes the length of the run; then ``decay_ratio`` is rounded to the nearest update.

    Kept: the warmup begins at 1/W, and the peak is used for two updates. Refused as a defect: after the last update the LR
    turns negative there; here the end holds.

    Args:
        name: ``"LRSchedulersContainer"``, which may be left out.
        *args: none; the section has names alone.
        **kwargs: its keys.

    Raises:
        ScheduleError: for another name or argument, a warmup and a decay that are longer than the run, or an impossible value.

    Example:
        >>> torchtitan(warmup_steps=200, total_steps=1000, decay_ratio=0.2, decay_type="sqrt")
        warmup(199) >> hold(601) >> one_minus_sqrt(over=200)

    Reference:
        torchtitan 0.3.0, ``torchtitan/components/optimizer/lr_scheduler.py``.
    """
    return _TORCHTITAN.translate(name, *args, **kwargs).schedule


@_TORCHTITAN.configuration("lr_scheduler", "build_lr_schedulers", example="warmup_steps=200, total_steps=10000")
def LRSchedulersContainer(
    *,
    warmup_steps: int = 200,
    total_steps: int | None = None,
    decay_ratio: float | None = None,
    decay_type: str = "linear",
    min_lr_factor: float = 0.0,
) -> Translation:
    """A climb, a stable part, and a decay over ``decay_ratio`` of the run."""
    up, last = whole("warmup_steps", warmup_steps), number("min_lr_factor", min_lr_factor)
    build = {"linear": linear, "sqrt": one_minus_sqrt, "cosine": cosine}[
        one_of("decay_type", decay_type, ("linear", "sqrt", "cosine"))
    ]
    share = None if decay_ratio is None else number("decay_ratio", decay_ratio)
    if share is not None and share > 1:
        raise ScheduleError(f"decay_ratio={share} must be a share of the run, from 0 to 1.")
    path = Path()
    rise = climb(max(up - 1, 0))
    if rise is not None:
        path.then(rise, 1.0)
    if total_steps is None:
        if share == 0:
            return Translation(path.stay(1.0, None).schedule)
        if share is None:
            return Translation(path.stay(1.0, min(up, 1)).then(build(last), last).schedule)
        fall = build(last, over=percent(share))
        return Translation(path.stay(1.0, None).then(fall, last).schedule)
    steps = whole("total_steps", total_steps, 1)
    down = steps - up if share is None else round(steps * share)
    stable = left("total_steps", steps, warmup_steps=up, decay_steps=down)
    path.stay(1.0, (stable or 0) + min(up, 1)).move(build, 1.0, last, down)
    return Translation(
        path.schedule, None, ("After total_steps torchtitan's LR turns negative; here it stays at its end.",)
    )
