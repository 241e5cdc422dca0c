"""Plateaus that wait for a validation in a run that has none."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit import LRMonitor, ReduceOnPlateau, ScheduleError, check_run, configure_optimizers, hold
from lr_toolkit.lightning.checks.source import words_in_training
from tests.helpers.fits import Probe, data, fit
from tests.helpers.runs import trainer
from tests.helpers.schedule_warnings import schedule_warnings
from tests.helpers.twins import Twin, codes, plateau

TWINS = {
    "a validation that is switched off": Twin(
        {"LR409": r"watches 'val_loss'.*limit_val_batches is 0. Write Trainer\(limit_val_batches=1.0\)"},
        plateau(),
        plateau(),
        {"validate": False},
        {},
        raises=MisconfigurationException,
    ),
    "a validation that is switched off, in a plateau that does not mind": Twin(
        {"LR409": "watches 'valid/loss'"},
        plateau("valid/loss", strict=False),
        plateau("loss"),
        {"validate": False},
    ),
    "no validation data": Twin(
        {"LR409": r"it has no validation data. Write trainer.fit\(module, train_dataloaders, val_dataloaders\)"},
        plateau(),
        plateau("loss"),
        {"validate": False, "limit_val_batches": 1.0},
        raises=MisconfigurationException,
    ),
}


class Net(Probe):
    """Has a plateau on the loss of validation."""

    def __init__(self) -> None:
        super().__init__(lambda net: {"optimizer": (o := net.sgd()), "lr_scheduler": plateau()(o)})


class OwnData(Net):
    """Has its training data, and no other."""

    def train_dataloader(self) -> Any:
        """Eight batches."""
        return data(8)


class WithoutStep(Net):
    """Has no validation_step."""

    validation_step = L.LightningModule.validation_step


def found(module: Any, *, loader: Any = None, **options: Any) -> list[str]:
    """The codes of ``check_run``."""
    return [finding.code for finding in check_run(trainer(max_epochs=2, **options), module, loader)]


def test_check_run_knows_less_than_a_fit() -> None:
    """``check_run`` takes no validation data: it reports what no fit can validate."""
    assert found(OwnData()) == ["LR409"]
    assert found(WithoutStep(), loader=data(8)) == ["LR409"]
    assert found(Net(), loader=data(8), limit_val_batches=0) == ["LR409"]
    assert found(Net(), loader=data(8)) == []


def test_a_plateau_of_this_package() -> None:
    """It is reported before its own error at the end of the epoch."""
    rule = ReduceOnPlateau(monitor="val_loss")
    net = Probe(lambda net: configure_optimizers(net.sgd(), hold(), net.trainer, plateau=rule))
    monitor = LRMonitor()
    with schedule_warnings(), pytest.raises(ScheduleError, match="does not validate"):
        fit(net, monitor)

    assert codes(monitor) == ["LR409"]


class LogsItself(Net):
    """Logs the metric at the end of an epoch."""

    def on_train_epoch_end(self) -> None:
        """Log it."""
        self.log("val_loss", torch.ones(()))


class Evaluates(Net):
    """Has its own validation, whose names come from a method."""

    def on_train_epoch_end(self) -> None:
        """Log them."""
        self.log_dict(self.measured())

    def measured(self) -> dict[str, Any]:
        """The metrics."""
        return {"val_loss": torch.ones(())}


class LogsByStage(Net):
    """Has one step for each stage."""

    def on_train_epoch_end(self) -> None:
        """Log for validation."""
        self.shared("val")

    def shared(self, stage: str) -> None:
        """Log for a stage."""
        self.log(f"{stage}_loss", torch.ones(()))


class Evaluator:
    """Logs for a module."""

    def measure(self, module: Any) -> None:
        """Log it."""
        module.log("val_loss", torch.ones(()))


class Asks(Net):
    """Lets another object log."""

    def __init__(self) -> None:
        super().__init__()
        self.evaluator = Evaluator()

    def on_train_epoch_end(self) -> None:
        """Log it."""
        self.evaluator.measure(self)


class LogsFromOutside(Callback):
    """Logs for the module."""

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Log it."""
        pl_module.log("val_loss", torch.ones(()))


@pytest.mark.parametrize(
    ("kind", "callbacks"),
    [*((kind, []) for kind in (LogsItself, Evaluates, LogsByStage, Asks)), (Net, [LogsFromOutside()])],
)
def test_a_metric_of_that_name_from_training(kind: type[Net], callbacks: list[Callback]) -> None:
    """The run trains to its end without a finding."""
    monitor = LRMonitor()
    fit(kind(), *callbacks, monitor, max_epochs=2)

    assert codes(monitor) == []


class SharedStep(Net):
    """Logs in both steps through one method, as most modules do."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """The loss of training."""
        self.shared("train")
        return super().training_step(batch, batch_idx)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """The loss of validation."""
        self.shared("val")

    def shared(self, stage: str) -> None:
        """Log it."""
        self.log(f"{stage}_loss", torch.ones(()))


def test_a_method_of_both_stages_is_no_validation() -> None:
    """The word is that of the validation hooks alone."""
    monitor = LRMonitor()
    with schedule_warnings(), pytest.raises(MisconfigurationException):
        fit(SharedStep(), monitor)

    assert codes(monitor) == ["LR409"]
    assert "train" in words_in_training([SharedStep()])
    assert "val" not in words_in_training([SharedStep()])


@pytest.mark.parametrize("monitor", ["loss", "train_loss", "value", "interval_loss"])
def test_a_metric_that_is_not_named_for_validation(monitor: str) -> None:
    """It may come from training: there is no finding, and Lightning raises if it does not come."""
    net = Probe(lambda net: {"optimizer": (o := net.sgd()), "lr_scheduler": plateau(monitor)(o)})
    monitoring = LRMonitor()
    with nullcontext() if monitor == "loss" else pytest.raises(MisconfigurationException):
        fit(net, monitoring)

    assert codes(monitoring) == []


def test_a_plateau_that_the_module_steps() -> None:
    """Under manual optimization Lightning reads no metric."""

    class Manual(Probe):
        automatic_optimization = False

        def training_step(self, batch: Any, batch_idx: int) -> None:
            self.manual_backward(super().training_step(batch, batch_idx))
            self.optimizers().step()
            scheduler = self.lr_schedulers()
            assert isinstance(scheduler, torch_lr.ReduceLROnPlateau)
            scheduler.step(1.0)

    net = Manual(lambda net: {"optimizer": (o := net.sgd()), "lr_scheduler": torch_lr.ReduceLROnPlateau(o)})
    monitor = LRMonitor()
    fit(net, monitor)

    assert codes(monitor) == []
