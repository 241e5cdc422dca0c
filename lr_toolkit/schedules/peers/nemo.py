"""The schedulers of ``nemo.core.optim.lr_scheduler``."""

from __future__ import annotations

from typing import Any

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.peers.peer import Peer, plateau_answer
from lr_toolkit.schedules.peers.phases import climb, joined, left, level, number, stay, whole
from lr_toolkit.schedules.peers.translation import Translation
from lr_toolkit.schedules.recipes import inverse_sqrt
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shapes import clipped, cosine, hold, inverse_time, linear, one_minus_sqrt, polynomial

__all__ = ["nemo"]

_NEMO = Peer(
    "nemo",
    ("nemo.core.optim.lr_scheduler", "nemo.core.optim", "nemo"),
    ignored=("last_epoch",),
    refused={"ReduceLROnPlateau": plateau_answer()},
)
_DROPS = "After max_steps NeMo's LR drops to min_lr; here it stays at its end."


def nemo(name: str, /, *args: Any, **kwargs: Any) -> Schedule:
    """The schedule that equals a scheduler of NeMo. ``max_steps`` may be left out: then it is the length of the run.

    Kept: a warmup begins at 1/(W+1), as ours does; ``CosineAnnealing`` with ``constant_steps`` begins at zero;
    ``SquareRootAnnealing`` falls from the base LR at once after its warmup; ``min_lr`` of the square and square-root decays cuts
    them off. Left out: the drop to ``min_lr`` after ``max_steps``.

    Args:
        name: ``"WarmupPolicy"``, ``"WarmupHoldPolicy"``, ``"CosineAnnealing"``, ``"SquareAnnealing"``,
            ``"SquareRootAnnealing"``, ``"WarmupAnnealing"``, ``"PolynomialDecayAnnealing"``,
            ``"PolynomialHoldDecayAnnealing"``, ``"WarmupHoldAnnealLinear"``, ``"WarmupHoldAnnealOneMinusSquareRoot"``,
            ``"InverseSquareRootAnnealing"``, ``"T5InverseSquareRootAnnealing"``, ``"NoamAnnealing"`` or
            ``"NoamHoldAnnealing"``.
        *args: none; NeMo's arguments have names.
        **kwargs: its arguments by name.

    Raises:
        ScheduleError: for another name or argument, lengths that do not fit, or ``ReduceLROnPlateau``.

    Example:
        >>> nemo("CosineAnnealing", max_steps=10000, warmup_steps=500, min_lr=1e-5)
        warmup(500) >> cosine(end_lr=1e-05, over=9500)

    Reference:
        NeMo 3.0.0, ``nemo/core/optim/lr_scheduler.py``.
    """
    return _NEMO.translate(name, *args, **kwargs).schedule


@_NEMO.configuration(example="warmup_steps=500")
def WarmupPolicy(
    *,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
    max_steps: int | None = None,
    min_lr: float = 0.0,
) -> Translation:
    """A climb, then the base LR."""
    return Translation(
        joined(climb(_part("warmup", warmup_steps, warmup_ratio, max_steps)), hold()),
        None,
        () if max_steps is None else (_DROPS,),
    )


@_NEMO.configuration(example="warmup_steps=500, hold_steps=1000")
def WarmupHoldPolicy(
    *,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
    hold_steps: int | None = None,
    hold_ratio: float | None = None,
    max_steps: int | None = None,
    min_lr: float = 0.0,
) -> Translation:
    """A climb, then the base LR."""
    _part("hold", hold_steps, hold_ratio, max_steps)
    return Translation(
        joined(climb(_part("warmup", warmup_steps, warmup_ratio, max_steps)), hold()),
        None,
        () if max_steps is None else (_DROPS,),
    )


@_NEMO.configuration(example="max_steps=10000, warmup_steps=500, min_lr=1e-5")
def CosineAnnealing(
    *,
    max_steps: int | None = None,
    min_lr: float = 0.0,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
    constant_steps: int | None = None,
    constant_ratio: float | None = None,
) -> Translation:
    """A climb, half a cosine, and a constant part at its end, with which the climb begins at zero."""
    up = _part("warmup", warmup_steps, warmup_ratio, max_steps)
    flat = _part("constant", constant_steps, constant_ratio, max_steps)
    rest = _left(max_steps, warmup_steps=up, constant_steps=flat)
    fall = None if rest == 0 else cosine(**level("end", "min_lr", min_lr), over=rest)
    return Translation(joined(climb(up, **({"start": 0.0} if flat else {})), fall, stay(flat)))


@_NEMO.configuration(example="max_steps=10000, warmup_steps=500")
def SquareAnnealing(
    *,
    max_steps: int | None = None,
    min_lr: float = 1e-5,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
) -> Translation:
    """A climb, then the square of the remaining share, cut off at ``min_lr``."""
    up = _part("warmup", warmup_steps, warmup_ratio, max_steps)
    rest = _left(max_steps, warmup_steps=up)
    return Translation(joined(climb(up), None if rest == 0 else _cut(polynomial(2.0, over=rest), min_lr, rest)))


