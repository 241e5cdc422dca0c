"""What a preview holds, and what comes out of it: values, columns, files, pictures."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lr_toolkit import Horizon, Preview, Schedule, ScheduleError, cosine, hold, linear, warmup
from lr_toolkit.preview.chart import chart
from lr_toolkit.preview.coloured import COLOURS
from lr_toolkit.preview.files import csv_of
from lr_toolkit.preview.plot import figure_of
from lr_toolkit.preview.scale import Scale, scale_of
from lr_toolkit.preview.series import Series
from lr_toolkit.preview.svg_chart import preview_picture
from lr_toolkit.preview.thinned import thinned

SCHEDULE = warmup("5%") >> cosine(end=0.1)
RUN = Horizon(1000, 100)
KEYS = Preview(
    "Net",
    Horizon(40),
    (
        Series("body", np.linspace(1e-3, 0.0, 40)),
        Series("head", np.linspace(1e-2, 0.0, 40)),
        Series("all", np.linspace(0.85, 0.95, 40), key="momentum"),
        Series("all", np.linspace(0.1, 0.0, 40), key="weight_decay"),
    ),
    ("AdamW",),
)


# --- what it holds --------------------------------------------------------------------------------------------------------


def test_the_values_are_those_of_the_timeline() -> None:
    """The values of a schedule are the LR of each update, exactly; without a base LR, its factors."""
    timeline = SCHEDULE.resolve(RUN)
    updates = range(RUN.steps)

    assert SCHEDULE.preview(RUN, base_lr=3e-4).values.tolist() == [timeline(k, base_lr=3e-4) for k in updates]
    assert SCHEDULE.preview(RUN).values.tolist() == [timeline(k) for k in updates]
    assert [SCHEDULE.preview(RUN, base_lr=base).is_relative for base in (3e-4, None)] == [False, True]


def test_absolute_levels_are_those_of_the_base_lr() -> None:
    """A floor that is an LR needs the base LR, and is reached."""
    assert cosine(end_lr=1e-5, over="50%").preview(RUN, base_lr=1e-3).values[-1] == pytest.approx(1e-5)


def test_groups_have_their_own_schedules_and_base_lrs() -> None:
    """A mapping has a series for each of its entries."""
    preview = Preview.of(
        {"head": "cosine()", "layer_*": linear(), "*": hold()}, RUN, {"head": 1, "layer_*": 0.1, "*": 2.0}
    )

    assert [series.name for series in preview.series] == ["head", "layer_*", "*"]
    assert preview.values.shape == (1000, 3)
    assert preview.values[0].tolist() == [1.0, 0.1, 2.0]
    assert Preview.of({"head": "cosine()", "*": "linear()"}, RUN, 0.5).values[0].tolist() == [0.5, 0.5]


def test_a_comparison_ends_where_its_schedules_end() -> None:
    """Runs of different lengths are compared over the longest; after its end a series has no value."""
    both = Preview.compare([cosine().preview(Horizon(4)), linear().preview(Horizon(6))])

    assert (both.horizon.steps, both.is_comparison) == (6, True)
    assert np.isnan(both.values).tolist() == [[False, False]] * 4 + [[True, False]] * 2
    assert Preview.compare([both]) is both


REFUSED: dict[str, tuple[Any, str]] = {
    "no horizon": (lambda: cosine().preview(1000.0), r"Horizon\(steps=1000\)"),  # type: ignore[arg-type]  # on purpose
    "a base LR of zero": (lambda: cosine().preview(RUN, 0.0), "base_lr=0.0.*above zero.*Write base_lr=1e-3"),
    "a base LR below zero": (lambda: cosine().preview(RUN, -1.0), "Write base_lr=1e-3"),
    "an infinite base LR": (lambda: cosine().preview(RUN, float("inf")), "Write base_lr=1e-3"),
    "a base LR that is a text": (lambda: Preview.of("cosine()", RUN, "1e-3"), "base_lr='1e-3'.*Write base_lr=1e-3"),  # type: ignore[arg-type]
    "a base LR that is a fact": (lambda: cosine().preview(RUN, True), "Write base_lr=1e-3"),
    "a floor without a base LR": (lambda: cosine(end_lr=1e-5).preview(RUN), "Write the base LR too"),
    "a group without a base LR": (
        lambda: Preview.of({"head": "cosine()", "*": "linear()"}, RUN, {"head": 1.0}),
        r"no base LR for '\*'",
    ),
    "a schedule that does not fit": (lambda: warmup(2000).preview(RUN), "does not fit"),
    "a run without an end": (lambda: cosine().preview(Horizon(10**8)), "lengths in percent"),
    "factors and LRs": (
        lambda: Preview.compare([cosine().preview(RUN), cosine().preview(RUN, 0.1)]),
        "Write base_lr= \\(for the command: --lr\\) for each",
    ),
    "nothing to compare": (lambda: Preview.compare([]), "Write base_lr="),
    "nine curves": (lambda: Preview.compare([cosine().preview(RUN)] * 9), "Write fewer of them"),
    "another ending": (lambda: cosine().preview(RUN).save("curve.pdf"), r"\.png, \.svg.*Write curve\.svg"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_previewed_is_refused(name: str) -> None:
    """The message shows what was given and what to write."""
    act, message = REFUSED[name]
    with pytest.raises(ScheduleError, match=f"(?s){message}"):
        act()


def test_the_epochs_of_the_updates() -> None:
    """The column of epochs is exact where an epoch begins, also if epochs differ in length."""
    columns = linear().preview(Horizon(9, [4, 3, 2])).columns()

    assert columns["epoch"][[0, 2, 4, 7, 8]].tolist() == [0.0, 0.5, 1.0, 2.0, 2.5]
    assert list(linear().preview(Horizon(5, unit="epoch")).columns()) == ["epoch", "lr"]
    assert list(KEYS.columns()) == ["update", "body lr", "head lr", "all momentum", "all weight_decay"]


# --- files ------------------------------------------------------------------------------------------------------------------


def test_csv_has_every_digit(tmp_path: Path) -> None:
    """What a reader of CSV reads back is what the run uses, to the last bit; a name with a comma is one heading."""
    both = Preview.compare(
        [SCHEDULE.preview(Horizon(50, 7)), Schedule.parse("multistep([3, 5], gamma=0.3)").preview(Horizon(30, 7))]
    )
    file = both.save(tmp_path / "new" / "curve.csv")
    with file.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))

    assert list(rows[0]) == ["update", "epoch", "warmup('5%') >> cosine(end=0.1)", "multistep([3, 5], gamma=0.3)"]
    read = np.array([[float(row[name] or "nan") for name in list(rows[0])[2:]] for row in rows])
    np.testing.assert_array_equal(read, both.values)
    assert [float(row["epoch"]) for row in rows] == [k / 7 for k in range(50)]


def test_json_has_every_field(tmp_path: Path) -> None:
    """JSON reads back as the preview; a value that is not known is null."""
    preview = Preview("a run", Horizon(3), (Series("used", np.array([0.1, np.nan, 0.05])),), ("a fact",))
    data = json.loads(preview.save(tmp_path / "curve.json").read_text("utf-8"))

    assert (data["title"], data["facts"], data["is_relative"]) == ("a run", ["a fact"], False)
    assert data["horizon"] == {"steps": 3, "steps_per_epoch": None, "unit": "step"}
    assert data["series"] == [{"name": "used", "key": "lr", "phases": [], "values": [0.1, None, 0.05]}]


def test_the_ending_may_be_upper_case(tmp_path: Path) -> None:
    """The ending of a file name sets the format, in upper and in lower case."""
    assert "<svg" in cosine().preview(RUN).save(tmp_path / "CURVE.SVG").read_text("utf-8")
    assert cosine().preview(RUN).save(str(tmp_path / "curve.PNG")).read_bytes().startswith(b"\x89PNG")


# --- SVG --------------------------------------------------------------------------------------------------------------------


def curves_of(picture: str) -> list[np.ndarray[Any, Any]]:
    """The points of each curve of a picture."""
    lines = ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}polyline")
    return [np.array([point.split(",") for point in line.attrib["points"].split()], float) for line in lines]


@pytest.mark.parametrize("steps", [1, 2, 59, 61, 100_000])
def test_a_curve_goes_through_its_values(steps: int) -> None:
    """Each point of the picture lies on the curve, to a tenth of a pixel; the first and the last update are there."""
    preview = linear(end=0.2).preview(Horizon(steps))
    (points,) = curves_of(preview_picture(preview))
    left, right, height = 74, 760 - 22, 250
    top = points[:, 1].min()
    updates = np.clip(((points[:, 0] - left) / (right - left) * steps).round(6), 0, steps - 1)

    assert points[0].tolist() == [left, top]
    if steps <= 60:  # stairs
        assert sorted({*(1 - (points[:, 1] - top) / height).round(3)}) == pytest.approx(
            sorted(preview.values), abs=1e-3
        )
    else:
        values = np.interp(updates, np.arange(steps), preview.values)
        assert 1 - (points[:, 1] - top) / height == pytest.approx(values, abs=1.5e-3)


def test_a_picture_is_well_formed_and_transparent() -> None:
    """Any name is escaped, each key has its axes, no background is drawn, and the text for screen readers describes the picture."""
    named = Preview('<a> & "b"', KEYS.horizon, KEYS.series)
    picture = preview_picture(named)
    root = ET.fromstring(picture)
    texts = ["".join(text.itertext()) for text in root.iter("{http://www.w3.org/2000/svg}text")]

    assert root[0].text == '<a> & "b": 40 updates'
    assert {"lr", "momentum", "weight_decay", "body", "head"} <= {*texts}
    assert "<rect" not in picture
    assert len(curves_of(picture)) == 4


def test_an_unknown_value_is_a_gap() -> None:
    """A curve is drawn up to a gap, and goes on after it."""
    values = np.linspace(1.0, 0.5, 100)
    values[40:60] = np.nan
    first, second = curves_of(preview_picture(Preview("gap", Horizon(100), (Series("gap", values),))))

    assert first[:, 0].max() < second[:, 0].min()
    assert len(first) + len(second) == 80


def test_the_colours_have_contrast_on_white_and_on_black() -> None:
    """Each colour has a contrast of 3 with both, as WCAG asks of graphics."""

    def luminance(colour: str) -> float:
        parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        linear_parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return float(np.dot([0.2126, 0.7152, 0.0722], linear_parts))

    for colour in COLOURS:
        assert min(1.05 / (luminance(colour) + 0.05), (luminance(colour) + 0.05) / 0.05) >= 3.0, colour


# --- matplotlib -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("pyplot")
def test_plot_draws_the_values() -> None:
    """Without axes there are axes for each key, with shared updates; the LR's are returned."""
    axes = KEYS.plot()
    others = [each for each in axes.figure.axes if each is not axes]

    assert axes.get_ylabel() == "learning rate"
    assert [each.get_ylabel() for each in others] == ["momentum", "weight decay"]
    assert all(each.get_shared_x_axes().joined(each, axes) for each in others)
    np.testing.assert_array_equal(axes.patches[1].get_data().values, KEYS.series[1].values)


