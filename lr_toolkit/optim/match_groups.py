"""Finds which parameter group is which after groups have joined an optimizer or left it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["match_groups"]


def match_groups(before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]) -> list[int | None]:
    """The index in ``before`` of each group of ``now``; ``None`` for a group that has joined.

    A group is the same if it is the same dict, or another dict with the same list of parameters, as ``load_state_dict``
    makes it.

    Example:
        >>> body, head, late = ({"params": [weight]} for weight in "bhl")
        >>> match_groups([body, head], [dict(head), late])
        [1, None]
    """
    known = {id(key): index for index, group in enumerate(before) for key in (group, group["params"])}
    return [known.get(id(group), known.get(id(group["params"]))) for group in now]
