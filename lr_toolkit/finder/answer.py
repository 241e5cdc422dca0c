"""What a search answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

__all__ = ["Answer"]


@final
@dataclass(frozen=True, slots=True)
class Answer:
    """A base LR, the interval around it, and the reason in a sentence."""

    lr: float
    low: float | None
    high: float | None
    reason: str
