"""Plateaus that read another value than the intended one, or read it at the wrong time."""

from __future__ import annotations

import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Checkpoint
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit import LRMonitor, ReduceOnPlateau, ScheduleError, ScheduleWarning, configure_optimizers, hold
from tests.helpers.fits import Probe, data, fit
from tests.helpers.runs import stream
from tests.helpers.runs import trainer as quiet_trainer
from tests.helpers.twins import Twin, codes, plateau, run

pytestmark = pytest.mark.filterwarnings(
    "ignore:ReduceLROnPlateau conditioned on metric:RuntimeWarning"  # Lightning's, about the same mistakes
)

ACROSS_EPOCHS = {"check_val_every_n_epoch": None}

TWINS = {
    # --- a plateau per epoch ---
    "a plateau between validations": Twin(
        {"LR403": "produced every 2 epochs: Lightning raises.*Write frequency=2"},
        plateau(),
        plateau(frequency=2),
        options={"check_val_every_n_epoch": 2},
        raises=MisconfigurationException,
    ),
    "a plateau fed twice": Twin(
        {"LR403": "values are counted again.*Write frequency=2"},
        plateau(strict=False),
        plateau(strict=False, frequency=2),
        options={"check_val_every_n_epoch": 2, "max_epochs": 4},
    ),
    "a plateau that is slower than validation": Twin(
        {"LR403": "produced every 2 epochs: some values are never read.*Write frequency=2"},
        plateau(frequency=3),
        plateau(frequency=2),
        options={"check_val_every_n_epoch": 2, "max_epochs": 8},
    ),
    "a plateau before the first validation, which counts across epochs": Twin(
        {
            "LR403": "The plateau steps every 1 epoch, .* every 20 batches of all epochs .*: Lightning raises at its first step"
        },
        plateau(),
        plateau(frequency=2),
        options=ACROSS_EPOCHS | {"val_check_interval": 20},
        right_options=ACROSS_EPOCHS | {"val_check_interval": 16},
        raises=MisconfigurationException,
    ),
    "a plateau that steps more often than validation, across epochs": Twin(
        {"LR403": "every 20 batches of all epochs.*: values are counted again"},
        plateau(strict=False),
        plateau(strict=False),
        options=ACROSS_EPOCHS | {"val_check_interval": 20, "max_epochs": 5},
        right_options=ACROSS_EPOCHS | {"val_check_interval": 8},
    ),
    "a plateau that repeats in the second period alone, across epochs": Twin(
        {"LR403": "every 16 batches of all epochs.*: values are counted again"},
        plateau(strict=False),
        plateau(strict=False, frequency=2),
        options=ACROSS_EPOCHS | {"val_check_interval": 16, "max_epochs": 6},
    ),
    "a plateau that misses validations": Twin(
        {"LR404": r"sees one of the 4 values of 'val_loss'.*val_check_interval=0\.25"},
        plateau(),
        plateau(interval="step", frequency=2),
        options={"val_check_interval": 0.25},
    ),
    "a plateau of every second epoch, and two validations in each": Twin(
        {"LR404": "sees one of the 2 values of 'val_loss'"},
        plateau(frequency=2),
        plateau(frequency=2),
        options=ACROSS_EPOCHS | {"val_check_interval": 4},
        right_options=ACROSS_EPOCHS | {"val_check_interval": 8},
    ),
    # --- a plateau per step ---
    "a plateau in the middle of an accumulation": Twin(
        {"LR405": "accumulate_grad_batches=4.*it sees 2 of the 4 values of 'val_loss' in an epoch"},
        plateau(interval="step", frequency=2),
        plateau(interval="step", frequency=2),
        options={"val_check_interval": 0.25, "accumulate_grad_batches": 4},
        right_options={"val_check_interval": 0.25, "accumulate_grad_batches": 2},
    ),
    "a plateau that steps at every update, before there is a value": Twin(
        {"LR405": "interval='step', frequency=1 .*: Lightning raises, as it steps before there is any 'val_loss'"},
        plateau(interval="step"),
        plateau(interval="step", frequency=8),
        raises=MisconfigurationException,
    ),
    "a plateau that steps at every update, and counts each value eight times": Twin(
        {"LR405": "it counts values of 'val_loss' more than once"},
        plateau(interval="step", strict=False),
        plateau(interval="step", strict=False, frequency=8),
    ),
    "a plateau that steps between two validations and sees both late": Twin(
        {"LR405": "accumulate_grad_batches=3.*produced by validation: it counts values of 'val_loss' more than once"},
        plateau(interval="step", strict=False),
        plateau(interval="step", strict=False),
        options={"val_check_interval": 4, "accumulate_grad_batches": 3},
        right_options={"val_check_interval": 2, "accumulate_grad_batches": 2},
    ),
    "a plateau of every second validation's epoch": Twin(
        {"LR405": "it counts values of 'val_loss' more than once"},
        plateau(interval="step", frequency=8, strict=False),
        plateau(interval="step", frequency=8, strict=False),
        options={"check_val_every_n_epoch": 2, "max_epochs": 4},
        right_options={"max_epochs": 4},
    ),
    "a plateau of every second validation's epoch, which raises in the first": Twin(
        {"LR405": "Lightning raises, as it steps before there is any 'val_loss'"},
        plateau(interval="step", frequency=8),
        plateau(interval="step", frequency=8),
        options={"check_val_every_n_epoch": 2, "max_epochs": 4},
        right_options={"max_epochs": 4},
        raises=MisconfigurationException,
    ),
    "a plateau that never steps": Twin(
        {"LR405": "it sees 0 of the 2 values of 'val_loss' in an epoch"},
        plateau(interval="step", frequency=3, strict=False),
        plateau(interval="step", frequency=4, strict=False),
        options={"val_check_interval": 4, "accumulate_grad_batches": 4},
    ),
    "a plateau that steps within epochs, and validation across them": Twin(
        {"LR405": "frequency=5 .*validation runs every 5 batches of all epochs"},
        plateau(interval="step", frequency=5),
        plateau(interval="step", frequency=4),
        options=ACROSS_EPOCHS | {"val_check_interval": 5},
        right_options=ACROSS_EPOCHS | {"val_check_interval": 4},
    ),
    # --- the metric ---
    "a mistyped metric": Twin(
        {"LR402": "watches 'val_los'.*Did you mean monitor='val_loss'"},
        plateau("val_los"),
        plateau(),
        raises=MisconfigurationException,
    ),
}


