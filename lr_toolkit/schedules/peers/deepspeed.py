"""The schedulers of ``deepspeed.runtime.lr_schedules``."""

from __future__ import annotations

from typing import Any

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.peers.path import Path
from lr_toolkit.schedules.peers.peer import Peer
from lr_toolkit.schedules.peers.phases import Arguments, joined, left, level, number, one_of, share, whole
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import cosine, hold, inverse_time, linear, warmup

__all__ = ["deepspeed"]

_DEEPSPEED = Peer(
    "deepspeed",
    ("deepspeed.runtime.lr_schedules", "deepspeed.runtime", "deepspeed"),
    ignored=("last_batch_iteration", "cycle_min_mom", "cycle_max_mom", "decay_mom_rate"),
    refused={
        "LRRangeTest": lambda **_: (
            "grows without an end, to find an LR. Write the climb to the LR at which you stop: linear(end=100.0, start=1.0)."
        ),
    },
)
_TWICE = "DeepSpeed uses the first LR for two updates, because it steps once before it counts; that is kept."
_CUT = (
    "So the decay ends one step above its last LR, which DeepSpeed has only after {} updates; a longer run stays there."
)


def deepspeed(name: str, /, *args: Any, **kwargs: Any) -> Schedule:
    """The schedule that equals the ``scheduler`` of a DeepSpeed configuration.

    ``warmup_max_lr`` and ``cycle_max_lr`` are the base LR here: give them to the optimizer.

    Kept: the first LR is used for two updates, so everything comes one update later than elsewhere, and the end of the run cuts
    the last step of ``WarmupDecayLR``; the warmup is logarithmic by default. Refused as defects: ``warmup_num_steps=1``, which
    silently becomes 2; the LR of ``WarmupCosineLR`` with a linear warmup, which never reaches the peak: here update W is at the
    peak.

    Args:
        name: ``"WarmupLR"``, ``"WarmupDecayLR"``, ``"WarmupCosineLR"`` or ``"OneCycle"``, the ``type``.
        *args: its arguments without the optimizer.
        **kwargs: its arguments by name, the ``params``.

    Raises:
        ScheduleError: for another name or argument, an impossible value, or ``LRRangeTest``, which has no end.

    Example:
        >>> deepspeed("WarmupDecayLR", total_num_steps=10000, warmup_num_steps=500, warmup_type="linear")
        hold(1, level=0.0) >> warmup(500, start=0.0) >> linear(end=0.00010526315789473685, over=9499)

    Reference:
        DeepSpeed 0.19.8, ``deepspeed/runtime/lr_schedules.py``.
    """
    return _DEEPSPEED.translate(name, *args, **kwargs).schedule


@_DEEPSPEED.configuration(example="warmup_max_lr=1e-3, warmup_num_steps=1000")
def WarmupLR(
    warmup_min_lr: float = 0.0,
    warmup_max_lr: float | None = None,
    warmup_num_steps: int = 1000,
    warmup_type: str = "log",
) -> Translation:
    """A climb, then the highest LR."""
    base = None if warmup_max_lr is None else number("warmup_max_lr", warmup_max_lr, above_zero=True)
    return Translation(
        joined(_rise(warmup_min_lr, base, _steps(warmup_num_steps), warmup_type), hold()), base, (_TWICE,)
    )


@_DEEPSPEED.configuration(example="total_num_steps=10000, warmup_max_lr=1e-3, warmup_num_steps=1000")
def WarmupDecayLR(
    total_num_steps: int,
    warmup_min_lr: float = 0.0,
    warmup_max_lr: float = 0.001,
    warmup_num_steps: int = 1000,
    warmup_type: str = "log",
) -> Translation:
    """A climb, then a line back to the first LR, which a run of ``total_num_steps`` does not reach: the first LR is used twice."""
    base, up = number("warmup_max_lr", warmup_max_lr, above_zero=True), _steps(warmup_num_steps)
    rest, low = _rest(total_num_steps, up), share(number("warmup_min_lr", warmup_min_lr), base)
    if rest == 0:  # the first LR is used twice
        raise ScheduleError(
            f"a run of total_num_steps={up} ends one update before its warmup does. Write warmup_num_steps={up - 1}, or "
            f"total_num_steps={up + 1}."
        )
    if rest is None:
        fall: Schedule | None = linear(low)
    else:  # without its last step, which comes after the run
        fall = linear(low + (1 - low) / rest, over=rest - 1) if rest > 1 else None
    translation = Translation(joined(_rise(warmup_min_lr, base, up, warmup_type), fall), base, (_TWICE,))
    return translation.after(_CUT.format(total_num_steps)) if rest else translation


