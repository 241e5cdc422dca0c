"""The page of the checks: a section for each check, whose wrong program gives exactly that finding and whose right one gives none."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from lr_toolkit import LRMonitor, list_checks
from tests.helpers.schedule_warnings import schedule_warnings

PAGE = Path(__file__).parents[3] / "docs" / "checks.md"
NOT_RUN = {
    "LR231": "needs two ranks: test_recalculation.py",
    "LR503": "needs two ranks: test_running.py",
    "LR703": "needs a GPU: test_multiplier.py, test_pasted.py",
    "LR706": "needs a GPU: test_group_writer.py, test_pasted.py",
    "LR707": "needs a GPU: test_recorder.py, test_words.py, test_pasted.py",
}
RAISES: dict[str, type[Exception]] = {
    "LR303": ValueError,  # the error that the finding names
    "LR409": MisconfigurationException,  # after the first epoch
}
_CODE = r"```python\n(.*?)```"
_SECTION = rf'<a id="(\w+)"></a>\n\n## (LR\d+) (.*?)\n\n> (.*?)\n\n.+?\n\nWrong:\n\n{_CODE}\n\nRight:\n\n{_CODE}\n'


@dataclass(frozen=True)
class Section:
    """The section of the page about one check."""

    anchor: str
    code: str
    title: str
    message: str
    wrong: str
    right: str


TEXT = PAGE.read_text("utf-8")
PRELUDE = re.findall(_CODE, TEXT, re.DOTALL)[0]
SECTIONS = [Section(*found) for found in re.findall(_SECTION, TEXT, re.DOTALL)]


def messages_of(
    program: str, raises: type[Exception] | None = None, prelude: str = PRELUDE, **known: object
) -> list[str]:
    """The warnings about schedules in a program of the page, which may raise."""
    with schedule_warnings() as found:
        names: dict[str, object] = {"__name__": "page", **known}
        exec(compile(prelude, "prelude", "exec"), names)
        with pytest.raises(raises) if raises else nullcontext():
            exec(compile(program, "program", "exec"), names)
    return found


def test_each_check_has_its_section() -> None:
    """The sections are those of the registered checks, in their order, under the title and the anchor of each."""
    assert len(SECTIONS) == TEXT.count("\n## ")
    assert [(section.code, section.title) for section in SECTIONS] == [
        (check.code, check.title) for check in list_checks()
    ]
    assert [f"docs/checks.md#{section.anchor}" for section in SECTIONS] == [check.page for check in list_checks()]


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.code)
def test_the_wrong_program_gives_this_finding(
    section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exactly one warning, which begins with the text of the page, so that a search for the message finds the section."""
    if section.code in NOT_RUN:
        compile(section.wrong, "program", "exec")
        return
    monkeypatch.chdir(tmp_path)
    (message,) = messages_of(section.wrong, RAISES.get(section.code))

    assert message.startswith(section.message)
    assert section.message.startswith(f"{section.code}: ")


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.code)
def test_the_right_program_gives_none(section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program that the page recommends is quiet."""
    if section.code in NOT_RUN:
        compile(section.right, "program", "exec")
        return
    monkeypatch.chdir(tmp_path)

    assert messages_of(section.right) == []


IN_FITS = [section for section in SECTIONS if section.code not in NOT_RUN and "fit(" in section.wrong]


@pytest.mark.parametrize("section", IN_FITS, ids=lambda section: section.code)
def test_the_monitor_has_the_finding_and_can_ignore_it(
    section: Section, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is for each code, whatever part of the package notices the mistake."""
    for folder, ignore in {"reported": [], "ignored": [section.code]}.items():
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        monitors: list[LRMonitor] = []
        prelude = PRELUDE.replace("LRMonitor(", f"LRMonitor(ignore={ignore}, ").replace(
            "    trainer = ", "    monitors.append(monitor)\n    trainer = "
        )
        assert prelude.count("monitors.append") == prelude.count(f"ignore={ignore}") == 1
        messages = messages_of(section.wrong, RAISES.get(section.code), prelude, monitors=monitors)

        assert [str(finding) for monitor in monitors for finding in monitor.findings] == messages
        assert [message[:5] for message in messages] == ([] if ignore else [section.code])
