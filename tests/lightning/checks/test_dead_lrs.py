"""Learning rates that teach nothing, and schedulers that raise."""

from __future__ import annotations

from typing import Any

import pytest
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit import LRMonitor, ScheduleWarning
from tests.helpers.fits import Probe, fit
from tests.helpers.twins import Twin, epoch, one_cycle, run, step


def warmup_from_zero(optimizer: Any) -> Any:
    """A warmup of four steps whose first LR is 0."""
    return torch_lr.LambdaLR(optimizer, lambda k: min(k / 4, 1))


def drop(optimizer: Any) -> Any:
    """A tenth after each step."""
    return torch_lr.StepLR(optimizer, 1)


def decay(optimizer: Any) -> Any:
    """A tenth after each step."""
    return torch_lr.ExponentialLR(optimizer, 0.1)


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
        right_options={"batches": 13, "max_epochs": 1},
    ),
    "OneCycle of epochs, per step": Twin(
        {"LR303": "going to raise after 14 updates: ValueError"},
        step(one_cycle(13)),
        step(one_cycle(24)),
        raises=ValueError,
    ),
}


def test_a_base_lr_of_zero_is_not_the_schedulers_mistake() -> None:
    """If the optimizer itself was given 0, the finding says that, and nothing about the schedule."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd(lr=0.0)
        return [optimizer], [{"scheduler": torch_lr.ExponentialLR(optimizer, 0.9), "interval": "step"}]

    monitor = LRMonitor()
    with pytest.warns(ScheduleWarning, match="^LR264: The base LR of each group of SGD is 0"):
        fit(Probe(answer), monitor)

    assert [finding.code for finding in monitor.findings] == ["LR264"]


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
    """A user's function does not tell which length it assumes; the plan in the table shows it."""
    assert run(make, {}).findings == ()
