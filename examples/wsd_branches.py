"""Warmup, stable, decay: a trunk at a constant learning rate, and a cooldown from each of three of its checkpoints.

Choose it if the length of a run is not known beforehand, or to train for several lengths: the trunk is trained once, and each
cooldown costs a fifth of a run of its own. ``branch`` reads a checkpoint, without changing it, and returns the schedule to
follow and the Trainer's ``max_steps``.

    on the command line: lr-toolkit branch runs/wsd_branches/trunk/8.ckpt --over 20%

Reference: Hägele et al. 2024, https://arxiv.org/abs/2405.18392

Run it: python examples/wsd_branches.py
"""

from __future__ import annotations

from pathlib import Path

import lightning as L
import torch
from digits import DigitsClassifier, DigitsData, device_of, make_trainer, read_curves
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from lr_toolkit import LRMonitor, ScheduleMixin, branch, hold, warmup

FOLDER = Path("runs/wsd_branches")
EPOCHS = [8, 16, 32]
UPDATES = 25  # of an epoch
COLORS = ["#1f77b4", "#2ca02c", "#d62728"]


class StableClassifier(ScheduleMixin, DigitsClassifier):
    """The model of the trunk; a branch gets another schedule."""

    schedule = warmup("50 steps") >> hold()

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.5)


class SaveTrunk(L.Callback):
    """Saves a checkpoint after each epoch from which a branch begins."""

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Save a file that is named for the number of epochs."""
        if trainer.current_epoch + 1 in EPOCHS:
            trainer.save_checkpoint(FOLDER / "trunk" / f"{trainer.current_epoch + 1}.ckpt")


def tested(trainer: L.Trainer, model: L.LightningModule, data: DigitsData) -> float:
    """The accuracy on pictures that were not used in training."""
    return trainer.test(model, data, verbose=False)[0]["test_accuracy"]


def draw(accuracies: dict[str, float], path: Path) -> None:
    """Draw the learning rate of every update above the accuracy on the validation pictures, for trunk and branches."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    trunk = read_curves(FOLDER / "trunk")
    for (name, accuracy), begin, color in zip(accuracies.items(), [0, *EPOCHS], ["#808080", *COLORS], strict=True):
        curves = read_curves(FOLDER / name)
        for axes, metric in ((above, "lr/optimizer"), (below, "val_accuracy")):
            # A branch is drawn from its first point on the trunk.
            before = [update for update in trunk[metric] if update < begin * UPDATES][-1:]
            curve = {update: trunk[metric][update] for update in before} | curves[metric]
            epochs = [(update + 1) / UPDATES for update in curve]
            axes.plot(
                epochs,
                list(curve.values()),
                color=color,
                linewidth=2,
                label=f"{name}: {accuracy:.1%} on the test pictures",
            )
    above.set(ylabel="learning rate", ylim=(0, None))
    below.set(ylabel="validation accuracy", xlabel="epoch", ylim=(0.7, 1))
    below.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    below.legend(loc="lower right", frameon=False)
    for axes in (above, below):
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Train the trunk once, then a branch from each of its checkpoints."""
    data = DigitsData()
    trunk = make_trainer(FOLDER / "trunk", EPOCHS[-1], to_wandb=False, callbacks=[SaveTrunk(), LRMonitor("step")])
    model = StableClassifier()
    trunk.fit(model, data)
    accuracies = {"trunk": tested(trunk, model, data)}
    print(
        f"Trained on {device_of(trunk)}: a trunk of {EPOCHS[-1]} epochs; accuracy on test pictures {accuracies['trunk']:.1%}"
    )
    for epochs in EPOCHS:
        checkpoint = FOLDER / "trunk" / f"{epochs}.ckpt"
        cooldown = branch(checkpoint, over="20%")
        model = StableClassifier()
        model.schedule, model.on_change = cooldown.schedule, "continue"
        name = f"branch after {epochs} epochs"
        trainer = make_trainer(FOLDER / name, -1, to_wandb=False, max_steps=cooldown.max_steps)
        trainer.fit(model, data, ckpt_path=checkpoint)
        accuracies[name] = tested(trainer, model, data)
        print(f"{cooldown.schedule!r:48} max_steps={cooldown.max_steps:<5} {accuracies[name]:.1%}")
    draw(accuracies, FOLDER / "branches.png")
    print(f"picture: {FOLDER / 'branches.png'}")


if __name__ == "__main__":
    main()
