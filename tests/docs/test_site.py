"""The built documentation: it needs no other host, its links lead somewhere, and every public name has a place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lr_toolkit
from tests.helpers.built_site import ROOT, build, dead_links, outside, pasted, read_pages, search, without_page
from tests.lightning.checks.test_docs import SECTIONS, Section

pytest.importorskip("zensical", reason="it needs Python 3.11")

WRONG = """\
# A page that is wrong

[no such page](missing.md), [no such anchor](#missing), [a page that is there](right.md#right)

![no such picture](missing.png)

<img src="https://example.com/picture.png">

::: lr_toolkit.cosine
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation as it is built."""
    return build(tmp_path_factory.mktemp("docs"))


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site whose page has one mistake of each kind."""
    return build(tmp_path_factory.mktemp("wrong"), {"index.md": WRONG, "right.md": "# Right\n"})


def test_no_link_is_dead(site: Path) -> None:
    """Each link, anchor, picture and script on each page is part of the site."""
    assert dead_links(site) == []


def test_nothing_is_loaded_from_another_host(site: Path) -> None:
    """Fonts, scripts, styles and pictures come with the site."""
    assert outside(site) == []


def test_every_public_name_has_a_place(site: Path) -> None:
    """The reference has an anchor for each name of ``lr_toolkit.__all__``, and its first page a link to each."""
    assert without_page(site, lr_toolkit.__all__) == []
    links = read_pages(site)[site / "reference" / "index.html"].links
    assert {link.partition("#lr_toolkit.")[2] for link in links} >= set(lr_toolkit.__all__)


@pytest.mark.parametrize("mark", ["<blockquote>", "``", "====", "&gt;&gt;&gt; from lr_toolkit"])
def test_docstrings_are_shown_as_markdown(mark: str, site: Path) -> None:
    """No page of the reference has an example as a quotation or with its prompts, a raw table, or backticks around a name."""
    assert [page.name for page in (site / "reference").glob("*.html") if mark in page.read_text("utf-8")] == []


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.code)
def test_a_warning_is_found_by_its_text(section: Section, site: Path) -> None:
    """A search for the words of a warning, without its code, finds its section on the page of the checks, and no other there."""
    places = search(site, section.message.partition(": ")[2])

    (place,) = (place for place in places if place.startswith("checks.html#"))
    assert place.startswith(f"checks.html#{section.code.lower()}")
    assert len(places) < 4


@pytest.mark.parametrize(
    ("words", "place"),
    {
        "The plan is not the one in the checkpoint": "the-plan-changed-between-a-checkpoint-and-its-resume",
        "begins at times the base value, so it would do nothing": "phases-levels-and-functions",
        "would be end, a factor of the base value, and above 1 the curve climbs": "phases-levels-and-functions",
        "the length of this run cannot be known": "the-schedule-and-the-length-of-the-run",
        "a bare float has no unit": "durations",
        "has no betas to take the length from": "warmup-on-top-of-a-scheduler",
    }.items(),
)
def test_an_error_is_found_by_its_text(words: str, place: str, site: Path) -> None:
    """A search for the words of an error finds its section on the page of the errors."""
    assert f"errors.html#{place}" in search(site, words)


PASTED = {
    "LR203: CosineAnnealingLR has T_max=3100, and gets 5630 steps in this run (interval='step'), so the LR climbs again after its "
    "end. Write T_max=5630; or write scheduler_config(optimizer, schedule, self.trainer), which finds the run's 5630 updates by itself.":
    "checks.html#lr203-the-scheduler-ends-before-the-run-does",
    "lr_toolkit.errors.ScheduleError: rex(end=0.37): begins at 0.37 times the base value and ends there, so it would do nothing. Write "
    "hold() to stay there, or rex(end=0.37, start=1.0) to start again from the base value. (In cosine(end=0.37, over=713) >> rex(end=0.37) "
    "on Horizon(steps=91234).)": "how/phases.html",
    "ScheduledLR.load_state_dict: the state counts updates, 4212 of them, and this scheduler counts epochs. Write interval='step' (in a "
    "plain loop Horizon(..., unit='step')), as it was.": "errors.html#a-checkpoint-that-cannot-be-loaded",
}  # fmt: skip


def test_a_message_with_other_names_and_numbers_is_found(site: Path) -> None:
    """The search in a browser finds a message that is pasted whole, first; a warning without its code among the first three."""
    of_checks = {re.sub(r"\d+", "98765", section.message.partition(": ")[2]): section for section in SECTIONS}
    found = pasted(site, [*PASTED, *of_checks, "warmpu"])

    assert [places[0] for places in found[: len(PASTED)]] == list(PASTED.values())
    for places, section in zip(found[len(PASTED) : -1], of_checks.values(), strict=True):
        assert any(place.startswith(f"checks.html#{section.code.lower()}") for place in places[:3]), section.code
    assert "how/warmup.html" in found[-1]  # a few words are searched for as they are, misspelled ones too


def test_mistakes_are_seen(wrong: Path) -> None:
    """Of the page with mistakes each one is reported, and nothing else."""
    assert dead_links(wrong) == ["index.html: missing.html", "index.html: #missing", "index.html: missing.png"]
    assert outside(wrong) == ["index.html: https://example.com/picture.png"]
    assert without_page(wrong, ["cosine", "linear"]) == ["linear"]
    assert search(wrong, "a bare float has no unit") == []


def test_every_page_is_in_the_navigation() -> None:
    """No page is only found by its address, and none is listed that is not there."""
    listed = re.findall(r'"([\w/]+\.md)"', (ROOT / "zensical.toml").read_text("utf-8"))

    assert sorted(listed) == sorted(
        path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")
    )
