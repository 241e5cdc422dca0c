"""What a step may cost, as a number of function calls: it says the same on every machine, which a time does not.

``budget.json`` is what was reached. A change that needs more calls has to raise it, and to say why.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch
from torch.optim import Optimizer

from lr_toolkit import Horizon, ScheduledLR

BUDGET: dict[str, int] = json.loads(Path(__file__).with_name("budget.json").read_text("utf-8"))
PLANS = {"factor": "warmup('10%') >> cosine()", "floor": "cosine(end_lr=1e-05)"}


class Still(Optimizer):
    """An optimizer whose update is nothing."""

    def step(self, closure: Any = None) -> None:
        """Nothing."""


def optimizer_of(count: int, kind: str) -> Still:
    """So many groups, each with a base LR of its own."""
    bases = [0.1 * (at + 1) for at in range(count)]
    lrs = [torch.tensor(base) if kind == "tensor" else base for base in bases]
    return Still([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in lrs], {})


def calls_of(act: Callable[[], object]) -> int:
    """The functions, of Python and of C, that are called within ``act``."""
    seen = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal seen
        seen += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(before)
    return seen - 2  # not act itself, nor the last setprofile


@pytest.mark.parametrize("what", BUDGET)
def test_a_step_stays_within_its_budget(what: str) -> None:
    """No step calls more functions than were committed, and 100 groups take no more than one."""
    kind, plan, groups = what.split(", ")
    optimizer = optimizer_of(int(groups.split()[0]), kind)
    scheduler = ScheduledLR(optimizer, PLANS[plan], Horizon(1000))
    for _ in range(200):  # into a phase, where nearly all steps are
        optimizer.step()
        scheduler.step()
    optimizer.step()

    assert calls_of(scheduler.step) <= BUDGET[what]


def test_an_update_is_noticed_within_its_budget() -> None:
    """What the scheduler adds to ``optimizer.step()`` is a handful of calls, whatever the number of groups."""
    added = []
    for count in (1, 100):
        watched, alone = optimizer_of(count, "float"), optimizer_of(count, "float")
        scheduler = ScheduledLR(watched, PLANS["factor"], Horizon(1000))
        with_it, without = (calls_of(one.step) for one in (watched, alone))
        added.append(with_it - without)
        assert scheduler.last_epoch == 0

    assert added[0] == added[1] <= 12


def test_the_budget_is_the_same_for_one_group_and_for_a_hundred() -> None:
    """The file itself promises that the number of groups costs no calls."""
    assert {what: calls for what, calls in BUDGET.items() if what.endswith("1 group")} == {
        what.replace("100 groups", "1 group"): calls for what, calls in BUDGET.items() if what.endswith("100 groups")
    }
