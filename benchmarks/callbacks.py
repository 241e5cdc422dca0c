"""The cost of the callbacks at each step, measured during a real run and compared with Lightning's and pytorch_warmup's."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import lightning as L
import pytorch_warmup
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.loggers.logger import DummyLogger
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR
from torch.utils.data import DataLoader

from benchmarks.steps import RUN, Still, optimizer_of
from benchmarks.timing import Call, Row, medians
from lr_toolkit import Horizon, LRMonitor, LRWarmup, configure_optimizers
from lr_toolkit.lightning.monitor.recorder import UpdateRecorder

COUNTS = (1, 10, 100)  # of parameter groups
Scheduling = Callable[[L.LightningModule, Optimizer], Any]


class Model(L.LightningModule):
    """A module of parameter groups of one weight each."""

    def __init__(self, count: int, scheduling: Scheduling, optimizer: Callable[[Any], Optimizer] = SGD) -> None:
        super().__init__()
        self.count, self.scheduling, self.optimizer = count, scheduling, optimizer
        self.weights = torch.nn.ParameterList([torch.nn.Parameter(torch.ones(1)) for _ in range(count)])

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """A loss that gives each weight a gradient."""
        return sum(weight.square().sum() for weight in self.weights)

    def configure_optimizers(self) -> Any:
        """An optimizer with another base LR in each group."""
        groups = [{"params": [weight], "lr": 0.1 / (index + 1)} for index, weight in enumerate(self.weights)]
        return self.scheduling(self, self.optimizer(groups))


def by_us(model: L.LightningModule, optimizer: Optimizer) -> Any:
    """This package's cosine."""
    return configure_optimizers(optimizer, "cosine()", model.trainer, horizon=Horizon(RUN))


def by_torch(_: L.LightningModule, optimizer: Optimizer) -> Any:
    """torch's cosine."""
    return [optimizer], [{"scheduler": CosineAnnealingLR(optimizer, RUN), "interval": "step"}]


