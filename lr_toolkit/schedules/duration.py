"""How long something lasts: updates, epochs or a share of the run, kept exactly."""

from __future__ import annotations

import math
import operator
import re
import string
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import ClassVar, Literal, TypeAlias

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.immutable import Immutable

__all__ = ["ENDLESS", "Duration", "DurationLike", "Unit", "decimal", "optional_duration"]

Unit: TypeAlias = Literal["steps", "epochs", "%"]

_UNITS: dict[str, Unit] = {
    "": "steps",
    "step": "steps",
    "steps": "steps",
    "epoch": "epochs",
    "epochs": "epochs",
    "%": "%",
}
# Characters. An expression that skips spaces in several places would take a time that grows with their square.
_LONGEST = 100
_TEXT = re.compile(r"(-?\d{1,40}(?:\.\d{1,40})?)\s*([a-z%]*)", re.ASCII)
# No run is so long. Below it, floats of four decimals are distinct, and exact milestones fit into int64.
ENDLESS = 10**11


class Duration(Immutable):
    """A length of training: optimizer updates, epochs, or a share of the whole run.

    Args:
        value: a ``Duration``, or one of these spellings:

            ========================== ==================================================================
            ``500``, ``"500 steps"``   500 steps, which are calls of ``scheduler.step()``: optimizer updates
                                       if the scheduler is stepped per update, epochs if per epoch
            ``"3 epochs"``             3 epochs; ``"0.5 epochs"`` is half an epoch
            ``"5%"``                   5 % of the run; ``"2.5%"`` is possible too
            ========================== ==================================================================

            A bare float is refused: ``1.0`` is one step to transformers and the whole run to others.

    Attributes:
        amount: the exact number, as a ``fractions.Fraction``, of at most four decimals.
        unit: ``"steps"``, ``"epochs"`` or ``"%"``.

    Raises:
        ScheduleError: for anything else: a bare float, an unknown unit, zero, a negative amount, a fraction of a
            step, more than 100 %, more than four decimals, 10^11 or more.

    Example:
        >>> Duration("2.5%").amount, Duration("2.5%").unit
        (Fraction(5, 2), '%')
        >>> Duration(500) == Duration("500 steps")
        True

    Reference:
        Composer's typed time strings; optax, transformers and levanter read a bare ``1`` in three ways.
    """

    _fields: ClassVar[tuple[str, ...]] = ("amount", "unit")
    __slots__ = _fields

    amount: Fraction
    unit: Unit

    def __init__(self, value: DurationLike) -> None:
        amount, unit = _read(value, "Duration", "value")
        self._set(amount=amount, unit=unit)

    @classmethod
    def of(cls, value: DurationLike, call: str, name: str = "over", *, may_be_zero: bool = False) -> Duration:
        """Read ``value``, the argument ``name`` of ``call``.

        Args:
            value: what was given.
            call: the name of the function, for the error's message.
            name: the name of the argument, or a text with ``{}`` in the place of the value.
            may_be_zero: whether zero is a length too, as for a warmup that is left out.

        Raises:
            ScheduleError: as the class.

        Example:
            >>> Duration.of(0.5, "multistep", "at=[..., {}]")
            Traceback (most recent call last):
            ...
            lr_toolkit.errors.ScheduleError: multistep(at=[..., 0.5]): a bare float has no unit. Write at=[..., '50%'] for a \
share of the run, at=[..., 500] or at=[..., '500 steps'] for updates, at=[..., '3 epochs'] for epochs.
        """
        if isinstance(value, cls):
            return value
        amount, unit = _read(value, call, name, may_be_zero=may_be_zero)
        duration = object.__new__(cls)
        cls._set(duration, amount=amount, unit=unit)
        return duration

    @property
    def literal(self) -> str:
        """The Python literal that is read as this duration: ``500``, ``'3 epochs'``, ``'5%'``."""
        return str(self.amount) if self.unit == "steps" else repr(str(self))

    def __str__(self) -> str:
        number = decimal(self.amount) if self.amount.denominator > 1 else str(self.amount)
        if self.unit == "%":
            return f"{number}%"
        return f"{number} {self.unit[:-1] if self.amount == 1 else self.unit}"

    def __repr__(self) -> str:
        return f"Duration({self.literal})"

    def __reduce__(self) -> tuple[Callable[..., Duration], tuple[str, ...]]:
        return (Duration, (str(self),)) if self.amount else (_zero, (str(self), "Duration"))


DurationLike: TypeAlias = int | str | Duration


def optional_duration(value: DurationLike | None, call: str, name: str = "over") -> Duration | None:
    """``Duration.of`` for an argument that may be left out."""
    return None if value is None else Duration.of(value, call, name)


