"""The search of a Trainer's run: what it finds, where it sets the LR, and what it refuses."""

from __future__ import annotations

import csv
from fractions import Fraction
from math import log2
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
import yaml
from lightning.pytorch.loggers import CSVLogger
from torch.optim import lr_scheduler
from torch.utils.data import DataLoader

from lr_toolkit import LRFinder, LRMonitor, LRWarmup, NoLRFound, ScheduleError, find_lr, search_lr
from tests.helpers.finding import Regression, Stream, assert_same, loader, squared_error, trainer


def test_both_loops_find_the_same() -> None:
    """The search of a Trainer's run equals that of a plain loop with the same model, data and schedule."""
    module = Regression()
    found = find_lr(trainer(), module, loader(), seed=3)
    optimizer = torch.optim.AdamW(module.groups())
    plain = search_lr(module, optimizer, squared_error, loader(), module.hparams["schedule"], 64, seed=3)

    assert found.curve == plain.curve
    assert (found.lr, found.low, found.high, found.schedule) == (plain.lr, plain.low, plain.high, plain.schedule)


def test_the_callback_finds_the_same_and_trains_with_it() -> None:
    """Each group's first update is at its base LR times the schedule's first factor, 1/4 of this warmup of three updates."""
    module, finder = Regression(), LRFinder(seed=3)
    used = trainer(callbacks=[finder])
    used.fit(module, loader())
    search = finder.search

    assert search is not None
    assert search.curve == find_lr(trainer(), Regression(), loader(), seed=3).curve
    assert module.used[0] == pytest.approx([search.lr / 4, search.lr / 32])
    assert [group["initial_lr"] for group in used.optimizers[0].param_groups] == pytest.approx(list(search.lrs))
    assert search.lrs == pytest.approx([search.lr, search.lr / 8])


def test_a_double_batch_equals_an_accumulation_of_two() -> None:
    """Without dropout and batch normalisation the gradients are the same, and so is the answer."""

    class Plain(Regression):
        def __init__(self) -> None:
            super().__init__()
            self.body = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh())

    double = find_lr(trainer(), Plain(), loader(shuffle=False, size=32))
    accumulated = find_lr(trainer(accumulate_grad_batches=2), Plain(), loader(shuffle=False, size=16))

    assert abs(log2(accumulated.lr / double.lr)) < 0.1


@pytest.mark.parametrize(
    ("options", "data"),
    [
        ({"max_epochs": 4, "gradient_clip_val": 0.5}, loader),
        ({"max_epochs": 4, "precision": "bf16-mixed"}, loader),
        ({"max_epochs": 4, "precision": "64-true"}, loader),
        ({"max_steps": 64}, lambda: DataLoader(Stream(), 16)),
        ({"max_epochs": 4, "limit_train_batches": 7}, loader),
        ({"max_epochs": 4}, lambda: loader(workers=2)),
        ({"max_epochs": 4}, lambda: {"a": loader(), "b": loader()}),
    ],
)
def test_it_works_with_every_kind_of_run(options: dict[str, Any], data: Any) -> None:
    """Clipping, precisions, streams, limits, workers and several loaders."""

    class Any_(Regression):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return super().training_step(batch["a"] if isinstance(batch, dict) else batch, batch_idx)

    found = find_lr(trainer(**options), Any_(), data())

    assert 1e-3 < found.lr < 3


def test_it_reports_the_schedule_that_it_assumed() -> None:
    """A scheduler of torch is rehearsed; a plateau and no scheduler are a constant LR."""

    class Others(Regression):
        def __init__(self, make: Any) -> None:
            super().__init__()
            self.make = make
            self.hparams.clear()
            self.hparams.update(lr=1e-3, optimizer="AdamW", schedule=None)

        def configure_optimizers(self) -> Any:
            optimizer = super().configure_optimizers()
            scheduler = self.make(optimizer)
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": scheduler, "interval": "step", "monitor": "loss"},
            }

    def text(module: Any) -> str:
        return find_lr(trainer(), module, loader(), method="line_search").schedule

    assert (
        text(Others(lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 64))) == "the LRs of CosineAnnealingLR"
    )
    assert "ReduceLROnPlateau waits for a metric" in text(Others(lr_scheduler.ReduceLROnPlateau))
    assert "the run has no scheduler" in text(Regression(schedule=None))


