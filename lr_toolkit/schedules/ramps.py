"""The ramps of ``LRWarmup``: pure functions from the number of updates taken to a factor of the scheduled LR."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache, partial
from typing import TypeAlias

from lr_toolkit.errors import ScheduleError

__all__ = ["SHAPES", "UNTUNED", "Ramp", "ramp", "untuned_ramp"]

# From the updates (or epochs) taken since the ramp began to a factor that never falls and ends at 1.
Ramp: TypeAlias = Callable[[int], float]


@lru_cache(maxsize=64)  # groups with equal arguments share a ramp
def ramp(shape: str, length: int, start: float | None = None) -> Ramp:
    """The ramp of one of ``SHAPES`` over ``length`` updates, from the factor ``start``.

    Example:
        >>> [ramp("linear", 3)(k) for k in range(5)]
        [0.25, 0.5, 0.75, 1.0, 1.0]
        >>> [round(ramp("cosine", 4, start=0.0)(k), 4) for k in range(5)]
        [0.0, 0.1464, 0.5, 0.8536, 1.0]
    """
    return partial(SHAPES[shape], length, start) if length else partial(_linear, 0, None)


@lru_cache(maxsize=64)
def untuned_ramp(shape: str, beta2: float) -> Ramp:
    """The ramp of one of ``UNTUNED`` for Adam's second beta.

    The beta is read as a decimal, so 2 / (1 - 0.999) is 2000. Float arithmetic gives 1999.9999999999982, which truncates to
    1999.

    Raises:
        ScheduleError: if ``beta2`` does not lie between 0 and 1, or, for ``"radam"``, is not above 0.6.

    Example:
        >>> ramp = untuned_ramp("untuned_linear", 0.999)
        >>> ramp(0), ramp(1998), ramp(1999)
        (0.0005, 0.9995, 1.0)
    """
    beta = Fraction(repr(float(beta2)))
    if not 0 < beta < 1:
        raise ScheduleError(
            f"LRWarmup(shape={shape!r}): needs a second beta between 0 and 1, and the optimizer's is {float(beta2)!r}. "
            "Write LRWarmup('500 steps')."
        )
    if shape == "radam" and beta <= Fraction(3, 5):
        raise ScheduleError(
            f"LRWarmup(shape='radam'): the rectification exists for a second beta above 0.6, and the optimizer's is "
            f"{float(beta2)!r}. Write LRWarmup(shape='untuned_linear'), or LRWarmup('500 steps')."
        )
    if shape == "radam":
        return partial(_radam, beta, _first_rectified(beta))
    return partial(UNTUNED[shape], *((1 - beta) / (2 if shape == "untuned_linear" else 1)).as_integer_ratio())


# --- ramps of a given length ----------------------------------------------------------------------------------------


def _linear(length: int, start: float | None, k: int) -> float:
    if k >= length:
        return 1.0
    return (k + 1) / (length + 1) if start is None else (start * (length - k) + k) / length


def _cosine(length: int, start: float | None, k: int) -> float:
    if k >= length:
        return 1.0
    m, n, low = (k + 1, length + 1, 0.0) if start is None else (k, length, start)
    # (1 - cos(pi m / n)) / 2 without its cancellation near m = 0
    return low + (1.0 - low) * math.sin(math.pi * m / (2 * n)) ** 2


def _constant(length: int, start: float | None, k: int) -> float:
    return 1.0 if k >= length or start is None else start


def _exponential(length: int, start: None, k: int) -> float:  # noqa: ARG001  # the signature of all ramps
    return -math.expm1(-(k + 1) / length)


# --- ramps whose length follows from Adam's second beta ---------------------------------------------------------------


# A quotient of ints is rounded once, as that of a Fraction, and is ten times as fast.
def _untuned_linear(part: int, whole: int, k: int) -> float:
    return min(1.0, (k + 1) * part / whole)


def _untuned_exponential(part: int, whole: int, k: int) -> float:
    return -math.expm1(-((k + 1) * part / whole))


def _radam(beta2: Fraction, first: int, k: int) -> float:
    # The difference of rho_inf and the rest cancels up to six digits.
    with localcontext() as context:
        context.prec = 40
        limit, rho = _rhos(k + first, beta2)
        return float(((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho)).sqrt())


def _rhos(t: int, beta2: Fraction) -> tuple[Decimal, Decimal]:
    """The longest and the present length of the approximated simple moving average, after ``t`` updates."""
    beta = Decimal(beta2.numerator) / Decimal(beta2.denominator)
    limit = 2 / (1 - beta) - 1
    power = beta**t
    return limit, limit - 2 * t * power / (1 - power)


@lru_cache(maxsize=32)
def _first_rectified(beta2: Fraction) -> int:
    """The first update, counted from 1, at which the variance is tractable: rho is above 4."""
    with localcontext() as context:
        context.prec = 40
        t = 1
        while _rhos(t, beta2)[1] <= 4:
            t += 1
    return t


SHAPES: dict[str, Callable[..., float]] = {
    "linear": _linear,
    "exponential": _exponential,
    "cosine": _cosine,
    "constant": _constant,
}
UNTUNED: dict[str, Callable[..., float]] = {
    "untuned_linear": _untuned_linear,
    "untuned_exponential": _untuned_exponential,
    "radam": _radam,
}
