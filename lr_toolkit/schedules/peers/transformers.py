"""The schedules of ``transformers.optimization``, by the names of ``lr_scheduler_type`` and of their functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.peers.peer import Peer, plateau_answer
from lr_toolkit.schedules.peers.phases import climb, joined, left, level, number, one_of, percent, stay, whole
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.recipes import inverse_sqrt
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import cosine, hold, linear, one_minus_sqrt, polynomial, repeat

__all__ = ["transformers"]

_BETWEEN = "transformers restarts between two updates; here each restart is at the nearest update."
_UP_OR_NEAREST = "transformers rounds the share of the warmup up to a whole update; here it is rounded to the nearest."


def _one_warmup(configuration: str, kwargs: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The arguments with the warmup as ``num_warmup_steps``, by whichever name it was given, and a note if it is rounded otherwise."""
    if configuration in ("TrainingArguments", "get_scheduler"):  # they ask another configuration
        return kwargs, ()
    names = ("num_warmup_steps", "warmup_steps", "warmup_ratio")
    given = {name: kwargs[name] for name in names if kwargs.get(name)}  # TrainingArguments have two, of which one is 0
    if len(given) > 1:
        raise ScheduleError(f"{' and '.join(given)} all give the length of the warmup. Write one of them.")
    rest = {key: value for key, value in kwargs.items() if key not in names[1:]}
    name, value = next(iter(given.items()), ("num_warmup_steps", 0))
    if name == "num_warmup_steps":
        return rest, ()
    if number(name, value) >= 1 and name == "warmup_steps":
        return rest | {"num_warmup_steps": int(value)}, ()
    if value > 1:
        raise ScheduleError(f"{name}={shorten(value)} must be a share from 0 to 1, as in {name}=0.05.")
    steps = kwargs.get("num_training_steps")
    if steps is not None:
        return rest | {"num_warmup_steps": math.ceil(whole("num_training_steps", steps, 1) * value)}, ()
    return rest | {"num_warmup_steps": percent(value)}, (_UP_OR_NEAREST,)


_GREEDY = plateau_answer("GreedyLR", needs={"max_lr": 1.0})
_TRANSFORMERS = Peer(
    "transformers",
    ("transformers.optimization", "transformers"),
    ignored=("last_epoch",),
    prepare=_one_warmup,
    refused={
        "reduce_lr_on_plateau": plateau_answer(),
        "get_reduce_on_plateau_schedule": plateau_answer(),
        "greedy": _GREEDY,
        "get_greedy_schedule": _GREEDY,
        "GreedyLR": _GREEDY,
        "AdafactorSchedule": lambda **_: (
            "shows the LR that Adafactor computes for itself. Write LRMonitor() to see it."
        ),
    },
)
# What a plain cosine answers to a floor.
_FLOORS = {
    name: f"The cosine with a floor has a name of its own: write 'cosine_with_min_lr', with {name}={{}}."
    for name in ("min_lr", "min_lr_rate")
}
_CLIMBS_AGAIN = "After its end transformers' cosine climbs again; here it stays at its end."


def transformers(name: str, /, *args: Any, **kwargs: Any) -> Schedule:
    """The schedule that equals one of transformers, by its ``lr_scheduler_type`` or the name of its function.

    ``num_training_steps`` may be left out: then the schedule takes the length of the run. The warmup may also be given as
    ``warmup_steps``, as ``TrainingArguments`` has it (below 1 it is a share of the run), or as ``warmup_ratio``, which
    transformers 5.2 removed.

    Kept: the first update has an LR of zero, the last is one step short of the end; ``cosine_warmup_with_min_lr`` begins at
    1/W and hits its end at the last update; the warmup of ``warmup_stable_decay`` begins at its floor.
    Refused as defects: the cosine's climb after the end; phases that are longer than the run; ``min_lr`` and ``lr_end`` as a
    share of the optimizer's default LR, which another group multiplies by its own: here each group ends at that LR.
    Restarts between two updates move to the nearest.

    Args:
        name: ``"linear"``, ``"cosine"``, ``"cosine_with_restarts"``, ``"polynomial"``, ``"constant"``,
            ``"constant_with_warmup"``, ``"inverse_sqrt"``, ``"cosine_with_min_lr"``, ``"cosine_warmup_with_min_lr"``,
            ``"warmup_stable_decay"``, or ``"get_..._schedule..."``; ``"TrainingArguments"`` with its keys.
        *args: its arguments without the optimizer.
        **kwargs: its arguments by name.

    Raises:
        ScheduleError: for another name or argument, lengths that do not fit, or what is no function of time:
            ``reduce_lr_on_plateau``, ``greedy``.

    Example:
        >>> transformers("cosine_with_min_lr", num_warmup_steps=500, num_training_steps=10000, min_lr_rate=0.1)
        warmup(500, start=0.0) >> cosine(end=0.1, over=9500)
        >>> transformers("linear", warmup_ratio=0.05)
        warmup('5%', start=0.0) >> linear()

    Reference:
        transformers 5.23, ``transformers/optimization.py``.
    """
    return _TRANSFORMERS.translate(name, *args, **kwargs).schedule


