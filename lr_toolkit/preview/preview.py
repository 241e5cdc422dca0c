"""A run before it is run: the values of each parameter group at each update, to print, to draw and to save."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from lr_toolkit.preview.series import Series
from lr_toolkit.schedules.horizon import Horizon

__all__ = ["Preview"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class Preview:
    """What a run does with its learning rates, and with other numbers of its parameter groups.

    Args:
        title: what is shown, such as the text of the schedule or the name of the module.
        horizon: the length of the run.
        series: the curves, each with a value for each update of the run.
        facts: lines to show below the title, such as the name of the optimizer.
        is_relative: whether the values are factors of the base value, which is not known.
    """

    title: str
    horizon: Horizon
    series: tuple[Series, ...]
    facts: tuple[str, ...] = ()
    is_relative: bool = False
