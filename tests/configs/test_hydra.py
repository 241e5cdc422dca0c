"""Hydra and OmegaConf: every public name as ``_target_``, values in containers, and the slot of the Lightning-Hydra template."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import get_class, get_method, instantiate
from omegaconf import OmegaConf
from torch.optim import SGD, AdamW

import lr_toolkit
from lr_toolkit import (
    Duration,
    GreedyLR,
    Horizon,
    LRMonitor,
    LRWarmup,
    ReduceOnPlateau,
    Schedule,
    ScheduledLR,
    ScheduleError,
    absolute,
    build_scheduler,
    cosine,
    linear,
    multistep,
    piecewise,
    repeat,
    scaled,
    transfer,
    warmup,
)
from tests.helpers.configured import BASE, BATCHES, DEFAULT, Mixed, Plain, Slots, assert_followed
from tests.helpers.runs import trainer

TEXT = "warmup(2) >> cosine(end=0.1)"


def made(text: str, **more: Any) -> Any:
    """What Hydra makes of a YAML text."""
    return instantiate(OmegaConf.create(text), **more)


def fitted(net: Any, *callbacks: Any, epochs: int = 2, **options: Any) -> Any:
    """The Trainer after a fit."""
    used = trainer(max_epochs=epochs, callbacks=list(callbacks), **options)
    used.fit(net)
    return used


@pytest.mark.parametrize("name", lr_toolkit.__all__)
def test_every_public_name_is_found(name: str) -> None:
    """Hydra finds each public name by its path, although the package loads it lazily."""
    public = getattr(lr_toolkit, name)
    find = get_class if isinstance(public, type) else get_method

    assert find(f"lr_toolkit.{name}") is public


VALUES: dict[str, tuple[str, Any]] = {
    "a shape": ("{_target_: lr_toolkit.cosine, end: 0.1}", cosine(end=0.1)),
    "a duration in it": ("{_target_: lr_toolkit.warmup, _args_: [5%]}", warmup("5%")),
    "a list": ("{_target_: lr_toolkit.multistep, at: [30%, 60%]}", multistep(at=["30%", "60%"])),
    "two lists": ("{_target_: lr_toolkit.piecewise, _args_: [[2, 4]], levels: [1, 0.5, 0.1]}", piecewise([2, 4], levels=[1, 0.5, 0.1])),
    "a schedule in a schedule": (
        "{_target_: lr_toolkit.repeat, _args_: [{_target_: lr_toolkit.cosine}, 3]}", repeat(cosine(), 3)
    ),
    "a text in a schedule": ("{_target_: lr_toolkit.scaled, _args_: ['cosine()', 0.5]}", scaled(cosine(), 0.5)),
    "text": (f'{{_target_: lr_toolkit.Schedule.parse, _args_: ["{TEXT}"]}}', Schedule.parse(TEXT)),
    "values": ("{_target_: lr_toolkit.absolute, schedule: {_target_: lr_toolkit.linear, start: 0.85, end: 0.95}}",
               absolute(linear(start=0.85, end=0.95))),
    "Duration": ("{_target_: lr_toolkit.Duration, _args_: [3 epochs]}", Duration("3 epochs")),
    "Horizon": ("{_target_: lr_toolkit.Horizon, steps: 10, steps_per_epoch: [4, 4, 2]}", Horizon(10, [4, 4, 2])),
    "ReduceOnPlateau": ("{_target_: lr_toolkit.ReduceOnPlateau, monitor: loss, min_lr: [1e-5, 1e-6]}",
                        ReduceOnPlateau("loss", min_lr=[1e-5, 1e-6])),
    "GreedyLR": ("{_target_: lr_toolkit.GreedyLR, monitor: loss, max_lr: [0.1, 0.2]}", GreedyLR("loss", max_lr=[0.1, 0.2])),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_instantiated(name: str) -> None:
    """Hydra makes the value that the same call in Python makes, lists and nested values included."""
    text, value = VALUES[name]

    assert made(text) == value


LISTS: dict[str, Callable[[Any], Any]] = {
    "steps_per_epoch": lambda config: Horizon(10, config["lengths"]),
    "at": lambda config: multistep(at=config["at"]),
    "levels": lambda config: piecewise([2], levels=config["pair"]),
    "batch": lambda config: transfer(0.1, batch=config["sizes"], optimizer="sgd").lr,
    "groups": lambda config: repr(LRWarmup(5, groups=config["names"])),
    "ignore": lambda config: LRMonitor(ignore=config["codes"]).settings.ignore,
    "schedule": lambda config: scheduler(AdamW, config["by_name"]).schedule,
    "horizon": lambda config: scheduler(AdamW, "linear()", config["horizon"]).horizon,
    "plateau": lambda config: scheduler(AdamW, "linear()", plateau=config["plateau"]).plateau,
    "betas": lambda config: scheduler(AdamW, "linear()", betas=config["schedules"]).other_schedules,
    "other_schedules": lambda config: scheduler(AdamW, "linear()", other_schedules=config["others"]).other_schedules,
    "betas of Adam": lambda config: scheduler(AdamW, "linear()", given=config["betas"], betas=(None, "linear()")).other_schedules,
    "base LRs": lambda config: scheduler(AdamW, "linear()").rebase(config["lrs"]),
}  # fmt: skip
CONFIG: dict[str, Any] = {
    "lengths": [4, 4, 2],
    "at": ["30%", "60%"],
    "pair": [1.0, 0.5],
    "sizes": [256, 1024],
    "names": ["one"],
    "codes": ["LR203"],
    "by_name": {"*": "linear()"},
    "horizon": {"steps": 7, "steps_per_epoch": [3, 4]},
    "plateau": {"monitor": "loss", "min_lr": [1e-5]},
    "schedules": [None, "linear(end=0.9)"],
    "others": {"betas[0]": "linear(end=0.9)"},
    "betas": [0.9, 0.95],
    "lrs": [0.3],
}


def scheduler(
    kind: Any, schedule: Any, horizon: Any = "Horizon(10)", given: Any = (0.9, 0.99), **more: Any
) -> ScheduledLR:
    """A scheduler in a plain loop."""
    return ScheduledLR(kind([torch.nn.Parameter(torch.ones(1))], lr=0.1, betas=given), schedule, horizon, **more)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_or_mapping_of_omegaconf_is_one(name: str) -> None:
    """``ListConfig`` and ``DictConfig`` mean what a list and a dict mean, wherever one is accepted."""
    assert LISTS[name](OmegaConf.create(CONFIG)) == LISTS[name](CONFIG)


# --- a module with the mixin: a node with _target_, or a dict ---------------------------------------------------------


def test_a_module_is_instantiated_with_texts_and_values() -> None:
    """Hydra instantiates a module with the mixin; its keep is text, nested values and mappings."""
    net = made(
        f"""
        _target_: tests.helpers.configured.Mixed
        schedule: "{TEXT}"
        plateau: {{_target_: lr_toolkit.ReduceOnPlateau, monitor: loss, patience: 50}}
        momentum: {{_target_: lr_toolkit.absolute, schedule: {{_target_: lr_toolkit.linear, start: 0.5, end: 0.9}}}}
        horizon: {{steps: 10, steps_per_epoch: 5}}
        """
    )
    (config,) = fitted(net).lr_scheduler_configs

    assert_followed(net, TEXT)
    assert config.scheduler.plateau == ReduceOnPlateau("loss", patience=50)
    assert [binding.key for binding in config.scheduler.bindings] == ["lr", "momentum"]


@pytest.mark.parametrize("convert", ["none", "all"])
def test_values_stand_in_containers(convert: str) -> None:
    """A mapping of schedules that Hydra has instantiated is followed, and kept as text among the hyperparameters."""
    net = made(
        f"{{_target_: tests.helpers.configured.Mixed, _convert_: {convert}, schedule: {{'*': {{_target_: lr_toolkit.cosine}}}}}}"
    )
    fitted(net)

    assert_followed(net, "cosine()")
    assert dict(net.hparams) == {"schedule": {"*": "cosine()"}}


@pytest.mark.parametrize("wrap", [dict, OmegaConf.create], ids=["dict", "OmegaConf"])
def test_a_bare_dict_is_a_config(wrap: Callable[[Any], Any]) -> None:
    """A mapping that was read from YAML or JSON is unpacked into the helper, the mixin or a plain loop."""
    config = wrap({"schedule": TEXT, "interval": "step", "plateau": {"monitor": "loss", "patience": 50}})
    net = Plain()
    net.answer = lambda net, optimizer: lr_toolkit.configure_optimizers(optimizer, trainer=net.trainer, **config)
    for module in (net, Mixed(**config)):
        assert fitted(module).lr_scheduler_configs[0].scheduler.plateau == ReduceOnPlateau("loss", patience=50)
        assert_followed(module, TEXT)


# --- the slot: scheduler: {_target_: ..., _partial_: true} ------------------------------------------------------------

SLOT = """
_target_: tests.helpers.configured.Slots
optimizer: {_target_: torch.optim.SGD, _partial_: true, lr: 0.1}
scheduler: {_target_: lr_toolkit.build_scheduler, _partial_: true, schedule: "warmup(2) >> cosine(end=0.1)"}
"""


def test_the_slot_finds_the_trainer() -> None:
    """With ``LRMonitor`` among the callbacks the factory makes a schedule as long as the run, and nothing is reported."""
    net, monitor = made(SLOT, interval="step"), LRMonitor(strict=True)
    fitted(net, monitor)

    assert_followed(net, TEXT)
    assert monitor.findings == ()


@pytest.mark.parametrize(("interval", "frequency"), [("epoch", 1), ("step", 3), ("epoch", 2)])
def test_the_wiring_of_the_template_is_corrected(interval: str, frequency: int) -> None:
    """A dict for another scheduler is corrected with a warning, so that each update uses its LR."""
    net, monitor = made(SLOT, interval=interval, frequency=frequency), LRMonitor(strict=True)
    with pytest.warns(lr_toolkit.ScheduleWarning, match=rf"^LR266: .*interval='{interval}', frequency={frequency}"):
        used = fitted(net, monitor)
    (config,) = used.lr_scheduler_configs

    assert_followed(net, TEXT)
    assert (config.interval, config.frequency) == ("step", 1)
    assert [finding.code for finding in monitor.findings] == ["LR266"]


def test_a_slot_may_move_once_per_epoch() -> None:
    """``interval: epoch`` in the slot agrees with the template's dict: an LR for each epoch."""
    config = OmegaConf.create(SLOT)
    config.scheduler.merge_with({"schedule": "warmup('2 epochs') >> linear()", "interval": "epoch"})
    net = instantiate(config)
    fitted(net, LRMonitor(), epochs=4)
    planned = Schedule.parse("warmup(2) >> linear()").resolve(Horizon(4)).values(range(4)) * BASE

    assert net.per_epoch == [BATCHES] * 4
    assert [lrs[0] for lrs in net.lrs[::BATCHES]] == pytest.approx(planned.tolist())


