"""What one number of one parameter group does during a run: a value for each update."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from lr_toolkit.schedules.timeline import Timeline

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Series", "series_of"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The values of one key of one parameter group (or of several groups with equal values), one for each update.

    Args:
        name: what tables and legends call it, such as the name of the group.
        values: float64, one for each update of the run, in order.
        phases: the first update and the text of each phase, if it follows a schedule of ours; a phase lasts until the next begins.
        key: the key of the group: ``"lr"``, ``"momentum"``, ``"weight_decay"``.

    Example:
        >>> series = Series("head", np.array([0.1, 0.05]))
        >>> series.steps, series.key
        (2, 'lr')
    """

    name: str
    values: NDArray[np.float64]
    phases: tuple[tuple[int, str], ...] = ()
    key: str = "lr"

    @property
    def steps(self) -> int:
        """The updates of the run."""
        return len(self.values)


def series_of(timeline: Timeline, base_lr: float | None = None, name: str = "", key: str = "lr") -> Series:
    """The series of a timeline.

    Args:
        timeline: what the group follows.
        base_lr: its base value; without it, the values are factors of the base value.
        name: the name of the series; the text of the schedule by default.
        key: the key of the group.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> series = series_of(linear().resolve(Horizon(4)), base_lr=0.1)
        >>> series.name, series.values.round(3), series.phases
        ('linear()', array([0.1  , 0.075, 0.05 , 0.025]), ((0, 'linear()'),))
    """
    phases = [(phase.start, phase.text) for phase in timeline.phases]
    end = max((phase.end for phase in timeline.phases), default=0)
    if end < timeline.steps:
        phases.append((end, "the last level holds"))
    return Series(name or timeline.text, timeline.all_values(base_lr=base_lr), tuple(phases), key)
