"""The schedulers of ``olmo_core.optim.scheduler``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.peers.path import Path
from lr_toolkit.schedules.peers.peer import Peer
from lr_toolkit.schedules.peers.phases import climb, joined, left, level, listed, number, one_of, share, stay, whole
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.recipes import inverse_sqrt
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import cosine, exponential_to, hold, inverse_time, linear, repeat, scaled

__all__ = ["olmo_core"]

_QUARTER = "is a quarter of a wave. Write half a wave: warmup(500) >> cosine(0.1)."
_SEQUENTIAL = (
    "begins each schedule at the LR of the one before. Write the phases: warmup(500) >> cosine(0.1, over=900)."
)

_STAGES = "[{'duration': 1000, 'start_lr_fraction': 0.0, 'end_lr_fraction': 1.0}]"

_OLMO_CORE = Peer(
    "olmo_core",
    ("olmo_core.optim.scheduler", "olmo_core.optim", "olmo_core"),
    ignored=("lr_field", "initial_lr_field", "units"),
    refused={
        "half_cos_with_warmup": lambda **_: _QUARTER,
        "HalfCosWithWarmup": lambda **_: _QUARTER,
        "sequential": lambda **_: _SEQUENTIAL,
        "SequentialScheduler": lambda **_: _SEQUENTIAL,
    },
)


def olmo_core(name: str, /, *args: Any, **kwargs: Any) -> Schedule:
    """The schedule that equals a scheduler of OLMo-core, by its registered name or its class.

    ``t_max`` is the length of the run in updates, as OLMo-core passes it; without it the schedule takes the run's length.

    Kept: OLMo-core counts an update before its optimizer steps, so the first update has the LR of step 1: a warmup begins at
    1/W, and the end is reached by the last update. Refused: ``warmup=0`` with a decay, which begins one step into it; a
    ``warmup_min_lr`` above zero, unless ``lr`` gives the base LR of which it is a part.

    Args:
        name: ``"constant"``, ``"constant_with_warmup"``, ``"linear_with_warmup"``, ``"cos_with_warmup"``,
            ``"cos_with_warmup_and_linear_decay"``, ``"inv_sqrt_with_warmup"``, ``"wsd"``, ``"wsds"``, ``"power_lr"``,
            ``"composable"`` or ``"exponential"``; or the class, ``"CosWithWarmup"``.
        *args: its arguments.
        **kwargs: its arguments by name; ``t_max``, and ``lr``, the optimizer's LR.

    Raises:
        ScheduleError: for another name or argument, or an impossible value.

    Example:
        >>> olmo_core("cos_with_warmup", warmup=2000, t_max=100000)
        warmup(1999) >> cosine(end=0.1, over=98000)

    Reference:
        OLMo-core 3.0.0, ``olmo_core/optim/scheduler.py``.
    """
    return _OLMO_CORE.translate(name, *args, **kwargs).schedule


@_OLMO_CORE.configuration("constant")
def ConstantScheduler(t_max: int | None = None) -> Translation:
    """The base LR."""
    return Translation(hold())


@_OLMO_CORE.configuration("constant_with_warmup", example="warmup=2000")
def ConstantWithWarmup(
    warmup: int | None = None,
    warmup_steps: int | None = None,
    warmup_fraction: float | None = None,
    warmup_min_lr: float = 0.0,
    t_max: int | None = None,
    lr: float | None = None,
) -> Translation:
    """A climb, then the base LR."""
    up = _length("warmup", warmup, warmup_steps, warmup_fraction, t_max)
    return Translation(joined(_rise(up, warmup_min_lr, lr), hold()), _optional(lr))


@_OLMO_CORE.configuration("linear_with_warmup", example="warmup=2000, t_max=100000")
def LinearWithWarmup(
    alpha_f: float = 0.1,
    t_max: int | None = None,
    warmup: int | None = None,
    warmup_steps: int | None = None,
    warmup_fraction: float | None = None,
    warmup_min_lr: float = 0.0,
    lr: float | None = None,
) -> Translation:
    """A climb, then a line to a share of the base LR."""
    up = _length("warmup", warmup, warmup_steps, warmup_fraction, t_max)
    return Translation(_decay(linear, up, warmup_min_lr, lr, alpha_f, t_max), _optional(lr))


@_OLMO_CORE.configuration("cos_with_warmup", example="warmup=2000, t_max=100000")
def CosWithWarmup(
    warmup: int | None = None,
    warmup_steps: int | None = None,
    warmup_fraction: float | None = None,
    alpha_f: float = 0.1,
    t_max: int | None = None,
    warmup_min_lr: float = 0.0,
    lr: float | None = None,
) -> Translation:
    """A climb, then half a cosine to a share of the base LR."""
    up = _length("warmup", warmup, warmup_steps, warmup_fraction, t_max)
    return Translation(_decay(cosine, up, warmup_min_lr, lr, alpha_f, t_max), _optional(lr))


@_OLMO_CORE.configuration(
    "cos_with_warmup_and_linear_decay", example="warmup=2000, decay=1000, decay_fraction=None, t_max=100000"
)
def CosWithWarmupAndLinearDecay(
    warmup: int | None = None,
    warmup_steps: int | None = None,
    warmup_fraction: float | None = None,
    alpha_f: float = 0.1,
    t_max: int | None = None,
    warmup_min_lr: float = 0.0,
    decay: int | None = None,
    decay_steps: int | None = None,
    decay_fraction: float | None = 0.1,
    decay_min_lr: float = 0.0,
    lr: float | None = None,
) -> Translation:
    """A climb, and half a cosine whose last part is a line."""
    up = _length("warmup", warmup, warmup_steps, warmup_fraction, t_max)
    steps, down = whole("t_max", t_max, 1), _length("decay", decay, decay_steps, decay_fraction, t_max)
    rest = left("t_max", steps, warmup=up) or 0
    wave = repeat(
        cosine(number("alpha_f", alpha_f), over=rest), rest="cut", over=left("t_max", steps, warmup=up, decay=down)
    )
    return Translation(
        joined(_rise(up, warmup_min_lr, lr), wave, linear(**level("end", "decay_min_lr", decay_min_lr), over=down)),
        _optional(lr),
    )


@_OLMO_CORE.configuration("inv_sqrt_with_warmup", example="warmup=2000")
def InvSqrtWithWarmup(
    alpha_f: float = 0.1,
    warmup: int | None = None,
    warmup_steps: int | None = None,
    warmup_fraction: float | None = None,
    warmup_min_lr: float = 0.0,
    t_max: int | None = None,
    lr: float | None = None,
) -> Translation:
    """A climb, then one over the square root of the updates, above a share of the base LR."""
    up = _length("warmup", warmup, warmup_steps, warmup_fraction, t_max)
    floor = number("alpha_f", alpha_f)
    curve = scaled(hold(level=1.0), inverse_sqrt(up), floor=floor) if floor else inverse_sqrt(up)
    return Translation(joined(_rise(up, warmup_min_lr, lr), curve), _optional(lr))


@_OLMO_CORE.configuration("wsd", example="warmup=2000, t_max=100000")
def WSD(
    warmup: int | None = None,
    warmup_steps: int | None = None,
    warmup_fraction: float | None = None,
    decay: int | None = None,
    decay_steps: int | None = None,
    decay_fraction: float | None = 0.1,
    warmup_min_lr: float = 0.0,
    decay_min_lr: float = 0.0,
    t_max: int | None = None,
    lr: float | None = None,
) -> Translation:
    """A climb, a stable part, and a line."""
    up = _length("warmup", warmup, warmup_steps, warmup_fraction, t_max)
    down = _length("decay", decay, decay_steps, decay_fraction, t_max)
    fall = linear(**level("end", "decay_min_lr", decay_min_lr), over=down)
    if t_max is None:
        return Translation(joined(_rise(up, warmup_min_lr, lr), hold(), fall, hold(1)), _optional(lr))
    stable = left("t_max", whole("t_max", t_max, 1), warmup=up, decay=down)
    return Translation(joined(_rise(up, warmup_min_lr, lr), stay(stable), fall), _optional(lr))


@_OLMO_CORE.configuration("power_lr", example="warmup=2000, t_max=100000")
def PowerLR(
    b: float = -0.51,
    warmup: int | None = None,
    warmup_steps: int | None = None,
    warmup_fraction: float | None = None,
    warmup_min_lr: float = 0.0,
    decay: int | None = None,
    decay_steps: int | None = None,
    decay_fraction: float | None = 0.1,
    decay_min_lr: float = 0.0,
    t_max: int | None = None,
    lr: float | None = None,
) -> Translation:
    """A climb, a power of the updates, and a line from the level that it reaches."""
    up = _length("warmup", warmup, warmup_steps, warmup_fraction, t_max)
    down = _length("decay", decay, decay_steps, decay_fraction, t_max)
    if up == 0:
        raise ScheduleError("without a warmup OLMo-core divides by zero. Write warmup=1 or more.")
    steps = None if t_max is None else whole("t_max", t_max, 1)
    middle = left("t_max", steps, warmup=up, decay=down)
    curve = None if middle == 0 else inverse_time(up, power=-number("b", b, signed=True), over=middle)
    fall = linear(**level("end", "decay_min_lr", decay_min_lr), over=down)
    return Translation(
        joined(_rise(up, warmup_min_lr, lr), curve, fall, hold(1) if steps is None else None), _optional(lr)
    )


@_OLMO_CORE.configuration("wsds", example="period_lengths=[1000, 2000], warmup=100, decay_fraction=0.1")
def WSDS(
    period_lengths: Sequence[int] = (),
    period_lr_multipliers: Sequence[float] | None = None,
    warmup: int | None = None,
    warmup_fraction: float | None = None,
    decay: int | None = None,
    decay_fraction: float | None = None,
    warmup_min_lr: float = 0.0,
    decay_min_lr: float = 0.0,
    t_max: int | None = None,
    lr: float | None = None,
) -> Translation:
    """Periods, each at its level, with a line at the end; the next begins at its level again."""
    lengths = [
        whole("period_lengths", length, 1) for length in listed("period_lengths", period_lengths, "[1000, 2000]")
    ]
    given = [1.0] * len(lengths) if period_lr_multipliers is None else period_lr_multipliers
    peaks = [number("period_lr_multipliers", peak) for peak in listed("period_lr_multipliers", given, "[1.0, 0.5]")]
    if len(peaks) != len(lengths):
        raise ScheduleError(
            "period_lengths and period_lr_multipliers must be lists of equal length. Write period_lengths=[1000]."
        )
    if peaks[0] != 1.0 and warmup_min_lr:
        raise ScheduleError("warmup_min_lr with a first multiplier is not known. Write warmup_min_lr=0.0.")
    up = _length("warmup", warmup, None, warmup_fraction, lengths[0])
    path = Path()
    if up > 1 and peaks[0] == 1.0:
        path.then(_rise(up, warmup_min_lr, lr) or hold(), 1.0)
    elif up > 1:
        path.move(linear, peaks[0] / up, peaks[0], up - 1)
    last = share(number("decay_min_lr", decay_min_lr), _base(decay_min_lr, lr))
    for index, (length, peak) in enumerate(zip(lengths, peaks, strict=True)):
        down = _length("decay", decay, None, decay_fraction, length)
        stable = left("period_lengths", length, warmup=up if index == 0 else 0, decay=down) or 0
        # The update after a line is at its end, and the next one is in the next period already.
        first = 0 if index == 0 and up else 1
        if stable < first:
            raise ScheduleError(f"period_lengths={length} leaves no update for the stable part. Write a longer period.")
        path.stay(peak, stable - first).move(linear, peak, last, down)
        if index < len(lengths) - 1:
            path.stay(last, 1)
    return Translation(path.schedule, _optional(lr))


@_OLMO_CORE.configuration("composable", example=f"stages={_STAGES}")
def ComposableScheduler(
    stages: Sequence[Mapping[str, Any]] = (),
    override_decay: Mapping[str, Any] | None = None,
    t_max: int | None = None,
    lr: float | None = None,
) -> Translation:
    """Stages, each a line or half a cosine between two levels; the first must be a line, because its first step is skipped."""
    if override_decay is not None:
        raise ScheduleError(
            "override_decay replaces what follows its start. Write the stages up to it, and the decay as the last."
        )
    if not all(isinstance(stage, Mapping) for stage in listed("stages", stages, _STAGES)):
        raise ScheduleError(f"stages={shorten(stages)} must be a list of mappings, as in stages={_STAGES}.")
    path, build = Path(), {"linear": linear, "cosine": cosine}
    level = 1.0
    for index, stage in enumerate(stages):
        over, shape = whole("duration", stage.get("duration"), 1), one_of("shape", stage.get("shape", "linear"), build)
        first = _stage_level(stage, "start", level, lr)
        level = _stage_level(stage, "end", None, lr)
        if index == 0 and first != level:
            if shape != "linear":
                raise ScheduleError("a first stage that is no line begins one step into it. Write a line first.")
            first, over = first + (level - first) / over, over - 1
        path.move(build[shape], first, level, over)
    return Translation(path.schedule, _optional(lr))


@_OLMO_CORE.configuration("exponential", example="lr_min=1e-6, t_max=1000, lr=1e-2")
def ExponentialScheduler(lr_min: float = 1e-9, t_max: int | None = None, lr: float | None = None) -> Translation:
    """A climb by the same factor at each update, from ``lr_min`` to the base LR."""
    if t_max is None or lr is None:
        raise ScheduleError("the climb needs the length of the run and the LR at its end. Write t_max=1000, lr=1e-2.")
    steps, base = whole("t_max", t_max, 2), number("lr", lr, above_zero=True)
    first = (number("lr_min", lr_min, above_zero=True) / base) ** (1 - 1 / steps)
    return Translation(exponential_to(1.0, start=first, over=steps - 1), base)


def _optional(lr: Any) -> float | None:
    """The base LR, if it is known."""
    return None if lr is None else number("lr", lr, above_zero=True)


def _stage_level(stage: Mapping[str, Any], side: str, default: float | None, lr: float | None) -> float:
    """The first or last level of a stage, as a factor."""
    lr_there, fraction = stage.get(f"{side}_lr"), stage.get(f"{side}_lr_fraction")
    if lr_there is not None:
        return share(number(f"{side}_lr", lr_there), _base(lr_there, lr))
    if fraction is None and default is None:
        raise ScheduleError(f"{shorten(dict(stage))} must have {side}_lr or {side}_lr_fraction.")
    return number(f"{side}_lr_fraction", default if fraction is None else fraction)


def _base(level_lr: Any, lr: Any) -> float:
    """The optimizer's LR, which an LR above zero needs to become a factor."""
    if lr is None and level_lr:
        raise ScheduleError(
            f"{shorten(level_lr)} is an LR, and the base LR is not known. Write the optimizer's LR too: lr=3e-4."
        )
    return 1.0 if lr is None else number("lr", lr, above_zero=True)


