"""What new users write and see: settings as hyperparameters, misspelled names, messages that end in a line to write, and the trackers."""

from __future__ import annotations

import math
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import yaml
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from omegaconf import OmegaConf
from torch.optim import SGD, Optimizer
from torch.optim.swa_utils import SWALR

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
    ScheduleMixin,
    ScheduleWarning,
    configure_optimizers,
    cosine,
    hold,
    multistep,
    warmup,
)
from lr_toolkit.preview.picture import Line, draw, save
from tests.helpers.fits import Probe, Recorder, fit
from tests.helpers.optimizers import sgd
from tests.helpers.runs import BASES, Net, loader, stream, trainer
from tests.helpers.schedule_warnings import schedule_warnings

PLATEAU = ReduceOnPlateau(monitor="val_loss", patience=3)


class Base(ScheduleMixin, Net):
    """A module with the mixin and the recording optimizer."""

    schedule: Any = "cosine()"

    def __init__(self) -> None:
        super().__init__(lambda *_: pytest.fail("the mixin answers"))

    def build_optimizer(self) -> Optimizer:
        """The optimizer."""
        return self.optimizer()

    def validation_step(self, *_: Any) -> None:
        """A metric that never improves."""
        self.log("val_loss", torch.ones(()))


class Hyper(Base):
    """A module that keeps its arguments as hyperparameters, as templates do."""

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.hparams.update(settings)


def fitted(net: L.LightningModule, **options: Any) -> Any:
    """The scheduler after a fit of five batches an epoch."""
    made = trainer(**({"max_epochs": 2} | options))
    made.fit(net, loader(5), loader(1) if isinstance(net, Base) else None)
    return made.lr_scheduler_configs[0]


# --- the settings of the mixin ----------------------------------------------------------------------------------------


SETTINGS: dict[str, tuple[Any, Callable[[Any], Any]]] = {
    "schedule": (warmup(2) >> hold(), lambda config: config.scheduler.schedule),
    "interval": ("epoch", lambda config: config.interval),
    "plateau": (PLATEAU, lambda config: config.scheduler.plateau),
    "horizon": (Horizon(30, 5), lambda config: config.scheduler.horizon),
    "on_change": ("replan", lambda config: config.scheduler.on_change),
    "too_long": ("cut", lambda config: config.scheduler.is_cut and "cut"),
}


@pytest.mark.parametrize("source", ["class", "instance", "hyperparameter", "property"])
@pytest.mark.parametrize("name", SETTINGS)
def test_each_setting_is_followed_from_each_source(name: str, source: str) -> None:
    """A setting is an attribute of the class or the instance, a property, or a hyperparameter."""
    value, followed = SETTINGS[name]
    others = {"schedule": "warmup(99) >> cosine()"} if name == "too_long" else {}
    if source == "class":
        net: Base = type("InClass", (Base,), {name: value, **others})()
    elif source == "property":
        net = type("Computed", (Hyper,), {name: property(lambda self: value), **others})(**{name: None})
    elif source == "instance":
        net = Base()
        vars(net).update({name: value, **others})
    else:
        net = Hyper(**{name: value, **others})
    with schedule_warnings():
        config = fitted(net)

    assert followed(config) == value


def test_rewarm_is_a_hyperparameter_too() -> None:
    """``rewarm`` and ``on_change`` reach the scheduler together."""
    scheduler = fitted(Hyper(on_change="replan", rewarm="2 steps")).scheduler

    assert (scheduler.on_change, scheduler.rewarm) == ("replan", Duration(2))


def test_save_hyperparameters_of_a_template_is_followed(tmp_path: Path) -> None:
    """Arguments with defaults, ``save_hyperparameters()`` and nothing else; the same after ``load_from_checkpoint``."""

    class Template(Base):
        def __init__(self, schedule: Any = "hold()", plateau: Any = None, interval: str = "step") -> None:
            super().__init__()
            self.save_hyperparameters()

    config = fitted(Template(schedule="cosine(end=0.5)", plateau=PLATEAU, interval="epoch"))
    made = trainer(max_epochs=1)
    made.fit(Template(plateau=PLATEAU, interval="epoch"), loader(2), loader(1))
    made.save_checkpoint(tmp_path / "last.ckpt")
    again = fitted(Template.load_from_checkpoint(tmp_path / "last.ckpt"))

    assert (repr(config.scheduler.schedule), config.interval, config.scheduler.plateau) == (
        "cosine(end=0.5)",
        "epoch",
        PLATEAU,
    )
    assert (repr(again.scheduler.schedule), again.interval, again.scheduler.plateau) == ("hold()", "epoch", PLATEAU)


OWN = {"horizon": 24, "plateau": 5, "interval": 10, "rewarm": 0.5, "on_change": True, "horizons": [1, 2]}


@pytest.mark.parametrize("name", OWN)
def test_a_hyperparameter_of_another_kind_is_the_modules_own(name: str) -> None:
    """A forecast's ``horizon=24`` is no length of the run; such a program trains as before, in silence."""
    with schedule_warnings() as found:
        config = fitted(Hyper(**{name: OWN[name]}))

    assert found == []
    assert config.scheduler.horizon == Horizon(10, 5)


def test_the_instance_decides() -> None:
    """An attribute of the instance, ``None`` too, comes before a hyperparameter."""

    class Switch(Hyper):
        def __init__(self) -> None:
            super().__init__(plateau=PLATEAU)
            self.plateau = None

    assert fitted(Switch()).scheduler.plateau is None


