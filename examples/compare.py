"""Every strategy on the same task: a table, a picture of the learning rates beside the accuracies, and the logs of all runs.

The same network trains on the same data under each schedule, with several seeds. A quarter of the training labels is wrong
(see ``digits.py``), so that schedules differ: an LR that stays high never settles, and an LR that falls early stops short. A
small task at one base LR cannot show which schedule is best on yours. Schedules within an sd of each other are equal here.

Run it: python examples/compare.py [--seeds 3] [--epochs 20] [--out runs/compare]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev

import lightning as L
import numpy as np
import torch
import wandb
from digits import DigitsClassifier, DigitsData, device_of, make_trainer, read_curves
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
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
EVERY = 5  # updates between two logged values


def one_over_t(update: int) -> float:
    """A function of the user's own, as for torch's LambdaLR."""
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
PLATEAUS = {"plateau": ReduceOnPlateau(monitor="val_loss", factor=0.3, patience=1)}
# Where the picture names each curve: the share of the run at which the name begins, the share at which the curve gives its height, and
# what is added to that. On the left those that fall in stairs, then the others.
NAME_PLACES = [
    {
        "constant": (0.6, 0.6, 0.015),
        "step": (0.27, 0.3, 0.015),
        "multistep": (0.17, 0.6, -0.01),
        "plateau": (0.53, 0.55, 0.015),
    },
    {
        "exponential": (0.12, 0.5, -0.03),
        "cosine": (0.31, 0.55, 0.0),
        "linear": (0.7, 0.7, 0.03),
        "custom": (0.3, 0.35, 0.03),
        "warmup + cosine": (0.36, 0.3, 0.0),
    },
]
INK = "#777d84"
COLORS = ["#808080", "#1f77b4", "#17a2b8", "#2ca02c", "#d62728", "#ff7f0e", "#a5695c", "#9467bd", "#e377c2"]


class ScheduledClassifier(ScheduleMixin, DigitsClassifier):
    """The network of all runs, with the schedule as a hyperparameter: the loggers write its text to their files."""

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
        """Call the function."""
        self.call()


@dataclass(frozen=True)
class Run:
    """The result of a training: the LR by epoch, read from the files that it wrote, and the accuracy after it."""

    lr: dict[float, float]
    test_accuracy: float
    device: str


def train(name: str, seed: int, epochs: int, data: DigitsData, folder: Path, advance: Callable[[], object]) -> Run:
    """Train under the strategy ``name`` and log to ``folder``; only the first seed is logged to W&B."""
    callbacks = [LRMonitor("step"), EachEpoch(advance)]
    trainer = make_trainer(folder, epochs, seed=seed, to_wandb=seed == 0, callbacks=callbacks, log_every_n_steps=EVERY)
    model = ScheduledClassifier(SCHEDULES[name], PLATEAUS.get(name))
    trainer.fit(model, data)
    (measured,) = trainer.test(model, data, verbose=False)
    wandb.finish()  # otherwise the next training would be logged to the same W&B run
    curves, updates = read_curves(folder), trainer.num_training_batches
    return Run(
        lr={update / updates: value for update, value in curves["lr/optimizer"].items()},
        test_accuracy=measured["test_accuracy"],
        device=device_of(trainer),
    )


def show(runs: dict[str, list[Run]], console: Console) -> None:
    """Print a table: the schedule, the LRs and the accuracy of each strategy."""
    plateaus = "\n".join(f"{name}: {plateau!r}" for name, plateau in PLATEAUS.items())
    table = Table(box=SIMPLE, show_edge=False, padding=(0, 1, 0, 0), caption=plateaus, caption_justify="left")
    for name in ("strategy", "schedule"):
        table.add_column(name, no_wrap=True)
    for name in ("peak LR", "final LR", "test accuracy"):
        table.add_column(name, justify="right", no_wrap=True)
    for (name, each), color in zip(runs.items(), COLORS, strict=True):
        lr = [*each[0].lr.values()]
        text = f"{SCHEDULES[name]!r}" + (" + plateau" if name in PLATEAUS else "")
        table.add_row(f"[{color}]{name}", escape(text), f"{max(lr):.2g}", f"{lr[-1]:.2g}", accuracy(each))
    console.print(table)


def accuracy(each: list[Run]) -> str:
    """Mean and standard deviation over the seeds."""
    values = [100 * run.test_accuracy for run in each]
    return f"{fmean(values):.1f}" + (f" ± {stdev(values):.1f}" if len(each) > 1 else "") + " %"


def draw(runs: dict[str, list[Run]], path: Path) -> None:
    """Draw the LRs of the first seed, each with its name, and beside them the test accuracies: mean and sd over the seeds."""
    figure = Figure(figsize=(10, 3.8), layout="constrained")
    stairs, smooth, right = figure.subplots(1, 3, width_ratios=(3, 3, 2.6))
    colors = dict(zip(runs, COLORS, strict=True))
    for axes, places in zip((stairs, smooth), NAME_PLACES, strict=True):
        for name, (begin, share, above) in places.items():
            curve = runs[name][0].lr
            epochs, lr = list(curve), list(curve.values())
            axes.plot(epochs, lr, color=colors[name], linewidth=2)
            height = np.interp(share * epochs[-1], epochs, lr) + above
            axes.text(begin * epochs[-1], height, name, color=colors[name], fontweight="bold")
        axes.set(title="learning rate", xlabel="epoch", ylim=(-0.01, 1.15 * BASE_LR))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    for row, (name, each) in enumerate(runs.items()):
        values = [100 * run.test_accuracy for run in each]
        spread = stdev(values) if len(values) > 1 else 0.0
        right.errorbar(fmean(values), row, xerr=spread, color=colors[name], marker="o", capsize=3, linewidth=2)
    several = len(runs["constant"]) > 1
    right.set(title="test accuracy (%)" + several * ", mean ± sd", yticks=range(len(runs)), yticklabels=list(runs))
    right.invert_yaxis()
    for axes in (stairs, smooth, right):  # without a ground, and with text that is readable on white and on black
        axes.title.set(color=INK, fontsize=11)
        axes.xaxis.label.set_color(INK)
        axes.tick_params(colors=INK)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["bottom", "left"]].set_color(INK)
    for label, color in zip(right.get_yticklabels(), COLORS, strict=True):
        label.set(color=color, fontweight="bold")
    figure.savefig(path, dpi=110, transparent=True)


def main() -> None:
    """Train under each strategy, then show the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each strategy")
    parser.add_argument("--epochs", type=int, default=20, help="length of a training")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/compare"), help="folder; former results in it are replaced"
    )
    options = parser.parse_args()

    console, data = Console(), DigitsData()
    runs: dict[str, list[Run]] = {name: [] for name in SCHEDULES}
    with Progress(console=console) as progress:
        task = progress.add_task("", total=len(SCHEDULES) * options.seeds * options.epochs)
        for name in SCHEDULES:
            for seed in range(options.seeds):
                progress.update(task, description=f"{name}, seed {seed}")
                folder = options.out / name.replace(" ", "") / f"seed{seed}"
                runs[name].append(train(name, seed, options.epochs, data, folder, lambda: progress.advance(task)))
        progress.update(task, description="all strategies")

    picture = options.out / "comparison.png"
    draw(runs, picture)
    show(runs, console)
    if options.seeds == 1:
        print("\nWith one seed these differences may be noise. Write --seeds 3.")
    seeds = "1 seed" if options.seeds == 1 else f"{options.seeds} seeds"
    print(f"\nTrained on {runs['constant'][0].device}, {seeds} for each strategy. The same curves in files:")
    print(f"  picture      {picture}")
    print(f"  TensorBoard  tensorboard --logdir {options.out}")
    print(f"  CSV          {options.out}/*/seed*/csv/metrics.csv")
    print(f"  W&B          wandb sync {options.out}/*/seed0/wandb/*run-*")
    print("\nNext: write a schedule of your own into SCHEDULES in examples/compare.py, and run it again.")


if __name__ == "__main__":
    main()
