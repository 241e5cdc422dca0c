"""What the page is given of a preview, as plain data."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from lr_toolkit import schedules
from lr_toolkit.preview.preview import Preview
from lr_toolkit.preview.series import Series
from lr_toolkit.preview.thinned import has_gaps, thinned
from lr_toolkit.schedules.horizon import Horizon
from lr_toolkit.schedules.registry import BUILDERS, WITHOUT_TEXT

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["has_formula", "page_data"]

_MOST_VALUES = 10_000  # of a series that is stored
_CALL = re.compile(r"([A-Za-z_]\w*)\(")


def page_data(preview: Preview) -> dict[str, Any]:
    """The run, and for each series either the text of its schedule, which the page draws, or its values."""
    bases = [series.base for series in preview.series if series.key == "lr" and series.base]
    base = None if preview.is_relative else next(iter(bases), None)
    curves = [_curve(series, preview.horizon, base) for series in preview.series]
    return {
        # The title of schedules without other names follows what the reader makes of them.
        "title": "" if all("values" not in curve and not curve["name"] for curve in curves) else preview.title,
        "facts": [*preview.facts, *preview.notes],
        "run": _run(preview.horizon),
        "base": base,
        "curves": curves,
    }


def has_formula(text: str) -> bool:
    """Whether the page computes a schedule itself: those of the package's own builders, without a Python function.

    Example:
        >>> has_formula("warmup('5%') >> cosine()"), has_formula("custom(halves)"), has_formula("")
        (True, False, False)
    """
    return bool(text) and all(
        name not in WITHOUT_TEXT and getattr(schedules, name, None) is BUILDERS.get(name, name)
        for name in _CALL.findall(text)
    )


def _run(horizon: Horizon) -> dict[str, Any]:
    lengths = horizon.epoch_steps
    return {
        "steps": horizon.steps,
        "perEpoch": None if lengths is None or horizon.unit == "epoch" else list(lengths),
        "unit": horizon.unit,
    }


def _curve(series: Series, horizon: Horizon, base: float | None) -> dict[str, Any]:
    name = "" if series.name == series.text else series.name
    shared = {"name": name, "key": series.key, "text": series.text}
    if has_formula(series.text) and series.steps == horizon.steps:
        ratio = series.base / base if base and series.base and series.key == "lr" else 1.0
        return {**shared, "base": series.base, "ratio": ratio}
    updates = thinned(series, _MOST_VALUES // 2) if has_gaps(series) else _updates(series.values)
    values = series.values[updates].tolist()
    starts = [start for start, _ in series.phases]
    return {
        **shared,
        "steps": series.steps,
        "updates": None if len(updates) == series.steps else updates.tolist(),
        "values": [value if np.isfinite(value) else None for value in values],  # JSON has no other number
        "phases": [
            {"start": start, "end": end, "text": text}
            for (start, text), end in zip(series.phases, [*starts, series.steps][1:], strict=True)
        ],
    }


def _updates(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """The updates whose values are stored: all, or the ends and the extremes of each of many parts."""
    if len(values) <= _MOST_VALUES:
        return np.arange(len(values))
    places = np.linspace(0, len(values), _MOST_VALUES // 4 + 1).round().astype(np.int64)
    found: set[int] = set()
    for first, end in pairwise(places):
        part = np.nan_to_num(values[first:end])
        found |= {int(first), int(first + part.argmin()), int(first + part.argmax()), int(end - 1)}
    return np.array(sorted(found))
