"""``LRMonitor`` beside ``LRWarmup``: the multiplied LR is logged and matches the plan."""

from __future__ import annotations

from typing import Any

import pytest

from lr_toolkit import LRMonitor, LRWarmup, ScheduleError, configure_optimizers, cosine
from tests.helpers.fits import Probe, fit


@pytest.mark.parametrize("first", [True, False], ids=["monitor first", "warmup first"])
def test_a_warmup_callback_matches_the_plan(first: bool) -> None:
    """In either order of the callbacks each update is logged with the LR that it used, and ``strict`` raises nothing."""
    monitor, warmup = LRMonitor(strict=True), LRWarmup(4)
    net = Probe(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer))
    callbacks = (monitor, warmup) if first else (warmup, monitor)
    fit(net, *callbacks, batches=10, log_every_n_steps=1)

    assert monitor.history["lr/optimizer"] == [lrs[0] for _, lrs in net.used]


@pytest.mark.parametrize("first", [True, False], ids=["monitor first", "warmup first"])
def test_the_table_names_the_ramp(first: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """The ramp is named below the schedule, and the table shows the LRs of both."""
    monitor, warmup = LRMonitor(table=True), LRWarmup(4)
    net = Probe(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer))
    fit(net, *((monitor, warmup) if first else (warmup, monitor)), batches=10)

    shown = capsys.readouterr().out
    assert "LR schedule: cosine() (SGD)" in shown
    assert "times LRWarmup(4)" in shown
    assert "2.0e-02" in shown


def test_a_write_in_the_ramp_does_not_match_the_plan() -> None:
    """The plan is schedule times ramp: an LR that other code writes during the ramp does not match it."""

    class Meddler(Probe):
        def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
            if batch_idx == 2:
                self.optimizers().param_groups[0]["lr"] = 0.5

    net = Meddler(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer))
    with (
        pytest.warns(UserWarning, match="written to directly"),
        pytest.raises(ScheduleError, match=r"Update 2 used a learning rate of 0.3 .*plan has"),
    ):
        fit(net, LRWarmup(4), LRMonitor(strict=True), batches=10, log_every_n_steps=1)
