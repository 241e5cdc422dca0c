"""Reads a project as LightningCLI does: classes with arguments from the command line and from configuration files."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.cli import LightningArgumentParser
from typing_extensions import override

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning.project.quiet_trainer import quiet_trainer
from lr_toolkit.lightning.project.rehearsal import Project, error_in_code
from lr_toolkit.lightning.scheduler_cli import LRSchedulerCLI

__all__ = ["read_with_cli"]

_NUMBERS = count()
_WRITES = ("logger", "plugins", "profiler", "strategy")  # of the Trainer's arguments that are objects


def read_with_cli(model: Any, data: Any, arguments: Sequence[str]) -> Project:
    """A project from classes and the words of a command line.

    Args:
        model: a LightningModule, its class, a function that makes it, or ``None`` if a configuration file names it.
        data: a LightningDataModule, dataloaders, a class or a function of either, or ``None``.
        arguments: ``--model.NAME``, ``--data.NAME``, ``--trainer.NAME`` with their values, ``--config`` with a file, and what else a
            LightningCLI or an ``LRSchedulerCLI`` takes.

    Raises:
        ScheduleError: for an argument that is wrong, missing or unknown, and for an error in the project's code.
    """
    from jsonargparse import ArgumentError

    try:
        return _Reader(model, data, list(arguments)).project
    except ScheduleError:
        raise
    except ArgumentError as error:  # of LRSchedulerCLI, while it makes a plateau
        raise ScheduleError(str(error)) from error
    except Exception as error:  # the classes of the project are instantiated
        raise error_in_code("The project cannot be read", error) from error


class _Reader(LRSchedulerCLI):
    """A LightningCLI, with or without a schedule at its top level, that makes a quiet Trainer, and runs nothing."""

    def __init__(self, model: Any, data: Any, arguments: list[str]) -> None:
        self._given_data = None if _is_made_by_call(data) else data
        self._make_data = data if _is_made_by_call(data) and not _is_datamodule(data) else None
        self._made_model = _module_class(_returning(model) if isinstance(model, LightningModule) else model)
        super().__init__(
            model_class=self._made_model,
            datamodule_class=data if _is_datamodule(data) else None,
            save_config_callback=None,
            seed_everything_default=False,
            parser_kwargs={"exit_on_error": False},
            args=arguments,
            run=False,
            load_from_checkpoint_support=False,
        )

    @override
    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        if self._make_data is None:
            super().add_core_arguments_to_parser(parser)
            return
        parser.add_lightning_class_args(self.trainer_class, "trainer")
        is_named = self._made_model is None  # by the configuration
        parser.add_lightning_class_args(self._made_model or LightningModule, "model", subclass_mode=is_named)
        if inspect.isclass(self._make_data):
            parser.add_class_arguments(self._make_data, "data", fail_untyped=False)
        else:
            parser.add_function_arguments(self._make_data, "data", fail_untyped=False)

    @override
    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        # A configuration that `fit` has saved holds the arguments of `fit`.
        parser.add_method_arguments(Trainer, "fit", skip=set(self.subcommands()["fit"]))

    @override
    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        from jsonargparse import ArgumentError

        try:
            self.config = parser.parse_args(args)  # the words of the process are those of another command
        except ArgumentError as error:
            raise ScheduleError(_explained(error, parser)) from error

    @override
    def before_instantiate_classes(self) -> None:
        for name in _WRITES:
            self.config[f"trainer.{name}"] = None

    @override
    def instantiate_classes(self) -> None:
        try:
            super().instantiate_classes()
        except SystemExit as error:  # of the project, which would end with its status
            raise error_in_code("The project cannot be read", error) from error
        if not isinstance(self.model, LightningModule):
            raise ScheduleError(
                f"The function for the module returned a {type(self.model).__name__}, and no LightningModule."
            )

    @override
    def instantiate_trainer(self, **kwargs: Any) -> Trainer:
        arguments = self.config_init["trainer"]
        devices = {name: arguments[name] for name in ("devices", "num_nodes")}
        changed = {name: value for name, value in arguments.items() if name not in devices and value is not None}
        return quiet_trainer(changed | devices)

    @property
    def project(self) -> Project:
        """What was read."""
        from jsonargparse import Namespace

        data = self._given_data
        if self._make_data is not None:
            data = self.config_init.get("data")
            if data is None or isinstance(data, Namespace):
                data = self._make_data(**(data.as_dict() if data else {}))
        elif self.datamodule is not None:
            data = self.datamodule
        if isinstance(data, LightningDataModule):
            return Project(self.trainer, self.model, datamodule=data)
        return Project(self.trainer, self.model, train_dataloaders=data)


def _is_made_by_call(data: Any) -> bool:
    """Whether dataloaders or a datamodule come from a call of ``data``."""
    return inspect.isclass(data) or inspect.isroutine(data)


def _is_datamodule(data: Any) -> bool:
    return inspect.isclass(data) and issubclass(data, LightningDataModule)


def _returning(module: LightningModule) -> Callable[[], LightningModule]:
    """A function that returns a module that is an instance already."""

    def given() -> LightningModule:
        return module

    return given


def _module_class(model: Any) -> Callable[..., LightningModule] | None:
    """The class of the module, for a function the class that jsonargparse makes of it."""
    if model is None or (inspect.isclass(model) and issubclass(model, LightningModule)):
        found: Callable[..., LightningModule] | None = model
        return found
    if inspect.isroutine(model):
        from jsonargparse import class_from_function  # type: ignore[attr-defined]  # Lightning imports it from there, too

        # It keeps each class that it has made under its name.
        made: Callable[..., LightningModule] = class_from_function(
            model, LightningModule, f"{model.__name__}_{next(_NUMBERS)}"
        )
        return made
    name = getattr(model, "__name__", type(model).__name__)
    if any(base.__module__.startswith("pytorch_lightning.") for base in getattr(model, "__mro__", ())):
        raise ScheduleError(
            f"{name} is a LightningModule of the package pytorch_lightning. Write `import lightning.pytorch as pl`, whose Trainer "
            "this package looks at."
        )
    raise ScheduleError(f"{name} is no LightningModule, and no function that returns one.")


def _explained(error: Exception, parser: LightningArgumentParser) -> str:
    """An error of the parser in a line; for an argument that is unknown, those that there are."""
    message = " ".join(str(error).split())
    unknown = re.search(r"(?:[Uu]nrecognized arguments: --|option ')(model|data|trainer)\b", message)
    if unknown:
        known = [name for name in parser.get_defaults().keys(branches=False) if name.startswith(f"{unknown[1]}.")]
        if known and unknown[1] != "trainer":
            message += f". There is {', '.join(f'--{name}' for name in known)}"
    return f"{message.rstrip('.')}."
