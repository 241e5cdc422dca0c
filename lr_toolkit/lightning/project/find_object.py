"""Finds what ``my_module:LitModel`` or ``train.py:LitModel`` names."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning.project.rehearsal import error_in_code

__all__ = ["add_to_path", "locate"]


def locate(text: str) -> Any:
    """The object that a text names: a module of Python or the path of a file, a colon, and a name in it.

    Modules are looked for in the current folder, too.

    Raises:
        ScheduleError: if there is no such module, file or name, or if the module raises an error.

    Example:
        >>> locate("torch.nn:Linear")
        <class 'torch.nn.modules.linear.Linear'>
        >>> locate("torch.nn:Linar")
        Traceback (most recent call last):
        ...
        lr_toolkit.errors.ScheduleError: torch.nn has no 'Linar'. Did you mean torch.nn:Linear?
    """
    place, colon, name = text.rpartition(":")
    if not colon or not place or not name:
        raise ScheduleError(
            f"{text!r}: must name a module and a class in it. Write my_module:LitModel, or train.py:LitModel."
        )
    module = _module(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            near = get_close_matches(part, [each for each in dir(found) if not each.startswith("_")], n=1)
            hint = f" Did you mean {place}:{near[0]}?" if near else ""
            raise ScheduleError(f"{place} has no {part!r}.{hint}")
        found = getattr(found, part)
    return found


def add_to_path(folder: Path) -> None:
    """Let modules of a folder be imported."""
    if str(folder.resolve()) not in sys.path:
        sys.path.insert(0, str(folder.resolve()))


def _module(place: str) -> ModuleType:
    """Import a module by its name, or from its file."""
    add_to_path(Path())
    try:
        return _from_file(Path(place)) if place.endswith(".py") else import_module(place)
    except ModuleNotFoundError as error:
        if error.name and (place == error.name or place.startswith(f"{error.name}.")):
            name = place.replace("/", ".").removesuffix(".py")
            hint = f" Write {name}:..., or the path of its file, {place.replace('.', '/')}.py:..."
            raise ScheduleError(f"There is no module {place!r} in Python's path or in {Path.cwd()}.{hint}") from error
        raise error_in_code(f"{place} cannot be imported", error) from error
    except (ScheduleError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a script may even end the process
        raise error_in_code(f"{place} cannot be imported", error) from error


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ScheduleError(f"There is no file {str(path)!r}.")
    add_to_path(path.parent)
    name = path.stem if path.stem not in sys.modules else f"{path.stem} of {path.resolve().parent}"
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ScheduleError(f"{str(path)!r} is no Python file.")
    module = module_from_spec(spec)
    sys.modules[name] = module  # its classes look themselves up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
