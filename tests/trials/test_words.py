"""The messages of the package about a run: one table of the right findings; each line to write is pasted, and runs without a warning."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import lightning as L
import pytest
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from torch.optim import SGD, Optimizer
from torch.optim import lr_scheduler as torch_lr
from torch.utils.data import DataLoader

from lr_toolkit import (
    Horizon,
    LRMonitor,
    LRWarmup,
    ReduceOnPlateau,
    Schedule,
    ScheduledLR,
    ScheduleError,
    ScheduleMixin,
    ScheduleWarning,
    configure_optimizers,
    cosine,
    hold,
    scheduler_config,
)
from tests.helpers import runs
from tests.helpers.fits import Probe, WrongLength, data, fit

Run = Callable[[LRMonitor], Any]


@dataclass(frozen=True)
class Entry:
    """A situation.

    Args:
        run: the run, with the monitor as a callback.
        finds: a regular expression for each finding, in order.
        raises: the error of Lightning, of torch or of this package that is right.
        error: a regular expression for the message of that error.
    """

    run: Run
    finds: tuple[str, ...] = ()
    raises: type[Exception] | None = None
    error: str = ""


ENTRIES: dict[str, Entry] = {}


def entry(name: str, *finds: str, raises: type[Exception] | None = None, error: str = "") -> Any:
    """Enter the decorated function into the table."""

    def enter(run: Run) -> Run:
        ENTRIES[name] = Entry(run, finds, raises, error)
        return run

    return enter


def returns(make: Callable[[Optimizer], Any], *, net: type[Probe] = Probe, **options: Any) -> Run:
    """A fit whose module returns what ``make`` gives: 3 epochs of 8 batches."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        return {"optimizer": optimizer, "lr_scheduler": make(optimizer)}

    return lambda monitor: fit(net(answer), monitor, **({"max_epochs": 3} | options))


# --- a length that is not known ---------------------------------------------------------------------------------------


def then_a_lambda(optimizer: Optimizer) -> Any:
    """A warmup, then a function whose length nobody knows."""
    parts = [torch_lr.LinearLR(optimizer, 0.1, 1.0, 3), torch_lr.LambdaLR(optimizer, lambda k: 0.95**k)]
    return {"scheduler": torch_lr.SequentialLR(optimizer, parts, [3]), "interval": "step"}


entry("a SequentialLR that ends in a LambdaLR")(returns(then_a_lambda))


# --- manual optimization ----------------------------------------------------------------------------------------------


class Manual(Probe):
    """Optimizes by hand, and steps no scheduler."""

    def __init__(self, answer: Any, **options: Any) -> None:
        super().__init__(answer, **options)
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Step each optimizer."""
        optimizers = self.optimizers()
        for optimizer in optimizers if isinstance(optimizers, list) else [optimizers]:
            optimizer.zero_grad()
            self.manual_backward(super().training_step(batch, batch_idx))
            optimizer.step()
        self.after_updates()

    def after_updates(self) -> None:
        """Nothing, here."""


class PerUpdate(Manual):
    """The line to write for a scheduler that counts updates."""

    def after_updates(self) -> None:
        """Step it."""
        self.lr_schedulers().step()


class PerEpoch(Manual):
    """The line to write for a scheduler that counts epochs."""

    def on_train_epoch_end(self) -> None:
        """Step it."""
        self.lr_schedulers().step()


class PerMetric(Manual):
    """The line to write for a plateau."""

    def on_train_epoch_end(self) -> None:
        """Step it."""
        self.lr_schedulers().step(self.trainer.callback_metrics["val_loss"])


class EveryTenth(Manual):
    """Steps its scheduler every ten epochs, as Lightning's documentation does."""

    def on_train_epoch_end(self) -> None:
        """Step it."""
        if (self.current_epoch + 1) % 10 == 0:
            self.lr_schedulers().step()


def per_update(optimizer: Optimizer) -> Any:
    """torch's cosine over the updates."""
    return {"scheduler": torch_lr.CosineAnnealingLR(optimizer, 96), "interval": "step"}


def per_epoch(optimizer: Optimizer) -> Any:
    """A decay per epoch, in Lightning's default dict."""
    return torch_lr.ExponentialLR(optimizer, 0.9)


def per_metric(optimizer: Optimizer) -> Any:
    """torch's plateau."""
    return {"scheduler": torch_lr.ReduceLROnPlateau(optimizer, patience=99)}


