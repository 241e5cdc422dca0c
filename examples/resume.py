"""Resume: a run that is interrupted goes on with the very same learning rates, and one that is extended is asked how.

The checkpoint holds the schedule's text, the length of the run and the base LRs. Where the code still says the same, nothing
has to be done. Where it says something else there are four ways to go on, and none is guessed: the error shows where each
of them leads, before the first update.

Run it: python examples/resume.py
"""

from __future__ import annotations

import warnings
from pathlib import Path

import lightning as L
import torch
from digits import DigitsClassifier, DigitsData, device_of, make_trainer

from lr_toolkit import ScheduleError, ScheduleMixin, cosine, warmup

FOLDER = Path("runs/resume")
CUT = 37  # an update in the middle of the second epoch of 25


class PowerCut(Exception):
    """What a cluster does to a run."""


class ResumableClassifier(ScheduleMixin, DigitsClassifier):
    """Notes the learning rate of each update; saves a checkpoint after 37 of them, and dies then if it is to."""

    schedule = warmup("10%") >> cosine()

    def __init__(self, *, dies: bool = False) -> None:
        super().__init__()
        self.dies = dies
        self.used: dict[int, float] = {}

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.5)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """The learning rate that moves the weights in a moment."""
        self.used[self.global_step] = optimizer.param_groups[0]["lr"]

    def on_train_batch_end(self, *_: object) -> None:
        """The power goes."""
        if self.dies and self.global_step == CUT:
            self.trainer.save_checkpoint(FOLDER / "cut.ckpt")
            raise PowerCut


def train(model: ResumableClassifier, epochs: int, checkpoint: str | None = None) -> L.Trainer:
    """A run of so many epochs, from a checkpoint if one is named."""
    trainer = make_trainer(FOLDER, epochs, to_wandb=False)
    trainer.fit(model, DigitsData(), ckpt_path=FOLDER / checkpoint if checkpoint else None)
    return trainer


class Continued(ResumableClassifier):
    """The decision, in one line."""

    on_change = "continue"


def main() -> None:
    """Whole, interrupted and resumed; then extended, without a decision and with one."""
    # The digits' loader does not keep its place in an epoch, and Lightning says so. The schedule does.
    warnings.filterwarnings("ignore", "You're resuming from a checkpoint that ended before the epoch ended")
    whole, first, second = ResumableClassifier(), ResumableClassifier(dies=True), ResumableClassifier()
    trainer = train(whole, 4)
    try:
        train(first, 4)
    except PowerCut:
        train(second, 4, "cut.ckpt")
    print(f"Trained on {device_of(trainer)}: {len(whole.used)} updates, and the same with a power cut after {CUT}")
    print(f"update   {'uninterrupted':<22} interrupted and resumed")
    for k in sorted({*range(0, 100, 9), CUT - 1, CUT, CUT + 1, 99}):
        lr, where = (first.used[k], "") if k < CUT else (second.used[k], "resumed")
        print(f"{k:6}   {whole.used[k]!r:<22} {lr!r:<22} {where}")
    print(f"all {len(whole.used)} equal: {first.used | second.used == whole.used}\n")

    print("The same checkpoint, and now the run is to have 8 epochs:\n")
    try:
        train(ResumableClassifier(), 8, "cut.ckpt")
    except ScheduleError as error:
        print(f"ScheduleError: {error}\n")
    longer = Continued()
    train(longer, 8, "cut.ckpt")
    shown = {k: longer.used[k] for k in (CUT, CUT + 1, 118, 199)}
    print(f"With on_change = 'continue': {', '.join(f'update {k}: {lr:.6g}' for k, lr in shown.items())}")


if __name__ == "__main__":
    main()
