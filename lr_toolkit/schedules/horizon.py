"""The length of a run: the steps that its scheduler takes, and the ends of its epochs."""

from __future__ import annotations

import math
import operator
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import accumulate, groupby
from typing import Any, ClassVar, Literal, TypeAlias, cast

import numpy as np

from lr_toolkit.arguments import answer_arguments, is_list
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.immutable import Immutable
from lr_toolkit.schedules.duration import Duration
from lr_toolkit.schedules.written_value import read_written

__all__ = [
    "HORIZON_ANSWERS",
    "MOST_EPOCHS",
    "Horizon",
    "HorizonLike",
    "horizon_from",
    "horizon_state",
    "read_horizon",
    "round_half_up",
    "same_in_other_unit",
]

MOST_EPOCHS = 10**6  # epochs of different lengths that a state may list


_IN_EPOCHS = "Write Horizon(steps={0}, unit='epoch') for a scheduler that is stepped once per epoch, or \
Horizon(steps={0} * 100, steps_per_epoch=100) for epochs of 100 updates."
_ANSWERS = {
    "T_max": "Write steps={}.",
    "epochs": _IN_EPOCHS,
    "max_epochs": _IN_EPOCHS,
    "max_steps": "Write steps={}.",
    "num_training_steps": "Write steps={}.",
    "total_steps": "Write steps={}.",
    "updates": "Write steps={}.",
}


HORIZON_ANSWERS = dict.fromkeys(
    ("T_max", "num_training_steps", "steps", "total_steps"), "Write horizon=Horizon(steps={})."
)
"""What a function with an argument ``horizon`` answers to the names of other libraries."""


