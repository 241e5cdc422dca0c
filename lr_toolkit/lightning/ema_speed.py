"""How fast an average of the weights forgets: a window of updates, or a decay that follows a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.lightning.planned_length import agreed_by_ranks, fitting_horizon, length_of_run
from lr_toolkit.schedules import Duration, DurationLike, Schedule
from lr_toolkit.schedules.absolute_levels import Absolute

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from lr_toolkit.schedules.timeline import Timeline

__all__ = ["decay_of", "decays_of", "window_of"]


def window_of(over: DurationLike) -> Duration:
    """The window, if it is a share or a number of updates; a decay is answered with the window that has it."""
    try:
        window = Duration.of(over, "WeightEMA")
        if window.unit != "epochs":
            return window
        why = f"WeightEMA(over={shorten(over)}): the window is a share of the updates so far or a number of updates."
    except ScheduleError as error:
        why = str(error).partition(" Write ")[0]
    fix = "over='10%' for a share of the updates so far, or over=500 for a number of them"
    if isinstance(over, float) and 0.5 < over < 1:
        fix = f"over={round(1 / (1 - over))} for a decay of {over!r}, or over='10%' for a share of the updates so far"
    raise ScheduleError(f"{why} Write {fix}.")


def decay_of(decay: object) -> Schedule:
    """The schedule of the decay, whose levels are values; a number is answered with what has it."""
    try:
        parsed = Absolute.parse(decay)  # type: ignore[arg-type]  # it refuses anything else
    except ScheduleError as error:
        if not isinstance(decay, (int, float)):
            raise
        same = f", or over={round(1 / (1 - decay))}, whose first updates count the same" if 0.5 < decay < 1 else ""
        raise ScheduleError(
            f"WeightEMA(decay={shorten(decay)}): must be a schedule. Write decay='hold(level={shorten(decay)})'{same}."
        ) from error
    return parsed.schedule if isinstance(parsed, Absolute) else Absolute(parsed).schedule


def decays_of(decay: Schedule, trainer: Trainer) -> Timeline:
    """The decay of each update of a run."""
    run, _ = agreed_by_ranks(trainer, length_of_run([decay], trainer, "step", None))
    decays = decay.resolve(fitting_horizon([decay], run, trainer, "", is_given=False))
    levels = [decays(k) for edge in decays.edges for k in (max(edge - 1, 0), edge)]  # a phase may end in a jump
    if max(levels) > 1 or min(levels) == 1:
        what = f"rises to {max(levels):.6g}, and must not be above 1" if max(levels) > 1 else "is 1 at each update"
        raise ScheduleError(
            f"WeightEMA(decay={decay!r}): the decay {what}. Write each level, the first one too: decay='cosine(start=0.996, end=1.0)'."
        )
    return decays
