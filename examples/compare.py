"""Every strategy on one task: a table, a picture of the learning rates above the accuracies, and the logs of all runs.

The same network on the same data under each schedule, with several seeds. A quarter of the training labels is wrong (see
``digits.py``): a learning rate that stays high never settles, one that falls early learns the wrong labels by heart. So
schedules differ here. What one small task cannot show is which schedule is best on yours, nor at another base LR.

Run it: python examples/compare.py [--seeds 3] [--epochs 20] [--out runs/compare]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import lightning as L
import torch
import wandb
from digits import DigitsClassifier, DigitsData, device_of, make_trainer, read_curves
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from lr_toolkit import (
    LRMonitor,
    ReduceOnPlateau,
    Schedule,
    ScheduleMixin,
    cosine,
    custom,
    exponential,
    hold,
    linear,
    multistep,
    step,
    warmup,
)

BASE_LR = 0.5
EVERY = 5  # updates from one logged value to the next


def one_over_t(update: int) -> float:
    """A function of one's own, as for torch's LambdaLR."""
    return 1 / (1 + update / 50)


SCHEDULES = {
    "constant": hold(),
    "step": step("25%", gamma=0.3),
    "multistep": multistep(at=["50%", "75%"]),
    "exponential": exponential(0.8),
    "cosine": cosine(end_lr=0.001),
    "linear": linear(),
    "custom": custom(one_over_t),
    "plateau": hold(),
    "warmup + cosine": warmup("10%") >> cosine(),
}
PLATEAUS = {"plateau": ReduceOnPlateau(monitor="val_loss", factor=0.3, patience=2)}
COLORS = ["#7f7f7f", "#1f77b4", "#17a2b8", "#2ca02c", "#d62728", "#ff7f0e", "#8c564b", "#9467bd", "#e377c2"]


class ScheduledClassifier(ScheduleMixin, DigitsClassifier):
    """The one network, with the schedule as a hyperparameter: its text stands in the loggers' files."""

    def __init__(self, schedule: Schedule, plateau: ReduceOnPlateau | None = None) -> None:
        super().__init__()
        self.save_hyperparameters("schedule")
        self.schedule, self.plateau = schedule, plateau

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=BASE_LR)


class EachEpoch(L.Callback):
    """Calls a function at the end of each epoch."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """One epoch less to wait for."""
        self.call()


@dataclass(frozen=True)
class Run:
    """What one training has shown: curves by epoch, read from the files that it wrote, and the accuracy after it."""

    lr: dict[float, float]
    val_accuracy: dict[float, float]
    test_accuracy: float
    device: str


def train(name: str, seed: int, epochs: int, folder: Path, advance: Callable[[], object]) -> Run:
    """One training under the strategy ``name``, logged to ``folder``."""
    callbacks = [LRMonitor("step"), EachEpoch(advance)]
    trainer = make_trainer(folder, epochs, seed=seed, callbacks=callbacks, log_every_n_steps=EVERY)
    model, data = ScheduledClassifier(SCHEDULES[name], PLATEAUS.get(name)), DigitsData()
    trainer.fit(model, data)
    (measured,) = trainer.test(model, data, verbose=False)
    wandb.finish()  # or the next training would be logged to the same W&B run
    curves, updates = read_curves(folder), trainer.num_training_batches
    return Run(
        lr={update / updates: value for update, value in curves["lr/optimizer"].items()},
        val_accuracy={(update + 1) / updates: value for update, value in curves["val_accuracy"].items()},
        test_accuracy=measured["test_accuracy"],
        device=device_of(trainer),
    )


def show_table(runs: dict[str, list[Run]], console: Console) -> None:
    """What each strategy did, and where it got."""
    table = Table(title=f"Test accuracy, mean ± sd over {len(runs['constant'])} seeds")
    for name in ("strategy", "schedule"):
        table.add_column(name)
    for name in ("peak LR", "final LR", "accuracy"):
        table.add_column(name, justify="right")
    for (name, each), color in zip(runs.items(), COLORS):
        lr = [*each[0].lr.values()]
        accuracies = [100 * run.test_accuracy for run in each]
        spread = f" ± {stdev(accuracies):.1f}" if len(each) > 1 else ""
        text = repr(SCHEDULES[name])
        if name in PLATEAUS:
            text += f"\n+ ReduceOnPlateau({PLATEAUS[name].monitor!r}, ...)"
        table.add_row(f"[{color}]{name}", text, f"{max(lr):.3g}", f"{lr[-1]:.3g}", f"{fmean(accuracies):.1f}{spread} %")
    console.print(table)


def draw(runs: dict[str, list[Run]], path: Path) -> None:
    """The learning rates of all runs above the accuracies, whose lines are means over the seeds."""
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    for (name, each), color in zip(runs.items(), COLORS):
        for run in each:
            above.plot(*zip(*run.lr.items()), color=color, linewidth=1.6, label=name if run is each[0] else None)
        epochs = list(each[0].val_accuracy)
        mean = [fmean(run.val_accuracy[epoch] for run in each) for epoch in epochs]
        below.plot(epochs, mean, color=color, linewidth=1.6)
    above.set(ylabel="learning rate", ylim=(0, None))
    below.set(ylabel=f"validation accuracy, mean of {len(each)}", xlabel="epoch", ylim=(0.7, 1), xlim=(0, max(epochs)))
    below.yaxis.set_major_formatter(PercentFormatter(1))
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right center", frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Train all, then show it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="how often each strategy is trained")
    parser.add_argument("--epochs", type=int, default=20, help="length of a training")
    parser.add_argument("--out", type=Path, default=Path("runs/compare"), help="folder; former results in it are replaced")
    options = parser.parse_args()

    console = Console()
    runs: dict[str, list[Run]] = {name: [] for name in SCHEDULES}
    with Progress(console=console) as progress:
        task = progress.add_task("", total=len(SCHEDULES) * options.seeds * options.epochs)
        for name in SCHEDULES:
            for seed in range(options.seeds):
                progress.update(task, description=f"{name}, seed {seed}")
                folder = options.out / name.replace(" ", "") / f"seed{seed}"
                runs[name].append(train(name, seed, options.epochs, folder, lambda: progress.advance(task)))
        progress.update(task, description="all strategies")

    picture = options.out / "comparison.png"
    draw(runs, picture)
    show_table(runs, console)
    console.print(f"Trained on {runs['constant'][0].device}. The picture: {picture}")
    console.print(f"The same curves: tensorboard --logdir {options.out}")
    console.print(f"... as CSV: {options.out}/*/seed*/csv/metrics.csv; on W&B: wandb sync {options.out}/*/seed*/wandb/*run-*")


if __name__ == "__main__":
    main()