class Horizon(Immutable):
    """The length of a run, in the steps that its scheduler takes.

    Args:
        steps: how many times the run calls ``scheduler.step()``: its optimizer updates, or its epochs if
            ``unit="epoch"``.
        steps_per_epoch: the updates in an epoch, or a list with the updates of each epoch if they differ; its last number is
            used for all epochs that follow. Without it durations in epochs are refused.
        unit: ``"step"`` if the scheduler is stepped after every update, ``"epoch"`` if once per epoch: then
            an epoch is one step, and ``steps_per_epoch`` is not given.

    Raises:
        ScheduleError: if a number is not a whole number above zero, or if the unit is unknown.

    Example:
        >>> Horizon(steps=1000, steps_per_epoch=100).epochs
        10.0
        >>> Horizon(steps=90, unit="epoch").epochs
        90.0
        >>> Horizon(steps=10, steps_per_epoch=[4, 4, 2]).epochs
        3.0
    """

    _fields: ClassVar[tuple[str, ...]] = ("steps", "steps_per_epoch", "unit")
    __slots__ = _fields

    steps: int
    steps_per_epoch: int | tuple[int, ...] | None
    unit: Literal["step", "epoch"]

    @answer_arguments("Horizon", "Horizon(steps=1000, steps_per_epoch=100)", _ANSWERS)
    def __init__(
        self,
        steps: int,
        steps_per_epoch: int | Sequence[int] | None = None,
        unit: Literal["step", "epoch"] = "step",
    ) -> None:
        if unit not in ("step", "epoch"):
            raise ScheduleError(f"Horizon(unit={shorten(unit)}): write unit='step' or unit='epoch'.")
        whole = _whole("steps", steps)
        if steps_per_epoch is not None and unit == "epoch":
            raise ScheduleError(
                f"Horizon(steps_per_epoch={shorten(steps_per_epoch)}, unit='epoch'): a scheduler stepped per epoch takes one step "
                f"an epoch. Write Horizon(steps={whole}, unit='epoch'), or leave out unit= to count updates."
            )
        self._set(steps=whole, steps_per_epoch=_lengths(steps_per_epoch), unit=unit)

    def __repr__(self) -> str:
        per_epoch = "" if self.steps_per_epoch is None else f", steps_per_epoch={self.steps_per_epoch}"
        unit = "" if self.unit == "step" else f", unit={self.unit!r}"
        return f"Horizon(steps={self.steps}{per_epoch}{unit})"

    @property
    def noun(self) -> Literal["update", "epoch"]:
        """What a step of the run is, in words."""
        return "update" if self.unit == "step" else "epoch"

    @property
    def epochs(self) -> float | None:
        """The length in epochs; ``None`` if the length of an epoch is not known."""
        if self.epoch_steps is None:
            return None
        return float(self.epoch_at(Fraction(self.steps)))

    @property
    def epoch_steps(self) -> tuple[int, ...] | None:
        """The steps of each epoch in order, the last for all that follow; ``None`` if they are not known."""
        if self.unit == "epoch":
            return (1,)
        if self.steps_per_epoch is None:
            return None
        return (self.steps_per_epoch,) if isinstance(self.steps_per_epoch, int) else self.steps_per_epoch

    def after(self, position: Fraction, duration: Duration, times: int | Fraction = 1) -> Fraction:
        """The exact position, in steps, ``times`` durations after ``position``; before it if ``times`` is negative."""
        amount = duration.amount * times
        if duration.unit == "steps":
            return position + amount
        if duration.unit == "%":
            return position + amount * self.steps / 100
        return self.step_at(self.epoch_at(position, duration) + amount)

    def epoch_at(self, position: Fraction, duration: Duration | None = None) -> Fraction:
        """The exact epoch at ``position`` steps, counted from 0: the inverse of ``step_at``."""
        lengths, ends = self._epoch_ends(duration)
        if position < 0 or position >= ends[-1]:
            edge, epoch = (0, 0) if position < 0 else (ends[-1], len(lengths))
            return epoch + (position - edge) / lengths[0 if position < 0 else -1]
        epoch = bisect_right(ends, position)
        return epoch + 1 - (ends[epoch] - position) / lengths[epoch]

    def step_at(self, epoch: Fraction) -> Fraction:
        """The exact position, in steps, at which ``epoch`` begins; it is counted from 0 and may be a fraction."""
        lengths, ends = self._epoch_ends()
        if epoch < 0 or epoch >= len(lengths):
            edge, start = (0, 0) if epoch < 0 else (len(lengths), ends[-1])
            return start + (epoch - edge) * lengths[0 if epoch < 0 else -1]
        whole = int(epoch)
        return ends[whole] - (whole + 1 - epoch) * lengths[whole]

    def _epoch_ends(self, duration: Duration | None = None) -> tuple[tuple[int, ...], list[int]]:
        lengths = self.epoch_steps
        if lengths is None:
            needs = f"{str(duration)!r} needs" if duration else "epochs need"
            raise ScheduleError(
                f"{needs} the length of an epoch, which is not known on {self!r}. Write Horizon(steps={self.steps}, "
                f"steps_per_epoch={max(self.steps // 10, 1)}), or give the duration in steps ('500 steps') or as a share of the run ('5%')."
            )
        return lengths, list(accumulate(lengths))


HorizonLike: TypeAlias = Horizon | int | str | Mapping[str, Any]


def read_horizon(given: HorizonLike | None) -> Horizon | None:
    """The horizon that a number of steps, a text or a mapping of arguments stands for; anything else is returned as it is.

    Raises:
        ScheduleError: if there is no such horizon.

    Example:
        >>> read_horizon("Horizon(steps=1000, steps_per_epoch=100)").epochs
        10.0
        >>> read_horizon({"steps": 90, "unit": "epoch"})
        Horizon(steps=90, unit='epoch')
        >>> read_horizon(2000), read_horizon("2000")
        (Horizon(steps=2000), Horizon(steps=2000))
    """
    if isinstance(given, (int, np.integer)) and not isinstance(given, bool):
        return Horizon(int(given))
    if isinstance(given, str) and given.strip().isdecimal():
        return Horizon(int(given))
    if not isinstance(given, (str, Mapping)):
        return cast("Horizon | None", given)
    horizon: Horizon = read_written("horizon", given, {"Horizon": Horizon}, "Horizon(steps=1000, steps_per_epoch=100)")
    return horizon


