"""The page in a real browser: drawn, pointed at, edited, compared, by keyboard, on a phone, in the dark."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from lr_toolkit import Horizon, Schedule, cosine, warmup
from lr_toolkit.preview.page import write_page
from lr_toolkit.preview.preview import Preview
from lr_toolkit.preview.series import Series, series_of
from tests.helpers.browser import Browser, browser
from tests.helpers.previews import preview_of

RUN = Horizon(1000, 100)
FOUR = ["warmup('5%') >> cosine(end=0.1)", "wsd('5%', '20%')", "one_cycle()", "cosine_restarts(times=3)"]


@pytest.fixture(scope="module")
def shared() -> Iterator[Browser]:
    """One browser for all tests."""
    with browser() as opened:
        yield opened


@pytest.fixture
def page(shared: Browser) -> Iterator[Browser]:
    """The browser; the console holds no error afterwards."""
    assert not shared.problems
    yield shared
    assert not shared.problems


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of one schedule."""
    schedule = warmup("5%") >> cosine(end=0.1)
    return schedule.page(RUN, base_lr=1e-3, path=tmp_path_factory.mktemp("single") / "page.html")


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of four schedules."""
    return write_page(preview_of(FOUR, RUN, 1e-3), tmp_path_factory.mktemp("four") / "page.html")


def reading(page: Browser) -> list[list[str]]:
    """The caption of the table beneath the chart, and its rows."""
    rows: list[list[str]] = page.js(
        "return [...document.querySelectorAll('#reading tbody tr')].map(row => [...row.children].map(e => e.textContent))"
    )
    return [page.texts("#reading caption"), *rows]


def lowest(page: Browser, curve: int = 0) -> float:
    """The height in the picture of the lowest point of a curve."""
    path = page.js("return document.querySelectorAll('path.curve')[arguments[0]].getAttribute('d')", curve)
    return max(float(y) for _, y in re.findall(r"([\d.]+) ([\d.]+)", path))


@pytest.mark.parametrize("steps", [40, 20_000])
def test_a_value_without_a_neighbour_is_a_dot(page: Browser, tmp_path: Path, steps: int) -> None:
    """So is each LR of a logged run; the cursor reads it, and the table has the first and the last."""
    values = np.full(steps, np.nan)
    values[[1, steps // 2, steps - 2]] = [0.3, 0.2, 0.1]
    page.open(write_page(Preview("run", Horizon(steps), (Series("used", values),)), tmp_path / "run.html"))

    line, dots = (
        page.js("return document.querySelectorAll('path.curve')[arguments[0]].getAttribute('d')", i) for i in (0, 1)
    )
    assert line == ""
    assert dots.count("M") == 3
    row = page.texts("#values tbody td") + page.texts("#summary tbody td")
    assert {"0.3", "0.1"} <= set(row), row


def test_the_page_shows_the_curve_and_its_tables(page: Browser, single: Path) -> None:
    """The title, a curve, the phases with their updates and LRs, as Python computes them."""
    page.open(single)

    assert page.driver.title == page.find("h1").text == "warmup('5%') >> cosine(end=0.1)"
    assert len(page.texts("path.curve")) == 1
    assert page.texts("#phases tbody tr")[0].startswith("warmup('5%')00.00")
    assert page.texts("#phases tbody tr:nth-child(2) td") == ["50", "0.50", "0.001", "1e-4"]
    assert page.texts("#values tbody td")[1] == "1.9608e-5"
    assert page.find("textarea").get_attribute("value") == "warmup('5%') >> cosine(end=0.1)"


def test_pointing_at_the_chart_reads_the_curve(page: Browser, single: Path) -> None:
    """The update, epoch, phase and LR below the pointer; the values are those of the timeline."""
    page.open(single)
    width = page.find(".chart").rect["width"]
    timeline = (warmup("5%") >> cosine(end=0.1)).resolve(RUN)
    for share in (0.2, 0.45, 0.9):
        page.point(".chart", width * share, 200)
        caption, (_, value, phase) = reading(page)
        k = int(re.findall(r"Update (\d+) of 1,000", caption[0])[0])

        assert abs(k - 1000 * (width * share - 62) / (width - 78)) < 1.5
        assert caption == [f"Update {k} of 1,000, epoch {k / 100:.2f}"]
        assert phase == timeline.phases[int(k >= 50)].text
        assert float(value) == pytest.approx(timeline(k, base_lr=1e-3), rel=1e-4)


def test_the_keyboard_reads_the_curve(page: Browser, single: Path) -> None:
    """The chart is a slider: arrows, Shift, Page Up, Home and End move it, and its text describes the update that is read."""
    page.open(single)
    chart = page.find(".chart")
    page.js("arguments[0].focus()", chart)
    seen = []
    for keys in [
        "\ue011",
        "\ue014",
        "\ue008\ue014",
        "\ue00e",
        "\ue010",
        "\ue012",
    ]:  # Home, right, Shift right, Page Up, End, left
        page.press(keys)
        seen.append(int(chart.get_attribute("aria-valuenow")))

    assert seen == [0, 5, 6, 56, 999, 994]
    assert chart.get_attribute("role") == "slider"
    assert chart.get_attribute("aria-valuetext").startswith("Update 994 of 1,000, epoch 9.94. Schedule: 1.0")
    assert chart.get_attribute("aria-valuetext").endswith(" in cosine(end=0.1)")


def test_an_edited_schedule_is_drawn_at_once(page: Browser, single: Path) -> None:
    """The curve, the title, the tables, the lines to copy and the address follow the text; a link leads to the same page."""
    page.open(single)
    before = lowest(page)
    page.write("textarea", "linear()  # to zero")

    assert lowest(page) > before + 5
    assert page.find("h1").text == "linear()"
    assert page.texts("#phases tbody th") == ["linear()"]
    assert page.texts(".lines code") == ["schedule = linear()", 'schedule: "linear()"']
    assert Schedule.parse(page.texts(".lines code")[0].removeprefix("schedule = ")) == Schedule.parse("linear()")

    state = page.js("return location.hash")
    page.open(single, state=state)
    assert page.find("textarea").get_attribute("value") == "linear()  # to zero"


def test_a_wrong_text_shows_the_parsers_error(page: Browser, single: Path) -> None:
    """The message stands beneath the box, which is marked, and the last curve stays, pale, until the text is right."""
    page.open(single)
    page.write("textarea", "warmup('5%') >> cosin()")

    assert page.texts("#schedule-0-error")[0].startswith("cannot read cosin. Did you mean cosine(...)?")
    assert page.find("textarea").get_attribute("aria-invalid") == "true"
    assert page.find("textarea").get_attribute("aria-describedby") == "schedule-0-error"
    assert page.texts("path.stale") == [""]

    page.write("textarea", "warmup('5%') >> cosine()")
    assert page.texts("#schedule-0-error") == [""]
    assert page.find("textarea").get_attribute("aria-invalid") == "false"
    assert not page.texts("path.stale")


@pytest.mark.parametrize(
    ("field", "text", "message"),
    [
        ("#steps", "0", "Write a whole number above zero."),
        ("#steps", "ten", "Write a whole number above zero."),
        ("#epoch", "40, 0", "Write a whole number above zero."),
        ("#base", "-1", "Write a number above zero"),
    ],
)
def test_a_wrong_run_is_refused_beneath_its_field(
    page: Browser, single: Path, field: str, text: str, message: str
) -> None:
    """The message shows what to write, and the curve stays."""
    page.open(single)
    page.write(field, text)

    assert page.texts(f"{field}-error")[0].startswith(message)
    assert page.find(field).get_attribute("aria-invalid") == "true"
    assert len(page.texts("path.curve")) == 1


def test_the_run_can_be_changed(page: Browser, single: Path) -> None:
    """Updates, epochs of different lengths and the base LR; without one the factors are shown."""
    page.open(single)
    page.write("#steps", "2000")
    page.write("#epoch", "500, 250")
    page.write("textarea", "warmup('1 epoch') >> cosine(over='2 epochs')")
    assert page.texts("#phases tbody tr:nth-child(2) td")[:2] == ["500", "1.00"]

    page.write("#base", "")
    page.write("#base", "0.5")
    assert page.texts("#phases tbody tr:nth-child(2) td")[2] == "0.5"
    page.js("const box = document.querySelector('#base'); box.value = ''; box.dispatchEvent(new Event('input'))")
    assert page.texts("#phases tbody tr:nth-child(2) td")[2] == "1"
    assert reading(page)[0] == ["Update 1,000 of 2,000, epoch 3.00"]
    assert page.texts("#reading thead th")[1] == "Factor of the base LR"

    page.js("const it = document.querySelector('#steps-slider'); it.value = 3; it.dispatchEvent(new Event('input'))")
    assert page.find("#steps").get_attribute("value") == "1000"


def test_a_line_is_copied(page: Browser, single: Path) -> None:
    """The clipboard holds the YAML line, which YAML reads as the text of the schedule."""
    page.open(single)
    page.allow_clipboard()
    page.click(".row summary")
    page.click(".line:nth-child(2) button")
    copied = page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])")

    assert yaml.safe_load(copied) == {"schedule": "warmup('5%') >> cosine(end=0.1)"}
    assert "Copied" in page.texts(".line button")


def test_a_logarithmic_axis_spreads_small_values(page: Browser, single: Path) -> None:
    """The button switches the axis, and its state is available to a screen reader."""
    page.open(single)
    linear = page.texts(".axes text")
    page.click("#log")

    assert page.find("#log").get_attribute("aria-pressed") == "true"
    assert "1e-4" in page.texts(".axes text")
    assert "8e-4" in linear
    assert "8e-4" not in page.texts(".axes text")


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_theme_follows_the_system_and_can_be_switched(page: Browser, single: Path, is_dark: bool) -> None:
    """Without a click it is the system's; a click gives the other one."""
    brightness = "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    page.open(single, is_dark=is_dark)

    assert (page.js(brightness) < 100) is is_dark
    assert page.find("#dark").get_attribute("aria-pressed") == str(is_dark).lower()
    page.click("#dark")
    assert (page.js(brightness) < 100) is not is_dark


