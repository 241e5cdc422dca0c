"""The cadence decides from plain numbers which updates are logged."""

from __future__ import annotations

from typing import Any

import pytest

from lr_toolkit.lightning.monitor.cadence import BEFORE_TRAINING, Position, is_due, next_log_step

# A run of 12 updates in 3 epochs, each one a batch: where each update stands.
ONE_PER_BATCH = [Position(step, step // 4, step) for step in range(12)]
# Under manual optimization every third batch has an update; the scheduler counts updates.
EVERY_THIRD_BATCH = [Position(step, step // 6, step // 3) for step in (2, 5, 8, 11, 14, 17)]
# The scheduler of this package stands still at the updates of steps 3 and 4, as it does if a step() is missing.
STANDING_STILL = [Position(step, 0, count) for step, count in enumerate([0, 1, 2, 3, 3, 3, 4, 5])]
# No scheduler of this package.
WITHOUT = [Position(step, step // 4, -1) for step in range(12)]

TABLE: dict[str, tuple[list[Position], dict[str, Any], list[int]]] = {
    "every update": (ONE_PER_BATCH, {"every": 1}, list(range(12))),
    "every fifth": (ONE_PER_BATCH, {"every": 5}, [0, 4, 9]),
    "a run shorter than the cadence": (ONE_PER_BATCH, {"every": 50}, [0]),
    "no cadence": (ONE_PER_BATCH, {"every": 0}, [0]),
    "epochs": (ONE_PER_BATCH, {"every": 5, "interval": "epoch"}, [0, 4, 8]),
    "steps and epochs": (ONE_PER_BATCH, {"every": 5, "interval": "any"}, [0, 4, 8, 9]),
    "phases": (ONE_PER_BATCH, {"every": 50, "phase_starts": {0, 3, 7}}, [0, 3, 7]),
    "phases, by epochs": (ONE_PER_BATCH, {"every": 1, "interval": "epoch", "phase_starts": {3}}, [0, 3, 4, 8]),
    "no scheduler": (WITHOUT, {"every": 5, "phase_starts": set()}, [0, 4, 9]),
    "the next update after the cadence": (EVERY_THIRD_BATCH, {"every": 4}, [2, 5, 8, 11, 17]),
    "a phase begins once": (STANDING_STILL, {"every": 50, "phase_starts": {3}}, [0, 3]),
    "a phase after missing batches": (EVERY_THIRD_BATCH, {"every": 50, "phase_starts": {2}}, [2, 8]),
}


def logged(positions: list[Position], **options: Any) -> list[int]:
    """The steps of the updates that are logged, each asked in turn."""
    rules: dict[str, Any] = {"interval": "step", "phase_starts": frozenset()} | options
    before, last_row, found = BEFORE_TRAINING, -1, []
    for now in positions:
        if is_due(now, before, last_row=last_row, **rules):
            found.append(now.step)
            last_row = now.step
        before = now
    return found


@pytest.mark.parametrize("name", TABLE)
def test_the_updates_that_are_logged(name: str) -> None:
    """The first update, those at the cadence, the first of an epoch, and the begin of a phase."""
    positions, rules, expected = TABLE[name]

    assert logged(positions, **rules) == expected


def test_a_new_group_is_logged_at_its_first_update() -> None:
    """Without a last row an update is due, whatever the cadence."""
    now, before = Position(17, 0, 17), Position(16, 0, 16)
    rules: dict[str, Any] = {"interval": "step", "every": 50, "phase_starts": {0}}

    assert is_due(now, before, last_row=-1, **rules)
    assert not is_due(now, before, last_row=0, **rules)


@pytest.mark.parametrize("every", [0, 1, 3, 50])
def test_no_update_before_the_next_log_step_is_due(every: int) -> None:
    """An update between two log steps is due for another reason or not at all; the one at the next log step is due."""
    for step in range(120):
        following = next_log_step(step, every)
        rules: dict[str, Any] = {"interval": "step", "every": every, "phase_starts": (), "last_row": 0}
        due = [k for k in range(step + 1, 200) if is_due(Position(k, 0, k), Position(step, 0, step), **rules)]
        assert following == (due[0] if due else float("inf"))
