"""A search leaves no trace: states before and after, and the run after a search beside a run without one."""

from __future__ import annotations

import os
import random
import signal
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger

from lr_toolkit import LRFinder, find_lr
from tests.helpers.finding import Regression, Stream, assert_same, loader, state_of, trainer
from tests.helpers.fits import Recorder


class Augmented(Regression):
    """Draws from each generator in a step, and remembers each."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.drawn: list[float] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """Noise from NumPy and Python on the inputs."""
        self.drawn += [np.random.rand(), random.random()]  # noqa: NPY002
        return super().training_step((batch[0] + 0.01 * self.drawn[-1], batch[1]), batch_idx)


@pytest.mark.parametrize(
    ("optimizer", "options", "data"),
    [
        ("AdamW", {}, loader),
        ("SGD", {}, lambda: loader(seeded=True)),
        ("AdamW", {"accumulate_grad_batches": 3, "max_epochs": 2}, lambda: loader(workers=2)),
        ("SGD", {"max_steps": 40, "max_epochs": -1}, lambda: torch.utils.data.DataLoader(Stream(), 16)),
    ],
    ids=["shuffled", "own generator", "workers and accumulation", "stream"],
)
def test_the_run_equals_one_without_a_search(optimizer: str, options: dict[str, Any], data: Any) -> None:
    """Weights, buffers, the optimizer's state, the order of the data, draws and LRs, bit for bit."""

    def run(lr: float, *callbacks: L.Callback) -> Any:
        L.seed_everything(7, verbose=False)
        module = Augmented(lr=lr, optimizer=optimizer)
        used = trainer(callbacks=list(callbacks), **options)
        used.fit(module, data())
        return module, state_of(module, used.optimizers[0]), used

    finder = LRFinder("auto", seed=1)
    found, state, used = run(1e-3, finder)
    assert finder.search is not None
    expected, expected_state, plain = run(finder.search.lr)

    assert found.used == expected.used
    assert found.drawn == expected.drawn
    assert_same(expected_state, state)
    assert used.global_step == plain.global_step
    assert_same(plain.callback_metrics, used.callback_metrics)


def test_a_report_leaves_the_module_and_the_generators_alone() -> None:
    """``find_lr`` changes neither the module, nor a generator, nor the order of the loader, nor the Trainer."""
    module, data, used = Augmented(), loader(seeded=True), trainer()
    before, order = state_of(module), data.generator.get_state()
    find_lr(used, module, data)

    assert_same(before, state_of(module))
    assert torch.equal(order, data.generator.get_state())
    assert used.state.status == "initializing"
    assert used.train_dataloader is None
    assert module._trainer is None


def test_loggers_checkpoints_and_callbacks_see_nothing(tmp_path: Any) -> None:
    """No row, no file and no hook of a batch during ``find_lr``."""

    class Counts(L.Callback):
        calls = 0

        def on_train_batch_start(self, *args: Any) -> None:
            Counts.calls += 1

    logger = Recorder()
    used = trainer(
        logger=[logger, CSVLogger(str(tmp_path / "logs"))],
        callbacks=[Counts(), ModelCheckpoint(tmp_path / "checkpoints")],
        enable_checkpointing=True,
        log_every_n_steps=1,
    )
    find_lr(used, Regression(), loader())

    assert (logger.rows, Counts.calls, [*tmp_path.iterdir()]) == ([], 0, [])


def test_a_datamodule_is_left_alone() -> None:
    """It is set up on a copy."""

    class Data(L.LightningDataModule):
        ready = False

        def setup(self, stage: str) -> None:
            self.ready = True

        def train_dataloader(self) -> Any:
            assert self.ready
            return self.kept

    data = Data()
    kept = loader(seeded=True)
    order = kept.generator.get_state()
    data.kept = kept  # type: ignore[attr-defined]
    found = find_lr(trainer(), Regression(), datamodule=data)

    assert found.curve == find_lr(trainer(), Regression(), kept).curve
    assert torch.equal(order, kept.generator.get_state())
    assert not data.ready
    assert data.trainer is None


# --- the fault matrix ---

FAULTS = {"an error": ValueError("broken"), "an exit": SystemExit(3)}
STAGES = {"the first step": 1, "the line search": 20, "a short run": 85, "a later run": 110}


def faulty(call: int, error: BaseException | None) -> Regression:
    """A module whose ``training_step`` fails in that call, of all of its copies."""
    calls = []

    def before_step() -> None:
        calls.append(1)
        if len(calls) == call:
            if error is not None:
                raise error
            os.kill(os.getpid(), signal.SIGTERM)

    module = Regression()
    module.before_step = before_step
    return module


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("fault", [*FAULTS, "SIGTERM"])
def test_find_lr_restores_everything(stage: str, fault: str) -> None:
    """The fault comes out, and the module, the generators and the handlers of signals are as before."""
    module, used = faulty(STAGES[stage], FAULTS.get(fault)), trainer()
    before = state_of(module)
    handlers = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with pytest.raises(type(FAULTS.get(fault, SystemExit()))) as caught:
        find_lr(used, module, loader())

    assert fault == "SIGTERM" or caught.value is FAULTS[fault]
    assert_same(before, state_of(module))
    assert handlers == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))
    assert used.state.status == "initializing"


def test_the_module_can_be_trained_after_a_fault() -> None:
    """With the same Trainer, as if nothing had been."""
    module, used = faulty(85, FAULTS["an error"]), trainer()
    with pytest.raises(ValueError, match="broken"):
        find_lr(used, module, loader())
    torch.manual_seed(1)
    used.fit(module, loader())
    expected = Regression()
    torch.manual_seed(1)
    trainer().fit(expected, loader())

    assert_same(expected.state_dict(), module.state_dict())


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("fault", ["an error", "SIGTERM"])
def test_the_callback_restores_everything(stage: str, fault: str) -> None:
    """Lightning ends the fit as for any fault; weights, buffers and loggers are as before, and nothing was set."""
    module, finder, logger = faulty(STAGES[stage], FAULTS.get(fault)), LRFinder(), Recorder()
    before = state_of(module)
    used = trainer(callbacks=[finder], logger=logger)
    with pytest.raises((ValueError, SystemExit)):
        used.fit(module, loader())

    after = state_of(module)
    for part in ("weights", "gradients", "flags", "modes"):
        assert_same(before[part], after[part])
    assert used.loggers == [logger]
    assert finder.search is None
    assert module.hparams["lr"] == 1e-3
    assert module.used == []
