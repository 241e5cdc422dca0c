"""An update that did not use the planned LR: the likely cause is named, with what to write instead."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import BackboneFinetuning, Callback

from lr_toolkit import (
    Horizon,
    LRMonitor,
    ReduceOnPlateau,
    ScheduledLR,
    ScheduleError,
    ScheduleWarning,
    configure_optimizers,
    cosine,
    horizon_of,
)
from tests.helpers.fits import Probe, WithBackbone, fit
from tests.helpers.runs import Unfreezes
from tests.helpers.twins import codes


def by_hand(net: Probe) -> Any:
    """A scheduler that is not made by the helper."""
    optimizer = net.sgd()
    config = {"scheduler": ScheduledLR(optimizer, cosine(), horizon_of(net.trainer)), "interval": "step"}
    return {"optimizer": optimizer, "lr_scheduler": config}


class Hand(Callback):
    """Writes an LR."""

    def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
        """Over the schedule's."""
        trainer.optimizers[0].param_groups[0]["lr"] = 0.7


@pytest.mark.parametrize(
    ("callback", "text"),
    [
        (BackboneFinetuning(1), "Likely causes: BackboneFinetuning writes the LR of the backbone's group.*write a BaseFinetuning"),
        (Hand(), r"Likely causes: Hand writes group\['lr'\]"),
    ],
)  # fmt: skip
def test_the_callback_is_named(callback: Callback, text: str) -> None:
    """A callback of Lightning that is known to write LRs, or one of the user."""
    with pytest.warns(ScheduleWarning, match=f"LR601: .*{text}"):
        fit(WithBackbone(by_hand), callback, monitor := LRMonitor(), max_epochs=4, log_every_n_steps=1)

    assert codes(monitor) == ["LR601"]
    assert re.search(text, monitor.findings[0].text)


class Rebases(Callback):
    """Changes the base LRs at the end of a batch, as the message recommends."""

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        """Once, in the middle."""
        if trainer.global_step == 5:
            trainer.lr_scheduler_configs[0].scheduler.rebase(0.02)


class Reads(Callback):
    """Hands over a metric at the end of each batch."""

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        """One that never improves."""
        trainer.lr_scheduler_configs[0].scheduler.observe(1.0)


class Once(Callback):
    """Writes an LR before one update."""

    def __init__(self, update: int) -> None:
        self.update = update

    def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
        """Over the schedule's."""
        if trainer.global_step == self.update:
            trainer.optimizers[0].param_groups[0]["lr"] = 0.7


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_the_rounding_of_a_tensor_is_no_mismatch(dtype: torch.dtype) -> None:
    """A tensor LR matches its schedule to the digits that its dtype has."""
    net = WithBackbone(by_hand)
    net.answer = lambda net: configure_optimizers(net.sgd(torch.tensor(0.1, dtype=dtype)), cosine(), net.trainer)
    fit(net, LRMonitor(strict=True), log_every_n_steps=1)

    assert len(net.used) == 8


def test_strict_sees_every_update() -> None:
    """With ``strict`` the first update with another LR raises, logged or not."""
    net = WithBackbone(by_hand)
    with pytest.raises(ScheduleError, match=r"LRMonitor\(strict=True\): LR601: Update 5 used a learning rate of 0\.7"):
        fit(net, Once(5), LRMonitor(strict=True), batches=8, log_every_n_steps=100)

    assert len(net.used) == 6


def test_the_first_update_of_an_epoch_is_compared() -> None:
    """Without ``strict`` an LR that is written at the beginning of an epoch is found at every logging cadence."""
    with pytest.warns(ScheduleWarning, match=r"LR601: Update 16 used a learning rate of 0\.7"):
        fit(WithBackbone(by_hand), Once(16), LRMonitor(), batches=8, max_epochs=4, log_every_n_steps=100)


@pytest.mark.parametrize("after", [Rebases(), Reads()], ids=["rebase", "observe"])
def test_a_plan_that_changes_after_its_update_is_no_mismatch(after: Callback) -> None:
    """Base LRs or gains that change between an update and the end of its batch do not concern that update."""
    net, monitor = WithBackbone(by_hand), LRMonitor(strict=True)
    plateau = ReduceOnPlateau(monitor="x", patience=0) if isinstance(after, Reads) else None
    net.answer = lambda net: {
        "optimizer": (optimizer := net.sgd()),
        "lr_scheduler": {
            "scheduler": ScheduledLR(optimizer, cosine(), horizon_of(net.trainer), plateau=plateau),
            "interval": "step",
        },
    }
    fit(net, after, monitor, log_every_n_steps=1)

    assert monitor.findings == ()
    assert net.used[-1][1][0] < 0.1 * cosine().resolve(Horizon(8))(7) / 2


@pytest.mark.parametrize(
    ("net", "callback"),
    [
        (WithBackbone(by_hand), Unfreezes()),
        (WithBackbone(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer)), BackboneFinetuning(1)),
    ],
)
def test_what_the_message_recommends_is_quiet(net: Probe, callback: Callback) -> None:
    """A callback that only adds the group, or the helper, gives no finding."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ScheduleWarning)
        fit(net, callback, LRMonitor(strict=True), max_epochs=4, log_every_n_steps=1)