MISSPELLED: dict[str, tuple[Any, str]] = {
    "plateu": (PLATEAU, "plateau = ReduceOnPlateau(monitor='val_loss', patience=3)"),
    "platau": (GreedyLR(monitor="val_loss", max_lr=0.1), "plateau = GreedyLR(monitor='val_loss', max_lr=0.1)"),
    "intervall": ("epoch", "interval = 'epoch'"),
    "horizont": (Horizon(10, 5), "horizon = Horizon(steps=10, steps_per_epoch=5)"),
    "onchange": ("replan", "on_change = 'replan'"),
    "rewarn": (500, "rewarm = 500"),
    "toolong": ("cut", "too_long = 'cut'"),
    "plateauu": ("ReduceOnPlateau('val_loss')", "plateau = \"ReduceOnPlateau('val_loss')\""),
    "horizonn": ("Horizon(10, 5)", "horizon = 'Horizon(10, 5)'"),
}


@pytest.mark.parametrize("source", ["class", "instance", "hyperparameter"])
@pytest.mark.parametrize("name", MISSPELLED)
def test_a_misspelled_setting_is_refused(name: str, source: str) -> None:
    """Nothing would follow it; the message has the right name and the value."""
    value, line = MISSPELLED[name]
    net: Base = Hyper(**{name: value}) if source == "hyperparameter" else Base()
    if source == "class":
        net = type("Wrong", (Base,), {name: value})()
    if source == "instance":
        vars(net)[name] = value
    with pytest.raises(ScheduleError, match=re.escape(f".{name} = ")) as refused:
        fitted(net)

    assert f"has no setting {name!r}" in str(refused.value)
    assert str(refused.value).endswith(f"Write {line}.")


def test_a_misspelled_schedule_is_refused() -> None:
    """The module has no schedule, but has it under a similar name."""

    class Wrong(Base):
        schedule = None
        schedul = warmup(2) >> cosine()

    with pytest.raises(ScheduleError, match=re.escape("Write schedule = warmup(2) >> cosine().")):
        fitted(Wrong())


SIMILAR = {
    "schedule2": "linear()",
    "schedules": [warmup(2)],
    "intervals": [1, 2],
    "horizons": torch.ones(3),
    "plateaus": {"a": PLATEAU},
    "base_schedule": warmup(2) >> cosine(),
}


@pytest.mark.parametrize("name", SIMILAR)
def test_a_similar_name_of_the_modules_own_is_fine(name: str) -> None:
    """Another kind of value, or a name beside the setting itself, is no mistake."""
    net = Base()
    vars(net)[name] = SIMILAR[name]
    with schedule_warnings() as found:
        fitted(net)

    assert found == []


def test_a_mixin_with_a_horizon_needs_no_trainer() -> None:
    """``configure_optimizers()`` of a module with ``horizon`` works without a Trainer, for a look at the curve."""

    class Alone(Base):
        horizon = Horizon(4)

    config = Alone().configure_optimizers()

    assert config["lr_scheduler"]["scheduler"].planned(2) == pytest.approx([base * 0.5 for base in BASES])
    with pytest.raises(ScheduleError, match="the length of the run is the Trainer's"):
        Base().configure_optimizers()


# --- configuration libraries ------------------------------------------------------------------------------------------


VALUES = {
    "schedule": warmup("20%") >> cosine(end=0.1),
    "plateau": ReduceOnPlateau(monitor="val_loss", min_lr=[1e-5, 1e-6]),
    "length": Duration("5%"),
    "horizon": Horizon(10, [4, 4, 2]),
}


@pytest.mark.parametrize("logger", [CSVLogger, TensorBoardLogger])
@pytest.mark.parametrize("name", VALUES)
def test_hyperparameters_are_logged_beside_omegaconf(name: str, logger: Any, tmp_path: Path) -> None:
    """With OmegaConf installed, each value among the hyperparameters is written as its text, and the run trains."""

    class Keeps(Net):
        def __init__(self, **kept: Any) -> None:
            super().__init__(lambda net, optimizer: configure_optimizers(optimizer, cosine(), net.trainer))
            self.save_hyperparameters()
            self.hparams.update(kept)

    net = Keeps()
    net.save_hyperparameters({name: VALUES[name]})
    fitted(net, logger=logger(tmp_path, name="", version=""), log_every_n_steps=1)

    assert yaml.safe_load((tmp_path / "hparams.yaml").read_text("utf-8"))[name] == str(VALUES[name])


