"""What drives one hyperparameter of an optimizer's groups: a value that says the number of each group at each update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from lr_toolkit.schedules.routes import Route

__all__ = ["Binding"]


@final
@dataclass(frozen=True, slots=True)
class Binding:
    """One key of the parameter groups, what it follows and the gain of each group: group[key] = planned(k) * gain."""

    key: str
    route: Route
    gains: tuple[float, ...]

    def values(self, k: int) -> list[float]:
        """The value of each group at update ``k``."""
        return [lr * gain for lr, gain in zip(self.route.lrs(k), self.gains, strict=True)]
