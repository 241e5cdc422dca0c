"""A preview as SVG: without matplotlib, the same on every machine, for light and dark pages."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from lr_toolkit.preview.coloured import COLOURS
from lr_toolkit.preview.report import count, epochs
from lr_toolkit.preview.scale import Scale, scale_of
from lr_toolkit.preview.svg import INK, svg_picture, svg_text
from lr_toolkit.preview.terminal import length_text
from lr_toolkit.preview.thinned import alone, thinned

if TYPE_CHECKING:
    from lr_toolkit.preview.preview import Preview
    from lr_toolkit.preview.series import Series

__all__ = ["preview_picture"]

_WIDTH, _LEFT, _RIGHT = 760, 74, 22
_FIRST, _OTHER = 250, 120  # the heights of the axes of the LR, and of those below
_LINE = 18  # of text
_LETTERS = 84  # of a line of text
_DASHES = ("", "7 4", "2 3")  # of curves that share a colour
_FEW = 60  # updates that are drawn as stairs


def preview_picture(preview: Preview, *, log: bool = False) -> str:
    """The curves of a preview: axes for the LR, and below them axes for each other key; the names are below the curves.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> picture = preview_picture(linear().preview(Horizon(100, 10), base_lr=0.1))
        >>> picture.startswith("<svg"), picture.count("<polyline"), "10 epochs" in picture
        (True, 1, True)
    """
    parts, bottom = _heading(preview)
    keys = list(dict.fromkeys(series.key for series in preview.series))
    for key in keys:
        series = [each for each in preview.series if each.key == key]
        height = _FIRST if key == keys[0] else _OTHER
        if len(keys) > 1 or key != "lr":
            bottom += _LINE
            parts.append(svg_text((_LEFT, bottom - 8), key, size=12, weight="bold"))
        parts += _axes(preview, series, bottom, height, log=log)
        bottom += height + _LINE
    parts += _time_labels(preview, bottom - _LINE)
    names, bottom = _names(preview, keys[0], bottom + 2 * _LINE)
    return svg_picture((_WIDTH, bottom), f"{preview.title}: {length_text(preview)}", [*parts, *names])


def _heading(preview: Preview) -> tuple[list[str], int]:
    """The title and the length of the run, and where they end."""
    titles = textwrap.wrap(preview.title, _LETTERS, break_on_hyphens=False)
    parts = [svg_text((12, 22 + row * _LINE), line, size=13, weight="bold") for row, line in enumerate(titles)]
    facts = textwrap.wrap("; ".join((length_text(preview), *preview.facts)), _LETTERS + 8, break_on_hyphens=False)
    begin = 22 + len(titles) * _LINE
    parts += [svg_text((12, begin + row * _LINE), line, size=12) for row, line in enumerate(facts)]
    return parts, begin + len(facts) * _LINE


def _axes(preview: Preview, series: Sequence[Series], top: int, height: int, *, log: bool) -> list[str]:
    scale = scale_of([each.values for each in series], log=log, from_zero=series[0].key == "lr")
    right, bottom = _WIDTH - _RIGHT, top + height
    parts = []
    for share, value in scale.ticks():
        y = bottom - share * height
        parts.append(f'<path d="M{_LEFT},{y:.1f} H{right}" fill="none" stroke="{INK}" stroke-opacity="0.25"/>')
        parts.append(svg_text((_LEFT - 6, round(y + 4, 1)), f"{value:.3g}", size=11, anchor="end"))
    parts.append(f'<path d="M{_LEFT},{top} V{bottom} H{right}" fill="none" stroke="{INK}" stroke-opacity="0.6"/>')
    steps = preview.horizon.steps
    phases = {each.phases for each in series}
    for start, _ in phases.pop()[1:] if len(phases) == 1 else ():
        x = _LEFT + (right - _LEFT) * start / steps
        parts.append(
            f'<path d="M{x:.1f},{top} V{bottom}" fill="none" stroke="{INK}" stroke-opacity="0.5" stroke-dasharray="1 3"/>'
        )
    for index, each in reversed([*enumerate(series)]):
        parts += _curve(each, scale, steps, (top, height), index)
    return parts


def _curve(series: Series, scale: Scale, steps: int, place: tuple[int, int], index: int) -> list[str]:
    """A curve as a line for each stretch whose values are known, or a dot for a single one; few updates are stairs."""
    top, height = place
    width = _WIDTH - _RIGHT - _LEFT
    updates = thinned(series)
    values = series.values[updates]
    if series.steps <= _FEW:
        updates, values = np.repeat(np.arange(series.steps + 1), 2)[1:-1], np.repeat(series.values, 2)
    xs = _LEFT + width * updates / steps
    ys = top + height * (1 - scale.share(values))
    gaps = np.flatnonzero(~np.isfinite(values))
    dash = _DASHES[index // len(COLOURS) % len(_DASHES)]
    colour = COLOURS[index % len(COLOURS)]
    attributes = f'stroke="{colour}" stroke-width="2" stroke-linejoin="round"' + (
        f' stroke-dasharray="{dash}"' if dash else ""
    )
    dots = alone(values).tolist()
    lines = []
    for part in np.split(np.arange(len(values)), gaps):
        shown = (point for point in part if np.isfinite(values[point]) and point not in dots)
        points = " ".join(f"{xs[point]:.1f},{ys[point]:.1f}" for point in shown)
        if points:
            lines.append(f'<polyline points="{points}" fill="none" {attributes}/>')
    return lines + [f'<circle cx="{xs[dot]:.1f}" cy="{ys[dot]:.1f}" r="3" fill="{colour}"/>' for dot in dots]


def _time_labels(preview: Preview, bottom: int) -> list[str]:
    """The updates and the epochs at the quarters of the run."""
    horizon, parts = preview.horizon, []
    noun = "epochs" if horizon.unit == "epoch" else "updates"
    for quarter in range(5):
        update = round(horizon.steps * quarter / 4)
        x = _LEFT + (_WIDTH - _RIGHT - _LEFT) * quarter / 4
        anchor = "end" if quarter == 4 else "middle" if quarter else "start"
        texts = [f"{count(update)} {noun}" if quarter == 4 else count(update)]
        if horizon.unit == "step" and horizon.epochs is not None:
            epoch = float(horizon.epoch_at(Fraction(horizon.steps * quarter, 4)))
            texts.append(epochs(epoch) if quarter == 4 else f"{epoch:.3g}" if epoch < 1000 else count(round(epoch)))
        parts += [
            svg_text((round(x, 1), bottom + _LINE * (row + 1) - 3), text, size=11, anchor=anchor)
            for row, text in enumerate(texts)
        ]
    return parts


def _names(preview: Preview, key: str, bottom: int) -> tuple[list[str], int]:
    """The names of the curves on the first axes, if there are several, and where they end."""
    series = [each for each in preview.series if each.key == key]
    parts: list[str] = []
    if len(series) == 1:
        return parts, bottom
    for index, each in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        parts.append(f'<path d="M{_LEFT},{bottom - 4} h22" stroke="{colour}" stroke-width="3"/>')
        for line in textwrap.wrap(each.name, _LETTERS - 6, break_on_hyphens=False):
            parts.append(svg_text((_LEFT + 30, bottom), line, size=12))
            bottom += _LINE
    return parts, bottom
