"""LRWarmup on every scheduler of torch, in real Trainers: the LR of each update is the scheduler's alone times the ramp."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch.optim import Optimizer, lr_scheduler

from lr_toolkit.lightning.warmup.warmup import LRWarmup
from tests.helpers.runs import Net, loader, trainer

BATCHES, EPOCHS = 5, 4

Make = Callable[[Optimizer], Any]

MAKERS: dict[str, Make] = {
    "LambdaLR": lambda o: lr_scheduler.LambdaLR(o, [lambda k: 0.9**k, lambda k: 1 / (1 + k)]),
    "MultiplicativeLR": lambda o: lr_scheduler.MultiplicativeLR(o, lambda k: 0.9 if k % 2 else 1.05),
    "StepLR": lambda o: lr_scheduler.StepLR(o, 2, gamma=0.5),
    "MultiStepLR": lambda o: lr_scheduler.MultiStepLR(o, [1, 3], gamma=0.3),
    "ConstantLR": lambda o: lr_scheduler.ConstantLR(o, 0.5, total_iters=3),
    "LinearLR": lambda o: lr_scheduler.LinearLR(o, 0.2, total_iters=3),
    "ExponentialLR": lambda o: lr_scheduler.ExponentialLR(o, 0.8),
    "SequentialLR": lambda o: lr_scheduler.SequentialLR(
        o, [lr_scheduler.ExponentialLR(o, 0.9), lr_scheduler.CosineAnnealingLR(o, 7)], [2]
    ),
    "PolynomialLR": lambda o: lr_scheduler.PolynomialLR(o, 6, power=2.0),
    "CosineAnnealingLR": lambda o: lr_scheduler.CosineAnnealingLR(o, 3, eta_min=1e-3),
    "ChainedScheduler": lambda o: lr_scheduler.ChainedScheduler(
        [lr_scheduler.ExponentialLR(o, 0.9), lr_scheduler.StepLR(o, 2, gamma=0.5)], o
    ),
    "ReduceLROnPlateau": lambda o: lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=0, threshold=1e9),
    "CyclicLR": lambda o: lr_scheduler.CyclicLR(o, [0.1, 0.02], [0.3, 0.2], step_size_up=2, cycle_momentum=False),
    "CosineAnnealingWarmRestarts": lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, 2, T_mult=2),
    "OneCycleLR": lambda o: lr_scheduler.OneCycleLR(o, 0.3, total_steps=BATCHES * EPOCHS + 1, cycle_momentum=False),
}
CLIMBING = {"ConstantLR", "LinearLR", "OneCycleLR"}
WARMUPS: dict[str, Callable[[], LRWarmup]] = {
    "step": lambda: LRWarmup(7),
    "epoch": lambda: LRWarmup("2 epochs", interval="epoch", shape="cosine"),
}


def ramp(kind: str, k: int, epoch: int) -> float:
    """The expected factors of the two warmups."""
    if kind == "step":
        return min(1.0, (k + 1) / 8)
    return (1 - math.cos(math.pi * min(epoch + 1, 3) / 3)) / 2


@dataclass
class Matrix:
    """One cell: which scheduler, how it is stepped, and how gradients are accumulated."""

    name: str
    interval: str
    accumulate: int

    def used(self, warmup: Callable[[], LRWarmup] | None) -> list[tuple[int, list[float]]]:
        """The epoch and the LRs of every update of a real run."""

        def answer(net: Net, optimizer: Optimizer) -> Any:
            scheduler = MAKERS[self.name](optimizer)
            config = {"scheduler": scheduler, "interval": self.interval}
            if self.name == "ReduceLROnPlateau":
                config |= {"monitor": "loss", "strict": False}
            return {"optimizer": optimizer, "lr_scheduler": config}

        net = Logging(answer)
        callbacks = [warmup()] if warmup else []
        trainer(max_epochs=EPOCHS, accumulate_grad_batches=self.accumulate, callbacks=callbacks).fit(
            net, loader(BATCHES)
        )
        return net.used


class Logging(Net):
    """Logs a metric for the plateau."""

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """The loss, under the name that the plateau reads."""
        loss = super().training_step(batch, batch_idx)
        self.log("loss", loss)
        return loss


def test_the_matrix_has_every_scheduler_of_torch() -> None:
    """Every scheduler class of torch is in it, except the base class."""
    found = {
        name
        for name, kind in vars(lr_scheduler).items()
        if inspect.isclass(kind) and issubclass(kind, lr_scheduler.LRScheduler) and not name.startswith("_")
    }
    assert found - {"LRScheduler"} == set(MAKERS)


# Lightning and torch warn of a OneCycleLR that is stepped per epoch; it is tested on purpose.
@pytest.mark.filterwarnings("ignore:A `OneCycleLR` scheduler is using 'interval. epoch'")
@pytest.mark.filterwarnings("ignore:.*OneCycleLR.*:RuntimeWarning")  # as above
@pytest.mark.parametrize("accumulate", [1, 3])
@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize("name", MAKERS)
def test_lr_is_the_schedulers_alone_times_the_ramp(name: str, interval: str, accumulate: int) -> None:
    """Each update uses exactly the LR of the scheduler alone times the ramp, however the scheduler is stepped."""
    cell = Matrix(name, interval, accumulate)
    alone = cell.used(None)
    assert len(alone) == EPOCHS * -(-BATCHES // accumulate)
    for kind, warmup in WARMUPS.items():
        with pytest.warns(match=f"{name} already warms up") if name in CLIMBING else nullcontext():
            used = cell.used(warmup)
        for k, ((epoch, lrs), (_, expected)) in enumerate(zip(used, alone, strict=True)):
            assert lrs == pytest.approx([lr * ramp(kind, k, epoch) for lr in expected], rel=1e-12, abs=1e-15), (kind, k)
