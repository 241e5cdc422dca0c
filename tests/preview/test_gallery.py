"""The gallery: each builder has a card, and the committed pages are those that the docstrings give."""

from __future__ import annotations

import inspect
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from lr_toolkit import Horizon, Schedule, linear, multistep, schedules
from lr_toolkit.cli import main
from lr_toolkit.preview.builder_docs import BuilderDoc, builder_docs
from lr_toolkit.preview.gallery import gallery_files
from lr_toolkit.preview.peer_names import peer_names
from lr_toolkit.preview.svg import CURVE, INK, curve_picture, gallery_picture
from lr_toolkit.schedules.peers.peer import PEERS
from lr_toolkit.schedules.registry import BUILDERS, WITHOUT_TEXT

DOCS = Path(__file__).parents[2] / "docs"
OURS = sorted(name for name, builder in BUILDERS.items() if getattr(schedules, name, None) is builder)
FILES = gallery_files()
NUMBER = re.compile(r"-?\d+\.\d")
AGAIN = "Write the gallery again: lr-toolkit gallery --out docs"


def committed() -> dict[str, str]:
    """The files of the gallery as they are in docs/."""
    paths = [DOCS / "gallery.md", DOCS / "gallery.svg", *(DOCS / "gallery").iterdir()]
    return {path.relative_to(DOCS).as_posix(): path.read_text("utf-8") for path in paths}


def numbers(picture: str) -> list[float]:
    """The coordinates with a decimal, in order."""
    return [float(number) for number in NUMBER.findall(picture)]


# --- the committed files ------------------------------------------------------------------------------------------------


def test_every_file_is_committed() -> None:
    """There is a page, a picture of all curves and one of each, and no picture of a builder that is gone."""
    assert set(committed()) == set(FILES), AGAIN
    assert set(FILES) == {"gallery.md", "gallery.svg", *(f"gallery/{name}.svg" for name in OURS)}


def test_the_page_is_what_the_docstrings_give() -> None:
    """``docs/gallery.md`` is equal to the generated text, letter by letter."""
    assert committed()["gallery.md"] == FILES["gallery.md"], AGAIN


@pytest.mark.parametrize("name", sorted(set(FILES) - {"gallery.md"}))
def test_a_picture_is_what_the_docstrings_give(name: str) -> None:
    """A committed picture has the generated text and curve; the last digit may differ, because sines differ between machines."""
    found, expected = committed()[name], FILES[name]

    assert NUMBER.sub("", found) == NUMBER.sub("", expected), AGAIN
    np.testing.assert_allclose(numbers(found), numbers(expected), atol=0.11, err_msg=AGAIN)


def test_the_command_writes_the_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``lr-toolkit gallery --out FOLDER`` makes the folder and writes every file, and names the page."""
    main(["gallery", "--out", str(tmp_path / "new")])

    written = {path.relative_to(tmp_path / "new").as_posix() for path in (tmp_path / "new").rglob("*.*")}
    assert written == set(FILES)
    assert (tmp_path / "new" / "gallery.md").read_text("utf-8") == FILES["gallery.md"]
    assert f"gallery.md, and {len(FILES) - 1} pictures" in capsys.readouterr().out


# --- the cards ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_a_card_is_complete(name: str) -> None:
    """A builder's docstring has all that its card shows: sentence, formula, advice for and against, example, reference."""
    doc = BuilderDoc.of(BUILDERS[name])
    section = FILES["gallery.md"].split(f"\n### {name}\n", 1)[1].split("\n### ", 1)[0]

    assert doc.sentence.endswith(".")
    assert "=" in doc.formula or ">>" in doc.formula
    assert re.search(r"Take it.*Leave ", doc.advice)
    assert doc.reference
    for part in (doc.sentence, doc.example, doc.formula, doc.advice, doc.reference):
        assert part.replace("``", "`") in section
    assert f"(gallery/{name}.svg)" in section


@pytest.mark.parametrize(
    ("builder", "library", "names"),
    [
        ("step", "torch", ["StepLR"]),
        ("step", "timm", ["StepLRScheduler"]),
        ("one_cycle", "torch", ["OneCycleLR"]),
        ("triangular", "torch", ["CyclicLR"]),
        ("wsd", "transformers", ["get_wsd_schedule"]),
        ("warmup", "transformers", ["get_constant_schedule_with_warmup"]),
        ("cosine_restarts", "optax", ["sgdr_schedule"]),
    ],
)
def test_a_card_has_the_names_of_other_libraries(builder: str, library: str, names: list[str]) -> None:
    """The schedulers of a library that have the curve of a builder are in its card."""
    assert peer_names(builder)[library] == names
    section = FILES["gallery.md"].split(f"\n### {builder}\n", 1)[1].split("\n### ", 1)[0]
    assert f"{library} `{names[0]}`" in section


