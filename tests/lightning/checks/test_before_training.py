"""Every trap that the monitor knows: the mistake gives the warning, its correct twin gives none."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Checkpoint
from torch.optim import lr_scheduler as torch_lr
from transformers import get_linear_schedule_with_warmup

from lr_toolkit import (
    Horizon,
    LRMonitor,
    LRWarmup,
    ReduceOnPlateau,
    ScheduledLR,
    ScheduleError,
    ScheduleMixin,
    configure_optimizers,
    cosine,
    hold,
    multistep,
    scheduler_config,
    warmup,
)
from tests.helpers.fits import Probe, fit

Make = Callable[[Any], Any]


@dataclass
class Trap:
    """A mistake, what its warning says, and the correct twin: each (scheduler or config of an optimizer, Trainer's options)."""

    wrong: Make
    says: str
    right: Make
    options: dict[str, Any] = field(default_factory=dict)
    right_options: dict[str, Any] | None = None
    raises: type[Exception] | None = None


def step(make: Make, **more: Any) -> Make:
    """The scheduler with the interval of a step."""
    return lambda optimizer: {"scheduler": make(optimizer), "interval": "step", **more}


def epoch(make: Make, **more: Any) -> Make:
    """The scheduler with the interval of an epoch."""
    return lambda optimizer: {"scheduler": make(optimizer), "interval": "epoch", **more}


def cosine_of(steps: int) -> Make:
    """torch's cosine of that length."""
    return lambda optimizer: torch_lr.CosineAnnealingLR(optimizer, steps)


def plateau(monitor: str = "val_loss", **more: Any) -> Make:
    """torch's plateau, which never acts in these runs."""
    return lambda optimizer: {
        "scheduler": torch_lr.ReduceLROnPlateau(optimizer, patience=99),
        "monitor": monitor,
        **more,
    }


def exponential(optimizer: Any) -> Any:
    """A decay by a tenth."""
    return torch_lr.ExponentialLR(optimizer, 0.9)


def linear(optimizer: Any) -> Any:
    """A warmup of five steps."""
    return torch_lr.LinearLR(optimizer, 0.1, 1, 5)


def multiplied(optimizer: Any) -> Any:
    """A warmup of five steps that writes base * f."""
    return torch_lr.LambdaLR(optimizer, lambda k: min(1, (k + 1) / 5))


def sequence(optimizer: Any, first: int = 4, rest: int = 20) -> Any:
    """A warmup and a cosine, one after the other."""
    parts = [torch_lr.LinearLR(optimizer, 0.1, 1, first), torch_lr.CosineAnnealingLR(optimizer, rest)]
    return torch_lr.SequentialLR(optimizer, parts, [first])


def chain(optimizer: Any) -> Any:
    """A warmup and a cosine, together."""
    return torch_lr.ChainedScheduler([torch_lr.LinearLR(optimizer, 0.1, 1, 4), cosine_of(24)(optimizer)])


def milestones(*at: Any) -> Make:
    """This package's ``multistep`` for 3 epochs of 40 batches."""
    return lambda optimizer: ScheduledLR(optimizer, multistep(list(at)), Horizon(120, 40))


def ours(optimizer: Any) -> Any:
    """This package's scheduler, bound by hand."""
    return ScheduledLR(optimizer, cosine(), Horizon(24, 8))


# All runs have 3 epochs of 8 batches.
TRAPS = {
    "T_max in steps, stepped per epoch": Trap(
        cosine_of(24), "T_max=24, and gets 3 steps.*only 12%.*'interval': 'step'", step(cosine_of(24))
    ),
    "T_max in epochs, stepped per step": Trap(
        step(cosine_of(3)), "T_max=3, and gets 24 steps.*ended long before.*'interval': 'epoch'", epoch(cosine_of(3))
    ),
    "OneCycle, bare": Trap(
        lambda one: torch_lr.OneCycleLR(one, 0.1, total_steps=24),
        "total_steps=24, and gets 3 steps",
        step(lambda one: torch_lr.OneCycleLR(one, 0.1, total_steps=24)),
    ),
    "OneCycle of epochs, per step": Trap(
        step(lambda one: torch_lr.OneCycleLR(one, 0.1, total_steps=13)),
        "going to raise after 14 updates: ValueError",
        step(lambda one: torch_lr.OneCycleLR(one, 0.1, total_steps=24)),
        raises=ValueError,
    ),
    "transformers, bare": Trap(
        lambda one: get_linear_schedule_with_warmup(one, 2, 24),
        "num_training_steps=24, and gets 3 steps",
        step(lambda one: get_linear_schedule_with_warmup(one, 2, 24)),
    ),
    "transformers' warmup, bare: LR 0 for an epoch": Trap(
        lambda one: get_linear_schedule_with_warmup(one, 2, 24),
        "The first 8 updates have a learning rate of 0",
        step(lambda one: get_linear_schedule_with_warmup(one, 2, 24)),
    ),
    "a warmup from 0, bare, in a run of one epoch": Trap(
        lambda one: torch_lr.LambdaLR(one, lambda k: min(k / 4, 1)),
        "All 8 updates have a learning rate of 0",
        step(lambda one: torch_lr.LambdaLR(one, lambda k: min(k / 4, 1))),
        {"max_epochs": 1},
    ),
    "SequentialLR in steps, stepped per epoch": Trap(
        sequence, "milestones and last length=24, and gets 3 steps", step(sequence)
    ),
    "SequentialLR in epochs, stepped per step": Trap(
        step(lambda one: sequence(one, 1, 2)),
        "milestones and last length=3, and gets 24 steps.*ended long before",
        epoch(lambda one: sequence(one, 1, 2)),
    ),
    "ChainedScheduler in steps, stepped per epoch": Trap(chain, "T_max=24, and gets 3 steps", step(chain)),
    "milestones in steps, stepped per epoch": Trap(
        lambda one: torch_lr.MultiStepLR(one, [12, 18]),
        "first milestone=12, and gets 3 steps.*never drops",
        step(lambda one: torch_lr.MultiStepLR(one, [12, 18])),
    ),
    "step_size in steps, stepped per epoch": Trap(
        lambda one: torch_lr.StepLR(one, 12),
        "step_size=12, and gets 3 steps.*never drops",
        step(lambda one: torch_lr.StepLR(one, 12)),
    ),
    "milestones in epochs, stepped per step": Trap(
        step(lambda one: torch_lr.MultiStepLR(one, [1, 2])),
        r"last drop at update 2 of 120.*\(1, 2\) count updates.*'interval': 'epoch'",
        epoch(lambda one: torch_lr.MultiStepLR(one, [1, 2])),
        options={"batches": 40},
    ),
    "our milestones, numbers of epochs without the word": Trap(
        step(milestones(1, 2)),
        r"write multistep\(\['1 epochs', '2 epochs'\]\)",
        step(milestones("1 epochs", "2 epochs")),
        options={"batches": 40},
    ),
    "step_size in epochs, stepped per step": Trap(
        step(lambda one: torch_lr.StepLR(one, 1)),
        "From update 7 of 120 on the learning rate is less than a millionth.*interval='epoch'",
        epoch(lambda one: torch_lr.StepLR(one, 1)),
        options={"batches": 40},
    ),
    "a warmup in steps, stepped per epoch": Trap(
        lambda one: torch_lr.LinearLR(one, 0.1, 1, 8),
        "total_iters=8, and gets 3 steps",
        step(lambda one: torch_lr.LinearLR(one, 0.1, 1, 8)),
    ),
    "a decay per epoch, stepped per step": Trap(
        step(lambda one: torch_lr.ExponentialLR(one, 0.1)),
        "From update 7 of 24 on the learning rate is less than a millionth",
        epoch(lambda one: torch_lr.ExponentialLR(one, 0.1)),
    ),
    "CyclicLR, bare": Trap(
        lambda one: torch_lr.CyclicLR(one, 0.01, 0.1, 5),
        "total_size=10, and gets 3 steps",
        step(lambda one: torch_lr.CyclicLR(one, 0.01, 0.1, 5)),
    ),
    "frequency beyond the epoch": Trap(
        step(exponential, frequency=100), "never steps: frequency=100 counts the batches", step(exponential)
    ),
    "frequency beyond the run": Trap(
        epoch(exponential, frequency=5), "never steps: frequency=5 with interval='epoch'", epoch(exponential)
    ),
    "frequency that starts again with every epoch": Trap(
        step(exponential, frequency=3), "takes 6 steps in this run, not 8", step(exponential, frequency=4)
    ),
    "frequency and accumulation": Trap(
        step(exponential, frequency=3),
        "counts batches, not updates",
        step(exponential),
        options={"accumulate_grad_batches": 2},
    ),
    "frequency and an accumulation that does not divide it": Trap(
        step(exponential, frequency=2),
        "takes 3 steps in this run, not 4",
        step(exponential),
        options={"accumulate_grad_batches": 3, "batches": 9},
    ),
    "an epoch that is cut before its end": Trap(
        epoch(exponential),
        "ends before its first epoch does",
        step(exponential),
        options={"max_steps": 5, "max_epochs": -1},
    ),
    "a warmup per step that LambdaLR resets: the LR climbs to ten times its base": Trap(
        lambda one: [step(linear)(one), torch_lr.LambdaLR(one, lambda k: 1.0)],
        "LinearLR and LambdaLR drive one optimizer: LambdaLR writes its own LR",
        lambda one: [step(linear)(one), torch_lr.MultiplicativeLR(one, lambda k: 1.0)],
    ),
    "a decay that a LambdaLR erases": Trap(
        lambda one: [step(multiplied)(one), torch_lr.MultiStepLR(one, [2])],
        "LambdaLR and MultiStepLR drive one optimizer: LambdaLR writes its own LR",
        lambda one: [step(linear)(one), torch_lr.MultiStepLR(one, [2])],
    ),
    "a decay that OneCycle erases": Trap(
        lambda one: [step(lambda one: torch_lr.OneCycleLR(one, 0.1, total_steps=24))(one), exponential(one)],
        "OneCycleLR and ExponentialLR drive one optimizer: OneCycleLR writes its own LR",
        lambda one: [step(linear)(one), exponential(one)],
    ),
    "a decay that CyclicLR erases": Trap(
        lambda one: [step(lambda one: torch_lr.CyclicLR(one, 0.01, 0.1, 5))(one), exponential(one)],
        "CyclicLR and ExponentialLR drive one optimizer: CyclicLR writes its own LR",
        lambda one: [step(linear)(one), epoch(cosine_of(3))(one)],
    ),
    "a warmup that erases the plateau": Trap(
        lambda one: [step(multiplied)(one), plateau()(one)],
        "LambdaLR and ReduceLROnPlateau drive one optimizer",
        lambda one: [step(linear)(one), plateau()(one)],
    ),
    "a chain that erases the plateau": Trap(
        lambda one: [step(lambda one: torch_lr.ChainedScheduler([linear(one), multiplied(one)]))(one), plateau()(one)],
        "ChainedScheduler and ReduceLROnPlateau drive one optimizer: ChainedScheduler writes its own LR",
        lambda one: [step(chain)(one), plateau()(one)],
    ),
    "ours, in the wrong unit": Trap(ours, "ScheduledLR counts in steps, and interval='epoch'", step(ours)),
    "a plateau between validations": Trap(
        plateau(),
        "produced every 2 epochs: Lightning raises.*frequency=2",
        plateau(frequency=2),
        options={"check_val_every_n_epoch": 2},
        raises=Exception,
    ),
    "a plateau fed twice": Trap(
        plateau(strict=False),
        "values are counted again",
        plateau(strict=False, frequency=2),
        options={"check_val_every_n_epoch": 2, "max_epochs": 4},
    ),
    "a plateau that misses validations": Trap(
        plateau(),
        "sees one of the 4 values",
        plateau(interval="step", frequency=2),
        options={"val_check_interval": 0.25},
    ),
    "a plateau in the middle of an accumulation": Trap(
        plateau(interval="step", frequency=2),
        "accumulate_grad_batches=4.*sees 4 of 8 values of 'val_loss' in 2 epochs",
        plateau(interval="step", frequency=2),
        options={"val_check_interval": 0.25, "accumulate_grad_batches": 4},
        right_options={"val_check_interval": 0.25, "accumulate_grad_batches": 2},
    ),
    "a plateau that steps at every update, before there is a value": Trap(
        plateau(interval="step"),
        "interval='step', frequency=1 .*: Lightning raises, as it steps before there is any 'val_loss'",
        plateau(interval="step", frequency=8),
        raises=MisconfigurationException,
    ),
    "a plateau that steps at every update, and counts each value eight times": Trap(
        plateau(interval="step", strict=False),
        "it counts values of 'val_loss' more than once",
        plateau(interval="step", strict=False, frequency=8),
    ),
    "a plateau that steps between two validations and sees both late": Trap(
        plateau(interval="step", strict=False),
        "accumulate_grad_batches=3.*produced by validation: it counts values of 'val_loss' more than once",
        plateau(interval="step", strict=False),
        options={"val_check_interval": 4, "accumulate_grad_batches": 3},
        right_options={"val_check_interval": 2, "accumulate_grad_batches": 2},
    ),
    "a plateau of every second validation's epoch": Trap(
        plateau(interval="step", frequency=8, strict=False),
        "it counts values of 'val_loss' more than once",
        plateau(interval="step", frequency=8, strict=False),
        options={"check_val_every_n_epoch": 2, "max_epochs": 4},
        right_options={"max_epochs": 4},
    ),
    "a plateau that never steps": Trap(
        plateau(interval="step", frequency=3, strict=False),
        "it sees 0 of 4 values of 'val_loss' in 2 epochs",
        plateau(interval="step", frequency=4, strict=False),
        options={"val_check_interval": 4, "accumulate_grad_batches": 4},
    ),
    "a plateau that repeats in the second period alone, across epochs": Trap(
        plateau(strict=False),
        "every 16 batches of all epochs.*it counts values of 'val_loss' more than once",
        plateau(strict=False, frequency=2),
        options={"check_val_every_n_epoch": None, "val_check_interval": 16, "max_epochs": 6},
    ),
    "a plateau that is slower than validation": Trap(
        plateau(frequency=3),
        "produced every 2 epochs: some values are never read",
        plateau(frequency=2),
        options={"check_val_every_n_epoch": 2, "max_epochs": 8},
    ),
    "a plateau before the first validation, which counts across epochs": Trap(
        plateau(),
        "every 20 batches of all epochs.*steps every epoch: Lightning raises, as it steps before there is any 'val_loss'",
        plateau(frequency=2),
        options={"check_val_every_n_epoch": None, "val_check_interval": 20},
        right_options={"check_val_every_n_epoch": None, "val_check_interval": 16},
        raises=MisconfigurationException,
    ),
    "a plateau that steps more often than validation, across epochs": Trap(
        plateau(strict=False),
        "every 20 batches of all epochs.*every epoch: it counts values of 'val_loss' more than once",
        plateau(strict=False),
        options={"check_val_every_n_epoch": None, "val_check_interval": 20, "max_epochs": 5},
        right_options={"check_val_every_n_epoch": None, "val_check_interval": 8},
    ),
    "a plateau that steps within epochs, and validation across them": Trap(
        plateau(interval="step", frequency=5),
        "every 5 batches of all epochs.*every 5 batches of an epoch: it sees 3 of 4 values of 'val_loss'",
        plateau(interval="step", frequency=4),
        options={"check_val_every_n_epoch": None, "val_check_interval": 5},
        right_options={"check_val_every_n_epoch": None, "val_check_interval": 4},
    ),
    "a plateau of every second epoch, and two validations in each": Trap(
        plateau(frequency=2),
        "every 4 batches of all epochs.*every 2 epochs: it sees 1 of 4 values",
        plateau(frequency=2),
        options={"check_val_every_n_epoch": None, "val_check_interval": 4},
        right_options={"check_val_every_n_epoch": None, "val_check_interval": 8},
    ),
    "a mistyped metric": Trap(
        plateau("val_los"), "watches 'val_los'.*Did you mean monitor='val_loss'", plateau(), raises=Exception
    ),
}


def run(make: Make, options: dict[str, Any]) -> LRMonitor:
    """Fit with the scheduler, or list of schedulers, that ``make`` gives."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd(lr=0.1)
        made = make(optimizer)
        return [optimizer], made if isinstance(made, list) else [made]

    monitor = LRMonitor()
    fit(Probe(answer), monitor, **({"max_epochs": 3, "validate": True} | options))
    return monitor


@pytest.mark.parametrize("name", TRAPS)
# Lightning's own say on the mistake that is made here.
@pytest.mark.filterwarnings("ignore:ReduceLROnPlateau conditioned on metric:RuntimeWarning")
def test_the_mistake_is_warned_of(name: str) -> None:
    """The mistake gives its warning before the first update, with the cure."""
    trap = TRAPS[name]
    with warnings.catch_warnings(record=True) as caught, pytest.raises(trap.raises) if trap.raises else nullcontext():
        warnings.simplefilter("always")
        run(trap.wrong, trap.options)

    assert any(re.search(trap.says, str(one.message)) for one in caught)


@pytest.mark.parametrize("name", TRAPS)
# Lightning's own say on the mistake that is made here.
@pytest.mark.filterwarnings("ignore:ReduceLROnPlateau conditioned on metric:RuntimeWarning")
def test_the_correct_twin_is_quiet(name: str) -> None:
    """What the cure says gives no warning."""
    trap = TRAPS[name]
    monitor = run(trap.right, trap.options if trap.right_options is None else trap.right_options)

    assert monitor.findings == ()


@pytest.mark.parametrize(
    ("schedule", "interval", "says"),
    [
        ("step('30 epochs')", "step", r"step\('30 epochs'\) never drops the LR: its phase has 24 updates"),
        ("step('30 epochs')", "epoch", r"step\('30 epochs'\) never drops the LR: its phase has 3 epochs"),
        ("warmup(10) >> step(20, over=10) >> linear()", "step", r"step\(20, over=10\) never drops the LR.*hold\(\)"),
        ("step('2 epochs')", "step", ""),
        ("step(23)", "step", ""),
        ("hold()", "epoch", ""),
    ],
)
def test_stairs_longer_than_their_phase(schedule: str, interval: Any, says: str) -> None:
    """A staircase whose first step lies behind its end is warned of, as torch's is; one that drops at the last update is not."""
    monitor = LRMonitor()
    net = Probe(lambda net: configure_optimizers(net.sgd(), schedule, net.trainer, interval=interval))
    with pytest.warns(UserWarning, match=says) if says else nullcontext():
        fit(net, monitor, max_epochs=3)

    assert len(monitor.findings) == bool(says)


@pytest.mark.parametrize(
    "schedule",
    [hold(), warmup(3) >> cosine(), warmup("50%") >> hold(), "step(every='1 epoch', gamma=0.5)", "exponential(0.5)"],
    ids=repr,
)
@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_schedules_of_this_package_are_quiet(schedule: Any, interval: Any) -> None:
    """What the helpers write falls into no trap, with a plateau on top, too."""
    if interval == "epoch" and "3)" in repr(schedule):
        schedule = warmup("1 epoch") >> cosine()
    monitor = LRMonitor()
    reaction = ReduceOnPlateau(monitor="val_loss", patience=9)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", module="lightning")  # Lightning's own say on the mistake that is made here
        fit(
            Probe(
                lambda net: configure_optimizers(net.sgd(), schedule, net.trainer, interval=interval, plateau=reaction)
            ),
            monitor,
            max_epochs=3,
            validate=True,
        )

    assert monitor.findings == ()


@pytest.mark.parametrize("ramped", [False, True])
def test_a_short_warmup_is_noted_in_the_table(ramped: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """A warmup between two logged points, in the schedule or on it, is a line of the table, with the cadence that would show it."""

    def answer(net: Probe) -> Any:
        return configure_optimizers(net.sgd(), cosine() if ramped else warmup(10) >> cosine(), net.trainer)

    def ramps() -> list[LRWarmup]:
        return [LRWarmup(10)] if ramped else []

    fit(Probe(answer), LRMonitor(table=True), *ramps(), batches=60)
    assert "warmup of 10 updates" in (shown := capsys.readouterr().out)
    assert "Trainer(log_every_n_steps=2)" in shown

    fit(Probe(answer), LRMonitor(table=True), *ramps(), batches=60, log_every_n_steps=2)
    assert "!" not in capsys.readouterr().out


@pytest.mark.parametrize("ramped", [False, True])
def test_a_warmup_that_is_over_is_noted_no_more(
    ramped: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that is resumed after its warmup is not told how to see it."""

    def answer(net: Probe) -> Any:
        schedule = cosine() if ramped else warmup(10) >> cosine()
        return configure_optimizers(net.sgd(), schedule, net.trainer, on_change="replan")

    def callbacks() -> list[Any]:
        return [LRMonitor(table=True), *([LRWarmup(10)] if ramped else [])]

    fit(Probe(answer), *callbacks(), batches=60).save_checkpoint(tmp_path / "first.ckpt")
    capsys.readouterr()
    fit(Probe(answer), *callbacks(), batches=60, max_epochs=2, ckpt_path=tmp_path / "first.ckpt")

    assert "resumes at update 60" in (shown := capsys.readouterr().out)
    assert "!" not in shown


@pytest.mark.parametrize(
    "make",
    [
        step(lambda one: torch_lr.MultiStepLR(one, [5, 90])),
        step(lambda one: torch_lr.MultiStepLR(one, [5])),  # the run has 3 epochs
        step(milestones(5)),
        step(lambda one: torch_lr.StepLR(one, 1, gamma=0.97)),
        step(lambda one: torch_lr.ChainedScheduler([linear(one), torch_lr.ExponentialLR(one, 0.99)])),
        epoch(lambda one: torch_lr.MultiStepLR(one, [1])),
        lambda one: [step(linear)(one), step(cosine_of(120))(one)],
    ],
)
def test_an_early_drop_may_be_meant(make: Make) -> None:
    """What only resembles a mistake is let be."""
    assert run(make, {"batches": 40}).findings == ()


def test_milestones_of_a_short_run_may_be_meant() -> None:
    """Where epochs have few updates, what would be early in epochs is not early in updates: 2 of 24."""
    assert run(step(lambda one: torch_lr.MultiStepLR(one, [1, 2])), {}).findings == ()


def test_the_warning_comes_once_and_the_table_keeps_the_facts(capsys: pytest.CaptureFixture[str]) -> None:
    """A trap is a warning, with the table or without; the table shows the plan."""
    for table in (True, False):
        with pytest.warns(UserWarning, match="T_max=24, and gets 3 steps") as caught:
            fit(Probe(lambda net: [[one := net.sgd()], [cosine_of(24)(one)]]), LRMonitor(table=table), max_epochs=3)

        assert sum("T_max=24" in str(one.message) for one in caught) == 1
        assert "T_max=24" not in capsys.readouterr().out


# --- the mode of a plateau --------------------------------------------------------------------------------------------


class Scores(Probe):
    """Logs its metric under another name."""

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
    """An accuracy under ``mode="min"`` or a loss under ``mode="max"`` is warned of, with the mode to write."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        if package == "ours":
            return configure_optimizers(
                optimizer, hold(), net.trainer, plateau=ReduceOnPlateau(monitor=monitor, mode=mode)
            )
        reaction = torch_lr.ReduceLROnPlateau(optimizer, mode)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": reaction, "monitor": monitor}}

    net, monitoring = Scores(answer), LRMonitor()
    net.metric = monitor
    with (
        pytest.warns(UserWarning, match=f"Write Reduce.*mode='{'max' if mode == 'min' else 'min'}'")
        if wrong
        else nullcontext()
    ):
        fit(net, monitoring, validate=True)

    assert len(monitoring.findings) == wrong


# --- a resumed plateau ------------------------------------------------------------------------------------------------


class Saves(Checkpoint):
    """Saves at all the places where Lightning's own does, without its state."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _save(self, trainer: Trainer, where: str) -> None:
        trainer.save_checkpoint(self.folder / f"{where}{trainer.current_epoch}.ckpt")

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """In mid-epoch, and at its last batch."""
        if batch_idx in (3, 7):
            self._save(trainer, f"batch{batch_idx}-")

    def on_validation_end(self, trainer: Trainer, pl_module: Any) -> None:
        """After validation."""
        if not trainer.sanity_checking:
            self._save(trainer, "validation")

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """When the epoch ends."""
        self._save(trainer, "epoch")

    def on_train_end(self, trainer: Trainer, pl_module: Any) -> None:
        """When all is over."""
        self._save(trainer, "end")


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("package", ["torch", "ours"])
def test_a_reading_that_a_resume_loses(package: str, every: int, tmp_path: Path) -> None:
    """The resumes that are warned of are those after which torch's plateau has read less than without; ours loses nothing."""

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

        late = package == "torch" and scheduler.last_epoch < 6 // every
        assert bool(monitor.findings) is late, checkpoint.name
        assert all("loses a reading of 'val_loss'" in one for one in monitor.findings)
        all_late |= {checkpoint.stem} if late else set()

    assert ("epoch3" in all_late) is (package == "torch")
    assert "end4" not in all_late


# --- attributes that nothing reads ------------------------------------------------------------------------------------


class Mixed(ScheduleMixin, Probe):
    """Has its schedule as an attribute; ``answer`` is a ``configure_optimizers`` of its own."""

    schedule = warmup(2) >> cosine()

    def build_optimizer(self) -> Any:
        """SGD."""
        return self.sgd()

    def configure_optimizers(self) -> Any:
        """What the test asks for."""
        return self.answer(self)


MIXED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "only an optimizer": (lambda net: net.sgd(), r"Mixed.schedule is warmup\(2\) >> cosine\(\), and nothing follows it"),
    "another schedule": (lambda net: configure_optimizers(net.sgd(), hold(), net.trainer), "Mixed.schedule is"),
    "the schedule without its plateau": (
        lambda net: configure_optimizers(net.sgd(), net.schedule, net.trainer), "Mixed.plateau is ReduceOnPlateau"
    ),
    "both": (lambda net: configure_optimizers(net.sgd(), net.schedule, net.trainer, plateau=net.plateau), ""),
    "the mixin's own": (ScheduleMixin.configure_optimizers, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_attributes_of_the_mixin_that_are_hidden(name: str) -> None:
    """A module with the mixin and a ``configure_optimizers`` that reads neither schedule nor plateau is told so."""
    answer, says = MIXED[name]
    net, monitor = Mixed(answer), LRMonitor()
    net.plateau = ReduceOnPlateau(monitor="val_loss")
    with pytest.warns(UserWarning, match=says) if says else nullcontext():
        fit(net, monitor, validate=True)

    assert len(monitor.findings) == bool(says)


class Replaced(Mixed):
    """Derived from a module with a schedule, to train it otherwise."""

    def configure_optimizers(self) -> Any:
        """No schedule."""
        return self.sgd()


def test_a_hook_of_a_subclass_is_meant() -> None:
    """A subclass that overrides the hook replaces the schedule of its base; one that is given to it as well is hidden."""
    net, monitor = Replaced(lambda net: None), LRMonitor()
    fit(net, monitor)
    assert monitor.findings == ()

    net.schedule = hold()
    with pytest.warns(UserWarning, match=r"Replaced.schedule is hold\(\)"):
        fit(net, LRMonitor())


# --- several optimizers and max_steps ---------------------------------------------------------------------------------


class Pair(Probe):
    """Two optimizers, each stepped for every batch, with what ``answer`` gives as schedulers."""

    def __init__(self, answer: Any) -> None:
        super().__init__(answer, groups=2)
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Step both, and their schedulers."""
        for weight, optimizer in zip(self.weights, self.optimizers(), strict=True):
            optimizer.zero_grad()
            self.manual_backward(weight.square().sum() * batch[0].mean())
            optimizer.step()
        for scheduler in self.lr_schedulers():
            scheduler.step()

    def configure_optimizers(self) -> Any:
        """One optimizer for each weight."""
        both = [torch.optim.SGD([weight], lr=0.1) for weight in self.weights]
        return both, [self.answer(self, one) for one in both]


def pair_of(horizon: Horizon | None = None) -> Any:
    """The helper's scheduler."""
    return lambda net, one: scheduler_config(one, cosine(), net.trainer, horizon=horizon)


def pair_of_torchs(net: Any, optimizer: Any) -> Any:
    """torch's cosine, of the length that Lightning estimates."""
    return cosine_of(net.trainer.estimated_stepping_batches)(optimizer)


@pytest.mark.parametrize(
    ("answer", "options", "says"),
    [
        (
            pair_of(),
            {"max_steps": 16, "max_epochs": -1},
            r"made for 16 updates, and max_steps=16 .* about 8.*horizon=Horizon\(8\)",
        ),
        (
            pair_of(),
            {"max_steps": 20, "max_epochs": 2},
            r"made for 16 updates, and max_steps=20 .* about 10.*max_steps=32",
        ),
        (pair_of_torchs, {"max_steps": 16, "max_epochs": -1}, "CosineAnnealingLR is made for 16 updates"),
        (pair_of(Horizon(8)), {"max_steps": 16, "max_epochs": -1}, ""),
        (pair_of(), {"max_steps": 32, "max_epochs": 2}, ""),
        (pair_of(), {"max_epochs": 2}, ""),
        (pair_of_torchs, {"max_epochs": 2}, ""),
    ],
)
def test_max_steps_counts_the_updates_of_all_optimizers(answer: Any, options: dict[str, Any], says: str) -> None:
    """With two optimizers a run of ``max_steps`` ends in the middle of schedules that count on all of them."""
    monitor = LRMonitor()
    with pytest.warns(UserWarning, match=says) if says else nullcontext():
        fit(Pair(answer), monitor, **options)

    assert len(monitor.findings) == bool(says)


def test_a_learning_rate_of_zero_may_be_meant() -> None:
    """Where the optimizer itself was given 0, no schedule is to blame."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd(lr=0.0)
        return [optimizer], [{"scheduler": torch_lr.ExponentialLR(optimizer, 0.9), "interval": "step"}]

    monitor = LRMonitor()
    fit(Probe(answer), monitor)

    assert monitor.findings == ()


# --- trials -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batches", [1, 3])
@pytest.mark.parametrize(
    "make",
    [step(cosine_of(500)), epoch(cosine_of(90)), epoch(exponential, frequency=2), epoch(milestones(30, 60))],
    ids=["in steps", "in epochs", "every second epoch", "milestones"],
)
def test_a_trial_is_no_run_that_is_too_short(make: Make, batches: int) -> None:
    """``fast_dev_run`` cuts the run on purpose: nothing is said of how much of a schedule it sees."""
    assert run(make, {"fast_dev_run": batches}).findings == ()


def test_a_trial_of_two_optimizers_says_nothing() -> None:
    """The ``max_steps`` that it sets is not the user's."""
    monitor = LRMonitor()
    fit(Pair(pair_of()), monitor, fast_dev_run=True)

    assert monitor.findings == ()


class Accumulates(Pair):
    """Makes an update of four batches by hand."""

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Step both at every fourth batch."""
        if (batch_idx + 1) % 4 == 0:
            super().training_step(batch, batch_idx)


def test_a_horizon_by_hand_is_that_of_a_module_with_updates_of_its_own() -> None:
    """Under manual optimization nobody but the module knows that two updates are the whole run of eight batches."""
    monitor = LRMonitor()
    fit(Accumulates(pair_of(Horizon(2))), monitor)
    assert monitor.findings == ()

    with pytest.warns(UserWarning, match="From update 2 of 8 on the learning rate is less than a millionth"):
        fit(Probe(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer, horizon=Horizon(2))), LRMonitor())


def test_a_horizon_by_hand_that_the_run_does_not_reach() -> None:
    """One of more than twice the run's updates is told, as torch's T_max is; the module's own count is its own matter."""

    def by_hand(steps: int) -> Any:
        return lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer, horizon=Horizon(steps))

    with pytest.warns(
        UserWarning, match=r"horizon=Horizon\(steps=800\), and gets 8 steps in this run, so only 1% of it"
    ):
        fit(Probe(by_hand(800)), LRMonitor())

    for net in (Probe(by_hand(16)), Accumulates(pair_of(Horizon(800)))):
        monitor = LRMonitor()
        fit(net, monitor)
        assert monitor.findings == ()


def test_the_metric_of_our_reaction_is_looked_for_in_sanity_validation() -> None:
    """A mistyped name is told before the first update, as for torch's plateau; one that training produces may be like it."""

    def reacting(monitor: str, every: int | None = None) -> Any:
        reaction = ReduceOnPlateau(monitor=monitor, every=every)
        return Probe(lambda net: configure_optimizers(net.sgd(), "hold()", net.trainer, plateau=reaction))

    with (
        pytest.warns(UserWarning, match="watches 'val_los'.*Did you mean monitor='val_loss'"),
        pytest.raises(ScheduleError),
    ):
        fit(reacting("val_los"), LRMonitor(), validate=True)

    monitor = LRMonitor()
    fit(reacting("val_loss"), monitor, validate=True)
    assert monitor.findings == ()


# --- what cannot be seen ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda one: torch_lr.LambdaLR(one, lambda k: 1 - k / 24),  # the length is inside a function
        lambda one: {"scheduler": torch_lr.LambdaLR(one, lambda k: max(0.1, 1 - k / 3)), "interval": "step"},
    ],
)
def test_out_of_reach_the_length_in_a_function(make: Make) -> None:
    """A function of the user's does not tell how long it thinks the run is; the plan in the table shows it."""
    assert run(make, {}).findings == ()


def test_out_of_reach_a_plateau_in_a_sequence() -> None:
    """torch itself refuses a plateau inside of other schedulers."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    parts = [linear(optimizer), torch_lr.ReduceLROnPlateau(optimizer)]
    with pytest.raises(ValueError, match="ReduceLROnPlateau"):
        torch_lr.SequentialLR(optimizer, parts, [5])
    with pytest.raises(ValueError, match="ReduceLROnPlateau"):
        torch_lr.ChainedScheduler(parts)


def test_out_of_reach_a_metric_that_resembles_none() -> None:
    """A metric without a near name may come later: Lightning itself raises after the first epoch, and lists what there is."""
    with pytest.raises(MisconfigurationException, match="val_loss"):
        run(plateau("score"), {})
