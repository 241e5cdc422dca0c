"""``SparseCallback``: which hooks Lightning passes over within a batch, and that nothing is missed because of it."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from torch.optim import SGD

from lr_toolkit import LRMonitor, LRWarmup, configure_optimizers
from lr_toolkit.lightning.sparse_callback import SparseCallback
from tests.helpers.fits import Probe, Recorder, fit, torchs_per_step


def ours(net: Probe) -> Any:
    """An answer: a schedule of this package, which a follower follows."""
    return configure_optimizers(net.sgd(), "linear()", net.trainer)


class HookAction(Callback):
    """Does something at one hook of one batch."""

    def __init__(self, hook: str, act: Any, batch: int = 1) -> None:
        def run(trainer: Any, net: Any, *found: Any) -> None:
            if found[-1] == batch and not trainer.current_epoch:
                act(trainer, net)

        vars(self)[hook] = run


class Counted(LRMonitor):  # type: ignore[misc]  # a type checker refuses it, and Python does not
    """A monitor with a hook and a key of its own."""

    calls = 0

    @property
    def state_key(self) -> str:  # type: ignore[override]
        """As Lightning documents it."""
        return "mine"

    def on_train_batch_start(self, *args: Any) -> None:
        """Count the call."""
        self.calls += 1
        super().on_train_batch_start(*args)


@pytest.mark.parametrize(("answer", "is_none"), [(ours, True), (torchs_per_step, False)], ids=["ours", "torch's"])
def test_no_hook_begins_a_batch_right_behind_a_follower(answer: Any, is_none: bool) -> None:
    """And not without one, behind another callback, under Lightning's names, nor after the fit."""
    seen: list[list[bool]] = []
    first, second, third = LRMonitor(), LRMonitor(), LRMonitor(names="lightning")
    look = HookAction(
        "on_train_batch_end",
        lambda *_: seen.append([each.on_train_batch_start is None for each in (first, second, third)]),
    )
    fit(Probe(answer), first, second, third, look, batches=3, logger=Recorder())

    assert seen == [[is_none, False, False]]
    assert first.on_train_batch_start is not None


def test_a_hook_is_called_again_after_an_error() -> None:
    """A fit that raises restores it, so that the monitor may join another fit in mid-epoch."""

    class Stop(Exception):
        """The end of the first fit."""

    def stop(trainer: Any, net: Any) -> None:
        assert monitor.on_train_batch_start is None
        raise Stop

    monitor = LRMonitor(table=False)
    with pytest.raises(Stop):
        fit(Probe(ours), monitor, HookAction("on_train_batch_end", stop), batches=3)
    join = HookAction("on_train_batch_end", lambda trainer, net: trainer.callbacks.append(monitor), batch=2)
    fit(Probe(torchs_per_step), join, batches=6, log_every_n_steps=1)

    assert monitor.history["step"] == [3, 4, 5]


def test_a_hook_of_somebody_elses_is_called_for_each_batch() -> None:
    """Of a subclass with a key of its own, and one that was put on the instance."""
    counted, replaced, calls = Counted(), LRMonitor(), []
    replaced.on_train_batch_start = lambda *args: calls.append(args[-1])  # type: ignore[method-assign]
    fit(Probe(ours), counted, batches=3)
    fit(Probe(ours), replaced, batches=3)

    assert (counted.calls, counted.state_key, calls) == (3, "mine", [0, 1, 2])


@pytest.mark.parametrize("make", [LRMonitor, lambda: LRWarmup("50%")], ids=["LRMonitor", "LRWarmup"])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_copy_of_a_callback_in_mid_fit_has_all_hooks(make: Any, copied: Any) -> None:
    """It has the same key, and all its hooks are called in its own fit."""
    copies: list[SparseCallback] = []
    callback = make()
    fit(
        Probe(ours),
        callback,
        HookAction("on_train_batch_end", lambda *_: copies.append(copied(callback))),
        batches=3,
    )

    assert copies[0].state_key == callback.state_key
    assert copies[0].on_train_batch_start is not None


@pytest.mark.parametrize("hook", ["on_train_batch_start", "on_train_batch_end"])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda each: pickle.loads(pickle.dumps(each))])
def test_a_copy_keeps_a_hook_of_somebody_elses(hook: str, copied: Any) -> None:
    """A function that was put on the instance in the place of a hook is part of the copy."""
    monitor = LRMonitor()
    setattr(monitor, hook, print)

    assert getattr(copied(monitor), hook) is print


def load(trainer: Any, net: Any) -> None:
    """Load a state into the optimizer, which gets other group dicts and a list of them."""
    (optimizer,) = trainer.optimizers
    state = optimizer.state_dict()
    for group in state["param_groups"]:
        group["lr"] = 0.33
    optimizer.load_state_dict(state)


def join(trainer: Any, net: Any) -> None:
    """Add a group to another list."""
    (optimizer,) = trainer.optimizers
    optimizer.param_groups = list(optimizer.param_groups)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.5})


@pytest.mark.parametrize(("change", "lrs"), [(load, [0.05]), (join, [0.05, 0.25])])
def test_what_changes_groups_within_an_epoch_is_seen_as_the_next_batch_begins(change: Any, lrs: list[float]) -> None:
    """Lightning's monitor, which reads then, has the LRs that the update is going to use."""
    theirs, used = LearningRateMonitor(), []
    look = HookAction("on_train_batch_end", lambda trainer, net: used.append(net.used[-1][1]), batch=2)
    act = HookAction("on_train_batch_end", change)
    fit(Probe(ours), LRMonitor(), theirs, act, look, batches=4, log_every_n_steps=1, logger=Recorder())

    assert used == [pytest.approx(lrs)]
    assert [values[-2] for values in theirs.lrs.values() if len(values) > 1][-len(lrs) :] == pytest.approx(lrs)


def test_an_optimizer_that_is_exchanged_in_mid_epoch_loses_no_update() -> None:
    """The monitor records the first update of the new optimizer, although its own hook is not called."""
    monitor = LRMonitor()

    def exchange(trainer: Any, net: Any) -> None:
        trainer.strategy.lr_scheduler_configs = []
        trainer.strategy.optimizers = [SGD(net.weights, lr=0.7)]

    fit(Probe(ours), monitor, HookAction("on_train_batch_end", exchange), batches=4, log_every_n_steps=1)

    assert monitor.history["step"] == [0, 1, 2, 3]
    assert monitor.history["lr/optimizer"] == pytest.approx([0.1, 0.075, 0.7, 0.7])
