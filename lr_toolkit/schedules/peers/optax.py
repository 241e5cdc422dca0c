"""The schedules of ``optax.schedules``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.peers.path import Path
from lr_toolkit.schedules.peers.peer import Peer, plateau_answer
from lr_toolkit.schedules.peers.phases import left, number, one_of, share, whole
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import clipped, cosine, exponential, hold, linear, polynomial, step

__all__ = ["optax"]

_OPTAX = Peer(
    "optax",
    ("optax.schedules", "optax"),
    refused={
        "reduce_on_plateau": plateau_answer(rtol="threshold"),
        "join_schedules": lambda **_: (
            "holds LRs of several schedules. Write each schedule over its length, joined by >>: warmup(500) >> cosine(over=9500)."
        ),
        "inject_hyperparams": lambda **_: "holds schedules, and is none itself. Write the schedule that it holds.",
    },
)


def optax(name: str, /, *args: Any, **kwargs: Any) -> Schedule:
    """The schedule that equals one of optax.

    A schedule of optax returns LRs. The highest of them, ``peak_value`` or the larger of ``init_value`` and ``end_value``, is
    the base LR: give it to the optimizer.

    Kept: the last update is one step short of the end; ``decay_steps`` of ``warmup_cosine_decay_schedule`` includes the warmup;
    a one-cycle truncates its shares of the run to whole updates. Nothing was refused.

    Args:
        name: ``"constant_schedule"``, ``"linear_schedule"``, ``"polynomial_schedule"``, ``"cosine_decay_schedule"``,
            ``"exponential_decay"``, ``"piecewise_constant_schedule"``, ``"piecewise_interpolate_schedule"``,
            ``"linear_onecycle_schedule"``, ``"cosine_onecycle_schedule"``, ``"warmup_constant_schedule"``,
            ``"warmup_cosine_decay_schedule"``, ``"warmup_exponential_decay_schedule"`` or ``"sgdr_schedule"``.
        *args: its arguments.
        **kwargs: its arguments by name.

    Raises:
        ScheduleError: for another name or argument, an impossible value, or ``reduce_on_plateau``, which follows a metric.

    Example:
        >>> optax("warmup_cosine_decay_schedule", 0.0, 3e-4, warmup_steps=500, decay_steps=10000, end_value=3e-5)
        warmup(500, start=0.0) >> cosine(end=0.1, over=9500)

    Reference:
        optax 0.2.8, ``optax/schedules/_schedule.py``.
    """
    return _OPTAX.translate(name, *args, **kwargs).schedule


@_OPTAX.configuration(example="value=1e-3")
def constant_schedule(value: float) -> Translation:
    """One LR."""
    return Translation(hold(), number("value", value))


@_OPTAX.configuration(example="init_value=1e-3, end_value=0.0, transition_steps=1000")
def linear_schedule(
    init_value: float, end_value: float, transition_steps: int, transition_begin: int = 0
) -> Translation:
    """A line between two LRs."""
    return polynomial_schedule(init_value, end_value, 1, transition_steps, transition_begin)


@_OPTAX.configuration("polynomial_decay", example="init_value=1e-3, end_value=0.0, power=2, transition_steps=1000")
def polynomial_schedule(
    init_value: float, end_value: float, power: float, transition_steps: int, transition_begin: int = 0
) -> Translation:
    """A power of the remaining share between two LRs."""
    base, (first, last) = _relative(init_value=init_value, end_value=end_value)
    steps = whole("transition_steps", transition_steps)
    if steps == 0:
        return Translation(hold(), base if first == 1.0 else float(init_value))
    path = Path().stay(first, max(whole("transition_begin", transition_begin), 0))
    return Translation(_power(path, power, first, last, steps).schedule, base)


@_OPTAX.configuration(example="init_value=1e-3, decay_steps=1000")
def cosine_decay_schedule(
    init_value: float, decay_steps: int, alpha: float = 0.0, exponent: float = 1.0
) -> Translation:
    """Half a cosine, or a power of it, from an LR to its share ``alpha``."""
    path = Path().move(cosine, 1.0, number("alpha", alpha), whole("decay_steps", decay_steps, 1), **_exponent(exponent))
    return Translation(path.schedule, number("init_value", init_value, above_zero=True))


@_OPTAX.configuration(example="init_value=1e-3, transition_steps=1000, decay_rate=0.5")
def exponential_decay(
    init_value: float,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> Translation:
    """A decay by a factor in each interval, smooth or in stairs, down to ``end_value``."""
    base = number("init_value", init_value, above_zero=True)
    decay = _exponential(base, transition_steps, decay_rate, staircase, end_value)
    return Translation(Path().stay(1.0, whole("transition_begin", transition_begin)).then(decay, 1.0).schedule, base)


@_OPTAX.configuration(example="init_value=1e-3, boundaries_and_scales={3000: 0.1, 6000: 0.1}")
def piecewise_constant_schedule(
    init_value: float, boundaries_and_scales: Mapping[int, float] | None = None
) -> Translation:
    """An LR that is multiplied at each boundary."""
    return Translation(
        _points(boundaries_and_scales, "constant", 1.0).schedule, number("init_value", init_value, above_zero=True)
    )


@_OPTAX.configuration(example="'linear', init_value=1e-3, boundaries_and_scales={3000: 0.1, 6000: 0.1}")
def piecewise_interpolate_schedule(
    interpolate_type: str, init_value: float, boundaries_and_scales: Mapping[int, float] | None = None
) -> Translation:
    """Lines, or half cosines, between LRs of which each is a multiple of the one before."""
    shape = one_of("interpolate_type", interpolate_type, ("linear", "cosine"))
    return Translation(
        _points(boundaries_and_scales, shape, 1.0).schedule, number("init_value", init_value, above_zero=True)
    )


@_OPTAX.configuration(example="transition_steps=1000, peak_value=0.1")
def linear_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    pct_final: float = 0.85,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Translation:
    """Up to the peak, down to where it began, and on to the end, in lines."""
    steps, div = whole("transition_steps", transition_steps, 1), number("div_factor", div_factor, above_zero=True)
    scales = {
        _boundary("pct_start", pct_start, steps): div,
        _boundary("pct_final", pct_final, steps): 1.0 / div,
        steps: 1.0 / number("final_div_factor", final_div_factor, above_zero=True),
    }
    return Translation(_points(scales, "linear", 1.0 / div).schedule, number("peak_value", peak_value, above_zero=True))


@_OPTAX.configuration(example="transition_steps=1000, peak_value=0.1")
def cosine_onecycle_schedule(
    transition_steps: int,
    peak_value: float,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> Translation:
    """Up to the peak and down to the end, along half cosines."""
    steps, div = whole("transition_steps", transition_steps, 1), number("div_factor", div_factor, above_zero=True)
    last = 1.0 / (div * number("final_div_factor", final_div_factor, above_zero=True))
    scales = {_boundary("pct_start", pct_start, steps): div, steps: last}
    return Translation(_points(scales, "cosine", 1.0 / div).schedule, number("peak_value", peak_value, above_zero=True))


@_OPTAX.configuration(example="init_value=0.0, peak_value=1e-3, warmup_steps=500")
def warmup_constant_schedule(init_value: float, peak_value: float, warmup_steps: int) -> Translation:
    """A line between two LRs, of which the second stays."""
    base, (first, peak) = _relative(init_value=init_value, peak_value=peak_value)
    return Translation(
        Path().move(linear, first, peak, whole("warmup_steps", warmup_steps)).stay(peak, None).schedule, base
    )


@_OPTAX.configuration(
    "warmup_cosine_decay", example="init_value=0.0, peak_value=1e-3, warmup_steps=500, decay_steps=10000"
)
def warmup_cosine_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    decay_steps: int,
    end_value: float = 0.0,
    exponent: float = 1.0,
) -> Translation:
    """A line to the peak, then half a cosine; ``decay_steps`` is the length of both."""
    base, levels = _relative(init_value=init_value, peak_value=peak_value, end_value=end_value)
    return Translation(_warmup_cosine(Path(), levels, warmup_steps, decay_steps, exponent).schedule, base)


@_OPTAX.configuration(
    example="init_value=0.0, peak_value=1e-3, warmup_steps=500, transition_steps=1000, decay_rate=0.5"
)
def warmup_exponential_decay_schedule(
    init_value: float,
    peak_value: float,
    warmup_steps: int,
    transition_steps: int,
    decay_rate: float,
    transition_begin: int = 0,
    staircase: bool = False,
    end_value: float | None = None,
) -> Translation:
    """A line to the peak, then a decay by a factor in each interval."""
    base, (first, peak) = _relative(init_value=init_value, peak_value=peak_value)
    if peak != 1.0:
        raise ScheduleError(f"peak_value={peak_value!r} lies below init_value={init_value!r}. Write a higher peak.")
    path = Path().move(linear, first, 1.0, whole("warmup_steps", warmup_steps))
    path.stay(1.0, whole("transition_begin", transition_begin))
    return Translation(
        path.then(_exponential(base, transition_steps, decay_rate, staircase, end_value), 1.0).schedule, base
    )


@_OPTAX.configuration(example="[{'init_value': 0.0, 'peak_value': 1e-3, 'warmup_steps': 100, 'decay_steps': 1000}]")
def sgdr_schedule(cosine_kwargs: Sequence[Mapping[str, Any]]) -> Translation:
    """A list of ``warmup_cosine_decay_schedule``, one after another; the highest peak is the base LR."""
    if not isinstance(cosine_kwargs, (list, tuple)) or not cosine_kwargs:
        raise ScheduleError(f"cosine_kwargs={shorten(cosine_kwargs)} must be a list of mappings, one for each cycle.")
    keys = ("init_value", "peak_value", "end_value")
    cycles = []
    for cycle in cosine_kwargs:
        if not isinstance(cycle, Mapping) or not {"init_value", "peak_value", "warmup_steps", "decay_steps"} <= set(
            cycle
        ):
            raise ScheduleError(f"{shorten(cycle)} must have init_value, peak_value, warmup_steps and decay_steps.")
        cycles.append({"end_value": 0.0, "exponent": 1.0} | dict(cycle))
    base, levels = _relative(**{f"{key} {index}": cycle[key] for index, cycle in enumerate(cycles) for key in keys})
    path = Path()
    for index, cycle in enumerate(cycles):
        _warmup_cosine(
            path, levels[3 * index : 3 * index + 3], cycle["warmup_steps"], cycle["decay_steps"], cycle["exponent"]
        )
    return Translation(path.schedule, base)


def _boundary(name: str, share_of_run: Any, steps: int) -> int:
    """A share of the run in whole updates, truncated."""
    if number(name, share_of_run) > 1:
        raise ScheduleError(f"{name}={shorten(share_of_run)} must be a share of the run, from 0 to 1.")
    return int(share_of_run * steps)


def _relative(**lrs: Any) -> tuple[float, list[float]]:
    """The highest LR, and each as a factor of it."""
    checked = {name: number(name, lr) for name, lr in lrs.items()}
    base = max(checked.values())
    if base == 0:
        raise ScheduleError(f"{' and '.join(checked)} are zero. Write an LR above zero.")
    return base, [share(lr, base) for lr in checked.values()]


def _power(path: Path, power: Any, first: float, last: float, over: int) -> Path:
    if number("power", power, above_zero=True) == 1:
        return path.move(linear, first, last, over)
    return path.move(polynomial, first, last, over, power=power)


def _exponent(exponent: Any) -> dict[str, float]:
    return {} if number("exponent", exponent, above_zero=True) == 1 else {"power": exponent}


def _warmup_cosine(path: Path, levels: Sequence[float], warmup_steps: Any, decay_steps: Any, exponent: Any) -> Path:
    first, peak, last = levels
    up = whole("warmup_steps", warmup_steps)
    down = left("decay_steps", whole("decay_steps", decay_steps, 1), warmup_steps=up)
    return path.move(linear, first, peak, up).move(cosine, peak, last, down, **_exponent(exponent))


def _exponential(base: float, transition_steps: Any, decay_rate: Any, staircase: bool, end_value: Any) -> Schedule:
    every, rate = whole("transition_steps", transition_steps, 1), number("decay_rate", decay_rate, above_zero=True)
    decay = hold() if rate == 1 else step(every, gamma=rate) if staircase else exponential(rate, every=every)
    if end_value is None:
        return decay
    bound = share(number("end_value", end_value), base)
    return clipped(decay, min=bound) if rate < 1 else clipped(decay, max=bound)


def _points(boundaries_and_scales: Any, shape: str, first: float) -> Path:
    """Phases between boundaries, at each of which the level is multiplied by its scale."""
    scales = {} if boundaries_and_scales is None else boundaries_and_scales
    if not isinstance(scales, Mapping):
        raise ScheduleError(f"boundaries_and_scales={shorten(scales)} must be a mapping, as in {{3000: 0.1}}.")
    build = {"linear": linear, "cosine": cosine}
    path, before, level = Path(), 0, first
    for boundary in sorted(whole("boundaries_and_scales", boundary) for boundary in scales):
        scale = number("boundaries_and_scales", scales[boundary])
        following = share(level * scale, 1.0)
        if shape == "constant":
            path.stay(level, boundary - before)
        else:
            path.move(build[shape], level, following, boundary - before)
        before, level = boundary, following
    return path.stay(level, None)
