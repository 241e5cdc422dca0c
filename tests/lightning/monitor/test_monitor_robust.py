"""``LRMonitor`` neither stops a run that works without it nor hides the error of a run that fails."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from matplotlib.figure import Figure
from torch.optim import SGD

from lr_toolkit import LRMonitor, ScheduleError
from tests.helpers.fits import Probe, Recorder, data, fit, ours_per_step

# --- optimizers whose updates cannot be noticed --------------------------------------------------------------------------


class Hybrid:
    """Delegates to two optimizers, out of sight, and is none of torch's, as some hybrids of Muon and AdamW are."""

    def __init__(self, weights: Any) -> None:
        self.inner = SimpleNamespace(parts=[SGD([weights[0]], lr=0.1), SGD([weights[1]], lr=0.2)])
        self.defaults: dict[str, Any] = {}
        self.state: Any = {}

    @property
    def param_groups(self) -> Any:
        """The groups of both."""
        return [group for part in self.inner.parts for group in part.param_groups]

    def step(self, closure: Any = None) -> Any:
        """Step both."""
        loss = closure() if closure else None
        for part in self.inner.parts:
            part.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Let Lightning clear the gradients."""
        for part in self.inner.parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> Any:
        """Nothing to keep."""
        return {}

    def load_state_dict(self, state: Any) -> None:
        """Nothing to load."""


class Halves(Callback):
    """Halves all LRs after each batch."""

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        """Halve them."""
        for group in trainer.optimizers[0].param_groups:
            group["lr"] /= 2


def test_an_optimizer_that_cannot_be_hooked_is_read_before_each_batch() -> None:
    """The run continues, a warning describes how the LRs are read and names the fix, and the rows have the LRs of their batches."""
    monitor = LRMonitor()
    with pytest.warns(UserWarning, match=r"Hybrid .*cannot be noticed.*before each batch.*super\(\).__init__"):
        fit(Probe(lambda net: Hybrid(net.weights), groups=2), monitor, Halves(), batches=3, log_every_n_steps=1)

    assert monitor.history["step"] == [0, 1, 2]
    assert monitor.history["lr/pg1"] == [0.1, 0.05, 0.025]
    assert monitor.history["lr/pg2"] == [0.2, 0.1, 0.05]
    assert [finding.code for finding in monitor.findings] == ["LR511"]


def test_an_optimizer_that_cannot_be_hooked_may_come_within_an_epoch() -> None:
    """Its LRs are read before each batch from then on; before, no hook of the monitor was called there."""

    class Exchanges(Halves):
        def on_train_batch_end(self, trainer: Any, net: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            hooks.append(monitor.on_train_batch_start is not None)
            if batch_idx > 1:
                super().on_train_batch_end(trainer)
            if batch_idx == 1:
                trainer.strategy.lr_scheduler_configs = []
                trainer.strategy.optimizers = [Hybrid(net.weights)]

    hooks: list[bool] = []
    monitor = LRMonitor()
    with pytest.warns(UserWarning, match="LR511.*Hybrid"):
        fit(Probe(ours_per_step, groups=2), monitor, Exchanges(), batches=5, log_every_n_steps=1)

    assert monitor.history["step"] == [0, 1, 2, 3, 4]
    assert monitor.history["lr/pg1"][2:] == [0.1, 0.05, 0.025]
    assert hooks == [False, False, True, True, True]


class InSight(Hybrid):
    """Holds its optimizers in a list."""

    def __init__(self, weights: Any) -> None:
        super().__init__(weights)
        self.parts = self.inner.parts


def test_a_hybrid_that_holds_its_optimizers_in_a_list_is_observed() -> None:
    """The hooks of the inner optimizers notice its updates, and there is no finding."""
    monitor = LRMonitor()
    fit(Probe(lambda net: InSight(net.weights), groups=2), monitor, Halves(), batches=3, log_every_n_steps=1)

    assert monitor.history["lr/pg1"] == [0.1, 0.05, 0.025]
    assert monitor.history["lr/pg2"] == [0.2, 0.1, 0.05]
    assert monitor.findings == ()


# --- errors of others ----------------------------------------------------------------------------------------------------


class Down(Recorder):
    """A tracker that fails from update 2 on."""

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Fail."""
        if step is not None and step >= 2 and any(name.startswith("lr") for name in metrics):
            raise ConnectionError("tracker is down")
        super().log_metrics(metrics, step)


class Dies(Callback):
    """Ends the run at update 4."""

    def on_train_batch_start(self, trainer: Any, net: Any, batch: Any, batch_idx: int) -> None:
        """Raise."""
        if batch_idx == 4:
            raise RuntimeError("out of memory")


@pytest.mark.needs("lightning>=2.6", "before it, ModelCheckpoint has no save_on_exception")
def test_a_tracker_that_is_down_does_not_hide_the_error_that_ended_the_run(tmp_path: Path) -> None:
    """The original error is raised, the emergency checkpoint is written, and no hook stays on the optimizer."""
    kept = ModelCheckpoint(tmp_path, save_on_exception=True)
    net = Probe(ours_per_step)
    with pytest.raises(RuntimeError, match="out of memory"):
        fit(net, LRMonitor(), Dies(), kept, logger=Down(), enable_checkpointing=True)

    assert len(list(tmp_path.iterdir())) == 1
    assert len(net.trainer.optimizers[0]._optimizer_step_post_hooks) == 2  # the probe's and the scheduler's