def _zero(value: str, call: str) -> Duration:
    """A duration that may be zero, as a plain function, which a pickle can name."""
    return Duration.of(value, call, may_be_zero=True)


def _read(value: object, call: str, name: str, *, may_be_zero: bool = False) -> tuple[Fraction, Unit]:
    """The amount and the unit in ``value``, the argument ``name`` of ``call``."""

    def refused(why: str, share: str = "5", steps: int = 500, epochs: int = 3) -> ScheduleError:
        shown = (name if "{}" in name else f"{name}={{}}").format
        near = _meant(value) if isinstance(value, str) else ""
        hint = f"Did you mean {shown(repr(near))}? " if near else ""
        return ScheduleError(
            f"{call}({shown(shorten(value))}): {why}. {hint}Write {shown(repr(share + '%'))} for a share of the run, "
            f"{shown(steps)} or {shown(repr(f'{steps} steps'))} for updates, {shown(repr(f'{epochs} epochs'))} for epochs."
        )

    if isinstance(value, Duration):
        return value.amount, value.unit
    if isinstance(value, float):
        share = decimal(value * 100) if 0.0001 <= value <= 1 else "5"
        if 1 < value < ENDLESS and value.is_integer():
            raise refused("a bare float has no unit", share, int(value), int(value))
        raise refused("a bare float has no unit", share)
    if isinstance(value, str):
        match = _TEXT.fullmatch(value.strip(string.whitespace).lower()) if len(value) <= _LONGEST else None
        if match is None or match[2] not in _UNITS:
            raise refused("is not a duration")
        amount, unit = Fraction(match[1]), _UNITS[match[2]]
    else:
        try:
            amount, unit = Fraction(operator.index(value)), "steps"  # type: ignore[arg-type]  # index() is the test
        except TypeError:
            raise refused("is not a duration") from None
    for why, applies in _refusals(amount, unit, is_flag=isinstance(value, bool), may_be_zero=may_be_zero).items():
        if applies:
            raise refused(why)
    return amount, unit


def _refusals(amount: Fraction, unit: Unit, *, is_flag: bool, may_be_zero: bool) -> dict[str, bool]:
    """For each reason to refuse an amount whether it applies."""
    return {
        "is not a duration": is_flag,
        "must be zero or more" if may_be_zero else "must be more than zero": amount < 0 or not (amount or may_be_zero),
        "a step cannot be divided": unit == "steps" and amount.denominator > 1,
        "is more than the whole run": unit == "%" and amount > 100,
        "is longer than any run": amount >= ENDLESS,
        "has more than four decimals": 10_000 % amount.denominator > 0,
    }


# What a step is called elsewhere. With accumulation several batches or iterations make an update.
_ELSEWHERE: dict[str, Unit] = {
    "batches": "steps",
    "it": "steps",
    "iter": "steps",
    "iteration": "steps",
    "iterations": "steps",
    "iters": "steps",
    "percent": "%",
    "st": "steps",
    "update": "steps",
    "updates": "steps",
    "ep": "epochs",
}
_LOOSE_TEXT = re.compile(
    r"\s*(\d{1,3}(?:,\d{3}){1,10}|[\d_]{1,40}(?:\.\d{0,40})?(?:e[+-]?\d{1,2})?)(k?)\s*([a-z%]*)\s*", re.ASCII
)


def _meant(text: str) -> str:
    """The duration that a text in another spelling likely means; empty if there is none.

    Example:
        >>> _meant("1_000 updates"), _meant("2k"), _meant("7.131229999999999%"), _meant("soon")
        ('1000 steps', '2000 steps', '7.1312%', '')
    """
    match = _LOOSE_TEXT.fullmatch(text.lower()) if len(text) <= _LONGEST else None
    unit = (_UNITS.get(match[3]) or _ELSEWHERE.get(match[3])) if match else None
    digits = re.sub("[_,]", "", match[1]).removesuffix(".") if match else ""
    if match is None or unit is None or not digits[:1].isdigit():
        return ""
    amount = decimal(Fraction(digits) * (1000 if match[2] else 1))
    meant = f"{amount}%" if unit == "%" else f"{amount} {unit}"
    try:
        return str(Duration(meant)) if meant != text else ""
    except ScheduleError:
        return ""


def decimal(value: float | Fraction) -> str:
    """``value`` with at most four decimals, without zeros at the end; its power of ten if no float is as large."""
    if value > sys.float_info.max:
        exact = Fraction(value)
        return f"about 10^{math.log10(exact.numerator) - math.log10(exact.denominator):.0f}"
    return f"{float(value):.4f}".rstrip("0").rstrip(".")
