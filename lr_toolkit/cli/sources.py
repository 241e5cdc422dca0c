"""What ``show`` can show beside the text of a schedule: a configuration file, somebody's project, a run that was logged."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any

from lr_toolkit.cli.plain_config import read_plain_config
from lr_toolkit.cli.project_arguments import is_config, is_project
from lr_toolkit.errors import ScheduleError
from lr_toolkit.preview.preview import Preview

__all__ = ["preview_of_source"]

_NOT_OF_PROJECTS = {
    "lr": "--model.lr 1e-3, if the module has such an argument",
    "steps": "--trainer.max_steps 1000",
    "epochs": "--trainer.max_epochs 10",
    "samples": "--data my_module:Data",
    "batch_size": "--data.batch_size 128, if the data has such an argument",
    "accumulate": "--trainer.accumulate_grad_batches 4",
    "devices": "--trainer.devices 8",
    "drop_last": "--data my_module:Data",
    "interval": "interval: epoch into the file, beside its schedule",
}


def preview_of_source(
    word: str, parsed: argparse.Namespace, of_schedule: Callable[[Any, argparse.Namespace], Preview]
) -> Preview | None:
    """The preview of a word that is no schedule; ``None`` for any other word.

    Args:
        word: an argument without a name.
        parsed: the options.
        of_schedule: makes the preview of a schedule that a file holds, from the options and those in the file.

    Raises:
        ScheduleError: for a source that cannot be read.
    """
    if is_config(word):
        plain = read_plain_config(word, parsed)
        return _of_project(word, parsed) if plain is None else of_schedule(*plain)
    if is_project(word):
        return _of_project(word, parsed)
    from lr_toolkit.logged_runs.find import is_run, read_run

    if is_run(word):
        from lr_toolkit.logged_runs.against_plan import preview_of_run

        return preview_of_run(read_run(word))
    return None


def _of_project(target: str, parsed: argparse.Namespace) -> Preview:
    for name, instead in _NOT_OF_PROJECTS.items():
        if getattr(parsed, name) not in (None, False, "step"):  # the defaults
            option = name.replace("_", "-")
            raise ScheduleError(
                f"--{option} is for the text of a schedule, and {target} is a project. Write {instead}."
            )
    with redirect_stdout(sys.stderr):  # what the project prints
        from lr_toolkit.lightning.project.preview import preview_project
        from lr_toolkit.lightning.project.read import read_project

        return preview_project(
            read_project(target, parsed.project, data=parsed.data, steps_per_epoch=parsed.steps_per_epoch)
        )
