"""With ``names="lightning"`` ``LRMonitor`` replaces Lightning's ``LearningRateMonitor``: both are compared attribute by attribute."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, LearningRateMonitor
from torch.optim import SGD, Adam
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR

from lr_toolkit import LRMonitor, ScheduleError
from tests.helpers.fits import Probe, Recorder, fit


def _optimizer(net: Probe) -> Any:
    return net.sgd()


def _step(net: Probe) -> Any:
    optimizer = net.sgd(momentum=0.9)
    return [optimizer], [{"scheduler": ExponentialLR(optimizer, 0.9), "interval": "step"}]


def _epoch(net: Probe) -> Any:
    optimizer = Adam(net.parameters(), lr=0.1)
    return [optimizer], [ExponentialLR(optimizer, 0.9)]


def _named(net: Probe) -> Any:
    optimizer = net.sgd()
    return [optimizer], [{"scheduler": ExponentialLR(optimizer, 0.9), "interval": "step", "name": "mine"}]


def _group_names(net: Probe) -> Any:
    return SGD([{"params": [weight], "name": f"group{index}"} for index, weight in enumerate(net.weights)], lr=0.1)


def _two_schedulers(net: Probe) -> Any:
    optimizer = net.sgd()
    return [optimizer], [
        {"scheduler": ExponentialLR(optimizer, 0.9), "interval": "step"},
        {"scheduler": ExponentialLR(optimizer, 0.5), "interval": "epoch"},
    ]


RUNS: dict[str, tuple[Callable[[Probe], Any], int]] = {
    "no scheduler": (_optimizer, 1),
    "per step": (_step, 1),
    "per epoch": (_epoch, 1),
    "a named scheduler": (_named, 1),
    "two groups": (_step, 2),
    "one named group": (_group_names, 1),
    "named groups": (_group_names, 2),
    "two schedulers": (_two_schedulers, 1),
}


class Snapshots(Callback):
    """The ``lr`` entries of the metrics at the end of each batch."""

    def __init__(self) -> None:
        self.seen: list[dict[str, float]] = []

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        """Keep them."""
        metrics = trainer.callback_metrics
        self.seen.append({name: float(metrics[name]) for name in sorted(metrics) if "loss" not in name})


@pytest.mark.parametrize("interval", [None, "step", "epoch"])
@pytest.mark.parametrize("name", RUNS)
def test_attributes_and_metrics_are_lightnings(name: str, interval: Any) -> None:
    """``lrs``, the momentum and weight-decay values and the metrics are the same, in value, number and order."""
    answer, groups = RUNS[name]
    options: dict[str, Any] = {"batches": 7, "max_epochs": 2, "log_every_n_steps": 3, "accumulate_grad_batches": 2}
    seen = []
    for kind in (LearningRateMonitor, lambda *args: LRMonitor(*args, names="lightning")):
        monitor, snapshots = kind(interval, False, True), Snapshots()
        fit(Probe(answer, groups=groups), monitor, snapshots, logger=Recorder(), **options)
        lrs = {key: [float(lr) for lr in values] for key, values in monitor.lrs.items()}
        seen.append((lrs, monitor.last_momentum_values, monitor.last_weight_decay_values, snapshots.seen))

    theirs, ours = seen
    assert ours == theirs
    assert list(ours[0]) == list(theirs[0])


@pytest.mark.parametrize("name", RUNS)
def test_the_loggers_get_lightnings_rows_and_more(name: str) -> None:
    """Each value that Lightning's monitor logs reaches the loggers under its name and step; so do the first and the last."""
    answer, groups = RUNS[name]
    rows = []
    for monitor in (LearningRateMonitor(), LRMonitor(names="lightning")):
        recorder = Recorder()
        fit(Probe(answer, groups=groups), monitor, batches=6, max_epochs=2, log_every_n_steps=4, logger=recorder)
        rows.append({(step, key): value for step, row in recorder.rows for key, value in row.items() if key != "loss"})

    theirs, ours = rows
    assert theirs.items() <= ours.items()
    assert {0, 11} <= {step for step, _ in ours}