def test_a_slot_with_a_horizon_needs_no_trainer() -> None:
    """``horizon`` in the slot is the length of the run."""
    config = OmegaConf.create(SLOT)
    config.scheduler.horizon = {"steps": 10, "steps_per_epoch": 5}
    net = instantiate(config, interval="step")
    fitted(net)

    assert_followed(net, TEXT)


def test_a_slot_without_a_trainer_is_refused() -> None:
    """Without ``LRMonitor`` and ``horizon`` the length is unknown; the error names both."""
    with pytest.raises(
        ScheduleError, match=r"Add lr_toolkit\.LRMonitor\(\) to its callbacks, or write horizon=Horizon\("
    ):
        fitted(made(SLOT))


def test_the_trainer_of_another_fit_is_not_taken() -> None:
    """A Trainer that ``LRMonitor`` has introduced is not asked about a module that it does not train."""
    used = fitted(made(SLOT, interval="step"), LRMonitor(), epochs=7)
    with pytest.raises(ScheduleError, match="is not known here"):
        fitted(made(SLOT))
    net = made(SLOT, interval="step")
    fitted(net, LRMonitor())

    assert used.max_epochs == 7
    assert_followed(net, TEXT)


def test_a_module_is_trained_by_its_latest_trainer() -> None:
    """A module that a second Trainer trains follows the length of the second run."""
    net = made(SLOT, interval="step")
    first = fitted(net, LRMonitor(), epochs=3)
    net.used.clear()
    second = fitted(net, LRMonitor())

    assert first is not second
    assert_followed(net, TEXT)


