"""The command ``lr-toolkit``: what can be asked without writing a line of Python."""

from __future__ import annotations

import argparse
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
    from lr_toolkit.preview.outline import outline
    from lr_toolkit.preview.report import can_print

    timeline = Schedule.parse(asked.schedule).resolve(Horizon(asked.steps, asked.steps_per_epoch))
    if asked.lr is None and timeline.absolute:
        raise ScheduleError(f"{timeline.schedule!r} ends at an absolute LR. Say the base LR too: --lr 1e-3.")
    if asked.lr is not None and not asked.lr > 0:
        raise ScheduleError(f"--lr {asked.lr}: must be above zero, for example --lr 1e-3.")
    return outline(timeline, asked.lr, ascii_only=not can_print("▁█")).text()


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