def test_several_schedules_are_compared(page: Browser, four: Path) -> None:
    """A curve, a row and a dash for each; the differences from the first have a chart; schedules are added and removed."""
    page.open(four)
    assert page.find("h1").text == "4 schedules"
    assert len(page.texts("path.curve")) == 4
    dashes = page.js("return [...document.querySelectorAll('path.curve')].map(e => e.getAttribute('stroke-dasharray'))")
    assert len(set(dashes)) == 4
    _, *rows = reading(page)
    k = 500
    timelines = [Schedule.parse(text).resolve(RUN) for text in FOUR]
    assert [float(row[1]) for row in rows] == pytest.approx([each(k, base_lr=1e-3) for each in timelines], rel=1e-4)
    differences = [float(row[2].replace("\N{MINUS SIGN}", "-")) for row in rows[1:]]
    assert differences == pytest.approx([1e-3 * (each(k) - timelines[0](k)) for each in timelines[1:]], rel=1e-3)

    page.click("#difference")
    curves = "return [...document.querySelectorAll('.chart')].map(e => e.querySelectorAll('path.curve').length)"
    assert page.js(curves) == [4, 3]

    page.click("#add")
    assert page.js("return document.activeElement.id") == "schedule-4"
    assert page.find("h1").text == "5 schedules"
    page.click("[aria-label='Remove schedule 1']")
    assert page.texts("#summary tbody th") == [f"Schedule {number}" for number in (1, 2, 3, 4)]


