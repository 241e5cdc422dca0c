"""Ten groups under four shapes, with scheduled momentum and weight decay, in real Trainers: each update, each checkpoint, each file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.optim import SGD, Optimizer

from lr_toolkit import (
    Horizon,
    LRMonitor,
    Schedule,
    ScheduleError,
    ScheduleMixin,
    absolute,
    configure_optimizers,
    linear,
)
from lr_toolkit.lightning.mixin import find_setting
from tests.helpers.fits import data
from tests.helpers.offline_wandb import read
from tests.helpers.runs import trainer

# Lightning starts a plain loader over, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")

NAMES = [*(f"layer_{index}" for index in range(8)), "embedding", "head"]
BATCHES, EPOCHS, ACCUMULATE = 6, 3, 2
UPDATES = BATCHES * EPOCHS // ACCUMULATE
LR = {
    "layer_0": "hold()",
    "layer_*": "warmup(2) >> linear()",
    "embedding": "step('1 epoch', gamma=0.5)",
    "head": "warmup('20%') >> cosine(end=0.1)",
}
MOMENTUM = "absolute(linear(start=0.85, end=0.95, over=4) >> hold())"
DECAY = {"head": "cosine(end=10.0)", "embedding": "hold()", "layer_7": "linear()"}
TOO_LONG = {"head": "warmup(500) >> linear()", "*": "hold()"}
KEYS = ("lr", "momentum", "weight_decay")


class Weights(L.LightningModule):
    """A module with a list of weights."""

    weights: torch.nn.ParameterList

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """A loss that depends on every weight."""
        return sum(weight.square().sum() for weight in self.weights) * batch[0].mean()


class Groups(ScheduleMixin, Weights):
    """A weight for each of ten groups; ``used`` has the values of each update by its number."""

    first = 0  # the number of the first update of this run
    schedule = LR
    momentum = MOMENTUM
    weight_decay = DECAY

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.nn.ParameterList(torch.nn.Parameter(torch.ones(1)) for _ in NAMES)
        self.used: dict[int, dict[str, float]] = {}

    def build_optimizer(self) -> Optimizer:
        """Base values of its own for each group."""
        optimizer = SGD(
            [
                {"params": [weight], "name": name, "lr": 0.1 / (index + 1), "weight_decay": 0.001 * index}
                for index, (name, weight) in enumerate(zip(NAMES, self.weights, strict=True))
            ],
            momentum=0.9,
        )
        optimizer.register_step_post_hook(self._record)
        return optimizer

    def _record(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        values = {f"{key}/{group['name']}": float(group[key]) for group in optimizer.param_groups for key in KEYS}
        self.used[self.first + len(self.used)] = values


def expected(k: int) -> dict[str, float]:
    """The closed form of every value of every group at update k."""
    run = Horizon(UPDATES, BATCHES // ACCUMULATE)

    def factor(text: str) -> float:
        return Schedule.parse(text).resolve(run)(k)

    values = {}
    for index, name in enumerate(NAMES):
        values[f"lr/{name}"] = 0.1 / (index + 1) * factor(LR[name] if name in LR else LR["layer_*"])
        values[f"momentum/{name}"] = factor("linear(start=0.85, end=0.95, over=4) >> hold()")
        values[f"weight_decay/{name}"] = 0.001 * index * (factor(DECAY[name]) if name in DECAY else 1.0)
    return values


class SaveAlways(L.Callback):
    """Saves a checkpoint after each batch and at the end of each epoch."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: list[tuple[Path, int]] = []

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """After a batch, also in the middle of an accumulation."""
        self._save(trainer)

    def on_train_epoch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """After an epoch."""
        self._save(trainer)

    def _save(self, trainer: L.Trainer) -> None:
        path = self.folder / f"{len(self.paths)}.ckpt"
        trainer.save_checkpoint(path)
        self.paths.append((path, trainer.global_step))


def train(*callbacks: L.Callback, resume: Path | None = None, first: int = 0, **options: Any) -> Groups:
    """A run, or the rest of one that took ``first`` updates before."""
    net = Groups()
    net.first = first
    run = trainer(
        max_epochs=EPOCHS, accumulate_grad_batches=ACCUMULATE, log_every_n_steps=1, callbacks=list(callbacks), **options
    )
    run.fit(net, data(BATCHES), ckpt_path=resume)
    return net


