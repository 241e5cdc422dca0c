"""Recipes that climb and fall, once or several times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import DurationLike
from lr_toolkit.schedules.recipes.arguments import choice_of, length_of
from lr_toolkit.schedules.registry import register_builder
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import is_level
from lr_toolkit.schedules.shapes import cosine, linear, repeat, warmup

__all__ = ["cosine_restarts", "one_cycle", "slanted_triangular", "triangular"]

_climb = warmup  # an argument of cosine_restarts has the same name


@register_builder
def cosine_restarts(
    first: DurationLike | None = None,
    *,
    times: int | None = None,
    growth: float = 1.0,
    gamma: float = 1.0,
    warmup: DurationLike = 0,
    end: float = 0.0,
    rest: Literal["stretch", "cut"] = "stretch",
) -> Schedule:
    """Cosines with warm restarts.

        repeat(warmup(warmup) >> cosine(end=end, over=first), times, growth=growth, gamma=gamma, floor=end, rest=rest)

    Without ``first`` the cycles share the run; without ``times`` there are as many as fit: ``cosine_restarts(times=3)`` has three
    cycles, ``cosine_restarts(3)`` cycles of three updates. Shares in it are shares of the run, not of a cycle.

    Take it for several models from one run (snapshot ensembles), each at the end of a cycle. Leave it if only the last model
    counts: a single cosine does not lose the updates after each restart.

    Args:
        first: how long the first cosine lasts, torch's ``T_0``; ``None`` to share the run among ``times`` cycles.
        times: how many cycles; ``None`` for as many whole ones as fit.
        growth: how much longer each cycle is than the one before it, torch's ``T_mult``.
        gamma: the factor of the peak, above the end, from one cycle to the next.
        warmup: how long each cycle climbs first; 0 for a jump.
        end: the level at which each cycle ends, as a factor of the base LR.
        rest: what happens to the updates that are left without ``times``, as in ``repeat``.

    Raises:
        ScheduleError: for a duration without a unit, a number that does not fit, or if neither ``first`` nor ``times`` is given.

    Example:
        >>> cosine_restarts(times=3)
        repeat(cosine(), times=3)
        >>> cosine_restarts("10 epochs", growth=2.0)
        repeat(cosine(over='10 epochs'), growth=2.0)

    Reference:
        Loshchilov & Hutter 2016, https://arxiv.org/abs/1608.03983; torch's ``CosineAnnealingWarmRestarts`` is ``rest="cut"``.
    """
    length = None if first is None else length_of("cosine_restarts", "first", first)
    if length is None and times is None:
        raise ScheduleError(
            "cosine_restarts(first=None, times=None): needs the length of a cycle, or how many there are. Write "
            "cosine_restarts(times=3), or cosine_restarts('10 epochs')."
        )
    up = length_of("cosine_restarts", "warmup", warmup, may_be_zero=True)
    cycle = _climb(up) >> cosine(end, over=length) if up.amount else cosine(end, over=length)
    floor = end if gamma != 1.0 else 0.0
    return repeat(cycle, times, growth=growth, gamma=gamma, floor=floor, rest=rest)


@register_builder
def triangular(
    up: DurationLike,
    down: DurationLike | None = None,
    *,
    low: float = 0.0,
    low_lr: float | None = None,
    gamma: float = 1.0,
    rest: Literal["stretch", "cut"] = "cut",
    over: DurationLike | None = None,
) -> Schedule:
    """Cycles of a straight climb and a straight fall between a low level and the base value.

        repeat(linear(1.0, start=low, over=up) >> linear(low, over=down), gamma=gamma, floor=low, rest=rest, over=over)

    The base LR is CyclicLR's ``max_lr``. ``gamma=0.5`` is its mode ``triangular2``; ``exp_range`` is
    ``scaled(triangular(2000, low=0.1), exponential(0.9999, every=1), floor=0.1)``.

    Take it to look for a good range of LRs, or for several models from one run. Leave it if only the last model counts.

    Args:
        up: how long each climb lasts, ``step_size_up``.
        down: how long each fall lasts; ``None`` for as long as the climb.
        low: the low level as a factor of the base value.
        low_lr: the low level as an LR, CyclicLR's ``base_lr``, instead of ``low``.
        gamma: the factor of the amplitude from one cycle to the next.
        rest: what happens to the updates after the last whole cycle, as in ``repeat``.
        over: how long the cycles go on; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: for a duration without a unit, or a number that does not fit.

    Example:
        >>> from lr_toolkit import Horizon
        >>> triangular(2, low=0.5).resolve(Horizon(steps=8)).values(range(6))
        array([0.5 , 0.75, 1.  , 0.75, 0.5 , 0.75])

    Reference:
        Smith 2015, https://arxiv.org/abs/1506.01186; torch's ``CyclicLR``.
    """
    climb = length_of("triangular", "up", up)
    fall = climb if down is None else length_of("triangular", "down", down)
    lower: dict[str, Any] = {"start": low} if low_lr is None else {"start_lr": low_lr}
    bottom: dict[str, Any] = {"end": low} if low_lr is None else {"end_lr": low_lr}
    floor = {key.replace("end", "floor"): value for key, value in bottom.items()} if gamma != 1.0 else {}
    cycle = linear(1.0, over=climb, **lower) >> linear(over=fall, **bottom)
    return repeat(cycle, gamma=gamma, rest=rest, over=over, **floor)


@register_builder
def one_cycle(
    up: DurationLike = "30%",
    *,
    start: float = 0.04,
    end: float = 4e-6,
    shape: Literal["cosine", "linear"] = "cosine",
    phases: Literal[2, 3] = 2,
) -> Schedule:
    """One cycle: climb to the base LR, and fall far below the start.

        shape(1.0, start=start, over=up) >> shape(end)                                  with two phases
        shape(1.0, start=start, over=up) >> shape(start, over=up) >> shape(end)         with three

    The base LR is ``max_lr``. ``start`` is 1 / ``div_factor``, ``end`` is 1 / (``div_factor`` * ``final_div_factor``).

    Take it for a short run with SGD and a high LR. Leave it for ``warmup("5%") >> linear()`` otherwise: a climb of 30 % is long.
    torch's scheduler moves the momentum too, against the LR.

    Args:
        up: how long the climb lasts, ``pct_start``.
        start: the first level as a factor of the base LR.
        end: the last level as a factor of the base LR.
        shape: ``"cosine"`` or ``"linear"``, ``anneal_strategy``.
        phases: 2 or 3, ``three_phase``.

    Raises:
        ScheduleError: for a duration without a unit, another shape or number of phases, or a level that is no number from zero on.

    Example:
        >>> one_cycle("25%", shape="linear")
        linear(end=1.0, start=0.04, over='25%') >> linear(end=4e-06)

    Reference:
        Smith & Topin 2017, https://arxiv.org/abs/1708.07120; torch's ``OneCycleLR``, whose climb is one update shorter.
    """
    curve: Callable[..., Schedule] = choice_of("one_cycle", "shape", shape, {"cosine": cosine, "linear": linear})
    fall_first = choice_of("one_cycle", "phases", phases, {2: False, 3: True})
    over = length_of("one_cycle", "up", up)
    climb = curve(1.0, start=start, over=over)
    return climb >> curve(start, over=over) >> curve(end) if fall_first else climb >> curve(end)


@register_builder
def slanted_triangular(up: DurationLike = "10%", *, ratio: float = 32.0) -> Schedule:
    """A short climb and a long fall along straight lines, from and to the base LR divided by ``ratio``.

        linear(1.0, start=1 / ratio, over=up) >> linear(1 / ratio)

    Take it to fine-tune as ULMFiT. Leave it for ``warmup("10%") >> linear()``, which ends at zero.

    Args:
        up: how long the climb lasts, ``cut_frac``.
        ratio: how much lower the ends are than the base LR, above 1.

    Raises:
        ScheduleError: for a duration without a unit, or ``ratio`` not above 1.

    Example:
        >>> slanted_triangular()
        linear(end=1.0, start=0.03125, over='10%') >> linear(end=0.03125)

    Reference:
        Howard & Ruder 2018, https://arxiv.org/abs/1801.06146.
    """
    if not is_level(ratio) or ratio <= 1.0:
        raise ScheduleError(
            f"slanted_triangular(ratio={shorten(ratio)}): must be a number above 1. Write slanted_triangular(ratio=32.0)."
        )
    low = 1.0 / ratio
    return linear(1.0, start=low, over=length_of("slanted_triangular", "up", up)) >> linear(low)
