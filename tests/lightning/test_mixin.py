"""``ScheduleMixin``, and schedules as hyperparameters: the sources of a schedule, its checkpoints and its loggers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import yaml
from lightning.pytorch.loggers import CSVLogger, WandbLogger
from torch.optim import Optimizer

from lr_toolkit import (
    Duration,
    GreedyLR,
    Horizon,
    ReduceOnPlateau,
    Schedule,
    ScheduledLR,
    ScheduleError,
    ScheduleMixin,
    configure_optimizers,
    cosine,
    custom,
    linear,
    warmup,
)
from tests.helpers.runs import BASES, LogsLoss, Net, loader, trainer

SCHEDULE = warmup("20%") >> cosine(end=0.1)
TEXT = "warmup('20%') >> cosine(end=0.1)"


class Base(ScheduleMixin, Net):
    """A module with the mixin and the recording optimizer."""

    def __init__(self) -> None:
        super().__init__(lambda *_: pytest.fail("the mixin answers"))

    def build_optimizer(self) -> Optimizer:
        """The optimizer."""
        return self.optimizer()


class InClass(Base):
    """A class attribute."""

    schedule = SCHEDULE


class TextInClass(Base):
    """A class attribute, as text."""

    schedule = TEXT


class InInstance(Base):
    """An attribute of the instance."""

    def __init__(self) -> None:
        super().__init__()
        self.schedule = SCHEDULE


class Hyper(Base):
    """A hyperparameter only."""

    def __init__(self, schedule: Any = SCHEDULE, width: int = 1) -> None:
        super().__init__()
        self.save_hyperparameters()


class HyperOverClass(Hyper):
    """A class attribute that a hyperparameter overrides."""

    schedule = linear()


class InstanceOverHyper(Hyper):
    """A hyperparameter that the instance overrides."""

    def __init__(self, schedule: Any = "linear()") -> None:
        super().__init__(schedule)
        self.schedule = SCHEDULE


class Property(Base):
    """A property."""

    @property
    def schedule(self) -> Schedule:
        """A new schedule for each access."""
        return SCHEDULE


class HyperNone(Hyper):
    """A hyperparameter that was not given leaves the class attribute."""

    schedule = SCHEDULE

    def __init__(self, schedule: Any = None) -> None:
        super().__init__(schedule)


SOURCES: dict[str, Callable[[], Net]] = {
    "class": InClass,
    "class, text": TextInClass,
    "instance": InInstance,
    "hyperparameter": Hyper,
    "hyperparameter, text": lambda: Hyper(TEXT),
    "hyperparameter over class": HyperOverClass,
    "hyperparameter over class, text": lambda: HyperOverClass(TEXT),
    "instance over hyperparameter": InstanceOverHyper,
    "class, where the hyperparameter is None": HyperNone,
    "property": Property,
}


@pytest.mark.parametrize("source", SOURCES)
def test_the_schedule_is_found(source: str) -> None:
    """The run follows a schedule from each source, as a Schedule or its text."""
    net = SOURCES[source]()
    trainer(max_epochs=2).fit(net, loader(5))
    timeline = SCHEDULE.resolve(Horizon(10, 5))

    assert net.lrs == [[timeline(k, base_lr=base) for base in BASES] for k in range(10)]


def test_interval_and_plateau_are_attributes() -> None:
    """``interval`` and ``plateau`` in the class reach the scheduler's dict."""

    class Whole(LogsLoss, InClass):
        interval = "epoch"
        plateau = ReduceOnPlateau(monitor="loss")

    net = Whole()
    made = trainer(max_epochs=5)
    made.fit(net, loader(2))
    config = made.lr_scheduler_configs[0]

    assert (config.interval, config.monitor) == ("epoch", "loss")
    assert isinstance(config.scheduler, ScheduledLR)
    assert config.scheduler.horizon == Horizon(5, unit="epoch")
    assert config.scheduler.plateau == Whole.plateau


