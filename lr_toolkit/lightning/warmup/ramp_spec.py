"""The arguments of an ``LRWarmup`` as one immutable value that is checked when it is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, final

from torch.optim import Optimizer
from typing_extensions import override

from lr_toolkit.arguments import is_list
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules import Duration, DurationLike, Horizon
from lr_toolkit.schedules.horizon import HorizonLike, read_horizon, same_in_other_unit
from lr_toolkit.schedules.ramps import SHAPES, UNTUNED, Ramp, ramp, untuned_ramp

__all__ = ["RampSpec"]


@final
@dataclass(frozen=True, repr=False)
class RampSpec:
    """Which ramp multiplies which LRs; ``repr`` gives the call that makes it.

    Example:
        >>> RampSpec.of("5%", None, "cosine")
        LRWarmup('5%', shape='cosine')
    """

    over: Duration | None
    start: float | None = None
    shape: str = "linear"
    interval: Literal["step", "epoch"] = "step"
    optimizers: tuple[int, ...] | None = None
    groups: tuple[int | str, ...] | None = None
    horizon: Horizon | None = None

    @classmethod
    def of(
        cls,
        over: DurationLike | None,
        start: float | None,
        shape: str = "linear",
        interval: Literal["step", "epoch"] = "step",
        optimizers: Sequence[int] | None = None,
        groups: Sequence[int | str] | None = None,
        horizon: HorizonLike | None = None,
    ) -> RampSpec:
        """The value of these arguments of ``LRWarmup``.

        Raises:
            ScheduleError: for an argument out of range, or arguments that contradict each other.
        """
        spec = cls(
            None if over is None else Duration.of(over, "LRWarmup", may_be_zero=True),
            None if start is None else _factor(start),
            shape,
            interval,
            _indices("optimizers", optimizers, (int,), "indices", "[0]"),
            _indices("groups", groups, (int, str), "indices or names", "[0, 'head']"),
            read_horizon(horizon),
        )
        spec._check_shape()
        spec._check_interval()
        spec._check_horizon()
        return spec

    @override
    def __repr__(self) -> str:
        arguments = [] if self.over is None else [self.over.literal]
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "over" and value != field.default:
                arguments.append(f"{field.name}={value!r}")
        return f"LRWarmup({', '.join(arguments)})"

    # --- what it means ----------------------------------------------------------------------------------------------------

    @property
    def counts_updates(self) -> bool:
        """Whether the ramp moves at each update, not at each epoch."""
        return self.interval == "step"

    @property
    def is_endless(self) -> bool:
        """Whether no number of updates is known after which the ramp is over."""
        return self.shape in UNTUNED or self.shape == "exponential"

    @property
    def is_freeze(self) -> bool:
        """Whether the LR is 0 until the end, which freezes groups for a while and warms up nothing."""
        return self.shape == "constant" and self.start == 0.0

    @property
    def needs_run_length(self) -> bool:
        """Whether the length of the ramp depends on the length of the run or of its epochs."""
        if self.over is None or self.over.unit == "steps":
            return False
        return self.over.unit == "%" or self.counts_updates

    def ramp_of(self, index: int | None, group: dict[str, Any], length: int, optimizer: Optimizer) -> Ramp:
        """The ramp of one parameter group; ``index`` is ``None`` for a group that has joined later.

        Raises:
            ScheduleError: for an untuned shape and a group without betas.
        """
        if self.groups is not None and index not in self.groups and group.get("name") not in self.groups:
            return ramp("constant", 0)
        if self.shape not in UNTUNED:
            return ramp(self.shape, length, self.start)
        betas = group.get("betas")
        if not (is_list(betas) and len(betas) > 1):
            raise ScheduleError(
                f"{self!r}: {type(optimizer).__name__} has no betas to take the length from. Write LRWarmup('500 steps')."
            )
        return untuned_ramp(self.shape, float(betas[1]))

    # --- what is refused --------------------------------------------------------------------------------------------------

    def _check_shape(self) -> None:
        shape, over, start = self.shape, self.over, self.start
        if shape not in SHAPES and shape not in UNTUNED:
            raise ScheduleError(f"LRWarmup(shape={shape!r}): write one of {', '.join(map(repr, [*SHAPES, *UNTUNED]))}.")
        if shape in UNTUNED:
            if over is not None or start is not None or self.interval == "epoch":
                raise ScheduleError(
                    f"{self!r}: this shape takes its length from Adam's second beta, in updates. Write LRWarmup(shape={shape!r})."
                )
            return
        if over is None:
            raise ScheduleError(
                f"{self!r}: over is missing, how long the ramp lasts. Write LRWarmup('500 steps') or LRWarmup('5%')."
            )
        if shape == "constant" and start is None:
            raise ScheduleError(
                f"{self!r}: start is missing, the factor that is held. Write LRWarmup({over.literal}, 0.1, 'constant')."
            )
        if shape == "exponential" and start is not None:
            raise ScheduleError(
                f"{self!r}: the first factor follows from the length, 1 - exp(-1 / W). Write LRWarmup({over.literal}, "
                "shape='exponential'), or another shape."
            )

    def _check_interval(self) -> None:
        if self.interval not in ("step", "epoch"):
            raise ScheduleError(f"LRWarmup(interval={self.interval!r}): write interval='step' or interval='epoch'.")
        if self.interval == "epoch" and self.over is not None and self.over.unit == "steps":
            raise ScheduleError(
                f"{self!r}: the ramp moves once per epoch, so {str(self.over)!r} has no meaning. Write "
                f"LRWarmup('{self.over.amount} epochs', interval='epoch') or a share of the run ('5%'), or interval='step'."
            )

    def _check_horizon(self) -> None:
        horizon: object = self.horizon
        if horizon is None:
            return
        if not isinstance(horizon, Horizon):
            raise ScheduleError(
                f"LRWarmup(horizon={shorten(horizon)}): must be a Horizon. Write horizon=Horizon(steps=10_000)."
            )
        if horizon.unit != self.interval:
            raise ScheduleError(
                f"LRWarmup(interval={self.interval!r}, horizon={horizon!r}): the horizon counts another unit. Write "
                f"horizon={same_in_other_unit(horizon)}."
            )


def _factor(start: object) -> float:
    if not isinstance(start, (int, float)) or isinstance(start, bool) or not 0 <= start <= 1:
        raise ScheduleError(
            f"LRWarmup(start={shorten(start)}): must be a factor of the LR, from 0 to 1. Write LRWarmup('5%', start=0.1)."
        )
    return float(start)


def _indices(name: str, given: Any, kinds: tuple[type, ...], what: str, example: str) -> tuple[Any, ...] | None:
    """``given`` as a tuple of indices or names, or the error that shows how to write it."""
    if given is None:
        return None
    is_filled = is_list(given) and len(given) > 0
    if not is_filled or not all(isinstance(item, kinds) and not isinstance(item, bool) for item in given):
        example = repr([given]) if isinstance(given, kinds) and not isinstance(given, bool) else example
        raise ScheduleError(
            f"LRWarmup({name}={shorten(given)}): must be a list of {what}. Write LRWarmup('5%', {name}={example})."
        )
    return tuple(given)
