"""The schedulers of ``timm.scheduler``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.peers.peer import Peer, plateau_answer
from lr_toolkit.schedules.peers.phases import climb, joined, level, listed, number, one_of, stay, whole
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.recipes import inverse_sqrt
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import (
    clipped,
    cosine,
    exponential_to,
    hold,
    inverse_time,
    linear,
    multistep,
    one_minus_sqrt,
    polynomial,
    repeat,
    scaled,
    step,
    tanh,
)

__all__ = ["timm"]

_TIMM = Peer(
    "timm",
    ("timm.scheduler", "timm"),
    ignored=("t_in_epochs", "noise_pct", "noise_std", "noise_seed", "noise_type", "initialize"),
    refused={
        "PlateauLRScheduler": plateau_answer(
            decay_rate="factor", patience_t="patience", cooldown_t="cooldown", lr_min="min_lr"
        )
    },
)
_JOINS = (
    "With warmup_prefix=False timm's decay begins with the run, so after the warmup the LR jumps into its middle; here the decay "
    "begins after the warmup, from the base LR, and ends at the same update."
)


def timm(name: str, /, *args: Any, **kwargs: Any) -> Schedule:
    """The schedule that equals a scheduler of timm, whose ``t`` counts updates, or epochs if it is stepped per epoch.

    Kept: the last update is one step short of the end; ``MultiStepLRScheduler`` drops one step before each milestone.
    Refused as a defect: ``warmup_prefix=False``, the default of cosine, poly and tanh, with which the decay begins during the
    warmup and the LR jumps from the base LR into the middle of the decay. Here the decay begins after the warmup and ends at
    the same update. Noise is refused: it is no function of time.

    Args:
        name: ``"CosineLRScheduler"``, ``"PolyLRScheduler"``, ``"TanhLRScheduler"``, ``"StepLRScheduler"``,
            ``"MultiStepLRScheduler"`` or ``"WSDLRScheduler"``; or ``"cosine"``, ``"poly"``, ``"tanh"``, ``"step"``,
            ``"multistep"``, ``"wsd"``.
        *args: its arguments without the optimizer.
        **kwargs: its arguments by name.

    Raises:
        ScheduleError: for another name or argument, an impossible value, noise, or ``PlateauLRScheduler``.

    Example:
        >>> timm("CosineLRScheduler", t_initial=300, lr_min=1e-5, warmup_t=5, warmup_lr_init=1e-6, warmup_prefix=True)
        warmup(5, start_lr=1e-06) >> cosine(end_lr=1e-05, over=300)

    Reference:
        timm 1.0.31, ``timm/scheduler/``.
    """
    return _TIMM.translate(name, *args, **kwargs).schedule


@_TIMM.configuration("cosine", example="t_initial=300, lr_min=1e-5, warmup_t=5, warmup_prefix=True")
def CosineLRScheduler(
    t_initial: int,
    lr_min: float = 0.0,
    cycle_mul: float = 1.0,
    cycle_decay: float = 1.0,
    cycle_limit: int = 1,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = False,
    noise_range_t: Any = None,
    k_decay: float = 1.0,
) -> Translation:
    """Half cosines, each from ``cycle_decay`` times the height of the one before."""
    _no_noise(noise_range_t)
    k = {} if number("k_decay", k_decay, above_zero=True) == 1 else {"k": k_decay}
    return _cycles(
        lambda start, over: cosine(**level("end", "lr_min", lr_min), **start, **k, over=over),
        (t_initial, cycle_mul, cycle_decay, cycle_limit),
        (warmup_t, warmup_lr_init, warmup_prefix),
    )


@_TIMM.configuration("poly", example="t_initial=300, power=2.0, warmup_t=5, warmup_prefix=True")
def PolyLRScheduler(
    t_initial: int,
    power: float = 0.5,
    lr_min: float = 0.0,
    cycle_mul: float = 1.0,
    cycle_decay: float = 1.0,
    cycle_limit: int = 1,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = False,
    noise_range_t: Any = None,
    k_decay: float = 1.0,
) -> Translation:
    """Powers of the remaining share, each from ``cycle_decay`` times the height of the one before."""
    _no_noise(noise_range_t)
    k = {} if number("k_decay", k_decay, above_zero=True) == 1 else {"k": k_decay}
    return _cycles(
        lambda start, over: polynomial(power, **level("end", "lr_min", lr_min), **start, **k, over=over),
        (t_initial, cycle_mul, cycle_decay, cycle_limit),
        (warmup_t, warmup_lr_init, warmup_prefix),
    )


@_TIMM.configuration("tanh", example="t_initial=300, warmup_t=5, warmup_prefix=True")
def TanhLRScheduler(
    t_initial: int,
    lb: float = -7.0,
    ub: float = 3.0,
    lr_min: float = 0.0,
    cycle_mul: float = 1.0,
    cycle_decay: float = 1.0,
    cycle_limit: int = 1,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = False,
    noise_range_t: Any = None,
) -> Translation:
    """A part of a hyperbolic tangent, which begins a little below the base LR and ends a little above ``lr_min``."""
    _no_noise(noise_range_t)
    if cycle_limit != 1:
        raise ScheduleError(f"cycle_limit={shorten(cycle_limit)}: one cycle is known here. Write cycle_limit=1.")
    lower, upper = number("lb", lb, signed=True), number("ub", ub, signed=True)
    first, last = (1 - math.tanh(lower)) / 2, (1 - math.tanh(upper)) / 2
    floor, length, (rise, notes) = (
        number("lr_min", lr_min),
        whole("t_initial", t_initial, 1),
        _rise(warmup_t, warmup_lr_init, warmup_prefix),
    )
    over = length if warmup_prefix else length - whole("warmup_t", warmup_t)
    if over < 1:
        raise ScheduleError(f"warmup_t={warmup_t} leaves nothing of t_initial={t_initial}. Write a shorter warmup.")
    curve = tanh(last, lower=lower, upper=upper, start=first, over=over)
    decay = scaled(hold(level=1.0), curve, floor_lr=floor, over=over) if floor else curve
    after = hold(**level("level", "lr_min", floor))
    return Translation(joined(rise, decay, after), None, notes)


@_TIMM.configuration("step", example="decay_t=30, decay_rate=0.1")
def StepLRScheduler(
    decay_t: int,
    decay_rate: float = 1.0,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = True,
    noise_range_t: Any = None,
) -> Translation:
    """Stairs, counted from the end of the warmup."""
    _no_noise(noise_range_t)
    every, rate = whole("decay_t", decay_t, 1), number("decay_rate", decay_rate, above_zero=True)
    _needs_prefix(warmup_t, warmup_prefix)
    rise, _ = _rise(warmup_t, warmup_lr_init, True)
    return Translation(joined(rise, hold() if rate == 1 else step(every, gamma=rate)))


@_TIMM.configuration("multistep", example="decay_t=[30, 60], decay_rate=0.1")
def MultiStepLRScheduler(
    decay_t: Sequence[int],
    decay_rate: float = 1.0,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    warmup_prefix: bool = True,
    noise_range_t: Any = None,
) -> Translation:
    """Stairs, each one step before its milestone, counted from the end of the warmup."""
    _no_noise(noise_range_t)
    rate = number("decay_rate", decay_rate, above_zero=True)
    _needs_prefix(warmup_t, warmup_prefix)
    places = [whole("decay_t", milestone, 2) - 1 for milestone in listed("decay_t", decay_t, "[30, 60]")]
    rise, _ = _rise(warmup_t, warmup_lr_init, True)
    return Translation(joined(rise, hold() if rate == 1 else multistep(places, gamma=rate)))


@_TIMM.configuration("wsd", example="t_initial=300, decay_t=60, warmup_t=5")
def WSDLRScheduler(
    t_initial: int,
    decay_t: int,
    lr_min: float = 0.0,
    stable_fn: str = "constant",
    stable_timescale: float | None = None,
    stable_power: float = 0.5,
    decay_fn: str = "1-sqrt",
    decay_power: float = 0.5,
    decay_ratio: float = 0.1,
    warmup_t: int = 0,
    warmup_lr_init: float = 0.0,
    noise_range_t: Any = None,
) -> Translation:
    """A climb, a part that is constant or falls slowly, and a decay that multiplies it."""
    _no_noise(noise_range_t)
    one_of("stable_fn", stable_fn, ("constant", "rsqrt", "power"))
    length, down = whole("t_initial", t_initial, 1), whole("decay_t", decay_t, 1)
    if down > length:
        raise ScheduleError(f"decay_t={down} is longer than t_initial={length}. Write a shorter decay.")
    rise, _ = _rise(warmup_t, warmup_lr_init, True)
    floor = level("end", "lr_min", lr_min)
    if stable_fn == "constant":
        return Translation(joined(rise, stay(length - down), _decay(decay_fn, decay_power, decay_ratio, floor, down)))
    scale = whole("stable_timescale", warmup_t if stable_timescale is None else stable_timescale, 1)
    curve = inverse_sqrt(scale) if stable_fn == "rsqrt" else inverse_time(scale, power=stable_power)
    at_floor = level("floor", "lr_min", lr_min)
    factor = joined(stay(length - down), _decay(decay_fn, decay_power, decay_ratio, {"end": 0.0}, down))
    stable = clipped(curve, min_lr=float(lr_min)) if lr_min else curve
    return Translation(joined(rise, scaled(stable, factor, **at_floor)))


def _decay(fn: Any, power: float, ratio: float, floor: dict[str, float], over: int) -> Schedule:
    one_of("decay_fn", fn, ("1-sqrt", "linear", "cosine", "power", "exp"))
    if fn == "power":
        return polynomial(1.0, k=number("decay_power", power, above_zero=True), **floor, over=over)
    if fn == "exp":
        return exponential_to(**floor, ratio=number("decay_ratio", ratio, above_zero=True), over=over)
    build = {"1-sqrt": one_minus_sqrt, "linear": linear, "cosine": cosine}[fn]
    return build(**floor, over=over)


def _cycles(build: Any, cycle: tuple[Any, ...], warmup: tuple[Any, ...]) -> Translation:
    """A warmup, and ``cycle_limit`` decays, each longer by ``cycle_mul`` and lower by ``cycle_decay``; then the floor."""
    t_initial, growth, gamma, limit = cycle
    warmup_t, warmup_lr_init, prefix = warmup
    rise, notes = _rise(warmup_t, warmup_lr_init, prefix)
    length, times = whole("t_initial", t_initial, 1), whole("cycle_limit", limit, 1)
    first = length if prefix else length - whole("warmup_t", warmup_t)
    if first < 1:
        raise ScheduleError(f"warmup_t={warmup_t} leaves nothing of t_initial={t_initial}. Write a shorter warmup.")
    if times == 1:
        return Translation(joined(rise, build({}, first)), None, notes)
    if rise is not None and not prefix:
        raise ScheduleError("cycles with a warmup inside the first of them are not known. Write warmup_prefix=True.")
    grows, falls = number("cycle_mul", growth, above_zero=True), number("cycle_decay", gamma, above_zero=True)
    if falls == 1:
        cycles = repeat(build({"start": 1.0}, length), times, growth=grows)
    else:
        ends = [round(sum(grows**cycle for cycle in range(count)) * length) for count in range(times + 1)]
        cycles = joined(
            *(build({"start": falls**cycle}, later - earlier) for cycle, (earlier, later) in enumerate(pairwise(ends)))
        )
    if not grows.is_integer():
        notes = (*notes, "timm restarts between two updates; here each restart is at a whole update.")
    return Translation(joined(rise, cycles), None, notes)


def _rise(warmup_t: Any, warmup_lr_init: Any, prefix: bool) -> tuple[Schedule | None, tuple[str, ...]]:
    up = whole("warmup_t", warmup_t)
    return climb(up, **level("start", "warmup_lr_init", warmup_lr_init)), (_JOINS,) if up and not prefix else ()


def _needs_prefix(warmup_t: Any, prefix: bool) -> None:
    if warmup_t and not prefix:
        raise ScheduleError(
            "warmup_prefix=False counts the stairs from the beginning of the warmup. Write warmup_prefix=True."
        )


def _no_noise(noise_range_t: Any) -> None:
    if noise_range_t is not None:
        raise ScheduleError("noise is no function of time. Leave out noise_range_t.")
