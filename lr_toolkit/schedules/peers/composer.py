"""The schedulers of ``composer.optim``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, decimal
from lr_toolkit.schedules.peers.peer import Peer
from lr_toolkit.schedules.peers.phases import listed, number, whole
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import cosine, exponential, hold, linear, multistep, polynomial, repeat, step, warmup

__all__ = ["composer"]

_COMPOSER = Peer("composer", ("composer.optim.scheduler", "composer.optim", "composer"))

_TIME = re.compile(r"(\d+(?:\.\d+)?(?:e-?\d+)?)\s*(dur|ba|ep|tok|sp|sec|iter)", re.ASCII)


def composer(name: str, /, *args: Any, **kwargs: Any) -> Schedule:
    """The schedule that equals a scheduler of Composer, whose time strings become durations.

    ``"1dur"`` is the run, ``"0.1dur"`` is ``"10%"``, ``"500ba"`` are 500 updates, ``"3ep"`` are 3 epochs. Tokens, samples and
    seconds are refused.

    Kept: the warmup begins at an LR of zero, the last update is one step short of the end. Refused as a defect: a share of the
    run that is no whole number of updates is truncated there; here it is rounded to the nearest.

    Args:
        name: ``"ConstantScheduler"``, ``"LinearScheduler"``, ``"CosineAnnealingScheduler"``,
            ``"CosineAnnealingWarmRestartsScheduler"``, ``"PolynomialScheduler"``, ``"ExponentialScheduler"``,
            ``"StepScheduler"``, ``"MultiStepScheduler"``, or ``"ConstantWithWarmupScheduler"``,
            ``"LinearWithWarmupScheduler"``, ``"CosineAnnealingWithWarmupScheduler"``, ``"PolynomialWithWarmupScheduler"``,
            ``"MultiStepWithWarmupScheduler"``.
        *args: its arguments.
        **kwargs: its arguments by name.

    Raises:
        ScheduleError: for another name or argument, a time in another unit, or an impossible value.

    Example:
        >>> composer("CosineAnnealingWithWarmupScheduler", t_warmup="0.1dur", alpha_f=0.1)
        warmup('10%', start=0.0) >> cosine(end=0.1)

    Reference:
        Composer 0.32.1, ``composer/optim/scheduler.py``.
    """
    return _COMPOSER.translate(name, *args, **kwargs).schedule


@_COMPOSER.configuration(example="alpha=1.0")
def ConstantScheduler(alpha: float = 1.0, t_max: str = "1dur") -> Translation:
    """A level until ``t_max``, then the base LR."""
    level, over = number("alpha", alpha), _time("t_max", t_max)
    if level == 1:
        return Translation(hold())
    return Translation(hold(level=level) if _is_run(over) else hold(over, level=level) >> hold(level=1.0))


@_COMPOSER.configuration(example="alpha_f=0.1, t_max='1dur'")
def LinearScheduler(alpha_i: float = 1.0, alpha_f: float = 0.0, t_max: str = "1dur") -> Translation:
    """A line between two levels."""
    return Translation(_from(linear, number("alpha_i", alpha_i), number("alpha_f", alpha_f), _time("t_max", t_max)))


@_COMPOSER.configuration(example="gamma=0.95, decay_period='1ep'")
def ExponentialScheduler(gamma: float, decay_period: str = "1ep") -> Translation:
    """A smooth decay by the same factor in each period."""
    factor, period = number("gamma", gamma, above_zero=True), _time("decay_period", decay_period)
    return Translation(hold() if factor == 1 else exponential(factor, every=period))


@_COMPOSER.configuration(example="t_max='1dur', alpha_f=0.1")
def CosineAnnealingScheduler(t_max: str = "1dur", alpha_f: float = 0.0) -> Translation:
    """Half a cosine."""
    return Translation(_from(cosine, 1.0, number("alpha_f", alpha_f), _time("t_max", t_max)))


@_COMPOSER.configuration(example="t_0='10ep', t_mult=2.0")
def CosineAnnealingWarmRestartsScheduler(t_0: str, t_mult: float = 1.0, alpha_f: float = 0.0) -> Translation:
    """Half cosines, each ``t_mult`` times as long as the one before."""
    growth = number("t_mult", t_mult, above_zero=True)
    translation = Translation(
        repeat(cosine(number("alpha_f", alpha_f), start=1.0, over=_time("t_0", t_0)), growth=growth, rest="cut")
    )
    return (
        translation
        if growth.is_integer()
        else translation.after(
            "Composer truncates the length of each cycle; here each restart is at the nearest update."
        )
    )


@_COMPOSER.configuration(example="power=2.0, t_max='1dur'")
def PolynomialScheduler(power: float, t_max: str = "1dur", alpha_f: float = 0.0) -> Translation:
    """A power of the remaining share."""
    decay = _power(power)
    return Translation(_from(decay, 1.0, number("alpha_f", alpha_f), _time("t_max", t_max)))


@_COMPOSER.configuration(example="step_size='30ep'")
def StepScheduler(step_size: str, gamma: float = 0.1) -> Translation:
    """Stairs."""
    factor = number("gamma", gamma, above_zero=True)
    return Translation(hold() if factor == 1 else step(_time("step_size", step_size), gamma=factor))


@_COMPOSER.configuration(example="milestones=['30ep', '60ep']")
def MultiStepScheduler(milestones: Sequence[str], gamma: float = 0.1) -> Translation:
    """Stairs at milestones."""
    return Translation(multistep([*_times(milestones)], gamma=number("gamma", gamma, above_zero=True)))


@_COMPOSER.configuration(example="t_warmup='0.1dur', milestones=['0.5dur', '0.75dur']")
def MultiStepWithWarmupScheduler(
    t_warmup: str, milestones: Sequence[str], gamma: float = 0.1, scale_warmup: bool = False
) -> Translation:
    """A climb from zero, then stairs at milestones that are counted from the beginning of the run."""
    up, factor = _time("t_warmup", t_warmup), number("gamma", gamma, above_zero=True)
    places = [_minus(milestone, up, "milestones") for milestone in _times(milestones)]
    later = [place for place in places if place.amount > 0]
    first = factor ** (len(places) - len(later))
    if not later:
        return Translation(_climb(up, 1.0) >> (hold() if first == 1.0 else hold(level=first)))
    stairs = multistep(later, gamma=factor, start=None if first == 1.0 else first)
    return Translation(_climb(up, 1.0) >> stairs)


@_COMPOSER.configuration(example="t_warmup='0.1dur'")
def ConstantWithWarmupScheduler(
    t_warmup: str, alpha: float = 1.0, t_max: str = "1dur", scale_warmup: bool = False
) -> Translation:
    """A climb from zero to a level."""
    top = number("alpha", alpha, above_zero=True)
    _time("t_max", t_max)
    return Translation(_climb(_time("t_warmup", t_warmup), top) >> hold())


@_COMPOSER.configuration(example="t_warmup='0.1dur'")
def LinearWithWarmupScheduler(
    t_warmup: str, alpha_i: float = 1.0, alpha_f: float = 0.0, t_max: str = "1dur", scale_warmup: bool = False
) -> Translation:
    """A climb from zero to a level, then a line to another."""
    return _with_warmup(linear, t_warmup, t_max, number("alpha_i", alpha_i), number("alpha_f", alpha_f))


@_COMPOSER.configuration(example="t_warmup='0.1dur', alpha_f=0.1")
def CosineAnnealingWithWarmupScheduler(
    t_warmup: str, t_max: str = "1dur", alpha_f: float = 0.0, scale_warmup: bool = False
) -> Translation:
    """A climb from zero, then half a cosine."""
    return _with_warmup(cosine, t_warmup, t_max, 1.0, number("alpha_f", alpha_f))


@_COMPOSER.configuration(example="t_warmup='0.1dur', power=2.0")
def PolynomialWithWarmupScheduler(
    t_warmup: str, power: float = 2.0, t_max: str = "1dur", alpha_f: float = 0.0, scale_warmup: bool = False
) -> Translation:
    """A climb from zero, then a power of the remaining share."""
    return _with_warmup(_power(power), t_warmup, t_max, 1.0, number("alpha_f", alpha_f))


def _with_warmup(build: Callable[..., Schedule], t_warmup: Any, t_max: Any, first: float, last: float) -> Translation:
    up, whole_time = _time("t_warmup", t_warmup), _time("t_max", t_max)
    over = whole_time if _is_run(whole_time) else _minus(whole_time, up, "t_max")
    return Translation(_climb(up, first) >> _from(build, first, last, over, reached=first))


def _climb(up: Duration, top: float) -> Schedule:
    return warmup(up, start=0.0) if top == 1 else linear(top, start=0.0, over=up)


def _from(build: Callable[..., Schedule], first: float, last: float, over: Duration, reached: float = 1.0) -> Schedule:
    """A phase of ``build``; one that lasts as long as the run is left open."""
    length = None if _is_run(over) else over
    if first == last:
        return hold(length) if first == reached else hold(length, level=first)
    return build(last, **({} if first == reached else {"start": first}), over=length)


def _power(power: Any) -> Callable[..., Schedule]:
    exponent = number("power", power, above_zero=True)
    return linear if exponent == 1 else lambda end, **named: polynomial(exponent, end=end, **named)


def _times(milestones: Any) -> list[Duration]:
    return [_time("milestones", milestone) for milestone in listed("milestones", milestones, "['30ep', '60ep']")]


def _time(name: str, value: Any) -> Duration:
    """A time string as a duration; a whole number is a number of updates."""
    if isinstance(value, int) and not isinstance(value, bool):
        return Duration(whole(name, value, 1))
    match = _TIME.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    if match is None or match[2] not in ("dur", "ba", "ep"):
        raise ScheduleError(
            f"{name}={shorten(value)} must be a time in batches, epochs or of the run: '500ba', '3ep', '0.1dur'."
        )
    if match[2] == "dur":
        return Duration(f"{decimal(Fraction(match[1]) * 100)}%")
    return Duration(f"{match[1]} {'steps' if match[2] == 'ba' else 'epochs'}")


def _is_run(duration: Duration) -> bool:
    return duration.unit == "%" and duration.amount == 100


def _minus(time: Duration, up: Duration, name: str) -> Duration:
    """What is left of ``time`` after the warmup, in the same unit."""
    if time.unit != up.unit:
        raise ScheduleError(f"{name}={time} and t_warmup={up} have different units. Write both in one.")
    rest = time.amount - up.amount
    if rest < 0 and name != "milestones":
        raise ScheduleError(f"t_warmup={up} is longer than {name}={time}. Write a shorter warmup.")
    return Duration.of(
        f"{decimal(max(rest, Fraction(0)))} {time.unit}".replace(" %", "%"), "composer", name, may_be_zero=True
    )