def _warmup(num_warmup_steps: Any) -> int | str:
    """The length of the warmup: in updates, or as a share of a run whose length is not given."""
    is_share = isinstance(num_warmup_steps, str) and num_warmup_steps.endswith("%")
    return num_warmup_steps if is_share else whole("num_warmup_steps", num_warmup_steps or 0)


def _decay_length(num_training_steps: int | None, warmup: int | str, **more: int) -> int | None:
    if num_training_steps is None:
        return None
    total = whole("num_training_steps", num_training_steps, 1)
    return left("num_training_steps", total, num_warmup_steps=whole("num_warmup_steps", warmup), **more)


@_TRANSFORMERS.configuration("constant")
def get_constant_schedule(num_warmup_steps: int | None = None, num_training_steps: int | None = None) -> Translation:
    """The base LR; ``get_scheduler`` passes lengths, which mean nothing."""
    return Translation(hold())


@_TRANSFORMERS.configuration("constant_with_warmup", example="num_warmup_steps=500")
def get_constant_schedule_with_warmup(
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
) -> Translation:
    """A climb from zero, then the base LR."""
    up = _warmup(num_warmup_steps)
    return Translation(joined(climb(up, start=0.0), hold()))


@_TRANSFORMERS.configuration("linear", example="num_warmup_steps=500, num_training_steps=10000")
def get_linear_schedule_with_warmup(
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
) -> Translation:
    """A climb from zero, then a line to zero."""
    up = _warmup(num_warmup_steps)
    rest = _decay_length(num_training_steps, up)
    return Translation(joined(climb(up, start=0.0), None if rest == 0 else linear(over=rest)))


@_TRANSFORMERS.configuration("cosine", example="num_warmup_steps=500, num_training_steps=10000", answers=_FLOORS)
def get_cosine_schedule_with_warmup(
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
    num_cycles: float = 0.5,
) -> Translation:
    """A climb from zero, then a cosine of ``num_cycles`` waves, of which half a wave is a decay to zero."""
    up = _warmup(num_warmup_steps)
    rest = _decay_length(num_training_steps, up)
    return Translation(joined(climb(up, start=0.0), _waves(num_cycles, rest, {"end": 0.0})), None, (_CLIMBS_AGAIN,))


@_TRANSFORMERS.configuration(
    "cosine_with_restarts", example="num_warmup_steps=500, num_training_steps=10000, num_cycles=3"
)
def get_cosine_with_hard_restarts_schedule_with_warmup(
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
    num_cycles: int = 1,
) -> Translation:
    """A climb from zero, then ``num_cycles`` half cosines, each from the base LR."""
    up = _warmup(num_warmup_steps)
    rest, cycles = _decay_length(num_training_steps, up), whole("num_cycles", num_cycles, 1)
    decay = cosine(over=rest) if cycles == 1 else repeat(cosine(start=1.0), cycles, over=rest)
    translation = Translation(joined(climb(up, start=0.0), None if rest == 0 else decay))
    is_between = rest is not None and rest % cycles > 0
    return translation.after(_BETWEEN) if is_between else translation


@_TRANSFORMERS.configuration("polynomial", example="num_warmup_steps=500, num_training_steps=10000, power=2.0")
def get_polynomial_decay_schedule_with_warmup(
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
    lr_end: float = 1e-7,
    power: float = 1.0,
) -> Translation:
    """A climb from zero, then a power of the remaining share, to ``lr_end``."""
    up = _warmup(num_warmup_steps)
    rest, end = _decay_length(num_training_steps, up), level("end", "lr_end", lr_end)
    decay = linear(**end, over=rest) if power == 1 else polynomial(power, **end, over=rest)
    return Translation(joined(climb(up, start=0.0), None if rest == 0 else decay))


