"""Curves as SVG: lines and text alone, without matplotlib, the same on every machine, for light and dark pages."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from fractions import Fraction
from html import escape

from lr_toolkit.schedules.timeline import Timeline

__all__ = ["CURVE", "INK", "curve_picture", "gallery_picture", "svg_picture", "svg_text"]

CURVE, INK = "#2f81f7", "#777d84"
"""The colours of curves and of text: the background is transparent, and both have contrast on white and on black."""
_POINTS = 120  # of a curve, besides its edges
_COLUMNS, _CELL = 4, (210, 158)
_BOX = (190, 80)  # of a curve in the gallery
_CARD = (420, 110)
_MARGIN = 10
_LETTERS, _LINE = 26, 15  # of a line of text below a curve; its height
_SANS = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
_MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace"


def curve_picture(name: str, timeline: Timeline) -> str:
    """The picture of one curve, with a scale: from zero to the peak, and the updates of the run.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> picture = curve_picture("linear", linear().resolve(Horizon(steps=4)))
        >>> picture.startswith("<svg") and "4 updates" in picture
        True
    """
    width, height = _CARD
    left, top = 34, _MARGIN
    box = (width - left - _MARGIN, height - 2 * _MARGIN - 12)
    parts = [
        *_curve(timeline, (left, top), box),
        svg_text((left - 6, top + 5), f"{_peak(timeline):.2g}", size=11, anchor="end"),
        svg_text((left - 6, top + box[1] + 4), "0", size=11, anchor="end"),
        svg_text((left + box[0], top + box[1] + 14), f"{timeline.steps:,} updates", size=11, anchor="end"),
    ]
    return svg_picture((width, height), f"the curve of {name}", parts)


def gallery_picture(curves: Sequence[tuple[str, str, Timeline]]) -> str:
    """One picture of many curves, each with its name above it and its text below, in rows of four.

    Args:
        curves: the name, the text of the schedule, and its timeline.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> picture = gallery_picture([("linear", "linear()", linear().resolve(Horizon(steps=4)))])
        >>> picture.count("<polyline")
        1
    """
    width, height = _CELL
    parts = []
    for index, (name, text, timeline) in enumerate(curves):
        x, y = index % _COLUMNS * width + _MARGIN, index // _COLUMNS * height + _MARGIN
        parts.append(svg_text((x, y + 10), name, size=13, weight="bold", family=_SANS))
        parts += _curve(timeline, (x, y + 20), _BOX)
        for row, line in enumerate(textwrap.wrap(text, _LETTERS)):
            parts.append(svg_text((x, y + 20 + _BOX[1] + (row + 1) * _LINE), line, size=12))
    rows = -(-len(curves) // _COLUMNS)
    title = "the curves of " + ", ".join(name for name, *_ in curves)
    return svg_picture((_COLUMNS * width, rows * height + _MARGIN), title, parts)


def _peak(timeline: Timeline) -> float:
    """What the full height stands for: the base value, or the highest factor above it."""
    return max(1.0, *(y for _, y in _points(timeline)))


def _points(timeline: Timeline) -> list[tuple[Fraction, float]]:
    """Places of a run and their factors; a jump has two places next to each other."""
    steps = Fraction(timeline.steps)
    just = steps / 10**6
    places = {steps * index / _POINTS for index in range(_POINTS + 1)}
    # In a short run each update may be a stair, also one of a function that declares no edges.
    for edge in [*timeline.edges, *range(1, timeline.steps if timeline.steps <= _POINTS else 1)]:
        if 0 < edge < steps:
            places |= {Fraction(edge), edge - just}
    return [(place, timeline.factor(place)) for place in sorted(places)]


def _curve(timeline: Timeline, corner: tuple[float, float], box: tuple[float, float]) -> list[str]:
    (left, top), (width, height) = corner, box
    peak, bottom = _peak(timeline), top + height
    points = " ".join(
        f"{left + width * float(place) / timeline.steps:.1f},{bottom - height * factor / peak:.1f}"
        for place, factor in _points(timeline)
    )
    return [
        f'<path d="M{left},{top} V{bottom} H{left + width}" fill="none" stroke="{INK}" stroke-opacity="0.5"/>',
        f'<polyline points="{points}" fill="none" stroke="{CURVE}" stroke-width="2" stroke-linejoin="round"/>',
    ]


def svg_text(
    place: tuple[float, float], text: str, *, size: int, anchor: str = "start", weight: str = "normal", family: str = _MONO
) -> str:  # fmt: skip
    """A text with its beginning, or the end that ``anchor`` names, at a place."""
    x, y = place
    attributes = f'font-family="{family}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" fill="{INK}"'
    return f'<text x="{x}" y="{y}" {attributes}>{escape(text)}</text>'


def svg_picture(size: tuple[int, int], title: str, parts: Sequence[str]) -> str:
    """A whole picture of its parts, with a transparent background and a title for screen readers."""
    width, height = size
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img">'
    return "\n".join([head, f"<title>{escape(title)}</title>", *parts, "</svg>\n"])