@_NEMO.configuration(example="max_steps=10000, warmup_steps=500")
def SquareRootAnnealing(
    *,
    max_steps: int | None = None,
    min_lr: float = 0.0,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
) -> Translation:
    """A climb, then the square root of the share of the whole run that remains, cut off at ``min_lr``."""
    up = _part("warmup", warmup_steps, warmup_ratio, max_steps)
    if max_steps is None:
        raise ScheduleError(
            "the root is of a share of the whole run, whose length is not given. Write max_steps=10000."
        )
    rest = _left(max_steps, warmup_steps=up) or 0
    if up == 0:
        return Translation(_cut(polynomial(0.5, over=rest), min_lr, rest))
    # Update W is still at the base LR; the next one is on the curve, which began with the run.
    curve = polynomial(0.5, start=((rest - 1) / (rest + up)) ** 0.5, over=rest - 1) if rest > 1 else None
    return Translation(joined(climb(up), stay(min(rest, 1)), None if curve is None else _cut(curve, min_lr, rest - 1)))


@_NEMO.configuration(example="max_steps=10000, warmup_steps=500, min_lr=1e-5")
def WarmupAnnealing(
    *,
    max_steps: int | None = None,
    min_lr: float = 0.0,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
) -> Translation:
    """A climb, then a line to ``min_lr``."""
    up = _part("warmup", warmup_steps, warmup_ratio, max_steps)
    rest = _left(max_steps, warmup_steps=up)
    return Translation(joined(climb(up), None if rest == 0 else linear(**level("end", "min_lr", min_lr), over=rest)))


@_NEMO.configuration(example="max_steps=10000, warmup_steps=500, power=2.0")
def PolynomialDecayAnnealing(
    *,
    max_steps: int | None = None,
    min_lr: float = 0.0,
    power: float = 1.0,
    cycle: bool = False,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
) -> Translation:
    """A climb, then a power of the remaining share."""
    up = _part("warmup", warmup_steps, warmup_ratio, max_steps)
    return Translation(joined(climb(up), _polynomial(power, min_lr, cycle, _left(max_steps, warmup_steps=up))))


@_NEMO.configuration(example="max_steps=10000, warmup_steps=500, hold_steps=1000, power=2.0")
def PolynomialHoldDecayAnnealing(
    *,
    max_steps: int | None = None,
    min_lr: float = 0.0,
    power: float = 1.0,
    cycle: bool = False,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
    hold_steps: int | None = None,
    hold_ratio: float | None = None,
) -> Translation:
    """A climb, a stable part, then a power of the remaining share."""
    up, flat, rest = _held(max_steps, warmup_steps, warmup_ratio, hold_steps, hold_ratio)
    return Translation(joined(climb(up), stay(flat), _polynomial(power, min_lr, cycle, rest)))


@_NEMO.configuration(example="max_steps=10000, warmup_steps=500, hold_steps=8000")
def WarmupHoldAnnealLinear(
    *,
    max_steps: int | None = None,
    min_lr: float = 0.0,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
    hold_steps: int | None = None,
    hold_ratio: float | None = None,
) -> Translation:
    """A climb, a stable part, then a line to ``min_lr``."""
    up, flat, rest = _held(max_steps, warmup_steps, warmup_ratio, hold_steps, hold_ratio)
    fall = None if rest == 0 else linear(**level("end", "min_lr", min_lr), over=rest)
    return Translation(joined(climb(up), stay(flat), fall))


@_NEMO.configuration(example="max_steps=10000, warmup_steps=500, hold_steps=8000")
def WarmupHoldAnnealOneMinusSquareRoot(
    *,
    max_steps: int | None = None,
    min_lr: float = 0.0,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
    hold_steps: int | None = None,
    hold_ratio: float | None = None,
) -> Translation:
    """A climb, a stable part, then one minus a root, cut off at ``min_lr``."""
    up, flat, rest = _held(max_steps, warmup_steps, warmup_ratio, hold_steps, hold_ratio)
    fall = None if rest == 0 else _cut(one_minus_sqrt(over=rest), min_lr, rest)
    return Translation(joined(climb(up), stay(flat), fall))


@_NEMO.configuration(example="max_steps=10000, warmup_steps=500")
def InverseSquareRootAnnealing(
    *,
    max_steps: int | None = None,
    min_lr: float = 0.0,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
) -> Translation:
    """A climb, then one over the square root of the updates; ``min_lr`` is used only after ``max_steps``."""
    up = _part("warmup", warmup_steps, warmup_ratio, max_steps)
    return Translation(joined(climb(up), inverse_sqrt(up + 1)), None, (_DROPS,))


