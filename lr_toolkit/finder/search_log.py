"""What a search has tried and spent so far, and what shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol, final

from lr_toolkit.finder.trial import Trial

__all__ = ["SILENT", "SearchLog", "Watcher"]


class Watcher(Protocol):
    """Shows how far a search is."""

    def report(self, line: str) -> None:
        """Take a line of text: a part of the search has ended."""

    def move(self, spent: float, expected: float) -> None:
        """Take what the search has spent, and what it will have spent at its end as far as it is known, in updates."""


@final
@dataclass(frozen=True, slots=True)
class _Silent:
    """Shows nothing."""

    def report(self, line: str) -> None:
        """See ``Watcher``."""

    def move(self, spent: float, expected: float) -> None:
        """See ``Watcher``."""


SILENT = _Silent()


@final
@dataclass(slots=True)
class SearchLog:
    """A search so far. An interrupt leaves it as it is.

    Attributes:
        watcher: what shows it.
        trials: every LR that was tried.
        spent: in updates; a forward pass counts as a third.
        expected: what the whole search will have spent.
        later: what the parts after the present one are expected to spend.
    """

    watcher: Watcher = SILENT
    trials: list[Trial] = field(default_factory=list)
    spent: float = 0.0
    expected: float = 0.0
    later: float = 0.0

    def spend(self, updates: float) -> None:
        """Count work that was done."""
        self.spent += updates
        self.expected = max(self.expected, self.spent + self.later)
        self.watcher.move(self.spent, self.expected)

    def expect(self, rest: float, later: float | None = None) -> None:
        """Expect that much work in the rest of this part, and in the parts after it."""
        self.later = self.later if later is None else later
        self.expected = self.spent + rest + self.later

    def report(self, line: str) -> None:
        """Show a line of text."""
        self.watcher.report(line)
