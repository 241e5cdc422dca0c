"""The peers of the benchmark of a step do the same work, so their times can be compared."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import steps


def test_three_keys_by_hand_are_those_of_the_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    """LR, momentum and weight decay of each group are the same by the user's loop and by ours, at every update of a run."""
    monkeypatch.setattr(steps, "RUN", 50)
    ours, by_hand = steps.groups_with_three_keys(3), steps.groups_with_three_keys(3)
    updates = steps.ours_on_three_keys(ours), steps.loop_by_hand(by_hand)
    keys = ("lr", "momentum", "weight_decay")

    for _ in range(49):
        values = [[[group[key] for key in keys] for group in optimizer.param_groups] for optimizer in (ours, by_hand)]
        np.testing.assert_allclose(*values, rtol=1e-12, atol=1e-18)
        for update in updates:
            update()
    assert ours.param_groups[2]["momentum"] == pytest.approx(0.95)


def test_three_of_torch_move_three_optimizers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in for three keys moves the LR of the optimizer that is measured."""
    monkeypatch.setattr(steps, "RUN", 50)
    optimizer = steps.groups_with_three_keys(2)
    update = steps.three_of_torch(optimizer)
    for _ in range(49):
        update()

    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.0, 0.0], abs=1e-12)
