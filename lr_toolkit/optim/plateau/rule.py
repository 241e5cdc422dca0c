"""What reactions to a metric share: which metric, what counts as better, and how far it may move the learning rate."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, final

from lr_toolkit.errors import ScheduleError

__all__ = ["MetricRule", "MetricRuleState", "bound_of", "is_bound", "is_count", "is_number"]


@final
@dataclass(frozen=True, slots=True)
class MetricRuleState:
    """What a reaction has seen: the best value, bad and good readings since it moved, readings of rest left, and the latest."""

    best: float
    bad: int = 0
    cooldown: int = 0
    recent: tuple[float, ...] = ()
    good: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class MetricRule(ABC):
    """A metric moves a gain on top of any timeline.

        lr(k) = base_lr * timeline(k) * gain

    The gain starts at 1 and is kept per parameter group. ``min_lr`` and ``eps`` are compared with base LR x gain, so that a
    warmed-up or decayed LR does not disturb them.
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
        kind = type(self).__name__
        for name, (good, what, spelling) in self._checks().items():
            if not good:
                value = getattr(self, name)
                raise ScheduleError(f"{kind}({name}={value!r}): must {what}. Write {kind}(..., {name}={spelling}).")
        for one in fields(self):
            # Plain numbers, whatever was given: NumPy's would not be read back from a checkpoint that is read safely.
            value = getattr(self, one.name)
            if isinstance(value, (list, tuple)):
                object.__setattr__(self, one.name, tuple(map(float, value)))
            elif isinstance(value, float):
                object.__setattr__(self, one.name, float(value))

    def _checks(self) -> dict[str, tuple[object, str, str]]:
        """For each argument whether it is good, what it must do or be, and a good one."""
        return {
            "monitor": (self.monitor and isinstance(self.monitor, str), "name the metric to read", "'val_loss'"),
            "mode": (self.mode in ("min", "max"), "be 'min' or 'max'", "'min'"),
            "factor": (is_number(self.factor) and 0 < self.factor < 1, "lie between 0 and 1", "0.1"),
            "patience": (is_count(self.patience), "be a whole number of readings, zero or more", "5"),
            "threshold": (is_number(self.threshold), "be a number, zero or more", "1e-4"),
            "threshold_mode": (self.threshold_mode in ("rel", "abs"), "be 'rel' or 'abs'", "'rel'"),
            "cooldown": (is_count(self.cooldown), "be a whole number of readings, zero or more", "5"),
            "min_lr": (is_bound(self.min_lr), "be an LR, zero or more, or one for each group", "1e-6"),
            "eps": (is_number(self.eps), "be a number, zero or more", "1e-8"),
            "smooth": (is_count(self.smooth) and self.smooth, "be a number of readings, one or more", "5"),
            "every": (self.every is None or (is_count(self.every) and self.every), "be a number of updates", "100"),
        }

    def __repr__(self) -> str:
        said = (f"{one.name}={value!r}" for one in fields(self) if (value := getattr(self, one.name)) != one.default)
        return f"{type(self).__name__}({', '.join(said)})"

    @property
    def start(self) -> MetricRuleState:
        """The state before the first reading."""
        return MetricRuleState(best=math.inf if self.mode == "min" else -math.inf)

    @abstractmethod
    def read(self, state: MetricRuleState, value: float) -> tuple[MetricRuleState, int]:
        """The state after a reading, and where the LR goes: -1 down, 1 up, 0 neither."""

    def moved(self, level: float, way: int, group: int) -> float:
        """Base LR x gain of a parameter group after a move from ``level``."""
        lower = max(level * self.factor, bound_of(self.min_lr, group))
        return lower if way < 0 and level - lower > self.eps else level

    def smoothed(self, state: MetricRuleState, value: float) -> tuple[MetricRuleState, float]:
        """The state that has taken in a reading, and the mean of the latest ones."""
        recent = (*state.recent, value)[-self.smooth :]
        return replace(state, recent=recent), sum(recent) / len(recent)

    def is_better(self, value: float, best: float) -> bool:
        """Whether a value beats the best by more than the threshold."""
        sign = 1.0 if self.mode == "max" else -1.0
        if self.threshold_mode == "rel":
            bar = best * (1.0 + sign * self.threshold)
        else:
            bar = best + sign * self.threshold
        return value > bar if self.mode == "max" else value < bar


def bound_of(bound: float | tuple[float, ...], group: int) -> float:
    """The bound of a parameter group, of one for all or one for each."""
    return bound[group] if isinstance(bound, tuple) else bound


def is_number(value: object) -> bool:
    """Whether it is a number, zero or more."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def is_bound(value: Any) -> bool:
    """Whether it is an LR, or one for each parameter group."""
    return all(map(is_number, value)) and bool(value) if isinstance(value, (list, tuple)) else is_number(value)


def is_count(value: object) -> bool:
    """Whether it is a whole number, zero or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
