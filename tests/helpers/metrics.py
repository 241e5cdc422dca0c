"""Readings of a metric, and the plain loop in which a rule for it moves the LR."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from lr_toolkit import Horizon, ScheduledLR
from tests.helpers.optimizers import held, sgd

# A few values beside arbitrary ones, so that ties and values exactly at a threshold occur.
readings = st.one_of(
    st.sampled_from([0.0, 0.5, 0.9, 0.99, 0.9999, 1.0, 1.0001, 1.1, 2.0, -1.0, math.inf, -math.inf]), st.floats(-10, 10)
)


def lrs_under(
    schedule: Any, rule: Any, metrics: list[float], bases: list[float], updates: int = 1
) -> list[list[float]]:
    """The LRs of each update of a run in which ``rule`` reads the next metric after every ``updates`` updates."""
    optimizer = sgd(bases)
    scheduler = ScheduledLR(optimizer, schedule, Horizon(steps=len(metrics) * updates), plateau=rule)
    rows = []
    for metric in metrics:
        for _ in range(updates):
            rows.append(held(optimizer))
            optimizer.step()
            scheduler.step()
        scheduler.observe(metric)
    return rows
