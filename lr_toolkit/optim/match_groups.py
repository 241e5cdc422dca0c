"""Which parameter group is which, after some have joined an optimizer and others have left it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["match_groups"]


def match_groups(before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]) -> list[int | None]:
    """For each group of ``now`` its place in ``before``, ``None`` for one that has joined.

    A group is the same dict, or another one with the same list of parameters, as ``load_state_dict`` makes them anew.

    Example:
        >>> body, head, late = ({"params": [weight]} for weight in "bhl")
        >>> match_groups([body, head], [dict(head), late])
        [1, None]
    """
    known = {id(one): at for at, group in enumerate(before) for one in (group, group["params"])}
    return [known.get(id(group), known.get(id(group["params"]))) for group in now]
