"""The command ``lr-toolkit``: each of its commands is a file here."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from lr_toolkit.cli.branch import add_branch
from lr_toolkit.cli.listing import add_gallery, add_list
from lr_toolkit.cli.show import add_show
from lr_toolkit.cli.translate import add_translate
from lr_toolkit.errors import ScheduleError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command.

    Each command prints the text that its function ``run`` returns. A ``ScheduleError`` or an ``OSError`` becomes one line on
    stderr and the exit status 2.

    Args:
        arguments: the words after the command's name; those of the process by default.
    """
    parsed = _parser().parse_args(arguments)
    try:
        sys.stdout.write(parsed.run(parsed) + "\n")
    except (ScheduleError, OSError) as error:
        parsed.parser.exit(2, f"{parsed.parser.prog}: error: {error}\n")


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, without its usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}. Its options: {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = _Parser(
        prog="lr-toolkit", description="The learning-rate toolkit for PyTorch Lightning."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (add_show, add_list, add_gallery, add_branch, add_translate):
        add(commands)
    return parser
