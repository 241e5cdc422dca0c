"""A user's own object of several optimizers, as projects write it: schedule, ramp and monitor serve it too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import StepLR

from lr_toolkit import LRMonitor, LRWarmup, configure_optimizers
from tests.helpers.combined_nets import PLAN, CombinedNet, SaveAt, by_hand, loader, optimizers_of, weights
from tests.helpers.fits import Probe, Recorder, fit
from tests.helpers.runs import trainer
from tests.helpers.stepping_others import Hybrid
from tests.lightning.test_combined import factors

HELD = ["attributes", "list", "dict"]


class SavedHybrid(Hybrid):
    """A hybrid with states; loading one gives its optimizers new groups, and it does not renew its own list."""

    def inner(self) -> list[Optimizer]:
        """Its optimizers."""
        found: Any = vars(self)
        if "first" in found:
            return [self.first, self.second]
        return list(found["optimizers"] if "optimizers" in found else found["by_name"].values())

    def state_dict(self) -> dict[str, Any]:
        """The states of all."""
        return {"states": [optimizer.state_dict() for optimizer in self.inner()]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """The states of all."""
        for optimizer, state in zip(self.inner(), state_dict["states"], strict=True):
            optimizer.load_state_dict(state)


def scheduled(held: str) -> Callable[[CombinedNet], Any]:
    """A hybrid under our schedule."""
    return lambda net: configure_optimizers(SavedHybrid(list(optimizers_of(net.net).values()), held), PLAN, net.trainer)


def alone(held: str) -> Callable[[CombinedNet], Any]:
    """A hybrid without a scheduler."""
    return lambda net: SavedHybrid(list(optimizers_of(net.net).values()), held)


def stepped(held: str) -> Callable[[CombinedNet], Any]:
    """A hybrid under a scheduler of torch."""

    def answer(net: CombinedNet) -> Any:
        optimizer = SavedHybrid(list(optimizers_of(net.net).values()), held)
        return {"optimizer": optimizer, "lr_scheduler": StepLR(optimizer, 1, gamma=0.5)}

    return answer


def train(net: CombinedNet, *callbacks: L.Callback, ckpt: Path | None = None) -> Recorder:
    """Train for two epochs, and return the rows."""
    recorder = Recorder()
    run = trainer(max_epochs=2, callbacks=list(callbacks), logger=recorder, log_every_n_steps=1)
    run.fit(net, loader(8), ckpt_path=ckpt)
    return recorder


@pytest.mark.parametrize("held", HELD)
def test_a_hybrid_follows_a_schedule_and_is_logged(held: str) -> None:
    """The training is that of a loop by hand, and each update has its row."""
    net = CombinedNet(scheduled(held))
    recorder = train(net, LRMonitor(strict=True))
    expected = factors(PLAN, 16)

    assert weights(net) == weights(by_hand(expected, 8, epochs=2))
    assert [(row["lr/pg1"], row["lr/pg2"]) for _, row in recorder.lrs()] == [
        pytest.approx((0.05 * factor, 0.01 * factor)) for factor in expected
    ]


CALLBACKS: dict[str, tuple[Callable[[str], Any], Callable[[], list[L.Callback]]]] = {
    "our schedule": (scheduled, list),
    "our schedule and the monitor": (scheduled, lambda: [LRMonitor(strict=True)]),
    "a ramp": (alone, lambda: [LRWarmup(12)]),
    "a ramp on a scheduler of torch": (stepped, lambda: [LRWarmup(12), LRMonitor()]),
}


@pytest.mark.parametrize("held", HELD)
@pytest.mark.parametrize("case", CALLBACKS)
def test_a_resumed_hybrid_goes_on_bit_for_bit(case: str, held: str, tmp_path: Path) -> None:
    """Although its list of groups is out of date once its optimizers have loaded their states."""
    make, callbacks = CALLBACKS[case]
    whole, first, second = (CombinedNet(make(held)) for _ in range(3))
    train(whole, *callbacks())
    train(first, *callbacks(), SaveAt(8, tmp_path / "saved.ckpt"))
    train(second, *callbacks(), ckpt=tmp_path / "saved.ckpt")

    assert second.used == whole.used[8:]
    assert weights(second) == weights(whole)


class Prodigy(SGD):
    """Doubles its estimate d with each step, as Prodigy may."""

    def __init__(self, weights: Any, d: float) -> None:
        super().__init__([{"params": weights, "d": d}], lr=1.0)

    def step(self, closure: Any = None) -> Any:  # type: ignore[override]  # torch has overloads
        """Renew d."""
        loss = super().step(closure)
        self.param_groups[0]["d"] *= 2
        return loss


class SGDScheduleFree(SGD):
    """Warms up inside of its step, and keeps the LR in its groups."""

    def step(self, closure: Any = None) -> Any:  # type: ignore[override]  # torch has overloads
        """Use half of the LR."""
        self.param_groups[0]["scheduled_lr"] = self.param_groups[0]["lr"] / 2
        return super().step(closure)


@pytest.mark.parametrize("held", HELD)
def test_the_monitor_shows_the_effective_lrs_of_a_hybrid(held: str) -> None:
    """Of the groups whose optimizer keeps one; those of the others are their LRs."""
    monitor = LRMonitor()

    def answer(net: Probe) -> Any:
        first, second, third = net.weights
        parts = [Prodigy([first], 0.25), SGDScheduleFree([second], lr=0.1), SGD([third], lr=0.3)]
        return Hybrid(parts if held != "attributes" else parts[:2], held)

    fit(Probe(answer, groups=3), monitor, batches=3, log_every_n_steps=1)

    assert monitor.history["lr_effective/pg1"] == [0.25, 0.5, 1.0]
    assert monitor.history["lr_effective/pg2"] == [0.05, 0.05, 0.05]
    if held != "attributes":
        assert monitor.history["lr_effective/pg3"] == [0.3, 0.3, 0.3]
