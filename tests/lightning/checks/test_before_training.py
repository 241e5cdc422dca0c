"""What the monitor reports and notes before the first update: right runs are quiet, and a note is no warning."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from lr_toolkit import LRMonitor, LRWarmup, ReduceOnPlateau, ScheduleWarning, configure_optimizers, cosine, hold, warmup
from tests.helpers.fits import Probe, fit
from tests.helpers.twins import cosine_of


@pytest.mark.parametrize(
    "schedule",
    [hold(), warmup(3) >> cosine(), warmup("50%") >> hold(), "step(every='1 epoch', gamma=0.5)", "exponential(0.5)"],
    ids=repr,
)
@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_schedules_of_this_package_are_quiet(schedule: Any, interval: Any) -> None:
    """What the helpers write gives no finding, with a plateau on top, too."""
    if interval == "epoch" and "3)" in repr(schedule):
        schedule = warmup("1 epoch") >> cosine()
    monitor, rule = LRMonitor(), ReduceOnPlateau(monitor="val_loss", patience=9)
    net = Probe(lambda net: configure_optimizers(net.sgd(), schedule, net.trainer, interval=interval, plateau=rule))
    with warnings.catch_warnings():
        warnings.simplefilter("error", ScheduleWarning)
        fit(net, monitor, max_epochs=3, validate=True)

    assert monitor.findings == ()


def test_the_warning_comes_once_and_the_table_keeps_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    """A finding is a warning, with the table or without; the table shows the plan."""
    for table in (True, False):
        net = Probe(lambda net: [[optimizer := net.sgd()], [cosine_of(24)(optimizer)]])
        with pytest.warns(ScheduleWarning, match="T_max=24, and gets 3 steps") as caught:
            fit(net, LRMonitor(table=table), max_epochs=3)

        assert sum("T_max=24" in str(warning.message) for warning in caught) == 1
        assert "T_max=24" not in capsys.readouterr().out


# --- notes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ramped", [False, True])
def test_a_short_warmup_is_noted_in_the_table(ramped: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """A warmup between two logged points, in the schedule or on it, is a line of the table, with the cadence that shows it."""

    def answer(net: Probe) -> Any:
        return configure_optimizers(net.sgd(), cosine() if ramped else warmup(10) >> cosine(), net.trainer)

    def ramps() -> list[LRWarmup]:
        return [LRWarmup(10)] if ramped else []

    fit(Probe(answer), LRMonitor(table=True), *ramps(), batches=60)
    assert "warmup of 10 updates" in (shown := capsys.readouterr().out)
    assert "Trainer(log_every_n_steps=2)" in shown

    fit(Probe(answer), LRMonitor(table=True), *ramps(), batches=60, log_every_n_steps=2)
    assert "!" not in capsys.readouterr().out


@pytest.mark.parametrize("ramped", [False, True])
def test_a_warmup_that_is_over_is_not_noted(ramped: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run that is resumed after its warmup has nothing to note."""

    def answer(net: Probe) -> Any:
        schedule = cosine() if ramped else warmup(10) >> cosine()
        return configure_optimizers(net.sgd(), schedule, net.trainer, on_change="replan")

    def callbacks() -> list[Any]:
        return [LRMonitor(table=True), *([LRWarmup(10)] if ramped else [])]

    fit(Probe(answer), *callbacks(), batches=60).save_checkpoint(tmp_path / "first.ckpt")
    capsys.readouterr()
    fit(Probe(answer), *callbacks(), batches=60, max_epochs=2, ckpt_path=tmp_path / "first.ckpt")

    assert "resumes at update 60" in (shown := capsys.readouterr().out)
    assert "!" not in shown
