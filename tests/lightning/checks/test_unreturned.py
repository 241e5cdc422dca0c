"""Schedulers that a module makes and does not return."""

from __future__ import annotations

from functools import partial, update_wrapper
from types import MethodType
from typing import Any

import pytest
from lightning.pytorch.callbacks import Callback, LearningRateFinder
from lightning.pytorch.cli import LightningCLI
from torch.optim import SGD
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit import Horizon, LRMonitor, ScheduledLR, ScheduleWarning, check_run, cosine
from lr_toolkit.lightning.checks.source import returns_of
from tests.helpers.fits import Probe, data, fit
from tests.helpers.runs import trainer
from tests.helpers.twins import codes


class Net(Probe):
    """A module that needs no answer."""

    def __init__(self) -> None:
        super().__init__(lambda net: None)
        self.lr = 0.1


class Held(Net):
    """Keeps it in an attribute."""

    names = "CosineAnnealingLR"

    def configure_optimizers(self) -> Any:
        """Return the optimizer alone."""
        optimizer = self.sgd()
        self.scheduler = torch_lr.CosineAnnealingLR(optimizer, 10)
        return optimizer


class Dropped(Net):
    """Keeps it nowhere."""

    names = "ExponentialLR"

    def configure_optimizers(self) -> Any:
        """Return the optimizer alone."""
        optimizer = self.sgd()
        torch_lr.ExponentialLR(optimizer, 0.9)
        return [optimizer]


class DroppedOurs(Net):
    """Keeps one of this package nowhere."""

    names = "ScheduledLR"

    def configure_optimizers(self) -> Any:
        """Return the optimizer alone."""
        optimizer = self.sgd()
        ScheduledLR(optimizer, cosine(), Horizon(8))
        return optimizer


class HeldPlateau(Net):
    """Keeps a plateau."""

    names = "ReduceLROnPlateau"

    def configure_optimizers(self) -> Any:
        """Return the optimizer alone."""
        optimizer = self.sgd()
        self.plateaus = [torch_lr.ReduceLROnPlateau(optimizer)]
        return optimizer


WRONG = [Held, Dropped, DroppedOurs, HeldPlateau]


@pytest.mark.parametrize("kind", WRONG)
def test_a_scheduler_that_is_not_returned(kind: Any) -> None:
    """The monitor and ``check_run`` name it."""
    expected = f"configure_optimizers makes {kind.names} for SGD and does not return it.*the LR stays at 0.1"
    monitor = LRMonitor()
    with pytest.warns(ScheduleWarning, match=f"LR112: {expected}"):
        fit(kind(), monitor)

    assert codes(monitor) == ["LR112"]
    assert [finding.code for finding in check_run(trainer(max_epochs=1), kind(), data(8))] == ["LR112"]


class StepsIt(Held):
    """Steps it in a hook."""

    def on_train_epoch_end(self) -> None:
        """Step."""
        self.scheduler.step()


class StepsItBesideAStep(StepsIt):
    """Has a method with the name that is looked for."""

    def step(self) -> None:
        """Do nothing."""


def step_later(scheduler: Any) -> None:
    """Step what somebody else holds."""
    scheduler.step()


class StepsByFunction(Held):
    """Lets a function step it."""

    def on_train_epoch_end(self) -> None:
        """Step."""
        step_later(self.scheduler)


class StepsByHook(Net):
    """Steps it after each update."""

    def configure_optimizers(self) -> Any:
        """Return the optimizer alone."""
        optimizer = self.sgd()
        scheduler = torch_lr.ExponentialLR(optimizer, 0.9)
        optimizer.register_step_post_hook(lambda *_: scheduler.step())
        return optimizer


class Asks(Net):
    """Returns the scheduler if ``is_scheduled`` is set."""

    is_scheduled = False

    def configure_optimizers(self) -> Any:
        """Return the optimizer alone."""
        optimizer = self.sgd()
        scheduler = torch_lr.ExponentialLR(optimizer, 0.9)
        if self.is_scheduled:
            return [optimizer], [scheduler]
        return optimizer


class OfAState(Net):
    """Begins with the state of an optimizer that had a scheduler."""

    def configure_optimizers(self) -> Any:
        """Return the optimizer alone; another one has the scheduler."""
        before, optimizer = self.sgd(), self.sgd()
        torch_lr.ExponentialLR(before, 0.9)
        optimizer.load_state_dict(before.state_dict())
        assert "initial_lr" in optimizer.param_groups[0]
        return optimizer


class WithBases(Net):
    """Writes base LRs into the groups, and names a scheduler elsewhere."""

    def configure_optimizers(self) -> Any:
        """Return the optimizer alone."""
        return SGD([{"params": self.parameters(), "initial_lr": 0.1}], lr=0.1)

    def other(self, optimizer: Any) -> Any:
        """Not called."""
        return torch_lr.ExponentialLR(optimizer, 0.9)


class OfACommandLine(Net):
    """Has the method that LightningCLI makes."""

    def __init__(self) -> None:
        super().__init__()
        chosen = partial(LightningCLI.configure_optimizers, optimizer=self.sgd())
        update_wrapper(chosen, Net.configure_optimizers)
        self.configure_optimizers = MethodType(chosen, self)  # type: ignore[method-assign]


class Manual(Held):
    """Optimizes by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """An update."""
        self.manual_backward(super().training_step(batch, batch_idx))
        self.optimizers().step()
        self.scheduler.step()


class StepsFromOutside(Callback):
    """Steps the scheduler of the module."""

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Step."""
        pl_module.scheduler.step()


RIGHT: dict[str, tuple[Any, list[Callback]]] = {
    "a hook steps it": (StepsIt, []),
    "a hook steps it, beside a method of that name": (StepsItBesideAStep, []),
    "a function steps it": (StepsByFunction, []),
    "a hook of the optimizer steps it": (StepsByHook, []),
    "a callback steps it": (Held, [StepsFromOutside()]),
    "it is returned on demand": (Asks, []),
    "a state was loaded": (OfAState, []),
    "the groups have base LRs": (WithBases, []),
    "a LightningCLI without a scheduler": (OfACommandLine, []),
    "manual optimization": (Manual, []),
    "a search for the LR was here": (WithBases, [LearningRateFinder(num_training_steps=3)]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_scheduler_that_is_stepped_or_not_meant(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no finding."""
    monkeypatch.chdir(tmp_path)
    kind, callbacks = RIGHT[name]
    monitor = LRMonitor()
    fit(kind(), *callbacks, monitor)

    assert codes(monitor) == []


def test_an_optimizer_that_had_a_scheduler_in_an_earlier_fit() -> None:
    """A second fit without the scheduler is meant."""

    class Twice(Net):
        made: Any = None

        def configure_optimizers(self) -> Any:
            if self.made is None:
                self.made = self.sgd()
            return {"optimizer": self.made} | ({} if self.made.state or self.used else self._scheduler())

        def _scheduler(self) -> dict[str, Any]:
            return {"lr_scheduler": torch_lr.ExponentialLR(self.made, 0.9)}

    net, monitor = Twice(), LRMonitor()
    fit(net)
    fit(net, monitor)

    assert "initial_lr" in net.made.param_groups[0]
    assert codes(monitor) == []


@pytest.mark.parametrize(
    ("function", "returns"), [(Held.configure_optimizers, 1), (Asks.configure_optimizers, 2), (Asks().sgd, 1), (len, 1)]
)
def test_the_returns_of_a_function(function: Any, returns: int) -> None:
    """They are counted by their lines; a function that is not of Python has one."""
    assert returns_of(function) == returns
