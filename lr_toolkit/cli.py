"""The command ``lr-toolkit``: what can be asked without writing a line of Python."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Sequence

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules import Horizon, Schedule
from lr_toolkit.schedules.recipes import COOLDOWNS

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command with these arguments, those of the process by default."""
    parser = argparse.ArgumentParser(prog="lr-toolkit", description="The learning-rate toolkit for PyTorch Lightning.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("show", help="what a schedule does on a run of some length")
    command.add_argument("schedule", metavar="SCHEDULE", help="its text, such as \"warmup('5%%') >> cosine()\"")
    command.add_argument("--steps", type=int, required=True, help="how many updates the run takes")
    command.add_argument("--steps-per-epoch", type=int, help="updates of an epoch, for durations in epochs")
    command.add_argument("--lr", type=float, help="the base LR; without it, factors of it are shown")
    command.set_defaults(run=_show, parser=command)

    command = commands.add_parser(
        "branch", help="what to write to branch a cooldown from a checkpoint, which is only read"
    )
    command.add_argument("checkpoint", metavar="CKPT", help="a checkpoint of a run with a stable learning rate")
    command.add_argument(
        "--over", required=True, help="how long to cool down: 2000, '3 epochs', or '20%%' of the whole run"
    )
    command.add_argument("--shape", choices=list(COOLDOWNS), default="one_minus_sqrt", help="default: %(default)s")
    command.add_argument(
        "--end", type=float, default=0.0, help="the floor as a factor of the base LR; default: %(default)s"
    )
    command.set_defaults(run=_branch, parser=command)

    asked = parser.parse_args(arguments)
    try:
        sys.stdout.write(asked.run(asked) + "\n")
    except (ScheduleError, OSError) as error:
        asked.parser.error(str(error))


def _show(asked: argparse.Namespace) -> str:
    from lr_toolkit.preview.report import can_print
    from lr_toolkit.preview.summary import summary_of

    schedule, horizon = Schedule.parse(asked.schedule), Horizon(asked.steps, asked.steps_per_epoch)
    _refuse(schedule, asked.lr, asked.steps_per_epoch)
    timeline = schedule.resolve(horizon)
    return summary_of(timeline, asked.lr, ascii_only=not can_print("▁█")).text()


def _refuse(schedule: Schedule, lr: float | None, steps_per_epoch: int | None) -> None:
    """What a run would refuse too, in the words of the command."""
    if lr is not None and not 0 < lr < math.inf:
        raise ScheduleError(f"--lr {lr}: must be above zero and finite, for example --lr 1e-3.")
    in_epochs = next((str(one) for one in schedule.durations if one.unit == "epochs"), None)
    if in_epochs and steps_per_epoch is None:
        raise ScheduleError(f"{in_epochs!r} needs the length of an epoch. Say it too: --steps-per-epoch 100.")
    levels = schedule.absolute_levels
    if levels and lr is None:
        raise ScheduleError(f"{schedule!r} ends at an absolute LR. Say the base LR too: --lr {max(*levels, 1e-3)}.")


def _branch(asked: argparse.Namespace) -> str:
    from lr_toolkit.lightning.branching import branch

    with warnings.catch_warnings(record=True) as cautions:
        warnings.simplefilter("always")
        cooldown = branch(asked.checkpoint, asked.over, asked.shape, end=asked.end)
    return "".join(f"# Caution: {one.message}\n" for one in cautions if one.category is UserWarning) + (
        f"# {asked.checkpoint} was saved after {cooldown.at} updates. With a ScheduleMixin write:\n"
        f"model.schedule, model.on_change = {str(cooldown.schedule)!r}, 'continue'\n"
        f"L.Trainer(max_steps={cooldown.max_steps}).fit(model, ckpt_path={asked.checkpoint!r})\n"
        "# With the helper: configure_optimizers(optimizer, that schedule, self.trainer, on_change='continue')."
    )
