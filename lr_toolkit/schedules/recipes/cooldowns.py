"""Recipes that hold, then cool down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import DurationLike
from lr_toolkit.schedules.recipes.arguments import length_of
from lr_toolkit.schedules.recipes.powers import one_minus_square, sqrt, square
from lr_toolkit.schedules.registry import register_builder
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import cosine, hold, linear, one_minus_sqrt, repeat, warmup

__all__ = ["COOLDOWNS", "Cooldown", "flat_cosine", "infinite", "wsd", "wsd_s"]

COOLDOWNS: dict[str, Callable[..., Schedule]] = {
    "cosine": cosine,
    "linear": linear,
    "one_minus_sqrt": one_minus_sqrt,
    "sqrt": sqrt,
    "square": square,
    "one_minus_square": one_minus_square,
}
Cooldown: TypeAlias = Literal["cosine", "linear", "one_minus_sqrt", "sqrt", "square", "one_minus_square"]
_climb = warmup  # an argument of recipes has the same name


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
    up, down = length_of("wsd", "warmup", warmup, may_be_zero=True), length_of("wsd", "decay", decay)
    return _climb(up) >> hold() >> cooldown_of("wsd", shape)(end=end, over=down)


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
    up, down = length_of("wsd_s", "warmup", warmup, may_be_zero=True), length_of("wsd_s", "decay", decay)
    return _climb(up) >> repeat(hold() >> cooldown_of("wsd_s", shape)(end=end, over=down), times, growth=growth)


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
    up = length_of("infinite", "warmup", warmup, may_be_zero=True)
    down, cool = length_of("infinite", "decay", decay), length_of("infinite", "cooldown", cooldown)
    return _climb(up) >> cosine(plateau, over=down) >> hold() >> cooldown_of("infinite", shape)(end=end, over=cool)


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
    return hold() >> cosine(end, over=length_of("flat_cosine", "decay", decay))


def cooldown_of(call: str, shape: Any) -> Callable[..., Schedule]:
    """The builder of a cooldown."""
    if shape not in tuple(COOLDOWNS):
        raise ScheduleError(
            f"{call}(shape={shorten(shape)}): must be one of {', '.join(map(repr, COOLDOWNS))}. For another cooldown write the "
            "composition: warmup('5%') >> hold() >> polynomial(3.0, over='20%')."
        )
    return COOLDOWNS[shape]
