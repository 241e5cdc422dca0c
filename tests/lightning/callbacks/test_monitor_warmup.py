"""``LRMonitor`` beside ``LRWarmup``: the multiplied LR is what is logged, and no departure from the plan."""

from __future__ import annotations

import pytest

from lr_toolkit import LRMonitor, LRWarmup, configure_optimizers, cosine
from tests.lightning.callbacks.fits import Probe, fit


@pytest.mark.parametrize("first", [True, False], ids=["monitor first", "warmup first"])
def test_a_warmup_callback_is_no_departure(first: bool) -> None:
    """In either order of the callbacks each update is logged with the LR that it used, and ``strict`` is content."""
    monitor, warmup = LRMonitor(strict=True), LRWarmup(4)
    net = Probe(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer))
    callbacks = (monitor, warmup) if first else (warmup, monitor)
    fit(net, *callbacks, batches=10, log_every_n_steps=1)

    assert monitor.history["lr/optimizer"] == [lrs[0] for _, lrs in net.used]
