"""Many names in little room: cut where they say the least, or told as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile

__all__ = ["in_a_line", "join_equal", "shorten_unique"]

_FEW = 4


def shorten_unique(names: Sequence[str], width: int) -> list[str]:
    """``names`` in at most ``width`` characters each, cut so that different ones stay different.

    What the long ones have in common at their beginning goes first, then what lies in their middle; names that differ in
    nothing that fits are numbered.

    Example:
        >>> shorten_unique(["backbone.layers.0.attention.decay", "backbone.layers.0.attention.no_decay", "head"], 12)
        ['..decay', '..no_decay', 'head']
        >>> shorten_unique(["encoder_layer_10_weight", "encoder_layer_11_weight", "head_bias_of_the_decoder"], 14)
        ['enc..10_weight', 'enc..11_weight', 'hea..e_decoder']
    """
    long = [one for one in dict.fromkeys(names) if len(one) > width]
    same = sum(1 for _ in takewhile(lambda one: len(set(one)) == 1, zip(*long, strict=False))) if len(long) > 1 else 0
    head = long[0][: 1 + max(long[0].rfind(mark, 0, same) for mark in "./_- ")] if long else ""
    bare = {one: f"..{one[len(head) :]}" if one in long and len(head) > 2 else one for one in names}
    for tail in [0, *sorted(range(1, max(width - 2, 1)), key=lambda size: abs(3 * size - 2 * width))]:
        cut = {full: _cut(one, width, tail) if tail else one for full, one in bare.items()}
        if max(map(len, cut.values()), default=0) <= width and len(set(cut.values())) == len(cut):
            return [cut[one] for one in names]
    numbered = {one: f"{one[: max(width - 6, 0)]}..{at}" if one in long else one for at, one in enumerate(cut, start=1)}
    return [numbered[one] for one in names]


def _cut(name: str, width: int, tail: int) -> str:
    return name if len(name) <= width else f"{name[: width - 2 - tail]}..{name[len(name) - tail :]}"


def join_equal(names: Sequence[str]) -> str:
    """Things that are alike, as one: their name, or the first one's and how many there are with it.

    Example:
        >>> join_equal(["head"]), join_equal(["decay", "no_decay"]), join_equal(["pg1", "pg2", "pg3"])
        ('head', 'decay, no_decay', 'pg1 and 2 alike')
    """
    if len(names) > 2 or sum(map(len, names)) > 30:
        return f"{names[0]} and {len(names) - 1} alike" if len(names) > 1 else names[0]
    return ", ".join(names)


def in_a_line(values: Mapping[str, float]) -> str:
    """Named numbers as one short text, however many there are: equal ones as one, and of many the lowest and the highest.

    Example:
        >>> in_a_line({"lr/body": 1e-4, "lr/head": 1e-3})
        'lr/body 1.000e-04, lr/head 1.000e-03'
        >>> in_a_line({f"lr/pg{at}": 1e-3 for at in range(1, 11)})
        'lr/pg1 and 9 alike 1.000e-03'
        >>> in_a_line({f"lr/layer{at}": at / 1000 for at in range(10)})
        '10 LRs from 0.000e+00 (lr/layer0) to 9.000e-03 (lr/layer9)'
    """
    alike: dict[float, list[str]] = {}
    for name, value in values.items():
        alike.setdefault(value, []).append(name)
    if len(values) <= _FEW:
        return ", ".join(f"{name} {value:.3e}" for name, value in values.items())
    if len(alike) <= _FEW:
        return "; ".join(f"{join_equal(names)} {value:.3e}" for value, names in alike.items())
    low, high = min(alike), max(alike)
    return f"{len(values)} LRs from {low:.3e} ({join_equal(alike[low])}) to {high:.3e} ({join_equal(alike[high])})"
