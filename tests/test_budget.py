"""The cost of a step as a number of function calls, which is the same on every machine.

``budget.json`` holds what ``ScheduledLR.step`` needs. A change that needs more calls raises it and gives the reason. That no
device is read between logged updates is tested where LRs lie on a device that cannot be read.
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

from lr_toolkit import Horizon, LRMonitor, LRWarmup, ScheduledLR
from lr_toolkit.lightning.monitor.recorder import UpdateRecorder
from lr_toolkit.lightning.sparse_callback import SparseCallback
from lr_toolkit.optim.multiplier import LRMultiplier
from tests.helpers.fits import Probe, fit, ours_per_step
from tests.helpers.optimizers import Still, optimizer_of

BUDGET: dict[str, dict[str, int]] = json.loads(Path(__file__).with_name("budget.json").read_text("utf-8"))
STEPS = BUDGET["ScheduledLR.step"]
PLANS = {"factor": "warmup('10%') >> cosine()", "floor": "cosine(end_lr=1e-05)"}


def still(count: int, kind: str) -> Optimizer:
    """An optimizer of ``count`` groups, each with its own base LR, whose update is nothing."""
    bases = [0.1 * (index + 1) for index in range(count)]
    return optimizer_of([torch.tensor(base) if kind == "tensor" else base for base in bases], kind=Still)


def calls_of(act: Callable[[], object]) -> int:
    """The number of functions, of Python and of C, that ``act`` calls."""
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
    """No step calls more functions than its budget, and 100 groups need no more than one."""
    kind, plan, groups = what.split(", ")
    optimizer = still(int(groups.split()[0]), kind)
    scheduler = ScheduledLR(optimizer, PLANS[plan], Horizon(1000))
    for _ in range(200):  # into a phase, where nearly all steps are
        optimizer.step()
        scheduler.step()
    optimizer.step()

    assert calls_of(scheduler.step) <= STEPS[what]


def test_an_update_is_noticed_within_its_budget() -> None:
    """The scheduler adds a handful of calls to ``optimizer.step()``, whatever the number of groups."""
    added = []
    for count in (1, 100):
        watched, unwatched = still(count, "float"), still(count, "float")
        scheduler = ScheduledLR(watched, PLANS["factor"], Horizon(1000))
        with_it, without = calls_of(watched.step), calls_of(unwatched.step)
        added.append(with_it - without)
        assert scheduler.last_epoch == 0

    assert added[0] == added[1] <= 10


def test_frozen_parameters_are_not_walked_through_at_every_update() -> None:
    """If an update counts only with a gradient, a frozen backbone before the head costs no calls."""
    seen = []
    for frozen in (1, 1000):
        optimizer = still(2, "float")
        backbone, head = optimizer.param_groups
        backbone["params"] = [torch.nn.Parameter(torch.zeros(1), requires_grad=False) for _ in range(frozen)]
        head["params"][0].grad = torch.ones(1)
        scheduler = ScheduledLR(optimizer, PLANS["factor"], Horizon(1000))
        scheduler.needs_gradient = True
        optimizer.step()
        seen.append(calls_of(optimizer.step))

    assert seen[0] == seen[1]


def test_the_budget_is_the_same_for_one_group_and_for_a_hundred() -> None:
    """The number of groups costs no calls. With a floor in LR units each distinct base LR has a timeline of its own."""
    assert {what: calls for what, calls in STEPS.items() if what.endswith("factor, 1 group")} == {
        what.replace("100 groups", "1 group"): calls for what, calls in STEPS.items() if what.endswith("100 groups")
    }


class Count(L.Callback):
    """Counts the calls that a callback makes for an update, in the middle of a run."""

    def __init__(self, callback: LRMonitor | LRWarmup, owner: type) -> None:
        self.callback = callback
        self.owner = owner  # of its hooks of the optimizer
        self.calls = 0

    def on_train_batch_end(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        """Show the callback another update, after some that fill its caches."""
        if trainer.global_step < 5:
            return
        (optimizer,) = trainer.optimizers
        found = [*optimizer._optimizer_step_pre_hooks.values(), *optimizer._optimizer_step_post_hooks.values()]
        hooks = [hook for hook in found if isinstance(getattr(hook, "__self__", None), self.owner)]
        callbacks = [callback for callback in trainer.callbacks if isinstance(callback, SparseCallback)]

        def act() -> None:
            for callback in callbacks:
                if callback.on_train_batch_start is not None:  # Lightning passes over it
                    callback.on_train_batch_start(trainer, pl_module, None, 0)
            for hook in hooks:
                hook(optimizer, (), {})
            self.callback.on_train_batch_end(trainer, pl_module, None, None, 0)

        trainer.fit_loop.epoch_loop._batches_that_stepped += 1
        self.calls = calls_of(act)
        trainer.fit_loop.epoch_loop._batches_that_stepped -= 1


def alone(net: Probe) -> Any:
    """An answer: an optimizer without a scheduler."""
    return net.sgd()


CALLBACKS: dict[str, tuple[Callable[[], LRMonitor | LRWarmup], type, Callable[[Probe], Any]]] = {
    "LRMonitor": (LRMonitor, UpdateRecorder, ours_per_step),
    "LRWarmup": (lambda: LRWarmup(50, horizon=Horizon(100)), LRMultiplier, alone),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_an_update_costs_a_callback_no_call_per_group(name: str) -> None:
    """A callback makes as many calls at an update of a hundred groups as at an update of two, if it is not logged."""
    make, owner, answer = CALLBACKS[name]
    seen = []
    for groups in (2, 100):
        callback = make()
        count = Count(callback, owner)
        fit(Probe(answer, groups=groups), callback, count, batches=6, logger=DummyLogger(), log_every_n_steps=1000)
        seen.append(count.calls)

    assert 0 < seen[0] == seen[1]


@pytest.mark.parametrize("callback", [LRMonitor(), LRWarmup(5)], ids=["LRMonitor", "LRWarmup"])
def test_a_callback_builds_its_key_once(callback: L.Callback) -> None:
    """Lightning asks each callback for its ``state_key`` at every hook of every batch; building it took 10 us per batch."""
    assert calls_of(lambda: callback.state_key) <= 1