def test_a_rehearsed_scheduler_gives_the_lrs_that_it_has_in_the_run() -> None:
    """The factors of a scheduler that moves each second epoch are those that the run used."""

    class Stairs(Regression):
        def configure_optimizers(self) -> Any:
            optimizer = super().configure_optimizers()
            return {
                "optimizer": optimizer,
                "lr_scheduler": {"scheduler": lr_scheduler.StepLR(optimizer, 1, 0.5), "frequency": 2},
            }

    class Reads(L.Callback):
        factors: Any = None

        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            from lr_toolkit.lightning.finder.run_plan import run_plan

            plan = run_plan(trainer, trainer.optimizers[0])
            values = plan.with_bases([1e-3, 1.25e-4])
            self.factors = [list(values(Fraction(k))["lr"]) for k in range(plan.steps)]

    reads, module = Reads(), Stairs(schedule=None)
    trainer(callbacks=[reads], accumulate_grad_batches=3).fit(module, loader())

    assert reads.factors == [pytest.approx(module.used[batch]) for batch in _first_batches()]


def _first_batches() -> list[int]:
    """The first batch of each update of four epochs of 16 batches with an accumulation of three."""
    return [16 * epoch + batch for epoch in range(4) for batch in range(0, 16, 3)]


def test_manual_optimization_is_searched_as_the_same_loop_of_lightning() -> None:
    """One update in each batch, with the clipping of the module, is the search of automatic optimization with that clipping."""
    manual = find_lr(trainer(), Manual(), loader(), seed=3)
    automatic = find_lr(trainer(gradient_clip_val=1.0), Regression(), loader(), seed=3)

    assert manual.curve == automatic.curve


def test_manual_optimization_leaves_no_trace() -> None:
    """The run after a search is a run at that LR, update by update."""
    module, finder = Manual(), LRFinder()
    trainer(callbacks=[finder]).fit(module, loader())
    expected = Manual()
    expected.hparams["lr"] = finder.search.lr  # type: ignore[union-attr]
    trainer().fit(expected, loader())

    assert module.used == expected.used
    assert_same(expected.state_dict(), module.state_dict())


def test_a_step_may_differentiate_and_write_to_its_optimizer() -> None:
    """A gradient penalty is computed in each trial; an LR that a step writes reaches the copy alone."""

    class Penalty(Regression):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            x = batch[0].requires_grad_()
            (slope,) = torch.autograd.grad(self(x).sum(), x, create_graph=True)
            for group in self.optimizers().param_groups:  # type: ignore[union-attr]
                group["weight_decay"] += 1e-6
            return squared_error(self, batch) + 1e-3 * slope.square().mean()

    module, finder = Penalty(), LRFinder(apply=False)
    used = trainer(callbacks=[finder], max_epochs=1)
    used.fit(module, loader())

    assert finder.search is not None
    assert used.optimizers[0].param_groups[0]["weight_decay"] == pytest.approx(0.01 + 16e-6)


# --- where the LR is set ---


SCHEDULERS = {
    "LambdaLR": lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda k: 0.9**k),
    "StepLR": lambda optimizer: lr_scheduler.StepLR(optimizer, 5, 0.5),
    "CosineAnnealingLR": lambda optimizer: lr_scheduler.CosineAnnealingLR(optimizer, 64),
    "OneCycleLR": lambda optimizer: lr_scheduler.OneCycleLR(
        optimizer, [group["lr"] for group in optimizer.param_groups], total_steps=64
    ),
    "SequentialLR": lambda optimizer: lr_scheduler.SequentialLR(
        optimizer,
        [lr_scheduler.LinearLR(optimizer, 0.1, total_iters=4), lr_scheduler.ExponentialLR(optimizer, 0.9)],
        milestones=[4],
    ),
    "ReduceLROnPlateau": lr_scheduler.ReduceLROnPlateau,
    "ours": lambda optimizer: None,
    "none": lambda optimizer: None,
}


