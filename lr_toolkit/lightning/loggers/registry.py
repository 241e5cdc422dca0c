"""The adapter of each class of logger: ours by class name, and those that a user registers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.lightning.loggers.adapter import LoggerAdapter
from lr_toolkit.lightning.loggers.csv import CSVAdapter
from lr_toolkit.lightning.loggers.mlflow import MLflowAdapter
from lr_toolkit.lightning.loggers.tensorboard import TensorBoardAdapter
from lr_toolkit.lightning.loggers.wandb import WandbAdapter

__all__ = ["adapter_of", "register_logger_adapter"]

_DEFAULT = LoggerAdapter()
# Class names, because `lightning` and `pytorch_lightning` have one class of each name.
_ADAPTERS: dict[type | str, LoggerAdapter] = {
    "CSVLogger": CSVAdapter(),
    "MLFlowLogger": MLflowAdapter(),
    "TensorBoardLogger": TensorBoardAdapter(),
    "WandbLogger": WandbAdapter(),
}


def register_logger_adapter(logger: type | str, adapter: LoggerAdapter) -> None:
    """Use ``adapter`` for the loggers of a class and of its subclasses.

    A later registration replaces an earlier one, including those of this package. The adapter of the most derived class is
    used. A class takes precedence over its name.

    Args:
        logger: the class of the logger, or its name. The name stands for the classes of ``lightning`` and ``pytorch_lightning``.
        adapter: an instance of a ``LoggerAdapter``.

    Raises:
        ScheduleError: if ``logger`` is neither a class nor a name, or ``adapter`` is no ``LoggerAdapter``.

    Example:
        >>> from lr_toolkit.lightning.loggers import LoggerAdapter, register_logger_adapter
        >>> class TableAdapter(LoggerAdapter):
        ...     def log_plan(self, trainer, logger, plan):
        ...         logger.experiment.log_text(plan.table, "lr_plan.txt")
        >>> register_logger_adapter("TableLogger", TableAdapter())
    """
    if not isinstance(logger, (type, str)):
        raise ScheduleError(
            f"register_logger_adapter(logger={shorten(logger)}): must be a class or its name. Write "
            f"register_logger_adapter({_name_for(logger)!r}, LoggerAdapter())."
        )
    if not isinstance(adapter, LoggerAdapter):
        raise ScheduleError(
            f"register_logger_adapter(adapter={shorten(adapter)}): must be an instance of a LoggerAdapter. Write "
            f"register_logger_adapter({repr(logger) if isinstance(logger, str) else logger.__name__}, {_adapter_for(adapter)}())."
        )
    _ADAPTERS[logger] = adapter
    _find.cache_clear()


def _name_for(given: object) -> str:
    """The name of a class of loggers, for a message: that of the logger given in the place of its class, or an example."""
    return "CSVLogger" if type(given).__module__ == "builtins" else type(given).__name__


def _adapter_for(given: object) -> str:
    """The name of a class of adapters, for a message: the class given in the place of its instance, or the default."""
    return given.__name__ if isinstance(given, type) and issubclass(given, LoggerAdapter) else "LoggerAdapter"


def adapter_of(logger: Any) -> LoggerAdapter:
    """The adapter registered for the most derived class of ``logger``, or the default."""
    return _find(type(logger))  # type: ignore[arg-type]  # mypy does not know that a class is hashable


@lru_cache(maxsize=64)
def _find(logger_class: type) -> LoggerAdapter:
    for base in logger_class.__mro__:
        for key in (base, base.__name__):
            if key in _ADAPTERS:
                return _ADAPTERS[key]
    return _DEFAULT
