"""Reads a project from a configuration of Hydra, such as ``outputs/DATE/TIME/.hydra/config.yaml``: nodes with ``_target_``."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lightning.pytorch import Callback, LightningDataModule, LightningModule, Trainer

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning.project.quiet_trainer import quiet_trainer
from lr_toolkit.lightning.project.rehearsal import Project, error_in_code

__all__ = ["is_of_hydra", "read_with_hydra"]

_NOT_MADE = ("_target_", "callbacks", "logger", "plugins", "profiler", "strategy")  # of the Trainer's node


def is_of_hydra(config: Mapping[str, Any]) -> bool:
    """Whether a configuration has a node with ``_target_`` at its top, as the module and the Trainer of a project are."""
    return any(isinstance(node, dict) and "_target_" in node for node in config.values())


def read_with_hydra(path: str, data: Any, arguments: Sequence[str]) -> Project:
    """A project from a configuration of Hydra.

    The nodes are found by the classes that they name: the first LightningModule, LightningDataModule and Trainer at the top, and the
    callbacks at the top or below a node.

    Args:
        path: the file.
        data: dataloaders or a datamodule in place of the configuration's.
        arguments: ``--trainer.max_epochs 3`` and the like, which replace values of the configuration.

    Raises:
        ScheduleError: if the file has no such module, for a value that cannot be read, and for an error in the project's code.
    """
    try:
        with _resolvers():
            module, made, found = _read(path, data, arguments)
    except ScheduleError:
        raise
    except Exception as error:  # the classes of the project are instantiated
        raise error_in_code(f"{path} cannot be read", error) from error
    if isinstance(found, LightningDataModule):
        return Project(made, module, datamodule=found)
    return Project(made, module, train_dataloaders=found)


def _read(path: str, data: Any, arguments: Sequence[str]) -> tuple[Any, Trainer, Any]:
    """The module, the Trainer and the data."""
    from hydra.utils import instantiate
    from omegaconf import OmegaConf

    config: Any = OmegaConf.merge(OmegaConf.load(path), OmegaConf.from_dotlist(_dotlist(arguments)))
    nodes = dict(_nodes(config))
    module, trainer = instantiate(config[_only(nodes, LightningModule, path)]), config[_only(nodes, Trainer, path)]
    options = {
        name: instantiate(value) if isinstance(value, Mapping) else value
        for name, value in ((name, trainer[name]) for name in trainer if name not in _NOT_MADE)
    }
    made = quiet_trainer(options | {"callbacks": [instantiate(each) for each in _callbacks(config)]})
    if data is not None:
        return module, made, data() if callable(data) else data
    names = [name for name, kind in nodes.items() if issubclass(kind, LightningDataModule)]
    return module, made, instantiate(config[names[0]]) if names else None


@contextmanager
def _resolvers() -> Iterator[None]:
    """Resolve what Hydra knows of a job that is running, such as ``${hydra:runtime.output_dir}``, to the current folder."""
    from omegaconf import OmegaConf

    added = [name for name in ("hydra", "now") if not OmegaConf.has_resolver(name)]
    for name in added:
        OmegaConf.register_new_resolver(name, lambda *_: ".")
    try:
        yield
    finally:
        for name in added:
            OmegaConf.clear_resolver(name)


def _nodes(config: Any) -> Iterator[tuple[str, type]]:
    """The name of each node at the top that makes an instance, and the class of it."""
    from hydra.utils import get_method

    for name, node in config.items():
        if isinstance(node, Mapping) and "_target_" in node:
            kind = get_method(node["_target_"])
            if inspect.isclass(kind):
                yield str(name), kind


def _only(nodes: Mapping[str, type], kind: type, path: str) -> str:
    """The name of the node that makes an instance of ``kind``."""
    names = [name for name, found in nodes.items() if issubclass(found, kind)]
    if not names:
        raise ScheduleError(f"{path} has no node at its top whose _target_ is a {kind.__name__}.")
    return names[0]


def _callbacks(config: Any) -> Iterator[Any]:
    """The nodes that make callbacks, at the top or one level below."""
    from hydra.utils import get_method

    for node in config.values():
        below = [node, *node.values()] if isinstance(node, Mapping) and "_target_" not in node else [node]
        for each in below:
            if isinstance(each, Mapping) and "_target_" in each:
                kind = get_method(each["_target_"])
                if inspect.isclass(kind) and issubclass(kind, Callback):
                    yield each


def _dotlist(arguments: Sequence[str]) -> list[str]:
    """``--trainer.max_epochs 3`` as OmegaConf's ``trainer.max_epochs=3``."""
    words = iter(arguments)
    pairs = []
    for word in words:
        name, equals, value = word.removeprefix("--").partition("=")
        pairs.append(f"{name}={value if equals else next(words, '')}")
    return pairs