class Scheduled(Regression):
    """A regression with one of the schedulers."""

    def __init__(self, name: str, lr: float = 1e-3) -> None:
        super().__init__(lr=lr, schedule="warmup(4) >> cosine()" if name == "ours" else None)
        self.name = name

    def configure_optimizers(self) -> Any:
        """The optimizer, and the scheduler by step."""
        configured = super().configure_optimizers()
        if self.name in ("ours", "none"):
            return configured
        config = {"scheduler": SCHEDULERS[self.name](configured), "interval": "step", "monitor": "loss"}
        return {"optimizer": configured, "lr_scheduler": config}


@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.filterwarnings("ignore::UserWarning:torch.optim.lr_scheduler")
def test_the_run_has_the_lrs_of_a_run_with_that_base(name: str) -> None:
    """Under each scheduler every update is at the LR that a run begun with the found base LR has."""
    module, finder = Scheduled(name), LRFinder("line_search")
    trainer(callbacks=[finder]).fit(module, loader())
    assert finder.search is not None
    expected = Scheduled(name, lr=finder.search.lr)
    trainer().fit(expected, loader())

    assert module.used == [pytest.approx(lrs) for lrs in expected.used]


def test_hyperparameters_attributes_and_loggers_have_the_lr(tmp_path: Path) -> None:
    """``hparams`` in the module, in its checkpoint and in the logger's file, and the attribute ``lr``."""
    module, finder = Regression(), LRFinder("line_search")
    module.learning_rate = 1e-3  # type: ignore[assignment]  # an attribute of the user's
    used = trainer(callbacks=[finder], logger=CSVLogger(str(tmp_path), name="", version="run"))
    used.fit(module, loader())
    used.save_checkpoint(tmp_path / "last.ckpt")
    lr = finder.search.lr  # type: ignore[union-attr]
    saved = torch.load(tmp_path / "last.ckpt", weights_only=False)["hyper_parameters"]["lr"]
    logged = yaml.safe_load((tmp_path / "run" / "hparams.yaml").read_text("utf-8"))["lr"]

    assert [module.hparams["lr"], module.learning_rate, saved, logged] == [lr] * 4


def test_a_module_without_hyperparameters_is_trained() -> None:
    """The LR is set in the optimizer, and nothing else is missed."""

    class Bare(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.linear = torch.nn.Linear(8, 1)

        def training_step(self, batch: Any) -> Any:
            return squared_error(self.linear, batch)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=1e-3)

    finder = LRFinder()
    used = trainer(callbacks=[finder])
    used.fit(Bare(), loader())

    assert used.optimizers[0].param_groups[0]["lr"] == finder.search.lr  # type: ignore[union-attr]


def test_a_report_changes_nothing() -> None:
    """``apply=False`` trains at the LR of the code."""
    module, finder = Regression(), LRFinder("line_search", apply=False)
    trainer(callbacks=[finder]).fit(module, loader())
    expected = Regression()
    trainer().fit(expected, loader())

    assert finder.search is not None
    assert module.used == expected.used
    assert module.hparams["lr"] == 1e-3


def test_a_monitor_shows_the_run_that_was_found(tmp_path: Path) -> None:
    """It logs the found LRs, and finds nothing wrong, wherever it is in the list."""
    monitor, finder = LRMonitor(), LRFinder("line_search")
    used = trainer(
        callbacks=[monitor, finder], logger=CSVLogger(str(tmp_path), name="", version="run"), log_every_n_steps=1
    )
    used.fit(Regression(), loader())
    with (tmp_path / "run" / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in rows[0] if name.endswith("body")]
    values = [float(row[names[0]]) for row in rows if row[names[0]]]

    assert not monitor.findings
    assert max(values) == pytest.approx(finder.search.lr)  # type: ignore[union-attr]


def test_a_resumed_run_goes_on_at_the_found_lr(tmp_path: Path) -> None:
    """It does not search again, and its updates are those of the run that was not interrupted."""
    whole, finder = Regression(), LRFinder("line_search")
    used = trainer(callbacks=[finder])
    used.fit(whole, loader(shuffle=False))
    half = trainer(callbacks=[LRFinder("line_search")], max_epochs=4)
    stopped = Regression()
    half.fit_loop.max_epochs = 4
    half.callbacks.append(_StopAfter(2))
    half.fit(stopped, loader(shuffle=False))
    half.save_checkpoint(tmp_path / "half.ckpt")
    resumed, again = Regression(), LRFinder("line_search")
    trainer(callbacks=[again]).fit(resumed, loader(shuffle=False), ckpt_path=tmp_path / "half.ckpt")

    assert again.search is None
    assert resumed.hparams["lr"] == finder.search.lr  # type: ignore[union-attr]
    assert stopped.used + resumed.used == whole.used


