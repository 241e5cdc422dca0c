"""A timeline in a few lines of text: its curve, and where each phase begins and what it does."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lr_toolkit.preview.report import Report, Table, count, epochs, plural
from lr_toolkit.preview.sparkline import sparkline
from lr_toolkit.schedules.text import call_text
from lr_toolkit.schedules.timeline import ResolvedTimeline

__all__ = ["summary_of"]


def summary_of(timeline: ResolvedTimeline, base_lr: float | None = None, *, ascii_only: bool = False) -> Report:
    """What a schedule does on a run of that length: in factors of the base LR, or in LRs where it is given.

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
    points = np.linspace(0, horizon.steps - 1, min(horizon.steps, 480)).round().astype(np.int64)
    values = timeline.values(points, base_lr=base_lr)
    known = horizon.epochs is not None
    length = plural(horizon.steps, "update") + ("" if horizon.epochs is None else f" = {epochs(horizon.epochs)}")
    scale = "factors of the base LR" if base_lr is None else f"base LR {base_lr:g}"
    rows = []
    for phase in timeline.resolved_phases:
        if phase.start == phase.end:
            continue
        epoch = [f"{float(horizon.epoch_at(Fraction(phase.start))):.2f}"] if known else []
        ends = timeline.values([phase.start, phase.end - 1], base_lr=base_lr)
        rows.append((call_text(phase.shape), count(phase.start), *epoch, *(f"{value:.3g}" for value in ends)))
    columns = ("phase", ">from update", *([">epoch"] if known else []), ">first", ">last")
    skipped = [
        f"{call_text(phase.shape)} takes no update of so short a run"
        for phase in timeline.resolved_phases
        if phase.start == phase.end
    ]
    return Report(
        timeline.text,
        (f"{length}; {scale}", sparkline(values, 60, ascii_only=ascii_only), *skipped),
        (Table(columns, tuple(rows)),) if rows else (),
    )
