"""The settings of the mixin: the same from attributes and hyperparameters, as values, texts and mappings; what is the module's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from lr_toolkit import (
    Duration,
    GreedyLR,
    Horizon,
    ReduceOnPlateau,
    ScheduledLR,
    ScheduleError,
    absolute,
    configure_optimizers,
    hold,
    linear,
)
from lr_toolkit.lightning.mixin import find_setting
from tests.helpers.configured import Mixed, Plain
from tests.helpers.runs import trainer

PLATEAU = ReduceOnPlateau("loss", factor=0.5, patience=50)
# A setting, what may be given for it, and what the scheduler or its config has then.
GIVEN: list[tuple[str, Any, Any]] = [
    ("interval", "epoch", "epoch"),
    ("plateau", PLATEAU, PLATEAU),
    ("plateau", repr(PLATEAU), PLATEAU),
    ("plateau", {"monitor": "loss", "factor": 0.5, "patience": 50}, PLATEAU),
    ("plateau", {"class_path": "lr_toolkit.GreedyLR", "init_args": {"monitor": "loss", "max_lr": 1}}, GreedyLR("loss", max_lr=1)),
    ("plateau", {"_target_": "lr_toolkit.GreedyLR", "monitor": "loss", "max_lr": 1}, GreedyLR("loss", max_lr=1)),
    ("horizon", Horizon(20, 5), Horizon(20, 5)),
    ("horizon", "Horizon(steps=20, steps_per_epoch=5)", Horizon(20, 5)),
    ("horizon", "Horizon(20, [5, 10])", Horizon(20, [5, 10])),
    ("horizon", {"steps": 20, "steps_per_epoch": 5}, Horizon(20, 5)),
    ("on_change", "stretch", "stretch"),
    ("momentum", linear(end=0.5), "momentum"),
    ("momentum", "absolute(linear(start=0.5, end=0.9))", "momentum"),
    ("weight_decay", {"*": "linear()"}, "weight_decay"),
    ("other_schedules", {"dampening": "linear()"}, "dampening"),
    ("other_schedules", {"dampening": absolute(hold())}, "dampening"),
]  # fmt: skip


def made(module: type[Plain] = Mixed, **settings: Any) -> Any:
    """What Lightning holds of the scheduler of a module with these hyperparameters, after a fit."""
    net = module(**{"schedule": "linear()", **settings})
    used = trainer(max_epochs=2)
    used.fit(net)
    (config,) = used.lr_scheduler_configs
    return config


class Rich(Mixed):
    """A module whose optimizer has numbers for each key."""

    def optimizer(self) -> torch.optim.Optimizer:
        """SGD with momentum, dampening and weight decay."""
        return self.watched(torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.5, dampening=0.1, weight_decay=0.1))


def found(config: Any, name: str) -> Any:
    """What a scheduler has made of a setting."""
    scheduler: ScheduledLR = config.scheduler
    if name == "interval":
        return config.interval
    keys = [binding.key for binding in scheduler.bindings[1:]]
    return keys[0] if keys else getattr(scheduler, name)


@pytest.mark.parametrize(("name", "given", "value"), GIVEN)
def test_a_hyperparameter_is_followed(name: str, given: Any, value: Any) -> None:
    """A setting among the hyperparameters acts as a value, as its text and as a mapping."""
    assert found(made(Rich, **{name: given}), name) == value


@pytest.mark.parametrize(("name", "given", "value"), GIVEN)
def test_an_attribute_is_followed(name: str, given: Any, value: Any) -> None:
    """So it does as an attribute of the class."""
    kind = type("Attributed", (Rich,), {name: given})

    assert found(made(kind), name) == value


@pytest.mark.parametrize("given", [500, "500 steps", Duration(500), "5%"])
def test_the_length_of_a_second_warmup_is_followed(given: Any) -> None:
    """``rewarm`` is a duration in any of its forms, beside the policy that it needs."""
    config = made(on_change="replan", rewarm=given)

    assert config.scheduler.rewarm == Duration(given)


def test_a_longer_schedule_is_cut_by_a_hyperparameter() -> None:
    """``too_long="cut"`` among the hyperparameters cuts the schedule, with its warning."""
    with pytest.warns(UserWarning, match="LR261: too_long='cut'"):
        assert made(schedule="warmup(50) >> cosine()", too_long="cut").scheduler.is_cut


OWN: list[tuple[str, Any]] = [
    ("horizon", 24),
    ("horizon", 24.0),
    ("horizon", "24h"),
    ("horizon", {"hours": 24}),
    ("horizon", [1, 6, 24]),
    ("plateau", 3),
    ("plateau", True),
    ("interval", 10),
    ("on_change", True),
    ("rewarm", True),
    ("rewarm", 0.5),
    ("too_long", 512),
    ("momentum", 0.9),
    ("momentum", "0.9"),
    ("weight_decay", 0.01),
    ("weight_decay", "1e-2"),
    ("weight_decay", "cosine"),
    ("betas", (0.9, 0.99)),
    ("betas", "(0.9, 0.99)"),
    ("betas", "0.9,0.99"),
    ("betas", [0.9, 0.99]),
    ("betas", {"first": 0.9}),
    ("other_schedules", None),
]


@pytest.mark.parametrize(("name", "value"), OWN)
def test_what_cannot_be_a_setting_is_the_modules_own(name: str, value: Any) -> None:
    """A number, a text without a call, or a mapping of something else under these names changes nothing."""
    config = made(**{name: value})

    assert config.scheduler.horizon == Horizon(10, 5)
    assert (config.interval, config.scheduler.plateau, len(config.scheduler.bindings)) == ("step", None, 1)


def test_a_number_that_may_be_a_forecasts_horizon_is_no_length() -> None:
    """``horizon = 24`` in the class of a module may count hours: it is refused, with the line for the length of a run."""
    kind = type("Forecaster", (Rich,), {"horizon": 24})

    with pytest.raises(
        ScheduleError, match=r"Forecaster.horizon = 24: may be .*Write horizon = Horizon\(steps=24\) if"
    ):
        made(kind)


def test_a_number_does_not_hide_a_schedule() -> None:
    """A module's own ``self.momentum = 0.9`` leaves the hyperparameter of that name to the mixin."""
    net = Mixed(schedule="linear()", momentum="linear(end=0.5)")
    net.momentum = 0.9

    assert find_setting(net, "momentum") == "linear(end=0.5)"
    net.momentum = None
    assert find_setting(net, "momentum") is None


