"""``LRMonitor`` in a resumed run: its history continues, at the cadence of the interrupted run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback, Checkpoint, LearningRateFinder
from torch.optim import SGD
from torch.optim.lr_scheduler import ExponentialLR

from lr_toolkit import LRMonitor, configure_optimizers, hold, linear, warmup
from tests.helpers.fits import Probe, Recorder, data, fit
from tests.helpers.runs import Unfreezes

# Lightning starts a plain loader over, which is not what these tests are about.
pytestmark = [
    # Lightning starts a plain loader over, which is meant.
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended"),
    pytest.mark.needs("lightning>=2.6", "before it, a resume in mid-epoch repeats a batch"),
]


def scheduled(net: Probe) -> Any:
    """Three phases; the last begins in the second epoch."""
    return configure_optimizers(net.sgd(), warmup(2) >> hold(over=5) >> linear(), net.trainer)


class Keep(Checkpoint):
    """Saves after every update; Lightning puts callbacks of this class last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """Save to a file named by the number of updates."""
        trainer.save_checkpoint(self.folder / f"{trainer.global_step}.ckpt")


def run(*callbacks: Any, begin: Path | None = None, every: int = 3, **options: Any) -> None:
    """Twelve updates in two epochs."""
    many = {"batches": 6, "max_epochs": 2, "log_every_n_steps": every, "enable_checkpointing": begin is None}
    fit(Probe(scheduled, groups=2), *callbacks, ckpt_path=begin, **(many | options))


@pytest.mark.parametrize("logging_interval", [None, "epoch"])
@pytest.mark.parametrize("every", [1, 3, 50])
def test_cut_at_any_update_the_history_is_that_of_the_whole_run(
    logging_interval: Any, every: int, tmp_path: Path
) -> None:
    """Resumed from a checkpoint of every update in turn, the history has the rows of the uninterrupted run."""
    whole = LRMonitor(logging_interval)
    run(whole, Keep(tmp_path), every=every)

    for update in range(1, 12):
        resumed = LRMonitor(logging_interval)
        run(resumed, begin=tmp_path / f"{update}.ckpt", every=every)
        assert resumed.history == whole.history, update


def test_the_loggers_of_a_resumed_run_get_its_own_rows(tmp_path: Path) -> None:
    """Rows of the interrupted fit are in ``history`` and are not logged again."""
    run(LRMonitor(), Keep(tmp_path))
    recorder = Recorder()
    run(LRMonitor(), begin=tmp_path / "5.ckpt", logger=recorder)

    assert [step for step, _ in recorder.lrs()] == [5, 7, 8, 11]


def test_a_checkpoint_after_the_end_holds_all_rows(tmp_path: Path) -> None:
    """A checkpoint saved after ``fit`` has even the last row, as plain data that loads safely."""
    monitor = LRMonitor()
    trainer = fit(Probe(scheduled), monitor, batches=9)
    trainer.save_checkpoint(tmp_path / "end.ckpt")

    saved = torch.load(tmp_path / "end.ckpt", weights_only=True)["callbacks"][monitor.state_key]
    assert {name: values.tolist() for name, values in saved["history"].items()} == monitor.history


class Late(Probe):
    """A layer that is trained from epoch 1 on."""

    def __init__(self, name: str | None = None) -> None:
        def answer(net: Probe) -> Any:
            optimizer = net.watched(SGD(net.weights, lr=0.1))
            scheduler = {"scheduler": ExponentialLR(optimizer, 0.9), "interval": "step", "name": name}
            return {"optimizer": optimizer, "lr_scheduler": scheduler}

        super().__init__(answer)
        self.late = torch.nn.Linear(1, 1)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """Let both take part."""
        return super().training_step(batch, batch_idx) + self.late(batch[0]).sum()


def test_a_group_goes_on_under_its_name(tmp_path: Path) -> None:
    """A group that was alone when it got its name keeps it in a resumed run that begins with two groups."""
    whole = LRMonitor()
    fit(Late(), whole, Unfreezes("late"), Keep(tmp_path), batches=4, max_epochs=3, enable_checkpointing=True)
    assert list(whole.history) == ["step", "epoch", "lr/optimizer", "lr/pg2"]

    for update in (3, *range(5, 12)):  # from 4 on, at an epoch's end, Lightning's callback adds no group
        resumed = LRMonitor()
        fit(Late(), resumed, Unfreezes("late"), batches=4, max_epochs=3, ckpt_path=tmp_path / f"{update}.ckpt")
        assert list(resumed.history) == list(whole.history), update


