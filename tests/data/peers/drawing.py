"""Random arguments that the references of several libraries draw, as plain numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.random import Generator


def whole(rng: Generator, least: int, most: int) -> int:
    """A whole number from ``least`` to ``most``."""
    return int(rng.integers(least, most + 1))


def number(rng: Generator, least: float, most: float) -> float:
    """A number of six digits."""
    return float(f"{rng.uniform(least, most):.6g}")


def choice(rng: Generator, values: Sequence[Any]) -> Any:
    """One of the values."""
    return values[whole(rng, 0, len(values) - 1)]


def milestones(rng: Generator, least: int, most: int) -> list[int]:
    """A few rising whole numbers."""
    count = whole(rng, 1, 4)
    return sorted({whole(rng, least, most) for _ in range(count)})
