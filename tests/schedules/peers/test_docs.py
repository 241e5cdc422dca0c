"""The page about other libraries names everything that is there, and its examples run."""

from __future__ import annotations

import doctest
import json
import re
import shlex
from pathlib import Path

import pytest

from lr_toolkit.cli import main
from lr_toolkit.schedules.peers.peer import PEERS

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "peers.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| `peers\.(\w+)` \| (.*) \|$", PAGE, flags=re.MULTILINE))


@pytest.mark.parametrize("library", PEERS)
def test_a_row_names_what_a_library_has(library: str) -> None:
    """The row of a library has a name of each configuration, and where the LRs in its table come from."""
    configurations = PEERS[library].configurations
    for function in configurations.values():
        assert any(f"`{name}`" in ROWS[library] for name, other in configurations.items() if other is function)
    table = ROOT / "tests" / "data" / "peers" / f"{library}.json"
    if table.exists():
        written = json.loads(table.read_text("utf-8"))
        assert ROWS[library].endswith(f"{written['version']}: {written['origin']}")
    else:
        assert "in a real loop" in ROWS[library]


def test_the_page_has_no_other_row() -> None:
    """There is one row for each library."""
    assert set(ROWS) == set(PEERS)


def test_the_examples_run() -> None:
    """The Python examples print what the page shows."""
    assert doctest.testfile(str(ROOT / "docs" / "peers.md"), module_relative=False).failed == 0


@pytest.mark.parametrize("line", re.findall(r'^lr-toolkit (translate ".*")$', PAGE, flags=re.MULTILINE))
def test_the_commands_run(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The commands print a schedule."""
    main(shlex.split(line))

    assert "(" in capsys.readouterr().out.splitlines()[0]
