"""Names for powers of what is left."""

from __future__ import annotations

from lr_toolkit.schedules.duration import DurationLike
from lr_toolkit.schedules.registry import register_builder
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import polynomial

__all__ = ["one_minus_square", "sqrt", "square"]


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
        >>> sqrt(0.1)
        polynomial(0.5, end=0.1)

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
        >>> square(0.1)
        polynomial(2.0, end=0.1)

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
        >>> one_minus_square(0.1)
        polynomial(1.0, end=0.1, k=2.0)

    Reference:
        Hägele et al. 2024, https://arxiv.org/abs/2405.18392; pytorch_optimizer's ``1-square``.
    """
    return polynomial(1.0, k=2.0, end=end, end_lr=end_lr, start=start, start_lr=start_lr, over=over)