@_TRANSFORMERS.configuration("inverse_sqrt", example="num_warmup_steps=500")
def get_inverse_sqrt_schedule(
    num_warmup_steps: int | None = None,
    timescale: int | None = None,
    num_training_steps: int | None = None,
) -> Translation:
    """A climb from zero, then one over the square root of the updates, shifted so that it begins at the base LR."""
    up = _warmup(num_warmup_steps)
    scale = (up or 10_000) if timescale is None else whole("timescale", timescale, 1)
    return Translation(joined(climb(up, start=0.0), inverse_sqrt(scale)))


@_TRANSFORMERS.configuration(
    "cosine_with_min_lr", example="num_warmup_steps=500, num_training_steps=10000, min_lr_rate=0.1"
)
def get_cosine_with_min_lr_schedule_with_warmup(
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
    num_cycles: float = 0.5,
    *,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
) -> Translation:
    """A climb from zero, then a cosine to a floor, an LR or a factor."""
    up = _warmup(num_warmup_steps)
    end, rest = _floor(min_lr, min_lr_rate), _decay_length(num_training_steps, up)
    return Translation(joined(climb(up, start=0.0), _waves(num_cycles, rest, end)), None, (_CLIMBS_AGAIN,))


@_TRANSFORMERS.configuration(
    "cosine_warmup_with_min_lr", example="num_warmup_steps=500, num_training_steps=10000, min_lr_rate=0.1"
)
def get_cosine_with_min_lr_schedule_with_warmup_lr_rate(
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
    num_cycles: float = 0.5,
    *,
    min_lr: float | None = None,
    min_lr_rate: float | None = None,
    warmup_lr_rate: float | None = None,
) -> Translation:
    """A climb from 1/W, or from ``warmup_lr_rate``, and a cosine that is at its floor at the last update."""
    up = _warmup(num_warmup_steps)
    end = _floor(min_lr, min_lr_rate)
    if isinstance(up, str):
        raise ScheduleError(f"a warmup of {up} needs the length of the run here. Write num_training_steps=10000 too.")
    if num_cycles != 0.5:
        raise ScheduleError(f"num_cycles={shorten(num_cycles)}: only half a wave is known here. Write num_cycles=0.5.")
    if up == 0:
        raise ScheduleError(
            "without a warmup transformers begins one step into the decay. Write num_warmup_steps=1 or more."
        )
    rest = _decay_length(num_training_steps, up)
    rise = climb(up - 1, **({} if warmup_lr_rate is None else {"start": warmup_lr_rate}))
    tail = hold(1) if rest is None else None  # the decay ends before the last update, which is at the floor
    return Translation(joined(rise, None if rest == 0 else cosine(**end, over=rest), tail), None, (_CLIMBS_AGAIN,))


@_TRANSFORMERS.configuration("warmup_stable_decay", example="num_warmup_steps=500, num_decay_steps=2000")
def get_wsd_schedule(
    num_warmup_steps: int | None = None,
    num_decay_steps: int = 0,
    num_training_steps: int | None = None,
    num_stable_steps: int | None = None,
    warmup_type: str = "linear",
    decay_type: str = "cosine",
    min_lr_ratio: float = 0,
    num_cycles: float = 0.5,
) -> Translation:
    """A climb from the floor, a stable part, and a decay to the floor."""
    up = _warmup(num_warmup_steps)
    types = ("linear", "cosine", "1-sqrt")
    one_of("warmup_type", warmup_type, types)
    one_of("decay_type", decay_type, types)
    down = whole("num_decay_steps", num_decay_steps, 1)
    floor = number("min_lr_ratio", min_lr_ratio)
    if num_stable_steps is not None:
        stable: int | None = whole("num_stable_steps", num_stable_steps)
    else:
        stable = _decay_length(num_training_steps, up, num_decay_steps=down)
    climbs: dict[str, Callable[[], Schedule | None]] = {
        "linear": lambda: climb(up, start=floor),
        "cosine": lambda: climb(up, start=floor, shape="cosine"),
        "1-sqrt": lambda: polynomial(0.5, end=1.0, start=floor, over=up),
    }
    decays: dict[str, Callable[[], Schedule | None]] = {
        "linear": lambda: linear(floor, over=down),
        "cosine": lambda: _waves(num_cycles, down, {"end": floor}),
        "1-sqrt": lambda: one_minus_sqrt(floor, over=down),
    }
    return Translation(joined(climbs[warmup_type]() if up else None, stay(stable), decays[decay_type]()))


