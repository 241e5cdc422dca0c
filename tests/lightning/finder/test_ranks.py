"""The search on two ranks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.script import run_script


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The report of each rank."""
    folder: Path = tmp_path_factory.mktemp("ranks")
    run_script("tests.helpers.finding_ranks", folder)
    return [json.loads((folder / f"search-{rank}.json").read_text("utf-8")) for rank in (0, 1)]


@pytest.mark.slow
def test_two_ranks_agree_on_the_answer(ranks: list[Any]) -> None:
    """Every LR that was tried and every loss is the same on both, and so is the answer."""
    assert ranks[0]["curve"] == ranks[1]["curve"]
    assert ranks[0]["lr"] == ranks[1]["lr"]
    assert len(ranks[0]["curve"]) > 30


@pytest.mark.slow
def test_the_run_of_two_ranks_equals_one_without_a_search(ranks: list[Any]) -> None:
    """LRs and weights, bit for bit, on both ranks."""
    for rank in ranks:
        searched, plain = rank["fits"]
        assert searched == plain