@_DEEPSPEED.configuration(example="total_num_steps=10000, warmup_num_steps=1000")
def WarmupCosineLR(
    total_num_steps: int,
    warmup_min_ratio: float = 0.0,
    warmup_num_steps: int = 1000,
    cos_min_ratio: float = 0.0001,
    warmup_type: str = "log",
) -> Translation:
    """A climb, then half a cosine, both relative to the optimizer's LR; the very first update has an LR of zero."""
    up, first = _steps(warmup_num_steps), number("warmup_min_ratio", warmup_min_ratio)
    one_of("warmup_type", warmup_type, ("log", "linear"))
    rest, last = _rest(total_num_steps, up), number("cos_min_ratio", cos_min_ratio)
    # Its cosine begins one update before the warmup has ended; the logarithm is at the peak by then.
    rise = warmup(up - 1, shape="log", start=first)
    notes: tuple[str, ...] = (_TWICE,)
    if warmup_type == "linear":
        rise = linear(first + (1 - first) * (up - 1) / up, start=first, over=up - 1)
        notes = (_TWICE, f"DeepSpeed never uses the peak of a linear warmup; here update {up} is at the peak.")
    fall = None if rest == 0 else cosine(last, **({"start": 1.0} if warmup_type == "linear" else {}), over=rest)
    return Translation(joined(hold(1, level=0.0), rise, fall), None, notes)


@_DEEPSPEED.configuration(example="cycle_min_lr=1e-4, cycle_max_lr=1e-3, cycle_first_step_size=2000")
def OneCycle(
    cycle_min_lr: float,
    cycle_max_lr: float,
    decay_lr_rate: float = 0.0,
    cycle_first_step_size: int = 2000,
    cycle_second_step_size: int | None = None,
    cycle_first_stair_count: int = 0,
    cycle_second_stair_count: int | None = None,
    decay_step_size: int = 0,
    cycle_momentum: bool = True,
) -> Translation:
    """Up to the highest LR and down again in lines, then one over the time."""
    base, up = (
        number("cycle_max_lr", cycle_max_lr, above_zero=True),
        whole("cycle_first_step_size", cycle_first_step_size, 1),
    )
    low = share(number("cycle_min_lr", cycle_min_lr), base)
    down = up if cycle_second_step_size is None else whole("cycle_second_step_size", cycle_second_step_size, 1)
    if cycle_first_stair_count or cycle_second_stair_count:
        raise ScheduleError(
            "stairs inside the cycle are not known. Write cycle_first_stair_count=0, or stairs(..., every=100)."
        )
    path = Path().move(linear, low, 1.0, up).move(linear, 1.0, low, down)
    if decay_lr_rate and decay_step_size and low:
        scale, rate = whole("decay_step_size", decay_step_size, 1), number("decay_lr_rate", decay_lr_rate)
        path.then(inverse_time(scale) if rate == 1 else inverse_time(scale, rate=rate), 0.0)
    translation = Translation(path.schedule, base)
    return (
        translation.after("DeepSpeed also moves the momentum; this schedule moves the LR alone.")
        if cycle_momentum
        else translation
    )


def _rise(min_lr: Any, base: float | None, up: int, kind: Any) -> Schedule:
    """The first LR once, and the warmup, which begins with it again."""
    one_of("warmup_type", kind, ("log", "linear"))
    shape: Arguments = {"shape": "log", "peak": "last"} if kind == "log" else {}
    low = number("warmup_min_lr", min_lr)
    start = level("start", "warmup_min_lr", low) if base is None else {"start": share(low, base)}
    first = {name.replace("start", "level"): value for name, value in start.items()}
    return hold(1, **first) >> warmup(up, **start, **shape)


def _steps(warmup_num_steps: Any) -> int:
    steps = whole("warmup_num_steps", warmup_num_steps, 1)
    if steps == 1:
        raise ScheduleError("warmup_num_steps=1 becomes 2 in DeepSpeed. Write warmup_num_steps=2.")
    return steps


def _rest(total_num_steps: Any, up: int) -> int | None:
    if total_num_steps is None:
        return None
    return left("total_num_steps", whole("total_num_steps", total_num_steps, 1), warmup_num_steps=up)
