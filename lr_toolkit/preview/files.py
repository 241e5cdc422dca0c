"""A preview as a file: a picture, a table, plain data or a page."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lr_toolkit.errors import ScheduleError
from lr_toolkit.preview.axes import has_matplotlib
from lr_toolkit.schedules.horizon import horizon_state

if TYPE_CHECKING:
    from lr_toolkit.preview.preview import Preview

__all__ = ["csv_of", "json_of", "save_preview"]


def save_preview(preview: Preview, path: str | Path, *, log: bool = False) -> Path:
    """Write a preview in the format of the ending of ``path``."""
    file = Path(path).expanduser()
    ending = file.suffix.lower()
    if ending not in _WRITERS:
        endings = ", ".join(_WRITERS)
        raise ScheduleError(
            f"{file.name!r}: a preview is saved by its ending: {endings}. Write {file.stem.rstrip('.') or 'curve'}.svg."
        )
    if ending == ".png" and not has_matplotlib():
        raise ScheduleError(
            f"{file.name!r}: matplotlib draws it and is not installed. Write {file.stem}.svg, or pip install 'lr_toolkit[plot]'."
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    _WRITERS[ending](preview, file, log)
    return file


def csv_of(preview: Preview) -> str:
    """A row for each update: its number, its epoch if that is known, and its values with all digits.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> print(csv_of(linear().preview(Horizon(4, 2), base_lr=0.1)))
        update,epoch,lr
        0,0.0,0.1
        1,0.5,0.07500000000000001
        2,1.0,0.05
        3,1.5,0.025
        <BLANKLINE>
    """
    columns = preview.columns()
    heads = ",".join(_quoted(name) for name in columns)
    texts = [map(_number, column.tolist()) for column in columns.values()]
    return "\n".join([heads, *map(",".join, zip(*texts, strict=True)), ""])


def json_of(preview: Preview) -> str:
    """The fields of a preview as JSON; a value that is not known is null.

    Example:
        >>> from lr_toolkit import Horizon, linear
        >>> data = json.loads(json_of(linear().preview(Horizon(2), base_lr=0.1)))
        >>> data["title"], data["horizon"]["steps"], data["series"][0]["values"]
        ('linear()', 2, [0.1, 0.05])
    """
    data = {
        "title": preview.title,
        "horizon": horizon_state(preview.horizon),
        "facts": list(preview.facts),
        "notes": list(preview.notes),
        "is_relative": preview.is_relative,
        "is_comparison": preview.is_comparison,
        "series": [
            {
                "name": series.name,
                "key": series.key,
                "phases": [{"start": start, "text": text} for start, text in series.phases],
                "values": [value if math.isfinite(value) else None for value in series.values.tolist()],
            }
            for series in preview.series
        ],
    }
    return json.dumps(data, ensure_ascii=False, allow_nan=False) + "\n"


def _write_png(preview: Preview, file: Path, log: bool) -> None:
    from lr_toolkit.preview.plot import figure_of

    figure_of(preview, log=log).savefig(file, format="png")


def _write_svg(preview: Preview, file: Path, log: bool) -> None:
    from lr_toolkit.preview.svg_chart import preview_picture

    file.write_text(preview_picture(preview, log=log), "utf-8", newline="\n")


def _write_csv(preview: Preview, file: Path, log: bool) -> None:  # noqa: ARG001  # the signature of all writers
    file.write_text(csv_of(preview), "utf-8", newline="\n")


def _write_json(preview: Preview, file: Path, log: bool) -> None:  # noqa: ARG001
    file.write_text(json_of(preview), "utf-8", newline="\n")


def _write_page(preview: Preview, file: Path, log: bool) -> None:  # noqa: ARG001
    import_module("lr_toolkit.preview.page").write_page(preview, file)  # which shows previews, too


_WRITERS: dict[str, Callable[[Any, Path, bool], None]] = {
    ".png": _write_png,
    ".svg": _write_svg,
    ".csv": _write_csv,
    ".json": _write_json,
    ".html": _write_page,
}


def _number(value: float) -> str:
    return "" if math.isnan(value) else repr(value)


def _quoted(name: str) -> str:
    """A heading as CSV writes it."""
    return '"' + name.replace('"', '""') + '"' if set(name) & set(',"\n') else name
