"""Factors of the optimizer's lr that were written as learning rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as torch_lr
from transformers import get_polynomial_decay_schedule_with_warmup

from lr_toolkit import LRMonitor, LRWarmup
from tests.helpers.fits import Probe, fit
from tests.helpers.schedule_warnings import schedule_warnings
from tests.helpers.twins import Make, Twin, codes, epoch, run, step


def with_lr(lr: float, make: Make) -> Make:
    """The scheduler for an optimizer with this lr."""

    def made(optimizer: Any) -> Any:
        optimizer.param_groups[0]["lr"] = lr
        return make(optimizer)

    return made


def function(factor: Callable[[int], float]) -> Make:
    """A LambdaLR."""
    return lambda optimizer: torch_lr.LambdaLR(optimizer, factor)


def climb(k: int) -> float:
    """A warmup of 100 steps to an LR."""
    return 1e-3 * min(1, k / 100)


def noam(k: int) -> float:
    """The factors of "Attention Is All You Need", with a warmup of 1000 steps."""
    return float(512**-0.5 * min((k + 1) ** -0.5, (k + 1) * 1000**-1.5))


def in_order(optimizer: Any) -> Any:
    """A warmup and a decay, whose functions return LRs."""
    parts = [function(lambda k: 1e-4 * (k + 1))(optimizer), function(lambda k: 1e-3 * 0.9**k)(optimizer)]
    return torch_lr.SequentialLR(optimizer, parts, [10])


def two_groups(*factors: Callable[[int], float]) -> Make:
    """A LambdaLR with a function for each of two groups."""

    def made(optimizer: Any) -> Any:
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 1e-3})
        return torch_lr.LambdaLR(optimizer, list(factors))

    return made


TWINS = {
    "an LR in the place of a factor": Twin(
        {"LR305": r"LambdaLR takes the LR of SGD to 1e-06 at most.*has lr=0.001.*Write SGD\(\.\.\., lr=1.0\)"},
        step(with_lr(1e-3, function(climb))),
        step(with_lr(1.0, function(climb))),
    ),
    "a list of LRs, per epoch": Twin(
        {"LR305": "highest factor is 0.001"},
        epoch(with_lr(1e-3, function(lambda e: [1e-3, 1e-4, 1e-5, 1e-6][e]))),
        epoch(with_lr(1e-3, function(lambda e: [1, 0.1, 0.01, 0.001][e]))),
    ),
    "a constant factor": Twin(
        {"LR305": "ConstantLR takes the LR of SGD to 1e-06 at most.*its numbers are factors.*or divide each factor by 0.001"},
        step(with_lr(1e-3, lambda optimizer: torch_lr.ConstantLR(optimizer, 1e-3, 10**6))),
        step(with_lr(1e-3, lambda optimizer: torch_lr.ConstantLR(optimizer, 0.1, 10**6))),
    ),
    "LRs in both parts of a sequence": Twin(
        {"LR305": "SequentialLR takes the LR of SGD to 1e-06 at most.*the function of LambdaLR"},
        step(with_lr(1e-3, in_order)),
        step(with_lr(1.0, in_order)),
    ),
    "LRs for each group": Twin(
        {"LR305": "to 1e-06 at most"},
        step(with_lr(1e-3, two_groups(lambda k: 1e-3, lambda k: 1e-4))),
        step(with_lr(1e-3, two_groups(lambda k: 1.0, lambda k: 1e-4))),
    ),
}  # fmt: skip

QUIET: dict[str, Make] = {
    "factors that are small, of an lr of 1": step(with_lr(1.0, function(noam))),
    "factors that are small, of an lr of 0.5": step(with_lr(0.5, function(noam))),
    "a group that is frozen, and one that is low": step(with_lr(0.01, two_groups(lambda k: 0.0, lambda k: 0.02))),
    "a long warmup of which little is run": step(with_lr(1e-3, function(lambda k: min(1, (k + 1) / 4000)))),
    "a warmup that is longer than what is looked at": step(with_lr(1e-3, function(lambda k: (k + 1) / 10**7))),
    "a warmup of epochs that is cut": epoch(with_lr(1e-3, lambda o: torch_lr.LinearLR(o, 1e-3, 1.0, 4))),
    "a search for the LR": step(with_lr(1e-3, function(lambda k: 1e-4 * 1.5**k))),
    "a polynomial decay of transformers": step(
        with_lr(5e-5, lambda o: get_polynomial_decay_schedule_with_warmup(o, 4, 24, lr_end=1e-7))
    ),
}


@pytest.mark.parametrize("name", QUIET)
def test_a_right_schedule_that_begins_low(name: str) -> None:
    """It has no finding of this kind."""
    assert "LR305" not in codes(run(QUIET[name], {}))


def test_a_ramp_is_left_out_of_the_peak() -> None:
    """``LRWarmup`` multiplies the LRs from outside."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd(lr=1e-3)
        return [optimizer], [step(lambda o: torch_lr.ConstantLR(o, 1e-3, 10**6))(optimizer)]

    monitor = LRMonitor()
    with schedule_warnings():
        fit(Probe(answer), LRWarmup(5), monitor)

    (finding,) = (finding for finding in monitor.findings if finding.code == "LR305")
    assert "takes the LR of SGD to 1e-06 at most" in finding.text


class Counts(Probe):
    """Has a schedule that reads the state of the run."""

    def configure_optimizers(self) -> Any:
        """Factors that grow to 1 with the updates."""
        optimizer = self.sgd(lr=1e-3)
        scheduler = torch_lr.LambdaLR(optimizer, lambda k: 1e-3 + self.trainer.global_step / 24)
        return [optimizer], [{"scheduler": scheduler, "interval": "step"}]


class Holds(Probe):
    """Has a schedule that reads an attribute, which a hook changes."""

    factor = 1e-3

    def configure_optimizers(self) -> Any:
        """A factor from an attribute."""
        optimizer = self.sgd(lr=1e-3)
        return [optimizer], [torch_lr.LambdaLR(optimizer, lambda epoch: self.factor)]

    def on_train_epoch_end(self) -> None:
        """Begin."""
        self.factor = 1.0


@pytest.mark.parametrize("kind", [Counts, Holds])
def test_a_function_of_the_run_is_not_known_before(kind: type[Probe]) -> None:
    """Its factors in the run may be others."""
    monitor = LRMonitor()
    fit(kind(lambda net: None), monitor, max_epochs=3)

    assert codes(monitor) == []
