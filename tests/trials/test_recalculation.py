"""Runs whose length changes on the way: what is left of the schedule is spread over what is left of the run."""

from __future__ import annotations

import json
import logging
import re
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import BatchSizeFinder, ModelCheckpoint
from torch.optim import SGD
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from lr_toolkit import Duration, Horizon, LRMonitor, Schedule, ScheduledLR, ScheduleError, configure_optimizers
from lr_toolkit.schedules.shape import Curve, PhaseContext, Shape
from tests.helpers import runs
from tests.helpers.runs import loader
from tests.helpers.schedule_warnings import schedule_warnings
from tests.helpers.script import run_script

EPOCHS, BATCHES = 3, 8


class Module(L.LightningModule):
    """One weight; ``used`` has the LR of each update, ``epochs`` that of each epoch's last update."""

    def __init__(self, schedule: str = "linear()", **options: Any) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))
        self.schedule, self.options = schedule, options
        self.used: list[float] = []
        self.epochs: dict[int, float] = {}

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """A loss with a gradient."""
        return self.weight.square().sum() * batch[0].mean()

    def build_optimizer(self) -> SGD:
        """An optimizer that records the LRs of its updates."""
        optimizer = SGD([self.weight], lr=1.0)
        optimizer.register_step_pre_hook(self._record)
        return optimizer

    def configure_optimizers(self) -> Any:
        """The optimizer and the schedule, for the length that ``self.trainer`` has."""
        return configure_optimizers(self.build_optimizer(), self.schedule, self.trainer, **self.options)

    def _record(self, optimizer: Any, *_: Any) -> None:
        self.used.append(optimizer.param_groups[0]["lr"])
        self.epochs[self.current_epoch] = self.used[-1]


class EveryNth(Module):
    """Manual optimization with an update every n-th batch, whose scheduler is not stepped, or is stepped too often."""

    automatic_optimization = False
    every, times, calls = 4, 1, 0

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One batch."""
        if (batch_idx + 1) % self.every:
            return
        for _ in range(self.times):
            optimizer: Any = self.optimizers()
            optimizer.zero_grad()
            self.manual_backward(super().training_step(batch, batch_idx))
            optimizer.step()
            for _ in range(self.calls):
                self.lr_schedulers().step()


class SteppedTwice(EveryNth):
    """Steps its scheduler twice after each update."""

    calls = 2


class SeveralUpdates(EveryNth):
    """Three updates for each batch."""

    every, times = 1, 3


class SeveralUpdatesWithSteps(SeveralUpdates):
    """The same, as projects write it: a step of the scheduler after each update."""

    calls = 1


class Stream(IterableDataset[torch.Tensor]):
    """Five samples, without a length."""

    def __iter__(self) -> Iterator[Any]:
        return iter([(torch.ones(1),)] * 5)


class WrongLength(Stream):
    """The same with a length that is too large."""

    def __len__(self) -> int:
        return BATCHES


class From(L.Callback):
    """Does something when an epoch from ``epoch`` on begins."""

    def __init__(self, epoch: int, act: Callable[[L.Trainer], None]) -> None:
        self.epoch, self.act = epoch, act

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Act if the run is resumed in such an epoch, whose beginning Lightning does not announce again."""
        if trainer.fit_loop.epoch_progress.current.processed >= self.epoch:
            self.act(trainer)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Act."""
        if trainer.current_epoch >= self.epoch:
            self.act(trainer)


class FromBatch(From):
    """The same from the fifth batch of that epoch on."""

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Act after a resume in a later epoch."""
        if trainer.fit_loop.epoch_progress.current.processed > self.epoch:
            self.act(trainer)

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Nothing yet."""
        if trainer.current_epoch > self.epoch:
            self.act(trainer)

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Act."""
        if trainer.current_epoch == self.epoch and batch_idx >= 4:
            self.act(trainer)


def of(dataset: Dataset[Any]) -> DataLoader[Any]:
    """A loader over a dataset."""
    return DataLoader(dataset, batch_size=None)


class Reloaded(Module):
    """Reloads a shorter dataloader from the second epoch on."""

    def train_dataloader(self) -> Any:
        """The one of this epoch."""
        return loader(4 if self.current_epoch else BATCHES)


def accumulate(trainer: L.Trainer) -> None:
    """Four batches per update."""
    trainer.accumulate_grad_batches = 4


def accumulate_less(trainer: L.Trainer) -> None:
    """A batch per update."""
    trainer.accumulate_grad_batches = 1


def train_longer(trainer: L.Trainer) -> None:
    """Twice as many epochs."""
    trainer.fit_loop.max_epochs = 2 * EPOCHS


def train_more_steps(trainer: L.Trainer) -> None:
    """More updates."""
    trainer.fit_loop.epoch_loop.max_steps = 40


