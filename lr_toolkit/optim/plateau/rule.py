"""What rules for a metric share: which metric, what counts as better, and how far it may move the learning rate."""

from __future__ import annotations

import inspect
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal, final

from lr_toolkit.arguments import is_list
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.immutable import Immutable

__all__ = ["ANSWERS", "MetricRule", "MetricRuleState", "bound_of", "is_bound", "is_count", "is_number"]


_HELPER = "the helper has it: configure_optimizers(optimizer, hold(), self.trainer, plateau=ReduceOnPlateau(monitor='val_loss'))"
ANSWERS = {
    "metric": "Write monitor={}.",
    "metrics": "Write monitor={}.",
    "optimizer": f"Leave out the optimizer, because {_HELPER}.",
    "verbose": "Leave it out: LRMonitor logs each change of the learning rate.",
    "window_size": "Write smooth={}.",
}
"""What to write in place of the arguments of torch's and transformers' rules."""


@final
@dataclass(frozen=True, slots=True)
class MetricRuleState:
    """What a rule has seen: the best value, bad and good readings since it moved the LR, readings of rest left, and the latest."""

    best: float
    bad: int = 0
    cooldown: int = 0
    recent: tuple[float, ...] = ()
    good: int = 0


class MetricRule(Immutable, ABC):
    """A metric moves a gain on top of any timeline.

        lr(k) = base_lr * timeline(k) * gain

    The gain starts at 1 and is kept per parameter group. ``min_lr`` and ``eps`` are compared with base LR x gain, so a
    warmed-up or decayed LR does not disturb them.
    """

    _fields: ClassVar[tuple[str, ...]] = (
        "monitor",
        "mode",
        "factor",
        "patience",
        "threshold",
        "threshold_mode",
        "cooldown",
        "min_lr",
        "eps",
        "smooth",
        "every",
    )
    __slots__ = _fields

    monitor: str
    mode: Literal["min", "max"]
    factor: float
    patience: int
    threshold: float
    threshold_mode: Literal["rel", "abs"]
    cooldown: int
    min_lr: float | tuple[float, ...]
    eps: float
    smooth: int
    every: int | None

    def _set_checked(self, **arguments: Any) -> None:
        """Set the arguments, or refuse one."""
        self._set(**arguments)
        kind = type(self).__name__
        for name, (is_good, what, example) in self._checks().items():
            if not is_good:
                value = getattr(self, name)
                if hasattr(value, "param_groups"):
                    raise ScheduleError(f"{kind}({type(value).__name__}): {ANSWERS['optimizer']}")
                raise ScheduleError(
                    f"{kind}({name}={shorten(value)}): must {what}. Write {kind}(..., {name}={example})."
                )
        # Plain numbers, whatever was given: NumPy's could not be read back from a checkpoint that is read safely.
        for name, value in arguments.items():
            if is_list(value):
                self._set(**{name: tuple(map(float, value))})
            elif isinstance(value, float):
                self._set(**{name: float(value)})

    def _checks(self) -> dict[str, tuple[object, str, str]]:
        """For each argument whether it is good, what it must be or do, and a good example."""
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
        defaults = {name: item.default for name, item in inspect.signature(type(self)).parameters.items()}
        values = zip(defaults, self._values(), strict=True)
        given = (f"{name}={value!r}" for name, value in values if value != defaults[name])
        return f"{type(self).__name__}({', '.join(given)})"

    @property
    def start(self) -> MetricRuleState:
        """The state before the first reading."""
        return MetricRuleState(best=math.inf if self.mode == "min" else -math.inf)

    @abstractmethod
    def read(self, state: MetricRuleState, value: float) -> tuple[MetricRuleState, int]:
        """The state after a reading, and the direction of the LR: -1 down, 1 up, 0 neither."""

    def next_lr(self, level: float, direction: int, group: int) -> float:
        """Base LR x gain of a parameter group after a move from ``level``."""
        lower = max(level * self.factor, bound_of(self.min_lr, group))
        return lower if direction < 0 and level - lower > self.eps else level

    def smoothed(self, state: MetricRuleState, value: float) -> tuple[MetricRuleState, float]:
        """The state with a reading added, and the mean of the latest readings."""
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
    return all(map(is_number, value)) and len(value) > 0 if is_list(value) else is_number(value)


def is_count(value: object) -> bool:
    """Whether it is a whole number, zero or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
