"""What schedulers and callbacks notice in a fit and warn of themselves: findings of the monitor, each silenced by its code."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback

from lr_toolkit import Horizon, LRMonitor, ReduceOnPlateau, ScheduledLR, ScheduleWarning, branch, configure_optimizers
from tests.helpers.capturing import captured
from tests.helpers.fits import Answer, Probe, fit
from tests.helpers.optimizers import Still
from tests.helpers.schedule_warnings import schedule_warnings
from tests.helpers.twins import codes


@dataclass(frozen=True)
class Mistake:
    """A fit with a mistake, and its right twin.

    Args:
        wrong: fits with the arguments of a monitor, and returns the monitor.
        right: does so without the mistake.
    """

    wrong: Callable[..., LRMonitor]
    right: Callable[..., LRMonitor]


def fitted(make: Callable[[], Probe], *callbacks: Callback, **options: Any) -> Callable[..., LRMonitor]:
    """A fit of two epochs of 4 batches, each with a validation; ``save_plot`` is for the monitor."""
    of_monitor = {name: options.pop(name) for name in ("save_plot",) if name in options}

    def run(**arguments: Any) -> LRMonitor:
        monitor = LRMonitor(**arguments, **of_monitor)
        fit(make(), monitor, *callbacks, **({"batches": 4, "max_epochs": 2, "validate": True} | options))
        return monitor

    return run


# --- modules and callbacks --------------------------------------------------------------------------------------------


def follows(schedule: str, **plateau: Any) -> Answer:
    """A schedule, and a plateau if it has arguments."""
    rule = ReduceOnPlateau(monitor="val_loss", **plateau) if plateau else None
    return lambda net: configure_optimizers(net.sgd(), schedule, net.trainer, plateau=rule)


class Branches(Callback):
    """Branches a cooldown in the middle of a fit, from what a checkpoint would hold."""

    def on_train_batch_end(self, trainer: Any, *args: Any) -> None:
        """After update 6 of 8."""
        if trainer.global_step == 6:
            state = trainer.lr_scheduler_configs[0].scheduler.state_dict()
            branch({"global_step": 6, "lr_schedulers": [state]}, over=2)


class Measures(Probe):
    """Logs the mean loss of some samples, of which a validation may have none."""

    samples = 0

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """NaN if there are none."""
        self.log("val_loss", torch.ones(self.samples).mean())


class MeasuresOne(Measures):
    """There is always one."""

    samples = 1


class Ahead(Probe):
    """Goes to a resume point with calls of ``step()``."""

    calls: tuple[tuple[int, ...], ...] = ((), (), ())

    def on_train_start(self) -> None:
        """Before any update."""
        for arguments in self.calls:
            self.lr_schedulers().step(*arguments)


class JumpsAhead(Ahead):
    """Goes there with the call that the message shows."""

    calls = ((3,),)


def by_hand(net: Probe) -> Any:
    """A scheduler that is made without the helper."""
    optimizer = net.sgd()
    return [optimizer], [{"scheduler": ScheduledLR(optimizer, "linear(end=0.1)", Horizon(8)), "interval": "step"}]


def with_tensor(net: Probe) -> Any:
    """An optimizer with a tensor as its LR."""
    return Still([{"params": list(net.parameters()), "lr": torch.tensor(0.1)}])


class TakesUpdates(Probe):
    """Steps its optimizer by hand."""

    def __init__(self) -> None:
        super().__init__(with_tensor)
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One update."""
        self.optimizers().optimizer.step()


class Captures(TakesUpdates):
    """Captures the second update of each batch in a CUDA graph."""

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Two updates."""
        super().training_step(batch, batch_idx)
        with captured():
            super().training_step(batch, batch_idx)


class Resumes(Callback):
    """Goes on from the state of a scheduler whose plateau has moved the LR, as the load of a checkpoint does."""

    def on_train_start(self, trainer: Any, *args: Any) -> None:
        """Before any update."""
        ours = trainer.lr_scheduler_configs[0].scheduler
        moved = ScheduledLR(
            Still([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": 0.1}]),
            "hold()",
            ours.horizon,
            plateau=ReduceOnPlateau(monitor="val_loss", patience=0),
        )
        moved.observe(1.0)
        moved.observe(1.0)
        ours.load_state_dict(moved.state_dict())


class WritesFile(Callback):
    """Writes a file into the working folder, which has the name of another folder."""

    def on_train_start(self, *args: Any) -> None:
        """Before any update."""
        Path("pictures").write_text("a file")


# --- the table --------------------------------------------------------------------------------------------------------

MISTAKES = {
    "LR267": Mistake(
        fitted(lambda: Probe(follows("linear()")), Branches()),
        fitted(lambda: Probe(follows("warmup(2) >> hold()")), Branches()),
    ),
    "LR410": Mistake(
        fitted(lambda: Probe(follows("hold()", patience=5)), check_val_every_n_epoch=3),
        fitted(lambda: Probe(follows("hold()", patience=5))),
    ),
    "LR411": Mistake(
        fitted(lambda: Measures(follows("hold()", patience=5))),
        fitted(lambda: MeasuresOne(follows("hold()", patience=5))),
    ),
    "LR412": Mistake(
        fitted(lambda: Probe(follows("hold()")), Resumes()),
        fitted(lambda: Probe(follows("hold()", patience=0)), Resumes()),
    ),
    "LR532": Mistake(fitted(lambda: Ahead(by_hand)), fitted(lambda: JumpsAhead(by_hand))),
    "LR593": Mistake(
        fitted(lambda: Probe(follows("hold()")), WritesFile(), save_plot="pictures/lr.png"),
        fitted(lambda: Probe(follows("hold()")), WritesFile(), save_plot="lr.png"),
    ),
    "LR707": Mistake(fitted(Captures), fitted(TakesUpdates)),
}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("code", MISTAKES)
def test_the_mistake_is_a_warning_and_a_finding(code: str) -> None:
    """The monitor has it once, and there is one warning, however often it is noticed in the fit."""
    with schedule_warnings() as found:
        monitor = MISTAKES[code].wrong()

    assert codes(monitor) == [code]
    assert found == [str(finding) for finding in monitor.findings]


@pytest.mark.parametrize("code", MISTAKES)
def test_the_monitor_ignores_the_code(code: str) -> None:
    """``ignore=`` leaves out both."""
    assert codes(MISTAKES[code].wrong(ignore=[code])) == []


@pytest.mark.parametrize("code", MISTAKES)
def test_the_filter_of_python_ignores_the_code(code: str) -> None:
    """Its code and the class ``ScheduleWarning`` silence the warning; the monitor still has the finding."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", code, ScheduleWarning)
        monitor = MISTAKES[code].wrong()

    assert codes(monitor) == [code]


@pytest.mark.parametrize("code", MISTAKES)
def test_the_right_twin_is_quiet(code: str) -> None:
    """The twin has no finding; a warning would be an error."""
    assert codes(MISTAKES[code].right()) == []