NEVER = "was never stepped in 8 updates of its optimizer: under manual optimization Lightning steps no scheduler. Call "
STEPS = {
    "update": (per_update, PerUpdate, r"self.lr_schedulers\(\).step\(\) after optimizer.step\(\)\."),
    "epoch": (per_epoch, PerEpoch, r"self.lr_schedulers\(\).step\(\) in on_train_epoch_end\."),
    "metric": (
        per_metric,
        PerMetric,
        r"self.lr_schedulers\(\).step\(self.trainer.callback_metrics\['val_loss'\]\) in on_train_epoch_end\.",
    ),
}

for kind, (make, right, call) in STEPS.items():
    entry(f"never stepped, counts each {kind}", f"LR501: \\w+ {NEVER}{call}")(
        returns(make, net=Manual, max_epochs=12, validate=True)
    )
    entry(f"stepped as the message shows, counts each {kind}")(returns(make, net=right, max_epochs=12, validate=True))
entry("stepped every ten epochs")(returns(per_epoch, net=EveryTenth, max_epochs=22))


@entry(
    "one of two schedulers is never stepped",
    r"LR501: ExponentialLR was never stepped in 8 updates of its optimizer \(Adam, self.optimizers\(\)\[1\]\): .*"
    r"Call self.lr_schedulers\(\)\[1\].step\(\) in on_train_epoch_end\.",
)
def _(monitor: LRMonitor) -> None:
    class First(Manual):
        def on_train_epoch_end(self) -> None:
            self.lr_schedulers()[0].step()

    def answer(net: Probe) -> Any:
        optimizers = [SGD(net.parameters(), lr=0.1), torch.optim.Adam(net.parameters(), lr=0.1)]
        return optimizers, [torch_lr.ExponentialLR(optimizer, 0.9) for optimizer in optimizers]

    fit(First(answer), monitor, max_epochs=2)


# --- two schedules in one run -----------------------------------------------------------------------------------------


class TwoSchedules(Manual):
    """Two optimizers, each with a schedule of this package."""

    options: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__(self.both, groups=2)

    def both(self, _: Probe) -> Any:
        """An optimizer for each weight."""
        first, second = self.weights
        optimizers = [SGD([first], lr=0.1), torch.optim.Adam([second], lr=0.1)]
        configs = [scheduler_config(optimizer, cosine(), self.trainer, **self.options) for optimizer in optimizers]
        return optimizers, configs


class Dropped(TwoSchedules):
    """The checkpoint keeps no schedule."""

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Drop both."""
        checkpoint["lr_schedulers"] = []


class DroppedJumps(Dropped):
    """The line to write, for each of the two."""

    def on_train_start(self) -> None:
        """Step both."""
        self.lr_schedulers()[0].step(8)
        self.lr_schedulers()[1].step(8)


class TrainOn(Callback):
    """Raises the limit when the last epoch has ended."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Raise it."""
        if trainer.current_epoch == 2:
            trainer.fit_loop.max_epochs = 6


def twice(text: str) -> tuple[str, str]:
    """What is found of each of the two."""
    return text % r"\(SGD, self.optimizers\(\)\[0\]\)", text % r"\(Adam, self.optimizers\(\)\[1\]\)"


@entry(
    "two schedules, a wrong length",
    *twice(r"LR521: An epoch had 5 batches.* The run has 15 updates now, and the schedule %s was made for 24\."),
)
def _(monitor: LRMonitor) -> None:
    runs.trainer(max_epochs=3, callbacks=[monitor]).fit(TwoSchedules(), WrongLength(5))


@entry("two schedules, the limit that the message names")
def _(monitor: LRMonitor) -> None:
    runs.trainer(max_epochs=3, callbacks=[monitor], limit_train_batches=5).fit(TwoSchedules(), WrongLength(5))


@entry(
    "two schedules, a run that gets longer after they have ended",
    *twice(r"LR522: The run has 48 updates now, and the schedule %s was made for 24\. .*on_change='replan'"),
)
def _(monitor: LRMonitor) -> None:
    fit(TwoSchedules(), monitor, TrainOn(), max_epochs=3)


@entry("two schedules, the policy that the message names")
def _(monitor: LRMonitor) -> None:
    fit(type("Replans", (TwoSchedules,), {"options": {"on_change": "replan"}})(), monitor, TrainOn(), max_epochs=3)


