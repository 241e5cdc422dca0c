"""Configurations of other libraries beside the LRs that these use, from the tables in ``tests/data/peers``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lr_toolkit import Horizon, Schedule
from lr_toolkit.schedules.peers.peer import PEERS

TABLES = {
    path.stem: json.loads(path.read_text("utf-8"))
    for path in sorted((Path(__file__).parents[2] / "data" / "peers").glob("*.json"))
}
CUT = {"WarmupDecayLR"}  # its last step comes after the run, and a run of that length would refuse it
CASES = [(library, name) for library, table in TABLES.items() for name in table["cases"]]


def with_numbers(arguments: dict[str, Any]) -> dict[str, Any]:
    """The arguments, with the whole numbers back that JSON writes as the keys of a mapping."""
    boundaries = arguments.get("boundaries_and_scales")
    return (
        arguments
        if boundaries is None
        else {**arguments, "boundaries_and_scales": {int(k): v for k, v in boundaries.items()}}
    )


@pytest.mark.parametrize(("library", "name"), CASES)
def test_every_update_has_the_lr_of_the_library(library: str, name: str) -> None:
    """Twenty random configurations of each name: the LRs agree to 1e-9 in each update, and the text is read back."""
    rows = TABLES[library]["cases"][name]
    assert len(rows) == 20
    for row in rows:
        translation = PEERS[library].translate(name.partition(",")[0], **with_numbers(row["arguments"]))
        base = row["lr"] if translation.base_lr is None else translation.base_lr
        updates = row["arguments"]["total_num_steps"] if name in CUT else len(row["lrs"])
        ours = translation.schedule.resolve(Horizon(updates)).values(range(updates), base_lr=base).tolist()

        assert ours == pytest.approx(row["lrs"][:updates], rel=1e-9, abs=1e-12 * base), (
            row["arguments"],
            translation.schedule,
        )
        assert Schedule.parse(repr(translation.schedule)) == translation.schedule


@pytest.mark.parametrize("library", TABLES)
def test_a_table_gives_the_origin_of_its_numbers(library: str) -> None:
    """Each table names its library, the version and the way in which the numbers were found."""
    assert {"library", "version", "origin", "cases"} <= set(TABLES[library])
    assert TABLES[library]["library"] == library
    assert TABLES[library]["version"][0].isdigit()


# For each table what was refused as a defect, with the updates in which a schedule differs: all others agree.
DIFFERENT: dict[str, list[set[int]]] = {
    "bolts": [set(range(10)), {7, 8, 9, 10}],
    "composer": [set(range(1, 14))],
    "deepspeed": [{4}],
    "keras": [{121}],
    "megatron": [{9, 10, 11}],
    "nemo": [{9, 10, 11}, {9, 10, 11}],
    "timm": [set(range(3, 10))],
    "torchtitan": [{11, 12}],
}


@pytest.mark.parametrize("library", DIFFERENT)
def test_what_was_refused_differs_in_these_updates_alone(library: str) -> None:
    """A defect of the library is seen in exactly these updates; in all others the LRs agree to 1e-9."""
    rows = TABLES[library]["refused"]
    for row, different in zip(rows, DIFFERENT[library], strict=True):
        translation = PEERS[library].translate(row["name"], **row["arguments"])
        updates = len(row["lrs"])
        ours = translation.schedule.resolve(Horizon(updates)).values(range(updates), base_lr=1.0)
        near = [value == pytest.approx(lr, rel=1e-9, abs=1e-12) for value, lr in zip(ours, row["lrs"], strict=True)]

        assert {update for update, same in enumerate(near) if not same} == different
        assert translation.notes or library in ("composer", "keras")  # which show it in rare runs
