"""The code of the documentation runs, and prints what the pages show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.helpers.page_programs import PageFailed, blocks_of, run_page

DOCS = Path(__file__).parents[2] / "docs"
ELSEWHERE = {
    "configs.md": "tests/configs/test_docs.py",
    "checks.md": "tests/lightning/checks/test_docs.py",
    "gallery.md": "tests/preview/test_gallery.py",
}
NEEDS = {
    "how/muon.md": pytest.mark.needs("torch>=2.9", "it has Muon"),
}
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md"))
WIDTH = 78  # as in docs/.ruff.toml
THE_LINES = "index.md#the-lines-before-each-program"
LINES = [block.code for block in blocks_of((DOCS / "how" / "index.md").read_text("utf-8"))]


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=NEEDS.get(name, ())) for name in PAGES if name not in ELSEWHERE]
)
def test_the_code_of_a_page_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an empty folder, one block after another; after the lines of how/index.md only if the page links to them before its code."""
    monkeypatch.chdir(tmp_path)
    text = (DOCS / name).read_text("utf-8")

    run_page(text, LINES if THE_LINES in text.partition("```")[0] else ())


@pytest.mark.parametrize("name", PAGES)
def test_no_code_is_cut_off(name: str) -> None:
    """A line of code fits into the page beside its menus; what a program prints may be wider."""
    code = (block for block in blocks_of((DOCS / name).read_text("utf-8")) if block.language != "text")

    assert [line for block in code for line in block.code.splitlines() if len(line) > WIDTH] == []


WRONG = {
    "an error": ("```python\n1 / 0\n```\n", "ZeroDivisionError: division by zero"),
    "another error than shown": ("```python\n1 / 0\n```\n\n```text\nValueError: no\n```\n", "but it prints\nZeroDivision"),
    "no error where one is shown": ("```python\nx = 1\n```\n\n```text\nValueError: no\n```\n", "but it prints\n"),
    "another output": ("```python\nprint(1)\n```\n\n```text\n2\n```\n", "but it prints\n1"),
    "another value in a doctest": ("```python\n>>> 1 + 1\n3\n\n```\n", "Expected:\n    3\nGot:\n    2"),
    "a warning": (
        "```python\nfrom lr_toolkit.errors import warn\nwarn('LR203', 'too short')\n```\n",
        "a warning that the page does not show: LR203: too short",
    ),
    "YAML that cannot be read": ("```yaml\na: [1\n```\n", "ParserError"),
    "a command that is refused": ("```sh\nlr-toolkit show 'cosinus()' --steps 10\n```\n", "SystemExit"),
    "a program that fails": ('```python title="a.py"\n1 / 0\n```\n\n```sh\npython a.py\n```\n', "ZeroDivisionError"),
}  # fmt: skip


@pytest.mark.parametrize(("page", "message"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_page_fails(page: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that is thrown away afterwards, with one mistake, is refused for that mistake, and its line is named."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(PageFailed) as refused:
        run_page(f"# A page\n\n{page}")

    assert message in str(refused.value)
    assert re.search(r"line \d", str(refused.value))


def test_code_in_a_language_that_nothing_reads_is_refused() -> None:
    """So no block is left out by a misspelled language."""
    with pytest.raises(ValueError, match="line 1: nothing reads 'pyhton'"):
        run_page("```pyhton\n1 / 0\n```\n")
