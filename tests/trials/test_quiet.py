"""Right programs stay quiet: the idioms of the documentation of torch and Lightning have no finding and no warning of ours."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import (
    BackboneFinetuning,
    GradientAccumulationScheduler,
    LearningRateMonitor,
    StochasticWeightAveraging,
)
from lightning.pytorch.plugins import MixedPrecision
from torch.optim import SGD, AdamW, Optimizer, swa_utils
from torch.optim import lr_scheduler as torch_lr
from transformers import get_scheduler

from lr_toolkit import (
    GreedyLR,
    Horizon,
    LRMonitor,
    LRWarmup,
    ReduceOnPlateau,
    ScheduledLR,
    ScheduleWarning,
    configure_optimizers,
    cosine,
    hold,
    scheduler_config,
    warmup,
)
from tests.helpers.fits import Probe, WithBackbone, data, fit
from tests.helpers.runs import Unfreezes, stream, trainer

UPDATES = 24  # 3 epochs of 8 batches
EPOCHS = 3

PROGRAMS: dict[str, Callable[[LRMonitor], Any]] = {}


def program(name: str) -> Callable[[Callable[[LRMonitor], Any]], Callable[[LRMonitor], Any]]:
    """Enter the decorated function into the table."""

    def enter(run: Callable[[LRMonitor], Any]) -> Callable[[LRMonitor], Any]:
        assert name not in PROGRAMS
        PROGRAMS[name] = run
        return run

    return enter


def returns(
    make: Callable[[Probe, Optimizer], Any], *callbacks: L.Callback, net: type[Probe] = Probe, **options: Any
) -> Callable[[LRMonitor], Any]:
    """A fit whose module returns what ``make`` gives for its optimizer: 3 epochs of 8 batches."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd(momentum=0.9)
        made = make(net, optimizer)
        return made if isinstance(made, tuple) else {"optimizer": optimizer, "lr_scheduler": made}

    def run(monitor: LRMonitor) -> None:
        fit(net(answer), monitor, *copy.deepcopy(callbacks), **({"max_epochs": EPOCHS, "validate": True} | options))

    return run


# --- each class of torch, per update and per epoch ---------------------------------------------------------------------

Make = Callable[[Optimizer, int], Any]

