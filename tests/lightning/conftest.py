"""The fixtures that several files of this folder use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.helpers.script import run_script


@pytest.fixture(scope="session")
def two_ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """What each of two gloo ranks saw in each of the runs of ``ranks.py``."""
    folder = tmp_path_factory.mktemp("ranks")
    run_script("tests.helpers.ranks", folder)

    return {
        name: [json.loads((folder / f"{name}-{rank}.json").read_text("utf-8")) for rank in (0, 1)]
        for name in ("plain", "plateau", "lonely")
    }
