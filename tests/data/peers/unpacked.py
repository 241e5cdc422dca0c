"""Imports a module of a package that is unpacked and not installed: what it needs and nobody has becomes a placeholder."""

from __future__ import annotations

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any


class _AnyClass(type):
    """Makes a class that is also a decorator, a function and a namespace."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return args[0] if len(args) == 1 and callable(args[0]) else super().__call__()

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _missing(name)

    def __or__(cls, other: Any) -> Any:
        return cls

    __ror__ = __or__


class _Anything(metaclass=_AnyClass):
    """Stands for any class, decorator or value of a package that is missing; no schedule asks it for a number."""

    def __class_getitem__(cls, item: Any) -> type:
        return cls

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return args[0] if args and callable(args[0]) else self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _missing(name)


class _Placeholders(MetaPathFinder, Loader):
    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        missing = any(fullname == name or fullname.startswith(f"{name}.") for name in self.names)
        return ModuleSpec(fullname, self, is_package=True) if missing else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = ModuleType(spec.name)
        module.__path__ = []
        module.__getattr__ = _missing  # type: ignore[method-assign]  # PEP 562
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


def _missing(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return _AnyClass(name, (_Anything,), {})


def import_alone(module: str, folder: str, **given: dict[str, Any]) -> ModuleType:
    """The module alone, with placeholders for every other module of its package, where the whole cannot be imported.

    Args:
        module: its dotted name.
        folder: where its package is unpacked.
        **given: for modules of the package, with ``__`` for a dot, the names that the module needs from them.
    """
    for name, names in given.items():
        sys.modules[name.replace("__", ".")] = stub = ModuleType(name)
        vars(stub).update(names)
    placeholders = _Placeholders()
    placeholders.names.add(module.partition(".")[0])
    sys.meta_path.insert(0, placeholders)
    spec = spec_from_file_location(module, Path(folder, *module.split(".")).with_suffix(".py"))
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(module)
    found = module_from_spec(spec)
    found.__package__ = module.rpartition(".")[0]
    sys.modules[module] = found
    spec.loader.exec_module(found)
    return found


def import_unpacked(module: str, folder: str) -> tuple[ModuleType, list[str]]:
    """The module, and the names of what is a placeholder in it.

    Args:
        module: its dotted name.
        folder: where its package is unpacked.
    """
    sys.path.insert(0, folder)
    placeholders = _Placeholders()
    sys.meta_path.append(placeholders)
    top = module.partition(".")[0]
    while True:
        try:
            return importlib.import_module(module), sorted(placeholders.names)
        except ModuleNotFoundError as error:
            if error.name is None or error.name in placeholders.names:
                raise
            placeholders.names.add(error.name)
            for name in [name for name in sys.modules if name.partition(".")[0] == top]:
                del sys.modules[name]