TORCH: dict[str, Make] = {
    "ConstantLR": lambda optimizer, n: torch_lr.ConstantLR(optimizer, 0.5, max(n // 4, 1)),
    "CosineAnnealingLR": torch_lr.CosineAnnealingLR,
    "CosineAnnealingLR with a floor": lambda optimizer, n: torch_lr.CosineAnnealingLR(optimizer, n, eta_min=1e-3),
    "CosineAnnealingWarmRestarts": lambda optimizer, n: torch_lr.CosineAnnealingWarmRestarts(optimizer, max(n // 3, 1)),
    "CosineAnnealingWarmRestarts that double": lambda optimizer, n: torch_lr.CosineAnnealingWarmRestarts(
        optimizer, max(n // 7, 1), 2
    ),
    "CyclicLR": lambda optimizer, n: torch_lr.CyclicLR(optimizer, 0.01, 0.1, max(n // 6, 1)),
    "ExponentialLR": lambda optimizer, n: torch_lr.ExponentialLR(optimizer, 0.1 ** (1 / n)),
    "LambdaLR": lambda optimizer, n: torch_lr.LambdaLR(optimizer, lambda k: 0.95**k),
    "LinearLR": lambda optimizer, n: torch_lr.LinearLR(optimizer, 1.0, 0.1, n),
    "LinearLR as a warmup": lambda optimizer, n: torch_lr.LinearLR(optimizer, 0.1, 1.0, max(n // 5, 1)),
    "MultiStepLR": lambda optimizer, n: torch_lr.MultiStepLR(optimizer, sorted({max(n // 2, 1), max(n * 3 // 4, 1)})),
    "MultiplicativeLR": lambda optimizer, n: torch_lr.MultiplicativeLR(optimizer, lambda k: 0.95),
    "OneCycleLR": lambda optimizer, n: torch_lr.OneCycleLR(optimizer, 0.1, total_steps=n + 1),
    "PolynomialLR": lambda optimizer, n: torch_lr.PolynomialLR(optimizer, n, 0.9),
    "StepLR": lambda optimizer, n: torch_lr.StepLR(optimizer, max(n // 3, 1)),
}

for name, make in TORCH.items():
    program(f"{name} per update")(
        returns(lambda net, optimizer, make=make: {"scheduler": make(optimizer, UPDATES), "interval": "step"})
    )
    program(f"{name} per epoch")(returns(lambda net, optimizer, make=make: make(optimizer, EPOCHS)))
    program(f"{name} at the end of a SequentialLR")(
        returns(
            lambda net, optimizer, make=make: {
                "scheduler": torch_lr.SequentialLR(
                    optimizer, [torch_lr.LinearLR(optimizer, 0.1, 1.0, 4), make(optimizer, UPDATES - 4)], [4]
                ),
                "interval": "step",
            }
        )
    )
    program(f"{name} over ten epochs, per epoch")(
        returns(lambda net, optimizer, make=make: make(optimizer, 10), max_epochs=10)
    )

GROUPS = (0.1, 0.01, 1e-4)


def in_groups(optimizer: Optimizer) -> Optimizer:
    """The optimizer with two more groups of other LRs."""
    for lr in GROUPS[1:]:
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.ones(1))], "lr": lr})
    return optimizer


for name, make in TORCH.items():
    if "floor" not in name:  # of 1e-3, which is above the LR of a group
        program(f"{name} on three groups")(
            returns(
                lambda net, optimizer, make=make: {"scheduler": make(in_groups(optimizer), UPDATES), "interval": "step"}
            )
        )

# --- transformers -----------------------------------------------------------------------------------------------------

TRANSFORMERS: dict[str, dict[str, Any]] = {
    "constant": {},
    "constant_with_warmup": {},
    "linear": {},
    "cosine": {},
    "cosine_with_restarts": {"num_cycles": 2},
    "polynomial": {"lr_end": 1e-5, "power": 2.0},
    "inverse_sqrt": {},
    "cosine_with_min_lr": {"min_lr_rate": 0.1},
    "warmup_stable_decay": {"num_decay_steps": 5},
}
for name, options in TRANSFORMERS.items():
    program(f"{name} of transformers")(
        returns(
            lambda net, optimizer, name=name, options=options: {
                "scheduler": get_scheduler(
                    name,
                    in_groups(optimizer),
                    num_warmup_steps=2,
                    num_training_steps=UPDATES,
                    scheduler_specific_kwargs=options,
                ),
                "interval": "step",
            }
        )
    )

program("OneCycleLR as Lightning's documentation has it")(
    returns(
        lambda net, optimizer: {
            "scheduler": torch_lr.OneCycleLR(optimizer, 0.1, total_steps=net.trainer.estimated_stepping_batches),
            "interval": "step",
        }
    )
)
program("a ChainedScheduler")(
    returns(
        lambda net, optimizer: {
            "scheduler": torch_lr.ChainedScheduler(
                [torch_lr.ConstantLR(optimizer, 0.1, 5), torch_lr.ExponentialLR(optimizer, 0.95)]
            ),
            "interval": "step",
        }
    )
)
program("a scheduler of the torch documentation's list")(
    returns(lambda net, optimizer: ([optimizer], [torch_lr.StepLR(optimizer, 1)]))
)
program("no scheduler")(returns(lambda net, optimizer: ([optimizer], [])))


# --- plateaus ---------------------------------------------------------------------------------------------------------

PLATEAU = {"monitor": "val_loss", "interval": "epoch", "frequency": 1}

program("ReduceLROnPlateau as Lightning's documentation has it")(
    returns(lambda net, optimizer: {"scheduler": torch_lr.ReduceLROnPlateau(optimizer, "min"), **PLATEAU})
)
program("ReduceLROnPlateau with a validation every second epoch")(
    returns(
        lambda net, optimizer: {"scheduler": torch_lr.ReduceLROnPlateau(optimizer), **PLATEAU, "frequency": 2},
        check_val_every_n_epoch=2,
        max_epochs=4,
    )
)
program("ReduceLROnPlateau on the training loss")(
    returns(lambda net, optimizer: {"scheduler": torch_lr.ReduceLROnPlateau(optimizer), "monitor": "loss"})
)
for rule in (ReduceOnPlateau(monitor="val_loss"), GreedyLR(monitor="val_loss", max_lr=1.0)):
    program(f"{type(rule).__name__} of this package")(
        returns(
            lambda net, optimizer, rule=rule: scheduler_config(optimizer, cosine(), net.trainer, plateau=rule),
            val_check_interval=0.5,
        )
    )


# --- this package -----------------------------------------------------------------------------------------------------

OURS: dict[str, dict[str, Any]] = {
    "plainly": {},
    "with a warmup": {"schedule": "warmup('10%') >> cosine()"},
    "in a wsd": {"schedule": "wsd('10%', '20%')"},
    "in epochs": {"schedule": "multistep(['1 epochs', '2 epochs'])"},
    "per epoch": {"interval": "epoch"},
}
LENGTHS: dict[str, dict[str, Any]] = {
    "": {},
    ", accumulating": {"accumulate_grad_batches": 3},
    ", by max_steps": {"max_steps": 20, "max_epochs": -1},
    ", in a part of the loader": {"limit_train_batches": 0.5},
    ", in bf16": {"precision": "bf16-true"},
}
for name, arguments in OURS.items():
    for length, options in LENGTHS.items():
        program(f"ours {name}{length}")(
            returns(
                lambda net, optimizer, arguments=arguments: scheduler_config(
                    optimizer, **({"schedule": "cosine()"} | arguments), trainer=net.trainer
                ),
                **options,
            )
        )
program("ours under a GradientAccumulationScheduler")(
    returns(
        lambda net, optimizer: scheduler_config(optimizer, cosine(), net.trainer),
        GradientAccumulationScheduler({0: 1, 1: 2, 2: 4}),
    )
)
program("ours behind LRWarmup")(
    returns(lambda net, optimizer: scheduler_config(optimizer, cosine(), net.trainer), LRWarmup(5))
)
program("ours beside Lightning's monitor")(
    returns(
        lambda net, optimizer: scheduler_config(optimizer, cosine(), net.trainer),
        LearningRateMonitor("step"),
        logger=True,
    )
)
program("weight averaging over the end of the run")(
    returns(
        lambda net, optimizer: scheduler_config(optimizer, hold(), net.trainer),
        StochasticWeightAveraging(swa_lrs=0.05, swa_epoch_start=2, annealing_epochs=1),
    )
)


@program("ours, per update, with a stream")
def _(monitor: LRMonitor) -> None:
    class Streaming(Probe):
        def train_dataloader(self) -> Any:
            return stream(6)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self.weights[0].square().sum()

    net = Streaming(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer))
    trainer(max_steps=10, callbacks=[monitor]).fit(net)


# --- mixed precision --------------------------------------------------------------------------------------------------


def scaled(**options: Any) -> dict[str, Any]:
    """Options for a GradScaler on the CPU."""
    return {"plugins": [MixedPrecision("16-mixed", "cpu", torch.amp.GradScaler("cpu", **options))]}


@program("ours under a GradScaler that skips updates")
def _(monitor: LRMonitor) -> None:
    class Overflows(Probe):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return super().training_step(batch, batch_idx) * (torch.inf if batch_idx in (0, 5) else 1.0)

    fit(
        Overflows(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer)), monitor, **scaled(init_scale=2.0)
    )


program("torch's under a GradScaler that skips nothing")(
    returns(
        lambda net, optimizer: {"scheduler": torch_lr.CosineAnnealingLR(optimizer, UPDATES), "interval": "step"},
        **scaled(init_scale=1.0),
    )
)


# --- manual optimization done right -----------------------------------------------------------------------------------


class Manual(Probe):
    """Optimizes by hand, as Lightning's documentation does."""

    accumulate = 1

    def __init__(self, answer: Any, **options: Any) -> None:
        super().__init__(answer, **options)
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """An update of each optimizer."""
        found = self.optimizers()
        for optimizer in found if isinstance(found, list) else [found]:
            self.manual_backward(super().training_step(batch, batch_idx) / self.accumulate)
            if (batch_idx + 1) % self.accumulate == 0:
                optimizer.step()
                optimizer.zero_grad()
                self.after_update()

    def after_update(self) -> None:
        """Step nothing."""


class StepsEachUpdate(Manual):
    """Steps after each update."""

    def after_update(self) -> None:
        """Step."""
        self.lr_schedulers().step()


class StepsEachEpoch(Manual):
    """Steps at the end of each epoch."""

    def on_train_epoch_end(self) -> None:
        """Step."""
        self.lr_schedulers().step()


class StepsLastBatch(Manual):
    """Steps every two epochs: ``if self.trainer.is_last_batch and (self.trainer.current_epoch + 1) % N == 0``."""

    def on_train_batch_end(self, *args: Any) -> None:
        """Step."""
        if self.trainer.is_last_batch and (self.trainer.current_epoch + 1) % 2 == 0:
            self.lr_schedulers().step()


class StepsOnMetric(Manual):
    """Steps a plateau."""

    def on_validation_epoch_end(self) -> None:
        """Step."""
        if not self.trainer.sanity_checking:
            self.lr_schedulers().step(self.trainer.callback_metrics["val_loss"])


MANUAL: dict[str, tuple[Any, type[Manual]]] = {
    "torch's cosine per update": (
        lambda net, optimizer: torch_lr.CosineAnnealingLR(optimizer, UPDATES),
        StepsEachUpdate,
    ),
    "torch's cosine per epoch": (lambda net, optimizer: torch_lr.CosineAnnealingLR(optimizer, EPOCHS), StepsEachEpoch),
    "torch's decay every two epochs": (lambda net, optimizer: torch_lr.ExponentialLR(optimizer, 0.5), StepsLastBatch),
    "torch's plateau": (lambda net, optimizer: torch_lr.ReduceLROnPlateau(optimizer), StepsOnMetric),
    "ours per update": (lambda net, optimizer: scheduler_config(optimizer, cosine(), net.trainer), StepsEachUpdate),
    "ours per epoch": (
        lambda net, optimizer: scheduler_config(optimizer, cosine(), net.trainer, interval="epoch"),
        StepsEachEpoch,
    ),
    "no scheduler": (lambda net, optimizer: ([optimizer], []), Manual),
}
for name, (make, net) in MANUAL.items():
    program(f"manual optimization, {name}")(returns(make, net=net))


@program("manual optimization, a GAN")
def _(monitor: LRMonitor) -> None:
    class Gan(Manual):
        def training_step(self, batch: Any, batch_idx: int) -> None:
            for optimizer, scheduler in zip(self.optimizers(), self.lr_schedulers(), strict=True):
                self.toggle_optimizer(optimizer)
                self.manual_backward(Probe.training_step(self, batch, batch_idx))
                optimizer.step()
                optimizer.zero_grad()
                self.untoggle_optimizer(optimizer)
                scheduler.step()

    def answer(net: Probe) -> Any:
        optimizers = [SGD(net.parameters(), lr=0.1), AdamW(net.parameters(), lr=0.01)]
        return optimizers, [torch_lr.CosineAnnealingLR(optimizer, UPDATES) for optimizer in optimizers]

    fit(Gan(answer), monitor, max_epochs=EPOCHS)


# --- finetuning, several fits -----------------------------------------------------------------------------------------


program("BackboneFinetuning without a scheduler")(
    returns(lambda net, optimizer: ([optimizer], []), BackboneFinetuning(1, lambda epoch: 1.0), net=WithBackbone)
)
program("BackboneFinetuning with torch's scheduler")(
    returns(
        lambda net, optimizer: torch_lr.ExponentialLR(optimizer, 0.9),
        BackboneFinetuning(1, lambda epoch: 1.5),
        net=WithBackbone,
    )
)


program("BackboneFinetuning with a schedule")(
    returns(
        lambda net, optimizer: scheduler_config(optimizer, warmup(2) >> cosine(), net.trainer),
        BackboneFinetuning(1),
        net=WithBackbone,
    )
)


program("finetuning as a finding advises")(
    returns(lambda net, optimizer: scheduler_config(optimizer, cosine(), net.trainer), Unfreezes(), net=WithBackbone)
)


@program("several fits of one module")
def _(monitor: LRMonitor) -> None:
    net = Probe(lambda net: configure_optimizers(net.sgd(), warmup(2) >> cosine(), net.trainer))
    for number in range(3):
        fit(net, monitor if number == 2 else LRMonitor())


@program("fit, fit longer, validate")
def _(monitor: LRMonitor) -> None:
    net = Probe(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer))
    quiet = fit(net, monitor, validate=True)
    quiet.validate(net, data(1), verbose=False)
    quiet.fit_loop.max_epochs = 2
    quiet.fit(net, data(8), data(1))


# --- plain loops ------------------------------------------------------------------------------------------------------


def plain(steps: int = 10) -> tuple[torch.nn.Parameter, SGD, ScheduledLR]:
    """What a loop needs."""
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = SGD([weight], lr=0.1)
    return weight, optimizer, ScheduledLR(optimizer, "warmup(2) >> cosine()", Horizon(steps))


@program("a plain loop")
def _(_: LRMonitor) -> None:
    weight, optimizer, scheduler = plain()
    for _ in range(10):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
        scheduler.step()


@program("a plain loop that accumulates")
def _(_: LRMonitor) -> None:
    weight, optimizer, scheduler = plain()
    for batch in range(40):
        (weight.square().sum() / 4).backward()
        if batch % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()


@program("a plain loop with a GradScaler")
def _(_: LRMonitor) -> None:
    weight, optimizer, scheduler = plain()
    scaler = torch.amp.GradScaler("cpu", init_scale=65536.0, growth_interval=2)
    for batch in range(20):
        optimizer.zero_grad()
        loss = weight.square().sum() * (torch.inf if batch in (1, 2, 7, 8, 9, 15) else 1.0)
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()


@program("torch's averaging in a plain loop")
def _(_: LRMonitor) -> None:
    weight, optimizer, scheduler = plain()
    averaging = swa_utils.SWALR(optimizer, swa_lr=0.05)
    for batch in range(10):
        optimizer.zero_grad()
        weight.square().sum().backward()
        optimizer.step()
        (averaging if batch > 5 else scheduler).step()


@program("a plain loop that resumes")
def _(_: LRMonitor) -> None:
    _, optimizer, scheduler = plain()
    for _ in range(4):
        optimizer.step()
        scheduler.step()
    states = optimizer.state_dict(), scheduler.state_dict()
    _, optimizer, scheduler = plain()
    optimizer.load_state_dict(states[0])
    scheduler.load_state_dict(states[1])
    for _ in range(6):
        optimizer.step()
        scheduler.step()


# --- the table --------------------------------------------------------------------------------------------------------


@contextmanager
def no_warning_of_ours() -> Iterator[None]:
    """Warnings of other packages are theirs."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    ours = [str(warning.message) for warning in caught if issubclass(warning.category, ScheduleWarning)]
    ours += [str(warning.message) for warning in caught if "scheduler.step()" in str(warning.message)]
    assert ours == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_right_program_is_quiet(name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No finding, and no warning."""
    monkeypatch.chdir(tmp_path)
    monitor = LRMonitor()
    with no_warning_of_ours():
        PROGRAMS[name](monitor)

    assert monitor.findings == ()
