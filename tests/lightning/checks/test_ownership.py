"""Several schedulers on one optimizer, and attributes of the mixin that nothing follows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from types import ModuleType
from typing import Any

import lightning as L
import pytest
import torch
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit import (
    LRMonitor,
    ReduceOnPlateau,
    ScheduleMixin,
    ScheduleWarning,
    absolute,
    configure_optimizers,
    cosine,
    hold,
    param_groups,
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


def two_layers(optimizer: Any) -> Any:
    """The optimizer with a second group, both with the factors of timm."""
    optimizer.param_groups[0]["lr_scale"] = 0.5
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr_scale": 1.0})
    return optimizer


def decay_for_each(optimizer: Any) -> Any:
    """A LambdaLR that applies the factor of each group."""
    factors = [group["lr_scale"] for group in optimizer.param_groups]
    return torch_lr.LambdaLR(optimizer, [lambda k, factor=factor: factor * 0.9**k for factor in factors])


def low_group(optimizer: Any) -> Any:
    """The optimizer with a second group of a low LR."""
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 1e-4})
    return optimizer


class OneForAll(torch_lr.LRScheduler):
    """Writes the LR of one group to all of them."""

    group = 0

    def get_lr(self) -> list[float]:
        """A decay of that group."""
        return [self.base_lrs[self.group] * 0.9**self.last_epoch] * len(self.base_lrs)


class LowForAll(OneForAll):
    """Writes the low LR."""

    group = 1


def a_function_for_each(optimizer: Any) -> Any:
    """A LambdaLR that takes the second group to ten times its own LR on purpose."""
    return torch_lr.LambdaLR(low_group(optimizer), [lambda k: 0.9**k, lambda k: 10 * 0.9**k])


TWINS = {
    "a floor above the LR of a group": Twin(
        {"LR122": r"CosineAnnealingLR takes the LR of parameter group 1 of SGD to 0\.00\d+, and its own LR is 0.0001"},
        step(lambda optimizer: torch_lr.CosineAnnealingLR(low_group(optimizer), 24, eta_min=1e-2)),
        step(lambda optimizer: torch_lr.CosineAnnealingLR(low_group(optimizer), 24, eta_min=1e-5)),
    ),
    "the LR of one group in all groups": Twin(
        {"LR122": "OneForAll takes the LR of parameter group 1 of SGD to 0.1"},
        step(lambda optimizer: OneForAll(low_group(optimizer))),
        step(lambda optimizer: exponential(low_group(optimizer))),
    ),
    "the lower LR in all groups": Twin(
        {"LR122": "LowForAll takes the LR of parameter group 0 of SGD to 0.0001, and its own LR is 0.1"},
        step(lambda optimizer: LowForAll(low_group(optimizer))),
        step(a_function_for_each),
    ),
    "factors of layers that no scheduler applies": Twin(
        {"LR121": r"The groups of SGD carry lr_scale \(0.5, 1\), and these groups train at one LR"},
        lambda optimizer: exponential(two_layers(optimizer)),
        lambda optimizer: decay_for_each(two_layers(optimizer)),
    ),
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


@pytest.mark.parametrize(
    ("name", "value", "argument"),
    [
        ("weight_decay", "linear()", "weight_decay=self.weight_decay"),
        ("momentum", absolute(hold(level=0.9)), "momentum=self.momentum"),
        ("other_schedules", {"dampening": absolute(hold(level=0.9))}, "other_schedules=self.other_schedules"),
        ("weight_decay", 0.1, ""),
    ],
)
@pytest.mark.parametrize("is_followed", [False, True])
def test_schedules_of_other_keys_that_are_hidden(name: str, value: Any, argument: str, is_followed: bool) -> None:
    """A schedule of another key that no scheduler follows is reported; a number is the module's own."""

    def answer(net: Any) -> Any:
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
        options = {name: value} if argument and is_followed else {}
        return configure_optimizers(optimizer, net.schedule, net.trainer, **options)

    net, monitor = Mixed(answer), LRMonitor()
    setattr(net, name, value)
    is_hidden = bool(argument) and not is_followed
    with pytest.warns(ScheduleWarning, match=f"LR111: Mixed.{name} is .*{argument}") if is_hidden else nullcontext():
        fit(net, monitor)
    assert codes(monitor) == ["LR111"] * is_hidden


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


# --- factors that nothing applies -------------------------------------------------------------------------------------


class Grouped(Probe):
    """Two groups with a factor that someone may apply; ``held`` is an object whose class may do it."""

    held: Any = None

    def __init__(self, answer: Any, key: str = "lr_scale", factors: tuple[Any, ...] = (0.1, 1.0)) -> None:
        super().__init__(answer, groups=len(factors))
        self.key, self.factors = key, factors

    def groups(self) -> list[dict[str, Any]]:
        """What timm returns: groups with a factor."""
        return [
            {"params": [weight], self.key: factor} for weight, factor in zip(self.weights, self.factors, strict=True)
        ]


class Writes(Grouped):
    """Writes the LRs itself, as MAE does."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Apply the factor."""
        adjust(self.optimizers().optimizer, 0.1)


class WritesThroughAModule(Grouped):
    """Imports the module of MAE's utilities, and calls a function of it."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Apply the factor."""
        utilities.adjust(self.optimizers().optimizer, 0.1)


class Gets(Grouped):
    """Applies the factor if there is one."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Apply the factor."""
        for group in self.optimizers().param_groups:
            group["lr"] = 0.1 * group.get("lr_scale", 1.0)


class Builds(Grouped):
    """Writes the key in its own code, which applies nothing."""

    def groups(self) -> list[dict[str, Any]]:
        """The groups."""
        first, second = ({"params": [weight]} for weight in self.weights)
        first["lr_scale"] = 0.1
        second.update({"lr_scale": 1.0})
        return [first, second]