@dataclass(frozen=True)
class Change:
    """A run whose length changes.

    Args:
        since: the update from which the schedule is recalculated; 0 if it was known before the first update.
        ends: the updates of the run.
        planned: the updates that it was planned for.
        finding: a regular expression for the beginning of the finding, which is a warning if the expression begins with a code.
        epochs: the epochs of the run.
        is_stream: whether its data begin anew at each resume, so that only whole epochs can be repeated.
        has_other_limit: whether a limit of the Trainer is changed, at which a resume ends.
    """

    since: int
    ends: int
    finding: str
    planned: int = EPOCHS * BATCHES
    epochs: int = EPOCHS
    module: type[Module] = Module
    data: Callable[[], Any] = lambda: loader(BATCHES)
    is_stream: bool = False
    has_other_limit: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    callbacks: Callable[[], list[L.Callback]] = list

    def lr(self, update: int) -> float:
        """The LR of a linear decay from 1 to 0 that is recalculated at ``since``."""
        if update <= self.since:
            return 1 - update / self.planned
        return (1 - self.since / self.planned) * (self.ends - update) / (self.ends - self.since)

    def lrs(self) -> list[float]:
        """The LR of each update."""
        return [self.lr(update) for update in range(self.ends)]

    def fit(self, module: Module, *callbacks: L.Callback, ckpt_path: Any = None) -> L.Trainer:
        """Train."""
        options = {"max_epochs": EPOCHS, "enable_checkpointing": bool(callbacks)} | self.options
        trainer = runs.trainer(**options, callbacks=[*self.callbacks(), *callbacks])
        data = None if self.module is Reloaded else self.data()
        trainer.fit(module, data, ckpt_path=ckpt_path)
        return trainer


CHANGES = {
    "several updates a batch": Change(3, 72, "The run has 72 updates now", module=SeveralUpdates),
    "several updates a batch, each with a step": Change(
        3, 72, "The run has 72 updates now", module=SeveralUpdatesWithSteps
    ),
    "accumulation begins": Change(8, 12, "The run has 12 updates now", callbacks=lambda: [From(1, accumulate)]),
    "accumulation begins within an epoch": Change(
        12, 15, "The run has 15 updates now", callbacks=lambda: [FromBatch(1, accumulate)]
    ),
    "accumulation ends": Change(
        2, 18, "The run has 18 updates now", planned=6, options={"accumulate_grad_batches": 4},
        callbacks=lambda: [From(1, accumulate_less)],
    ),
    "a length that is not kept": Change(
        5, 15, "LR521: An epoch had 5 batches.*limit_train_batches=5", is_stream=True, data=lambda: of(WrongLength())
    ),
    "a limit that is not reached": Change(
        5, 15, "LR521: An epoch had 5 batches.*limit_train_batches=5", is_stream=True, data=lambda: of(Stream()),
        options={"limit_train_batches": BATCHES},
    ),
    # Lightning takes no update after the last batch of an epoch that ends before its length.
    "a length that is not kept, with accumulation": Change(
        2, 6, "LR521: An epoch had 5 batches.*The run has 6 updates", planned=12, is_stream=True, data=lambda: of(WrongLength()),
        options={"accumulate_grad_batches": 2},
    ),
    "a limit that is not reached, with accumulation": Change(
        2, 6, "LR521: An epoch had 5 batches.*The run has 6 updates", planned=12, is_stream=True, data=lambda: of(Stream()),
        options={"limit_train_batches": BATCHES, "accumulate_grad_batches": 2},
    ),
    "a stream that max_epochs ends": Change(
        5, 15, "The run has 15 updates now", planned=100, is_stream=True, data=lambda: of(Stream()), options={"max_steps": 100}
    ),
    "more epochs": Change(8, 48, "The run has 48 updates now", epochs=6, has_other_limit=True, callbacks=lambda: [From(1, train_longer)]),
    "more steps": Change(
        8, 40, "The run has 40 updates now", epochs=5, has_other_limit=True, options={"max_epochs": -1, "max_steps": 24},
        callbacks=lambda: [From(1, train_more_steps)],
    ),
    "another loader": Change(
        8, 16, "The run has 16 updates now", module=Reloaded, options={"reload_dataloaders_every_n_epochs": 1}
    ),
}  # fmt: skip


