"""A sweep: a command line whose schedule is an argument, for a module that knows nothing of schedules.

Choose it to compare schedules and base LRs with W&B (sweep.yaml), a shell loop or any other launcher that starts commands. The
arguments are those of LightningCLI, and beside them those of the schedule, by LRSchedulerCLI.

Run it: python examples/sweep.py --schedule "warmup('10%') >> linear()" --optimizer.lr 0.1
"""

from __future__ import annotations

import lightning as L
import torch
from digits import DigitsClassifier, DigitsData, be_quiet, report
from lightning.pytorch.cli import LightningArgumentParser

from lr_toolkit import LRMonitor, LRSchedulerCLI


class SweepCLI(LRSchedulerCLI):
    """The arguments of a run that was given none."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Set the schedule and the optimizer."""
        parser.add_optimizer_args(torch.optim.SGD)
        parser.set_defaults({"schedule": "warmup('10%') >> cosine()", "optimizer.lr": 0.5})


if __name__ == "__main__":
    be_quiet()
    L.seed_everything(0, verbose=False)
    folder = "runs/sweep"
    loggers = [
        {"class_path": "CSVLogger", "init_args": {"save_dir": folder, "name": "csv", "version": ""}},
        {"class_path": "WandbLogger", "init_args": {"save_dir": folder, "project": "lr_toolkit-examples"}},
    ]
    settings = {
        "max_epochs": 5,
        "devices": 1,
        "default_root_dir": folder,
        "logger": loggers,
        "callbacks": [LRMonitor("step")],
        "log_every_n_steps": 1,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": False,
    }
    cli = SweepCLI(
        DigitsClassifier,
        DigitsData,
        trainer_defaults=settings,
        seed_everything_default=False,
        save_config_callback=None,
        run=False,
    )
    cli.fit(cli.model, datamodule=cli.datamodule)
    print(f"{cli.config['schedule']} from {cli.config['optimizer']['lr']}")
    report(cli.trainer)
