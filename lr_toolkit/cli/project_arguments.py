"""The arguments that name somebody's project, in the commands ``show`` and ``check``."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

__all__ = ["add_project_options", "is_config", "is_project", "take_project_arguments"]

_PARTS = (
    *("data.", "lr_scheduler", "model", "optimizer", "seed_everything", "trainer"),
    *("horizon", "on_change", "plateau", "rewarm", "schedule", "too_long"),  # of LRSchedulerCLI
    *("betas", "momentum", "other_schedules", "weight_decay"),
)
_CONFIG = "--config"
# Shown by --help; take_project_arguments takes them before argparse reads the words.
_NAMED = {
    "--trainer.NAME": "an argument of the Trainer: --trainer.max_epochs 10",
    "--model.NAME": "an argument of the module's class: --model.lr 1e-3",
    "--data.NAME": "an argument of the data's class: --data.batch_size 128",
    _CONFIG: "the config of a LightningCLI, with the arguments of these classes",
}


def is_project(text: str) -> bool:
    """Whether a text names a class or function: a module or a Python file, a colon, and a name.

    Example:
        >>> [is_project(text) for text in ("my_module:LitModel", "src/train.py:Größe", "cosine(end=0.1)")]
        [True, True, False]
    """
    return bool(re.fullmatch(r"[^():'\"\n]+:[^\W\d][\w.]*", text))


def is_config(text: str) -> bool:
    """Whether a text is the path of a configuration file."""
    return text.endswith((".yaml", ".yml", ".json"))


def add_project_options(command: argparse.ArgumentParser) -> None:
    """Add ``--data`` to a command, describe the options of a project's classes, and let it take what ``take_project_arguments`` finds."""
    group = command.add_argument_group(
        "a project",
        "Beside these, a project takes what its classes and the config of a LightningCLI take: --optimizer.NAME, --lr_scheduler.NAME, "
        "--seed_everything.",
    )
    for option, text in _NAMED.items():
        group.add_argument(option, dest=argparse.SUPPRESS, metavar="VALUE", help=text)
    group.add_argument(
        "--data",
        metavar="MODULE:NAME",
        help="the training data of a project: a LightningDataModule, dataloaders, or a function that returns one of them",
    )
    command.set_defaults(project=())


def take_project_arguments(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of a command, and those for the classes of a project: ``--model.NAME VALUE``, ``--trainer.NAME VALUE`` and the like.

    argparse would take a value for an argument of the command.

    Example:
        >>> take_project_arguments(["check", "my:Lit", "--model.lr", "-1", "--trainer.max_epochs=3", "--data", "my:Data"])
        (['check', 'my:Lit', '--data', 'my:Data'], ['--model.lr', '-1', '--trainer.max_epochs=3'])
    """
    # A schedule's text has an --interval of its own in the command show.
    parts = (*_PARTS, "interval") if any(map(is_project, words)) else _PARTS
    own: list[str] = []
    project: list[str] = []
    is_value = False
    for word in words:
        begins = word == _CONFIG or word.startswith((f"{_CONFIG}=", *(f"--{part}" for part in parts)))
        (project if begins or (is_value and not word.startswith("--")) else own).append(word)
        is_value = begins and "=" not in word
    return own, project
