"""Decays that need no end."""

from __future__ import annotations

from lr_toolkit.schedules.duration import DurationLike
from lr_toolkit.schedules.recipes.arguments import length_of
from lr_toolkit.schedules.registry import register_builder
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import hold, inverse_time

__all__ = ["inverse_sqrt", "power_law"]


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
        >>> from lr_toolkit import Horizon, warmup
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
    return inverse_time(length_of("inverse_sqrt", "timescale", timescale), power=0.5, **length)  # type: ignore[arg-type]


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
    timescale = length_of("power_law", "knee", knee)
    return hold(timescale) >> inverse_time(timescale, power=power)