DROPPED: dict[str, tuple[type[TwoSchedules], tuple[str, ...]]] = {
    "without the schedules": (
        Dropped,
        tuple(
            f"{text}.*self.lr_schedulers\\(\\)\\[{index}\\].step\\(8\\) in"
            for index, text in enumerate(twice("LR523: The checkpoint goes on .* no state of the schedule %s, which"))
        ),
    ),
    "with the policy that the message names": (type("Restarts", (Dropped,), {"options": {"on_change": "restart"}}), ()),
    "with the step that the message names": (DroppedJumps, ()),
}
for name, (kind, finds) in DROPPED.items():

    @entry(f"two schedules, a checkpoint {name}", *finds)
    def _(monitor: LRMonitor, kind: type[TwoSchedules] = kind) -> None:
        first = fit(TwoSchedules(), max_epochs=1)
        with TemporaryDirectory() as folder:
            first.save_checkpoint(Path(folder) / "half.ckpt")
            fit(kind(), monitor, max_epochs=3, ckpt_path=Path(folder) / "half.ckpt")


# --- stepped twice ----------------------------------------------------------------------------------------------------


class StepsInHook(Probe):
    """Steps its scheduler after each update."""

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """As in the examples of many projects."""
        super().optimizer_step(*args, **kwargs)
        scheduler: Any = self.lr_schedulers() or self.scheduler
        scheduler.step()


class ReadsInHook(Probe):
    """Logs the LR of its scheduler."""

    def on_train_batch_end(self, *args: Any) -> None:
        """A reader."""
        self.log("read", self.lr_schedulers().get_last_lr()[0])


def cosine_per_epoch(optimizer: Optimizer) -> Any:
    """torch's cosine over the updates, in Lightning's default dict."""
    return torch_lr.CosineAnnealingLR(optimizer, 24)


def cosine_per_update(optimizer: Optimizer) -> Any:
    """The same, stepped by Lightning after each update."""
    return {"scheduler": cosine_per_epoch(optimizer), "interval": "step"}


def ours_per_epoch(optimizer: Optimizer) -> Any:
    """Ours in a dict of the module's own; a step that follows no update does not count."""
    return ScheduledLR(optimizer, cosine(), Horizon(24))


TWICE = (
    r"LR241: CosineAnnealingLR was stepped {} times in 8 updates of its optimizer: Lightning steps it \(interval='{}'\)"
)

entry("a hook steps, and Lightning each epoch", TWICE.format(9, "epoch"))(returns(cosine_per_epoch, net=StepsInHook))
entry("a hook steps, and Lightning each update", TWICE.format(16, "step"))(returns(cosine_per_update, net=StepsInHook))
entry("Lightning alone steps")(returns(cosine_per_update))
entry("a hook steps ours")(returns(ours_per_epoch, net=StepsInHook))
entry("a hook reads", r"LR202: CosineAnnealingLR has T_max=24, and gets 3 steps")(
    returns(cosine_per_epoch, net=ReadsInHook)
)


@entry("a hook steps a scheduler that is not returned")
def _(monitor: LRMonitor) -> None:
    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        net.scheduler = cosine_per_epoch(optimizer)
        return optimizer

    class Alone(StepsInHook):
        def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
            Probe.optimizer_step(self, *args, **kwargs)
            self.scheduler.step()

    fit(Alone(answer), monitor, max_epochs=3)


# --- who wrote the LR -------------------------------------------------------------------------------------------------


class Reads(Callback):
    """A recorder."""

    def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
        """Read."""
        self.last = {"lr": trainer.optimizers[0].param_groups[0]["lr"]}


class Keeps(Callback):
    """Recorders that write to dicts of their own."""

    def __init__(self) -> None:
        self.row: dict[str, Any] = {}

    def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
        """Keep it in an attribute."""
        self.row["lr"] = trainer.optimizers[0].param_groups[0]["lr"]

    def on_train_epoch_start(self, trainer: Any, *args: Any) -> None:
        """Keep it in a new dict, and in one with an entry."""
        row: dict[str, Any] = {}
        other: dict[str, Any] = {"epoch": trainer.current_epoch}
        for group in trainer.optimizers[0].param_groups:
            row["lr"] = other["lr"] = group["lr"]
        self.rows = [row, other]


class WritesInALoop(Callback):
    """Writes to each group."""

    def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
        """Write."""
        if trainer.global_step == 3:
            lr = 0.5
            for group in trainer.optimizers[0].param_groups:
                group["lr"] = lr


class Writes(Callback):
    """Halves the LR for one update."""

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """Write."""
        if trainer.global_step == 3:
            trainer.optimizers[0].param_groups[0]["lr"] *= 0.5