def test_a_plateau_in_the_slot_reads_its_metric() -> None:
    """``plateau`` in the slot is read by the Trainer that was found, whatever the dict monitors."""
    config = OmegaConf.create(SLOT)
    config.scheduler.merge_with(
        {"schedule": "hold()", "plateau": {"monitor": "loss", "threshold": 1e9, "threshold_mode": "abs", "patience": 0}}
    )
    net = instantiate(config, interval="step")
    fitted(net, LRMonitor(), epochs=3)

    assert [lrs[0] for lrs in net.lrs[::BATCHES]] == pytest.approx([BASE, BASE, BASE / 10])


def test_a_slot_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    """A resumed run makes its scheduler by the slot again, and uses the LRs of an uninterrupted one."""
    first, second = made(SLOT, interval="step"), made(SLOT, interval="step")

    def stop(*_: Any) -> None:
        first.trainer.should_stop = first.trainer.global_step == BATCHES

    first.on_train_batch_end = stop
    used = fitted(first, LRMonitor())
    used.save_checkpoint(tmp_path / "half.ckpt")
    again = trainer(max_epochs=2, callbacks=[LRMonitor()])
    again.fit(second, ckpt_path=tmp_path / "half.ckpt")
    second.used[:0] = first.used

    assert_followed(second, TEXT)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no schedule": ({"schedule": None}, "Write a schedule, or its text"),
    "a misspelled builder": ({"schedule": "cosin()"}, "Did you mean cosine"),
    "torch's argument": ({"T_max": 100}, r"Write horizon=Horizon\(steps=100\)"),
    "another argument": ({"warmup": 5}, "there is no argument 'warmup'"),
    "an interval": ({"interval": "batch"}, "write interval='step' or interval='epoch'"),
    "a rule": ({"plateau": {"monitor": "loss", "factor": 2}}, "must lie between 0 and 1"),
    "a rule of torch": ({"plateau": "ReduceLROnPlateau(monitor='loss')"}, "ReduceLROnPlateau is none of ReduceOnPlateau, GreedyLR"),
    "a horizon": ({"horizon": "ten"}, r"Write horizon=Horizon\(steps=1000, steps_per_epoch=100\)"),
    "a float": ({"horizon": 10.0}, "must be a Horizon"),
    "a call in a horizon": ({"horizon": "Horizon(steps=int('10'))"}, "cannot be read"),
    "a policy": ({"on_change": "resume"}, "on_change"),
    "a longer schedule": ({"schedule": "warmup(50) >> cosine()"}, "its phases take 50 steps"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_slot_is_refused_before_training(name: str) -> None:
    """Each mistake in the slot is one sentence of ours, raised in ``configure_optimizers``."""
    options, message = WRONG[name]
    config = OmegaConf.create(SLOT)
    config.scheduler.merge_with(options)
    net = instantiate(config)
    with pytest.raises(ScheduleError, match=message) as caught:
        fitted(net, LRMonitor())

    assert "\n" not in str(caught.value)
    assert net.used == []


def test_a_factory_needs_no_hydra() -> None:
    """``functools.partial`` makes the same factory."""
    net = Slots(partial(SGD, lr=BASE), partial(build_scheduler, schedule=DEFAULT), interval="step")
    fitted(net, LRMonitor())

    assert_followed(net, DEFAULT)