CONFIG: Any = OmegaConf.create(
    {"lrs": [1e-5, 1e-6], "at": ["30%", "60%"], "lengths": [4, 4, 2], "names": ["one"], "codes": ["LR203"]}
)
LISTS: dict[str, Callable[[Any], Any]] = {
    "min_lr": lambda config: ReduceOnPlateau(monitor="loss", min_lr=config["lrs"]),
    "max_lr": lambda config: GreedyLR(monitor="loss", max_lr=config["lrs"]),
    "at": lambda config: multistep(at=config["at"]),
    "steps_per_epoch": lambda config: Horizon(10, config["lengths"]),
    "groups": lambda config: repr(LRWarmup(5, groups=config["names"])),
    "ignore": lambda config: LRMonitor(ignore=config["codes"]).settings.ignore,
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_a_config_is_a_list(name: str) -> None:
    """OmegaConf's ``ListConfig`` is accepted wherever a list is, and means the same."""
    assert LISTS[name](CONFIG) == LISTS[name](OmegaConf.to_container(CONFIG))


def test_a_schedule_in_a_config_is_its_text() -> None:
    """Hydra hands over text, which is read."""
    config: Any = OmegaConf.create({"schedule": "warmup('20%') >> cosine(end=0.1)", "interval": "step"})
    config_of_run = fitted(Hyper(**config))

    assert config_of_run.scheduler.schedule == Schedule.parse(config.schedule)


# --- messages that end in a line to write -------------------------------------------------------------------------------


def follow(schedule: Any) -> ScheduledLR:
    """A scheduler of a hundred updates."""
    return ScheduledLR(sgd([0.1]), schedule, Horizon(100, 10))


def decay(update: int) -> float:
    """A user's function."""
    return 0.9**update


# A wrong call, and the line of the message that is pasted in its place.
TORCH: dict[str, tuple[Callable[[Optimizer], Any], str]] = {
    "CosineAnnealingLR": (lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10), "cosine()"),
    "OneCycleLR": (lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, 10), "one_cycle('30%')"),
    "CyclicLR": (lambda o: torch.optim.lr_scheduler.CyclicLR(o, 0.1, 1), "triangular(2000, low=0.1)"),
    "StepLR": (lambda o: torch.optim.lr_scheduler.StepLR(o, 3), "step('30%')"),
    "MultiStepLR": (lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [3]), "multistep(at=['50%', '75%'])"),
    "ExponentialLR": (lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9), "exponential(0.95)"),
    "LinearLR": (torch.optim.lr_scheduler.LinearLR, "linear()"),
    "PolynomialLR": (torch.optim.lr_scheduler.PolynomialLR, "polynomial(2.0)"),
    "LambdaLR": (lambda o: torch.optim.lr_scheduler.LambdaLR(o, decay), "custom(lambda i: 0.95**i)"),
    "a class": (lambda _: torch.optim.lr_scheduler.CosineAnnealingLR, "cosine()"),
    "an unknown one": (lambda o: SWALR(o, 0.1), "\"warmup('5%') >> cosine(end=0.1)\""),
}
NO_SCHEDULE: dict[str, tuple[Any, str]] = {
    **{name: (make(sgd([0.1])), line) for name, (make, line) in TORCH.items()},
    "a partial of a class": (partial(torch.optim.lr_scheduler.OneCycleLR, max_lr=0.1), "one_cycle('30%')"),
    "a partial of a function": (partial(pow, 0.9), "custom(lambda i: 0.95**i)"),
    "a lambda": (lambda i: 0.9**i, "custom(lambda i: 0.95**i)"),
    "a function": (decay, "custom(decay)"),
    "a list": ([warmup(2), cosine()], "warmup(2) >> cosine()"),
    "a list of texts": (["warmup(2)", "cosine()"], "warmup(2) >> cosine()"),
    "no quotes": ("warmup(5%) >> cosine()", "\"warmup('5%') >> cosine()\""),
    "no quotes, epochs": ("warmup(3 epochs) >> cosine()", "\"warmup('3 epochs') >> cosine()\""),
    "no quotes by name": ("warmup(5) >> cosine(over=10%)", "\"warmup(5) >> cosine(over='10%')\""),
    "no parentheses": ("cosine", '"cosine()"'),
    "no parentheses, joined": ("warmup(5) >> cosine", '"warmup(5) >> cosine()"'),
    "one >": ("warmup(5) > cosine()", '"warmup(5) >> cosine()"'),
    "a comma": ("warmup(5), cosine()", '"warmup(5) >> cosine()"'),
    "a plus": ("warmup(5) + cosine()", '"warmup(5) >> cosine()"'),
    "torch's class as text": ("CosineAnnealingLR(T_max=100)", "cosine()"),
    "transformers' function as text": ("get_linear_schedule_with_warmup(500, 10000)", "warmup('5%') >> linear()"),
    "Lightning's dict": ({"scheduler": "cosine()", "interval": "step"}, "cosine()"),
    "an arrow": ("warmup(5%) -> hold", "\"warmup('5%') >> hold()\""),
}


@pytest.mark.parametrize("name", NO_SCHEDULE)
def test_what_is_no_schedule_is_answered_with_the_schedule(name: str) -> None:
    """The last sentence is a line to write; pasted, it gives a scheduler."""
    wrong, line = NO_SCHEDULE[name]
    with pytest.raises(ScheduleError) as refused:
        follow(wrong)

    assert str(refused.value).endswith(f"Write {line}.")
    names = {key: getattr(lr_toolkit, key) for key in lr_toolkit.__all__}
    with schedule_warnings() as found:
        follow(eval(line, names | {"decay": decay}))
    assert found == []


def test_an_entry_that_is_no_schedule_is_named() -> None:
    """The message describes the keys of a mapping."""
    with pytest.raises(
        ScheduleError, match=r"Schedule\.parse\(5\): .*\(In the entry 'warmup' of a mapping, whose keys are"
    ):
        follow({"warmup": 5, "cosine": {}})


def test_a_dict_of_schedules_for_groups_without_names_is_answered() -> None:
    """The message shows how a group gets its name."""
    with pytest.raises(
        ScheduleError, match=r"No group has a name\. Give the group its name.*\{'params': \.\.\., 'name': 'body'\}"
    ):
        follow({"body": warmup(2), "head": cosine()})