def test_plot_draws_on_the_axes_of_the_user(pyplot: Any) -> None:
    """On given axes nothing else is made, and the LRs alone are drawn, also on a logarithmic axis."""
    _, (first, second) = pyplot.subplots(1, 2)
    assert SCHEDULE.preview(RUN, 0.1).plot(first) is first
    assert KEYS.plot(ax=second, log=True) is second

    assert (first.get_yscale(), second.get_yscale()) == ("linear", "log")
    (line,) = [line for line in first.lines if len(line.get_xdata()) > 2]
    np.testing.assert_array_equal(line.get_xdata(), np.arange(1000))
    np.testing.assert_array_equal(line.get_ydata(), SCHEDULE.preview(RUN, 0.1).values)
    assert len(second.patches) == 2
    assert first.figure.axes == [first, second]


def test_saving_opens_no_window(tmp_path: Path) -> None:
    """A PNG is written without pyplot, which would choose a backend for the process."""
    code = (
        "import sys; from lr_toolkit import Horizon, cosine; "
        f"cosine().preview(Horizon(9)).save({str(tmp_path / 'a.png')!r}); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("log", [False, True])
def test_the_legend_covers_no_curve(log: bool) -> None:
    """The names of several curves stand below the axes."""
    both = Preview.compare([Schedule.parse(text).preview(RUN) for text in ("wsd('5%', '20%')", "linear()", "cosine()")])
    figure = figure_of(both, log=log)
    figure.draw_without_rendering()

    assert figure.legends[0].get_window_extent().y1 < figure.axes[0].get_window_extent().y0
    assert [text.get_text().strip()[:2] for text in figure.legends[0].get_texts()] == ["a ", "b ", "c "]


def test_without_matplotlib_the_extra_is_named(tmp_path: Path) -> None:
    """PNG and plot name the package to install; nothing is written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lr_toolkit.preview.axes.find_spec", lambda name: None)
        with pytest.raises(ScheduleError, match=r"Write a\.svg, or pip install 'lr_toolkit\[plot\]'"):
            cosine().preview(RUN).save(tmp_path / "new" / "a.png")
        with pytest.raises(ImportError, match=r"pip install 'lr_toolkit\[plot\]'"):
            cosine().preview(RUN).plot()

    assert not (tmp_path / "new").exists()


# --- notebooks --------------------------------------------------------------------------------------------------------------


class Tags(HTMLParser):
    """Collects the tags of a page, and the texts of its cells."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        """Note a tag."""
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close a tag, which has to be the last that was opened."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note the text of a cell."""
        if self.open and self.open[-1] == "td":
            self.cells.append(data)


@pytest.mark.parametrize(
    "preview", [SCHEDULE.preview(RUN, 0.1), KEYS, Preview.compare([cosine().preview(RUN), SCHEDULE.preview(RUN)])]
)
def test_a_notebook_shows_a_picture_and_the_tables(preview: Preview) -> None:
    """The HTML is well formed, has the picture and the numbers of the text, and neither scripts nor colours of its own."""
    page = preview._repr_html_()
    tags = Tags()
    tags.feed(page)

    assert tags.open == []
    assert tags.tags.count("svg") == 1
    assert not {"script", "style", "link"} & {*tags.tags}
    assert "background" not in page
    text = preview.text()
    assert len(tags.cells) > 4
    assert all(cell in text for cell in tags.cells)


# --- the chart --------------------------------------------------------------------------------------------------------------

VALUES = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=300)


