"""A timeline in a few lines of text: its curve, and the updates and levels of each phase."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from lr_toolkit.preview.report import Report, Table, count, epochs, plural
from lr_toolkit.preview.sparkline import sparkline
from lr_toolkit.schedules.text import call_text
from lr_toolkit.schedules.timeline import ResolvedTimeline

__all__ = ["summary_of"]

_POINTS = 480  # of the sparkline, before it is thinned


def summary_of(timeline: ResolvedTimeline, base_lr: float | None = None, *, ascii_only: bool = False) -> Report:
    """What a schedule does on a run.

    Args:
        timeline: the schedule on its run.
        base_lr: the base LR; without it, factors of the base LR are shown.
        ascii_only: whether to draw the curve without blocks.

    Example:
        >>> from lr_toolkit import Horizon, linear, warmup
        >>> print(summary_of((warmup(4) >> linear()).resolve(Horizon(steps=20, steps_per_epoch=10)), base_lr=0.1).text())
        warmup(4) >> linear()
          20 updates = 2 epochs; base LR 0.1
          ▂▄▅▇██▇▇▆▆▅▅▄▄▄▃▃▂▂▁
        <BLANKLINE>
          phase      from update  epoch  first     last
          warmup(4)            0   0.00   0.02     0.08
          linear()             4   0.40    0.1  0.00625
    """
    horizon = timeline.horizon
    points = np.linspace(0, horizon.steps - 1, min(horizon.steps, _POINTS)).round().astype(np.int64)
    curve = sparkline(timeline.values(points, base_lr=base_lr), 60, ascii_only=ascii_only)
    length = plural(horizon.steps, "update") + ("" if horizon.epochs is None else f" = {epochs(horizon.epochs)}")
    scale = "factors of the base LR" if base_lr is None else f"base LR {base_lr:g}"
    skipped = [call_text(phase.shape) for phase in timeline.resolved_phases if not phase.length]
    facts = (f"{length}; {scale}", curve, *(f"{call} takes no update of so short a run" for call in skipped))
    rows = _rows(timeline, base_lr)
    epoch = [] if horizon.epochs is None else [">epoch"]
    tables = (Table(("phase", ">from update", *epoch, ">first", ">last"), rows),) if rows else ()
    return Report(timeline.text, facts, tables)


def _rows(timeline: ResolvedTimeline, base_lr: float | None) -> tuple[tuple[str, ...], ...]:
    """A row for each phase that takes an update."""
    rows = []
    for phase in timeline.phases:
        ends = timeline.values([phase.start, phase.end - 1], base_lr=base_lr)
        rows.append(
            (phase.text, count(phase.start), *_epoch(timeline, phase.start), *(f"{value:.3g}" for value in ends))
        )
    return tuple(rows)


def _epoch(timeline: ResolvedTimeline, update: int) -> Sequence[str]:
    """The epoch at an update; nothing if the length of an epoch is not known."""
    if timeline.horizon.epochs is None:
        return ()
    return (f"{float(timeline.horizon.epoch_at(Fraction(update))):.2f}",)