DURATIONS = {
    "500 updates": "500 steps",
    "500 iterations": "500 steps",
    "500 batches": "500 steps",
    "1_000 steps": "1000 steps",
    "1,000 steps": "1000 steps",
    "2k": "2000 steps",
    "1e3 steps": "1000 steps",
    "7e-4%": "0.0007%",
    "5 percent": "5%",
    "7.131229999999999%": "7.1312%",
    "2.3333333333 epochs": "2.3333 epochs",
}


@pytest.mark.parametrize("text", DURATIONS)
def test_another_spelling_of_a_duration_is_answered(text: str) -> None:
    """The message has the spelling that is read, rounded to four decimals."""
    with pytest.raises(ScheduleError, match=re.escape(f"Did you mean over={DURATIONS[text]!r}?")):
        warmup(text)

    assert str(Duration(DURATIONS[text])) == DURATIONS[text]


@pytest.mark.parametrize("text", ["1,5 epochs", "5 apples", "soon", "__", "0 updates"])
def test_a_doubtful_duration_gets_no_guess(text: str) -> None:
    """A comma may be a decimal point."""
    with pytest.raises(ScheduleError) as refused:
        warmup(text)

    assert "Did you mean" not in str(refused.value)


ARGUMENTS: dict[str, tuple[Callable[[], Any], str]] = {
    "Horizon(epochs=)": (lambda: Horizon(epochs=10), "Horizon(steps=10, unit='epoch')"),
    "Horizon(total_steps=)": (lambda: Horizon(total_steps=10), "steps=10"),
    "Horizon()": (Horizon, "Horizon(steps=1000, steps_per_epoch=100)"),
    "ReduceOnPlateau(verbose=)": (lambda: ReduceOnPlateau(verbose=True), "Leave it out"),
    "ReduceOnPlateau(optimizer)": (lambda: ReduceOnPlateau(sgd([0.1]), "min"), "Leave out the optimizer"),
    "ReduceOnPlateau(metric=)": (lambda: ReduceOnPlateau(metric="val_loss"), "monitor='val_loss'"),
    "GreedyLR(window_size=)": (lambda: GreedyLR(window_size=50), "smooth=50"),
    "ScheduledLR(5.0)": (
        lambda: ScheduledLR(sgd([0.1]), cosine(), 5.0),
        "Horizon(steps=1000), or a whole number of steps",
    ),
    "ScheduledLR(total_steps=)": (lambda: ScheduledLR(sgd([0.1]), cosine(), total_steps=5), "horizon=Horizon(steps=5)"),
    "ScheduledLR()": (
        lambda: ScheduledLR(sgd([0.1]), cosine()),
        "ScheduledLR(optimizer, schedule, Horizon(steps=1000))",
    ),
    "ScheduledLR(interval=)": (
        lambda: ScheduledLR(sgd([0.1]), cosine(), Horizon(3), interval="epoch"),
        "Horizon(steps=10, unit='epoch')",
    ),
    "ScheduledLR(verbose=)": (lambda: ScheduledLR(sgd([0.1]), cosine(), Horizon(3), verbose=True), "Leave it out"),
    "LRMonitor(plot=)": (lambda: LRMonitor(plot="lr.png"), "save_plot='lr.png'"),
    "LRMonitor(logging_intervall=)": (lambda: LRMonitor(logging_intervall="step"), "logging_interval='step'"),
    "LRWarmup(warmup_steps=)": (lambda: LRWarmup(warmup_steps=5), "LRWarmup(5)"),
    "LRWarmup(epochs=)": (lambda: LRWarmup(epochs=5), "Write LRWarmup('5 epochs')."),
    "LRWarmup(steps=, init_lr=)": (lambda: LRWarmup(num_warmup_steps=5, init_lr=0.1), "Write LRWarmup(5)."),
    "LRWarmup(groups=name)": (lambda: LRWarmup(5, groups="head"), "groups=['head']"),
    "the helper's interval": (
        lambda: configure_optimizers(sgd([0.1]), cosine(), intervall="epoch"),
        "interval='epoch'",
    ),
    "the helper's monitor": (
        lambda: configure_optimizers(sgd([0.1]), cosine(), monitor="val_loss"),
        "plateau=ReduceOnPlateau(monitor='val_loss')",
    ),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_an_unknown_argument_is_answered(name: str) -> None:
    """The arguments of other libraries, misspelled ones and missing ones."""
    call, line = ARGUMENTS[name]
    with pytest.raises(ScheduleError, match=re.escape(line)):
        call()


MISSING = {
    "onecycle": "one_cycle('30%')",
    "OneCycleLR": "one_cycle('30%')",
    "CosineAnnealingLR": "cosine()",
    "ReduceLROnPlateau": "hold(), with plateau=ReduceOnPlateau(monitor='val_loss')",
    "LearningRateMonitor": "LRMonitor()",
    "ReduceOnPlatau": "ReduceOnPlateau",
}


@pytest.mark.parametrize("name", MISSING)
def test_a_missing_name_is_answered(name: str) -> None:
    """``lr_toolkit.onecycle`` names the equivalent; the error stays an AttributeError."""
    with pytest.raises(AttributeError, match=re.escape(f"has no attribute {name!r}. Write {MISSING[name]}")):
        getattr(lr_toolkit, name)
    with pytest.raises(
        ImportError, match=re.escape(f"cannot import name {name!r} from 'lr_toolkit'. Write {MISSING[name]}")
    ):
        exec(f"from lr_toolkit import {name}")


def test_epochs_are_called_epochs() -> None:
    """A horizon in epochs has no steps in its messages."""
    with pytest.raises(ScheduleError, match=r"take 95 epochs and leave nothing for cosine\(\), and the run has 90"):
        (warmup("95 epochs") >> cosine()).resolve(Horizon(90, unit="epoch"))


Named = dict[str, Any]


def two_groups(named: Named, lrs: tuple[Any, Any] = (0.1, 0.1)) -> Optimizer:
    """An optimizer whose second group may have a name."""
    weights = [torch.nn.Parameter(torch.ones(1)) for _ in range(2)]
    first, second = ({"params": [weight], "lr": lr} for weight, lr in zip(weights, lrs, strict=True))
    return SGD([first, second | named])


def built(named: Named) -> None:
    """A base LR below the floor."""
    ScheduledLR(two_groups(named, (0.1, 1e-6)), cosine(end_lr=1e-5), Horizon(5))


def given_no_number(named: Named) -> None:
    """A base LR that is no number."""
    ScheduledLR(two_groups(named, (0.1, math.nan)), cosine(), Horizon(5))


def rebased(named: Named) -> None:
    """A new base LR below the floor."""
    ScheduledLR(two_groups(named), cosine(end_lr=1e-5), Horizon(5)).rebase([0.1, 1e-6])


def joined(named: Named) -> None:
    """A group that joins later."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, cosine(end_lr=1e-5), Horizon(5))
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": 1e-6, **named})
    scheduler.step(1)


def resumed(named: Named) -> None:
    """A base LR that has changed since the checkpoint."""
    saved = ScheduledLR(two_groups(named), cosine(), Horizon(5))
    saved.step(2)
    ScheduledLR(two_groups(named, (0.1, 0.3)), cosine(), Horizon(5)).load_state_dict(saved.state_dict())


def of_two_kinds(named: Named) -> None:
    """A ramp over a number and a tensor."""
    optimizer = two_groups(named, (torch.tensor(0.1), 0.1))
    net = Net(lambda *_: optimizer)
    trainer(callbacks=[LRWarmup(5)], max_epochs=1).fit(net, loader(2))


def written_in_a_ramp(named: Named) -> None:
    """A direct write during a ramp."""

    class Writes(L.Callback):
        def on_train_batch_start(self, trainer: L.Trainer, module: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 1:
                trainer.optimizers[0].param_groups[1]["lr"] = 0.5

    optimizer = two_groups(named)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ScheduleWarning)
        trainer(callbacks=[LRWarmup(3), Writes()], max_epochs=1).fit(Net(lambda *_: optimizer), loader(4))


@pytest.mark.parametrize(("named", "shown"), [({"name": "head"}, "'head'"), ({}, "1")], ids=["a name", "no name"])
@pytest.mark.parametrize(
    "wrong",
    [built, given_no_number, rebased, joined, resumed, of_two_kinds, written_in_a_ramp],
    ids=lambda run: run.__name__,
)
def test_a_group_is_called_by_its_name(wrong: Callable[[Named], None], named: Named, shown: str) -> None:
    """A message about a group has its name if it has one, and its number otherwise."""
    with pytest.raises((ScheduleError, ScheduleWarning), match=rf"parameter group {shown}\b|group {shown}[ .)]"):
        wrong(named)


# --- the length of the run ----------------------------------------------------------------------------------------------


def watched(net: Net, data: Any = None, **options: Any) -> tuple[LRMonitor, list[str]]:
    """The monitor of a fit of eight batches an epoch, and the warnings about schedules."""
    monitor = LRMonitor(table=True)
    with schedule_warnings() as found:
        trainer(callbacks=[monitor], **({"max_epochs": 2, "log_every_n_steps": 1} | options)).fit(
            net, loader(8) if data is None else data
        )
    return monitor, found


def helped(schedule: Any = "cosine()", *, base: float | None = None, **options: Any) -> Net:
    """A module with the helper, with other base LRs if ``base`` is given."""

    def answer(net: Net, optimizer: Optimizer) -> Any:
        if base is not None:
            for group in optimizer.param_groups:
                group["lr"] = base
        return configure_optimizers(optimizer, schedule, net.trainer, **options)

    return Net(answer)


def test_a_horizon_by_hand_is_followed_by_the_monitor_too(capsys: pytest.CaptureFixture[str]) -> None:
    """A stream without a length: the table, the forecast and the planned curve are those of ``horizon=``."""
    monitor, found = watched(helped(horizon=Horizon(10)), stream(5))
    shown = capsys.readouterr().out

    assert found == []
    assert "10 updates" in shown
    assert "not known" not in shown
    assert "?" not in shown
    updates, lrs = monitor.planned["lr/pg1"]
    assert (updates[0], updates[-1]) == (0, 9)
    assert list(lrs) == monitor.lrs["lr/pg1"]


@pytest.mark.parametrize(
    ("horizon", "code"),
    [
        (Horizon(800), "LR222"),
        (Horizon(32), "LR222"),
        (Horizon(31), ""),
        (Horizon(16), ""),
        (Horizon(12), ""),
        (Horizon(9), ""),
        (Horizon(8), "LR263"),
        (Horizon(5), "LR263"),
    ],
)
def test_a_horizon_of_another_length_is_reported(horizon: Horizon, code: str) -> None:
    """One that is twice as long and one that is half as long as the run; with a floor too."""
    _, found = watched(helped("cosine(end=0.1)", horizon=horizon))

    assert [message[:5] for message in found] == ([code] if code else [])


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (Horizon(24, 8), "Horizon(steps=3, unit='epoch')"),
        (Horizon(55, [5, 10, 20]), "Horizon(steps=4, unit='epoch')"),
        (Horizon(20, 8), "Horizon(steps=3, unit='epoch')"),
        (Horizon(3), "Horizon(steps=3, unit='epoch') if 3 counts epochs"),
        (Horizon(3, unit="epoch"), "Horizon(steps=3 * 100, steps_per_epoch=100) for epochs of 100 updates"),
    ],
    ids=repr,
)
def test_a_horizon_in_another_unit_is_answered_with_the_same_run(given: Horizon, line: str) -> None:
    """The line has the number of epochs of the horizon that was given, if that is known, and is accepted."""
    interval: Any = "epoch" if given.unit == "step" else "step"
    calls: list[Callable[[Any], Any]] = [
        lambda horizon: configure_optimizers(sgd([0.1]), cosine(), horizon=horizon, interval=interval),
        lambda horizon: LRWarmup("5%", horizon=horizon, interval=interval),
        ScheduledLR(
            sgd([0.1]), cosine(), Horizon(100, 100) if interval == "step" else Horizon(1, unit="epoch")
        ).recalculate,
    ]
    for call in calls:
        with pytest.raises(ScheduleError, match=rf"{re.escape(line)}\.$"):
            call(given)
        call(eval(line.split(" if ")[0].split(" for ")[0]))


def test_a_thousand_epochs_pass_with_a_finding() -> None:
    """They are followed unchanged, and the finding shows how to silence it."""

    def short(net: Net, optimizer: Optimizer) -> Any:
        net.on_train_epoch_end = lambda: setattr(net.trainer, "should_stop", True)  # type: ignore[method-assign]
        return configure_optimizers(optimizer, cosine(), net.trainer)

    net = Net(short)
    with pytest.warns(ScheduleWarning, match=r"^LR262: The run has 1000 epochs.*Trainer\(max_epochs=10\)"):
        config = fitted(net, max_epochs=1000)
    assert config.scheduler.horizon == Horizon(5000, 5)
    with schedule_warnings() as found:
        warnings.filterwarnings("ignore", "LR262")
        fitted(Net(short), max_epochs=1000)
    assert found == []


@pytest.mark.parametrize(("interval", "frequency"), [("epoch", 1), ("step", 2)])
def test_the_table_shows_the_unit_in_which_the_scheduler_is_stepped(interval: str, frequency: int) -> None:
    """A ``ScheduledLR`` per update that is stepped otherwise: plan, fact and finding agree."""

    def answer(net: Net, optimizer: Optimizer) -> Any:
        scheduler = ScheduledLR(optimizer, cosine(), Horizon(24, 8))
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": interval, "frequency": frequency},
        }

    monitor, found = watched(Net(answer), max_epochs=3)

    assert {message[:5] for message in found} >= {"LR206"}
    planned = dict(zip(*monitor.planned["lr/pg1"], strict=True))
    assert planned[23] > 0.05  # a whole cosine would be at 0.0004
    assert monitor.lrs["lr/pg1"] == pytest.approx([planned[step] for step in monitor.history["step"]])


def test_the_note_about_the_logs_is_no_warning(capsys: pytest.CaptureFixture[str]) -> None:
    """The README's first example is greeted with a note, not with a mark of danger."""
    net = helped("warmup(5) >> cosine()")
    _, found = watched(net, log_every_n_steps=10)
    shown = capsys.readouterr().out

    assert found == []
    assert "note: The warmup of 5 updates shows in the logs as its first point" in shown
    assert "!" not in shown


# --- runs that train nothing --------------------------------------------------------------------------------------------


def test_a_base_of_zero_is_reported() -> None:
    """By a scheduler of ours alone, in Lightning and in a plain loop; by the monitor for one of torch."""
    _, found = watched(helped(base=0.0))
    assert [message[:42] for message in found] == ["LR264: The base LR of each group of SGD is"]
    with pytest.warns(ScheduleWarning, match=r"^LR264: .*lr=3e-4"):
        ScheduledLR(SGD([torch.nn.Parameter(torch.ones(1))], lr=0.0), cosine(), Horizon(5))

    def torchs(net: Net, optimizer: Optimizer) -> Any:
        for group in optimizer.param_groups:
            group["lr"] = 0.0
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1)]

    _, found = watched(Net(torchs))
    assert [message[:5] for message in found] == ["LR264"]


