"""Sparklines, reports and pictures."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lr_toolkit import Horizon, Schedule
from lr_toolkit.preview import Report, Table, sparkline
from lr_toolkit.preview.names import in_a_line, shorten_unique
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


NAMES = st.lists(st.text(st.sampled_from("ab01._/"), min_size=1, max_size=40), min_size=1, max_size=30)


@given(NAMES, st.integers(8, 30))
def test_shortened_names_stay_apart(names: list[str], width: int) -> None:
    """Each name fits, different names stay different, equal ones equal, and names that fit are unchanged."""
    short = shorten_unique(names, width)

    assert len({*short}) == len({*names}) == len({*zip(names, short, strict=True)})
    assert max(map(len, short)) <= width
    if max(map(len, names)) <= width:
        assert short == names


def test_a_table_keeps_long_names_apart() -> None:
    """If the first column is shortened, the rows can still be distinguished."""
    names = [f"backbone.layers.{layer}.attention.{kind}" for layer in range(3) for kind in ("decay", "no_decay")]
    lines = Table(("group", "shape"), tuple((name, "#" * 60) for name in names)).text(80).splitlines()

    assert len({line.split()[0] for line in lines[1:]}) == 6
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("count", [1, 4, 5, 10, 1000])
@pytest.mark.parametrize("different", [1, 3, 1000])
def test_many_values_make_one_short_line(count: int, different: int) -> None:
    """Up to four are shown one by one; of more the equal ones together, or the range."""
    line = in_a_line({f"lr/g{group}": (1 + group % different) / 1000 for group in range(count)})

    assert len(line) <= 100
    assert "1.000e-03" in line
    assert len(re.findall("e-0|e[+]0", line)) == (count if count <= 4 else different if different <= 4 else 2)


def test_rich_prints_the_same_text(capsys: pytest.CaptureFixture[str]) -> None:
    """With Rich, and without it, the words are the same."""
    REPORT.show()
    with_rich = capsys.readouterr().out
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "rich.console", None)
        REPORT.show()

    assert [line.rstrip() for line in with_rich.splitlines()] == capsys.readouterr().out.splitlines()


def test_colours_read_on_light_and_dark(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Rich adds bold alone: blue is lost on black, yellow and cyan on white, dim on a pale theme."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    REPORT.show()

    assert set(re.findall(r"\x1b\[([\d;]*)m", capsys.readouterr().out)) == {"0", "1"}


def test_a_terminal_without_blocks() -> None:
    """``can_print`` finds characters that an encoding lacks."""

    class Latin:
        encoding = "latin-1"

    assert not can_print("█", Latin())
    assert can_print("#", Latin())


def test_a_picture_is_written_in_the_format_of_its_ending(tmp_path: Path) -> None:
    """``.png`` and ``.svg`` files are written, and missing folders created."""
    figure = draw([Line("head", ([0, 1], [0.1, 0.0]), ([0, 1], [0.1, 0.0]))], title="linear()", phases=[(1, "linear")])
    assert save(figure, tmp_path / "new" / "lr.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in save(figure, tmp_path / "lr.svg").read_text()


def legend_of(figure: Any) -> Any:
    """The legend, which stands within the axes if there is room."""
    (legend,) = [*figure.legends, *filter(None, [figure.axes[0].get_legend()])]
    return legend


def names_in(figure: Any) -> list[str]:
    """The names in the legend."""
    return [text.get_text() for text in legend_of(figure).get_texts()]


@pytest.mark.parametrize("count", [1, 2, 10, 14, 30, 100])
def test_a_picture_of_many_curves_keeps_them_apart(count: int) -> None:
    """No two drawn curves look alike, the highest and the lowest are drawn, and the legend counts what it leaves out."""
    lines = [Line(f"g{group}", used=([0, 1], [group + 1.0, 0.0])) for group in range(count)]
    figure = draw(lines)
    drawn = figure.axes[0].lines
    looks = [(line.get_color(), line.get_marker()) for line in drawn]
    tops = [line.get_ydata()[0] for line in drawn]

    assert len(set(looks)) == len(looks) == min(count, 40)
    assert (max(tops), min(tops)) == (count, 1)
    assert names_in(figure)[0] == f"g{count - 1}"
    assert len(names_in(figure)) == min(count, 14) + 1
    title = legend_of(figure).get_title().get_text()
    assert title == {30: "30 curves, 14 named", 100: "100 curves, 40 drawn, 14 named"}.get(count, "")


def test_equal_curves_are_drawn_once() -> None:
    """Ten groups with the same LRs are one curve with one entry, and two groups with other LRs another."""
    same, other = ([0, 1], [0.1, 0.0]), ([0, 1], [0.05, 0.0])
    lines = [Line(f"lr/pg{group}", same, same) for group in range(10)] + [Line("a", used=other), Line("b", used=other)]
    figure = draw(lines)

    assert names_in(figure) == ["lr/pg0 and 9 alike", "a, b", "planned", "used"]
    assert len(figure.axes[0].lines) == 3


@pytest.mark.parametrize(
    ("steps", "gaps"),
    [([0, 1, 2, 3], 0), ([0, 49, 99], 2), ([0, 3, 4, 5, 99], 2), (list(range(0, 10_000, 50)), 0)],
)
def test_unknown_lrs_are_not_drawn(steps: list[int], gaps: int) -> None:
    """Two points with updates between them are not joined, unless they are very close; every point is drawn."""
    (line,) = draw([Line("a", used=(steps, [0.1] * len(steps)))]).axes[0].lines
    xs = line.get_xdata()
    joined = np.isfinite(xs)

    assert xs[joined].tolist() == steps
    assert (~joined).sum() == gaps
    alone = [index for index in range(len(xs)) if joined[index] and not joined[max(index - 1, 0) : index + 2].sum() > 1]
    assert set(alone) <= set(line.get_markevery())


def test_the_lowest_curve_is_visible() -> None:
    """LRs that lie far apart get a logarithmic axis, others an axis from zero; a warmup from zero is possible on both."""
    near = draw([Line("a", used=([0, 1], [0.0, 0.1])), Line("b", used=([0, 1], [0.0, 0.01]))]).axes[0]
    far = draw([Line("a", used=([0, 1], [0.0, 0.1])), Line("b", used=([0, 1], [0.0, 0.001]))]).axes[0]

    assert (near.get_yscale(), near.get_ylim()[0]) == ("linear", 0)
    assert (far.get_yscale(), far.get_ylim()[0]) == ("symlog", 0)


@pytest.mark.parametrize("name", ["a$b_$c", "$x^$", "US$", "\\$x", "_hidden", "$\\frac$"])
def test_a_name_is_shown_as_it_is(name: str, tmp_path: Path) -> None:
    """A dollar in a name or a title begins no formula, and an underscore hides no curve from the legend."""
    figure = draw([Line(name, planned=([0, 1], [0.1, 0.0]))], title=name)
    written = save(figure, tmp_path / "lr.svg").read_text()

    assert names_in(figure) == [name, "planned"]
    assert written.count(f"<!-- {name} -->") == 2


def test_a_plan_of_one_update_can_be_seen() -> None:
    """A single point is drawn as a dot, because no line goes through it."""
    (dot,) = draw([Line("a", planned=([0], [0.1]))]).axes[0].lines
    (line,) = draw([Line("a", planned=([0, 1], [0.1, 0.0]))]).axes[0].lines

    assert (dot.get_marker(), line.get_marker()) == ("o", "None")


@pytest.mark.parametrize("low", [5e-324, 1e-300, 1.0, 1.7e308])
@pytest.mark.parametrize("high", [1.7e308, sys.float_info.max, math.inf])
def test_any_lr_can_be_drawn(low: float, high: float, tmp_path: Path) -> None:
    """The smallest and the largest floats, and infinity, are drawn without a warning."""
    lines = [Line("a", ([0, 1], [low, 0.0]), ([0, 1], [low, low])), Line("b", used=([0, 1], [high, low]))]
    for some in (lines, lines[:1], lines[1:]):
        assert save(draw(some), tmp_path / "lr.png").stat().st_size > 0


def test_drawing_opens_no_window() -> None:
    """Drawing imports no pyplot, which would choose a backend for the process."""
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
    """The error names the package to install."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lr_toolkit.preview.axes.find_spec", lambda name: None)
        with pytest.raises(ImportError, match=r"pip install 'lr_toolkit\[plot\]'"):
            draw([])