def scheduled(lr: Any, *callbacks: Callback, **options: Any) -> Run:
    """A fit with a schedule of ours."""

    def answer(net: Probe) -> Any:
        return configure_optimizers(net.sgd(lr=lr), cosine(), net.trainer)

    return lambda monitor: fit(Probe(answer), monitor, *callbacks, log_every_n_steps=1, **options)


entry("a callback writes and one reads", r"LR601: Update 3 .*Likely causes: Writes writes group\['lr'\]")(
    scheduled(0.1, Reads(), Writes())
)
entry(
    "a callback writes in a loop, and one keeps", r"LR601: Update 3 .*Likely causes: WritesInALoop writes group\['lr'\]"
)(scheduled(0.1, Keeps(), WritesInALoop()))
entry("a callback replaces a tensor", r"LR601: Update 3 .*Likely causes: Writes writes group\['lr'\]")(
    scheduled(torch.tensor(0.1), Reads(), Writes())
)


class WritesOnce(Callback):
    """Writes a number, whatever is there."""

    def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
        """Write."""
        if trainer.global_step == 3:
            trainer.optimizers[0].param_groups[0]["lr"] = 0.5


for lr in (0.1, torch.tensor(0.1)):
    for groups in (1, 2):

        @entry(
            f"a direct write during a ramp, {type(lr).__name__}, {groups} groups",
            "LR702: .* was written to directly",
            "LR601: Update 3 ",
        )
        def _(monitor: LRMonitor, lr: Any = lr, groups: int = groups) -> None:
            def answer(net: Probe) -> Any:
                return configure_optimizers(net.sgd(lr=copy.copy(lr)), "linear()", net.trainer)

            net = Probe(answer, groups=groups)
            fit(net, LRWarmup(6), WritesOnce(), monitor, log_every_n_steps=1)
            right = [0.1 * (1 - k / 8) * min((k + 1) / 7, 1) for k in range(8)]
            right[3] = 0.5 * 4 / 7
            assert [lrs[0] for _, lrs in net.used] == pytest.approx(right)


# --- a metric that is not there ---------------------------------------------------------------------------------------


class TwoLoaders(Probe):
    """Two validation loaders, so each name has the number of the loader."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """A loss with a name that resembles the metric's."""
        self.log("train_loss", torch.ones(()))
        return super().training_step(batch, batch_idx)

    def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """A metric of each loader."""
        self.log("val_loss", torch.ones(()))


def watched(make: Callable[[Probe, Optimizer], Any], **options: Any) -> Run:
    """A fit with two validation loaders."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        return {"optimizer": optimizer, "lr_scheduler": make(net, optimizer)}

    def run(monitor: LRMonitor) -> None:
        trainer = runs.trainer(**({"max_epochs": 2, "callbacks": [monitor], "limit_val_batches": 1} | options))
        trainer.fit(TwoLoaders(answer), data(4), [data(1), data(1)])

    return run


def ours(monitor: str) -> Callable[[Probe, Optimizer], Any]:
    """Our plateau."""
    rule = ReduceOnPlateau(monitor=monitor, patience=99)
    return lambda net, optimizer: configure_optimizers(optimizer, hold(), net.trainer, plateau=rule)["lr_scheduler"]


def torchs(monitor: str) -> Callable[[Probe, Optimizer], Any]:
    """torch's plateau."""
    return lambda net, optimizer: {
        "scheduler": torch_lr.ReduceLROnPlateau(optimizer, patience=99),
        "monitor": monitor,
    }


MISSING = r"LR402: The plateau watches 'val_loss', .*Did you mean monitor='val_loss/dataloader_idx_0'\?"
NAMED = r"no such metric was logged .*Did you mean monitor='val_loss/dataloader_idx_0'\?"

entry("two loaders, our plateau, seen by the sanity validation", MISSING, raises=ScheduleError, error=NAMED)(
    watched(ours("val_loss"), num_sanity_val_steps=1)
)
entry("two loaders, our plateau", raises=ScheduleError, error=NAMED)(watched(ours("val_loss"), num_sanity_val_steps=0))
entry("two loaders, torch's plateau", MISSING, raises=MisconfigurationException)(
    watched(torchs("val_loss"), num_sanity_val_steps=1)
)
for number in (0, 1):
    for watch in (ours, torchs):
        entry(f"two loaders, the name that was found, {watch.__name__}, {number}")(
            watched(watch(f"val_loss/dataloader_idx_{number}"), num_sanity_val_steps=1)
        )