@pytest.mark.parametrize("bases", [[0.0, 0.1], [0.1, 0.1]])
def test_a_frozen_group_is_fine(bases: list[float]) -> None:
    """A group at 0 beside others is meant."""
    groups = [{"params": [torch.nn.Parameter(torch.ones(1))], "lr": base} for base in bases]
    with schedule_warnings() as found:
        ScheduledLR(SGD(groups), cosine(), Horizon(5))

    assert found == []


@pytest.mark.parametrize("observed", [True, False])
def test_a_plateau_that_nobody_feeds_is_reported(observed: bool) -> None:
    """In a plain loop, once, at the end of the schedule."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, hold(), Horizon(5), plateau=PLATEAU)
    with schedule_warnings() as found:
        for _ in range(8):
            optimizer.step()
            scheduler.step()
            if observed:
                scheduler.observe(1.0)

    assert [message[:5] for message in found] == ([] if observed else ["LR265"])
    assert observed or found[0].endswith("scheduler.observe(val_loss).")


# --- the command line ---------------------------------------------------------------------------------------------------


def test_a_branch_needs_no_lightning(tmp_path: Path) -> None:
    """``lr-toolkit branch`` reads a checkpoint of Lightning's, hyperparameters included, with torch alone."""
    made = trainer(max_epochs=4)
    net = Hyper(schedule="warmup(2) >> hold()", plateau=PLATEAU, length=Duration("5%"), run=Horizon(20, 5))
    made.fit(net, loader(5), loader(1))
    made.save_checkpoint(tmp_path / "trunk.ckpt")
    program = (
        "import sys; from lr_toolkit.cli import main; main(sys.argv[1:]); "
        "assert not {'lightning', 'pytorch_lightning', 'wandb', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "branch", str(tmp_path / "trunk.ckpt"), "--over", "10"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "'hold(20) >> one_minus_sqrt(over=10)', 'continue'" in done.stdout
    assert "max_steps=30" in done.stdout


# --- pictures and charts --------------------------------------------------------------------------------------------------


def test_a_dark_style_leaves_the_picture_readable(tmp_path: Path) -> None:
    """The picture is the same under every matplotlib style of the user's: its text has contrast on white and on black."""
    from matplotlib import image, style

    colours = []
    for name in ("default", "dark_background"):
        path = tmp_path / f"{name}.png"
        with style.context(name):
            save(draw([Line("head", ([0, 9], [0.1, 0.0]), ([0, 9], [0.1, 0.0]))], title="linear()"), path)
        colours.append(image.imread(path))

    assert (colours[0] == colours[1]).all()
    assert colours[0][0, 0, 3] == 0  # a transparent ground
    text = colours[0][abs(colours[0][..., :3] - [0x77 / 255, 0x7D / 255, 0x84 / 255]).max(axis=-1) < 0.01]
    assert (text[:, 3] > 0.9).sum() > 500
    luminance = 0.2126 * _linear(0x77) + 0.7152 * _linear(0x7D) + 0.0722 * _linear(0x84)
    assert (
        min((luminance + 0.05) / 0.05, 1.05 / (luminance + 0.05)) > 4
    )  # the contrast on black and on white, of WCAG 2


def _linear(channel: int) -> float:
    """The linear light of a channel of sRGB."""
    return float(((channel / 255 + 0.055) / 1.055) ** 2.4)


def figure_of(net: Net, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **options: Any) -> Any:
    """The picture of a run, as it is written."""
    made: list[Any] = []
    monkeypatch.setattr(
        "lr_toolkit.lightning.monitor.run_summary.save", lambda figure, path: made.append(figure) or path
    )
    callbacks = [LRMonitor(save_plot=tmp_path / "lr.png"), *options.pop("callbacks", [])]
    ckpt_path = options.pop("ckpt_path", None)
    trainer(callbacks=callbacks, log_every_n_steps=1, **options).fit(net, loader(5), loader(1), ckpt_path=ckpt_path)
    return made[0]


def test_the_picture_names_schedule_phases_and_epochs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The title is the schedule's text with its rule, a phase line has its name, the second axis counts epochs."""
    net = Hyper(schedule="warmup(6) >> cosine()", plateau=PLATEAU)
    (axes,) = figure_of(net, monkeypatch, tmp_path, max_epochs=4).axes
    (top,) = axes.child_axes

    assert axes.get_title().replace("\n", " ") == f"warmup(6) >> cosine(), times the gain of {PLATEAU!r}"
    assert [(text.xy[0], text.get_text()) for text in axes.texts] == [(0, "warmup"), (6, "cosine")]
    assert list(top.get_xticks()) == [0, 5, 10, 15]
    assert [label.get_text() for label in top.get_xticklabels()] == ["0", "1", "2", "3"]


@pytest.mark.filterwarnings("ignore:.*checkpoint that ended before")
def test_phases_are_where_they_are_after_a_resume(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The lines of a resumed run stand at the updates at which its phases begin."""

    class Stops(L.Callback):
        def on_train_epoch_end(self, trainer: L.Trainer, *_: Any) -> None:
            trainer.should_stop = trainer.current_epoch == 1

    made = trainer(max_epochs=4, callbacks=[Stops()])
    made.fit(Hyper(schedule="warmup(6) >> cosine()"), loader(5), loader(1))
    made.save_checkpoint(tmp_path / "half.ckpt")
    net = Hyper(schedule="warmup(6) >> cosine()")
    (axes,) = figure_of(net, monkeypatch, tmp_path, max_epochs=4, ckpt_path=tmp_path / "half.ckpt").axes

    assert [(text.xy[0], text.get_text()) for text in axes.texts] == [(0, "warmup"), (6, "cosine")]


class Joins(L.Callback):
    """Adds a group in the second epoch."""

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Add it."""
        if trainer.current_epoch == 1:
            late = {"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.5, "name": "late"}
            trainer.optimizers[0].add_param_group(late)


class TrainsLonger(L.Callback):
    """Raises the limit in the second epoch."""

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Raise it."""
        if trainer.current_epoch == 1:
            trainer.fit_loop.max_epochs = 6


class Halves(L.Callback):
    """Writes an LR that nothing plans."""

    def on_train_batch_start(self, trainer: L.Trainer, *_: Any) -> None:
        """Halve it for one update."""
        if trainer.global_step == 12:
            trainer.optimizers[0].param_groups[0]["lr"] *= 0.5


CHANGED: dict[str, tuple[dict[str, Any], list[L.Callback]]] = {
    "a plateau": ({"plateau": ReduceOnPlateau(monitor="val_loss", patience=0, factor=0.1)}, []),
    "a late group": ({}, [Joins()]),
    "another length": ({}, [TrainsLonger()]),
    "all of these": (
        {"plateau": ReduceOnPlateau(monitor="val_loss", patience=0, factor=0.1)},
        [Joins(), TrainsLonger()],
    ),
}


@pytest.mark.parametrize("foreign", [False, True])
@pytest.mark.parametrize("name", CHANGED)
def test_the_planned_curve_shows_what_was_planned_after_a_change(name: str, foreign: bool) -> None:
    """A reduction, a group that joins and another length are in the planned curve; what something else writes is not."""
    options, callbacks = CHANGED[name]
    monitor = LRMonitor()
    net = type("Follows", (Base,), {"schedule": "warmup(3) >> cosine(end=0.1)", **options})()
    made = trainer(callbacks=[*callbacks, *([Halves()] if foreign else []), monitor], max_epochs=4, log_every_n_steps=1)
    with schedule_warnings() as found:
        made.fit(net, loader(5), loader(1))
    steps = monitor.history["step"]

    assert [message[:5] for message in found] == (["LR601"] if foreign else [])
    assert set(monitor.planned) == set(monitor.lrs)
    for series, (updates, planned) in monitor.planned.items():
        there = [step for step, lr in zip(steps, monitor.history[series], strict=True) if not math.isnan(lr)]
        used = dict(zip(there, monitor.lrs[series], strict=True))
        assert list(updates) == there
        assert [update for update, lr in zip(updates, planned, strict=True) if used[update] != pytest.approx(lr)] == (
            [12] if foreign and series == "lr/pg1" else []
        )


@pytest.mark.parametrize("lrs", [[0.0, 0.1, 1e-9], [0.1, 3e-7, 2e-6], [0.1, 0.01, 0.0]])
def test_no_used_point_is_cut(lrs: list[float]) -> None:
    """On an axis of several decades each LR is inside, a zero too."""
    figure = draw([Line("a", used=([0, 1, 2], lrs)), Line("b", used=([0, 1, 2], [1e-4] * 3))])
    (axes,) = figure.axes
    low, high = axes.get_ylim()

    assert axes.get_yscale() in ("log", "symlog")
    assert all(low <= lr <= high for lr in lrs)


@pytest.mark.parametrize(("every", "batches"), [(1, 8), (3, 8), (50, 80)])
@pytest.mark.parametrize("schedule", ["warmup(5) >> cosine()", "step('25%')", "multistep(at=['30%', '60%'])"])
def test_planned_and_used_curves_have_the_same_steps(schedule: str, every: int, batches: int, tmp_path: Path) -> None:
    """TensorBoard smooths by the number of points: with equal steps and values it draws both alike."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(str(tmp_path), name="", version="run")
    watched(helped(schedule), loader(batches), logger=logger, log_every_n_steps=every, max_epochs=3)
    used, planned = (
        [(event.step, event.value) for event in EventAccumulator(str(run), {"scalars": 0}).Reload().Scalars("lr/pg1")]
        for run in (tmp_path / "run", tmp_path / "run" / "lr_plan")
    )

    assert planned == used


@pytest.mark.parametrize("prefix", ["", "trial"])
def test_planned_and_used_curves_share_a_card(prefix: str, tmp_path: Path) -> None:
    """TensorBoard has a card for each tag and draws all runs in it: sixty groups have sixty cards, with two curves each."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def answer(net: Net, optimizer: Optimizer) -> Any:
        for group in range(58):
            optimizer.add_param_group(
                {"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.01, "name": f"layer{group}"}
            )
        return configure_optimizers(optimizer, "warmup(3) >> cosine()", net.trainer)

    watched(Net(answer), loader(4), logger=TensorBoardLogger(str(tmp_path), name="", version="run", prefix=prefix))
    used, planned = (
        {tag for tag in EventAccumulator(str(run)).Reload().Tags()["scalars"] if "lr" in tag}
        for run in (tmp_path / "run", tmp_path / "run" / "lr_plan")
    )

    assert len(used) == 60
    assert used == planned


def test_a_csv_logger_gets_the_schedule(tmp_path: Path) -> None:
    """The table, with the text of the schedule, is a file beside the metrics."""
    logger = CSVLogger(str(tmp_path), name="", version="run")
    watched(helped("warmup(5) >> cosine()"), logger=logger)

    assert "warmup(5) >> cosine()" in (tmp_path / "run" / "lr_plan.txt").read_text("utf-8")


def test_the_lr_in_the_name_of_a_checkpoint(tmp_path: Path) -> None:
    """The docstring has the line that makes a folder for each checkpoint, and two fixes, each of which makes a file."""
    text = LRMonitor.__doc__ or ""
    wrong, fix = re.findall(r"``ModelCheckpoint\((.+?)\)``", text)

    def makes_a_file(arguments: str, names: Any) -> bool:
        place = tmp_path / f"{names} {arguments == fix}"
        checkpoint = eval(f"ModelCheckpoint(place, {arguments})", {"ModelCheckpoint": ModelCheckpoint, "place": place})
        callbacks = [LRMonitor(names=names), checkpoint]
        fit(Probe(lambda net: net.sgd()), *callbacks, enable_checkpointing=True, logger=Recorder())
        (made,) = place.iterdir()
        return made.is_file()

    assert not makes_a_file(wrong, "stable")
    assert makes_a_file(fix, "stable")
    assert 'or use ``names="lightning"``' in text
    assert makes_a_file(wrong.replace("lr/optimizer", "lr-SGD"), "lightning")
