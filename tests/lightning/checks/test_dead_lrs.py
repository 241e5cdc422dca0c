"""Learning rates that teach nothing, and schedulers that raise."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest
from torch.optim import lr_scheduler as torch_lr
from transformers import get_linear_schedule_with_warmup

from lr_toolkit import Horizon, LRMonitor, ScheduledLR, ScheduleWarning
from tests.helpers.fits import Probe, fit
from tests.helpers.twins import Twin, codes, cosine_of, epoch, one_cycle, run, step


def warmup_from_zero(optimizer: Any) -> Any:
    """A warmup of four steps whose first LR is 0."""
    return torch_lr.LambdaLR(optimizer, lambda k: min(k / 4, 1))


def drop(optimizer: Any) -> Any:
    """A tenth after each step."""
    return torch_lr.StepLR(optimizer, 1)


def decay(optimizer: Any) -> Any:
    """A tenth after each step."""
    return torch_lr.ExponentialLR(optimizer, 0.1)


def ours(schedule: str) -> Any:
    """This package's scheduler for the run."""
    return lambda optimizer: ScheduledLR(optimizer, schedule, Horizon(24, 8))


class Writes:
    """Makes schedulers of one's own that write a number."""

    def __init__(self, lr: float) -> None:
        self.lr = lr

    def __call__(self, optimizer: Any) -> Any:
        """A scheduler that has no base LRs."""

        class Own(torch_lr.LRScheduler):
            def get_lr(self) -> list[float]:
                return [lr]

        lr = self.lr
        scheduler = Own(optimizer)
        del scheduler.base_lrs
        return scheduler