# --- horizons that differ from the Trainer's --------------------------------------------------------------------------


class Growing(Probe):
    """Epochs of 5, 10, 20 and 20 batches."""

    def train_dataloader(self) -> DataLoader[Any]:
        """The loader of this epoch."""
        return data([5, 10, 20, 20][self.trainer.current_epoch])


@entry("a horizon with the length of each epoch")
def _(monitor: LRMonitor) -> None:
    def answer(net: Probe) -> Any:
        return configure_optimizers(net.sgd(), cosine(), net.trainer, horizon=Horizon(55, [5, 10, 20, 20]))

    net = Growing(answer)
    runs.trainer(max_epochs=4, reload_dataloaders_every_n_epochs=1, callbacks=[monitor]).fit(net)
    assert [lrs for _, lrs in net.used] == [
        pytest.approx(lrs)
        for lrs in map(ScheduledLR(SGD(net.parameters(), lr=0.1), cosine(), Horizon(55)).planned, range(55))
    ]


KEPT = {
    "torch's": lambda net, optimizer: {"scheduler": torch_lr.CosineAnnealingLR(optimizer, 40), "interval": "step"},
    "ours": lambda net, optimizer: scheduler_config(optimizer, cosine(), net.trainer, horizon=Horizon(40)),
}

for whose, make in KEPT.items():

    @entry(f"several fits that keep optimizer and schedule, {whose}")
    def _(monitor: LRMonitor, make: Callable[[Probe, Optimizer], Any] = make) -> None:
        kept: list[Any] = []

        def answer(net: Probe) -> Any:
            if not kept:
                optimizer = net.sgd()
                kept.extend([[optimizer], [make(net, optimizer)]])
            return tuple(kept)

        net = Probe(answer)
        for number in range(5):
            with warnings.catch_warnings():
                if number < 2:  # that other fits follow is not known before the schedule is half run
                    warnings.simplefilter("ignore")
                fit(net, LRMonitor() if number < 4 else monitor)
        planned = ScheduledLR(SGD(net.parameters(), lr=0.1), cosine(), Horizon(40)).planned
        assert [lrs for _, lrs in net.used] == [pytest.approx(planned(k)) for k in range(40)]


@entry("a fit after the schedule has ended", r"LR203: CosineAnnealingLR has T_max=8, and gets 24 steps")
def _(monitor: LRMonitor) -> None:
    kept: list[Any] = []

    def answer(net: Probe) -> Any:
        if not kept:
            optimizer = net.sgd()
            kept.append([optimizer])
            kept.append([{"scheduler": torch_lr.CosineAnnealingLR(optimizer, 8), "interval": "step"}])
        return tuple(kept)

    net = Probe(answer)
    for number in range(3):
        fit(net, monitor if number == 2 else LRMonitor())


# --- other words ------------------------------------------------------------------------------------------------------


@entry(
    "a builder that is not there",
    raises=ScheduleError,
    error=r"cannot read 'chebyshev'\. If it is registered in a module of yours, import .*\. The builders are",
)
def _(_: LRMonitor) -> None:
    Schedule.parse("chebyshev()")


@entry(
    "a builder whose name resembles another curve's",
    raises=ScheduleError,
    error=r"missing a required argument: 'timescale'\. Write inverse_sqrt\(timescale='5%'\)",
)
def _(_: LRMonitor) -> None:
    Schedule.parse("inverse_sqrt()")


@entry("a builder with a slip", raises=ScheduleError, error=r"Did you mean one_minus_sqrt\(\.\.\.\)\?")
def _(_: LRMonitor) -> None:
    Schedule.parse("one_minus_sqr()")


def to_zero(updates: int) -> Callable[[Optimizer], Any]:
    """At 0 from that update on."""
    return lambda optimizer: {
        "scheduler": torch_lr.LambdaLR(optimizer, lambda k: max(1 - k / updates, 0)),
        "interval": "step",
    }


DEAD = {
    11: ("LR302: From update 11 of 24 on",),
    12: ("LR302: From update 12 of 24 on",),
    13: ("LR302: The last 11 of 24 updates have a learning rate of 0",),
    22: ("LR302: The last 2 of 24 updates have a learning rate of 0",),
    23: (),
    24: (),
}
for dead, finds in DEAD.items():
    entry(f"{24 - dead} of 24 updates at 0", *finds)(returns(to_zero(dead)))


