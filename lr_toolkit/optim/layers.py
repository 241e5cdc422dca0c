"""The depth of each parameter of a module: which layer it belongs to, read from the tree of modules."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

from torch import nn

from lr_toolkit.optim.parameter_kinds import is_norm

__all__ = ["layers_of"]

_HEAD = re.compile(r"(^|_)(heads?|classifier|fc|score|logits?)(_|\d|$)")
_LISTS = (nn.Sequential, nn.ModuleList)
_JOINS_LAYER_BEFORE = 99999  # in the patterns of timm

Ordinal: TypeAlias = "tuple[float, ...]"


def layers_of(module: nn.Module) -> dict[str, int]:
    """The number of the layer of each parameter, by its first name: 0 is next to the input, the highest next to the output.

    A module of timm has patterns for it (``group_matcher``), which are followed. In any other tree:

    - The children of a list (``Sequential``, ``ModuleList``), and siblings of one class, are a layer each. A list in a list,
      and a stage that holds a list of blocks, are taken apart into their blocks.
    - What stands before the first of them (embeddings, a stem) is layer 0 together; what stands behind the last one, or is
      called a head, is the highest layer.
    - A norm belongs to what stands before it.
    - A network without such lists has a layer for each child of its own.

    Frozen parameters count, so that freezing moves no layer. A shared parameter belongs to the place of its first name.

    Example:
        >>> layers_of(nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 2, bias=False)))
        {'0.weight': 0, '2.weight': 1}
    """
    names = [name for name, _ in module.named_parameters()]
    timm = [path for path, part in module.named_modules() if callable(getattr(part, "group_matcher", None))]
    trainable = [path for path in timm if any(value.requires_grad for value in module.get_submodule(path).parameters())]
    if trainable:
        model: Any = module.get_submodule(trainable[0])
        return _numbered(names, _by_matcher(trainable[0], model.group_matcher(coarse=False)))
    layers = [[name for name in names if _is_below(name, prefixes)] for prefixes in _units_of(module)]
    # What a shared module holds has its name at another place.
    return {name: number for number, layer in enumerate(filter(None, layers)) for name in layer}


# --- timm ---------------------------------------------------------------------------------------------------------------


def _by_matcher(path: str, matcher: Any) -> Callable[[str], Ordinal]:
    """The place of a name according to the ``group_matcher`` of the module at that path; all other modules are heads."""
    rules: list[tuple[re.Pattern[str], Ordinal, Ordinal]] = []
    for place, given in enumerate(matcher.values()) if isinstance(matcher, Mapping) else ():
        for rule in given if isinstance(given, (list, tuple)) else [(given, None)]:
            pattern, suffix = rule if isinstance(rule, (list, tuple)) else (rule, None)
            if pattern is not None:
                rules.append((re.compile(pattern), (place,), tuple(suffix or ())))
    prefix = f"{path}." if path else ""

    def place_of(name: str) -> Ordinal:
        if not name.startswith(prefix):
            return (math.inf,)
        own = name.removeprefix(prefix)
        if not isinstance(matcher, Mapping):
            place = matcher(own)
            return tuple(place) if isinstance(place, Sequence) else (place,)
        for pattern, before, behind in rules:
            if found := pattern.match(own):
                return (*before, *(float(number) for number in found.groups() if number is not None), *behind)
        return (math.inf,)

    return place_of


def _numbered(names: Sequence[str], place_of: Callable[[str], Ordinal]) -> dict[str, int]:
    """The layers in the order of their places; one with timm's mark at its end joins the layer before it."""
    places = {name: place_of(name) for name in names}
    numbers: dict[Ordinal, int] = {}
    number = -1
    for place in sorted(set(places.values())):
        number += number < 0 or place[-1] != _JOINS_LAYER_BEFORE
        numbers[place] = number
    return {name: numbers[place] for name, place in places.items()}