def test_a_new_name_is_not_kept_from_a_resumed_run(tmp_path: Path) -> None:
    """A scheduler that has a name now and had none before gives it to the series of all groups."""
    fit(Late(), LRMonitor(), Unfreezes("late"), Keep(tmp_path), batches=4, max_epochs=3, enable_checkpointing=True)
    resumed = LRMonitor()
    fit(Late("main"), resumed, Unfreezes("late"), batches=4, max_epochs=3, ckpt_path=tmp_path / "9.ckpt")

    assert list(resumed.lrs) == ["lr/main/pg1", "lr/main/pg2"]


def test_a_state_without_labels_is_read(tmp_path: Path) -> None:
    """Older versions did not save what groups are called."""
    whole = LRMonitor()
    run(whole, Keep(tmp_path))
    held = torch.load(tmp_path / "5.ckpt", weights_only=True)
    del held["callbacks"][whole.state_key]["labels"]
    torch.save(held, tmp_path / "older.ckpt")
    resumed = LRMonitor()
    run(resumed, begin=tmp_path / "older.ckpt")

    assert resumed.history == whole.history


def test_a_new_fit_begins_a_new_history() -> None:
    """Without a checkpoint the history has no row of the fit before."""
    monitor = LRMonitor()
    fit(Probe(scheduled), monitor, batches=9)
    fit(Probe(scheduled), monitor, batches=4, max_epochs=2, log_every_n_steps=5)

    assert monitor.history["step"] == [0, 2, 4, 7]


def test_two_monitors_of_one_trainer_keep_apart(tmp_path: Path) -> None:
    """Two monitors with different arguments have different places in the checkpoint."""
    run(LRMonitor("step"), LRMonitor("epoch"), Keep(tmp_path))
    by_step, by_epoch = LRMonitor("step"), LRMonitor("epoch")
    run(by_step, by_epoch, begin=tmp_path / "5.ckpt")

    assert by_step.history["step"] == [0, 2, 5, 7, 8, 11]
    assert by_epoch.history["step"] == [0, 2, 6, 7, 11]


def scanned(folder: Path) -> LRMonitor:
    """A second fit; before it, Lightning's finder saves a checkpoint and loads it again."""
    monitor = LRMonitor()
    net = Probe(lambda net: net.sgd())
    net.lr = 0.1
    finder = LearningRateFinder(num_training_steps=2, update_attr=False)
    trainer = fit(net, monitor, finder, default_root_dir=folder)
    trainer.fit_loop.max_epochs = 2
    trainer.fit(net, data(8))
    return monitor


# Lightning's finder gives this warning for any scan this short.
@pytest.mark.filterwarnings("ignore:Failed to compute suggestion")
def test_a_checkpoint_between_two_fits_brings_nothing_of_the_first(tmp_path: Path) -> None:
    """The checkpoint that Lightning's finder saves before the second fit has no row of the first."""
    monitor = scanned(tmp_path)

    assert monitor.history["step"] == [8, 15]
    assert monitor.history["epoch"] == [1, 1]


# Lightning's finder gives this warning for any scan this short.
@pytest.mark.filterwarnings("ignore:Failed to compute suggestion")
def test_a_resume_that_starts_over_brings_no_history(tmp_path: Path) -> None:
    """Lightning's finder makes a resumed run begin at its first update again: no update has two rows."""
    run(LRMonitor(), Keep(tmp_path))
    monitor, net = LRMonitor(), Probe(scheduled, groups=2)
    net.lr = 0.1
    finder = LearningRateFinder(num_training_steps=2, update_attr=False)
    options: dict[str, Any] = {"batches": 6, "max_epochs": 2, "log_every_n_steps": 3, "default_root_dir": tmp_path}
    fit(net, monitor, finder, ckpt_path=tmp_path / "5.ckpt", **options)

    steps = monitor.history["step"]
    assert steps == sorted(set(steps))
    assert steps[0] == net.used[2][0]  # after the two updates of the scan


def test_what_a_checkpoint_brought_is_in_one_that_is_saved_before_training(tmp_path: Path) -> None:
    """A resumed run that is saved before its first update keeps its history."""

    class Again(Callback):
        def on_fit_start(self, trainer: Any, net: Any) -> None:
            """Save the state that was loaded."""
            trainer.save_checkpoint(tmp_path / "again.ckpt")

    whole, resumed = LRMonitor(), LRMonitor()
    run(whole, Keep(tmp_path))
    run(LRMonitor(), Again(), begin=tmp_path / "5.ckpt")

    saved = torch.load(tmp_path / "again.ckpt", weights_only=True)["callbacks"][resumed.state_key]
    assert saved["history"]["step"].tolist() == [step for step in whole.history["step"] if step < 5]
