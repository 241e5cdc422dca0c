"""The ``OptimizerParamScheduler`` of Megatron."""

from __future__ import annotations

from typing import Any

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.peers.path import Path
from lr_toolkit.schedules.peers.peer import Peer
from lr_toolkit.schedules.peers.phases import left, number, one_of, share, whole
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.recipes import inverse_sqrt
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import clipped, cosine, exponential_to, linear, one_minus_sqrt

__all__ = ["megatron"]

_MEGATRON = Peer(
    "megatron",
    ("megatron.core.optimizer_param_scheduler", "megatron.core", "megatron"),
    ignored=(
        "start_wd",
        "end_wd",
        "wd_incr_steps",
        "wd_incr_style",
        "use_checkpoint_opt_param_scheduler",
        "override_opt_param_scheduler",
    ),
)


def megatron(name: str = "OptimizerParamScheduler", /, *args: Any, **kwargs: Any) -> Schedule:
    """The LR schedule that equals Megatron's ``OptimizerParamScheduler``, in updates.

    ``max_lr`` is the base LR: give it to the optimizer. Megatron counts samples; divide its numbers by the global batch.

    Kept: the first update has the LR ``init_lr``, the last is one step short of the end. Left out: the weight decay, which the
    same object moves there, and the drop of ``"inverse-square-root"`` to ``min_lr`` after ``lr_decay_steps``.

    Args:
        name: ``"OptimizerParamScheduler"``, which may be left out.
        *args: its arguments without the optimizer.
        **kwargs: its arguments by name.

    Raises:
        ScheduleError: for another name or argument, or an impossible value.

    Example:
        >>> megatron(max_lr=3e-4, min_lr=3e-5, lr_warmup_steps=500, lr_decay_steps=10000, lr_decay_style="cosine")
        warmup(500, start=0.0) >> cosine(end=0.1, over=9500)

    Reference:
        Megatron-core 0.16.1, ``megatron/core/optimizer_param_scheduler.py``.
    """
    return _MEGATRON.translate(name, *args, **kwargs).schedule


@_MEGATRON.configuration(example="max_lr=3e-4, min_lr=3e-5, lr_warmup_steps=500, lr_decay_steps=10000")
def OptimizerParamScheduler(
    init_lr: float = 0.0,
    max_lr: float = 0.0,
    min_lr: float = 0.0,
    lr_warmup_steps: int = 0,
    lr_decay_steps: int | None = None,
    lr_decay_style: str = "linear",
    wsd_decay_steps: int | None = None,
    lr_wsd_decay_style: str | None = "exponential",
) -> Translation:
    """A climb, and a decay of one of five styles."""
    base, up = number("max_lr", max_lr, above_zero=True), whole("lr_warmup_steps", lr_warmup_steps)
    first, last = share(number("init_lr", init_lr), base), share(number("min_lr", min_lr), base)
    one_of("lr_decay_style", lr_decay_style, ("constant", "linear", "cosine", "inverse-square-root", "WSD"))
    if first > 1 or last > 1:
        raise ScheduleError(f"init_lr={init_lr!r} and min_lr={min_lr!r} must not lie above max_lr={max_lr!r}.")
    steps = None if lr_decay_steps is None else whole("lr_decay_steps", lr_decay_steps, 1)
    rest = left("lr_decay_steps", steps, lr_warmup_steps=up)
    path = Path().move(linear, first, 1.0, up)
    if lr_decay_style == "constant":
        return Translation(path.stay(1.0, None).schedule, base)
    if lr_decay_style == "inverse-square-root":
        if up == 0:
            raise ScheduleError("without a warmup Megatron uses its first LR twice. Write lr_warmup_steps=1 or more.")
        curve = inverse_sqrt(up)
        notes = ("After lr_decay_steps Megatron's LR drops to min_lr; here the curve goes on.",)
        return Translation(path.then(clipped(curve, min=last) if last else curve, last).schedule, base, notes)
    if lr_decay_style != "WSD":
        return Translation(
            path.move({"linear": linear, "cosine": cosine}[lr_decay_style], 1.0, last, rest).schedule, base
        )
    down = whole("wsd_decay_steps", wsd_decay_steps, 1)
    styles = {"linear": linear, "cosine": cosine, "minus_sqrt": one_minus_sqrt, "exponential": exponential_to}
    style = one_of("lr_wsd_decay_style", lr_wsd_decay_style, styles)
    ratio = {"ratio": 0.5} if style == "exponential" else {}
    path.stay(1.0, left("lr_decay_steps", steps, lr_warmup_steps=up, wsd_decay_steps=down))
    return Translation(path.move(styles[style], 1.0, last, down, **ratio).schedule, base)