@_NEMO.configuration(example="max_steps=100000, constant_steps=10000")
def T5InverseSquareRootAnnealing(
    *,
    max_steps: int | None = None,
    min_lr: float = 0.0,
    constant_steps: int | None = None,
    constant_ratio: float | None = None,
) -> Translation:
    """One over the square root of the updates, constant at first: an LR of its own, whatever the optimizer's is."""
    flat = _part("constant", constant_steps, constant_ratio, max_steps)
    if flat == 0:
        raise ScheduleError("without a constant part NeMo divides by zero. Write constant_steps=10000.")
    return Translation(joined(stay(flat), inverse_sqrt(flat)), flat**-0.5, (_DROPS,))


@_NEMO.configuration(example="d_model=512, warmup_steps=4000")
def NoamAnnealing(
    *,
    d_model: int,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
    max_steps: int | None = None,
    min_lr: float = 0.0,
) -> Translation:
    """The schedule of the Transformer's paper; the optimizer's LR multiplies it, so its peak is not the base LR."""
    up = _part("warmup", warmup_steps, warmup_ratio, max_steps)
    if up < 2:
        raise ScheduleError("a Noam schedule climbs to its peak. Write warmup_steps=4000.")
    peak = (whole("d_model", d_model, 1) * up) ** -0.5
    curve = inverse_sqrt(up)
    # NeMo uses step 1 for the first two updates.
    rise = hold(1, level=peak / up) >> linear(peak, start=peak / up, over=up - 1)
    return Translation(rise >> (clipped(curve, min_lr=float(min_lr)) if number("min_lr", min_lr) else curve))


@_NEMO.configuration(example="max_steps=100000, warmup_steps=4000, hold_steps=10000, decay_rate=0.5")
def NoamHoldAnnealing(
    *,
    max_steps: int | None = None,
    decay_rate: float = 0.5,
    min_lr: float = 0.0,
    warmup_steps: int | None = None,
    warmup_ratio: float | None = None,
    hold_steps: int | None = None,
    hold_ratio: float | None = None,
) -> Translation:
    """A climb, a stable part, then a power of one over the updates, cut off at ``min_lr``."""
    up, flat, _ = _held(max_steps, warmup_steps, warmup_ratio, hold_steps, hold_ratio)
    if up == 0:
        raise ScheduleError("NeMo refuses it without a warmup. Write warmup_steps=4000.")
    power = number("decay_rate", decay_rate, above_zero=True)
    curve = inverse_sqrt(up) if power == 0.5 else inverse_time(up, power=power)
    curve = clipped(curve, min_lr=float(min_lr)) if number("min_lr", min_lr) else curve
    return Translation(joined(climb(up), stay(flat), curve), None, (_DROPS,))


def _part(name: str, steps: Any, ratio: Any, max_steps: Any) -> int:
    """The length of a part in updates; a share of the run is truncated, as NeMo does."""
    if steps is not None and ratio is not None:
        raise ScheduleError(f"{name}_steps and {name}_ratio exclude each other. Write one of them.")
    if ratio is None:
        return 0 if steps is None else whole(f"{name}_steps", steps)
    if max_steps is None:
        raise ScheduleError(f"{name}_ratio is a share of a run whose length is not given. Write max_steps=10000 too.")
    return int(number(f"{name}_ratio", ratio) * whole("max_steps", max_steps, 1))


def _left(max_steps: Any, **taken: int) -> int | None:
    return left("max_steps", None if max_steps is None else whole("max_steps", max_steps, 1), **taken)


def _held(
    max_steps: Any, warmup_steps: Any, warmup_ratio: Any, hold_steps: Any, hold_ratio: Any
) -> tuple[int, int, int | None]:
    """The lengths of the warmup, of the stable part and of what they leave."""
    up, flat = _part("warmup", warmup_steps, warmup_ratio, max_steps), _part("hold", hold_steps, hold_ratio, max_steps)
    return up, flat, _left(max_steps, warmup_steps=up, hold_steps=flat)


def _polynomial(power: Any, min_lr: Any, cycle: bool, rest: int | None) -> Schedule | None:
    if cycle:
        raise ScheduleError(
            "cycle=True begins again in mid-decay. Write the cycles: repeat(polynomial(2.0, start=1.0, over=100))."
        )
    if rest == 0:
        return None
    end = level("end", "min_lr", min_lr)
    if number("power", power, above_zero=True) == 1:
        return linear(**end, over=rest)
    return polynomial(power, **end, over=rest)


def _cut(schedule: Schedule, min_lr: Any, over: int | None) -> Schedule:
    """The schedule, at ``min_lr`` where it would be below."""
    return clipped(schedule, min_lr=float(min_lr), over=over) if number("min_lr", min_lr) else schedule