class _StopAfter(L.Callback):
    """Ends a fit after that many epochs."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        trainer.should_stop = trainer.current_epoch + 1 >= self.epochs


def test_a_trial_is_not_searched() -> None:
    """``fast_dev_run`` stays fast."""
    finder = LRFinder()
    trainer(callbacks=[finder], fast_dev_run=True).fit(Regression(), loader())

    assert finder.search is None


# --- what is refused ---


class Two(Regression):
    """Two optimizers under manual optimization."""

    automatic_optimization = False

    def configure_optimizers(self) -> Any:
        return [torch.optim.SGD(part.parameters(), lr=0.1) for part in (self.body, self.head)]


class Manual(Regression):
    """One optimizer under manual optimization, whose schedule the module moves itself."""

    updates = 1

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """As many updates; the gradients are cleared after them."""
        optimizer: Any = self.optimizers()
        for _ in range(self.updates):
            self.manual_backward(super().training_step(batch, batch_idx))
            self.clip_gradients(optimizer, 1.0, "norm")
            optimizer.step()
            optimizer.zero_grad()
        self.lr_schedulers().step()  # type: ignore[union-attr]


class Twice(Manual):
    """Two updates in each batch."""

    updates = 2


class Flat(Regression):
    """A loss that does not move."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return 0.0 * super().training_step(batch, batch_idx) + 1.0


class Foreign(Regression):
    """A scheduler that is not torch's."""

    def configure_optimizers(self) -> Any:
        optimizer = super().configure_optimizers()
        return {"optimizer": optimizer, "lr_scheduler": _Foreign(optimizer)}

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Nothing moves."""


class _Foreign:
    def __init__(self, optimizer: Any) -> None:
        self.optimizer = optimizer

    def step(self) -> None:
        """Do nothing."""

    def state_dict(self) -> dict[str, Any]:
        """Nothing to save."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to load."""


@pytest.mark.parametrize(
    ("module", "callbacks", "options", "words"),
    [
        (Two, [], {}, "configure_optimizers returned 2"),
        (Twice, [], {}, "called them 2 and 2 times"),
        (Regression, [LRWarmup("5%")], {}, "Write the warmup into the schedule"),
        (lambda: Regression(schedule=None), [], {"max_epochs": -1}, "this one has no end"),
        (Flat, [], {}, "the loss is flat"),
        (lambda: Foreign(schedule=None), [], {}, "LRFinder\\(apply=False\\)"),
    ],
)
def test_a_run_that_cannot_be_searched_is_refused(module: Any, callbacks: Any, options: Any, words: str) -> None:
    """Before the first update, with the line to write."""
    net = module()
    used = trainer(callbacks=[LRFinder(), *callbacks], **options)
    with pytest.raises(ScheduleError, match=words):
        used.fit(net, loader())

    assert net.used == []


def test_a_dataset_that_can_be_read_once_is_refused() -> None:
    """A search would leave nothing to train on."""
    with pytest.raises(ScheduleError, match="can be read only once"):
        find_lr(trainer(max_steps=64), Regression(), iter([1, 2]))


def test_a_trainer_that_has_trained_is_refused() -> None:
    """The search is for the first update."""
    used, module = trainer(max_epochs=1), Regression()
    used.fit(module, loader())
    with pytest.raises(ScheduleError, match="has taken 16 updates"):
        find_lr(used, module, loader())


def test_a_trainer_that_starts_processes_is_refused() -> None:
    """A copy would start them, and the fit a second time."""
    with pytest.raises(ScheduleError, match="callbacks=\\[LRFinder\\(\\)\\]"):
        find_lr(trainer(devices=2, strategy="ddp"), Regression(), loader())


def test_a_refused_search_keeps_its_curve() -> None:
    """``NoLRFound`` comes out of the fit with what was tried."""
    with pytest.raises(NoLRFound) as caught:
        find_lr(trainer(), Flat(), loader())

    assert len(caught.value.curve) > 100
