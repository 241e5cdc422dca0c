"""The LRs of a shorter run: the curve of the whole run, read at fewer places; with what else of the groups is scheduled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol, TypeAlias, final

from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.keys import Key

__all__ = ["BoundPlan", "LRPlan", "TablePlan", "Values", "ValuesAt", "base_lrs", "positions", "write_values"]

Values: TypeAlias = "Mapping[str, Sequence[float | None]]"
"""What the groups get at an update: a number for each group by key; ``None`` where a group stays as it is."""
ValuesAt: TypeAlias = "Callable[[Fraction], Values]"


class LRPlan(Protocol):
    """The values of the groups over a run."""

    @property
    def steps(self) -> int:
        """The updates of the run."""

    @property
    def text(self) -> str:
        """The schedule of the LR in words."""

    def with_bases(self, bases: Sequence[float]) -> ValuesAt:
        """A function from an update of the run, which may lie between two, to the values of each group, for these base LRs."""


@final
@dataclass(frozen=True, slots=True)
class BoundPlan:
    """Schedules of ours, as they are bound to the groups, that of the LR first. Absolute levels stay where they are for another base LR."""

    bindings: tuple[Binding, ...]
    steps: int
    text: str

    def with_bases(self, bases: Sequence[float]) -> ValuesAt:
        """See ``LRPlan``. A group that the schedule of the LR does not drive stays at its base LR."""
        lr, *others = self.bindings
        bound = (lr.rebased([bases[member] for member in lr.members]), *others)

        def values(k: Fraction) -> Values:
            found: dict[str, list[float | None]] = {lr.key: list(bases)}
            for binding in bound:
                row = found.setdefault(binding.key, [None] * len(bases))
                for member, value in zip(binding.members, binding.values(k), strict=True):  # type: ignore[arg-type]  # a timeline takes fractions
                    row[member] = value
            return found

        return values


@final
@dataclass(frozen=True, slots=True)
class TablePlan:
    """What another scheduler made of the groups at each update, in a rehearsal without a model.

    Attributes:
        factors: at each update the factor of each group's base LR.
        others: at each update the values of other keys.
        text: the schedule of the LR in words.
    """

    factors: Sequence[Sequence[float]]
    others: Sequence[Values]
    text: str

    @property
    def steps(self) -> int:
        """See ``LRPlan``."""
        return len(self.factors)

    def with_bases(self, bases: Sequence[float]) -> ValuesAt:
        """See ``LRPlan``."""

        def values(k: Fraction) -> Values:
            update = min(round(k), len(self.factors) - 1)
            lrs = [base * factor for base, factor in zip(bases, self.factors[update], strict=True)]
            return {"lr": lrs, **self.others[update]}

        return values


def positions(updates: int, steps: int) -> list[Fraction]:
    """The updates of a run of ``steps`` at which a run of ``updates`` reads its values: the middles of equal parts.

    Example:
        >>> [str(k) for k in positions(2, 8)], [str(k) for k in positions(4, 4)]
        (['3/2', '11/2'], ['0', '1', '2', '3'])
    """
    half = Fraction(1, 2)
    return [max((i + half) * steps / updates - half, Fraction(0)) for i in range(updates)]


def base_lrs(optimizer: Optimizer) -> list[float]:
    """The base LR of each group: ``max_lr`` of a one-cycle, else ``initial_lr``, else ``lr``."""
    return [float(group.get("max_lr", group.get("initial_lr", group["lr"]))) for group in optimizer.param_groups]


def write_values(optimizer: Optimizer, values: Values) -> None:
    """Write values to the groups of an optimizer; a tensor is filled in place.

    Example:
        >>> import torch
        >>> optimizer = torch.optim.AdamW([torch.zeros(1)], lr=0.1)
        >>> write_values(optimizer, {"lr": [0.2], "betas[0]": [0.8], "weight_decay": [None]})
        >>> [optimizer.param_groups[0][key] for key in ("lr", "betas", "weight_decay")]
        [0.2, (0.8, 0.999), 0.01]
    """
    for key, row in values.items():
        cells: Sequence[Any] = Key.parse(key).cells(optimizer.param_groups)
        for cell, value in zip(cells, row, strict=True):
            if value is None:
                continue
            if isinstance(cell[key], Tensor):
                cell[key].fill_(value)
            else:
                cell[key] = value
