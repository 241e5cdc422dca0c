"""What the curve of a builder is called in other libraries."""

from __future__ import annotations

import re
from functools import lru_cache

import lr_toolkit.schedules.peers as peers  # registers the libraries
from lr_toolkit.schedules.other_names import equivalent_of
from lr_toolkit.schedules.peers.peer import PEERS
from lr_toolkit.schedules.registry import BUILDERS

__all__ = ["peer_names"]

_SHOWN = (peers.torch, peers.transformers, peers.optax, peers.timm)
_JOINS = ("SequentialLR", "ChainedScheduler")  # they have no curve of their own
_CONNECTING = {"warmup", "hold"}  # phases beside the one that gives a schedule its name


def peer_names(builder: str) -> dict[str, list[str]]:
    """The schedulers of torch, transformers, optax and timm that have this curve, by library.

    A scheduler belongs to the builder of its equivalent in ``other_names.py``, whatever warmup stands in front of it.

    Example:
        >>> peer_names("step")
        {'torch': ['StepLR'], 'timm': ['StepLRScheduler']}
        >>> peer_names("rex")
        {}
    """
    return _names_by_builder().get(builder, {})


@lru_cache(maxsize=1)
def _names_by_builder() -> dict[str, dict[str, list[str]]]:
    by_builder: dict[str, dict[str, list[str]]] = {}
    for library in (function.__name__ for function in _SHOWN):
        names_of: dict[object, list[str]] = {}
        for name, configuration in PEERS[library].configurations.items():
            if name not in _JOINS:
                names_of.setdefault(configuration, []).append(name)
        for names in names_of.values():
            text = next(filter(None, map(equivalent_of, names)), "")
            called = [name for name in re.findall(r"(\w+)\(", text) if name in BUILDERS]
            builders = [name for name in called if name not in _CONNECTING] or called[:1]
            for builder in builders[:1]:
                by_builder.setdefault(builder, {}).setdefault(library, []).append(names[0])
    return by_builder
