"""The builders: one function a shape, each giving a schedule of one phase to be joined by ``>>``.

Common to all of them: values are factors of each group's base LR; ``over`` is how long the phase lasts (at most one phase
of a schedule may leave it open, and takes what the others leave); in a phase of n updates update i sees progress p = i/n;
after the last phase the value at which it ended holds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.decays import Cosine, Linear, OneMinusSqrt, Polynomial
from lr_toolkit.schedules.duration import Duration, DurationLike
from lr_toolkit.schedules.geometric import Exponential, MultiStep, Step
from lr_toolkit.schedules.schedule import Schedule, builder
from lr_toolkit.schedules.shapes import Custom, Hold, Warmup

__all__ = [
    "cosine",
    "custom",
    "exponential",
    "hold",
    "linear",
    "multistep",
    "one_minus_sqrt",
    "polynomial",
    "step",
    "warmup",
]


@builder
def warmup(over: DurationLike, start: float | None = None) -> Schedule:
    """LRFactor linearly to the base LR.

        factor(i) = (i + 1) / (W + 1)                   by default, W = over in updates
        factor(i) = start + (1 - start) * i / W         with ``start``

    No update is wasted at an LR of zero, and update W, the first after the ramp, is the first at the peak.

    Args:
        over: how long the ramp lasts; a share that rounds to no update at all is left out.
        start: the factor of the first update, from 0 to 1. ``start=0.0`` gives transformers' sequence 0, 1/W, 2/W, ...

    Raises:
        ScheduleError: for a duration without a unit, or ``start`` outside of 0 to 1.

    Example:
        >>> from lr_toolkit import Horizon
        >>> warmup(3).resolve(Horizon(steps=10)).values(range(5))
        array([0.25, 0.5 , 0.75, 1.  , 1.  ])
        >>> warmup(4, start=0.0).resolve(Horizon(steps=10)).values(range(5))
        array([0.  , 0.25, 0.5 , 0.75, 1.  ])

    Reference:
        Goyal et al. 2017, https://arxiv.org/abs/1706.02677; NeMo starts at 1/(W+1) too.
    """
    return Schedule((Warmup(Duration.of(over, "warmup"), start),))


@builder
def hold(over: DurationLike | None = None) -> Schedule:
    """Keep the level at which the phase before ended; the base LR where there is none.

        factor(i) = level

    Args:
        over: how long to stay; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: for a duration without a unit.

    Example:
        >>> from lr_toolkit import Horizon
        >>> (hold("50%") >> linear(end=0.5)).resolve(Horizon(steps=4)).values(range(6))
        array([1.  , 1.  , 1.  , 0.75, 0.5 , 0.5 ])

    Reference:
        torch's ``ConstantLR(factor=1)``; the stable phase of WSD, Hägele et al. 2024, https://arxiv.org/abs/2405.18392.
    """
    return Schedule((Hold(_length(over, "hold")),))


@builder
def cosine(end: float = 0.0, *, end_lr: float | None = None, over: DurationLike | None = None) -> Schedule:
    """Fall from the base LR to a floor along half a cosine.

        factor(i) = end + (1 - end) * (1 + cos(pi * i / n)) / 2
        lr(i)     = end_lr + (base_lr - end_lr) * (1 + cos(pi * i / n)) / 2

    computed as sin^2 of the remaining quarter turn, which keeps every digit down to the last update. Where torch's
    ``CosineAnnealingLR`` climbs again after ``T_max``, the floor holds.

    Args:
        end: the floor as a factor of the base LR, at most 1.
        end_lr: the floor as an LR, torch's ``eta_min``, instead of ``end``.
        over: how long the fall lasts, torch's ``T_max``; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: where a floor is negative or not finite, or both are given.

    Example:
        >>> from lr_toolkit import Horizon
        >>> cosine(end=0.1).resolve(Horizon(steps=4)).values(range(5)).round(3)
        array([1.   , 0.868, 0.55 , 0.232, 0.1  ])
        >>> timeline = cosine(end_lr=1e-5).resolve(Horizon(steps=4))
        >>> round(timeline(2, base_lr=1e-3), 6), timeline(4, base_lr=1e-3)
        (0.000505, 1e-05)

    Reference:
        Loshchilov & Hutter 2016, https://arxiv.org/abs/1608.03983.
    """
    return Schedule((Cosine(end, end_lr=end_lr, over=_length(over, "cosine")),))


@builder
def linear(end: float = 0.0, *, end_lr: float | None = None, over: DurationLike | None = None) -> Schedule:
    """Fall from the base LR to a floor along a straight line.

        factor(i) = end + (1 - end) * (1 - i / n)
        lr(i)     = end_lr + (base_lr - end_lr) * (1 - i / n)

    Args:
        end: the floor as a factor of the base LR; above 1 the line climbs.
        end_lr: the floor as an LR, instead of ``end``.
        over: how long the line is; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: where a floor is negative or not finite, or both are given.

    Example:
        >>> from lr_toolkit import Horizon
        >>> linear().resolve(Horizon(steps=4)).values(range(6))
        array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ])

    Reference:
        Defazio et al. 2023, https://arxiv.org/abs/2310.07831; to zero: Bergsma et al. 2025, https://arxiv.org/abs/2502.15938.
    """
    return Schedule((Linear(end, end_lr=end_lr, over=_length(over, "linear")),))


@builder
def polynomial(
    power: float, end: float = 0.0, *, end_lr: float | None = None, over: DurationLike | None = None
) -> Schedule:
    """Fall from the base LR to a floor along a power of the remaining share.

        factor(i) = end + (1 - end) * (1 - i / n) ** power
        lr(i)     = end_lr + (base_lr - end_lr) * (1 - i / n) ** power

    Args:
        power: above zero; 1 is ``linear``, 2 falls fast at first, 0.5 late.
        end: the floor as a factor of the base LR, at most 1.
        end_lr: the floor as an LR, transformers' ``lr_end``, instead of ``end``.
        over: how long the fall lasts, torch's ``total_iters``; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: where ``power`` is not above zero, a floor is negative or not finite, or both are given.

    Example:
        >>> from lr_toolkit import Horizon
        >>> polynomial(2.0).resolve(Horizon(steps=4)).values(range(5))
        array([1.    , 0.5625, 0.25  , 0.0625, 0.    ])

    Reference:
        torch's ``PolynomialLR``; Chen et al. 2016 (DeepLab), https://arxiv.org/abs/1606.00915.
    """
    return Schedule((Polynomial(power, end, end_lr=end_lr, over=_length(over, "polynomial")),))


@builder
def one_minus_sqrt(end: float = 0.0, *, end_lr: float | None = None, over: DurationLike | None = None) -> Schedule:
    """Fall from the base LR to a floor, fast at first: the cooldown of a warmup-stable-decay run.

        factor(i) = end + (1 - end) * (1 - sqrt(i / n))
        lr(i)     = end_lr + (base_lr - end_lr) * (1 - sqrt(i / n))

    Args:
        end: the floor as a factor of the base LR, at most 1.
        end_lr: the floor as an LR, instead of ``end``.
        over: how long the fall lasts, 10 to 20 % of the run in practice; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: where a floor is negative or not finite, or both are given.

    Example:
        >>> from lr_toolkit import Horizon
        >>> one_minus_sqrt().resolve(Horizon(steps=4)).values(range(5)).round(3)
        array([1.   , 0.5  , 0.293, 0.134, 0.   ])

    Reference:
        Hägele et al. 2024, https://arxiv.org/abs/2405.18392, where it beats the linear cooldown.
    """
    return Schedule((OneMinusSqrt(end, end_lr=end_lr, over=_length(over, "one_minus_sqrt")),))


@builder
def step(every: DurationLike, gamma: float = 0.1, *, over: DurationLike | None = None) -> Schedule:
    """Multiply the LR by ``gamma`` at regular intervals.

        factor(i) = gamma ** floor(i / every)

    Args:
        every: the interval, torch's ``step_size``. Drop m comes where m intervals end, rounded half up: no drift where
            an interval is no whole number of updates.
        gamma: the factor of one drop, above zero.
        over: how long the stairs are; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: for a duration without a unit, or ``gamma`` not above zero.

    Example:
        >>> from lr_toolkit import Horizon
        >>> step(2, gamma=0.5).resolve(Horizon(steps=6)).values(range(8))
        array([1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25, 0.25, 0.25])
        >>> step("10 epochs").resolve(Horizon(steps=3000, steps_per_epoch=100))(1000)
        0.1

    Reference:
        torch's ``StepLR``, which goes on dropping after the end.
    """
    return Schedule((Step(Duration.of(every, "step", "every"), gamma, over=_length(over, "step")),))


@builder
def multistep(at: Sequence[DurationLike], gamma: float = 0.1, *, over: DurationLike | None = None) -> Schedule:
    """Multiply the LR by ``gamma`` at each milestone.

        factor(i) = gamma ** (how many milestones are <= i)

    Args:
        at: the milestones, in rising order, counted from the beginning of the phase: ``[30, 60]`` in updates,
            ``["30 epochs", "60 epochs"]``, or shares of the run ``["50%", "75%"]``. The update at a milestone is the
            first with the new factor.
        gamma: the factor of one drop, above zero.
        over: how long the stairs are; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: where there is no milestone, they do not rise, one lies at or after the end of the phase (when the
            schedule is resolved), or ``gamma`` is not above zero.

    Example:
        >>> from lr_toolkit import Horizon
        >>> multistep(at=[3, 5]).resolve(Horizon(steps=6)).values(range(6)).round(3)
        array([1.  , 1.  , 1.  , 0.1 , 0.1 , 0.01])

    Reference:
        torch's ``MultiStepLR``; He et al. 2015 (ResNet), https://arxiv.org/abs/1512.03385.
    """
    if isinstance(at, (str, bytes)) or not isinstance(at, Sequence):
        raise ScheduleError(
            f"multistep(at={shorten(at)}): the milestones are a list. Write multistep(at=['50%', '75%'])."
        )
    milestones = tuple(Duration.of(one, "multistep", "at=[..., {}, ...]") for one in at)
    return Schedule((MultiStep(milestones, gamma, over=_length(over, "multistep")),))


@builder
def exponential(gamma: float, every: DurationLike = "1 epoch", *, over: DurationLike | None = None) -> Schedule:
    """Decay the LR smoothly, by the factor ``gamma`` in each interval.

        factor(i) = gamma ** (i / every)

    Stepped once per epoch this is torch's ``ExponentialLR``; stepped per update it goes through the same values at the
    epochs' ends. For stairs instead, write ``step(every, gamma)``.

    Args:
        gamma: the factor of one interval, above zero.
        every: the interval, an epoch by default.
        over: how long the decay lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: for a duration without a unit, ``gamma`` not above zero, or growth beyond every float.

    Example:
        >>> from lr_toolkit import Horizon
        >>> exponential(0.25).resolve(Horizon(steps=4, steps_per_epoch=2)).values(range(5))
        array([1.    , 0.5   , 0.25  , 0.125 , 0.0625])

    Reference:
        torch's ``ExponentialLR``; optax's ``exponential_decay``.
    """
    interval = Duration.of(every, "exponential", "every")
    return Schedule((Exponential(gamma, interval, over=_length(over, "exponential")),))


@builder
def custom(fn: Callable[[int], float], *, over: DurationLike | None = None) -> Schedule:
    """Follow a function of your own, as torch's ``LambdaLR`` does.

        factor(i) = fn(i)

    Args:
        fn: from the number of steps since the phase began (0, 1, ..., n - 1, never beyond; epochs where the scheduler
            is stepped per epoch) to a factor of the base LR. It must be pure: it is called in any order, for previews too.
            When the schedule is resolved it is tried at up to a thousand steps, evenly spread, the last included; a step
            in between, in a longer phase, is only seen when it comes.
        over: how long to follow it; ``None`` for what the other phases leave. Afterwards its last value holds.

    Raises:
        ScheduleError: where ``fn`` is no function, raises (from its exception), or gives a negative or not finite factor.
            A schedule with ``custom`` cannot be parsed from text, and says so.

    Example:
        >>> from lr_toolkit import Horizon
        >>> custom(lambda i: 0.5**i).resolve(Horizon(steps=4)).values(range(6))
        array([1.   , 0.5  , 0.25 , 0.125, 0.125, 0.125])
        >>> def halves(i):
        ...     return 0.5**i
        >>> warmup(10) >> custom(halves)
        warmup(10) >> custom(halves)

    Reference:
        torch's ``LambdaLR``.
    """
    return Schedule((Custom(fn, over=_length(over, "custom")),))


def _length(over: DurationLike | None, call: str) -> Duration | None:
    return None if over is None else Duration.of(over, call)