def test_each_value_equals_its_closed_form_however_often_the_run_is_interrupted(tmp_path: Path) -> None:
    """At every update, and after a resume at every epoch, in the middle of epochs and of accumulations."""
    saves = SaveAlways(tmp_path)
    used = train(saves).used
    assert len(used) == UPDATES
    for k, values in used.items():
        assert values == pytest.approx(expected(k), rel=1e-12)

    for path, taken in saves.paths[::2] + saves.paths[-1:]:
        resumed = train(resume=path, first=taken).used
        assert list(resumed) == list(range(taken, UPDATES)), path
        for k, values in resumed.items():
            assert values == pytest.approx(expected(k), rel=1e-12)


def logged_in_csv(folder: Path) -> Iterator[tuple[int, str, float]]:
    """(step, name, value) of every cell of the CSV logger's file."""
    with (folder / "run" / "metrics.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            yield from ((int(row["step"]), name, float(value)) for name, value in row.items() if "/" in name and value)


def logged_in_tensorboard(folder: Path) -> Iterator[tuple[int, str, float]]:
    """The same of TensorBoard's file."""
    events = EventAccumulator(str(folder / "run"))
    events.Reload()
    for name in events.Tags()["scalars"]:
        if name.partition("/")[0] in KEYS:
            yield from ((event.step, name, event.value) for event in events.Scalars(name))


def logged_in_wandb(folder: Path) -> Iterator[tuple[int, str, float]]:
    """The same of an offline W&B run."""
    run = read(folder)
    for row in run.history:
        yield from (
            (row["trainer/global_step"], name, value) for name, value in row.items() if name.partition("/")[0] in KEYS
        )


LOGGERS = {
    "csv": (lambda folder: CSVLogger(str(folder), name="", version="run"), logged_in_csv),
    "tensorboard": (lambda folder: TensorBoardLogger(str(folder), name="", version="run"), logged_in_tensorboard),
    "wandb": (lambda folder: WandbLogger(project="test", save_dir=str(folder), offline=True), logged_in_wandb),
}


@pytest.mark.parametrize("kind", LOGGERS)
def test_each_logger_has_every_value_by_name(kind: str, tmp_path: Path) -> None:
    """The files have the LR, the momentum and the weight decay of each group that has a schedule for it, at each update."""
    make, read_back = LOGGERS[kind]
    logger = make(tmp_path)
    train(LRMonitor(table=False), logger=logger)
    if kind == "wandb":
        logger.experiment.finish()

    found = {(step, name): value for step, name, value in read_back(tmp_path)}
    names = {*expected(0)}
    assert {name for _, name in found} == names
    for k in range(UPDATES):
        assert {name: found[k, name] for name in names} == pytest.approx(expected(k), rel=1e-6)


def test_the_report_shows_each_schedule(capsys: pytest.CaptureFixture[str]) -> None:
    """Every group with its LRs, and the other values with their first and last numbers and their schedules."""
    train(LRMonitor(table=True))
    shown = " ".join(capsys.readouterr().out.split())
    for text in (
        "'layer_*': warmup(2) >> linear()",
        "momentum: absolute(linear(end=0.95, start=0.85, over=4) >> hold())",
        "layer_1 +6 warmup(2) 0 0.00 linear() 2 0.67 embedding step('1 epoch', gamma=0.5) 0 0.00",
        "also first last momentum 0.85 0.95 weight_decay 0.007 to 0.009",
    ):
        assert text in shown, text


class Number(Groups):
    """A module whose ``momentum`` and ``weight_decay`` are its own numbers, as templates have them."""

    schedule = "hold()"
    momentum = 0.9
    weight_decay = 0.1

    def __init__(self, momentum: float = 0.8, betas: Any = (0.9, 0.95)) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.betas = betas


def test_numbers_of_the_module_are_no_schedules() -> None:
    """Attributes and hyperparameters of these names stay the module's own."""
    net = Number()
    trainer(max_epochs=1, max_steps=1).fit(net, data(2))
    assert {value for name, value in net.used[0].items() if name.startswith("momentum/")} == {0.9}


@pytest.mark.parametrize(
    ("name", "meant"), [("weight_decays", "weight_decay"), ("momentums", "momentum"), ("beta2", "betas")]
)
def test_a_schedule_under_a_similar_name_is_refused(name: str, meant: str) -> None:
    """Nothing would follow it; a number of that name is the module's own."""
    own = {"schedule": "hold()", "momentum": None, "weight_decay": None}
    wrong = type("Wrong", (Groups,), {**own, name: "linear()"})
    with pytest.raises(ScheduleError, match=f"no setting '{name}'.*Write {meant} = 'linear"):
        trainer(max_epochs=1).fit(wrong(), data(2))
    right = type("Right", (Groups,), {**own, name: 0.9})
    trainer(max_epochs=1, max_steps=1).fit(right(), data(2))


class Hyper(Weights):
    """Helpers without the mixin, whose schedules are hyperparameters."""

    def __init__(self, schedule: Any, weight_decay: Any) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.weights = torch.nn.ParameterList(torch.nn.Parameter(torch.ones(1)) for _ in range(2))

    def configure_optimizers(self) -> Any:
        """The helper with a mapping."""
        groups = [{"params": [weight], "name": name} for name, weight in zip("ab", self.weights, strict=True)]
        optimizer = torch.optim.AdamW(groups, lr=1e-3, weight_decay=0.1)
        return configure_optimizers(
            optimizer, self.hparams["schedule"], self.trainer, weight_decay=self.hparams["weight_decay"]
        )


def test_schedules_from_a_config_file_are_followed() -> None:
    """A mapping of texts, as YAML gives it, drives the groups by name."""
    net = Hyper({"a": "linear()", "*": "hold()"}, "absolute(linear(start=0.2, end=0.4))")
    run = trainer(max_epochs=1, max_steps=2)
    run.fit(net, data(4))
    lrs = [group["lr"] for group in run.optimizers[0].param_groups]
    assert lrs == pytest.approx([0.0, 1e-3], abs=1e-18)
    assert [group["weight_decay"] for group in run.optimizers[0].param_groups] == pytest.approx([0.4, 0.4], rel=1e-15)


class Saving(ScheduleMixin, L.LightningModule):
    """A mixin that keeps schedules by name among its hyperparameters."""

    def __init__(self, schedule: Any = None, betas: Any = None) -> None:
        super().__init__()
        self.save_hyperparameters()


def test_a_cut_names_each_schedule_that_is_cut() -> None:
    """The LR of one group and the momentum are too long for the run, and the LR of another group is not."""

    class Long(Groups):
        schedule = TOO_LONG
        momentum = "absolute(linear(start=0.85, end=0.95, over=300) >> hold())"
        weight_decay = None
        too_long = "cut"

    with pytest.warns(UserWarning, match="LR261") as caught:
        trainer(max_epochs=1).fit(Long(), data(4))
    (message,) = [str(each.message) for each in caught if "LR261" in str(each.message)]
    for text in (
        "the run trains on the beginning of warmup(500) and does not reach linear(). It cuts linear(end=0.95",
        "over=300) >> hold() too: the run trains on the beginning of linear(end=0.95, start=0.85, over=300) and does not reach hold()",
    ):
        assert text in message
    assert message.count(" too: ") == 1


def test_lists_of_omegaconf_hold_schedules() -> None:
    """Hydra hands its own lists and mappings to the module; a list of schedules was taken for the module's own."""
    config = OmegaConf.create({"schedule": {"head": "linear()", "*": "hold()"}, "betas": [None, "linear(end=0.9)"]})
    net = Saving(config.schedule, config.betas)
    assert find_setting(net, "schedule") == {"head": "linear()", "*": "hold()"}
    assert list(find_setting(net, "betas")) == [None, "linear(end=0.9)"]
    assert find_setting(Saving("hold()", OmegaConf.create([0.9, 0.99])), "betas") is None


def test_hyperparameters_keep_schedules_as_text() -> None:
    """Checkpoints then load with ``weights_only=True``, and loggers show the text."""
    net = Saving({"head": linear(), "*": "hold()"}, (None, absolute(linear(start=0.95, end=0.99))))
    assert dict(net.hparams) == {
        "schedule": {"head": "linear()", "*": "hold()"},
        "betas": [None, "absolute(linear(end=0.99, start=0.95))"],
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"schedule": {"hed": "linear()", "*": "hold()"}}, "Write 'head'"),
        ({"schedule": {"head": "linear()"}}, "no schedule is for parameter group 'body'"),
        ({"schedule": "linear()", "momentum": "linear(end=2.0)"}, "must stay below 1"),
        ({"schedule": "linear()", "interval": "epoch", "weight_decay": "warmup(3)"}, "interval='epoch'"),
        ({"schedule": "linear()", "weight_decay": "hold(99) >> linear()"}, "99"),
        ({"schedule": "linear()", "momentun": "linear()"}, "Write momentum="),
    ],
)
def test_a_wrong_schedule_is_refused_before_training(options: dict[str, Any], message: str) -> None:
    """The helper names the mistake and the line to write."""

    class Wrong(Groups):
        def configure_optimizers(self) -> Any:
            groups = [{"params": [self.weights[0]], "name": "head"}, {"params": [self.weights[1]], "name": "body"}]
            optimizer = SGD(groups, lr=0.1, momentum=0.9, weight_decay=0.1)
            return configure_optimizers(optimizer, trainer=self.trainer, **options)

    with pytest.raises(ScheduleError, match=message):
        trainer(max_epochs=1).fit(Wrong(), data(8))