TWINS = {
    "a warmup from 0, bare, in a run of one epoch": Twin(
        {"LR301": "All 8 updates have a learning rate of 0"},
        warmup_from_zero,
        step(warmup_from_zero),
        {"max_epochs": 1},
    ),
    "step_size in epochs, stepped per step": Twin(
        {"LR302": "From update 7 of 120 on the learning rate is less than a millionth.*interval='epoch'"},
        step(drop),
        epoch(drop),
        options={"batches": 40},
    ),
    "a decay per epoch, stepped per step": Twin(
        {"LR302": "From update 7 of 24 on the learning rate is less than a millionth"}, step(decay), epoch(decay)
    ),
    "a decay that is over after exactly half of the run": Twin(
        {"LR302": "From update 7 of 14 on the learning rate is less than a millionth"},
        step(decay),
        step(decay),
        options={"batches": 14, "max_epochs": 1},
        right_options={"batches": 7, "max_epochs": 1},
    ),
    "a decay to 0 that leaves out the last batches": Twin(
        {"LR302": "The last 3 of 24 updates have a learning rate of 0.*Write lr_toolkit.scheduler_config"},
        step(lambda optimizer: get_linear_schedule_with_warmup(optimizer, 2, 21)),
        step(lambda optimizer: get_linear_schedule_with_warmup(optimizer, 2, 23)),
    ),
    "a decay per epoch whose last epoch is at 0": Twin(
        {"LR302": "The last 8 of 24 updates have a learning rate of 0"},
        epoch(cosine_of(2)),
        epoch(lambda optimizer: torch_lr.CosineAnnealingLR(optimizer, 2, eta_min=1e-4)),
    ),
    "a decay of torch whose recursion misses 0": Twin(
        {"LR302": "The last 5 of 24 updates have a learning rate of 0"},
        step(lambda optimizer: torch_lr.LinearLR(optimizer, 1.0, 0.0, 19)),
        step(lambda optimizer: torch_lr.LinearLR(optimizer, 1.0, 0.0, 24)),
    ),
    "ours, over a part of the run": Twin(
        {"LR302": "The last 4 of 24 updates have a learning rate of 0.*or a decay with a floor above 0"},
        step(ours("cosine(over=20)")),
        step(ours("cosine(end=0.1, over=20)")),
    ),
    "ours, over a small part of the run": Twin(
        {"LR302": "From update 4 of 24 on the learning rate is less than a millionth"},
        step(ours("cosine(over=4)")),
        step(ours("cosine(end=0.1, over=4) >> hold()")),
    ),
    "a function whose division rounds to 0": Twin(
        {"LR301": "All 24 updates have a learning rate of 0"},
        step(lambda optimizer: torch_lr.LambdaLR(optimizer, lambda k: k // 100)),
        step(lambda optimizer: torch_lr.LambdaLR(optimizer, lambda k: (k + 1) / 100)),
    ),
    "a cycle from 0 that never leaves it": Twin(
        {"LR264": "The base LR of each group of SGD is 0"},
        step(lambda optimizer: torch_lr.CyclicLR(optimizer, 0.0, 0.0, 4, cycle_momentum=False)),
        step(lambda optimizer: torch_lr.CyclicLR(optimizer, 0.0, 0.1, 4, cycle_momentum=False)),
    ),
    "a scheduler of one's own that writes 0": Twin({"LR301": "All 24 updates"}, step(Writes(0.0)), step(Writes(0.1))),
    "a line that goes on below 0": Twin(
        {"LR304": r"From update 11 of 24 on the learning rate is -0\.01\."},
        step(lambda optimizer: torch_lr.LambdaLR(optimizer, lambda k: 1 - k / 10)),
        step(lambda optimizer: torch_lr.LambdaLR(optimizer, lambda k: 1 - k / 24)),
    ),
    "a function that has no value": Twin(
        {"LR304": "From update 20 of 24 on the learning rate is nan"},
        step(lambda optimizer: torch_lr.LambdaLR(optimizer, lambda k: float("nan") if k == 20 else 1.0)),
        step(lambda optimizer: torch_lr.LambdaLR(optimizer, lambda k: 1.0)),
    ),
    "OneCycle of epochs, per step": Twin(
        {"LR303": "going to raise after 14 updates: ValueError"},
        step(one_cycle(13)),
        step(one_cycle(24)),
        raises=ValueError,
    ),
}


def test_a_base_lr_of_zero_is_not_the_schedulers_mistake() -> None:
    """If the optimizer itself was given 0, the finding reports that, and nothing about the schedule."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd(lr=0.0)
        return [optimizer], [{"scheduler": torch_lr.ExponentialLR(optimizer, 0.9), "interval": "step"}]

    monitor = LRMonitor()
    with pytest.warns(ScheduleWarning, match="^LR264: The base LR of each group of SGD is 0"):
        fit(Probe(answer), monitor)

    assert [finding.code for finding in monitor.findings] == ["LR264"]


class WritesLR(Probe):
    """Sets the LR in a function of its file, as MAE does."""

    def on_train_batch_start(self, *args: Any) -> None:
        """Before each batch."""
        adjust(self.optimizers().optimizer)


def adjust(optimizer: Any) -> None:
    """As in the utilities of MAE."""
    for group in optimizer.param_groups:
        group["lr"] = 0.1


@pytest.mark.parametrize(("net", "found"), [(Probe, ["LR264"]), (WritesLR, [])])
def test_a_base_lr_of_zero_without_a_scheduler(net: type[Probe], found: list[str]) -> None:
    """Reported too, unless code of the module writes the LR."""
    monitor = LRMonitor()
    with pytest.warns(ScheduleWarning, match="^LR264") if found else nullcontext():
        fit(net(lambda net: net.sgd(lr=0.0)), monitor)

    assert codes(monitor) == found


@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer: torch_lr.LambdaLR(optimizer, lambda k: 1 - k / 24),
        lambda optimizer: {
            "scheduler": torch_lr.LambdaLR(optimizer, lambda k: max(0.1, 1 - k / 3)),
            "interval": "step",
        },
    ],
)
def test_out_of_reach_a_length_inside_a_function(make: Any) -> None:
    """The length that a user's function assumes cannot be read from it; the plan in the table shows it."""
    assert run(make, {}).findings == ()
