"""Wrong runs and their right twins: the table entries of the checks before training, and the schedulers that they are made of."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit import Horizon, LRMonitor, ScheduledLR, multistep
from tests.helpers.fits import Probe, fit

Make = Callable[[Any], Any]


@dataclass(frozen=True)
class Twin:
    """A mistake and its right twin.

    Args:
        finds: the findings of the mistake: a regular expression under each code.
        wrong: makes the scheduler, the config or a list of them for an optimizer.
        right: makes the right one.
        options: of the Trainer of both; ``right_options`` are those of the right one instead.
        raises: what Lightning or the scheduler raises in the wrong run.
    """

    finds: dict[str, str]
    wrong: Make
    right: Make
    options: dict[str, Any] = field(default_factory=dict)
    right_options: dict[str, Any] | None = None
    raises: type[Exception] | None = None

    def check_wrong(self) -> None:
        """The mistake gives exactly its findings, as warnings and in ``monitor.findings``."""
        monitor = LRMonitor()
        with (
            warnings.catch_warnings(record=True) as caught,
            pytest.raises(self.raises) if self.raises else nullcontext(),
        ):
            warnings.simplefilter("always")
            run(self.wrong, self.options, monitor)

        assert {finding.code for finding in monitor.findings} == set(self.finds)
        for finding in monitor.findings:
            assert re.search(self.finds[finding.code], finding.text)
            assert [str(warning.message) for warning in caught].count(str(finding)) == 1

    def check_right(self) -> None:
        """The right twin gives none."""
        monitor = run(self.right, self.options if self.right_options is None else self.right_options)

        assert monitor.findings == ()


def run(make: Make, options: dict[str, Any], monitor: LRMonitor | None = None) -> LRMonitor:
    """Fit with what ``make`` returns for an optimizer: 3 epochs of 8 batches, unless ``options`` change that."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd(lr=0.1)
        made = make(optimizer)
        return [optimizer], made if isinstance(made, list) else [made]

    monitor = monitor or LRMonitor()
    fit(Probe(answer), monitor, **({"max_epochs": 3, "validate": True} | options))
    return monitor


def codes(monitor: LRMonitor) -> list[str]:
    """The codes of everything that a monitor has reported."""
    return [finding.code for finding in monitor.findings]


# --- configs ----------------------------------------------------------------------------------------------------------


def step(make: Make, **more: Any) -> Make:
    """The scheduler with the interval of a step."""
    return lambda optimizer: {"scheduler": make(optimizer), "interval": "step", **more}


def epoch(make: Make, **more: Any) -> Make:
    """The scheduler with the interval of an epoch."""
    return lambda optimizer: {"scheduler": make(optimizer), "interval": "epoch", **more}


def plateau(monitor: str = "val_loss", **more: Any) -> Make:
    """torch's plateau, which never acts in these runs."""
    return lambda optimizer: {
        "scheduler": torch_lr.ReduceLROnPlateau(optimizer, patience=99),
        "monitor": monitor,
        **more,
    }


# --- schedulers -------------------------------------------------------------------------------------------------------


def cosine_of(steps: int) -> Make:
    """torch's cosine of that length."""
    return lambda optimizer: torch_lr.CosineAnnealingLR(optimizer, steps)


def one_cycle(steps: int) -> Make:
    """torch's OneCycleLR of that length."""
    return lambda optimizer: torch_lr.OneCycleLR(optimizer, 0.1, total_steps=steps)


def exponential(optimizer: Any) -> Any:
    """A decay by a tenth."""
    return torch_lr.ExponentialLR(optimizer, 0.9)


def linear(optimizer: Any) -> Any:
    """A warmup of five steps."""
    return torch_lr.LinearLR(optimizer, 0.1, 1, 5)


def cyclic(optimizer: Any) -> Any:
    """Cycles of ten steps."""
    return torch_lr.CyclicLR(optimizer, 0.01, 0.1, 5)


def warmup_by_lambda(optimizer: Any) -> Any:
    """A warmup of five steps that writes base * factor."""
    return torch_lr.LambdaLR(optimizer, lambda k: min(1, (k + 1) / 5))


def chain(optimizer: Any) -> Any:
    """A warmup and a cosine, together."""
    return torch_lr.ChainedScheduler([torch_lr.LinearLR(optimizer, 0.1, 1, 4), cosine_of(24)(optimizer)])


def milestones(*milestones: Any) -> Make:
    """This package's ``multistep`` for 3 epochs of 40 batches."""
    return lambda optimizer: ScheduledLR(optimizer, multistep(list(milestones)), Horizon(120, 40))