class Probe(L.Callback):
    """Times functions of a running Trainer after its third batch."""

    def __init__(self, calls: Callable[[L.Trainer, L.LightningModule], dict[str, Call]]) -> None:
        self.calls = calls
        self.seconds: dict[str, float] = {}

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Measure, after the run was set up."""
        if batch_idx == 2:
            self.seconds = medians(self.calls(trainer, pl_module))


def in_a_run(
    calls: Callable[[L.Trainer, L.LightningModule], dict[str, Call]],
    callbacks: list[L.Callback],
    model: L.LightningModule,
    logger: Logger,
) -> dict[str, float]:
    """The seconds of each of ``calls`` in a running Trainer."""
    probe = Probe(calls)
    trainer_of([*callbacks, probe], logger, max_steps=5).fit(model, DataLoader(torch.zeros(5, 1)))
    return probe.seconds


def trainer_of(callbacks: list[L.Callback], logger: Logger | bool, **options: Any) -> L.Trainer:
    """A quiet Trainer."""
    quiet = {"enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    return L.Trainer(
        accelerator="cpu", devices=1, callbacks=callbacks, logger=logger, **{"log_every_n_steps": 1} | quiet | options
    )


class MinimalMonitor:
    """The work of any monitor: read each LR at its update, and at the cadence pass a row of them to each logger."""

    def __init__(self, count: int) -> None:
        self.names = [f"lr/pg{index + 1}" for index in range(count)]
        self.rows: list[dict[str, float]] = []
        self.lrs: list[float] = []

    def capture(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """A hook of the optimizer."""
        self.lrs = [group["lr"] for group in optimizer.param_groups]

    def on_train_batch_end(self, trainer: L.Trainer) -> None:
        """A hook of the Trainer."""
        step = trainer.fit_loop.epoch_loop._batches_that_stepped
        if (step + 1) % trainer.log_every_n_steps == 0:  # type: ignore[attr-defined]  # set by its logger connector
            row = dict(zip(self.names, self.lrs, strict=True))
            self.rows.append(row)
            for logger in trainer.loggers:
                logger.log_metrics(row, step=step)


def monitor_row(count: int, logger: Logger) -> Row:
    """The hooks of the Trainer and of the optimizer that run at a logged step, of both monitors."""
    mine, theirs = LRMonitor(), LearningRateMonitor()

    def calls(trainer: L.Trainer, module: L.LightningModule) -> dict[str, Call]:
        optimizer, loop = trainer.optimizers[0], trainer.fit_loop.epoch_loop
        hooks = optimizer._optimizer_step_post_hooks.values()
        (record,) = (hook for hook in hooks if isinstance(getattr(hook, "__self__", None), UpdateRecorder))

        def ours() -> None:
            loop._batches_that_stepped += 1
            record(optimizer, (), {})
            mine.on_train_batch_end(trainer, module, None, None, 0)

        def lightnings() -> None:
            loop._batches_that_stepped += 1
            theirs.on_train_batch_start(trainer)

        minimal = MinimalMonitor(count)

        def floor() -> None:
            loop._batches_that_stepped += 1
            minimal.capture(optimizer, (), {})
            minimal.on_train_batch_end(trainer)

        with_floor = not isinstance(logger, TensorBoardLogger)
        return {"ours": ours, "LearningRateMonitor": lightnings, **({"floor": floor} if with_floor else {})}

    seconds = in_a_run(calls, [mine, theirs], Model(count, by_us), logger)
    name = "TensorBoard" if isinstance(logger, TensorBoardLogger) else "a logger that does nothing"
    what = f"LRMonitor, a logged step, {count} group{'s' * (count > 1)}, {name}"
    return Row(what, seconds.pop("ours"), seconds)


def warmup_row(count: int) -> Row:
    """An update, a step of torch's cosine and a ramp on top of it, of both packages."""
    mine = LRWarmup(RUN // 2, horizon=Horizon(RUN))

    def calls(trainer: L.Trainer, module: L.LightningModule) -> dict[str, Call]:
        optimizer, scheduler = trainer.optimizers[0], trainer.lr_scheduler_configs[0].scheduler

        def ours() -> None:
            mine.on_train_batch_start(trainer, module, None, 0)
            optimizer.step()
            scheduler.step()
            mine.on_train_batch_end(trainer, module, None, None, 0)

        # CPython runs torch's own step an eighth more slowly once the scheduler's __dict__ was read. For the peer the first
        # checkpoint reads it, by state_dict(); for ours it is read at once, when the class changes.
        return {
            "ours": ours,
            "pytorch_warmup": dampened(count, is_saved=True),
            "pytorch_warmup before the first checkpoint": dampened(count, is_saved=False),
        }

    seconds = in_a_run(calls, [mine], Model(count, by_torch, Still), DummyLogger())
    what = f"update, step and LRWarmup, torch's cosine, {count} group{'s' * (count > 1)}"
    return Row(what, seconds.pop("ours"), seconds, {"pytorch_warmup": 1.1})


def dampened(count: int, *, is_saved: bool) -> Call:
    """The update of the peer, in a run with or without a saved checkpoint."""
    optimizer = optimizer_of(count, alike=False)
    scheduler = CosineAnnealingLR(optimizer, RUN)
    optimizer.step()
    if is_saved:
        scheduler.state_dict()
    ramp = pytorch_warmup.LinearWarmup(optimizer, RUN // 2)

    def update() -> None:
        optimizer.step()
        with ramp.dampening():
            scheduler.step()

    return update


def rows() -> Iterator[Row]:
    """The monitor by number of groups and logger, then the warmup."""
    for count in COUNTS:
        yield monitor_row(count, DummyLogger())
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            yield monitor_row(count, TensorBoardLogger(folder))
    for count in COUNTS:
        yield warmup_row(count)
