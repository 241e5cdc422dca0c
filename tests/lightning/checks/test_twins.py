"""The tables of mistakes, one for each kind of check: each mistake gives exactly its findings, and its right twin none."""

from __future__ import annotations

import pytest

from tests.helpers.twins import Twin
from tests.lightning.checks import (
    test_dead_lrs,
    test_far_below,
    test_ownership,
    test_plateau,
    test_units,
    test_unvalidated,
)

TABLES = (test_units, test_ownership, test_dead_lrs, test_far_below, test_plateau, test_unvalidated)
TWINS: list[tuple[str, Twin]] = [entry for table in TABLES for entry in table.TWINS.items()]


@pytest.mark.parametrize("twin", [twin for _, twin in TWINS], ids=[name for name, _ in TWINS])
def test_the_mistake_is_found(twin: Twin) -> None:
    """The mistake gives exactly its findings before the first update."""
    twin.check_wrong()


@pytest.mark.parametrize("twin", [twin for _, twin in TWINS], ids=[name for name, _ in TWINS])
def test_the_right_twin_is_quiet(twin: Twin) -> None:
    """The fix gives none."""
    twin.check_right()
