"""What the page holds, the command that writes it, and its colours."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lr_toolkit.preview.page
from lr_toolkit import Horizon, ScheduleError, cosine, custom, linear
from lr_toolkit.cli import main
from lr_toolkit.preview.page import page_of, write_page
from lr_toolkit.preview.page.data import page_data
from lr_toolkit.preview.preview import Preview
from lr_toolkit.preview.series import Series, series_of
from lr_toolkit.schedules.changed import continued
from tests.helpers.functions import halves
from tests.helpers.previews import preview_of

DOCS = Path(__file__).parents[3] / "docs"
RUN = Horizon(100, 10)
STYLE = Path(lr_toolkit.preview.page.__file__).with_name("style.css").read_text("utf-8")
COLOURS = {name: pair for name, *pair in re.findall(r"--(\w+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", STYLE)}


def data_in(page: str) -> dict[str, Any]:
    """The data that the page reads."""
    found: dict[str, Any] = json.loads(re.findall(r'<script type="application/json" id="data">(.*?)</script>', page)[0])
    return found


def test_a_schedule_of_our_builders_comes_as_its_text() -> None:
    """The page computes it, so no value is stored; the run and the base LR are beside it."""
    page = data_in(page_of(preview_of(["warmup('5%') >> cosine()"], Horizon(10**6, [400, 300]), 1e-3)))

    assert page["run"] == {"steps": 10**6, "perEpoch": [400, 300], "unit": "step"}
    assert page["base"] == 1e-3
    assert page["curves"] == [{"name": "", "key": "lr", "text": "warmup('5%') >> cosine()", "base": 1e-3, "ratio": 1.0}]


@pytest.mark.parametrize(
    "series",
    [
        series_of(custom(halves).resolve(RUN)),
        Series("StepLR", 0.5 ** np.arange(100)),
        Series("linear()", np.ones(50), text="linear()"),
        series_of(continued(linear().resolve(RUN), 50, 0.3, 1.0)),
    ],
    ids=["custom", "stock", "another run", "a plan that changed"],
)
def test_any_other_series_comes_as_its_values(series: Series) -> None:
    """A Python function, a scheduler of another library, values of a run of another length, a plan that changed on the way."""
    (curve,) = data_in(page_of(Preview("", RUN, (series,))))["curves"]

    assert curve["values"] == series.values.tolist()
    assert (curve["steps"], curve["updates"]) == (series.steps, None)
    assert [phase["text"] for phase in curve["phases"]] == [text for _, text in series.phases]


def test_a_long_series_keeps_its_extremes() -> None:
    """At most 10,000 of a million values are stored; single updates that stand out and both ends are among them."""
    values = np.linspace(1.0, 0.5, 10**6)
    values[[123_457, 700_003]] = 9.0, 0.0
    (curve,) = page_data(Preview("", Horizon(10**6), (Series("spikes", values),)))["curves"]

    assert len(curve["values"]) == len(curve["updates"]) <= 10_001
    assert {0, 123_457, 700_003, 999_999} <= set(curve["updates"])
    assert curve["values"] == values[curve["updates"]].tolist()


def test_a_value_that_is_no_number_leaves_a_gap() -> None:
    """JSON has neither NaN nor infinity."""
    (curve,) = data_in(page_of(Preview("", Horizon(3), (Series("broken", np.array([1.0, np.nan, np.inf])),))))["curves"]

    assert curve["values"] == [1.0, None, None]


def test_no_name_ends_the_data() -> None:
    """A name that holds a tag stays text."""
    name = "</script><script>alert(1)</script>{script}"
    page = page_of(Preview(name, Horizon(2), (Series(name, np.ones(2)),)))

    assert page.count("</script>") == 2
    assert data_in(page)["title"] == data_in(page)["curves"][0]["name"] == name


def test_the_page_needs_nothing_else() -> None:
    """One file of less than 150 kB, whose policy forbids every request; the only address is the name of SVG."""
    page = page_of(preview_of(["linear()"], RUN))

    assert len(page.encode()) < 150_000
    assert "default-src 'none'" in page
    assert set(re.findall(r"https?://[^\"'\s]+", page)) == {"http://www.w3.org/2000/svg"}
    assert not re.findall(r"<link|<img|@import|url\(|\bsrc=", page)


def test_a_schedule_writes_its_page(tmp_path: Path) -> None:
    """Folders are made, and the path is returned; the same schedule gives the same bytes."""
    path = cosine().page(RUN, base_lr=0.1, path=tmp_path / "new" / "page.html")

    assert path.read_text("utf-8") == page_of(preview_of([cosine()], RUN, 0.1))
    assert (
        write_page(preview_of(["cosine()"], RUN, 0.1), str(tmp_path / "other.html")).read_bytes() == path.read_bytes()
    )


def test_a_page_that_cannot_be_drawn_is_refused(tmp_path: Path) -> None:
    """Before anything is written: an absolute LR without a base LR, a schedule longer than the run, a run of 10^9 updates."""
    for schedule, horizon in [(cosine(end_lr=1e-5), RUN), (cosine(over=101), RUN), (cosine(), Horizon(10**9))]:
        with pytest.raises(ScheduleError):
            schedule.page(horizon, path=tmp_path / "page.html")

    assert not list(tmp_path.iterdir())


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_writes_the_page_and_prints_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Several schedules on one run."""
    path = tmp_path / "page.html"
    words = ["--steps", "1000", "--steps-per-epoch", "100", "--lr", "1e-3", "--out", str(path)]
    main(["page", "warmup('1 epoch') >> cosine()", "linear(end_lr=1e-5)", *words])

    assert capsys.readouterr().out == f"{path}\n"
    assert [curve["text"] for curve in data_in(path.read_text("utf-8"))["curves"]] == [
        "warmup('1 epoch') >> cosine()",
        "linear(end_lr=1e-05)",
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cosin()", "--steps", "100"], "Did you mean cosine(...)?"),
        (["cosine()", "linear", "--steps", "100"], "linear()"),
        (["cosine()"], "--steps"),
        (["cosine()", "--steps", "0"], "must be above zero"),
        (["cosine()", "--steps", "100", "--lr", "-1"], "--lr -1.0"),
        (["hold('1 epoch')", "--steps", "100"], "--steps-per-epoch 100"),
        (["cosine(end_lr=1e-5)", "--steps", "100"], "--lr 0.001"),
        (["hold(200)", "--steps", "100"], "does not fit"),
    ],
)
def test_the_command_refuses_wrong_words(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 2, a message that shows what to write, and no file."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as left:
        main(["page", *words])

    assert left.value.code == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_page_loads_neither_torch_nor_lightning_nor_matplotlib(tmp_path: Path) -> None:
    """In a new process, by the command and by the schedule."""
    code = (
        "import sys; from lr_toolkit import Horizon, cosine; from lr_toolkit.cli import main; "
        "cosine().page(Horizon(10)); main(['page', 'cosine()', '--steps', '10']); "
        "print(*{'torch', 'lightning', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.split() == ["lr-schedule.html"]


# --- colours ----------------------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2."""
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear_channels = [
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4 for channel in channels
    ]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear_channels))