@pytest.mark.parametrize("library", ["torch", "transformers", "optax", "timm"])
def test_each_curve_of_another_library_is_in_one_card(library: str) -> None:
    """Only what reads other schedulers or their names has none."""
    listed = [name for builder in OURS for name in peer_names(builder).get(library, [])]
    known = {inspect.unwrap(each).__name__ for each in PEERS[library].configurations.values()}

    assert len(listed) == len(set(listed))
    assert known - set(listed) <= {"SequentialLR", "ChainedScheduler", "get_scheduler", "TrainingArguments"}


@pytest.mark.parametrize("name", OURS)
def test_an_example_is_taken_from_the_docstring(name: str) -> None:
    """The example is a text in the docstring that calls the builder, and its timeline is that text on a run."""
    doc = BuilderDoc.of(BUILDERS[name])

    assert doc.example in inspect.getdoc(BUILDERS[name])
    assert f"{name}(" in doc.example
    if name not in WITHOUT_TEXT:
        assert doc.timeline == Schedule.parse(doc.example).resolve(doc.timeline.horizon)


def test_the_parts_of_a_docstring() -> None:
    """The first formula, the first schedule that calls the builder and the first run count; what is missing is empty."""

    def peaked(over: str = "1%") -> Schedule:
        """Fall at once.

            f(i) = 1
            g(i) = 2

        More words.

            h(i) = 3

        Take it
        never. Leave it always.

        Example:
            >>> from lr_toolkit import Horizon, linear
            >>> linear(over=3).resolve(Horizon(7))
            >>> (linear(over=2) >> peaked(3)).resolve(Horizon(9))
        """

    full, empty = BuilderDoc.of(peaked), BuilderDoc("none", peaked, "")

    assert full.signature == "peaked(over='1%')"
    assert (full.sentence, full.formula) == ("Fall at once.", "f(i) = 1\ng(i) = 2")
    assert (full.advice, full.reference, full.example) == ("Take it never. Leave it always.", "", "")
    assert (empty.sentence, empty.formula, empty.advice, empty.example) == ("", "", "", "")


def test_the_shapes_come_first() -> None:
    """Shapes and recipes are in alphabetical order, each of them once."""
    names = [doc.name for doc in builder_docs()]
    shapes = [name for name in names if hasattr(schedules.shapes, name)]

    assert sorted(names) == OURS
    assert names == [*sorted(shapes), *sorted(set(names) - set(shapes))]


# --- the pictures -------------------------------------------------------------------------------------------------------


def contrast(colour: str, background: str) -> float:
    """The contrast ratio of WCAG 2."""

    def luminance(hexadecimal: str) -> float:
        channels = [int(hexadecimal[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear_light = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return float(np.dot(linear_light, [0.2126, 0.7152, 0.0722]))

    low, high = sorted([luminance(colour), luminance(background)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#0d1117"])
def test_colours_read_on_light_and_on_dark(page: str) -> None:
    """On the pages of GitHub the text has a contrast above 4 and a curve above 3, which WCAG asks of graphics."""
    assert contrast(INK, page) > 4
    assert contrast(CURVE, page) > 3


@pytest.mark.parametrize("name", ["gallery.svg", "gallery/wsd.svg"])
def test_a_picture_is_transparent_and_fits_a_page(name: str) -> None:
    """It is well-formed XML without a background, and no wider than the text of a README on GitHub."""
    root = ET.fromstring(FILES[name])

    assert "rect" not in FILES[name]
    assert int(root.attrib["width"]) <= 840


def test_the_picture_names_every_builder() -> None:
    """Each builder has its name and its text in the picture, and no line of text leaves its cell."""
    root = ET.fromstring(FILES["gallery.svg"])
    texts = [node for node in root.iter() if node.tag.endswith("text")]
    shown = "".join((node.text or "").replace(" ", "") for node in texts)

    for doc in builder_docs():
        assert doc.name in [node.text for node in texts]
        assert doc.example.replace(" ", "") in shown
    assert max(len(node.text or "") for node in texts) <= 26


def test_a_curve_goes_through_its_values() -> None:
    """The points of a line are on it, and a stair falls at its update: 90 pixels from zero to the base value."""
    line = ET.fromstring(curve_picture("x", linear().resolve(Horizon(4))))
    stair = ET.fromstring(gallery_picture([("x", "x", multistep([2], gamma=0.5).resolve(Horizon(4)))]))

    (down,), (fall,) = (
        [node.attrib["points"].split() for node in root.iter() if node.tag.endswith("polyline")] for root in (line, stair)
    )  # fmt: skip
    assert (down[0], down[len(down) // 2], down[-1]) == ("34.0,10.0", "222.0,49.0", "410.0,88.0")
    xs, ys = np.array([point.split(",") for point in fall], float).T
    assert set(ys) == {30.0, 70.0}
    assert xs[ys == 30.0].max() == xs[ys == 70.0].min() == 105.0
