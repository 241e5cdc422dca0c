"""A decay by the same factor in each update, from one level to another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.duration import DurationLike, optional_duration
from lr_toolkit.schedules.levels import Decay, DecayCurve
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value, check_number
from lr_toolkit.schedules.text import call_text

__all__ = ["ExponentialTo", "exponential_to"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ExponentialTo(Decay):
    """The arguments of ``exponential_to(...)``."""

    ratio: float | None = None

    def __post_init__(self) -> None:
        if self.ratio is not None:
            check_number(self, "ratio", "ratio=0.1", above_zero=True)
        if self.ratio == 1.0:
            raise ScheduleError(
                "exponential_to(ratio=1.0): would be a straight line. Write linear(), or a ratio such as ratio=0.1."
            )
        Decay.__post_init__(self)
        if self.ratio is None and 0.0 in (self.end_lr, self.end if self.end_lr is None else None):
            raise self._through_zero("ends")

    def curve(self, first: float, last: float, context: PhaseContext) -> Curve:
        if self.ratio is not None:
            return _ExponentialToCurve(first, last, context.length, self.ratio)
        if first == 0.0:
            raise self._through_zero("begins")
        ratio = last / first
        if not 0.0 < ratio < math.inf:
            raise ScheduleError(
                f"{call_text(self)}: ends so far from its start that no float holds the factor between them. Write "
                f"{call_text(self, ratio=0.1)}, which bends the curve like a fall to a tenth."
            )
        return _ExponentialToCurve(first, last, context.length, ratio)

    def _through_zero(self, verb: str) -> ScheduleError:
        small = {"end": 0.01, "end_lr": None} if verb == "ends" else {"start": 0.01, "start_lr": None}
        return ScheduleError(
            f"{call_text(self)}: {verb} at zero, which no factor leads to or from. Write {call_text(self, **small)}, or "
            f"{call_text(self, ratio=0.1)} for a curve that bends as if it fell to a tenth."
        )


@final
@dataclass(frozen=True, slots=True)
class _ExponentialToCurve(DecayCurve):
    ratio: float

    def __call__(self, i: Index) -> Value:
        if not isinstance(i, np.ndarray):
            return float(self(np.array([i]))[0])
        left, progress = (self.length - i) / self.length, i / self.length
        if self.ratio == 1.0:  # a group that is at its end by chance
            return self.level(left)
        # (ratio^p - ratio) / (1 - ratio) cancels near the end; ratio^p (ratio^left - 1) / (ratio - 1) does not.
        logarithm = math.log(self.ratio)
        passed = np.expm1(logarithm * progress) / math.expm1(logarithm)
        rest = np.exp(logarithm * progress) * (np.expm1(logarithm * left) / math.expm1(logarithm))
        return self.first * np.where(i == 0, 1.0, rest) + self.last * passed


@register_shape(ExponentialTo)
def exponential_to(
    end: float = 0.0,
    *,
    end_lr: float | None = None,
    ratio: float | None = None,
    start: float | None = None,
    start_lr: float | None = None,
    over: DurationLike | None = None,
) -> Schedule:
    """Move from the level reached to ``end`` by the same factor in each update.

        factor(i) = start * (end / start) ** (i / n)                                             by default
        factor(i) = end + (start - end) * (ratio ** (i / n) - ratio) / (1 - ratio)               with ``ratio``

    Take it as the cooldown after a constant LR, or as a climb (``exponential_to(1.0, start=0.01)``), if a decade should take as
    long as any other. Leave it as the decay of a whole run: most updates are then far below the base LR.

    Args:
        end: the last level as a factor of the base value, above zero without ``ratio``; above the start the curve climbs.
        ratio: how the curve bends: the level to which it would fall if it ended there. Below 1 it falls fast at first.
        end_lr: the last level as an LR, instead of ``end``; at most the base LR.
        start: the first level as a factor of the base value; ``None`` for the level at which the phase before it ended, 1 if
            there is none.
        start_lr: the first level as an LR, instead of ``start``.
        over: how long the phase lasts; ``None`` for what the other phases leave.

    Raises:
        ScheduleError: if ``ratio`` is 1 or not above zero, if a level is negative, not finite or given twice, if the curve would
            begin or end at zero without ``ratio``, and, when the schedule is resolved, if the phase would begin at the level at
            which it ends, or if no float holds the factor between both.

    Example:
        >>> from lr_toolkit import Horizon
        >>> exponential_to(0.01).resolve(Horizon(steps=4)).values(range(5)).round(4)
        array([1.    , 0.3162, 0.1   , 0.0316, 0.01  ])
        >>> exponential_to(ratio=0.5).resolve(Horizon(steps=4)).values(range(5)).round(4)
        array([1.    , 0.6818, 0.4142, 0.1892, 0.    ])

    Reference:
        MiniCPM's cooldown, Hu et al. 2024, https://arxiv.org/abs/2404.06395; Megatron's WSD style ``exponential`` is
        ``ratio=0.5``, timm's ``decay_fn="exp"`` has ``ratio`` as ``decay_ratio``.
    """
    length = optional_duration(over, "exponential_to")
    return Schedule((ExponentialTo(ratio=ratio, end=end, end_lr=end_lr, start=start, start_lr=start_lr, over=length),))