def dots_of(lines: list[Any], width: int) -> np.ndarray[Any, Any]:
    """The braille dots of a chart, the highest row first, without its axes."""
    bits = {0: (0, 0), 1: (1, 0), 2: (2, 0), 3: (0, 1), 4: (1, 1), 5: (2, 1), 6: (3, 0), 7: (3, 1)}
    rows = ["".join(text for text, _ in line) for line in lines if any(mark in line[0][0] for mark in "│┤")]
    rows = [row[max(row.find("│"), row.find("┤")) + 1 :] for row in rows]
    grid = np.zeros((4 * len(rows), 2 * len(rows[0])), bool)
    for y, row in enumerate(rows):
        for x, character in enumerate(row):
            for bit, (down, right) in bits.items():
                grid[4 * y + down, 2 * x + right] = character != " " and (ord(character) - 0x2800) >> bit & 1
    return grid


@given(VALUES, st.integers(60, 100))
def test_a_chart_shows_the_range_of_each_column(values: list[float], width: int) -> None:
    """In each column of dots the highest and the lowest value of its updates have their dot, and the curve has no gap."""
    scale = Scale(0.0, 1.0)
    grid = dots_of(chart([np.array(values)], scale, Horizon(len(values)), width=width), width)
    rows, columns = grid.shape
    for column in range(columns):
        first = column * len(values) // columns
        updates = values[first : max((column + 1) * len(values) // columns, first + 1)]
        heights = [rows - 1 - round(value * (rows - 1)) for value in (max(updates), min(updates))]
        (drawn,) = np.nonzero(grid[:, column])
        assert grid[heights, column].all()
        assert drawn.tolist() == list(range(drawn[0], drawn[-1] + 1))
        if column:
            (before,) = np.nonzero(grid[:, column - 1])
            assert before[0] - 1 <= drawn[-1]
            assert drawn[0] <= before[-1] + 1


def test_an_unknown_value_is_no_dot() -> None:
    """Used LRs of which some are not known, or none, are drawn and listed as far as they are."""
    values = np.full(60, np.nan)
    values[20:40] = 0.5
    run = Preview("a run", Horizon(60), (Series("used", values), Series("lost", np.full(60, np.nan))))
    text = run.text()
    grid = dots_of(chart([values], Scale(0.0, 1.0), run.horizon, width=66), 66)

    assert grid.any(axis=0).tolist() == [20 <= column * 60 // 120 < 40 for column in range(120)]
    assert re.search(r"used +0\.5 +0\.5 +20 +0\.5\n", text)
    assert re.search(r"lost +- +- +- +-$", text)


@given(VALUES, st.integers(60, 100), st.booleans(), st.booleans())
def test_a_text_keeps_to_its_width_and_characters(values: list[float], width: int, log: bool, ascii_only: bool) -> None:
    """Whatever the values are, no line of the charts is too long, and a plain terminal gets ASCII alone."""
    preview = Preview(
        "any", Horizon(len(values)), (Series("any", np.array(values)), Series("other", np.array(values) / 3))
    )
    text = preview.text(width, ascii_only=ascii_only, log=log)

    assert max(map(len, text.splitlines())) <= width
    assert text.isascii() or not ascii_only


@pytest.mark.parametrize(
    ("values", "options", "scale"),
    [
        ([0.0, 0.0], {}, Scale(0.0, 1.0)),
        ([0.0, 0.0], {"log": True}, Scale(0.0, 1.0)),
        ([1.0, 1.0], {"log": True}, Scale(0.1, 1.0, True)),
        ([2.0, 0.03], {"log": True}, Scale(0.01, 2.0, True)),
        ([1.0, 1e-30], {"log": True}, Scale(1e-6, 1.0, True)),
        ([0.9, 0.9], {"from_zero": False}, Scale(0.0, 0.9)),
        ([0.9, 0.8], {"from_zero": False}, Scale(0.8, 0.9)),
        ([0.9, 0.1], {"from_zero": False}, Scale(0.0, 0.9)),
        ([float("nan"), 3.0], {}, Scale(0.0, 3.0)),
        ([float("nan")], {}, Scale(0.0, 1.0)),
    ],
)
def test_the_axis(values: list[float], options: dict[str, bool], scale: Scale) -> None:
    """An axis begins at zero, a logarithmic one at a power of ten; an axis without values has a height, too."""
    found = scale_of([np.array(values)], **options)

    assert (found.bottom, found.top, found.is_log) == pytest.approx((scale.bottom, scale.top, scale.is_log))


@given(st.lists(st.floats(0.0, 1.0), min_size=30, max_size=200))
def test_a_thinned_curve_keeps_its_highest_and_lowest_values(values: list[float]) -> None:
    """The extremes and both ends are among the updates that are drawn."""
    array = np.array(values)
    updates = thinned(Series("any", array), most=20)

    assert len(updates) <= 22
    assert {array.min(), array.max()} <= {*array[updates]}
    assert (updates[0], updates[-1]) == (0, len(values) - 1)


def test_a_hundred_groups_are_previewed() -> None:
    """Of many groups a few are drawn, evenly picked, and all are in the table and the files."""
    many = Preview("many", RUN, tuple(Series(f"layer {n}", np.full(1000, n + 1.0)) for n in range(100)))
    text = many.text()

    assert "8 of 100 curves are drawn" in text
    assert all(f"  layer {n} " in text for n in range(100))
    assert csv_of(many).splitlines()[1].count(",") == 101
    assert len(curves_of(preview_picture(many))) == 100
