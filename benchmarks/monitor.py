"""What ``LRMonitor`` costs for each logged update, beside Lightning's ``LearningRateMonitor``, in one process.

The hooks that the two take part in are called as the Trainer calls them, in turns, and the medians compared: read the
figures as ratios. Run: ``python benchmarks/monitor.py``.
"""

from __future__ import annotations

import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from torch.optim import SGD
from torch.utils.data import DataLoader, TensorDataset

from lr_toolkit import LRMonitor, configure_optimizers, cosine

_ROUNDS, _CALLS = 30, 60


class Silent(Logger):
    """A logger that does nothing."""

    name = "silent"
    version = "0"

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Nothing."""

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Nothing."""


class Net(L.LightningModule):
    """So many parameter groups, each with its own LR."""

    def __init__(self, groups: int, tensor: bool) -> None:
        super().__init__()
        self.weights = torch.nn.ParameterList(torch.nn.Parameter(torch.ones(1)) for _ in range(groups))
        self.tensor = tensor

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """Some loss."""
        return sum(weight.sum() for weight in self.weights)

    def configure_optimizers(self) -> Any:
        """SGD with a schedule that is stepped per update."""
        lrs = [1e-3 * (at + 1) for at in range(len(self.weights))]
        groups = [
            {"params": [one], "lr": torch.tensor(lr) if self.tensor else lr}
            for one, lr in zip(self.weights, lrs, strict=True)
        ]
        return configure_optimizers(SGD(groups, lr=1e-3), cosine(), self.trainer)


class Measures(L.Callback):
    """Measures two monitors in the middle of a real epoch, where all that they read is as it is in training."""

    def __init__(self, ours: LRMonitor, theirs: LearningRateMonitor) -> None:
        self.ours, self.theirs = ours, theirs
        self.logged: dict[str, float] = {}
        self.not_logged: dict[str, float] = {}

    def on_train_batch_end(self, trainer: L.Trainer, net: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Once, at the second batch."""
        if batch_idx != 1:
            return
        loop, optimizer = trainer.fit_loop.epoch_loop, trainer.optimizers[0]
        captures = [one.capture for one in self.ours._tracks]

        def ours() -> None:
            self.ours.on_train_batch_start(trainer, net, batch, batch_idx)
            for capture in captures:
                capture._after(optimizer, (), {})
            self.ours.on_train_batch_end(trainer, net, outputs, batch, batch_idx)
            loop._batches_that_stepped += 1

        def theirs() -> None:
            self.theirs.on_train_batch_start(trainer, batch, batch_idx)
            self.theirs.on_train_batch_end(trainer, net, outputs, batch, batch_idx)
            loop._batches_that_stepped += 1

        before, trainer.log_every_n_steps = trainer.log_every_n_steps, 1  # type: ignore[attr-defined]
        self.logged = _medians({"ours": ours, "theirs": theirs})
        trainer.log_every_n_steps = 10**9  # type: ignore[attr-defined]
        self.not_logged = _medians({"ours": ours, "theirs": theirs})
        trainer.log_every_n_steps = before  # type: ignore[attr-defined]
        trainer.should_stop = True


def _medians(calls: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Microseconds of a call: the median over rounds in which all take their turn."""
    seen: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(_ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(_CALLS):
                call()
            seen[name].append((time.perf_counter() - start) / _CALLS * 1e6)
    return {name: statistics.median(times) for name, times in seen.items()}


def measure(groups: int, logger: Logger, names: Any, *, tensor: bool = False) -> Measures:
    """Both monitors in one run."""
    ours, theirs = LRMonitor("step", names=names, table=False), LearningRateMonitor("step")
    measures = Measures(ours, theirs)
    trainer = L.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=1,
        logger=logger,
        callbacks=[ours, theirs, measures],
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
    )
    trainer.fit(Net(groups, tensor), DataLoader(TensorDataset(torch.ones(4, 1))))
    return measures


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(
        f"{'groups':>6} {'logger':<12} {'names':<10} {'ours µs':>9} {'theirs µs':>10} {'ratio':>7} {'not logged µs':>14}"
    )
    for groups in (1, 100):
        for kind in ("silent", "TensorBoard"):
            for names in ("stable", "lightning"):
                with tempfile.TemporaryDirectory() as folder:
                    logger = Silent() if kind == "silent" else TensorBoardLogger(folder)
                    done = measure(groups, logger, names)
                one, two = done.logged["ours"], done.logged["theirs"]
                print(
                    f"{groups:>6} {kind:<12} {names:<10} {one:>9.1f} {two:>10.1f} {one / two:>7.3f} "
                    f"{done.not_logged['ours']:>14.1f}"
                )


if __name__ == "__main__":
    main()
