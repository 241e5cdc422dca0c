"""The LRs of a shorter run: the curve of the whole run, read at fewer places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, TypeAlias, final

from torch.optim import Optimizer

from lr_toolkit.optim.binding import Binding

__all__ = ["BoundPlan", "LRPlan", "LRsAt", "TablePlan", "base_lrs", "positions"]

LRsAt: TypeAlias = "Callable[[Fraction], Sequence[float]]"


class LRPlan(Protocol):
    """The LRs of the groups over a run."""

    @property
    def steps(self) -> int:
        """The updates of the run."""

    @property
    def text(self) -> str:
        """The schedule in words."""

    def with_bases(self, bases: Sequence[float]) -> LRsAt:
        """A function from an update of the run, which may lie between two, to the LR of each group, for these base LRs."""


@final
@dataclass(frozen=True, slots=True)
class BoundPlan:
    """A schedule of ours, as it is bound to the groups. Absolute levels stay where they are for another base LR."""

    binding: Binding
    steps: int
    text: str

    def with_bases(self, bases: Sequence[float]) -> LRsAt:
        """See ``LRPlan``. A group that the schedule does not drive stays at its base LR."""
        members = self.binding.members
        bound = self.binding.rebased([bases[member] for member in members])

        def lrs(k: Fraction) -> Sequence[float]:
            values = list(bases)
            for member, value in zip(members, bound.values(k), strict=True):  # type: ignore[arg-type]  # a timeline takes fractions
                values[member] = value
            return values

        return lrs


@final
@dataclass(frozen=True, slots=True)
class TablePlan:
    """The factors of the groups' base LRs at each update, as another scheduler made them in a rehearsal without a model."""

    factors: Sequence[Sequence[float]]
    text: str

    @property
    def steps(self) -> int:
        """See ``LRPlan``."""
        return len(self.factors)

    def with_bases(self, bases: Sequence[float]) -> LRsAt:
        """See ``LRPlan``."""

        def lrs(k: Fraction) -> Sequence[float]:
            row = self.factors[min(round(k), len(self.factors) - 1)]
            return [base * factor for base, factor in zip(bases, row, strict=True)]

        return lrs


def positions(updates: int, steps: int) -> list[Fraction]:
    """The updates of a run of ``steps`` at which a run of ``updates`` reads its LRs: the middles of equal parts.

    Example:
        >>> [str(k) for k in positions(2, 8)], [str(k) for k in positions(4, 4)]
        (['3/2', '11/2'], ['0', '1', '2', '3'])
    """
    half = Fraction(1, 2)
    return [max((i + half) * steps / updates - half, Fraction(0)) for i in range(updates)]


def base_lrs(optimizer: Optimizer) -> list[float]:
    """The base LR of each group: ``max_lr`` of a one-cycle, else ``initial_lr``, else ``lr``."""
    return [float(group.get("max_lr", group.get("initial_lr", group["lr"]))) for group in optimizer.param_groups]
