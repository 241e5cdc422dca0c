"""What else of the parameter groups has a schedule is followed in the short runs."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import torch
from torch import nn

from lr_toolkit import Horizon, LRFinder, ScheduledLR, absolute, configure_optimizers, find_lr, linear, search_lr
from lr_toolkit.finder.search import plan_of
from tests.helpers.finding import Regression, batches, loader, squared_error, trainer

SCHEDULES: dict[str, Any] = {
    "momentum": absolute(linear(start=0.8, end=0.95)),
    "weight_decay": {"head": linear(end=0.5)},
}


def groups(model: Any) -> list[dict[str, Any]]:
    """Two groups, of which one has decay."""
    return [
        {"params": model[0].parameters(), "name": "body"},
        {"params": model[2].parameters(), "name": "head", "weight_decay": 0.1},
    ]


def network() -> nn.Sequential:
    """Untrained."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))


def test_a_run_of_full_length_has_the_values_of_the_scheduler() -> None:
    """Momentum and weight decay at each update, for each group; a group without a schedule stays as it is."""
    optimizer = torch.optim.SGD(groups(network()), lr=0.5, momentum=0.9)
    values = plan_of(optimizer, linear(), Horizon(40), **SCHEDULES).with_bases([0.5, 0.5])
    scheduler = ScheduledLR(optimizer, linear(), Horizon(40), **SCHEDULES)
    for k in range(40):
        found = values(Fraction(k))
        for key in ("lr", "momentum", "weight_decay"):
            used = [group[key] for group in optimizer.param_groups]
            assert [now if value is None else value for value, now in zip(found[key], used, strict=True)] == used
        optimizer.step()
        scheduler.step()

    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.0, pytest.approx(0.05)]


class Watched(torch.optim.SGD):
    """Notes the momentum of each update, of all of its copies."""

    seen: list[float]

    def step(self, *args: Any, **kwargs: Any) -> Any:
        """Note it."""
        Watched.seen.append(self.param_groups[0]["momentum"])
        return super().step(*args, **kwargs)


def test_a_short_run_follows_them() -> None:
    """From 0.8 to 0.95 in twenty updates, read in the middles of equal parts; the line search has the first value of the optimizer."""
    Watched.seen = []
    model = network()
    optimizer = Watched(groups(model), lr=0.5, momentum=0.9)
    search_lr(model, optimizer, squared_error, batches(), linear(), 160, **SCHEDULES)
    expected = [0.8 + 0.15 * (8 * i + 3.5) / 160 for i in range(20)]

    assert Watched.seen[:10] == [0.9] * 10
    assert Watched.seen[10:30] == pytest.approx(expected)
    assert optimizer.param_groups[0]["momentum"] == 0.9


class Cycled(Regression):
    """Momentum that falls while the LR rises: a one-cycle of torch's, or a schedule of ours."""

    def __init__(self, kind: str) -> None:
        super().__init__(optimizer="SGD", schedule=None)
        self.kind = kind

    def configure_optimizers(self) -> Any:
        """The optimizer, which notes its momentum, and the scheduler."""
        optimizer = Watched(self.groups(), momentum=0.9)
        if self.kind == "ours":
            return configure_optimizers(optimizer, linear(), self.trainer, momentum=SCHEDULES["momentum"])
        scheduler = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, [1e-3, 1.25e-4], total_steps=64, base_momentum=0.8, max_momentum=0.95, anneal_strategy="linear"
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


@pytest.mark.parametrize("kind", ["ours", "one-cycle"])
def test_a_trainer_follows_them(kind: str) -> None:
    """The eight updates of the first short run have the momentum of the run at their places, and the run after them has its own."""
    Watched.seen = []
    trainer(callbacks=[LRFinder()]).fit(Cycled(kind), loader())
    first, run = Watched.seen[10:18], Watched.seen[-64:]
    between = [(run[8 * i + 3] + run[8 * i + 4]) / 2 for i in range(8)]

    assert len(set(run)) > 30
    # A schedule of ours is read between two updates, and another scheduler at one of them.
    assert first == pytest.approx(between, abs=1e-9 if kind == "ours" else 0.005)


def test_a_schedule_of_another_key_can_move_the_answer() -> None:
    """A momentum that rises to 0.99 allows a lower LR than one that stays at 0."""

    class Risen(Regression):
        def __init__(self, end: float) -> None:
            super().__init__(schedule=None)
            self.end = end

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.groups(), momentum=0.01)
            rise = absolute(linear(start=0.01, end=self.end))
            return configure_optimizers(optimizer, linear(), self.trainer, momentum=rise)

    assert find_lr(trainer(), Risen(0.99), loader(), seed=1).lr < find_lr(trainer(), Risen(0.02), loader(), seed=1).lr
