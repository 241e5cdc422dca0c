"""Every trap that the monitor knows: the mistake gives the warning, its correct twin gives none."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import pytest
from torch.optim import lr_scheduler as torch_lr
from transformers import get_linear_schedule_with_warmup

from lr_toolkit import Horizon, LRMonitor, ReduceOnPlateau, ScheduledLR, configure_optimizers, cosine, hold, warmup
from tests.lightning.callbacks.fits import Probe, fit

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
    "SequentialLR in steps, stepped per epoch": Trap(
        lambda one: torch_lr.SequentialLR(one, [torch_lr.LinearLR(one, 0.1, 1, 4), cosine_of(20)(one)], [4]),
        "gets 3 steps in this run",
        step(lambda one: torch_lr.SequentialLR(one, [torch_lr.LinearLR(one, 0.1, 1, 4), cosine_of(20)(one)], [4])),
    ),
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
    "an epoch that is cut before its end": Trap(
        epoch(exponential),
        "ends before its first epoch does",
        step(exponential),
        options={"max_steps": 5, "max_epochs": -1},
    ),
    "two schedulers on one optimizer": Trap(
        lambda one: [step(lambda one: torch_lr.LambdaLR(one, lambda k: min(1, (k + 1) / 5)))(one), exponential(one)],
        "LambdaLR and ExponentialLR drive one optimizer",
        lambda one: [
            step(lambda one: torch_lr.LinearLR(one, 0.1, 1, 5))(one),
            torch_lr.MultiStepLR(one, [2]),
        ],
    ),
    "a warmup that erases the plateau": Trap(
        lambda one: [
            step(lambda one: torch_lr.LambdaLR(one, lambda k: min(1, (k + 1) / 5)))(one),
            plateau()(one),
        ],
        "LambdaLR and ReduceLROnPlateau drive one optimizer",
        lambda one: [step(lambda one: torch_lr.LinearLR(one, 0.1, 1, 5))(one), plateau()(one)],
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
        "every value is counted again",
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
        "sees 2 of the 4 values.*accumulate_grad_batches=4",
        plateau(interval="step", frequency=2),
        options={"val_check_interval": 0.25, "accumulate_grad_batches": 4},
        right_options={"val_check_interval": 0.25, "accumulate_grad_batches": 2},
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
@pytest.mark.filterwarnings("ignore:ReduceLROnPlateau conditioned on metric:RuntimeWarning")
def test_the_mistake_is_warned_of(name: str) -> None:
    """The mistake gives its warning before the first update, with the cure."""
    trap = TRAPS[name]
    with warnings.catch_warnings(record=True) as caught, pytest.raises(trap.raises) if trap.raises else nullcontext():
        warnings.simplefilter("always")
        run(trap.wrong, trap.options)

    assert any(re.search(trap.says, str(one.message)) for one in caught)


@pytest.mark.parametrize("name", TRAPS)
@pytest.mark.filterwarnings("ignore:ReduceLROnPlateau conditioned on metric:RuntimeWarning")
def test_the_correct_twin_is_quiet(name: str) -> None:
    """What the cure says gives no warning."""
    trap = TRAPS[name]
    monitor = run(trap.right, trap.options if trap.right_options is None else trap.right_options)

    assert monitor.findings == ()


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
        warnings.filterwarnings("ignore", module="lightning")
        fit(
            Probe(
                lambda net: configure_optimizers(net.sgd(), schedule, net.trainer, interval=interval, plateau=reaction)
            ),
            monitor,
            max_epochs=3,
            validate=True,
        )

    assert monitor.findings == ()


def test_a_short_warmup_is_noted_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """A warmup between two logged points is a line of the table, with the cadence that would show it."""

    def answer(net: Probe) -> Any:
        return configure_optimizers(net.sgd(), warmup(10) >> cosine(), net.trainer)

    fit(Probe(answer), LRMonitor(table=True), batches=60)
    assert "Trainer(log_every_n_steps=2)" in capsys.readouterr().out

    fit(Probe(answer), LRMonitor(table=True), batches=60, log_every_n_steps=2)
    assert "!" not in capsys.readouterr().out
