"""One LR that was tried in a search."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, final

__all__ = ["Method", "Trial"]

Method: TypeAlias = Literal["auto", "line_search", "schedules", "range_test"]
Kind: TypeAlias = Literal["line search", "schedule", "sweep"]


@final
@dataclass(frozen=True, slots=True)
class Trial:
    """One LR that was tried.

    Attributes:
        kind: ``"schedule"`` for a short run of the whole schedule, ``"line search"`` for a step along one batch's direction,
            ``"sweep"`` for an update of a range test.
        lr: the base LR; of several groups the highest.
        loss: what was reached; ``inf`` if the loss was not finite.
        seed: the seed of the data order and of dropout.
        cost: in updates; a forward pass counts as a third.
    """

    kind: Kind
    lr: float
    loss: float
    seed: int
    cost: float
