"""A preview as a matplotlib picture: axes for the LR, and below them axes for each other key."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from lr_toolkit.preview.axes import axes_or_new, epochs_apart, frame, mark_epochs, mark_phases, need_matplotlib, stacked
from lr_toolkit.preview.chart import LETTERS
from lr_toolkit.preview.coloured import COLOURS
from lr_toolkit.preview.scale import scale_of
from lr_toolkit.preview.terminal import length_text
from lr_toolkit.preview.thinned import alone, thinned
from lr_toolkit.schedules.horizon import round_half_up

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from lr_toolkit.preview.preview import Preview
    from lr_toolkit.preview.series import Series

__all__ = ["figure_of", "plot_preview"]

_WIDTH, _FIRST, _OTHER = 8.0, 4.0, 2.0  # inches: of the picture, and the heights of its parts
_TITLE = 90  # letters above the axes
_MOST_NAMES = 14
_FEW = 40  # updates that are drawn as stairs


def plot_preview(preview: Preview, ax: Axes | None = None, *, log: bool = False) -> Axes:
    """Draw a preview in the user's style: on axes of the user's the LR alone, otherwise on a new figure of pyplot."""
    if ax is not None:
        key = preview.series[0].key
        _draw_key(ax, preview, [series for series in preview.series if series.key == key], log=log)
        _finish(ax, ax, preview)
        _name(ax, ax, "best")
        return ax
    first = axes_or_new(None, size=(_WIDTH, sum(_heights(preview))))
    return _draw(first, preview, log=log)


def figure_of(preview: Preview, *, log: bool = False) -> Figure:
    """The picture on white, without a window, whatever style the user has chosen."""
    need_matplotlib()
    from matplotlib import style
    from matplotlib.figure import Figure

    with style.context("default"):
        figure = Figure(figsize=(_WIDTH, sum(_heights(preview))), dpi=120, layout="constrained", facecolor="white")
        _draw(figure.add_subplot(facecolor="white"), preview, log=log)
    return figure


def _keys(preview: Preview) -> list[str]:
    return list(dict.fromkeys(series.key for series in preview.series))


def _heights(preview: Preview) -> list[float]:
    return [_FIRST, *[_OTHER] * (len(_keys(preview)) - 1)]


def _draw(first: Any, preview: Preview, *, log: bool) -> Axes:
    """Draw each key on its axes, of which the first are there."""
    axes = stacked(first, _heights(preview))
    for each, key in zip(axes, _keys(preview), strict=True):
        _draw_key(each, preview, [series for series in preview.series if series.key == key], log=log)
    _finish(first, axes[-1], preview)
    _name(first, first.figure, "outside lower left")
    chosen: Axes = first
    return chosen


def _draw_key(axes: Any, preview: Preview, series: Sequence[Series], *, log: bool) -> None:
    """Draw the series of one key."""
    for index, each in enumerate(series):
        updates = thinned(each)
        letter = f"{LETTERS[index % len(LETTERS)]} " if preview.is_comparison else ""
        label = f" {letter}{each.name}"  # matplotlib hides a label that begins with an underscore
        style = {"color": COLOURS[index % len(COLOURS)], "linestyle": "-" if index < len(COLOURS) else "--"}
        if each.steps <= _FEW:
            axes.stairs(each.values, np.arange(each.steps + 1), baseline=None, label=label, **style)
        else:
            values = each.values[updates]
            axes.plot(updates, values, label=label, marker="o", markersize=4, markevery=alone(values).tolist(), **style)
    key = series[0].key
    name = "learning rate" if key == "lr" else key.replace("_", " ")
    axes.set_ylabel("factor of the base LR" if preview.is_relative else name)
    scale = scale_of([each.values for each in series], log=log, from_zero=key == "lr")
    if scale.is_log:
        axes.set_yscale("log", nonpositive="clip")
    axes.set_ylim(scale.bottom, scale.top * 1.2 if scale.is_log else scale.top + 0.05 * (scale.top - scale.bottom))
    frame(axes)
    axes.margins(x=0.02)


def _name(axes: Any, owner: Any, place: str) -> None:
    """Add the legend of the first axes, if there is something to distinguish: a few names of several curves."""
    handles, names = axes.get_legend_handles_labels()
    if 1 < len(names) <= _MOST_NAMES:
        for text in owner.legend(handles, names, loc=place, fontsize="small", frameon=False).get_texts():
            text.set_parse_math(False)


def _finish(first: Any, last: Any, preview: Preview) -> None:
    """Add what the axes share: the title, the phases, the updates and the epochs."""
    horizon = preview.horizon
    title = textwrap.fill(preview.title, _TITLE, max_lines=2, placeholder=" …", break_on_hyphens=False)
    first.set_title(f"{title}\n{length_text(preview)}", parse_math=False, fontsize="medium")
    last.set_xlabel(horizon.noun)
    phases = {series.phases for series in preview.series}
    if len(phases) == 1 and len(each := phases.pop()) > 1:
        mark_phases(first, [(start, text.partition("(")[0]) for start, text in each])
    if horizon.unit == "step" and horizon.epochs is not None and horizon.epochs > 1:
        count = int(horizon.epochs)
        shown = range(0, count + 1, epochs_apart(count))
        mark_epochs(first, {epoch: round_half_up(horizon.step_at(Fraction(epoch))) for epoch in shown})
