"""Many names in little space: shortened so that they stay different, or joined if their values are equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["in_a_line", "join_equal", "shorten_unique"]

_FEW = 4


def shorten_unique(names: Sequence[str], width: int) -> list[str]:
    """Shorten each name to at most ``width`` characters, and keep different names different.

    The common beginning of the long names is cut first, then their middles. Names that are still equal are
    numbered.

    Example:
        >>> shorten_unique(["backbone.layers.0.attention.decay", "backbone.layers.0.attention.no_decay", "head"], 12)
        ['..decay', '..no_decay', 'head']
        >>> shorten_unique(["encoder_layer_10_weight", "encoder_layer_11_weight", "head_bias_of_the_decoder"], 14)
        ['enc..10_weight', 'enc..11_weight', 'hea..e_decoder']
    """
    long = [name for name in dict.fromkeys(names) if len(name) > width]
    head = _common_head(long)
    bare = {name: f"..{name[len(head) :]}" if name in long and len(head) > 2 else name for name in names}
    # The end of a name is more specific than its beginning: two thirds of the width are tried first.
    tails = sorted(range(1, max(width - 2, 1)), key=lambda tail: abs(3 * tail - 2 * width))
    for cut in [bare, *({name: _cut(short, width, tail) for name, short in bare.items()} for tail in tails)]:
        if max(map(len, cut.values()), default=0) <= width and len(set(cut.values())) == len(cut):
            return [cut[name] for name in names]
    numbered = {
        name: f"{name[: max(width - 6, 0)]}..{number}" if name in long else name
        for number, name in enumerate(bare, start=1)
    }
    return [numbered[name] for name in names]


def _common_head(names: Sequence[str]) -> str:
    """What all names begin with, up to the last mark between two words; empty for a single name."""
    if len(names) < 2:
        return ""
    first, last = min(names), max(names)  # all others are sorted between them
    same = next((index for index, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))
    return first[: 1 + max(first.rfind(mark, 0, same) for mark in "./_- ")]


def _cut(name: str, width: int, tail: int) -> str:
    """``name`` in ``width`` characters, the last ``tail`` of them from its end."""
    return name if len(name) <= width else f"{name[: width - 2 - tail]}..{name[len(name) - tail :]}"


def join_equal(names: Sequence[str]) -> str:
    """One name for things that are equal: their names, or the first name and the number of the others.

    Example:
        >>> join_equal(["head"]), join_equal(["decay", "no_decay"]), join_equal(["pg1", "pg2", "pg3"])
        ('head', 'decay, no_decay', 'pg1 and 2 alike')
    """
    if len(names) > 2 or sum(map(len, names)) > 30:
        return f"{names[0]} and {len(names) - 1} alike" if len(names) > 1 else names[0]
    return ", ".join(names)


def in_a_line(values: Mapping[str, float]) -> str:
    """Named numbers in one short line: equal numbers are joined; of more than four, the lowest and the highest are shown.

    Example:
        >>> in_a_line({"lr/body": 1e-4, "lr/head": 1e-3})
        'lr/body 1.000e-04, lr/head 1.000e-03'
        >>> in_a_line({f"lr/pg{group}": 1e-3 for group in range(1, 11)})
        'lr/pg1 and 9 alike 1.000e-03'
        >>> in_a_line({f"lr/layer{layer}": layer / 1000 for layer in range(10)})
        '10 LRs from 0.000e+00 (lr/layer0) to 9.000e-03 (lr/layer9)'
    """
    equal: dict[float, list[str]] = {}
    for name, value in values.items():
        equal.setdefault(value, []).append(name)
    if len(values) <= _FEW:
        return ", ".join(f"{name} {value:.3e}" for name, value in values.items())
    if len(equal) <= _FEW:
        return "; ".join(f"{join_equal(names)} {value:.3e}" for value, names in equal.items())
    low, high = min(equal), max(equal)
    return f"{len(values)} LRs from {low:.3e} ({join_equal(equal[low])}) to {high:.3e} ({join_equal(equal[high])})"