PHASES = {
    "a short warmup": ("warmup('2%') >> cosine()", [0.1]),
    "near zero at both ends": ("warmup('30%', start=0.0) >> cosine(over='30%') >> linear(start=0.3)", [0.1]),
    "six phases": (
        (
            "warmup('3%') >> hold(over='2%') >> linear(end=0.5, over='30%') >> hold() >> linear(end=0.1, over='20%')"
            " >> linear(over='5%')"
        ),
        [0.1],
    ),
    "a short last phase": ("hold() >> one_minus_sqrt(over='1%')", [0.1]),
    "two peaks far apart": ("wsd('5%', '20%')", [0.1, 1e-4]),
    "zeros on a logarithmic axis": ("warmup('10%', start=0.0) >> cosine()", [0.1, 1e-4]),
}


@pytest.mark.parametrize("style", ["default", "dark_background"])
@pytest.mark.parametrize("name", PHASES)
def test_the_names_of_phases_cover_nothing(name: str, style: str) -> None:
    """In the drawn picture no name and no legend lies on a curve, on a name, or outside of the picture, and the title is inside."""
    from matplotlib import style as styles
    from matplotlib.path import Path as Outline

    text, peaks = PHASES[name]
    timeline = Schedule.parse(text).resolve(Horizon(1000, 100))
    updates = list(range(0, 1000, 5))
    lines = [
        Line(f"lr/a long name of a group {peak}", *[(updates, [peak * timeline(update) for update in updates])] * 2)
        for peak in peaks
    ]
    phases = [(phase.start, phase.name) for phase in timeline.phases]
    with styles.context(style):
        figure = draw(lines, title=text, phases=phases, epochs=range(0, 1000, 100))
        figure.draw_without_rendering()
    (axes,) = figure.axes
    legend = legend_of(figure).get_window_extent()
    boxes = [label.get_window_extent() for label in axes.texts]
    curves = [line.get_path().transformed(line.get_transform()) for line in axes.lines if len(line.get_xdata()) > 2]

    assert [label.get_text() for label in axes.texts] == [phase for _, phase in phases]
    assert len(curves) == 2 * len(peaks)
    occupied = [*boxes, legend]
    assert not any(Outline(curve.vertices).intersects_bbox(box, filled=False) for curve in curves for box in occupied)
    assert not any(box.overlaps(other) for index, box in enumerate(occupied) for other in occupied[:index])
    assert figure.bbox.x0 <= legend.x0 < legend.x1 <= figure.bbox.x1 + 1
    assert all(axes.get_window_extent().x0 - 1 <= box.x0 and box.x1 <= axes.get_window_extent().x1 + 1 for box in boxes)
    assert figure.bbox.x0 <= axes.title.get_window_extent().x0
    assert axes.title.get_window_extent().x1 <= (legend.x0 if figure.legends else figure.bbox.x1)
