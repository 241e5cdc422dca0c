"""The two worlds of an optimizer under a ramp: what is used, and what it would be without."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from lr_toolkit.optim.shadow import Shadow


class Doubling:
    """A climb whose factor doubles with each update, of the first group alone."""

    def __init__(self) -> None:
        self.now = 0.125

    def factors(self, groups: Sequence[dict[str, Any]]) -> tuple[float, ...]:
        """The factor of the first group, 1 of the others."""
        return (self.now, *[1.0] * (len(groups) - 1))

    def advance(self) -> None:
        """Double."""
        self.now *= 2


def sgd(groups: int = 2) -> torch.optim.SGD:
    """An optimizer whose groups have one weight each, with a gradient."""
    weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(groups)]
    for weight in weights:
        weight.grad = torch.ones(1)
    return torch.optim.SGD([{"params": [one], "lr": 0.1 / (at + 1)} for at, one in enumerate(weights)])


def test_an_optimizer_has_a_shadow_only_while_something_climbs() -> None:
    """`around` makes nothing, `of` does, and the last climb to go takes it away."""
    optimizer, climb = sgd(), Doubling()
    assert Shadow.around(optimizer) is None
    shadow = Shadow.of(optimizer)
    shadow.add(climb)
    assert Shadow.around(optimizer) is Shadow.of(optimizer) is shadow
    shadow.remove(climb)
    assert Shadow.around(optimizer) is None


def test_factors_are_those_in_use_and_may_be_kept() -> None:
    """The product of all climbs for each group; what was read before an update stays as it was."""
    optimizer = sgd()
    shadow = Shadow.of(optimizer)
    shadow.add(Doubling())
    shadow.add(Doubling())
    kept = shadow.factors
    assert kept == (0.125**2, 1.0)
    optimizer.step()
    assert kept == (0.125**2, 1.0)
    assert shadow.factors == (0.25**2, 1.0)
    assert [group["lr"] for group in optimizer.param_groups] == [0.1 * 0.25**2, 0.05]
