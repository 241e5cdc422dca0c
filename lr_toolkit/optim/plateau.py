"""The plateau reaction: a metric that stops improving lowers a gain on top of any timeline."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, final

from lr_toolkit.errors import ScheduleError

__all__ = ["PlateauState", "ReduceOnPlateau"]


@final
@dataclass(frozen=True, slots=True)
class PlateauState:
    """What a plateau reaction has seen: the best value, bad readings since, readings of cooldown left, and the latest."""

    best: float
    bad: int = 0
    cooldown: int = 0
    recent: tuple[float, ...] = ()


@final
@dataclass(frozen=True, slots=True, repr=False)
class ReduceOnPlateau:
    """Lower the learning rate when a metric has stopped improving, whatever the schedule says.

        lr(k) = base_lr * timeline(k) * gain,    gain starts at 1 and is multiplied by ``factor`` at each reduction

    With ``hold()`` this is torch's ``ReduceLROnPlateau``. Unlike it, it composes: after a ``warmup(...)``, on a
    ``cosine()``. The gain is kept per parameter group, and ``min_lr`` and ``eps`` are compared with base LR x gain, so that a
    warmed-up or decayed LR does not disturb them.

    Args:
        monitor: the name of the metric, as given to ``self.log``.
        mode: ``"min"`` where lower is better, ``"max"`` where higher is.
        factor: what a reduction multiplies the gain by, above 0 and below 1.
        patience: readings without improvement that are allowed; the next one reduces.
        threshold: how much better than the best a reading must be to count.
        threshold_mode: ``"rel"`` for a share of the best, ``"abs"`` for an amount.
        cooldown: readings after a reduction during which nothing counts as bad.
        min_lr: base LR x gain is never brought below it; one number, or one for each parameter group.
        eps: a reduction by no more than this is not made.
        smooth: compare the mean of so many latest readings, for a noisy metric; 1 compares each reading.
        every: read a training metric (``self.log`` in ``training_step``) every so many updates. By default a metric is
            read each time that a validation, or a training epoch, has produced it.

    Raises:
        ScheduleError: for a missing ``monitor`` or a value out of its range.

    Example:
        >>> from lr_toolkit import hold, warmup
        >>> plateau = ReduceOnPlateau(monitor="val_loss", factor=0.5, patience=3)
        >>> plateau
        ReduceOnPlateau(monitor='val_loss', factor=0.5, patience=3)
        >>> schedule = warmup("500 steps") >> hold()
        >>> # in configure_optimizers:
        >>> # return lr_toolkit.configure_optimizers(optimizer, schedule, self.trainer, plateau=plateau)

    Reference:
        torch's ``ReduceLROnPlateau``. A NaN reading, which torch counts as bad, is reported and otherwise ignored.
    """

    monitor: str = ""
    mode: Literal["min", "max"] = "min"
    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: int = 0
    min_lr: float | tuple[float, ...] = 0.0
    eps: float = 1e-8
    smooth: int = 1
    every: int | None = None

    def __post_init__(self) -> None:
        given: Any = self.min_lr
        floors = tuple(given) if isinstance(given, (list, tuple)) else (given,)
        checks = {
            "monitor": (_text(self.monitor), "names the metric that is read", "'val_loss'"),
            "mode": (self.mode in ("min", "max"), "is 'min' or 'max'", "'min'"),
            "factor": (_number(self.factor) and 0 < self.factor < 1, "lies between 0 and 1", "0.1"),
            "patience": (_count(self.patience), "is a whole number of readings, zero or more", "5"),
            "threshold": (_number(self.threshold), "is a number, zero or more", "1e-4"),
            "threshold_mode": (self.threshold_mode in ("rel", "abs"), "is 'rel' or 'abs'", "'rel'"),
            "cooldown": (_count(self.cooldown), "is a whole number of readings, zero or more", "5"),
            "min_lr": (floors and all(map(_number, floors)), "is an LR, zero or more, or one for each group", "1e-6"),
            "eps": (_number(self.eps), "is a number, zero or more", "1e-8"),
            "smooth": (_count(self.smooth) and self.smooth, "is a number of readings, one or more", "5"),
            "every": (self.every is None or (_count(self.every) and self.every), "is a number of updates", "100"),
        }
        for name, (good, what, spelling) in checks.items():
            if not good:
                value = getattr(self, name)
                raise ScheduleError(
                    f"ReduceOnPlateau({name}={value!r}): {name} {what}. Write ReduceOnPlateau(..., {name}={spelling})."
                )
        if isinstance(given, list):
            object.__setattr__(self, "min_lr", floors)

    def __repr__(self) -> str:
        said = (f"{one.name}={value!r}" for one in fields(self) if (value := getattr(self, one.name)) != one.default)
        return f"ReduceOnPlateau({', '.join(said)})"

    @property
    def start(self) -> PlateauState:
        """The state before the first reading."""
        return PlateauState(best=math.inf if self.mode == "min" else -math.inf)

    def read(self, state: PlateauState, value: float) -> tuple[PlateauState, bool]:
        """The state after a reading, and whether it calls for a reduction."""
        recent = (*state.recent, value)[-self.smooth :]
        state, value = replace(state, recent=recent), sum(recent) / len(recent)
        if self._better(value, state.best):
            after = replace(state, best=value, bad=0)
        else:
            after = replace(state, bad=state.bad + 1)
        if after.cooldown > 0:
            after = replace(after, bad=0, cooldown=after.cooldown - 1)
        if after.bad > self.patience:
            return replace(after, bad=0, cooldown=self.cooldown), True
        return after, False

    def reduced(self, level: float, group: int) -> float:
        """Base LR x gain of a parameter group after a reduction from ``level``."""
        floor = self.min_lr[group] if isinstance(self.min_lr, tuple) else self.min_lr
        lower = max(level * self.factor, floor)
        return lower if level - lower > self.eps else level

    def _better(self, value: float, best: float) -> bool:
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "rel":
            bar = best * (1.0 + sign * self.threshold)
        else:
            bar = best + sign * self.threshold
        return value > bar if self.mode == "max" else value < bar


def _text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def _count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