# --- any other tree -----------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, slots=True)
class _Unit:
    """A part of the tree that belongs to one layer: a module, or the parameters of a module's own.

    Args:
        path: the path of the module.
        is_block: whether it is one of several in a row.
        joins: whether it belongs to the unit before it.
        is_head: whether it is called a head.
        own: the names of the parameters, if it is not the whole module.
    """

    path: str
    is_block: bool = False
    joins: bool = False
    is_head: bool = False
    own: tuple[str, ...] = ()

    @property
    def prefixes(self) -> tuple[str, ...]:
        return self.own or (self.path,)


def _units_of(module: nn.Module) -> list[list[str]]:
    """The prefixes of the names in each layer."""
    units = list(_expanded(module, "", takes_leaves=False))
    if not any(unit.is_block for unit in units):
        units = list(_expanded(module, "", takes_leaves=True))
    blocks = [index for index, unit in enumerate(units) if unit.is_block]
    first, last = (blocks[0], blocks[-1]) if blocks else (0, len(units) - 1)
    stem: list[str] = []
    head: list[str] = []
    layers: list[list[str]] = []
    target: list[str] = []
    for index, unit in enumerate(units):
        if not (unit.joins and target):
            if index > last or (index < first and unit.is_head):
                target = head
            elif index < first:
                target = stem
            else:
                target = []
                layers.append(target)
        target += unit.prefixes
    return [stem, *layers, head]


def _is_below(name: str, prefixes: Sequence[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def _expanded(module: nn.Module, path: str, *, takes_leaves: bool) -> Iterator[_Unit]:
    """The units of a module in order: its own parameters first, then its children.

    Args:
        module: the module.
        path: its path.
        takes_leaves: whether a list of single operations, such as ``Sequential(Linear, ReLU, Linear)``, is taken apart too.
    """
    start = f"{path}." if path else ""
    own = tuple(f"{start}{name}" for name, _ in module.named_parameters(recurse=False))
    if own:
        yield _Unit(path, own=own)
    children = _children(module)
    kinds = Counter(type(child) for child in children.values())
    for name, child in children.items():
        is_repeated = kinds[type(child)] > 1 and _is_composite(child)
        if _is_whole(child, is_repeated, takes_leaves):
            is_head = bool(_HEAD.search(name.lower()))
            is_block = (isinstance(module, _LISTS) or is_repeated) and not is_head
            yield _Unit(f"{start}{name}", is_block, is_norm(child), is_head)
        else:
            yield from _expanded(child, f"{start}{name}", takes_leaves=takes_leaves)


def _is_whole(module: nn.Module, is_repeated: bool, takes_leaves: bool) -> bool:
    """Whether a module is one unit, and is not taken apart."""
    children = _children(module)
    if not children:
        return True
    if isinstance(module, _LISTS):
        return not takes_leaves and not any(map(_is_composite, children.values()))
    if is_repeated:
        return not any(map(_is_list_of_blocks, children.values()))
    return not any(_holds_blocks(part) or (takes_leaves and _is_list(part)) for part in module.modules())


def _holds_blocks(module: nn.Module) -> bool:
    """Whether some of its children are several blocks of one class, or a list of blocks."""
    children = _children(module).values()
    kinds = Counter(type(child) for child in children if _is_composite(child))
    return any(count > 1 for count in kinds.values()) or any(map(_is_list_of_blocks, children))


def _is_list(module: nn.Module) -> bool:
    return isinstance(module, _LISTS) and bool(_children(module))


def _is_list_of_blocks(module: nn.Module) -> bool:
    children = _children(module).values()
    return _is_list(module) and all(map(_is_composite, children)) and len(set(map(type, children))) == 1


def _is_composite(module: nn.Module) -> bool:
    """Whether a module is more than an operation and its norm, as a convolution with its batch norm is."""
    return sum(not (_children(part) or is_norm(part)) and _has_parameters(part) for part in module.modules()) > 1


def _children(module: nn.Module) -> dict[str, nn.Module]:
    """The children that have parameters."""
    return {name: child for name, child in module.named_children() if _has_parameters(child)}


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None
