"""Puts the page together: the template, the style, the scripts and the data of a preview, in one file."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from lr_toolkit.preview.page.data import page_data
from lr_toolkit.preview.preview import Preview

__all__ = ["formulas", "page_of", "write_page"]

_FOLDER = files(__package__)
# In the order in which they need each other. The first ones are the port of schedules/.
_FORMULAS = ("exact", "run", "text", "arguments", "placement", "shapes", "decays", "factors", "nested", "recipes")
_VIEW = ("curves", "numbers", "chart", "tables", "rows", "fields", "address", "view")


def page_of(preview: Preview) -> str:
    """The page of a preview, as the text of an HTML file that needs no other file.

    A series that follows a schedule of built-in builders is drawn by the page itself, and can be edited there. The values of any
    other are stored in the page.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> from lr_toolkit.preview.preview import Preview
        >>> from lr_toolkit.preview.series import series_of
        >>> horizon = Horizon(steps=10)
        >>> page = page_of(Preview("linear()", horizon, (series_of(linear().resolve(horizon), base_lr=0.1),)))
        >>> page.startswith("<!doctype html>"), "https://" in page
        (True, False)
    """
    data = json.dumps(page_data(preview), allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    parts = {
        "{style}": _read("style.css"),
        "{script}": f"{formulas()}\n{_joined(_VIEW)}",
        "{data}": data.replace("<", "\\u003c"),  # no text may end the script in which it lies
    }
    page = _read("page.html")
    for place, part in parts.items():
        before, after = page.split(place)
        page = before + part + after
    return page


def write_page(preview: Preview, path: str | Path = "lr-schedule.html") -> Path:
    """Write the page of a preview, and return its path; missing folders are created.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> from lr_toolkit.preview.preview import Preview
        >>> from lr_toolkit.preview.series import series_of
        >>> horizon = Horizon(steps=10)
        >>> preview = Preview("linear()", horizon, (series_of(linear().resolve(horizon)),), is_relative=True)
        >>> write_page(preview, getfixture("tmp_path") / "new" / "curve.html").name
        'curve.html'
    """
    written = Path(path)
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(page_of(preview), "utf-8", newline="\n")
    return written


def formulas() -> str:
    """The JavaScript that reads a schedule and computes its factors, without anything that draws."""
    return f'"use strict";\n{_joined(_FORMULAS)}'


def _joined(names: tuple[str, ...]) -> str:
    return "\n".join(_read(f"js/{name}.js") for name in names)


def _read(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")
