"""A preview as lines of a terminal: its title and facts, a chart for each key, and its tables."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from lr_toolkit.preview.chart import LETTERS, chart
from lr_toolkit.preview.coloured import HEADING, NONE, Line, plain
from lr_toolkit.preview.report import Table, count, epochs, plural
from lr_toolkit.preview.scale import scale_of
from lr_toolkit.preview.tables import notes_of, tables_of
from lr_toolkit.schedules.shape import evenly_spread

if TYPE_CHECKING:
    from lr_toolkit.preview.preview import Preview
    from lr_toolkit.preview.series import Series

__all__ = ["NARROWEST", "length_text", "terminal_lines", "terminal_text"]

NARROWEST = 60
_HEIGHT, _LOW_HEIGHT = 13, 9  # of the chart of the LR, and of those below it
_MOST = 8  # curves of a chart that can be distinguished, as many as are compared


def terminal_lines(preview: Preview, width: int = 80, *, ascii_only: bool = False, log: bool = False) -> list[Line]:
    """The lines of ``Preview.text``, in pieces that can have colours."""
    width = max(width, NARROWEST)
    keys = list(dict.fromkeys(series.key for series in preview.series))
    lines = _wrapped(preview.title, width, HEADING)
    for fact in (length_text(preview), *preview.facts):
        lines += _wrapped(fact, width, NONE, "  ")
    for key in keys:
        series = [each for each in preview.series if each.key == key]
        heading = _plain_line(key) if len(keys) > 1 or key != "lr" else []
        lines += [[], *([heading] if heading else []), *_chart(preview, series, width, ascii_only=ascii_only, log=log)]
    for table in tables_of(preview):
        lines += [[], *_table(table, width)]
    for note in notes_of(preview):
        lines += _wrapped(note, width, NONE, "  ")
    lines += [[]] if preview.notes else []
    for note in preview.notes:
        lines += _wrapped(note, width, NONE, "  ")
    return lines


def terminal_text(preview: Preview, width: int = 80, *, ascii_only: bool = False, log: bool = False) -> str:
    """The lines as text without colours."""
    return plain(terminal_lines(preview, width, ascii_only=ascii_only, log=log))


def length_text(preview: Preview) -> str:
    """The length of the run in words, and what the values are.

    Example:
        >>> from lr_toolkit import Horizon, cosine
        >>> length_text(cosine().preview(Horizon(steps=1000, steps_per_epoch=100)))
        '1,000 updates = 10 epochs; factors of the base LR'
    """
    horizon = preview.horizon
    length = plural(horizon.steps, horizon.noun)
    if horizon.unit == "step" and horizon.epochs is not None:
        length += f" = {epochs(horizon.epochs)}"
    return length + ("; factors of the base LR" if preview.is_relative else "")


def _chart(preview: Preview, series: list[Series], width: int, *, ascii_only: bool, log: bool) -> list[Line]:
    """The curves of one key, and below them their names if there are several."""
    shown = [series[index] for index in evenly_spread(len(series), _MOST)]
    curves = [each.values for each in shown]
    scale = scale_of(curves, log=log, from_zero=series[0].key == "lr")
    height = _HEIGHT if series[0] is preview.series[0] else _LOW_HEIGHT
    lines = chart(curves, scale, preview.horizon, width=width, height=height, ascii_only=ascii_only)
    if len(series) == 1:
        return lines
    lines.append([])
    for index, each in enumerate(shown):
        first, *others = textwrap.wrap(each.name, width - 4, break_on_hyphens=False) or [""]
        lines.append([(f"  {LETTERS[index]} ", index), (first, NONE)])
        lines += [_plain_line(f"    {other}") for other in others]
    if len(shown) < len(series):
        lines.append(_plain_line(f"  {len(shown)} of {count(len(series))} curves are drawn"))
    return lines


def _table(table: Table, width: int) -> list[Line]:
    first, *rows = table.text(width - 2).splitlines()
    return [[(f"  {first}", HEADING)], *(_plain_line(f"  {row}") for row in rows)]


def _wrapped(text: str, width: int, curve: int, indent: str = "") -> list[Line]:
    lines = textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False)
    return [[(line, curve)] for line in lines]


def _plain_line(text: str) -> Line:
    return [(text, NONE)]