def findings_of(fit: Callable[[], object], caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings, or else the lines in the log, of a fit: a line that a warning repeats is left out."""
    caplog.clear()
    with schedule_warnings() as warned, caplog.at_level(logging.INFO, "lr_toolkit"):
        fit()
    return warned or [record.getMessage() for record in caplog.records if record.name == "lr_toolkit"]


@pytest.mark.parametrize("name", CHANGES)
def test_the_schedule_ends_with_the_run(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The LR is continuous at the change, and the decay ends with the run; there is one finding, and a resume is exact."""
    change = CHANGES[name]
    module = change.module()
    saver = ModelCheckpoint(
        tmp_path, "{epoch}-{step}", save_top_k=-1, every_n_train_steps=5, save_on_train_epoch_end=False
    )
    ends = ModelCheckpoint(tmp_path, "end-{epoch}", save_top_k=-1, every_n_epochs=1, save_on_train_epoch_end=True)
    (finding,) = findings_of(lambda: change.fit(module, saver, ends), caplog)

    assert re.match(change.finding, finding)
    assert module.used == pytest.approx(change.lrs())
    for path in sorted(tmp_path.glob("*.ckpt")):
        resumed = change.module()
        updates = torch.load(path, weights_only=True)["lr_schedulers"][0]["last_epoch"]
        is_over = updates >= (change.planned if change.has_other_limit else change.ends)
        if is_over or (change.is_stream and not path.name.startswith("end")):
            continue
        findings_of(partial(change.fit, resumed, ckpt_path=path), caplog)
        assert resumed.used == module.used[updates:], path.name


@dataclass(frozen=True)
class Epochs:
    """A run whose scheduler moves with the epochs: the LRs that its epochs are to have."""

    lrs: list[float]
    module: type[Module] = Module
    data: Callable[[], Any] = lambda: loader(BATCHES)
    finding: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    callbacks: Callable[[], list[L.Callback]] = list


# The first epoch has the same LR on any length, so the plan on the new length is followed from the second on.
THIRDS = [1, 2 / 3, 1 / 3]
EPOCH_RUNS = {
    "updates every fourth batch": Epochs(THIRDS, EveryNth),
    "stepped by the module, too": Epochs(THIRDS, SteppedTwice),
    "several updates a batch": Epochs(THIRDS, SeveralUpdates),
    "accumulation begins": Epochs(THIRDS, callbacks=lambda: [From(1, accumulate)]),
    "a length that is not kept": Epochs(THIRDS, data=lambda: of(WrongLength())),
    "another loader": Epochs(THIRDS, Reloaded, options={"reload_dataloaders_every_n_epochs": 1}),
    "more epochs": Epochs(
        [1 - epoch / 6 for epoch in range(6)], finding="The run has 6 epochs now",
        callbacks=lambda: [From(1, train_longer)],
    ),
    "accumulation under max_steps": Epochs(
        [1 - epoch / 9 for epoch in range(9)], finding="The run has 9 epochs now",
        options={"max_epochs": -1, "max_steps": 32 - 8}, callbacks=lambda: [From(1, accumulate)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EPOCH_RUNS)
def test_a_schedule_per_epoch_ends_with_the_run(name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The LR moves once per epoch, whatever Lightning takes for its last batch, and a resume is exact."""
    run = EPOCH_RUNS[name]
    change = Change(0, 0, "", module=run.module, data=run.data, options=run.options, callbacks=run.callbacks)
    module = run.module(interval="epoch")
    ends = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, every_n_epochs=1, save_on_train_epoch_end=True)
    findings = findings_of(lambda: change.fit(module, ends), caplog)

    assert [bool(re.match(run.finding or "", finding)) for finding in findings] == [True] * bool(run.finding)
    assert list(module.epochs.values()) == pytest.approx(run.lrs)
    if "max_steps" in run.options:  # Lightning trains a ninth batch of the first epoch after such a resume
        return
    for path in tmp_path.glob("*.ckpt"):
        epoch = int(re.findall(r"\d+", path.name)[-1]) + 1
        if epoch < min(EPOCHS, len(run.lrs)):
            resumed = run.module(interval="epoch")
            findings_of(partial(change.fit, resumed, ckpt_path=path), caplog)
            assert list(resumed.epochs.values()) == list(module.epochs.values())[epoch:], path.name


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")
@pytest.mark.parametrize(
    ("schedule", "epoch", "lrs"),
    [
        ("linear()", 0, [1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6]),
        ("linear()", 1, [1, 2 / 3, *(2 / 3 * k / 5 for k in (4, 3, 2, 1))]),
        ("linear()", 2, [1, 2 / 3, 1 / 3, *(1 / 3 * k / 4 for k in (3, 2, 1))]),
        # The second of three epochs keeps its LR, and the two that were left are spread over five.
        ("warmup('67%', start=0.0) >> hold()", 1, [0, 0.5, 0.7, 0.9, 1, 1]),
        # So does the first, which begins at another LR if six epochs are planned.
        ("warmup('67%') >> hold()", 0, [1 / 3, 1 / 2, 2 / 3, 5 / 6, 1, 1]),
    ],
)
def test_an_epoch_in_progress_keeps_its_lr(
    schedule: str, epoch: int, lrs: list[float], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """If the run gets longer in the middle of an epoch, a schedule per epoch moves at the end of it, and a resume is exact."""
    change = Change(0, 0, "", callbacks=lambda: [FromBatch(epoch, train_longer)])
    module = Module(schedule, interval="epoch")
    ends = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, every_n_epochs=1, save_on_train_epoch_end=True)
    (finding,) = findings_of(lambda: change.fit(module, ends), caplog)

    assert finding.startswith("The run has 6 epochs now")
    assert module.used == pytest.approx([lr for lr in lrs for _ in range(BATCHES)])
    for ended in range(epoch, 5):
        rest = Module(schedule, interval="epoch")
        options = {"ckpt_path": tmp_path / f"epoch={ended}.ckpt"}
        runs.trainer(max_epochs=6).fit(rest, loader(BATCHES), **options)
        assert rest.used == module.used[-len(rest.used) :]
        assert rest.lr_schedulers().horizon == Horizon(6, unit="epoch")


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")
def test_an_epoch_in_progress_keeps_its_lr_and_the_length_is_taken_back(tmp_path: Path) -> None:
    """A run that gets longer within its first epoch, and at a resume has its first length again, ends with that."""
    text = "warmup('67%') >> linear()"
    change = Change(0, 0, "", callbacks=lambda: [FromBatch(0, train_longer)])
    ends = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, every_n_epochs=1, save_on_train_epoch_end=True)
    change.fit(Module(text, interval="epoch"), ends)
    rest = Module(text, interval="epoch")
    runs.trainer(max_epochs=EPOCHS).fit(rest, loader(BATCHES), ckpt_path=tmp_path / "epoch=0.ckpt")

    assert rest.lr_schedulers().planned(EPOCHS) == pytest.approx([0.0], abs=1e-12)


def test_a_longer_run_from_within_an_epoch_is_asked_for() -> None:
    """At a resume, the LR of an epoch in progress is one of the past: a longer run with another LR there needs a decision."""

    def scheduler(epochs: int, **options: Any) -> ScheduledLR:
        optimizer = SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
        made = ScheduledLR(optimizer, "linear()", Horizon(epochs, unit="epoch"), **options)
        optimizer.step()
        return made

    saved = scheduler(4)
    saved.step()
    scheduler(8).load_state_dict(saved.state_dict())  # the second epoch begins
    saved.optimizer.step()
    with pytest.raises(ScheduleError, match="The plan is not the one in the checkpoint"):
        scheduler(8).load_state_dict(saved.state_dict())
    stretched = scheduler(8, on_change="stretch")
    stretched.load_state_dict(saved.state_dict())

    assert [stretched.planned(k)[0] for k in (1, 2, 7)] == pytest.approx([3 / 4, 3 / 4 * 6 / 7, 3 / 4 / 7])


# --- manual optimization ----------------------------------------------------------------------------------------------


class Gan(L.LightningModule):
    """Two optimizers: one takes an update each batch, the other every fifth batch."""

    automatic_optimization = False
    calls = 0  # steps of the module after each update

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.nn.ParameterList(torch.nn.Parameter(torch.ones(1)) for _ in range(2))
        self.used: list[list[float]] = [[], []]

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One batch."""
        for index, optimizer in enumerate(self.optimizers()):
            if index and batch_idx % 5:
                continue
            optimizer.zero_grad()
            self.manual_backward(self.weights[index].square().sum())
            self.used[index].append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            for _ in range(self.calls):
                self.lr_schedulers()[index].step()

    def configure_optimizers(self) -> Any:
        """A schedule for each."""
        optimizers = [SGD([weight], lr=0.1) for weight in self.weights]
        return [configure_optimizers(optimizer, "cosine(end=0.0)", self.trainer) for optimizer in optimizers]


@pytest.mark.parametrize("calls", [0, 1], ids=["steps nothing", "steps after each update"])
@pytest.mark.parametrize(
    ("options", "updates"),
    [
        ({"max_epochs": 10}, [1000, 200]),
        ({"max_epochs": 1}, [100, 20]),
        ({"max_epochs": -1, "max_steps": 1200}, [1000, 200]),
        ({"max_epochs": -1, "max_steps": 60}, [50, 10]),
    ],
    ids=["ten epochs", "one epoch", "max_steps", "max_steps within an epoch"],
)
def test_each_optimizer_of_a_gan_ends_with_the_run(options: dict[str, int], updates: list[int], calls: int) -> None:
    """The updates of each optimizer are measured, and both decays end with the run, without a jump, whoever steps them."""
    gan = Gan()
    gan.calls = calls
    runs.trainer(**options).fit(gan, loader(100))

    assert [len(used) for used in gan.used] == updates
    for used, count in zip(gan.used, updates, strict=True):
        assert used[-1] < 0.1 * (2 / count)  # the last updates of the cosine, within one update of its end
        assert max(abs(before - after) for before, after in pairwise(used)) < 0.1 * 4 / count


class PerEpoch(Gan):
    """Both schedules move with the epochs."""

    def __init__(self, on_change: Any = "error", save: Path | None = None) -> None:
        super().__init__()
        self.on_change, self.save = on_change, save

    def on_train_batch_end(self, *_: Any) -> None:
        """Save each half of an epoch."""
        if self.save and not self.trainer.global_step % 60:
            self.trainer.save_checkpoint(self.save / f"step={self.trainer.global_step}.ckpt")

    def configure_optimizers(self) -> Any:
        """A linear decay for each."""
        options = {"interval": "epoch", "on_change": self.on_change}
        optimizers = [SGD([weight], lr=1.0) for weight in self.weights]
        return [configure_optimizers(optimizer, "linear()", self.trainer, **options) for optimizer in optimizers]


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`", "ignore:You're resuming from a checkpoint")
@pytest.mark.parametrize("step", [60, 180, 300])
def test_a_pace_that_was_measured_in_the_first_epoch_survives_a_resume(step: int, tmp_path: Path) -> None:
    """Two optimizers share the updates of ``max_steps``: what was measured before the first step of a schedule is saved."""
    begin, ended = {"ckpt_path": tmp_path / f"step={step}.ckpt"}, step // 120
    whole, rest, longer = PerEpoch(save=tmp_path), PerEpoch(), PerEpoch("replan")
    runs.trainer(max_epochs=-1, max_steps=480).fit(whole, loader(100))
    runs.trainer(max_epochs=-1, max_steps=480).fit(rest, loader(100), **begin)
    runs.trainer(max_epochs=-1, max_steps=960).fit(longer, loader(100), **begin)

    for index, updates in enumerate((100, 20)):
        assert whole.used[index] == pytest.approx([1 - epoch / 4 for epoch in range(4) for _ in range(updates)])
        assert rest.used[index] == whole.used[index][-len(rest.used[index]) :]
        plan = [1 - epoch / 8 for epoch in range(ended, 8) for _ in range(updates)]
        assert longer.used[index] == pytest.approx(plan[-len(longer.used[index]) :])


@pytest.mark.parametrize("calls", [0, 1, 2])
def test_a_step_of_the_module_changes_nothing(calls: int) -> None:
    """The schedulers of this package move with the updates under manual optimization, whoever steps them besides."""
    module = EveryNth()
    module.every, module.calls = 1, calls
    runs.trainer(max_epochs=2).fit(module, loader(6))

    assert module.used == pytest.approx([1 - update / 12 for update in range(12)])


@pytest.mark.parametrize("calls", [0, 1], ids=["steps nothing", "steps after each update"])
def test_updates_by_hand_every_fourth_batch(calls: int) -> None:
    """Gradients that are accumulated by hand: a quarter of the updates, known after the first, whoever steps besides."""
    module = EveryNth()
    module.calls = calls
    runs.trainer(max_epochs=3).fit(module, loader(8))

    assert module.used == pytest.approx([1 - update / 6 for update in range(6)])


class Saving(EveryNth):
    """Saves a checkpoint after each batch."""

    folder: Path | None = None

    def on_train_batch_end(self, *_: Any) -> None:
        """Save."""
        if self.folder:
            self.trainer.save_checkpoint(self.folder / f"{self.trainer.fit_loop.total_batch_idx + 1}.ckpt")


@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize(
    ("every", "times", "last"),
    [(4, 1, 1 / 6), (5, 1, 1 / 3), (1, 3, CHANGES["several updates a batch"].lr(71))],
    ids=["every fourth batch", "every fifth batch", "three a batch"],
)
@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint")
def test_a_resume_under_manual_optimization_is_exact(
    every: int, times: int, last: float, interval: Any, tmp_path: Path
) -> None:
    """After any batch: before the first update, in mid-epoch between two updates, and at the last batch of an epoch."""

    def run(**options: Any) -> list[float]:
        module = Saving(interval=interval)
        module.every, module.times, module.folder = every, times, None if options else tmp_path
        runs.trainer(max_epochs=3).fit(module, loader(8), **options)
        return module.used

    whole = run()
    assert whole[-1] == pytest.approx(last if interval == "step" else THIRDS[-1])
    for batch in (1, 3, 6, 8, 11, 16, 18):
        rest = run(ckpt_path=tmp_path / f"{batch}.ckpt")
        assert rest == whole[len(whole) - len(rest) :], batch


# --- before the first update ------------------------------------------------------------------------------------------


class Sized(Module):
    """Has a batch size that Lightning's finder may change."""

    batch_size = 1

    def train_dataloader(self) -> Any:
        """192 samples."""
        return DataLoader(TensorDataset(torch.ones(192, 1)), batch_size=self.batch_size)


def test_a_batch_size_that_is_found_before_training(tmp_path: Path) -> None:
    """The schedule is made for the batches that the run has, not for those of the first batch size."""
    module = Sized()
    finder = BatchSizeFinder("power", steps_per_trial=1, init_val=2, max_trials=2)
    monitor = LRMonitor()
    trainer = runs.trainer(max_epochs=1, callbacks=[finder, monitor], default_root_dir=tmp_path)
    trainer.fit(module)
    taken = module.used[-trainer.global_step :]

    assert trainer.global_step == 192 // module.batch_size < 192
    assert taken == pytest.approx([1 - update / len(taken) for update in range(len(taken))])
    assert monitor.findings == ()


# --- an optimizer that is made within an epoch ------------------------------------------------------------------------


class Exchange(L.Callback):
    """Sets up the optimizers anew after the fifth batch of the second epoch."""

    def on_train_batch_end(self, trainer: L.Trainer, module: L.LightningModule, *_: Any) -> None:
        """Exchange them once."""
        if trainer.current_epoch == 1 and trainer.fit_loop.epoch_loop.batch_progress.current.processed == 5:
            trainer.strategy.setup_optimizers(trainer)


def test_a_new_optimizer_within_an_epoch() -> None:
    """The new schedule counts what is left of the epoch, and the epochs after it."""
    module = Module()
    runs.trainer(max_epochs=3, callbacks=[Exchange()]).fit(module, loader(8))

    assert module.used == pytest.approx([1 - k / 24 for k in range(13)] + [1 - k / 11 for k in range(11)])


class ExchangeAtTheEnd(L.Callback):
    """Sets up the optimizers anew at the end of the second epoch."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Exchange them once."""
        if trainer.current_epoch == 1:
            trainer.strategy.setup_optimizers(trainer)


@pytest.mark.parametrize(("exchange", "taken"), [(Exchange, 5), (ExchangeAtTheEnd, 8)])
@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_a_new_optimizer_after_a_resume(exchange: Any, taken: int, interval: Any, tmp_path: Path) -> None:
    """The checkpoint knows nothing of it, and nothing is reported: its schedule counts what is left of the run."""
    saver = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, save_on_train_epoch_end=True)
    module = Module(interval=interval)
    with schedule_warnings() as found:
        runs.trainer(max_epochs=3, callbacks=[saver], enable_checkpointing=True).fit(
            Module(interval=interval), loader(BATCHES)
        )
        runs.trainer(max_epochs=3, callbacks=[exchange()]).fit(
            module, loader(BATCHES), ckpt_path=tmp_path / "epoch=0.ckpt"
        )

    left = 16 - taken
    if interval == "step":
        assert module.used == pytest.approx(
            [1 - k / 24 for k in range(8, 8 + taken)] + [1 - k / left for k in range(left)]
        )
    else:  # the rest of an epoch counts as one
        rest = [1.0] * 3 + [0.5] * 8 if taken == 5 else [1.0] * 8
        assert module.used == pytest.approx([2 / 3] * taken + rest)
    assert not found


# --- a schedule that begins at a checkpoint ---------------------------------------------------------------------------


class WithoutSchedule(Module):
    """Goes on with weights, optimizer and step of a checkpoint, and a new schedule."""

    jump = False

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Drop the state of the scheduler."""
        checkpoint["lr_schedulers"] = []

    def on_train_start(self) -> None:
        """Let the schedule begin where the run is, if that is meant."""
        if self.jump:
            self.lr_schedulers().step(self.trainer.global_step)


@pytest.mark.parametrize(
    ("options", "jump", "is_reported", "lrs"),
    [
        ({}, False, True, [1 - k / 16 for k in range(16)]),
        ({"on_change": "restart"}, False, False, [1 - k / 16 for k in range(16)]),
        ({}, True, False, [1 - k / 24 for k in range(8, 24)]),
    ],
    ids=["without the schedule's state", "on_change='restart'", "stepped to the update of the run"],
)
def test_a_new_schedule_at_a_checkpoint(
    options: dict[str, Any], jump: bool, is_reported: bool, lrs: list[float], tmp_path: Path
) -> None:
    """It runs from its beginning over what is left; a warning reports it, and the lines that it shows run without a warning."""
    saver = ModelCheckpoint(tmp_path, save_on_train_epoch_end=True)
    runs.trainer(max_epochs=1, callbacks=[saver], enable_checkpointing=True, default_root_dir=tmp_path).fit(
        Module(), loader(8)
    )
    module = WithoutSchedule(**options)
    module.jump = jump
    with schedule_warnings() as found:
        runs.trainer(max_epochs=3).fit(module, loader(8), ckpt_path=saver.best_model_path)

    assert module.used == pytest.approx(lrs)
    assert len(found) == is_reported
    for message in found:
        assert re.match(r"LR523: .*update 8 of the run.*24 updates.*16 updates", message)
        assert "on_change='restart'" in message
        assert "self.lr_schedulers().step(self.trainer.global_step)" in message


class GanWithoutSchedule(Gan):
    """Both begin their schedules at a checkpoint, one of them after four batches."""

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Drop the states of the schedulers."""
        checkpoint["lr_schedulers"] = []

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """The second optimizer takes its updates at the end of five batches."""
        super().training_step(batch, batch_idx + 1)


def test_new_schedules_of_two_optimizers_at_a_checkpoint(tmp_path: Path) -> None:
    """Each is reported once, however many batches pass before its first update, and ends with the run."""
    saver = ModelCheckpoint(tmp_path, save_on_train_epoch_end=True)
    runs.trainer(max_epochs=1, callbacks=[saver], enable_checkpointing=True).fit(Gan(), loader(20))
    gan = GanWithoutSchedule()
    with schedule_warnings() as found:
        runs.trainer(max_epochs=5).fit(gan, loader(20), ckpt_path=saver.best_model_path)

    assert [re.findall(r"^LR523: .*self\.optimizers\(\)\[(\d)\].* the 80 updates", message) for message in found] == [
        ["0"],
        ["1"],
    ]
    for used, count in zip(gan.used, (80, 16), strict=True):
        assert len(used) == count
        assert used[0] == 0.1
        assert used[-1] < 0.1 * (2 / count)


# --- a run that gets longer after its schedule has ended --------------------------------------------------------------


class AtTheEnd(L.Callback):
    """Trains on when the last epoch has ended."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Raise the limit."""
        if trainer.current_epoch == EPOCHS - 1:
            train_longer(trainer)


def test_nothing_is_left_to_spread(caplog: pytest.LogCaptureFixture) -> None:
    """A schedule that has ended cannot be spread: a warning names the policy that goes on, which is quiet."""
    change = Change(0, 0, "", callbacks=lambda: [AtTheEnd()])
    (finding,) = findings_of(lambda: change.fit(Module()), caplog)
    assert finding.startswith("LR522: The run has 48 updates now")
    assert "on_change='replan'" in finding

    module = Module(on_change="replan")
    (line,) = findings_of(lambda: change.fit(module), caplog)

    assert line.startswith("The run has 48 updates now")
    assert module.used[24:] == pytest.approx([1 - k / 48 for k in range(24, 48)])


# --- holds, and other policies ----------------------------------------------------------------------------------------


def test_an_open_hold_grows(caplog: pytest.LogCaptureFixture) -> None:
    """In an open hold nothing is spread: the hold takes the updates that are added."""
    module = Module("warmup(4) >> hold() >> linear(over=8)")
    change = Change(0, 0, "", callbacks=lambda: [From(1, train_longer)])
    findings_of(lambda: change.fit(module), caplog)

    assert module.used == pytest.approx([0.2, 0.4, 0.6, 0.8] + [1] * 36 + [1 - k / 8 for k in range(8)])


@pytest.mark.parametrize(
    ("policy", "lrs"),
    [
        ("keep", [1 - k / 24 for k in range(24)] + [0] * 24),
        ("replan", [1 - k / 24 for k in range(8)] + [1 - k / 48 for k in range(8, 48)]),
        ("stretch", CHANGES["more epochs"].lrs()),
        ("continue", CHANGES["more epochs"].lrs()),
    ],
    ids=["keep", "replan", "stretch", "continue"],
)
def test_a_policy_decides(policy: Any, lrs: list[float], caplog: pytest.LogCaptureFixture) -> None:
    """``on_change`` determines the rest of the schedule if the length of the run changes."""
    module = Module(on_change=policy)
    findings_of(lambda: CHANGES["more epochs"].fit(module), caplog)

    assert module.used == pytest.approx(lrs)


# --- runs that are legal ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", ["max_epochs", "max_steps", "limit_train_batches"])
@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_a_run_that_takes_no_update_is_no_mistake(limit: str, interval: Any) -> None:
    """A limit of 0 is legal in Lightning: the schedule is built, and nothing happens."""
    module = Module("warmup('2 epochs') >> cosine()", interval=interval)
    runs.trainer(**{"max_epochs": 3, limit: 0}, callbacks=[LRMonitor()]).fit(module, loader(BATCHES))

    assert module.used == []


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`", "ignore:You're resuming from a checkpoint")
def test_epochs_of_another_length_under_max_steps(tmp_path: Path) -> None:
    """A resume with fewer ranks makes longer epochs: the updates that are left are those that were planned."""
    text = "linear(over='3 epochs', end=0.1) >> hold()"
    whole, first, second = Module(text), Module(text), Module(text)
    runs.trainer(max_epochs=-1, max_steps=32).fit(whole, loader(4))
    saver = ModelCheckpoint(tmp_path, every_n_train_steps=10)
    options = {"max_epochs": -1, "max_steps": 32}
    runs.trainer(**options, enable_checkpointing=True, callbacks=[saver, Stop(10)]).fit(first, loader(4))
    runs.trainer(**options).fit(second, loader(8), ckpt_path=saver.best_model_path)

    assert first.used + second.used == whole.used


@pytest.mark.parametrize(
    "text",
    [
        "warmup(5) >> hold()",
        "warmup('1 epoch') >> cosine(over=10, end=0.1)",
        "multistep(at=[3, 6])",
        "step(4, gamma=0.5)",
        "exponential(gamma=0.9)",
    ],
)
def test_a_schedule_that_needs_no_end(text: str) -> None:
    """A run without an end is no mistake if nothing in the schedule depends on its end, and its epochs are not walked through."""
    endless, limited = Module(text), Module(text)
    monitor = LRMonitor(strict=True)
    began = time.process_time()
    runs.trainer(max_epochs=-1, callbacks=[monitor, Stop(20)]).fit(endless, loader(BATCHES))
    seconds = time.process_time() - began
    runs.trainer(max_epochs=10, callbacks=[Stop(20)]).fit(limited, loader(BATCHES))

    assert endless.used == limited.used
    assert len(endless.used) == 20
    assert monitor.findings == ()
    assert seconds < 2.0  # its epochs are not listed


def test_a_list_of_many_milestones_needs_no_end() -> None:
    """However many there are: their number does not grow with the run."""
    module = Module(f"multistep(at={list(range(3, 6003, 3))}, gamma=0.999)")
    runs.trainer(max_epochs=-1, callbacks=[Stop(8)]).fit(module, loader(BATCHES))

    assert module.used == pytest.approx([0.999 ** (k // 3) for k in range(8)])


@dataclass(frozen=True)
class Saw(Shape):
    """Falls and jumps back, again and again; it needs no end."""

    period: int
    over: Duration | None = None

    def bind(self, context: PhaseContext) -> Curve:
        """The curve."""
        return SawCurve(self.period, context.length)


@dataclass(frozen=True)
class SawCurve(Curve):
    """It declares each jump."""

    period: int
    length: int

    def __call__(self, i: Any) -> Any:
        """A fall from 1 in each period."""
        return 1.0 - i % self.period / self.period

    @property
    def edges(self) -> tuple[int, ...]:
        """The jumps."""
        return tuple(range(self.period, self.length, self.period))

    @property
    def end(self) -> float:
        """After the last period."""
        return 1.0


def test_a_shape_with_many_edges_needs_an_end() -> None:
    """A shape of the user's that declares 1000 edges in a million updates runs without an end; with more it needs ``horizon=``."""
    few, many = Schedule((Saw(1000),)), Schedule((Saw(999),))
    module = Module(few)  # type: ignore[arg-type]  # in place of a text
    runs.trainer(max_epochs=-1, callbacks=[Stop(3)]).fit(module, loader(BATCHES))
    with pytest.raises(ScheduleError, match="it trains without end"):
        runs.trainer(max_epochs=-1).fit(Module(many), loader(BATCHES))  # type: ignore[arg-type]  # as above
    given = Module(many, horizon=Horizon(10**5))  # type: ignore[arg-type]  # as above
    runs.trainer(max_epochs=-1, callbacks=[Stop(3)]).fit(given, loader(BATCHES))

    assert module.used == pytest.approx([1 - k / 1000 for k in range(3)])
    assert given.used == pytest.approx([1 - k / 999 for k in range(3)])


def test_epochs_of_different_lengths_are_listed_in_the_state(tmp_path: Path) -> None:
    """A run whose rate changes at each epoch saves one number for each epoch; one that changes once saves a few."""

    def lengths(module: Module) -> Any:
        saver = ModelCheckpoint(tmp_path / type(module).__name__, save_on_train_epoch_end=True)
        options = {"max_epochs": 4, "reload_dataloaders_every_n_epochs": 1, "enable_checkpointing": True}
        runs.trainer(**options, callbacks=[saver]).fit(module)
        state = torch.load(saver.best_model_path, weights_only=True)["lr_schedulers"][0]
        return state["run"]["now"]["steps_per_epoch"]

    assert lengths(Growing()) == [5, 10, 20]  # the last number holds for all epochs that follow
    assert lengths(Reloaded()) == [8, 4]


@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize(
    "limits", [{"max_epochs": 10**6}, {"max_epochs": -1, "max_steps": 10**7}], ids=["max_epochs", "max_steps"]
)
def test_the_start_does_not_depend_on_the_number_of_epochs(limits: dict[str, int], interval: Any) -> None:
    """A run of millions of one-batch epochs starts and ends with LRMonitor as fast as any other: its epochs are not walked through."""
    module = Module("warmup('1%') >> cosine()", interval=interval)
    tracemalloc.start()
    began = time.process_time()
    try:
        runs.trainer(**limits, callbacks=[LRMonitor(), Stop(1)]).fit(module, loader(1))
        seconds, (_, peak) = time.process_time() - began, tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert seconds < 4.0  # a few tenths, and several times as much while memory is traced
    assert peak < 20e6


@pytest.mark.parametrize("text", ["cosine()", "warmup('5%') >> hold()", "hold() >> linear(over=5)"])
def test_a_schedule_that_needs_an_end(text: str) -> None:
    """It is refused in a run without one, as before."""
    with pytest.raises(ScheduleError, match="it trains without end"):
        runs.trainer(max_epochs=-1).fit(Module(text), loader(BATCHES))


@pytest.mark.parametrize("text", [None, "Horizon"])
def test_a_reloaded_loader_gets_no_opposite_advice(text: str | None) -> None:
    """With ``horizon=`` for epochs of other lengths, or without it, nothing is warned of, and the decay ends with the run."""
    module = Growing(**({"horizon": Horizon(55, [5, 10, 20, 20])} if text else {}))
    monitor = LRMonitor()
    runs.trainer(max_epochs=4, reload_dataloaders_every_n_epochs=1, callbacks=[monitor]).fit(module)

    assert monitor.findings == ()
    assert len(module.used) == 55
    assert module.used[-1] < 0.05


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each rank of the runs reports whose epochs have other lengths on each rank."""
    folder = tmp_path_factory.mktemp("ranks")
    run_script("tests.helpers.uneven_ranks", folder)
    return {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "numbers"), [("uneven", [8, 6]), ("uneven-updates", [8, 6]), ("later", [4, 6])])
def test_ranks_whose_epochs_differ_follow_one_schedule(
    name: str, numbers: list[int], uneven: dict[str, dict[str, Any]]
) -> None:
    """All ranks use the LRs of the first, which reports it, from the beginning or after the dataloaders were reloaded."""
    assert uneven[f"{name}-0"]["lrs"] == uneven[f"{name}-1"]["lrs"] != []

    (finding,) = uneven[f"{name}-0"]["findings"]
    assert re.match(rf"LR231: .*\({numbers[0]}, {numbers[1]}\).*Trainer\(limit_train_batches={min(numbers)}\)", finding)
    assert not uneven[f"{name}-1"]["findings"]


@pytest.mark.slow
def test_the_advice_to_ranks_whose_epochs_differ_is_quiet(uneven: dict[str, dict[str, Any]]) -> None:
    """With the same number of batches on all ranks nothing is reported, and the LRs are equal."""
    for name in ("even", "later-even"):
        assert uneven[f"{name}-0"]["lrs"] == uneven[f"{name}-1"]["lrs"] != []
        assert not uneven[f"{name}-0"]["findings"] + uneven[f"{name}-1"]["findings"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "updates"), [("refused", 0), ("later-refused", 16)])
def test_epochs_that_differ_between_ranks_cannot_be_counted(
    name: str, updates: int, uneven: dict[str, dict[str, Any]]
) -> None:
    """A schedule per epoch would move after another update on each rank: it is refused on both, at the same update."""
    for rank in (0, 1):
        assert re.search(r"interval='step'.*limit_train_batches=", uneven[f"{name}-{rank}"]["error"])
        assert len(uneven[f"{name}-{rank}"]["lrs"]) == updates


class Streams(Module):
    """A loader of eight batches, and from the second epoch on a stream of five without a length."""

    def train_dataloader(self) -> Any:
        """The one of this epoch."""
        return of(Stream()) if self.current_epoch else loader(BATCHES)


def spread(*stretches: tuple[int, float]) -> list[float]:
    """The LRs of a decay from 1 that takes so many updates at so much an update, and so on."""
    lrs = [1.0]
    for updates, slope in stretches:
        lrs += [lrs[-1] - slope * (k + 1) for k in range(updates)]
    return lrs[:-1]


@pytest.mark.parametrize(
    ("options", "lrs"),
    [
        # Of the 24 updates 13 are taken when the first stream has ended, and 5 are left for the 11/24 that are left.
        ({"max_epochs": 3}, spread((13, 1 / 24), (5, 11 / 24 / 5))),
        ({"max_epochs": 3, "interval": "epoch"}, [1.0] * 8 + [2 / 3] * 5 + [1 / 3] * 5),
        ({"max_steps": 20}, spread((20, 1 / 20))),
        ({"max_steps": 20, "interval": "epoch"}, [1.0] * 8 + [2 / 3] * 5 + [1 / 3] * 5 + [1 / 6] * 2),
    ],
    ids=["three epochs", "three epochs, per epoch", "max_steps", "max_steps, per epoch"],
)
def test_a_loader_that_is_exchanged_for_a_stream(options: dict[str, Any], lrs: list[float]) -> None:
    """The run continues; a length that no limit gives any more is known again when the stream has ended once."""
    options = {"max_epochs": -1, "interval": "step"} | options
    module = Streams(interval=options.pop("interval"))
    runs.trainer(**options, reload_dataloaders_every_n_epochs=1).fit(module)

    assert module.used == pytest.approx(lrs)


class Growing(Module):
    """Reloads a longer dataloader for each epoch."""

    def train_dataloader(self) -> Any:
        """The one of this epoch."""
        return loader([5, 10, 20, 20][self.current_epoch])


class Stop(L.Callback):
    """Stops after that many updates."""

    def __init__(self, updates: int) -> None:
        self.updates = updates

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        """Stop."""
        trainer.should_stop |= trainer.global_step >= self.updates