def test_a_stream_is_validated_every_few_epochs() -> None:
    """The frequency in epochs is compared even if the length of an epoch is not known."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        return [optimizer], [plateau(strict=False)(optimizer)]

    monitor = LRMonitor()
    made = quiet_trainer(callbacks=[monitor], max_epochs=4, check_val_every_n_epoch=2)
    with pytest.warns(ScheduleWarning, match="LR403: .*produced every 2 epochs: values are counted again"):
        made.fit(Probe(answer), stream(6), data(1))

    assert codes(monitor) == ["LR403"]


# --- the metric -------------------------------------------------------------------------------------------------------


def test_the_metric_of_our_plateau_is_looked_for_in_the_sanity_validation() -> None:
    """A mistyped name is reported before the first update, as for torch's plateau."""

    def reacting(monitor: str) -> Any:
        rule = ReduceOnPlateau(monitor=monitor)
        return Probe(lambda net: configure_optimizers(net.sgd(), "hold()", net.trainer, plateau=rule))

    expected = "LR402: .* watches 'val_los'.*Did you mean monitor='val_loss'"
    with pytest.warns(ScheduleWarning, match=expected), pytest.raises(ScheduleError):
        fit(reacting("val_los"), LRMonitor(), validate=True)

    monitor = LRMonitor()
    fit(reacting("val_loss"), monitor, validate=True)
    assert monitor.findings == ()


def test_out_of_reach_a_metric_that_resembles_none() -> None:
    """A metric without a similar name may come later: Lightning raises after the first epoch, and lists what there is."""
    with pytest.raises(MisconfigurationException, match="val_loss"):
        run(plateau("score"), {})


# --- the mode of a plateau --------------------------------------------------------------------------------------------


