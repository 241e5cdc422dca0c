"""Lets jsonargparse, and so LightningCLI, read and print the values of this package as text.

A parameter annotated with one of them takes its text on a command line and in YAML: ``def __init__(self, schedule: Schedule)``.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

__all__ = ["register_argument_types"]

_PARSER = "jsonargparse"


def register_argument_types() -> None:
    """Register the types with jsonargparse, now or as soon as it is imported; it is never imported by this.

    Example:
        >>> from lr_toolkit import Schedule, cosine
        >>> from jsonargparse import ArgumentParser
        >>> parser = ArgumentParser()
        >>> _ = parser.add_argument("--schedule", type=Schedule, default=cosine())
        >>> parser.parse_args(["--schedule", "warmup('5%') >> linear()"]).schedule
        warmup('5%') >> linear()

    Reference:
        jsonargparse's ``register_type``, which has no way to register a type before jsonargparse is imported.
    """
    if _PARSER in sys.modules:
        _register()
    elif not any(isinstance(finder, _WhenImported) for finder in sys.meta_path):
        sys.meta_path.insert(0, _WhenImported())


class _WhenImported:
    """A finder of modules that finds one module as the others do, and registers the types after it has run."""

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """How to load jsonargparse; ``None`` for any other module, which leaves it to the other finders."""
        if name != _PARSER:
            return None
        sys.meta_path.remove(self)
        try:
            spec = find_spec(name)
        finally:
            sys.meta_path.insert(0, self)
        loader = spec.loader if spec else None
        if loader is None:
            return spec
        run = loader.exec_module

        def run_and_register(module: ModuleType) -> None:
            run(module)
            sys.meta_path.remove(self)
            _register()

        loader.exec_module = run_and_register  # type: ignore[method-assign]  # of this loader, which loads this module alone
        return spec


def _register() -> None:
    from jsonargparse.typing import register_type

    from lr_toolkit.schedules import Absolute, Duration, Horizon, Schedule
    from lr_toolkit.schedules.group_schedules import GroupSchedules, as_text
    from lr_toolkit.schedules.horizon import read_horizon

    # A schedule that is left out is written as null, and read again.
    register_type(
        GroupSchedules,
        lambda given: None if given is None else as_text(given.only or dict(given.entries)),
        lambda given: None if given is None else GroupSchedules.of(given),
    )
    register_type(Schedule, repr, Schedule.parse)
    register_type(Absolute, repr, _read_absolute)
    register_type(Duration, str, Duration)
    register_type(Horizon, repr, read_horizon)


def _read_absolute(given: Any) -> Any:
    from lr_toolkit.errors import ScheduleError
    from lr_toolkit.schedules import Absolute

    read = Absolute.parse(given)
    if not isinstance(read, Absolute):
        raise ScheduleError(f"{read!r}: has factors for its levels. Write absolute({read!r}) if they are values.")
    return read
