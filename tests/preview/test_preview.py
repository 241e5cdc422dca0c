"""Sparklines, reports and pictures: what a person looks at."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lr_toolkit.preview import Report, Table, sparkline
from lr_toolkit.preview.picture import Line, draw, save
from lr_toolkit.preview.report import can_print

REPORT = Report(
    "LR schedule: warmup('10%') >> hold('50%') >> cosine(end=0.05) >> a schedule whose text is longer than the line is wide",
    ("moves every update",),
    (Table(("group", ">lr", "shape"), (("a very long name of a parameter group " * 3, "1.0e-03", "█" * 24),)),),
    ("A warning that is long enough to be wrapped over more than one line of the terminal, which it should be.",),
)


@pytest.mark.parametrize(
    ("values", "line"),
    [([], ""), ([0, 0], "▁▁"), ([1], "█"), ([3, 3, 3], "███"), ([0, 1], "▁█"), ([float("nan"), 1], "▁█")],
)
def test_sparkline(values: list[float], line: str) -> None:
    """A line has a character for each value, the lowest for zero, and none for nothing."""
    assert sparkline(values) == line


def test_a_long_sparkline_keeps_its_ends() -> None:
    """Thinned to its width, the first and the last value are still there."""
    assert len(line := sparkline(range(1000), 24)) == 24
    assert (line[0], line[-1]) == ("▁", "█")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_report_keeps_to_its_width(width: int) -> None:
    """No line is longer than asked for, however long names and texts are."""
    assert max(len(line) for line in REPORT.text(width).splitlines()) <= width


def test_rich_says_what_plain_text_says(capsys: pytest.CaptureFixture[str]) -> None:
    """With Rich, and without it, the words are the same."""
    REPORT.show()
    with_rich = capsys.readouterr().out
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "rich.console", None)
        REPORT.show()

    assert [line.rstrip() for line in with_rich.splitlines()] == capsys.readouterr().out.splitlines()


def test_a_terminal_without_blocks() -> None:
    """What an encoding cannot print is known before it is printed."""

    class Latin:
        encoding = "latin-1"

    assert not can_print("█", Latin())
    assert can_print("#", Latin())


def test_a_picture_is_written_in_the_format_of_its_ending(tmp_path: Path) -> None:
    """``.png`` and ``.svg`` files come out, in folders that are made."""
    figure = draw([Line("head", ([0, 1], [0.1, 0.0]), ([0, 1], [0.1, 0.0]))], title="linear()", phases=[1])
    assert save(figure, tmp_path / "new" / "lr.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in save(figure, tmp_path / "lr.svg").read_text()


def test_a_picture_of_many_curves_shows_the_ten_highest() -> None:
    """Eleven curves: the lowest is left out."""
    figure = draw([Line(f"g{at}", ([0, 1], [float(at), 0.0])) for at in range(11)])
    assert len(figure.axes[0].lines) == 10


def test_no_window_manager_is_asked() -> None:
    """Drawing imports no pyplot, which would choose a backend for the whole process."""
    code = (
        "import sys; from lr_toolkit.preview.picture import *; draw([Line('a', ([0], [1.0]))]); "
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_preview_needs_no_torch() -> None:
    """Tables and sparklines load neither torch nor matplotlib."""
    code = "import sys; import lr_toolkit.preview; assert not {'torch', 'lightning', 'matplotlib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_matplotlib_the_extra_is_named() -> None:
    """The error says what to install."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lr_toolkit.preview.picture.find_spec", lambda name: None)
        with pytest.raises(ImportError, match=r"pip install 'lr_toolkit\[plot\]'"):
            draw([])
