"""Recipes: named compositions of builders, never new mathematics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, DurationLike
from lr_toolkit.schedules.registry import register_builder
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import cosine, hold, inverse_time, linear, one_minus_sqrt, polynomial, repeat, warmup

__all__ = [
    "COOLDOWNS",
    "cosine_restarts",
    "flat_cosine",
    "infinite",
    "inverse_sqrt",
    "one_cycle",
    "one_minus_square",
    "power_law",
    "slanted_triangular",
    "sqrt",
    "square",
    "triangular",
    "wsd",
    "wsd_s",
]

Cooldown: TypeAlias = Literal["cosine", "linear", "one_minus_sqrt", "sqrt", "square", "one_minus_square"]
_climb = warmup  # arguments of recipes have the same name


# --- names for powers -------------------------------------------------------------------------------------------------


@register_builder
def sqrt(
    end: float = 0.0,
    *,
    end_lr: float | None = None,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """The square root of what is left: ``polynomial(0.5, ...)``, slow at first and steep at the end.

        factor(i) = end + (start - end) * sqrt(1 - i / n)

    Take it if the LR should stay high for long. Leave it as a cooldown for ``one_minus_sqrt``, which papers found better there.

    Args:
        end: the last level as a factor of the base value.
        end_lr: the last level as an LR, instead of ``end``.
        start: the first level as a factor of the base value; ``None`` for the level reached.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the phase lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: as ``polynomial``.

    Example:
        >>> sqrt(0.1, over="20%")
        polynomial(0.5, end=0.1, over='20%')

    Reference:
        Defazio et al. 2023, https://arxiv.org/abs/2310.07831, which compare powers of what is left.
    """
    return polynomial(0.5, end=end, end_lr=end_lr, start=start, start_lr=start_lr, over=over)


@register_builder
def square(
    end: float = 0.0,
    *,
    end_lr: float | None = None,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """The square of what is left: ``polynomial(2.0, ...)``, steep at first and slow at the end.

        factor(i) = end + (start - end) * (1 - i / n) ** 2

    Take it as a cooldown of a paper that you follow. Leave it as the decay of a whole run: it was worse than a cosine beyond noise in
    five of eight small tasks. epfml's ``square`` is ``one_minus_square``.

    Args:
        end: the last level as a factor of the base value.
        end_lr: the last level as an LR, instead of ``end``.
        start: the first level as a factor of the base value; ``None`` for the level reached.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the phase lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: as ``polynomial``.

    Example:
        >>> square(0.1, over="20%")
        polynomial(2.0, end=0.1, over='20%')

    Reference:
        torch's ``PolynomialLR(power=2)``.
    """
    return polynomial(2.0, end=end, end_lr=end_lr, start=start, start_lr=start_lr, over=over)


@register_builder
def one_minus_square(
    end: float = 0.0,
    *,
    end_lr: float | None = None,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """One minus the square of the progress: ``polynomial(1.0, k=2.0, ...)``, slow at first and steep at the end.

        factor(i) = end + (start - end) * (1 - (i / n) ** 2)

    Take it to repeat a comparison of cooldowns. Leave it for ``one_minus_sqrt``, which was the better one there.

    Args:
        end: the last level as a factor of the base value.
        end_lr: the last level as an LR, instead of ``end``.
        start: the first level as a factor of the base value; ``None`` for the level reached.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the phase lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: as ``polynomial``.

    Example:
        >>> one_minus_square(over="20%")
        polynomial(1.0, k=2.0, over='20%')

    Reference:
        Hägele et al. 2024, https://arxiv.org/abs/2405.18392; pytorch_optimizer's ``1-square``.
    """
    return polynomial(1.0, k=2.0, end=end, end_lr=end_lr, start=start, start_lr=start_lr, over=over)


COOLDOWNS: dict[str, Callable[..., Schedule]] = {
    "cosine": cosine,
    "linear": linear,
    "one_minus_sqrt": one_minus_sqrt,
    "sqrt": sqrt,
    "square": square,
    "one_minus_square": one_minus_square,
}


# --- decays that need no end ------------------------------------------------------------------------------------------


@register_builder
def inverse_sqrt(
    timescale: DurationLike,
    *,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """The inverse square root of the time that has passed: ``inverse_time(timescale, power=0.5, ...)``.

        factor(i) = start / sqrt(1 + i / timescale)

    Behind a warmup of W updates, ``inverse_sqrt(W)`` is sqrt(W / k) at update k of the run: Noam's, fairseq's and transformers'
    schedule. T5's, constant for 10,000 updates, is ``hold(10_000) >> inverse_sqrt(10_000)``.

    Take it if the length of the run is not known, with a cooldown behind it. Leave it for ``linear()`` or ``wsd`` otherwise: in small
    tasks those needed 25 to 30 % fewer updates for the same loss.

    Args:
        timescale: the time after which the level has fallen to 0.71 of the start.
        start: the first level as a factor of the base value; ``None`` for the level reached.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the decay lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: as ``inverse_time``.

    Example:
        >>> from lr_toolkit import Horizon
        >>> schedule = warmup(4) >> inverse_sqrt(4)
        >>> schedule
        warmup(4) >> inverse_time(4, power=0.5)
        >>> schedule.resolve(Horizon(steps=100))(16)
        0.5

    Reference:
        Vaswani et al. 2017, https://arxiv.org/abs/1706.03762; transformers' ``get_inverse_sqrt_schedule``; Raffel et al. 2019 (T5),
        https://arxiv.org/abs/1910.10683.
    """
    length = {"start": start, "start_lr": start_lr, "over": over}
    return inverse_time(_length("inverse_sqrt", "timescale", timescale), power=0.5, **length)  # type: ignore[arg-type]


@register_builder
def power_law(knee: DurationLike, *, power: float = 0.51) -> Schedule:
    """The power scheduler: constant, then a power of the number of updates.

        hold(over=knee) >> inverse_time(knee, power=power)      so factor(k) = min(1, (k / knee) ** -power)

    The paper writes min(eta_max, a * batch * tokens ** b) with a = 4.6, b = -0.51. With T tokens per update the knee is
    (eta_max / (a * batch)) ** (1 / b) / T updates.

    Take it if one LR should serve runs of several lengths. Leave it if you tune the LR for the length of the run anyway. Let a
    cooldown follow: ``power_law(2000) >> linear(over="10%")``.

    Args:
        knee: the update from which on the level falls; a warmup before it does not count.
        power: above zero.

    Raises:
        ScheduleError: for a duration without a unit, or ``power`` not above zero.

    Example:
        >>> power_law(2000)
        hold(2000) >> inverse_time(2000, power=0.51)

    Reference:
        Shen et al. 2024, https://arxiv.org/abs/2408.13359; OLMo-core's ``PowerLR`` has its knee at the end of the warmup:
        ``warmup(W) >> inverse_time(W, power=0.51)``.
    """
    at = _length("power_law", "knee", knee)
    return hold(at) >> inverse_time(at, power=power)


# --- hold, then cool down ---------------------------------------------------------------------------------------------


@register_builder
def wsd(
    warmup: DurationLike,
    decay: DurationLike,
    *,
    shape: Cooldown = "one_minus_sqrt",
    end: float = 0.0,
) -> Schedule:
    """Warmup, stable, decay: climb, hold, cool down.

        warmup(over=warmup) >> hold() >> shape(end=end, over=decay)

    The stable part can be made longer at any checkpoint, and a cooldown can branch from any checkpoint.

    Take it if the length of the run may change, or if several lengths should come out of one run. Leave it for ``linear()`` if the
    length is fixed and nothing branches: no difference between the good ones was beyond noise in small tasks. Coming from a cosine
    to 10 %, tune the LR anew: about 0.65 times the old one for a decay of 20 %, 0.8 times for 40 %.

    Args:
        warmup: how long to climb; 0 for no warmup.
        decay: how long to cool down: 10 to 20 % of the run in papers about runs that will be branched, 40 to 65 % in today's speed
            records of runs whose length is known.
        shape: the name of the cooldown's builder: ``"one_minus_sqrt"``, ``"linear"``, ``"cosine"``, ``"sqrt"``, ``"square"`` or
            ``"one_minus_square"``.
        end: the final level as a factor of the base LR.

    Raises:
        ScheduleError: for a duration without a unit, or another shape.

    Example:
        >>> wsd("500 steps", "20%")
        warmup(500) >> hold() >> one_minus_sqrt(over='20%')

    Reference:
        Hu et al. 2024 (MiniCPM), https://arxiv.org/abs/2404.06395; Hägele et al. 2024, https://arxiv.org/abs/2405.18392.
    """
    up, down = _length("wsd", "warmup", warmup, may_be_zero=True), _length("wsd", "decay", decay)
    return _climb(up) >> hold() >> _cooldown("wsd", shape)(end=end, over=down)


@register_builder
def wsd_s(
    warmup: DurationLike,
    decay: DurationLike,
    *,
    times: int = 2,
    growth: float = 1.0,
    shape: Cooldown = "one_minus_sqrt",
    end: float = 0.0,
) -> Schedule:
    """WSD-S: several cooldowns in one run, each followed by a jump back to the peak.

        warmup(over=warmup) >> repeat(hold() >> shape(end=end, over=decay), times, growth=growth)

    Take it if one run should give a finished model at several lengths, without branches. Leave it for ``wsd`` and a branch for each
    length if you keep checkpoints of the stable part.

    Args:
        warmup: how long to climb; 0 for no warmup.
        decay: how long the first cooldown lasts.
        times: how many cooldowns.
        growth: how much longer each period is than the one before it, its cooldown too; 2 doubles them.
        shape: the name of the cooldown's builder, as in ``wsd``.
        end: the level at which each cooldown ends, as a factor of the base LR.

    Raises:
        ScheduleError: for a duration without a unit, another shape, or a number that does not fit.

    Example:
        >>> wsd_s(500, "5%", times=3)
        warmup(500) >> repeat(hold() >> one_minus_sqrt(over='5%'), times=3)

    Reference:
        Wen et al. 2024, https://arxiv.org/abs/2410.05192; OLMo-core's ``WSDS``.
    """
    up, down = _length("wsd_s", "warmup", warmup, may_be_zero=True), _length("wsd_s", "decay", decay)
    return _climb(up) >> repeat(hold() >> _cooldown("wsd_s", shape)(end=end, over=down), times, growth=growth)


@register_builder
def infinite(
    warmup: DurationLike,
    decay: DurationLike,
    cooldown: DurationLike,
    *,
    plateau: float = 0.1,
    shape: Cooldown = "one_minus_sqrt",
    end: float = 0.0,
) -> Schedule:
    """Climb, fall to a plateau that may last as long as you like, and cool down later.

        warmup(over=warmup) >> cosine(end=plateau, over=decay) >> hold() >> shape(end=end, over=cooldown)

    Take it to go on training for new data without climbing again. Leave it for ``wsd`` if one base LR should hold for the whole run.

    Args:
        warmup: how long to climb; 0 for no warmup.
        decay: how long to fall to the plateau.
        cooldown: how long to cool down.
        plateau: the level of the plateau as a factor of the base LR.
        shape: the name of the cooldown's builder, as in ``wsd``.
        end: the final level as a factor of the base LR.

    Raises:
        ScheduleError: for a duration without a unit, or another shape.

    Example:
        >>> infinite(500, "30%", "10%", plateau=0.5)
        warmup(500) >> cosine(end=0.5, over='30%') >> hold() >> one_minus_sqrt(over='10%')

    Reference:
        Zhai et al. 2022, https://arxiv.org/abs/2106.04560; Hägele et al. 2024 compare it as ``cos_inf``.
    """
    up = _length("infinite", "warmup", warmup, may_be_zero=True)
    down, cool = _length("infinite", "decay", decay), _length("infinite", "cooldown", cooldown)
    return _climb(up) >> cosine(plateau, over=down) >> hold() >> _cooldown("infinite", shape)(end=end, over=cool)


@register_builder
def flat_cosine(decay: DurationLike = "25%", *, end: float = 0.0) -> Schedule:
    """Hold, then a cosine: fastai's ``fit_flat_cos``.

        hold() >> cosine(end=end, over=decay)

    Take it with optimizers that need no warmup (Ranger, RAdam). Leave it for ``wsd`` with the others.

    Args:
        decay: how long the cosine lasts.
        end: the final level as a factor of the base LR.

    Raises:
        ScheduleError: for a duration without a unit, or a level that is no number from zero on.

    Example:
        >>> flat_cosine()
        hold() >> cosine(over='25%')

    Reference:
        fastai's ``fit_flat_cos(pct_start=0.75)``.
    """
    return hold() >> cosine(end, over=_length("flat_cosine", "decay", decay))


# --- cycles -----------------------------------------------------------------------------------------------------------


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

    Without ``first`` the cycles share the run; without ``times`` there are as many as fit.

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
    length = None if first is None else _length("cosine_restarts", "first", first)
    if length is None and times is None:
        raise ScheduleError(
            "cosine_restarts(first=None, times=None): needs the length of a cycle, or how many there are. Write "
            "cosine_restarts(times=3), or cosine_restarts('10 epochs')."
        )
    up = _length("cosine_restarts", "warmup", warmup, may_be_zero=True)
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
        >>> triangular(2, low=0.5).resolve(Horizon(steps=6)).values(range(6))
        array([0.5 , 0.75, 1.  , 0.75, 0.5 , 0.75])

    Reference:
        Smith 2015, https://arxiv.org/abs/1506.01186; torch's ``CyclicLR``.
    """
    climb = _length("triangular", "up", up)
    fall = climb if down is None else _length("triangular", "down", down)
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
    curve = _of("one_cycle", "shape", shape, {"cosine": cosine, "linear": linear})
    fall_first = _of("one_cycle", "phases", phases, {2: False, 3: True})
    over = _length("one_cycle", "up", up)
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
    if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 1.0 < ratio < 1e300:
        raise ScheduleError(
            f"slanted_triangular(ratio={shorten(ratio)}): must be a number above 1. Write slanted_triangular(ratio=32.0)."
        )
    low = 1.0 / ratio
    return linear(1.0, start=low, over=_length("slanted_triangular", "up", up)) >> linear(low)


# --- arguments --------------------------------------------------------------------------------------------------------


def _length(call: str, name: str, value: DurationLike, *, may_be_zero: bool = False) -> Duration:
    """``value``, the argument ``name`` of the recipe ``call``."""
    return Duration.of(value, call, name, may_be_zero=may_be_zero)


def _of(call: str, name: str, value: Any, possible: Mapping[Any, Any]) -> Any:
    """What ``value``, the argument ``name`` of the recipe ``call``, stands for."""
    if value not in tuple(possible) or isinstance(value, (bool, float)):  # a tuple, because it may be unhashable
        first = next(iter(possible))
        raise ScheduleError(
            f"{call}({name}={shorten(value)}): must be one of {', '.join(map(repr, possible))}. Write {call}(..., {name}={first!r})."
        )
    return possible[value]


def _cooldown(call: str, shape: Any) -> Callable[..., Schedule]:
    """The builder of a cooldown."""
    if shape not in tuple(COOLDOWNS):
        raise ScheduleError(
            f"{call}(shape={shorten(shape)}): must be one of {', '.join(map(repr, COOLDOWNS))}. For another cooldown write the "
            "composition: warmup('5%') >> hold() >> polynomial(3.0, over='20%')."
        )
    return COOLDOWNS[shape]