class Scores(Probe):
    """Logs a metric under a given name."""

    metric = ""

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Always the same value."""
        self.log(self.metric, torch.ones(()))


MODES = [
    ("val_acc", "min", True),
    ("val_acc", "max", False),
    ("valAccuracy", "min", True),
    ("val/f1", "min", True),
    ("val_loss", "max", True),
    ("val_loss", "min", False),
    ("perplexity", "max", True),
    ("accuracy_loss", "min", False),
    ("accuracy_loss", "max", False),
    ("1-acc", "min", False),
    ("neg_loss", "max", False),
    ("acc_drop", "min", False),
    ("accumulated", "min", False),
    ("score", "min", False),
    ("score", "max", False),
]


@pytest.mark.parametrize("package", ["torch", "ours"])
@pytest.mark.parametrize(("monitor", "mode", "wrong"), MODES)
def test_a_plateau_in_the_wrong_mode(monitor: str, mode: Any, wrong: bool, package: str) -> None:
    """An accuracy under ``mode="min"`` or a loss under ``mode="max"`` is reported, with the mode to write."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        if package == "ours":
            return configure_optimizers(
                optimizer, hold(), net.trainer, plateau=ReduceOnPlateau(monitor=monitor, mode=mode)
            )
        scheduler = torch_lr.ReduceLROnPlateau(optimizer, mode)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "monitor": monitor}}

    net, monitoring = Scores(answer), LRMonitor()
    net.metric = monitor
    expected = f"LR401: .*Write Reduce.*mode='{'max' if mode == 'min' else 'min'}'"
    with pytest.warns(ScheduleWarning, match=expected) if wrong else nullcontext():
        fit(net, monitoring, validate=True)

    assert codes(monitoring) == ["LR401"] * wrong


# --- a resumed plateau ------------------------------------------------------------------------------------------------


class Saves(Checkpoint):
    """Saves at all moments at which Lightning's ModelCheckpoint may, without a state of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _save(self, trainer: Any, where: str) -> None:
        trainer.save_checkpoint(self.folder / f"{where}{trainer.current_epoch}.ckpt")

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """In mid-epoch, and at its last batch."""
        if batch_idx in (3, 7):
            self._save(trainer, f"batch{batch_idx}-")

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """After validation."""
        if not trainer.sanity_checking:
            self._save(trainer, "validation")

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """When the epoch ends."""
        self._save(trainer, "epoch")

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """When training ends."""
        self._save(trainer, "end")


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("package", ["torch", "ours"])
def test_a_reading_that_a_resume_loses(package: str, every: int, tmp_path: Path) -> None:
    """A resume is reported if torch's plateau reads less after it than in the whole run."""
    # Ours loses a reading only if the checkpoint was saved at the end of the batch before it.

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        if package == "ours":
            return configure_optimizers(optimizer, hold(), net.trainer, plateau=ReduceOnPlateau(monitor="val_loss"))
        return {"optimizer": optimizer, "lr_scheduler": plateau(frequency=every)(optimizer)}

    def run_to(epochs: int, *callbacks: Any, ckpt_path: Path | None = None) -> tuple[Any, LRMonitor]:
        monitor = LRMonitor()
        options: dict[str, Any] = {"max_epochs": epochs, "validate": True, "check_val_every_n_epoch": every}
        options |= {"enable_checkpointing": bool(callbacks), "ckpt_path": ckpt_path}
        return fit(Probe(answer), *callbacks, monitor, **options).lr_scheduler_configs[0].scheduler, monitor

    run_to(4, Saves(tmp_path))
    all_late = set()
    for checkpoint in sorted(tmp_path.glob("*.ckpt")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scheduler, monitor = run_to(6, ckpt_path=checkpoint)

        if package == "ours":
            before = [f"batch7-{epoch}" for epoch in range(every - 1, 4, every)]
            assert codes(monitor) == ["LR408"] * (checkpoint.stem in before), checkpoint.name
            continue
        late = scheduler.last_epoch < 6 // every
        assert bool(monitor.findings) is late, checkpoint.name
        assert all("loses a reading of 'val_loss'" in finding.text for finding in monitor.findings)
        assert codes(monitor) == ["LR406"] * late
        all_late |= {checkpoint.stem} if late else set()

    assert ("epoch3" in all_late) is (package == "torch")
    assert "end4" not in all_late