def _length(name: str, given: Any, steps: Any, fraction: Any, t_max: Any) -> int:
    """The length of a part in updates, by whichever name it has."""
    if given is None:
        given = steps
    if given is not None and (fraction is None or name == "decay"):
        return whole(name, given)
    if given is not None or fraction is None:
        raise ScheduleError(
            f"{name} is either a number of updates or a share. Write {name}=1000 or {name}_fraction=0.1."
        )
    if t_max is None:
        raise ScheduleError(f"{name}_fraction is a share of a run whose length is not given. Write t_max=100000 too.")
    return round(whole("t_max", t_max, 1) * number(f"{name}_fraction", fraction))


def _rise(up: int, min_lr: Any, lr: Any) -> Schedule | None:
    """The warmup without its step 0, which no update has."""
    low = share(number("warmup_min_lr", min_lr), _base(min_lr, lr))
    return climb(max(up - 1, 0), **({"start": low + (1 - low) / up} if low else {}))


def _decay(build: Any, up: int, min_lr: Any, lr: Any, alpha_f: Any, t_max: Any) -> Schedule:
    if up == 0:
        raise ScheduleError("without a warmup OLMo-core begins one step into the decay. Write warmup=1 or more.")
    last = number("alpha_f", alpha_f)
    if t_max is None:
        return joined(_rise(up, min_lr, lr), build(last), hold(1))
    rest = left("t_max", whole("t_max", t_max, 1), warmup=up)
    return joined(_rise(up, min_lr, lr), None if rest == 0 else build(last, over=rest))
