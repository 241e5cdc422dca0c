"""The schedules of ``keras.optimizers.schedules``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.peers.path import Path
from lr_toolkit.schedules.peers.peer import Peer, plateau_answer
from lr_toolkit.schedules.peers.phases import number, share, whole
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import (
    cosine,
    exponential,
    hold,
    inverse_time,
    linear,
    piecewise,
    polynomial,
    repeat,
    stairs,
    step,
)

__all__ = ["keras"]

_KERAS = Peer(
    "keras",
    ("keras.optimizers.schedules", "tf.keras.optimizers.schedules", "tensorflow.keras.optimizers.schedules", "keras"),
    ignored=("name",),
    refused={"ReduceLROnPlateau": plateau_answer(min_delta="threshold")},
)


def keras(name: str, /, *args: Any, **kwargs: Any) -> Schedule:
    """The schedule that equals one of Keras.

    A schedule of Keras returns LRs. Its highest, ``initial_learning_rate`` or ``warmup_target``, is the base LR: give it to the
    optimizer.

    Kept: the last update is one step short of the end; ``decay_steps`` of ``CosineDecay`` excludes the warmup; the boundaries
    of ``PiecewiseConstantDecay`` belong to the value before, so the new value comes one update later than in torch. Refused:
    ``cycle=True`` of ``PolynomialDecay``, whose restarts are at no level of their own, and a restart that comes
    one update late in Keras because a logarithm is rounded (the fifth with ``t_mul=3.0``).

    Args:
        name: ``"CosineDecay"``, ``"CosineDecayRestarts"``, ``"ExponentialDecay"``, ``"InverseTimeDecay"``,
            ``"PiecewiseConstantDecay"`` or ``"PolynomialDecay"``.
        *args: its arguments.
        **kwargs: its arguments by name.

    Raises:
        ScheduleError: for another name or argument, an impossible value, or ``ReduceLROnPlateau``, which follows a metric.

    Example:
        >>> keras("CosineDecay", 0.0, decay_steps=9500, alpha=0.1, warmup_target=3e-4, warmup_steps=500)
        warmup(500, start=0.0) >> cosine(end=0.1, over=9500)

    Reference:
        Keras 3.15, ``keras/src/optimizers/schedules/learning_rate_schedule.py``.
    """
    return _KERAS.translate(name, *args, **kwargs).schedule


@_KERAS.configuration(example="initial_learning_rate=0.1, decay_steps=1000")
def CosineDecay(
    initial_learning_rate: float,
    decay_steps: int,
    alpha: float = 0.0,
    warmup_target: float | None = None,
    warmup_steps: int = 0,
) -> Translation:
    """Half a cosine, after a line to ``warmup_target`` if that is given."""
    down, last = whole("decay_steps", decay_steps, 1), number("alpha", alpha)
    first = number("initial_learning_rate", initial_learning_rate)
    base = first if warmup_target is None else number("warmup_target", warmup_target, above_zero=True)
    if base == 0:
        raise ScheduleError("initial_learning_rate=0 never moves. Write an LR above zero, or a warmup_target.")
    up = 0 if warmup_target is None else whole("warmup_steps", warmup_steps)
    return Translation(Path().move(linear, share(first, base), 1.0, up).move(cosine, 1.0, last, down).schedule, base)


@_KERAS.configuration(example="initial_learning_rate=0.1, first_decay_steps=1000")
def CosineDecayRestarts(
    initial_learning_rate: float, first_decay_steps: int, t_mul: float = 2.0, m_mul: float = 1.0, alpha: float = 0.0
) -> Translation:
    """Half cosines, each ``t_mul`` times as long as the one before, from ``m_mul`` times its height above the floor."""
    base, floor = number("initial_learning_rate", initial_learning_rate, above_zero=True), number("alpha", alpha)
    growth, gamma = number("t_mul", t_mul, above_zero=True), number("m_mul", m_mul, above_zero=True)
    cycle = cosine(floor, start=1.0, over=whole("first_decay_steps", first_decay_steps, 1))
    schedule = repeat(cycle, growth=growth, gamma=gamma, floor=floor if gamma != 1 else 0.0, rest="cut")
    translation = Translation(schedule, base)
    return (
        translation
        if growth.is_integer()
        else translation.after("Keras restarts between two updates; here each restart is at a whole update.")
    )


@_KERAS.configuration(example="initial_learning_rate=0.1, decay_steps=1000, decay_rate=0.5")
def ExponentialDecay(
    initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False
) -> Translation:
    """A decay by a factor in each interval, smooth or in stairs."""
    base, every = (
        number("initial_learning_rate", initial_learning_rate, above_zero=True),
        whole("decay_steps", decay_steps, 1),
    )
    rate = number("decay_rate", decay_rate, above_zero=True)
    if rate == 1:
        return Translation(hold(), base)
    return Translation(step(every, gamma=rate) if staircase else exponential(rate, every=every), base)


@_KERAS.configuration(example="initial_learning_rate=0.1, decay_steps=1000, decay_rate=0.5")
def InverseTimeDecay(
    initial_learning_rate: float, decay_steps: int, decay_rate: float, staircase: bool = False
) -> Translation:
    """One over the time, smooth or in stairs."""
    base, every = (
        number("initial_learning_rate", initial_learning_rate, above_zero=True),
        whole("decay_steps", decay_steps, 1),
    )
    rate = number("decay_rate", decay_rate, above_zero=True)
    curve = inverse_time(every) if rate == 1 else inverse_time(every, rate=rate)
    return Translation(stairs(curve, every) if staircase else curve, base)


@_KERAS.configuration(example="boundaries=[1000, 2000], values=[0.1, 0.01, 0.001]")
def PiecewiseConstantDecay(boundaries: Sequence[int], values: Sequence[float]) -> Translation:
    """LRs between boundaries; a boundary is the last update of the LR before it."""
    if (
        not all(isinstance(given, (list, tuple)) for given in (boundaries, values))
        or len(boundaries) != len(values) - 1
    ):
        raise ScheduleError(
            f"boundaries={shorten(boundaries)} and values={shorten(values)} must be lists, with one value more."
        )
    lrs = [number("values", value) for value in values]
    base, places = max(lrs), [whole("boundaries", boundary) + 1 for boundary in boundaries]
    if base == 0 or not places or places != sorted(set(places)):
        raise ScheduleError(
            "the boundaries must rise, with a value above zero. Write boundaries=[1000], values=[0.1, 0.01]."
        )
    return Translation(piecewise(places, levels=[share(lr, base) for lr in lrs]), base)


@_KERAS.configuration(example="initial_learning_rate=0.1, decay_steps=1000")
def PolynomialDecay(
    initial_learning_rate: float,
    decay_steps: int,
    end_learning_rate: float = 1e-4,
    power: float = 1.0,
    cycle: bool = False,
) -> Translation:
    """A power of the remaining share, to ``end_learning_rate``."""
    if cycle:
        raise ScheduleError(
            "cycle=True begins again in mid-decay. Write the cycles: repeat(polynomial(2.0, start=1.0, over=100))."
        )
    first, last = number("initial_learning_rate", initial_learning_rate), number("end_learning_rate", end_learning_rate)
    base, steps = max(first, last), whole("decay_steps", decay_steps, 1)
    if base == 0:
        raise ScheduleError("both LRs are zero. Write initial_learning_rate=0.1.")
    named = {} if number("power", power, above_zero=True) == 1 else {"power": power}
    return Translation(
        Path().move(polynomial if named else linear, share(first, base), share(last, base), steps, **named).schedule,
        base,
    )
