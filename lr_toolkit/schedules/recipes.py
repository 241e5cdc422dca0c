"""Recipes: named compositions of builders, never new mathematics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, DurationLike
from lr_toolkit.schedules.registry import register_builder
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import cosine, hold, linear, one_minus_sqrt, warmup

__all__ = ["COOLDOWNS", "wsd"]

COOLDOWNS: dict[str, Callable[..., Schedule]] = {"cosine": cosine, "linear": linear, "one_minus_sqrt": one_minus_sqrt}


_climb = warmup  # an argument of wsd has the same name


@register_builder
def wsd(
    warmup: DurationLike,
    decay: DurationLike,
    *,
    shape: Literal["cosine", "linear", "one_minus_sqrt"] = "one_minus_sqrt",
    end: float = 0.0,
) -> Schedule:
    """Warmup, stable, decay: climb, hold, cool down.

        warmup(over=warmup) >> hold() >> shape(end=end, over=decay)

    The stable part can be made longer at any checkpoint, and a cooldown can branch from any checkpoint.

    Args:
        warmup: how long to climb; 0 for no warmup.
        decay: how long to cool down, 10 to 20 % of the run in practice.
        shape: the name of the cooldown's builder.
        end: the final level as a factor of the base LR.

    Raises:
        ScheduleError: for a duration without a unit, or another shape.

    Example:
        >>> wsd("500 steps", "20%")
        warmup(500) >> hold() >> one_minus_sqrt(over='20%')

    Reference:
        Hu et al. 2024 (MiniCPM), https://arxiv.org/abs/2404.06395; Hägele et al. 2024, https://arxiv.org/abs/2405.18392.
    """
    if shape not in tuple(COOLDOWNS):  # a tuple, because an unhashable value must be refused too
        raise ScheduleError(
            f"wsd(shape={shorten(shape)}): must be one of {', '.join(map(repr, COOLDOWNS))}. For another cooldown write the "
            "composition: warmup('5%') >> hold() >> polynomial(2.0, over='20%')."
        )
    up, down = Duration.of(warmup, "wsd", "warmup", may_be_zero=True), Duration.of(decay, "wsd", "decay")
    return _climb(up) >> hold() >> COOLDOWNS[shape](end=end, over=down)