def adjust(optimizer: Any, lr: float) -> None:
    """As in the utilities of MAE."""
    for group in optimizer.param_groups:
        group["lr"] = lr * group["lr_scale"] if "lr_scale" in group else lr


utilities = ModuleType("utilities")
utilities.adjust = adjust


class Foreign:
    """As timm's schedulers, which the module steps itself."""

    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    def step(self) -> None:
        """Apply the factor."""
        for group in self.optimizer.param_groups:
            group["lr"] = 0.1 * group["lr_scale"]


class ScaledSGD(torch.optim.SGD):
    """An optimizer that reads the factor itself."""

    def step(self, closure: Any = None) -> Any:
        """SGD at lr * lr_scale."""
        lrs = [group["lr"] for group in self.param_groups]
        for group in self.param_groups:
            group["lr"] *= group["lr_scale"]
        loss = super().step(closure)
        for group, lr in zip(self.param_groups, lrs, strict=True):
            group["lr"] = lr
        return loss


class AppliesFactors(L.Callback):
    """A callback that applies the factor."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Apply it."""
        for group in trainer.optimizers[0].param_groups:
            group["lr"] = 0.1 * group["lr_scale"]


def plain(net: Any, optimizer: Any = None) -> Any:
    """Our helper over the groups."""
    return configure_optimizers(optimizer or torch.optim.SGD(net.groups(), lr=0.1), cosine(), net.trainer)


def by_lambdas(net: Any) -> Any:
    """A LambdaLR with a function for each group, which applies the factors."""
    optimizer = torch.optim.SGD(net.groups(), lr=0.1)
    factors = [lambda k, factor=factor: factor * 0.9**k for factor in net.factors]
    return [optimizer], [torch_lr.LambdaLR(optimizer, factors)]


def holding(net: Any) -> Any:
    """An optimizer without a scheduler, and a foreign one in an attribute."""
    optimizer = torch.optim.SGD(net.groups(), lr=0.1)
    net.held = Foreign(optimizer)
    return optimizer


UNAPPLIED: dict[str, tuple[Any, str]] = {
    "our schedule": (Grouped(plain), r"The groups of SGD carry lr_scale \(0.1, 1\), and these groups train at one LR"),
    "no scheduler": (Grouped(lambda net: torch.optim.SGD(net.groups(), lr=0.1)), "carry lr_scale"),
    "torch's scheduler": (
        Grouped(lambda net: (lambda sgd: ([sgd], [exponential(sgd)]))(torch.optim.SGD(net.groups(), lr=0.1))), "carry lr_scale"
    ),
    "lr_mult": (Grouped(plain, "lr_mult"), "carry lr_mult"),
    "DINOv2's key": (Grouped(plain, "lr_multiplier"), "carry lr_multiplier"),
    "lr_multi": (Grouped(plain, "lr_multi"), "carry lr_multi "),
    "lr_factor": (Grouped(plain, "lr_factor"), "carry lr_factor"),
    "lr_ratio": (Grouped(plain, "lr_ratio"), "carry lr_ratio"),
    "the first of three groups": (Grouped(plain, factors=(0.1, 1.0, 1.0)), r"carry lr_scale \(0.1, 1\)"),
    "six layers": (Grouped(plain, factors=(0.1, 0.2, 0.3, 0.4, 0.5, 1)), r"\(0.1, 0.2, 0.3, 0.4, ...\)"),
    "its own code writes the key": (Builds(plain), "carry lr_scale"),
    "applied by param_groups": (
        Grouped(lambda net: plain(net, torch.optim.SGD(param_groups(net.groups(), lr=0.1)))), ""
    ),
    "kept beside LRs that have it": (
        Grouped(lambda net: plain(net, torch.optim.SGD([{**group, "lr": 0.1 * group["lr_scale"]} for group in net.groups()]))), ""
    ),
    "one factor for all": (Grouped(plain, factors=(1.0, 1.0)), ""),
    "a function for each group": (Grouped(by_lambdas), ""),
    "written before each batch": (Writes(lambda net: torch.optim.SGD(net.groups(), lr=0.1)), ""),
    "written by a module that is imported": (WritesThroughAModule(lambda net: torch.optim.SGD(net.groups(), lr=0.1)), ""),
    "written with a default": (Gets(lambda net: torch.optim.SGD(net.groups(), lr=0.1)), ""),
    "an optimizer that reads it": (Grouped(lambda net: plain(net, ScaledSGD(net.groups(), lr=0.1))), ""),
    "a scheduler that the module holds": (Grouped(holding), ""),
    "groups that do not train": (
        Grouped(
            lambda net: torch.optim.SGD([{"lr": 0.1 * (group["lr_scale"] == 1), **group} for group in net.groups()], lr=0.1),
            factors=(0.1, 0.5, 1.0),
        ),
        "",
    ),
    "something else under this key": (Grouped(plain, factors=("a", "b")), ""),
}  # fmt: skip


@pytest.mark.parametrize("name", UNAPPLIED)
def test_factors_that_nothing_applies(name: str) -> None:
    """Groups with different factors and one LR are reported, unless code of the run reads the factor."""
    net, text = UNAPPLIED[name]
    monitor = LRMonitor()
    with pytest.warns(ScheduleWarning, match=f"LR121: .*{text}") if text else nullcontext():
        fit(net, monitor)

    assert codes(monitor) == ["LR121"] * bool(text)


def test_a_callback_may_apply_the_factors() -> None:
    """Its code is read, too."""
    monitor = LRMonitor()
    fit(Grouped(lambda net: torch.optim.SGD(net.groups(), lr=0.1)), monitor, AppliesFactors())

    assert monitor.findings == ()