@_TRANSFORMERS.configuration(example="'cosine', num_warmup_steps=500, num_training_steps=10000")
def get_scheduler(
    name: str,
    num_warmup_steps: int | None = None,
    num_training_steps: int | None = None,
    scheduler_specific_kwargs: dict[str, Any] | None = None,
    **others: Any,
) -> Translation:
    """The schedule of an ``lr_scheduler_type``; its own arguments come in ``scheduler_specific_kwargs``."""
    for other, value in others.items():
        near = get_close_matches(other, ("num_warmup_steps", "num_training_steps"), n=1)
        fix = f"{near[0]}={shorten(value)}" if near else f"scheduler_specific_kwargs={{{other!r}: {shorten(value)}}}"
        raise ScheduleError(f"there is no argument {other!r}. Write {fix}.")
    lengths = {"num_warmup_steps": num_warmup_steps, "num_training_steps": num_training_steps}
    given = {key: value for key, value in lengths.items() if value is not None}
    return _TRANSFORMERS.translate(name, **given, **_mapping("scheduler_specific_kwargs", scheduler_specific_kwargs))


@_TRANSFORMERS.configuration(example="lr_scheduler_type='cosine', warmup_ratio=0.05")
def TrainingArguments(
    output_dir: Any = None,
    lr_scheduler_type: str = "linear",
    learning_rate: float = 5e-5,
    warmup_steps: float = 0,
    warmup_ratio: float = 0,
    max_steps: int = -1,
    lr_scheduler_kwargs: dict[str, Any] | None = None,
    **others: Any,
) -> Translation:
    """The schedule of a ``Trainer`` of transformers, which reads more arguments; those are left out.

    Arguments of the schedule itself, such as ``min_lr_rate``, are read beside the others too.
    """
    kind = str(getattr(lr_scheduler_type, "value", lr_scheduler_type))
    own = {*_FLOORS, *(_TRANSFORMERS.parameters(kind) if kind in _TRANSFORMERS.configurations else ())}
    beside = {key: value for key, value in others.items() if key in own}
    known = ("lr_scheduler_type", "learning_rate", "warmup_steps", "warmup_ratio", "max_steps", "lr_scheduler_kwargs")
    for other in others.keys() - beside.keys():
        near = get_close_matches(other, known, n=1, cutoff=0.85)
        if near and other != "max_grad_norm":
            raise ScheduleError(f"there is no argument {other!r}. Write {near[0]}={shorten(others[other])}.")
    steps = None if max_steps == -1 else whole("max_steps", max_steps, 1)
    # warmup_steps wins there if both are given.
    warmup = {"warmup_steps": warmup_steps} if warmup_steps else {"warmup_ratio": warmup_ratio} if warmup_ratio else {}
    if kind == "constant":
        warmup = {}
    kwargs = {**warmup, **beside, **_mapping("lr_scheduler_kwargs", lr_scheduler_kwargs)}
    if steps is not None:
        kwargs["num_training_steps"] = steps
    translation = _TRANSFORMERS.translate(lr_scheduler_type, **kwargs)
    return Translation(translation.schedule, number("learning_rate", learning_rate), translation.notes)


def _mapping(name: str, value: Any) -> dict[str, Any]:
    """More arguments by name."""
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ScheduleError(f"{name}={shorten(value)} must be a mapping by name, as in {{'min_lr_rate': 0.1}}.")
    return dict(value)


def _floor(min_lr: float | None, min_lr_rate: float | None) -> dict[str, float]:
    """The argument for the last level of a cosine."""
    if (min_lr is None) == (min_lr_rate is None):
        raise ScheduleError("the floor is either an LR or a factor. Write min_lr=1e-5 or min_lr_rate=0.1.")
    return level("end", "min_lr", min_lr) if min_lr is not None else {"end": number("min_lr_rate", min_lr_rate)}


def _waves(cycles: float, length: int | None, end: dict[str, float]) -> Schedule | None:
    """A cosine of ``cycles`` waves over ``length`` updates; half a wave is a decay."""
    if length == 0:
        return None
    if cycles == 0.5:
        return cosine(**end, over=length)
    waves = number("num_cycles", cycles)
    half = None if length is None or not waves else length / (2 * waves)
    if half is None or half != round(half) or half < 1:
        raise ScheduleError(
            f"num_cycles={shorten(cycles)}: the waves of transformers turn between two updates, or on a run of unknown length. Write "
            "num_cycles=0.5 for a decay, or 'cosine_with_restarts' for restarts, or the phases: cosine(over=50) >> cosine(1.0, over=50)."
        )
    there, back = cosine(**end, start=1.0, over=int(half)), cosine(1.0, over=int(half))
    return repeat(there if cycles < 0.5 else there >> back, rest="cut", over=length)
