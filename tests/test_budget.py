"""What a step may cost, as a number of function calls: it says the same on every machine, which a time does not.

``budget.json`` is what was reached. A change that needs more calls has to raise it, and to say why.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.loggers.logger import DummyLogger
from torch.optim import Optimizer

from lr_toolkit import Horizon, LRMonitor, LRWarmup, ScheduledLR, configure_optimizers
from lr_toolkit.lightning.monitor.recorder import UpdateRecorder
from lr_toolkit.optim.multiplier import LRMultiplier
from tests.helpers.fits import Probe, fit

BUDGET: dict[str, dict[str, int]] = json.loads(Path(__file__).with_name("budget.json").read_text("utf-8"))
STEPS = BUDGET["ScheduledLR.step"]
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
    gc.disable()  # what it clears away may call back
    sys.setprofile(count)
    try:
        act()
    finally:
        sys.setprofile(before)
        gc.enable()
    return seen - 2  # not act itself, nor the last setprofile


@pytest.mark.parametrize("what", STEPS)
def test_a_step_stays_within_its_budget(what: str) -> None:
    """No step calls more functions than were committed, and 100 groups take no more than one."""
    kind, plan, groups = what.split(", ")
    optimizer = optimizer_of(int(groups.split()[0]), kind)
    scheduler = ScheduledLR(optimizer, PLANS[plan], Horizon(1000))
    for _ in range(200):  # into a phase, where nearly all steps are
        optimizer.step()
        scheduler.step()
    optimizer.step()

    assert calls_of(scheduler.step) <= STEPS[what]


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


def test_frozen_parameters_are_not_walked_through_at_every_update() -> None:
    """Where an update counts only with a gradient, a frozen backbone before the head costs no calls."""
    seen = []
    for frozen in (1, 1000):
        optimizer = optimizer_of(2, "float")
        backbone, head = optimizer.param_groups
        backbone["params"] = [torch.nn.Parameter(torch.zeros(1), requires_grad=False) for _ in range(frozen)]
        head["params"][0].grad = torch.ones(1)
        scheduler = ScheduledLR(optimizer, PLANS["factor"], Horizon(1000))
        scheduler.needs_gradient = True
        optimizer.step()
        seen.append(calls_of(optimizer.step))

    assert seen[0] == seen[1]


def test_the_budget_is_the_same_for_one_group_and_for_a_hundred() -> None:
    """The file itself promises that the number of groups costs no calls."""
    assert {what: calls for what, calls in STEPS.items() if what.endswith("1 group")} == {
        what.replace("100 groups", "1 group"): calls for what, calls in STEPS.items() if what.endswith("100 groups")
    }


class Count(L.Callback):
    """Counts the calls that a callback makes for an update, in the middle of a run."""

    def __init__(self, callback: LRMonitor | LRWarmup, owner: type) -> None:
        self.callback = callback
        self.owner = owner  # of its hooks of the optimizer
        self.calls = 0

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Let the callback see another update, after some that make what all others use."""
        if trainer.global_step < 5:
            return
        (optimizer,) = trainer.optimizers
        found = [*optimizer._optimizer_step_pre_hooks.values(), *optimizer._optimizer_step_post_hooks.values()]
        hooks = [one for one in found if isinstance(getattr(one, "__self__", None), self.owner)]

        def act() -> None:
            self.callback.on_train_batch_start(trainer, pl_module, None, 0)
            for hook in hooks:
                hook(optimizer, (), {})
            self.callback.on_train_batch_end(trainer, pl_module, None, None, 0)

        trainer.fit_loop.epoch_loop._batches_that_stepped += 1
        self.calls = calls_of(act)
        trainer.fit_loop.epoch_loop._batches_that_stepped -= 1


@pytest.mark.parametrize("groups", [1, 100])
@pytest.mark.parametrize(("what", "every"), [("an update that is not logged", 1000), ("an update that is logged", 1)])
def test_an_update_is_monitored_within_its_budget(what: str, every: int, groups: int) -> None:
    """Neither an update that is logged, to a logger that does nothing, nor one that is not calls more than was committed."""
    monitor = LRMonitor()
    count = Count(monitor, UpdateRecorder)
    net = Probe(lambda net: configure_optimizers(net.sgd(), "cosine()", net.trainer), groups=groups)
    fit(net, monitor, count, batches=6, logger=DummyLogger(), log_every_n_steps=every)

    assert 0 < count.calls <= BUDGET["LRMonitor"][what]


@pytest.mark.parametrize("groups", [1, 100])
def test_an_update_is_warmed_up_within_its_budget(groups: int) -> None:
    """An update on a ramp calls no more than was committed, beside what its scheduler does."""
    warmup = LRWarmup(50, horizon=Horizon(100))
    count = Count(warmup, LRMultiplier)
    fit(Probe(lambda net: net.sgd(), groups=groups), warmup, count, batches=6)

    assert 0 < count.calls <= BUDGET["LRWarmup"]["an update"]


@pytest.mark.parametrize("callback", [LRMonitor(), LRWarmup(5)], ids=["LRMonitor", "LRWarmup"])
def test_a_callback_knows_its_key_by_heart(callback: L.Callback) -> None:
    """Lightning asks each callback for its ``state_key`` at every hook of every batch; making it anew took 10 us a batch."""
    assert calls_of(lambda: callback.state_key) <= 1
