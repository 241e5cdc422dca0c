"""``lr-toolkit show``: the curve and the phases of a schedule."""

from __future__ import annotations

import argparse
import math

from lr_toolkit.cli.imports import add_import, import_modules
from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules import Horizon, Schedule

__all__ = ["add_show"]


def add_show(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    show = commands.add_parser("show", help="print the curve and the phases of a schedule")
    show.add_argument("schedule", metavar="SCHEDULE", help="the text of a schedule: \"warmup('5%%') >> cosine()\"")
    show.add_argument("--steps", type=int, required=True, help="the optimizer updates of the run")
    show.add_argument("--steps-per-epoch", type=int, help="the updates of an epoch, for durations in epochs")
    show.add_argument("--lr", type=float, help="the base LR; without it, factors of the base LR are shown")
    add_import(show)
    show.set_defaults(run=_show, parser=show)


def _show(parsed: argparse.Namespace) -> str:
    from lr_toolkit.preview.report import can_print
    from lr_toolkit.preview.summary import summary_of

    import_modules(parsed.modules)
    schedule, horizon = Schedule.parse(parsed.schedule), Horizon(parsed.steps, parsed.steps_per_epoch)
    _check_options(schedule, parsed.lr, parsed.steps_per_epoch)
    timeline = schedule.resolve(horizon)
    return summary_of(timeline, parsed.lr, ascii_only=not can_print("▁█")).text()


def _check_options(schedule: Schedule, lr: float | None, steps_per_epoch: int | None) -> None:
    """Refuse a missing or impossible option, by the name of the option."""
    if lr is not None and not 0 < lr < math.inf:
        raise ScheduleError(f"--lr {lr}: must be above zero and finite, for example --lr 1e-3.")
    in_epochs = next((str(duration) for duration in schedule.durations if duration.unit == "epochs"), None)
    if in_epochs and steps_per_epoch is None:
        raise ScheduleError(f"{in_epochs!r} needs the length of an epoch. Write it too: --steps-per-epoch 100.")
    levels = schedule.absolute_levels
    if levels and lr is None:
        raise ScheduleError(f"{schedule!r} has an absolute LR. Write the base LR too: --lr {max(*levels, 1e-3)}.")
