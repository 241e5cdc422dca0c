"""The events that a logger adapter writes: a row of an update, the plan before training, the summary after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from lr_toolkit.preview.picture import Line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["PlanReport", "RowReport", "SummaryReport"]


@final
@dataclass(frozen=True, slots=True)
class RowReport:
    """The values of one update.

    Attributes:
        names: the name of each value. Equal names come as the same tuple object in each row.
        values: plain numbers.
        step: Lightning's x axis: the number of batches that stepped before.
        in_batch: whether a training batch is ending, so that Lightning may log a row of its own next.
    """

    names: tuple[str, ...]
    values: Sequence[float]
    step: int
    in_batch: bool

    def as_dict(self) -> dict[str, float]:
        """The values by name, as ``log_metrics`` takes them."""
        return dict(zip(self.names, self.values, strict=True))


@final
@dataclass(frozen=True, slots=True)
class PlanReport:
    """The plan of the run that is about to begin.

    Attributes:
        lines: the planned curves on Lightning's x axis.
        config: the schedules in plain nested data.
        table: the plan as text.
        pattern: the prefix of the curves' names.
        logged: the points of the x axis at which the used LRs are going to be logged. A tracker that smooths curves by their number of
            points draws planned and used alike if both have these.
    """

    lines: tuple[Line, ...]
    config: Mapping[str, object]
    table: str
    pattern: str
    logged: frozenset[int] = frozenset()


@final
@dataclass(frozen=True, slots=True)
class SummaryReport:
    """The result of the run that has ended.

    Attributes:
        values: the numbers by which runs are compared, by name.
        figure: the picture of the planned and used LRs; ``None`` if it was not drawn.
    """

    values: Mapping[str, float]
    figure: Figure | None
