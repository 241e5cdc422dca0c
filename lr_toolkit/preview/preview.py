"""A run before it is run: the values of each parameter group at each update, to print, to draw and to save."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, final

import numpy as np

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.preview.report import count
from lr_toolkit.preview.series import Series, series_of
from lr_toolkit.schedules.group_schedules import GroupSchedules, GroupSchedulesLike
from lr_toolkit.schedules.horizon import Horizon, HorizonLike, read_horizon
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.text import call_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

__all__ = ["MOST_COMPARED", "MOST_UPDATES", "Preview"]

MOST_UPDATES = 10**7
"""The updates of the longest run that is previewed: each series takes eight bytes an update."""
MOST_COMPARED = 8
"""The curves of a comparison."""
_TINY = 1e-3  # a factor below it may be meant as an LR


@final
@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Preview:
    """What a run does with its learning rates, and with other numbers of its parameter groups.

    ``schedule.preview(horizon)`` makes one. It prints as text, is a picture with a table in a notebook, and can be drawn and saved.

    Args:
        title: what is shown, such as the text of the schedule or the name of the module.
        horizon: the length of the run.
        series: the curves, each with a value for each update of the run.
        facts: lines to show below the title, such as the name of the optimizer.
        is_relative: whether the values are factors of the base value, which is not known.
        is_comparison: whether the series are alternatives, which are compared with the first.
        notes: lines to show below the tables, such as the findings of the checks.

    Example:
        >>> from lr_toolkit import Horizon, cosine, warmup
        >>> preview = (warmup(4) >> cosine()).preview(Horizon(steps=20, steps_per_epoch=10), base_lr=0.1)
        >>> preview.values[:4]
        array([0.02, 0.04, 0.06, 0.08])
        >>> print(preview.text(width=60, ascii_only=True))
        warmup(4) >> cosine()
          20 updates = 2 epochs
          base LR 0.1
        <BLANKLINE>
           0.1+           |''''---.
              |           |       '''.
              |        ...'          ''...
         0.075+        |                  |
              |        |                  '''.
              |      |'                      ''.
          0.05+      |                         '--.
              |   ...'                            |..
              |   |                                  |.
         0.025+   |                                    |
              |'''                                     '''...
              |                                              |.
             0+                                                '--..
              +-------------+------------+------------+------------+
               0            5           10           15   20 updates
               0           0.5           1           1.5    2 epochs
        <BLANKLINE>
          phase      from update  updates  epochs  LR from        to
          warmup(4)            0        4    0.40     0.02      0.08
          cosine()             4       16    1.60      0.1  0.000961
    """

    title: str
    horizon: Horizon
    series: tuple[Series, ...]
    facts: tuple[str, ...] = ()
    is_relative: bool = False
    is_comparison: bool = False
    notes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        schedules: GroupSchedulesLike,
        horizon: HorizonLike,
        base_lr: float | Mapping[str, float] | None = None,
    ) -> Preview:
        """The preview of a schedule, or of schedules by the names of parameter groups.

        Args:
            schedules: a schedule or its text, or a mapping of the names of groups to them.
            horizon: the length of the run.
            base_lr: the base LR, or a mapping of the names of groups to it; without it, factors of the base LR are shown.

        Raises:
            ScheduleError: if the schedule does not fit the run; for a base LR that is no finite number above zero; for a schedule with
                an absolute LR without one; for more than 10^7 updates.

        Example:
            >>> from lr_toolkit import Horizon
            >>> groups = {"head": "cosine()", "*": "linear()"}
            >>> preview = Preview.of(groups, Horizon(100), base_lr={"head": 1e-3, "*": 1e-4})
            >>> [series.name for series in preview.series], preview.values[0]
            (['head', '*'], array([0.001 , 0.0001]))
        """
        entries, run = GroupSchedules.of(schedules), cast("Horizon", read_horizon(horizon))
        series, facts, notes = [], [], []
        for name, schedule in entries.entries:
            if not isinstance(schedule, Schedule):  # GroupSchedules refuses absolute(...) for an LR
                continue
            base = _base_of(base_lr, name, schedule)
            timeline = schedule.resolve(run)
            _check_length(timeline.steps)
            series.append(series_of(timeline, base, "" if entries.only else name))
            facts += [
                f"{call_text(phase.shape)} takes no update of so short a run"
                for phase in timeline.resolved_phases
                if not phase.length
            ]
            notes += [
                f"{field}={level!r} is a factor of the base LR; for an LR write {field}_lr={level!r}"
                for field, level in schedule.given_levels
                if 0 < level < _TINY
            ]
        scale = [] if base_lr is None or isinstance(base_lr, Mapping) else [f"base LR {base_lr:g}"]
        shown = tuple(dict.fromkeys(notes))
        return cls(repr(entries), run, tuple(series), (*scale, *facts), is_relative=base_lr is None, notes=shown)

    @classmethod
    def compare(cls, previews: Sequence[Preview]) -> Preview:
        """Several previews as one, whose series are compared with the first.

        Raises:
            ScheduleError: if some of them are in factors and others in LRs, if there is none, or if they have more than 8 series.

        Example:
            >>> from lr_toolkit import Horizon, cosine, linear
            >>> run = Horizon(100)
            >>> both = Preview.compare([cosine().preview(run), linear().preview(run)])
            >>> both.title, [series.name for series in both.series]
            ('2 schedules', ['cosine()', 'linear()'])
        """
        if len({preview.is_relative for preview in previews}) != 1:
            raise ScheduleError(
                "Previews are compared if all are in factors of the base LR, or all in LRs. Write base_lr= (for the command: --lr) for "
                "each of them."
            )
        if len(previews) == 1:
            return previews[0]
        if sum(len(preview.series) for preview in previews) > MOST_COMPARED:
            raise ScheduleError(
                f"{len(previews)} previews have more than the {MOST_COMPARED} curves that can be distinguished. Write fewer of them."
            )
        series = tuple(
            replace(each, name=preview.title if len(preview.series) == 1 else f"{preview.title}: {each.name}")
            for preview in previews
            for each in preview.series
        )  # fmt: skip
        longest = max((preview.horizon for preview in previews), key=lambda horizon: horizon.steps)
        facts = tuple(dict.fromkeys(fact for preview in previews for fact in preview.facts))
        notes = tuple(dict.fromkeys(note for preview in previews for note in preview.notes))
        return cls(f"{len(previews)} schedules", longest, series, facts, previews[0].is_relative, True, notes)

    @property
    def values(self) -> NDArray[np.float64]:
        """The value of each update: of a single series a flat array, of several a column for each, NaN after its end."""
        if len(self.series) == 1:
            return self.series[0].values
        table = np.full((max(series.steps for series in self.series), len(self.series)), np.nan)
        for column, series in enumerate(self.series):
            table[: series.steps, column] = series.values
        return table

    def columns(self) -> dict[str, NDArray[Any]]:
        """The values as columns, ready for ``pandas.DataFrame``: ``update``, ``epoch`` if it is known, then the series.

        A single series is called by its key, ``lr``; others by their names.

        Example:
            >>> from lr_toolkit import Horizon, linear
            >>> linear().preview(Horizon(2), base_lr=0.1).columns()
            {'update': array([0, 1]), 'lr': array([0.1 , 0.05])}
        """
        table = self.values.reshape(max(series.steps for series in self.series), -1)
        updates = np.arange(len(table))
        columns: dict[str, NDArray[Any]] = {"update": updates}
        if self.horizon.unit == "epoch":
            columns = {"epoch": updates}
        elif self.horizon.epochs is not None:
            columns["epoch"] = epochs_at(self.horizon, updates)
        several_keys = len({series.key for series in self.series}) > 1
        for number, (series, values) in enumerate(zip(self.series, table.T, strict=True), start=1):
            name = (
                series.key if len(self.series) == 1 else f"{series.name} {series.key}" if several_keys else series.name
            )
            columns[name if name not in columns else f"{name} {number}"] = values
        return columns

    def text(self, width: int = 80, ascii_only: bool = False, log: bool = False) -> str:
        """A chart and tables for a terminal: the phases, or the differences between several schedules.

        Args:
            width: the characters of a line, at least 60.
            ascii_only: whether to use no other characters than those of ASCII.
            log: whether to draw on a logarithmic axis.
        """
        return str(_presenter("terminal").terminal_text(self, width, ascii_only=ascii_only, log=log))

    def plot(self, ax: Axes | None = None, log: bool = False) -> Axes:
        """Draw the curves with matplotlib, and return the axes of the LR.

        Args:
            ax: where to draw the series of the LR, and no others; by default a new figure of pyplot, in which other keys have axes of
                their own below.
            log: whether to draw on a logarithmic axis.

        Raises:
            ImportError: if matplotlib is not installed; the message names the extra.
        """
        axes: Axes = _presenter("plot").plot_preview(self, ax, log=log)
        return axes

    def save(self, path: str | Path, log: bool = False) -> Path:
        """Write a file, and return its path: a picture, a table or a page, by the ending; missing folders are created.

        Args:
            path: the file, which ends in ``.png``, ``.svg``, ``.csv``, ``.json`` or ``.html``.
            log: whether a picture has a logarithmic axis.

        Raises:
            ScheduleError: for another ending, before anything is written.
        """
        saved: Path = _presenter("files").save_preview(self, path, log=log)
        return saved

    def _repr_html_(self) -> str:
        return str(_presenter("notebook").notebook_html(self))

    def __repr__(self) -> str:
        return f"<Preview of {self.title} on {self.horizon!r}>"

    __str__ = text


def epochs_at(horizon: Horizon, updates: NDArray[np.int64]) -> NDArray[np.float64]:
    """The epoch at the beginning of each update.

    Example:
        >>> epochs_at(Horizon(6, [4, 2]), np.array([0, 2, 4, 5]))
        array([0. , 0.5, 1. , 1.5])
    """
    lengths = np.array(horizon.epoch_steps)
    ends = np.cumsum(lengths)
    epoch = np.searchsorted(ends, updates, side="right")
    known = np.minimum(epoch, len(lengths) - 1)  # the last length is that of all epochs that follow
    epochs: NDArray[np.float64] = known + (updates - (ends - lengths)[known]) / lengths[known]
    return epochs


def _presenter(name: str) -> Any:
    """A module that shows previews. It builds on this one, and is loaded when it is asked for."""
    return import_module(f"lr_toolkit.preview.{name}")


def _check_length(steps: int) -> None:
    if steps > MOST_UPDATES:
        raise ScheduleError(
            f"A preview holds a value for each update, of at most {count(MOST_UPDATES)}, and the run has {count(steps)}. Write a "
            "shorter run: lengths in percent give the same curve."
        )


def _base_of(base_lr: float | Mapping[str, float] | None, name: str, schedule: Schedule) -> float | None:
    """The base LR of an entry, checked."""
    base = base_lr.get(name) if isinstance(base_lr, Mapping) else base_lr
    if base is None:
        if isinstance(base_lr, Mapping):
            raise ScheduleError(
                f"base_lr={shorten(dict(base_lr))}: has no base LR for {name!r}. Write {{..., {name!r}: 1e-3}}."
            )
        if schedule.absolute_levels:
            raise ScheduleError(f"{schedule!r} has an absolute LR. Write the base LR too: base_lr=1e-3.")
        return None
    try:
        number = math.nan if isinstance(base, (bool, str, bytes)) else float(base)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0.0 < number < math.inf:
        raise ScheduleError(f"base_lr={shorten(base)}: must be a finite number above zero. Write base_lr=1e-3.")
    return number
