"""The parameters of a module, each one once, with all of its names and the modules that hold it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import final

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

__all__ = ["NamedParameter", "is_vector", "matches", "named_parameters_of", "nearest_name"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class NamedParameter:
    """A parameter.

    Args:
        value: the parameter itself.
        names: its names; a shared (tied) parameter has several, in the order of the tree.
        owners: for each name the module that holds it.
    """

    value: nn.Parameter
    names: tuple[str, ...]
    owners: tuple[nn.Module, ...]

    @property
    def is_vector(self) -> bool:
        """Whether it has fewer than two dimensions."""
        return is_vector(self.value)

    def has(self, test: Callable[[str, nn.Module], bool]) -> bool:
        """Whether one of its names, or the module that holds it under this name, passes the test."""
        return any(map(test, self.names, self.owners))


def is_vector(value: Tensor) -> bool:
    """Whether a parameter has fewer than two dimensions; the shape of a lazy one is not known, and counts as more."""
    has_shape: bool = not is_lazy(value)
    return has_shape and value.dim() < 2


def named_parameters_of(module: nn.Module) -> list[NamedParameter]:
    """All parameters in the order of the tree, frozen ones included."""
    found: dict[int, list[tuple[nn.Parameter, str, nn.Module]]] = {}
    for path, owner in module.named_modules(remove_duplicate=False):
        for name, value in owner.named_parameters(recurse=False, remove_duplicate=False):
            found.setdefault(id(value), []).append((value, f"{path}.{name}" if path else name, owner))
    return [
        NamedParameter(places[0][0], tuple(name for _, name, _ in places), tuple(owner for *_, owner in places))
        for places in found.values()
    ]


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern means a parameter: by its name, by the path of a module that contains it, or with wildcards.

    Example:
        >>> [matches(pattern, "encoder.blocks.0.weight") for pattern in ("encoder", "encoder.blocks.*", "*.weight", "blocks")]
        [True, True, True, False]
    """
    return name == pattern or name.startswith(f"{pattern}.") or fnmatchcase(name, pattern)


def nearest_name(pattern: str, names: Iterable[str]) -> str:
    """The path that was probably meant by a pattern that matches none of the names; ``""`` if none is near.

    Example:
        >>> names = ["model.head.weight", "model.backbone.bias"]
        >>> [nearest_name(pattern, names) for pattern in ("head", "model.backbon", "xyz")]
        ['model.head', 'model.backbone', '']
    """
    paths = list(dict.fromkeys(path for name in names for path in _prefixes(name)))
    inside = [path for path in paths if path.endswith(f".{pattern}")]
    return next(iter(inside or get_close_matches(pattern, paths, n=1)), "")


def _prefixes(name: str) -> Iterator[str]:
    """The name itself, and the paths of the modules around it, the outermost first."""
    parts = name.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))