def test_no_picture_is_drawn_of_an_interrupted_run(tmp_path: Path) -> None:
    """Drawing may take a minute, in which the emergency checkpoint is not written yet."""
    with pytest.raises(RuntimeError, match="out of memory"):
        fit(Probe(ours_per_step), LRMonitor(save_plot=tmp_path / "lr.png"), Dies())

    assert list(tmp_path.iterdir()) == []


# --- several monitors, several fits, copies --------------------------------------------------------------------------------


def test_two_equal_monitors_are_no_error(tmp_path: Path) -> None:
    """Both log, and both go on with the history of their checkpoint."""
    trainer = fit(Probe(ours_per_step), LRMonitor(), LRMonitor(), batches=4, log_every_n_steps=2)
    trainer.save_checkpoint(tmp_path / "end.ckpt")
    resumed = LRMonitor(), LRMonitor()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the cosine of another length
        net = Probe(lambda net: net.sgd())
        fit(net, *resumed, batches=4, max_epochs=2, log_every_n_steps=2)
    assert [monitor.history["step"] for monitor in resumed] == [[0, 1, 3, 5, 7]] * 2

    saved = torch.load(tmp_path / "end.ckpt", weights_only=True)["callbacks"]
    assert saved[resumed[0].state_key]["history"]["step"].tolist() == [0, 1, 3]


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")
def test_a_finished_run_that_is_loaded_shows_its_history(tmp_path: Path, pyplot: Any) -> None:
    """A new monitor has the rows of the checkpoint if nothing is left to train; a monitor that has rows keeps them."""
    monitor, later = LRMonitor(), LRMonitor()
    saver = ModelCheckpoint(tmp_path, "last")
    fit(Probe(lambda net: net.sgd()), monitor, saver, enable_checkpointing=True, log_every_n_steps=1)
    rows = monitor.history
    path = saver.best_model_path

    fit(Probe(lambda net: net.sgd()), later, ckpt_path=path)
    assert later.history == rows
    assert later.lrs == monitor.lrs
    assert later.plot().figure.number in pyplot.get_fignums()
    assert len(rows["step"]) == 8

    fit(Probe(lambda net: net.sgd()), monitor, ckpt_path=path)
    assert monitor.history == rows
    monitor.plot(Figure().subplots())


@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")
def test_a_validation_after_a_fit_that_failed_keeps_the_history(tmp_path: Path) -> None:
    """A resumed fit that dies before training leaves the rows of its checkpoint to the next checkpoint."""

    class DiesAtOnce(Callback):
        def on_fit_start(self, trainer: Any, net: Any) -> None:
            raise RuntimeError("out of memory")

    monitor, first, later = LRMonitor(), tmp_path / "first.ckpt", tmp_path / "later.ckpt"
    fit(Probe(ours_per_step), monitor, batches=4).save_checkpoint(first)
    net = Probe(ours_per_step)
    with pytest.raises(RuntimeError, match="out of memory"):
        fit(net, LRMonitor(), DiesAtOnce(), batches=4, ckpt_path=first)
    net.trainer.validate(net, data(1), verbose=False)
    net.trainer.save_checkpoint(later)

    before, after = (torch.load(path, weights_only=True)["callbacks"][monitor.state_key] for path in (first, later))
    assert after["history"]["step"].tolist() == before["history"]["step"].tolist() == [0, 3]
    assert after["tracks"] == before["tracks"]


def test_a_fit_of_a_finished_trainer_keeps_the_history() -> None:
    """A second ``fit`` that has nothing left to train leaves what the first one logged, and its checkpoint has it."""
    monitor, net = LRMonitor(), Probe(ours_per_step)
    trainer = fit(net, monitor, batches=3)
    history = monitor.history
    trainer.fit(net, data(3))

    assert monitor.history == history != {"step": [], "epoch": []}


def test_a_monitor_is_pickled_in_mid_fit() -> None:
    """The copy has what was logged by then, and the fit goes on with the original."""
    copies = []

    class Pickles(Callback):
        def on_train_batch_end(self, trainer: Any, net: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            """Copy the monitor."""
            if batch_idx == 1:
                copies.append(pickle.loads(pickle.dumps(monitor)))

    monitor = LRMonitor()
    fit(Probe(ours_per_step), monitor, Pickles(), batches=4, log_every_n_steps=1)

    assert copies[0].history["step"] == [0, 1]
    assert copies[0].planned == monitor.planned
    assert monitor.history["step"] == [0, 1, 2, 3]


# --- arguments -------------------------------------------------------------------------------------------------------------


def test_a_code_alone_is_no_list_of_codes() -> None:
    """``ignore`` takes a list, and the message shows the one to write."""
    with pytest.raises(ScheduleError, match=r"ignore='LR203'.*ignore=\['LR203'\]"):
        LRMonitor(ignore="LR203")