@pytest.mark.parametrize("options", [{"max_epochs": 1000, "limit_train_batches": 1}, {"max_epochs": -1}])
def test_a_horizon_by_hand_is_an_attribute(options: dict[str, int]) -> None:
    """``horizon`` in the class is the length of the run if the Trainer has none."""

    class Short(InClass):
        horizon = Horizon(3)

        def on_train_batch_end(self, *_: Any) -> None:
            self.trainer.should_stop = self.trainer.global_step == 3

    net = Short()
    trainer(**options).fit(net, loader(3))
    timeline = SCHEDULE.resolve(Horizon(3))

    assert [lrs[0] for lrs in net.lrs] == [timeline(k, base_lr=0.1) for k in range(3)]


def test_an_optimizer_of_a_base_behind_the_mixin_is_found() -> None:
    """``build_optimizer`` may come from a class behind the mixin in the list of bases."""

    class Plain(Net):
        def build_optimizer(self) -> Optimizer:
            return self.optimizer()

    class Mixed(ScheduleMixin, Plain):
        schedule = SCHEDULE

    net = Mixed(lambda *_: pytest.fail("the mixin answers"))
    trainer(max_epochs=1).fit(net, loader(5))

    assert len(net.lrs) == 5


class Diffusion(Base):
    """A module that keeps a buffer, a parameter and a module under the names of the mixin's settings of other keys."""

    schedule = SCHEDULE

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("betas", torch.linspace(1e-4, 0.02, 10))
        self.weight_decay = torch.nn.Parameter(torch.ones(1), requires_grad=False)
        self.momentum = torch.nn.Identity()
        self.other_schedules = torch.nn.ModuleDict()


def test_buffers_parameters_and_modules_keep_their_names() -> None:
    """The mixin hides none of them, and takes none of them for a schedule."""
    net = Diffusion()
    assert net.betas.shape == (10,)
    assert isinstance(net.momentum, torch.nn.Identity)
    assert {"betas", "weight_decay"} <= net.state_dict().keys()
    trainer(max_epochs=1).fit(net, loader(5))

    assert len(net.lrs) == 5


def test_the_wrong_order_of_bases_is_refused() -> None:
    """With LightningModule in front, its own ``configure_optimizers`` would silently be used. The class is refused."""
    with pytest.raises(ScheduleError, match=r"class Wrong.*Write class Wrong\(ScheduleMixin, L.LightningModule\)"):

        class Wrong(L.LightningModule, ScheduleMixin):
            pass


def test_a_schedule_with_a_function_is_followed_though_its_hyperparameter_is_text() -> None:
    """``custom`` has no text that can be parsed, so the mixin follows the value itself."""
    schedule = custom(lambda i: 0.5**i)
    net = Hyper(schedule)
    trainer(max_epochs=1).fit(net, loader(3))

    assert [lrs[0] for lrs in net.lrs] == [0.1, 0.05, 0.025]
    assert net.hparams["schedule"] == repr(schedule)


# --- hyperparameters in checkpoints and loggers --------------------------------------------------------------------


class Plain(Net):
    """A module without the mixin, with a Schedule among its hyperparameters."""

    def __init__(self, schedule: Any = SCHEDULE, width: int = 1) -> None:
        super().__init__(lambda net, optimizer: configure_optimizers(optimizer, net.hparams["schedule"], net.trainer))
        self.save_hyperparameters()


