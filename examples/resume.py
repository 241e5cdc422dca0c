"""Resume: an interrupted run continues with exactly the same learning rates, and an extended run needs a decision.

The checkpoint holds the text of the schedule, the length of the run and the base LRs. If the code still asks for the same,
nothing has to be done. If it asks for something else, there are five ways to continue, and none is guessed: an error before
the first update lists the learning rates under each of them.

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
    """An interruption of the run."""


class ResumableClassifier(ScheduleMixin, DigitsClassifier):
    """Records the learning rate of each update; with ``dies`` it saves a checkpoint after 37 updates and raises ``PowerCut``."""

    schedule = warmup("10%") >> cosine()

    def __init__(self, *, dies: bool = False) -> None:
        super().__init__()
        self.dies = dies
        self.used: dict[int, float] = {}

    def build_optimizer(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=0.5)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Record the learning rate of the update that follows."""
        self.used[self.global_step] = optimizer.param_groups[0]["lr"]

    def on_train_batch_end(self, *_: object) -> None:
        """Save and raise, after update 37."""
        if self.dies and self.global_step == CUT:
            self.trainer.save_checkpoint(FOLDER / "cut.ckpt")
            raise PowerCut


def train(model: ResumableClassifier, epochs: int, checkpoint: str | None = None) -> L.Trainer:
    """Train for that many epochs, from a checkpoint if it is given."""
    trainer = make_trainer(FOLDER, epochs, to_wandb=False)
    trainer.fit(model, DigitsData(), ckpt_path=FOLDER / checkpoint if checkpoint else None)
    return trainer


class Continued(ResumableClassifier):
    """The decision, in a line."""

    on_change = "continue"


def main() -> None:
    """Train without an interruption, then interrupted and resumed, then extended without and with a decision."""
    # Lightning warns that the loader of the digits does not save its position in an epoch. The schedule does.
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

    print("The same checkpoint, with a run of 8 epochs:\n")
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
