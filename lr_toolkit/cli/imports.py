"""The option ``--import``, which loads the modules that register a user's builders."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from lr_toolkit.errors import ScheduleError

__all__ = ["add_import", "import_modules"]


def add_import(command: argparse.ArgumentParser) -> None:
    """Add the option to a command."""
    command.add_argument(
        "--import",
        dest="modules",
        metavar="MODULE",
        action="append",
        default=[],
        help="import a module that registers builders, as in register_function; may be given several times",
    )


def import_modules(modules: Sequence[str]) -> None:
    """Import modules from the path of Python or from the folder of the command."""
    if modules and "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    for module in modules:
        try:
            import_module(module)
        except Exception as error:
            name = module.removesuffix(".py").replace("/", ".")
            hint = "" if name == module else f" Write the name of the module: --import {name}."
            raise ScheduleError(f"--import {module}: {type(error).__name__}: {error}.{hint}") from error