@pytest.fixture(scope="module", params=[Hyper, Plain], ids=["mixin", "plain"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[type[Net], Path]:
    """A trained module's class, and the folder with its checkpoint and hparams.yaml."""
    folder = tmp_path_factory.mktemp("hparams")
    made = trainer(max_epochs=1, logger=CSVLogger(folder, name="", version=""), log_every_n_steps=1)
    made.fit(request.param(width=3), loader(2))
    made.save_checkpoint(folder / "last.ckpt")
    return request.param, folder


@pytest.mark.parametrize("options", [{}, {"weights_only": True}, {"weights_only": False}])
def test_a_schedule_survives_load_from_checkpoint(trained: tuple[type[Net], Path], options: dict[str, bool]) -> None:
    """A Schedule in ``save_hyperparameters()`` is equal after each way of loading the checkpoint."""
    module, folder = trained
    loaded = module.load_from_checkpoint(folder / "last.ckpt", **options)

    assert loaded.hparams["width"] == 3
    assert Schedule.parse(loaded.hparams["schedule"]) == SCHEDULE


def test_the_loaded_module_trains_on(trained: tuple[type[Net], Path]) -> None:
    """A module from a checkpoint follows its saved schedule, or one that is passed when loading."""
    module, folder = trained
    same = module.load_from_checkpoint(folder / "last.ckpt", weights_only=True)
    other = module.load_from_checkpoint(folder / "last.ckpt", schedule="linear()", weights_only=True)
    for net, schedule in ((same, SCHEDULE), (other, linear())):
        trainer(max_epochs=1).fit(net, loader(5))
        timeline = schedule.resolve(Horizon(5, 5))

        assert [lrs[0] for lrs in net.lrs] == [timeline(k, base_lr=0.1) for k in range(5)]


def test_hparams_yaml_reads_as_text(trained: tuple[type[Net], Path]) -> None:
    """``hparams.yaml`` holds the schedule's text, which any YAML parser reads."""
    _, folder = trained

    assert yaml.safe_load((folder / "hparams.yaml").read_text("utf-8")) == {"schedule": TEXT, "width": 3}


@pytest.mark.needs("torch>=2.6", "load is safe by default")
def test_torch_load_alone_reads_the_mixins_checkpoint(tmp_path: Path) -> None:
    """With the mixin the checkpoint holds text only: it loads where ``lr_toolkit`` was never imported."""
    made = trainer(max_epochs=1)
    made.fit(Hyper(), loader(2))
    made.save_checkpoint(tmp_path / "last.ckpt")
    from torch.serialization import get_unsafe_globals_in_checkpoint

    foreign = [name for name in get_unsafe_globals_in_checkpoint(tmp_path / "last.ckpt") if "lr_toolkit" in name]
    assert foreign == []
    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["hyper_parameters"]["schedule"] == TEXT


VALUES = {
    "ReduceOnPlateau": ReduceOnPlateau(monitor="val_loss", min_lr=[1e-5, 1e-6]),
    "GreedyLR": GreedyLR(monitor="val_loss", max_lr=0.1),
    "Horizon": Horizon(10, [4, 4, 2]),
    "Duration": Duration("5%"),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=list(VALUES))
def test_other_values_survive_as_hyperparameters_too(value: Any, tmp_path: Path) -> None:
    """A rule, a horizon or a duration is equal after ``weights_only=True``, and is text in YAML."""

    class Keeps(InClass):
        def __init__(self, kept: Any = None) -> None:
            super().__init__()
            self.save_hyperparameters()

    made = trainer(max_epochs=1, logger=CSVLogger(tmp_path, name="", version=""), log_every_n_steps=1)
    made.fit(Keeps(value), loader(5))
    made.save_checkpoint(tmp_path / "last.ckpt")

    assert torch.load(tmp_path / "last.ckpt", weights_only=True)["hyper_parameters"]["kept"] == value
    assert Keeps.load_from_checkpoint(tmp_path / "last.ckpt").hparams["kept"] == value
    assert yaml.safe_load((tmp_path / "hparams.yaml").read_text("utf-8")) == {"kept": str(value)}


@pytest.mark.parametrize("module", [Hyper, Plain])
def test_the_wandb_config_reads_as_text(module: type[Net], tmp_path: Path) -> None:
    """In W&B's config the schedule is its text."""
    logger = WandbLogger(save_dir=tmp_path, offline=True, project="test")
    try:
        trainer(max_epochs=1, logger=logger, log_every_n_steps=1).fit(module(), loader(2))
        assert logger.experiment.config["schedule"] == TEXT
    finally:
        logger.experiment.finish()