def contrast(colour: str, other: str) -> float:
    """The contrast of WCAG 2, from 1 to 21."""
    low, high = sorted([luminance(colour), luminance(other)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(
    ("name", "least"), [("text", 7.0), ("muted", 4.5), ("accent", 4.5), ("error", 4.5), ("edge", 3.0)]
)
def test_texts_and_edges_stand_out(name: str, least: float, theme: int) -> None:
    """The contrast that WCAG asks of texts (4.5) and of the edges of controls (3), on the page and on a surface."""
    for ground in ("page", "surface"):
        assert contrast(COLOURS[name][theme], COLOURS[ground][theme]) >= least, ground


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_curves_stand_out(theme: int) -> None:
    """Each of six colours has a contrast of 3 to the page."""
    curves = [COLOURS[f"c{number}"][theme] for number in range(6)]

    assert len(set(curves)) == 6
    assert min(contrast(curve, COLOURS["page"][theme]) for curve in curves) >= 3.0


def test_nothing_moves_by_itself() -> None:
    """There is no animation that a reader who prefers less motion would have to switch off."""
    assert not re.findall(r"animation|transition|scroll-behavior", STYLE)


def test_the_page_of_the_documentation_is_what_the_command_writes(tmp_path: Path) -> None:
    """``docs/try.html`` is equal to what the command writes, byte by byte."""
    words = (
        "page \"warmup('5%') >> cosine()\" \"wsd('5%', '20%')\" --steps 10000 --steps-per-epoch 1000 --lr 1e-3 --out"
    )

    main([*shlex.split(words), str(tmp_path / "try.html")])

    again = f"Write it again: lr-toolkit {words} docs/try.html"
    assert (DOCS / "try.html").read_bytes() == (tmp_path / "try.html").read_bytes(), again