@entry("a freeze of a group")
def _(monitor: LRMonitor) -> None:
    def answer(net: Probe) -> Any:
        return configure_optimizers(net.sgd(), "warmup(4) >> cosine()", net.trainer)

    fit(Probe(answer, groups=2), LRWarmup(4, 0.0, "constant", groups=[1]), monitor)


@entry(
    "Adafactor without an lr",
    raises=ScheduleError,
    error=r"Write Adafactor\(parameters, lr=1e-3, relative_step=False, warmup_init=False\)",
)
def _(_: LRMonitor) -> None:
    from transformers.optimization import Adafactor

    ScheduledLR(Adafactor([torch.nn.Parameter(torch.zeros(1))]), cosine(), Horizon(8))


@entry("a mixin with a horizon and no Trainer")
def _(_: LRMonitor) -> None:
    class Alone(ScheduleMixin, L.LightningModule):
        schedule = cosine()
        horizon = Horizon(8)

        def build_optimizer(self) -> Optimizer:
            return SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)

    config: Any = Alone().configure_optimizers()
    assert config["lr_scheduler"]["scheduler"].horizon == Horizon(8)


class StepsAhead(Probe):
    """Steps its scheduler to a resume point."""

    times = 20

    def on_train_start(self) -> None:
        """As often as updates were taken, without an update."""
        for _ in range(self.times):
            self.lr_schedulers().step()


class StepsFiveAhead(StepsAhead):
    """Takes fewer steps than a GradScaler may skip updates."""

    times = 5


def steps_before_it_returns(net: Probe) -> Any:
    """The same steps in ``configure_optimizers``."""
    config = configure_optimizers(net.sgd(), cosine(), net.trainer)
    for _ in range(5):
        config["lr_scheduler"]["scheduler"].step()
    return config


class JumpsAhead(Probe):
    """The line to write."""

    def on_train_start(self) -> None:
        """Once."""
        self.lr_schedulers().step(20)


@entry("steps to a resume point", r"LR531: .* To begin at a later update n, call scheduler.step\(n\) once")
def _(monitor: LRMonitor) -> None:
    fit(StepsAhead(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer, horizon=Horizon(28))), monitor)


FIVE = r"LR531: scheduler.step\(\) was called 5 times before training began, .* call scheduler.step\(5\) once\.$"


@entry("a few steps to a resume point", FIVE)
def _(monitor: LRMonitor) -> None:
    fit(StepsFiveAhead(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer)), monitor)


@entry("a few steps to a resume point, in configure_optimizers", FIVE)
def _(monitor: LRMonitor) -> None:
    fit(Probe(steps_before_it_returns), monitor)


class SkipsAtFirst(Probe):
    """Skips the updates of the first epoch, as a GradScaler does: the optimizer's ``step()`` is not called."""

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """Compute the gradient alone."""
        if epoch:
            super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        else:
            optimizer_closure()


@entry("updates that are skipped in the first epoch")
def _(monitor: LRMonitor) -> None:
    net = SkipsAtFirst(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer))
    fit(net, monitor, max_epochs=3, batches=4)


@entry("a step to a resume point")
def _(monitor: LRMonitor) -> None:
    net = JumpsAhead(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer, horizon=Horizon(28)))
    fit(net, monitor)
    planned = ScheduledLR(SGD(net.parameters(), lr=0.1), cosine(), Horizon(28)).planned
    assert [lrs for _, lrs in net.used] == [pytest.approx(planned(k)) for k in range(20, 28)]


@entry("Adafactor with the lr that the message names")
def _(monitor: LRMonitor) -> None:
    from transformers.optimization import Adafactor

    def answer(net: Probe) -> Any:
        optimizer = Adafactor(net.parameters(), lr=1e-3, relative_step=False, warmup_init=False)
        return configure_optimizers(optimizer, cosine(), net.trainer)

    fit(Probe(answer), monitor)


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ENTRIES)
def test_the_words_are_right(name: str) -> None:
    """Each situation of the table has exactly its findings, and no other warning."""
    entry, monitor = ENTRIES[name], LRMonitor()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if entry.raises:
            with pytest.raises(entry.raises, match=entry.error or None):
                entry.run(monitor)
        else:
            entry.run(monitor)
    messages = [str(warning.message) for warning in caught if issubclass(warning.category, ScheduleWarning)]

    assert messages == [str(finding) for finding in monitor.findings]
    assert len(messages) == len(entry.finds)
    for text, expected in zip(messages, entry.finds, strict=True):
        assert re.match(expected, text)
