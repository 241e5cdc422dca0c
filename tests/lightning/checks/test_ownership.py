"""Several schedulers on one optimizer, and attributes of the mixin that nothing follows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit import (
    LRMonitor,
    ReduceOnPlateau,
    ScheduleMixin,
    ScheduleWarning,
    configure_optimizers,
    cosine,
    hold,
    warmup,
)
from tests.helpers.fits import Probe, fit
from tests.helpers.twins import (
    Twin,
    chain,
    codes,
    cosine_of,
    cyclic,
    epoch,
    exponential,
    linear,
    one_cycle,
    plateau,
    step,
    warmup_by_lambda,
)


def ones(optimizer: Any) -> Any:
    """A LambdaLR that writes the base LR."""
    return torch_lr.LambdaLR(optimizer, lambda k: 1.0)


def times_one(optimizer: Any) -> Any:
    """A scheduler that multiplies by 1."""
    return torch_lr.MultiplicativeLR(optimizer, lambda k: 1.0)


def drop(optimizer: Any) -> Any:
    """A drop after two epochs."""
    return torch_lr.MultiStepLR(optimizer, [2])


def chain_of_lambda(optimizer: Any) -> Any:
    """A chain with a scheduler that writes."""
    return torch_lr.ChainedScheduler([linear(optimizer), warmup_by_lambda(optimizer)])


TWINS = {
    "a warmup per step that LambdaLR resets: the LR climbs to ten times its base": Twin(
        {"LR101": "LinearLR and LambdaLR drive one optimizer: LambdaLR writes its own LR"},
        lambda optimizer: [step(linear)(optimizer), ones(optimizer)],
        lambda optimizer: [step(linear)(optimizer), times_one(optimizer)],
    ),
    "a decay that a LambdaLR erases": Twin(
        {"LR101": "LambdaLR and MultiStepLR drive one optimizer: LambdaLR writes its own LR"},
        lambda optimizer: [step(warmup_by_lambda)(optimizer), drop(optimizer)],
        lambda optimizer: [step(linear)(optimizer), drop(optimizer)],
    ),
    "a decay that OneCycle erases": Twin(
        {"LR101": "OneCycleLR and ExponentialLR drive one optimizer: OneCycleLR writes its own LR"},
        lambda optimizer: [step(one_cycle(24))(optimizer), exponential(optimizer)],
        lambda optimizer: [step(linear)(optimizer), exponential(optimizer)],
    ),
    "a decay that CyclicLR erases": Twin(
        {"LR101": "CyclicLR and ExponentialLR drive one optimizer: CyclicLR writes its own LR"},
        lambda optimizer: [step(cyclic)(optimizer), exponential(optimizer)],
        lambda optimizer: [step(linear)(optimizer), epoch(cosine_of(3))(optimizer)],
    ),
    "a warmup that erases the plateau": Twin(
        {"LR101": "LambdaLR and ReduceLROnPlateau drive one optimizer"},
        lambda optimizer: [step(warmup_by_lambda)(optimizer), plateau()(optimizer)],
        lambda optimizer: [step(linear)(optimizer), plateau()(optimizer)],
    ),
    "a chain that erases the plateau": Twin(
        {"LR101": "ChainedScheduler and ReduceLROnPlateau drive one optimizer: ChainedScheduler writes its own LR"},
        lambda optimizer: [step(chain_of_lambda)(optimizer), plateau()(optimizer)],
        lambda optimizer: [step(chain)(optimizer), plateau()(optimizer)],
    ),
}


def test_torch_refuses_a_plateau_inside_of_another_scheduler() -> None:
    """So no check has to look for one there."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    parts = [linear(optimizer), torch_lr.ReduceLROnPlateau(optimizer)]
    with pytest.raises(ValueError, match="ReduceLROnPlateau"):
        torch_lr.SequentialLR(optimizer, parts, [5])
    with pytest.raises(ValueError, match="ReduceLROnPlateau"):
        torch_lr.ChainedScheduler(parts)


# --- attributes that nothing follows ----------------------------------------------------------------------------------


class Mixed(ScheduleMixin, Probe):
    """Has its schedule as an attribute; ``answer`` is a ``configure_optimizers`` of its own."""

    schedule = warmup(2) >> cosine()

    def build_optimizer(self) -> Any:
        """SGD."""
        return self.sgd()

    def configure_optimizers(self) -> Any:
        """What the test asks for."""
        return self.answer(self)


MIXED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "only an optimizer": (lambda net: net.sgd(), r"Mixed.schedule is warmup\(2\) >> cosine\(\), and nothing follows it"),
    "another schedule": (lambda net: configure_optimizers(net.sgd(), hold(), net.trainer), "Mixed.schedule is"),
    "the schedule without its plateau": (
        lambda net: configure_optimizers(net.sgd(), net.schedule, net.trainer), "Mixed.plateau is ReduceOnPlateau"
    ),
    "both": (lambda net: configure_optimizers(net.sgd(), net.schedule, net.trainer, plateau=net.plateau), ""),
    "the mixin's own": (ScheduleMixin.configure_optimizers, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_attributes_of_the_mixin_that_are_hidden(name: str) -> None:
    """A ``configure_optimizers`` that reads neither schedule nor plateau is reported."""
    answer, text = MIXED[name]
    net, monitor = Mixed(answer), LRMonitor()
    net.plateau = ReduceOnPlateau(monitor="val_loss")
    with pytest.warns(ScheduleWarning, match=f"LR111: {text}") if text else nullcontext():
        fit(net, monitor, validate=True)

    assert codes(monitor) == ["LR111"] * bool(text)


class Replaced(Mixed):
    """Derived from a module with a schedule, to train it otherwise."""

    def configure_optimizers(self) -> Any:
        """No schedule."""
        return self.sgd()


def test_a_hook_of_a_subclass_is_meant() -> None:
    """A subclass that overrides the hook replaces its parent's schedule; a schedule of the instance is hidden."""
    net, monitor = Replaced(lambda net: None), LRMonitor()
    fit(net, monitor)
    assert monitor.findings == ()

    net.schedule = hold()
    with pytest.warns(ScheduleWarning, match=r"LR111: Replaced.schedule is hold\(\)"):
        fit(net, LRMonitor())
