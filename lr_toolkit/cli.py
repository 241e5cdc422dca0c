"""The command ``lr-toolkit``: what can be asked without writing a line of Python."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lr_toolkit.errors import ScheduleError
from lr_toolkit.schedules.recipes import COOLDOWNS

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command with these arguments, those of the process by default."""
    parser = argparse.ArgumentParser(prog="lr-toolkit", description="The learning-rate toolkit for PyTorch Lightning.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
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
    command.set_defaults(run=_branch)
    asked = parser.parse_args(arguments)
    try:
        sys.stdout.write(asked.run(asked) + "\n")
    except (ScheduleError, OSError) as error:
        command.error(str(error))


def _branch(asked: argparse.Namespace) -> str:
    from lr_toolkit.lightning.branching import branch

    cooldown = branch(asked.checkpoint, asked.over, asked.shape, end=asked.end)
    return (
        f"# {asked.checkpoint} was saved after {cooldown.at} updates. With a ScheduleMixin write:\n"
        f"model.schedule, model.on_change = {str(cooldown.schedule)!r}, 'continue'\n"
        f"L.Trainer(max_steps={cooldown.max_steps}).fit(model, ckpt_path={asked.checkpoint!r})\n"
        "# With the helper: configure_optimizers(optimizer, that schedule, self.trainer, on_change='continue')."
    )
