"""The shapes that fall from the base LR to a floor, within their own length."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import ENDLESS, Duration
from lr_toolkit.schedules.shapes import Curve, Index, Level, Shape, Span, Value, check, like
from lr_toolkit.schedules.spelling import spell

__all__ = ["Cosine", "Linear", "OneMinusSqrt", "Polynomial"]


class _Decay(Shape):
    """From the base LR to a floor: lr = base * s + floor * (1 - s), where s falls from 1 to 0.

    ``fall`` gives s and ``rise`` gives 1 - s, each without the cancellation that the subtraction would bring.
    """

    __slots__ = ()

    end: float
    end_lr: float | None

    def __post_init__(self) -> None:
        check(self, "end", "end=0.1")
        if self.end_lr is not None:
            check(self, "end_lr", "end_lr=1e-5")
            if self.end != 0.0:
                raise ScheduleError(
                    f"{self.name}(end={self.end!r}, end_lr={self.end_lr!r}): a floor is either a factor of the base LR or an "
                    f"LR. Write {spell(self, end_lr=None)} or {spell(self, end=0.0)}."
                )
        if self.end > 1 and not isinstance(self, Linear):
            is_length = self.over is None and self.end.is_integer() and self.end < ENDLESS
            length = (
                f"{spell(self, end=0.0, over=Duration(int(self.end)))} for a length (torch's T_max), "
                if is_length
                else ""
            )
            raise ScheduleError(
                f"{self.name}(end={self.end!r}): a floor is a factor of the base LR, at most 1. Write {length}"
                f"{spell(self, end=0.0, end_lr=1e-5)} for an LR, or {spell(Linear(self.end, over=self.over))} to climb."
            )

    @abstractmethod
    def fall(self, n: int) -> Curve: ...

    @abstractmethod
    def rise(self, n: int) -> Curve: ...

    def bind(self, span: Span) -> Curve:
        end, fall, rise = self.end, self.fall(span.length), self.rise(span.length)
        return (lambda i: fall(i) + end * rise(i)) if end else fall

    def floor(self, span: Span) -> Curve | None:
        end_lr, rise = self.end_lr, self.rise(span.length)
        return (lambda i: end_lr * rise(i)) if end_lr else None

    def end_level(self, span: Span, curve: Curve) -> Level:
        return (self.end, 0.0) if self.end_lr is None else (0.0, self.end_lr)

    @property
    def absolute(self) -> bool:
        return bool(self.end_lr)


@final
@dataclass(frozen=True, slots=True)
class Cosine(_Decay):
    end: float = 0.0
    end_lr: float | None = field(default=None, kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)

    def fall(self, n: int) -> Curve:
        # sin^2 of the remaining quarter turn is (1 + cos(pi i / n)) / 2 without its cancellation near the end.
        turn = math.pi / max(2 * n, 1)
        return lambda i: _squared_sine(turn * (n - i))

    def rise(self, n: int) -> Curve:
        turn = math.pi / max(2 * n, 1)
        return lambda i: _squared_sine(turn * i)


@final
@dataclass(frozen=True, slots=True)
class Linear(_Decay):
    end: float = 0.0
    end_lr: float | None = field(default=None, kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)

    def fall(self, n: int) -> Curve:
        return lambda i: (n - i) / n

    def rise(self, n: int) -> Curve:
        return lambda i: i / n


@final
@dataclass(frozen=True, slots=True)
class Polynomial(_Decay):
    power: float
    end: float = 0.0
    end_lr: float | None = field(default=None, kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        check(self, "power", "power=2.0", above=True)
        _Decay.__post_init__(self)

    def fall(self, n: int) -> Curve:
        power = self.power
        return lambda i: like(i, np.power((n - i) / n, power))

    def rise(self, n: int) -> Curve:
        power = min(self.power, 1e300)  # beyond it all is zero, and the product below would overflow
        return lambda i: like(i, -np.expm1(power * _log_left(i, n)))


@final
@dataclass(frozen=True, slots=True)
class OneMinusSqrt(_Decay):
    end: float = 0.0
    end_lr: float | None = field(default=None, kw_only=True)
    over: Duration | None = field(default=None, kw_only=True)

    @property
    def name(self) -> str:
        return "one_minus_sqrt"

    def fall(self, n: int) -> Curve:
        # 1 - sqrt(p) cancels near the end; (1 - p) / (1 + sqrt(p)) is the same and does not.
        return lambda i: like(i, (n - i) / n / (1.0 + np.sqrt(i / n)))

    def rise(self, n: int) -> Curve:
        return lambda i: like(i, np.sqrt(i / n))


def _squared_sine(angle: Value) -> Value:
    sine = math.sin(angle) if type(angle) is float else np.sin(angle)  # at every step: isinstance takes twice as long
    return sine * sine


def _log_left(i: Index, n: int) -> Value:
    """log(1 - i / n), in each half of the way by the formula that keeps its digits there."""
    if isinstance(i, np.ndarray):
        return np.where(2 * i < n, np.log1p(-i / n), np.log((n - i) / n))
    return np.log1p(-i / n) if 2 * i < n else np.log((n - i) / n)