def test_a_joining_group_is_renamed_as_in_lightning() -> None:
    """When a second group joins, the values of the first go on as ``/pg1``."""

    class Joins(Callback):
        def on_train_batch_start(self, trainer: Any, net: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 2:
                trainer.optimizers[0].add_param_group({"params": [net.weights[1]], "lr": 0.5})

    seen = []
    for monitor in (LearningRateMonitor(), LRMonitor(names="lightning")):
        net = Probe(lambda net: SGD([net.weights[0]], lr=0.1), groups=2)
        fit(net, Joins(), monitor, batches=4, log_every_n_steps=1, logger=Recorder())
        seen.append(monitor.lrs)

    assert seen[0] == seen[1]


def test_early_stopping_can_watch_the_lr() -> None:
    """``EarlyStopping(monitor="lr-SGD")`` finds its metric, as with Lightning's monitor."""
    stopping = EarlyStopping("lr-SGD", stopping_threshold=0.05, patience=99, check_on_train_epoch_end=True)

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        return [optimizer], [LambdaLR(optimizer, lambda epoch: 0.5**epoch)]

    trainer = fit(Probe(answer), LRMonitor(names="lightning"), stopping, max_epochs=9, logger=Recorder())

    assert trainer.current_epoch < 9


def test_the_arguments_are_lightnings() -> None:
    """The positional arguments are those of the replaced class, in their order."""
    theirs = list(inspect.signature(LearningRateMonitor).parameters)
    ours = inspect.signature(LRMonitor).parameters
    assert list(ours)[: len(theirs)] == theirs
    assert list(ours)[3] == "log_key_prefix"


def test_the_same_misuse_has_the_same_errors() -> None:
    """An unknown interval, a missing logger and duplicate group names are refused with Lightning's error class."""
    with pytest.raises(MisconfigurationException, match="logging_interval should be `step` or `epoch` or `None`"):
        LRMonitor("batch")  # type: ignore[arg-type]
    with pytest.raises(MisconfigurationException, match="no logger"):
        fit(Probe(_optimizer), LRMonitor(names="lightning"))

    def answer(net: Probe) -> Any:
        return SGD([{"params": [weight], "name": "same"} for weight in net.weights], lr=0.1)

    for monitor in (LRMonitor(), LRMonitor(names="lightning"), LearningRateMonitor()):
        with pytest.raises(MisconfigurationException, match=r"duplicated parameter group names \{'same'\}"):
            fit(Probe(answer, groups=2), monitor, logger=Recorder())


def test_unknown_names_are_refused() -> None:
    """Another value for ``names`` is refused; the message has the two possible ones."""
    with pytest.raises(ScheduleError, match=r"names='stable'.*names='lightning'"):
        LRMonitor(names="lightnin")  # type: ignore[arg-type]


def test_momentum_of_an_optimizer_without_it_warns() -> None:
    """``log_momentum`` with an optimizer that has neither momentum nor betas warns as Lightning does, and logs 0.

    Under stable names it logs 0 without a warning: another optimizer may have momentum, so the program may be right.
    """

    def answer(net: Probe) -> Any:
        return torch.optim.Adagrad(net.parameters(), lr=0.1)

    for monitor in (LearningRateMonitor("step", True), LRMonitor("step", True, names="lightning")):
        with pytest.warns(RuntimeWarning, match="You have set log_momentum=True"):
            fit(Probe(answer), monitor, log_every_n_steps=1, logger=Recorder())
        assert monitor.last_momentum_values == {"lr-Adagrad-momentum": 0}

    stable = LRMonitor("step", True)
    fit(Probe(answer), stable, log_every_n_steps=1)
    assert stable.last_momentum_values == {"momentum/optimizer": 0}


def test_an_optimizer_without_weight_decay_is_no_error() -> None:
    """LBFGS has no weight decay: it is logged as 0; Lightning's monitor raises a KeyError."""
    monitor = LRMonitor(log_weight_decay=True)
    fit(Probe(lambda net: torch.optim.LBFGS(net.parameters())), monitor, batches=1)

    assert monitor.history["weight_decay/optimizer"] == [0.0]


def test_the_prefix_stands_before_every_name() -> None:
    """``log_key_prefix`` stands before the names of series, attributes and metrics, under both kinds of names."""
    for names, expected in (("lightning", "optim/lr-SGD"), ("stable", "optim/lr/optimizer")):
        recorder = Recorder()
        monitor = LRMonitor(None, True, log_key_prefix="optim/", names=names)  # type: ignore[arg-type]
        trainer = fit(Probe(_optimizer), monitor, log_every_n_steps=1, logger=recorder)
        assert expected in monitor.lrs
        assert expected in trainer.callback_metrics
        assert all(name.startswith("optim/") for _, row in recorder.lrs("optim") for name in row)


def test_stable_names_outlive_the_optimizers_class() -> None:
    """Another optimizer class has the same series."""
    seen = []
    for kind in (SGD, Adam):
        monitor = LRMonitor()
        fit(Probe(lambda net, kind=kind: kind([{"params": net.parameters(), "name": "head"}], lr=0.1)), monitor)
        seen.append(list(monitor.history))

    assert seen[0] == seen[1] == ["step", "epoch", "lr/head"]
