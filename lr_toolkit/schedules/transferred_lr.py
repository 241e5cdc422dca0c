"""An LR for another batch size or another schedule, as a value that prints its arithmetic."""

from __future__ import annotations

import math
from typing import ClassVar, final

from lr_toolkit.immutable import Immutable

__all__ = ["TransferFactor", "TransferredLR"]


@final
class TransferFactor(Immutable):
    """One factor of a transferred LR.

    Args:
        name: what changes.
        value: the factor.
        formula: how it is computed.
        source: the paper.
        contested: where the rule is known to fail.

    Example:
        >>> from lr_toolkit import transfer
        >>> (factor,) = transfer(0.1, batch=(256, 1024), optimizer="sgd").factors
        >>> factor.name, factor.formula, factor.value
        ('batch size with sgd', '1024 / 256', 4.0)
    """

    _fields: ClassVar[tuple[str, ...]] = ("name", "value", "formula", "source", "contested")
    __slots__ = _fields

    name: str
    value: float
    formula: str
    source: str
    contested: str

    def __init__(self, name: str, value: float, formula: str, source: str, contested: str) -> None:
        self._set(name=name, value=value, formula=formula, source=source, contested=contested)

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {self.formula} = {self.value:.6g}",
            f"  {self.source}",
            f"  contested: {self.contested}",
        ]
        return "\n".join(lines)


@final
class TransferredLR(Immutable):
    """An LR for other circumstances; ``float()`` gives the number, ``print`` the arithmetic.

    Args:
        start: the LR that was given.
        factors: what it is multiplied by.
        betas: Adam's betas for the new batch size; ``None`` if they do not change.

    Example:
        >>> from lr_toolkit import transfer
        >>> new = transfer(1e-3, batch=(256, 1024), optimizer="adamw")
        >>> new.lr, float(new), new.betas
        (0.002, 0.002, (0.9, 0.996005996001))
    """

    _fields: ClassVar[tuple[str, ...]] = ("start", "factors", "betas")
    __slots__ = _fields

    start: float
    factors: tuple[TransferFactor, ...]
    betas: tuple[float, float] | None

    def __init__(
        self, start: float, factors: tuple[TransferFactor, ...], betas: tuple[float, float] | None = None
    ) -> None:
        self._set(start=start, factors=factors, betas=betas)

    @property
    def lr(self) -> float:
        """The new LR."""
        return math.prod((factor.value for factor in self.factors), start=self.start)

    def __float__(self) -> float:
        return self.lr

    def __str__(self) -> str:
        product = " * ".join(f"{number:.6g}" for number in (self.start, *(factor.value for factor in self.factors)))
        lines = [f"lr = {product} = {self.lr:.6g}", *map(str, self.factors)]
        if self.betas is not None:
            lines += [
                f"betas = ({self.betas[0]:.6g}, {self.betas[1]:.6g}): beta2 ** (new batch / old batch) keeps its half-life in samples",
                "  Marek et al. 2025, https://arxiv.org/abs/2507.07101",
                "  contested: Malladi et al. 2022 scale 1 - beta1 with the batch size, too",
            ]
        return "\n".join(lines)
