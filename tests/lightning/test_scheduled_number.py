"""A number of the user's own under a schedule, in real Trainers: each value, resumes, the logger's file, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch.optim import SGD

from lr_toolkit import Horizon, ScheduledNumber, ScheduleError, linear, scheduled
from tests.helpers.fits import csv_logger, csv_rows, data
from tests.helpers.runs import trainer

# Lightning starts a plain loader over, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")


class Masked(L.LightningModule):
    """A module that notes the ratio of each batch, with the number of updates that were taken before it."""

    ratio: ScheduledNumber

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.seen: list[tuple[int, float]] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """Ask for the value where it is used."""
        self.seen.append((self.global_step, self.ratio.value()))
        return self.weight.square().sum() * batch[0].mean()

    def configure_optimizers(self) -> Any:
        """Twelve batches in two epochs, two batches an update: the ratio rises from 0.1 to 0.5 in six updates."""
        self.ratio = scheduled("linear(start=0.1, end=0.5)", self.trainer, name="mask_ratio")
        return SGD(self.parameters(), lr=0.1)


def run(*callbacks: L.Callback, **options: Any) -> L.Trainer:
    """A Trainer for that run."""
    return trainer(max_epochs=2, accumulate_grad_batches=2, log_every_n_steps=1, callbacks=list(callbacks), **options)


def expected(k: int) -> float:
    """The value of update k."""
    return 0.1 + 0.4 * k / 6


def test_each_batch_sees_the_value_of_its_update(tmp_path: Path) -> None:
    """Within an accumulation it stays; the logger's file has the value of each update under its name."""
    net = Masked()
    run(logger=csv_logger(tmp_path)).fit(net, data(6))

    assert [k for k, _ in net.seen] == [batch // 2 for batch in range(12)]
    for k, value in net.seen:
        assert value == pytest.approx(expected(k), rel=1e-15)
    logged = csv_rows(tmp_path, "mask_ratio")
    assert {k for k, _ in logged} == set(range(6))
    assert all(value == pytest.approx(expected(k), rel=1e-6) for k, value in logged)


@pytest.mark.parametrize("batches", [2, 3, 6, 8])
def test_a_resumed_run_sees_the_same_values(batches: int, tmp_path: Path) -> None:
    """After an update, in the middle of an accumulation, at the end of an epoch and in the second epoch."""

    class Save(L.Callback):
        taken = 0

        def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
            self.taken += 1
            if self.taken == batches:
                trainer.save_checkpoint(tmp_path / "last.ckpt")

    run(Save()).fit(Masked(), data(6))
    net = Masked()
    run().fit(net, data(6), ckpt_path=tmp_path / "last.ckpt")
    assert net.seen[0][0] == batches // 2
    assert net.seen[-1][0] == 5
    for k, value in net.seen:
        assert value == pytest.approx(expected(k), rel=1e-15)


def test_a_later_fit_begins_anew() -> None:
    """More epochs of the same Trainer are a run of their own, as for the schedules of the optimizer."""
    net, fitted = Masked(), run()
    fitted.fit(net, data(6))
    net.seen.clear()
    fitted.fit_loop.max_epochs = 4
    fitted.fit(net, data(6))

    assert [value for _, value in net.seen] == pytest.approx([expected(batch // 2) for batch in range(12)], rel=1e-12)
    assert sum(type(callback).__name__ == "_NumberLogger" for callback in fitted.callbacks) == 1


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("linear()", None), {}, r"must be the Trainer.*resolve\(Horizon"),
        (("linear(end_lr=0.1)", trainer(max_epochs=1)), {}, "each level is a value already"),
        (("linear()", trainer(max_epochs=1)), {"horizon": Horizon(3, unit="epoch")}, "a number counts updates"),
        (("linear(over=9)", trainer(max_epochs=1)), {"horizon": Horizon(3)}, "the run has 3"),
        ((0.5, trainer(max_epochs=1)), {}, "is no schedule"),
    ],
)
def test_a_wrong_call_is_refused(arguments: Any, options: dict[str, Any], message: str) -> None:
    """With the line to write."""
    with pytest.raises(ScheduleError, match=message):
        scheduled(*arguments, **options)


def test_a_horizon_and_absolute_are_accepted() -> None:
    """``absolute`` is accepted, although the values are absolute in any case."""
    number = scheduled("absolute(linear(start=2.0, end=0.0))", trainer(max_epochs=1), horizon=Horizon(4))
    assert number.value() == 2.0
    assert number.timeline == linear(start=2.0, end=0.0).resolve(Horizon(4))
    assert repr(number) == "ScheduledNumber(linear(start=2.0), 2 now)"
