"""The schedules of Lightning Bolts."""

from __future__ import annotations

from typing import Any

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.peers.peer import Peer
from lr_toolkit.schedules.peers.phases import climb, joined, left, level, whole
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import cosine, hold, linear

__all__ = ["bolts"]

_BOLTS = Peer("bolts", ("pl_bolts.optimizers.lr_scheduler", "pl_bolts.optimizers", "pl_bolts"), ignored=("last_epoch",))


def bolts(name: str, /, *args: Any, **kwargs: Any) -> Schedule:
    """The schedule that equals one of Lightning Bolts, in steps of the scheduler, which are called epochs there.

    Kept: the warmup of ``LinearWarmupCosineAnnealingLR`` takes W - 1 steps, and the peak is used for two. Refused as defects:
    what the LR does after the end, and the whole run at ``warmup_start_lr`` with ``warmup_epochs=0``: here that is no warmup.

    Args:
        name: ``"LinearWarmupCosineAnnealingLR"`` or ``"linear_warmup_decay"``.
        *args: its arguments without the optimizer.
        **kwargs: its arguments by name.

    Raises:
        ScheduleError: for another name or argument, or an impossible value.

    Example:
        >>> bolts("LinearWarmupCosineAnnealingLR", warmup_epochs=10, max_epochs=100)
        warmup(9, start=0.0) >> hold(1) >> cosine(over=90)

    Reference:
        lightning-bolts 0.7.0, ``pl_bolts/optimizers/lr_scheduler.py``.
    """
    return _BOLTS.translate(name, *args, **kwargs).schedule


@_BOLTS.configuration(example="warmup_epochs=10, max_epochs=100")
def LinearWarmupCosineAnnealingLR(
    warmup_epochs: int, max_epochs: int | None, warmup_start_lr: float = 0.0, eta_min: float = 0.0
) -> Translation:
    """A line of W - 1 steps to the base LR, which is used twice, then half a cosine."""
    up = whole("warmup_epochs", warmup_epochs)
    steps = None if max_epochs is None else whole("max_epochs", max_epochs, 1)
    rest = left("max_epochs", steps, warmup_epochs=up)
    start = level("start", "warmup_start_lr", warmup_start_lr)
    if up == 1:
        first: Schedule | None = hold(1, **{name.replace("start", "level"): value for name, value in start.items()})
        fall = None if rest == 0 else cosine(**level("end", "eta_min", eta_min), start=1.0, over=rest)
    else:
        first = joined(climb(up - 1, **start), hold(1)) if up else None
        fall = None if rest == 0 else cosine(**level("end", "eta_min", eta_min), over=rest)
    return Translation(
        joined(first, fall), None, ("After max_epochs the LR of Bolts climbs again; here it stays at its end.",)
    )


@_BOLTS.configuration(example="warmup_steps=500, total_steps=10000")
def linear_warmup_decay(
    warmup_steps: int, total_steps: int | None, cosine: bool = True, linear: bool = False
) -> Translation:
    """A climb from zero, then half a cosine, a line, or nothing."""
    up = whole("warmup_steps", warmup_steps)
    steps = None if total_steps is None else whole("total_steps", total_steps, 1)
    rest = left("total_steps", steps, warmup_steps=up)
    if cosine and linear:
        raise ScheduleError(
            "cosine=True and linear=True exclude each other. Write cosine=False, linear=True for a line."
        )
    if not (cosine or linear):
        return Translation(joined(climb(up, start=0.0), hold()))
    fall = None if rest == 0 else (_line if linear else _half_cosine)(over=rest)
    end = "turns negative" if linear else "climbs again"
    return Translation(
        joined(climb(up, start=0.0), fall),
        None,
        (f"After total_steps the LR of Bolts {end}; here it stays at its end.",),
    )


_half_cosine, _line = cosine, linear  # two arguments have the same names
