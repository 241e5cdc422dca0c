"""Reads a project from what a command line names: a class, a function, a file with either, or a configuration file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning._compat import overrides_hook
from lr_toolkit.lightning.project.find_object import add_to_path, locate
from lr_toolkit.lightning.project.rehearsal import Project, silence
from lr_toolkit.lightning.project.training_data import counted_batches
from lr_toolkit.mapping_file import read_mapping

__all__ = ["read_project"]


def read_project(
    target: str, arguments: Sequence[str] = (), *, data: str | None = None, steps_per_epoch: int | None = None
) -> Project:
    """The Trainer, module and data of a project.

    Args:
        target: ``"my_module:LitModel"``, ``"train.py:LitModel"``, or the path of a configuration file of a LightningCLI or of Hydra.
        arguments: ``--model.NAME``, ``--data.NAME``, ``--trainer.NAME`` with their values, as a LightningCLI takes them.
        data: ``"my_module:Data"``: a LightningDataModule, dataloaders, or a function of either. Otherwise those of the configuration, or of
            the module itself.
        steps_per_epoch: the optimizer updates of an epoch, in place of data.

    Raises:
        ScheduleError: for what cannot be found or read, and for an error in the project's code, with its place.
    """
    if steps_per_epoch is not None and steps_per_epoch < 1:
        raise ScheduleError(f"--steps-per-epoch {steps_per_epoch}: must be a whole number above zero.")
    if steps_per_epoch is not None and data is not None:
        raise ScheduleError(
            f"--data {data} and --steps-per-epoch {steps_per_epoch} both give the length of an epoch. Write one of them."
        )
    with silence():
        project = _read(target, arguments, None if data is None else locate(data))
    if steps_per_epoch is not None:
        batches = steps_per_epoch * project.trainer.accumulate_grad_batches
        return Project(project.trainer, project.module, counted_batches(batches))
    has_data = project.datamodule is not None or project.train_dataloaders is not None
    if not has_data and not overrides_hook(project.module, "train_dataloader"):
        name = type(project.module).__name__
        raise ScheduleError(f"{name} has no training data. Write --data my_module:Data, or --steps-per-epoch 100.")
    return project


def _read(target: str, arguments: Sequence[str], data: Any) -> Project:
    _need("jsonargparse", "lr_toolkit[cli]")
    from lr_toolkit.lightning.project.cli_reader import read_with_cli

    if not target.endswith((".yaml", ".yml", ".json")):
        return read_with_cli(locate(target), data, arguments)
    config = read_mapping(target)
    add_to_path(Path())
    from lr_toolkit.lightning.project.hydra_reader import is_of_hydra, read_with_hydra

    if is_of_hydra(config):
        _need("hydra", "hydra-core")
        return read_with_hydra(target, data, arguments)
    return read_with_cli(None, data, [*_config_words(target, config, arguments), *arguments])


def _config_words(target: str, config: Mapping[str, Any], arguments: Sequence[str]) -> list[str]:
    """The configuration as an argument of a LightningCLI that runs nothing: its section ``fit`` alone, if it has one."""
    section = config.get("fit", config)
    model = section.get("model") if isinstance(section, dict) else None
    is_named = isinstance(model, str) or (isinstance(model, dict) and "class_path" in model)
    if not is_named and not any(word.startswith("--model") for word in arguments):
        raise ScheduleError(
            f"{target!r} names no class for the module (model: class_path: ...). Write the class instead of the file: "
            f"my_module:LitModel --config {target}"
        )
    return ["--config", target if section is config else json.dumps(section)]


def _need(module: str, package: str) -> None:
    """Refuse to go on without a package that is optional."""
    if find_spec(module) is None:
        raise ScheduleError(f"This needs {module}, which is not installed. Run: pip install '{package}'")