WRONG: list[tuple[str, Any, str]] = [
    ("interval", "batch", "write interval='step' or interval='epoch'"),
    ("plateau", "ReduceOnPlateu(monitor='loss')", "is none of ReduceOnPlateau, GreedyLR"),
    ("plateau", "val_loss", "cannot be read"),
    ("plateau", {"metric": "loss"}, "Write monitor='loss'"),
    ("plateau", {"_target_": "torch.optim.lr_scheduler.ReduceLROnPlateau"}, "is none of"),
    ("plateau", ["loss"], "must be a rule for a metric"),
    ("horizon", "Horizon(steps=0)", "must be a whole number above zero"),
    ("horizon", "Horizen(steps=10)", "Horizen is none of Horizon"),
    ("horizon", {"steps": "ten"}, "must be a whole number above zero"),
    ("horizon", "Horizon(**{})", "cannot be read"),
    ("horizon", "Horizon(__import__('os').getpid())", "cannot be read"),
    ("on_change", "resume", "on_change='resume'"),
    ("rewarm", "soon", "is not a duration"),
    ("too_long", "shorten", "write too_long='error' or too_long='cut'"),
    ("momentum", "cosin()", "Did you mean cosine"),
    ("betas", ["linear()"], "no parameter group that it is for has a number"),
    ("other_schedules", {"eps": 0.1}, "is a number, and must be a schedule"),
    ("other_schedules", {"lr": "linear()"}, "has a schedule already"),
    ("schedule", {"head": "linear()"}, "No group has a name"),
    ("schedule", 0.1, "Write a schedule, or its text"),
]


@pytest.mark.parametrize(("name", "given", "message"), WRONG)
def test_a_wrong_setting_is_refused(name: str, given: Any, message: str) -> None:
    """What is meant for the mixin and cannot be followed is one sentence, before the first update."""
    with pytest.raises(ScheduleError, match=r"(?s).*" + message) as caught:
        made(**{name: given})

    assert "\n" not in str(caught.value)


def test_the_helpers_take_the_same_texts() -> None:
    """``configure_optimizers`` and ``ScheduledLR`` read the text of a horizon and of a rule, too."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = ScheduledLR(optimizer, "linear()", "Horizon(20, 5)", plateau=repr(PLATEAU))
    net = Plain()
    net.answer = lambda net, optimizer: configure_optimizers(
        optimizer, "linear()", net.trainer, horizon="Horizon(20, 5)", plateau=repr(PLATEAU)
    )
    used = trainer(max_epochs=2)
    used.fit(net)

    for made_here in (scheduler, used.lr_scheduler_configs[0].scheduler):
        assert (made_here.horizon, made_here.plateau) == (Horizon(20, 5), PLATEAU)
