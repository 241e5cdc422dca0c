"""What new users write and see: settings as hyperparameters, misspelled names, messages that end in a line to write, and the trackers."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import yaml
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from omegaconf import OmegaConf
from torch.optim import SGD, Optimizer
from torch.utils.data import DataLoader, TensorDataset

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
from tests.helpers.runs import BASES, Net, loader, trainer

PLATEAU = ReduceOnPlateau(monitor="val_loss", patience=3)


@contextmanager
def schedule_warnings() -> Iterator[list[str]]:
    """The warnings about schedules in the block."""
    found: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield found
    found += [str(warning.message) for warning in caught if issubclass(warning.category, ScheduleWarning)]


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
    with pytest.raises(ScheduleError, match="the Trainer tells the length of the run"):
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