def same_in_other_unit(horizon: Horizon) -> str:
    """The horizon of the same run in the other unit, as a line to write.

    Example:
        >>> same_in_other_unit(Horizon(steps=1000, steps_per_epoch=100))
        "Horizon(steps=10, unit='epoch')"
        >>> same_in_other_unit(Horizon(steps=10))
        "Horizon(steps=10, unit='epoch') if 10 counts epochs"
    """
    if horizon.unit == "epoch":
        return f"Horizon(steps={horizon.steps} * 100, steps_per_epoch=100) for epochs of 100 updates"
    if horizon.epochs is None:
        return f"Horizon(steps={horizon.steps}, unit='epoch') if {horizon.steps} counts epochs"
    return f"Horizon(steps={math.ceil(horizon.epochs)}, unit='epoch')"


def horizon_state(horizon: Horizon) -> dict[str, Any]:
    """Plain data, from which ``horizon_from`` makes the horizon again; equal epochs in a row are stored once."""
    lengths: Any = horizon.steps_per_epoch
    if isinstance(lengths, tuple):
        runs = [[length, len(list(equal))] for length, equal in groupby(lengths)]
        lengths = runs if 2 * len(runs) < len(lengths) else list(lengths)
    return {"steps": horizon.steps, "steps_per_epoch": lengths, "unit": horizon.unit}


def horizon_from(state: Mapping[str, Any]) -> Horizon:
    """The horizon that ``horizon_state`` described; other keys are ignored.

    Raises:
        ScheduleError: if no run has this length; a few numbers must not become a list that fills the memory.
    """
    lengths = state["steps_per_epoch"]
    if isinstance(lengths, list) and isinstance(lengths[0], list):
        *runs, (last, _) = lengths  # the last length is used for all epochs that follow
        epochs = sum(times for _, times in runs)
        if epochs > MOST_EPOCHS:
            raise ScheduleError(
                f"A horizon with steps_per_epoch={shorten(lengths)} lists the lengths of {epochs} epochs, and at most {MOST_EPOCHS} "
                "are read. The checkpoint is damaged: load another one."
            )
        lengths = [length for length, times in runs for _ in range(times)] + [last]
    return Horizon(state["steps"], lengths, state["unit"])


def round_half_up(position: Fraction) -> int:
    """The whole update at which an exact position falls; a half goes up."""
    return math.floor(position + Fraction(1, 2))


def _lengths(per_epoch: object) -> int | tuple[int, ...] | None:
    """``steps_per_epoch`` in its shortest form, so that equal horizons compare equal."""
    if isinstance(per_epoch, np.ndarray):
        per_epoch = per_epoch.tolist()
    if per_epoch is None:
        return None
    if not is_list(per_epoch):
        return _whole("steps_per_epoch", per_epoch)
    if not per_epoch:
        raise ScheduleError(
            f"Horizon(steps_per_epoch={shorten(per_epoch)}): write one number, or one for each epoch, for example "
            "Horizon(steps=10, steps_per_epoch=[4, 4, 2])."
        )
    lengths = [_whole("steps_per_epoch", length) for length in per_epoch]
    while len(lengths) > 1 and lengths[-1] == lengths[-2]:
        lengths.pop()
    return lengths[0] if len(lengths) == 1 else tuple(lengths)


def _whole(name: str, value: object) -> int:
    """``value``, the argument ``name``, as a whole number above zero."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # index() is the test
    except TypeError:
        number = 0
    if isinstance(value, bool) or number < 1:
        raise ScheduleError(
            f"Horizon({name}={shorten(value)}): must be a whole number above zero, for example Horizon(steps=1000, steps_per_epoch=100)."
        )
    return number
