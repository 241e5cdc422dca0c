"""A Python function, as it is: it has no text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import final

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration, DurationLike, optional_duration
from lr_toolkit.schedules.functions import FunctionCurve, FunctionShape
from lr_toolkit.schedules.registry import register_shape
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.shape import Curve, PhaseContext
from lr_toolkit.schedules.text import argument_text

__all__ = ["Custom", "custom"]


@final
@dataclass(frozen=True, slots=True)
class Custom(FunctionShape):
    """The arguments of ``custom(...)``."""

    fn: Callable[[int], float]
    over: Duration | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not callable(self.fn):
            raise ScheduleError(
                f"custom(fn={shorten(self.fn)}): must be a function of the number of steps since the phase began, as "
                "LambdaLR's: custom(lambda i: 0.95**i)."
            )

    def bind(self, context: PhaseContext) -> Curve:
        return FunctionCurve(self.fn, f"custom({argument_text(self.fn)})", context.length).checked()


@register_shape(Custom, has_text=False)
def custom(fn: Callable[[int], float], *, over: DurationLike | None = None) -> Schedule:
    """Follow a function of your own.

        factor(i) = fn(i)

    Take it to try a formula. Leave it for ``register_function`` when the schedule has to be a text: in YAML, a sweep or a checkpoint.

    Args:
        fn: from the number of steps since the phase began (0, 1, ..., n - 1, never beyond; epochs if the scheduler is stepped
            per epoch) to a factor of the base value, whatever the level before. It must be pure: it is called in any order, for
            previews too. When the schedule is resolved it is called at up to a thousand steps, evenly spaced, including the
            last; in a longer phase, a step in between is checked when it is reached.
        over: how long to follow it; ``None`` for what the other phases leave. Afterwards its last value holds.

    Raises:
        ScheduleError: if ``fn`` is no function, raises (from its exception), or returns a negative or not finite factor.
            A schedule with ``custom`` cannot be parsed from text; ``register_function`` gives a function a name that can.

    Example:
        >>> from lr_toolkit import Horizon, warmup
        >>> custom(lambda i: 0.5**i).resolve(Horizon(steps=4)).values(range(6))
        array([1.   , 0.5  , 0.25 , 0.125, 0.125, 0.125])
        >>> def halves(i):
        ...     return 0.5**i
        >>> warmup(10) >> custom(halves)
        warmup(10) >> custom(halves)

    Reference:
        torch's ``LambdaLR``.
    """
    return Schedule((Custom(fn, over=optional_duration(over, "custom")),))
