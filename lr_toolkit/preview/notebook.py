"""A preview in a notebook: its picture and its tables as HTML without scripts, for light and dark themes."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from lr_toolkit.preview.report import Table
from lr_toolkit.preview.svg_chart import preview_picture
from lr_toolkit.preview.tables import notes_of, tables_of

if TYPE_CHECKING:
    from lr_toolkit.preview.preview import Preview

__all__ = ["notebook_html", "table_html"]


def notebook_html(preview: Preview) -> str:
    """The picture and the tables of a preview."""
    tables = "\n".join(table_html(table) for table in tables_of(preview))
    notes = "".join(f"<br>{escape(note)}" for note in (*notes_of(preview), *preview.notes)).removeprefix("<br>")
    small = f"\n<small>{notes}</small>" if notes else ""
    return f'<div style="max-width: 760px">\n{preview_picture(preview)}{tables}{small}\n</div>'


def table_html(table: Table) -> str:
    """A table as HTML; its colours are those of the page.

    Example:
        >>> print(table_html(Table(("group", ">lr"), (("head", "0.1"),))))
        <table>
        <tr><th style="text-align: left">group</th><th style="text-align: right">lr</th></tr>
        <tr><td style="text-align: left">head</td><td style="text-align: right">0.1</td></tr>
        </table>
    """
    sides = ["right" if heading.startswith(">") else "left" for heading in table.columns]
    rows = [("th", [heading.removeprefix(">") for heading in table.columns]), *(("td", row) for row in table.rows)]
    lines = [
        "<tr>"
        + "".join(
            f'<{tag} style="text-align: {side}">{escape(text)}</{tag}>' for side, text in zip(sides, texts, strict=True)
        )
        + "</tr>"
        for tag, texts in rows
    ]
    return "\n".join(["<table>", *lines, "</table>"])