def test_stored_values_are_drawn_with_a_note(page: Browser, tmp_path: Path) -> None:
    """A scheduler of another library has no formula; groups have base LRs of their own, and each key its chart."""
    head = series_of(Schedule.parse("linear()").resolve(RUN), 1e-3, "head")
    slow = series_of(Schedule.parse("cosine(end_lr=1e-5)").resolve(RUN), 1e-4, "backbone")
    momentum = series_of(Schedule.parse("linear(end=0.9)").resolve(RUN), 0.95, "head", "momentum")
    stock = Series("StepLR", np.where(np.arange(1000) < 500, 1e-3, np.nan))
    path = write_page(Preview("LitModel", RUN, (head, slow, stock, momentum), ("AdamW",)), tmp_path / "page.html")
    page.open(path)

    assert page.find("h1").text == "LitModel"
    assert page.texts("#facts li") == ["AdamW"]
    assert "its values come from Python" in page.texts(".row .note")[1]
    assert page.texts(".row .note")[0] == "Its base LR is 0.1 times the base LR of the run."
    assert len(page.texts(".chart")) == 2
    assert [row[0] for row in reading(page)[1:]] == ["head", "backbone", "StepLR", "head, momentum"]
    assert [row[1] for row in reading(page)[1:]] == ["5e-4", "5.5e-5", "\N{EN DASH}", "0.9025"]
    assert page.js("return location.hash") == ""
    page.write("#base", "0.01")
    assert page.js("return location.hash") == ""  # an address does not hold the names of groups
    assert [row[1] for row in reading(page)[1:]] == ["0.005", "5.05e-4", "\N{EN DASH}", "0.9025"]


def test_a_screen_reader_finds_names_and_an_order(page: Browser, four: Path) -> None:
    """Each field has a label, each table a caption, the focus goes down the page, and a text sums the curves up."""
    page.open(four)
    unnamed = page.js(
        """return [...document.querySelectorAll('button, input, textarea, [role=slider], [role=region], section')]
        .filter(e => !(e.labels?.length || e.getAttribute('aria-label') || e.textContent.trim())).map(e => e.outerHTML)"""
    )
    assert not unnamed
    assert all(page.texts("caption"))
    assert page.js("return document.documentElement.lang") == "en"
    assert not page.js("return [...document.querySelectorAll('[tabindex]')].filter(e => e.tabIndex > 0).length")
    order = page.js(
        "return [...document.querySelectorAll('#log, .chart, textarea, #add, #steps, #base')].map(e => e.id || e.className)"
    )
    assert order == ["log", "chart", *(f"schedule-{number}" for number in range(4)), "add", "steps", "base"]
    page.driver.set_script_timeout(5)
    summary = page.driver.execute_async_script(
        "setTimeout(() => arguments[0](document.querySelector('#words').textContent), 700)"
    )
    assert summary.startswith(
        "Schedule 1: begins at 1.961e-5, peaks at 0.001 in update 50, and ends at 1e-4 after 1,000 updates."
    )


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_cut_off_at_any_width(page: Browser, four: Path, width: int) -> None:
    """The page is as wide as the window, and the chart as its column."""
    page.open(four, width=width)

    assert page.js("return document.documentElement.scrollWidth") <= width
    assert page.js("const c = document.querySelector('.chart'); return c.firstChild.clientWidth === c.clientWidth")


def test_the_page_makes_no_request(page: Browser, four: Path) -> None:
    """Nothing is loaded beside the file itself."""
    page.open(four)

    assert page.js("return performance.getEntriesByType('resource').map(e => e.name)") == []
