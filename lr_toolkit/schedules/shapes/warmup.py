"""A climb to the base value."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, TypeAlias, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, DurationLike
from lr_toolkit.schedules.levels import LevelShape
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, Index, PhaseContext, Value
from lr_toolkit.schedules.text import call_text

__all__ = ["Warmup", "warmup"]

WarmupShape: TypeAlias = Literal["linear", "cosine", "quadratic", "log", "exponential", "constant"]
Peak: TypeAlias = Literal["after", "last"]

_CONSTANTS = 5.0  # time constants of an exponential warmup

# The climb from 0 to 1 after j of m updates, for arrays.
_CLIMBS: dict[str, Callable[[Value, float], Value]] = {
    "linear": lambda j, m: j / m,
    "cosine": lambda j, m: np.sin(math.pi / 2 * (j / m)) ** 2,  # (1 - cos(pi j / m)) / 2 without its cancellation
    "quadratic": lambda j, m: (j / m) ** 2,
    "log": lambda j, m: np.log1p(j) / math.log1p(m),
    "exponential": lambda j, m: np.expm1(-_CONSTANTS * (j / m)) / math.expm1(-_CONSTANTS),
    "constant": lambda j, _: 0.0 * j,
}
_PEAKS = ("after", "last")


@final
@dataclass(frozen=True, slots=True)
class Warmup(LevelShape):
    """The arguments of ``warmup(...)``."""

    warms_up: ClassVar[bool] = True
    level_fields: ClassVar[Mapping[str, float | None]] = {"start": None}
    highest: ClassVar[Mapping[str, float]] = {"start": 1.0}

    over: Duration
    shape: WarmupShape = field(default="linear", kw_only=True)
    peak: Peak = field(default="after", kw_only=True)
    start: float | None = field(default=None, kw_only=True)
    start_lr: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        for name, possible in (("shape", tuple(_CLIMBS)), ("peak", _PEAKS)):
            if getattr(self, name) not in possible:
                raise ScheduleError(
                    f"warmup({name}={shorten(getattr(self, name))}): must be one of {', '.join(map(repr, possible))}. Write "
                    f"warmup({self.over.literal}, {name}={possible[1]!r})."
                )
        LevelShape.__post_init__(self)
        if self.shape == "constant" and self.start is None and self.start_lr is None:
            raise ScheduleError(
                f"{call_text(self)}: a constant warmup needs its level. Write {call_text(self, start=0.1)}."
            )

    def bind(self, context: PhaseContext) -> Curve:
        return _WarmupCurve(self.level_of("start"), context.length, self.shape, self.peak == "last")


@final
@dataclass(frozen=True, slots=True)
class _WarmupCurve(Curve):
    is_monotone = True

    start: float | None
    length: int
    shape: str = "linear"
    peaks_last: bool = False

    def __call__(self, i: Index) -> Value:
        # Without a start the climb begins one update earlier, at zero.
        early = self.start is None
        j, m = i + early, self.length + early - self.peaks_last
        low = self.start or 0.0
        if m == 0:  # a single update, at the peak
            return np.ones(i.shape) if isinstance(i, np.ndarray) else 1.0
        if not self.peaks_last and self.shape == "linear":
            return (low * (m - j) + j) / m
        if not isinstance(i, np.ndarray):
            return float(self(np.array([i]))[0])
        share = np.minimum(_CLIMBS[self.shape](np.minimum(j, m), float(m)), 1.0)
        return low * (1.0 - share) + share

    @property
    def end(self) -> float:
        return 1.0


@register_shape(Warmup)
def warmup(
    over: DurationLike,
    *,
    shape: WarmupShape = "linear",
    peak: Peak = "after",
    start: float | None = None,
    start_lr: float | None = None,
) -> Schedule:
    """Climb to the base value.

        factor(i) = climb(i + 1, W + 1)                         by default, W = over in updates
        factor(i) = start + (1 - start) * climb(i, W)           with ``start``

    With ``peak="last"`` m is one smaller: climb(i + 1, W), or climb(i, W - 1). The shapes are

    - ``"linear"``: j / m, so (i + 1) / (W + 1), or (i + 1) / W with ``peak="last"``
    - ``"cosine"``: (1 - cos(pi * j / m)) / 2, flat at both ends
    - ``"quadratic"``: (j / m)^2, slow at first
    - ``"log"``: log(1 + j) / log(1 + m), fast at first
    - ``"exponential"``: (1 - exp(-5 j / m)) / (1 - exp(-5)), fast at first and flat at the end
    - ``"constant"``: ``start`` until the end of the phase

    No update is wasted at an LR of zero, and update W, the first after the warmup, is the first at the peak.

    Take it with Adam-like optimizers: 5 % of the run, or about 2 / (1 - beta2) updates if that is less. Leave it out, or make it
    short, if the first updates are stable: in small tasks 0 %, 5 % and 20 % were hardly different. No shape is known to be better
    than the line.

    Args:
        over: how long the warmup lasts. 0, or a share that rounds to no update at all, leaves it out, so that a sweep over the
            warmup can include none.
        shape: how it climbs.
        peak: ``"after"``, or ``"last"`` if the last update of the warmup is at the peak already.
        start: the factor of the first update, from 0 to 1. ``start=0.0`` gives transformers' sequence 0, 1/W, 2/W, ...
        start_lr: the LR of the first update, instead of ``start``; at most the base LR.

    Raises:
        ScheduleError: for a duration without a unit, for another ``shape`` or ``peak``, for ``start`` outside of 0 to 1 or given
            twice, or for a constant warmup without it.

    Example:
        >>> from lr_toolkit import Horizon
        >>> warmup(3).resolve(Horizon(steps=10)).values(range(5))
        array([0.25, 0.5 , 0.75, 1.  , 1.  ])
        >>> warmup(4, start=0.0).resolve(Horizon(steps=10)).values(range(5))
        array([0.  , 0.25, 0.5 , 0.75, 1.  ])
        >>> warmup("40%", peak="last").resolve(Horizon(steps=10)).values(range(5))
        array([0.25, 0.5 , 0.75, 1.  , 1.  ])

    Reference:
        Goyal et al. 2017, https://arxiv.org/abs/1706.02677; NeMo starts at 1/(W+1) too. ``peak="last"`` is pytorch_warmup's and
        torchtitan's; DeepSpeed's ``log`` is ``warmup(W, shape="log", start=0.0, peak="last")``.
    """
    length = Duration.of(over, "warmup", may_be_zero=True)
    return Schedule((Warmup(length, shape=shape, peak=peak, start=start, start_lr=start_lr),))
