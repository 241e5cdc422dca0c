"""The parts that the examples share: handwritten digits with wrong labels, a small classifier, a Trainer and a report.

The data is scikit-learn's (1797 pictures of 8 x 8) and comes with the package: nothing is downloaded. A quarter of the
training labels is wrong on purpose, and every update fits some of them. The decay of the learning rate decides how well these
errors average out, so schedules differ even on this easy task. Validation and test labels are right.
"""

from __future__ import annotations

import csv
import logging
import os
import shutil
import warnings
from collections import defaultdict
from netrc import NetrcParseError, netrc
from pathlib import Path
from typing import Any

import lightning as L
import torch
import wandb
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset
from torchmetrics import Accuracy

from lr_toolkit import LRMonitor

Batch = tuple[Tensor, Tensor]


class DigitsData(L.LightningDataModule):
    """1000 training pictures, 25 % of them mislabelled, 297 for validation and 500 for the test; the same in every run."""

    def __init__(self, batch_size: int = 40) -> None:
        super().__init__()
        self.batch_size = batch_size
        images, labels = (torch.from_numpy(array) for array in load_digits(return_X_y=True))
        images, labels = images.float() / 16, labels.long()
        fixed = torch.Generator().manual_seed(0)
        train, val, test = torch.randperm(len(labels), generator=fixed).split([1000, 297, 500])
        wrong = train[torch.rand(1000, generator=fixed) < 0.25]
        labels[wrong] = (labels[wrong] + torch.randint(1, 10, wrong.shape, generator=fixed)) % 10
        self.train, self.val, self.test = (TensorDataset(images[part], labels[part]) for part in (train, val, test))

    def train_dataloader(self) -> DataLoader[Batch]:
        """The training pictures, shuffled in each epoch."""
        return DataLoader(self.train, self.batch_size, shuffle=True)

    def val_dataloader(self) -> DataLoader[Batch]:
        """The validation pictures, which a plateau may use."""
        return DataLoader(self.val, len(self.val))

    def test_dataloader(self) -> DataLoader[Batch]:
        """The test pictures, which nothing uses before the end."""
        return DataLoader(self.test, len(self.test))


class DigitsClassifier(L.LightningModule):
    """A small multilayer perceptron; the examples add the optimizer and its schedule."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
        self.val_accuracy = Accuracy("multiclass", num_classes=10)
        self.test_accuracy = Accuracy("multiclass", num_classes=10)

    def forward(self, images: Tensor) -> Tensor:
        """The ten logits of each picture."""
        return self.network(images)

    def training_step(self, batch: Batch) -> Tensor:
        """The loss on the training labels, some of which are wrong."""
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: Batch) -> None:
        """Log loss and accuracy on right labels."""
        logits = self(batch[0])
        self.val_accuracy(logits, batch[1])
        self.log("val_loss", nn.functional.cross_entropy(logits, batch[1]))
        self.log("val_accuracy", self.val_accuracy)

    def test_step(self, batch: Batch) -> None:
        """Log the accuracy on pictures that were not used in training."""
        self.test_accuracy(self(batch[0]), batch[1])
        self.log("test_accuracy", self.test_accuracy)


def make_trainer(
    folder: Path | str, max_epochs: int = 10, *, seed: int = 0, to_wandb: bool = True, **options: Any
) -> L.Trainer:
    """A quiet Trainer on the available device that logs to CSV, TensorBoard and W&B files in ``folder``.

    The logs of an earlier run in that folder are replaced. ``options`` are further arguments of the Trainer.
    """
    folder = Path(folder)
    for logs in ("csv", "tensorboard", "wandb"):
        shutil.rmtree(folder / logs, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    be_quiet()
    L.seed_everything(seed, verbose=False)
    loggers: list[Logger] = [
        CSVLogger(folder, name="csv", version=""),
        TensorBoardLogger(folder, name="tensorboard", version=""),
    ]
    if to_wandb:
        loggers.append(WandbLogger(project="lr_toolkit-examples", name="/".join(folder.parts[-2:]), save_dir=folder))
    settings: dict[str, Any] = {
        "accelerator": "auto",
        "devices": 1,
        "callbacks": [LRMonitor("step")],
        "log_every_n_steps": 1,
        "enable_checkpointing": False,
        "enable_model_summary": False,
        "enable_progress_bar": False,
    }
    return L.Trainer(max_epochs=max_epochs, default_root_dir=folder, logger=loggers, **settings | options)


def be_quiet() -> None:
    """Silence messages that do not matter for a run of a second, and keep W&B offline unless it has a key."""
    # With such a small network more than one thread only costs time.
    torch.set_num_threads(1)
    # Lightning lists the accelerators; report() prints the device.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    # Worker processes would take longer to start than the whole training.
    warnings.filterwarnings("ignore", ".*does not have many workers", UserWarning)
    # Lightning uses a class that torch deprecates.
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.", FutureWarning)
    if not has_wandb_key():
        os.environ.setdefault("WANDB_MODE", "offline")
    # Otherwise W&B warns of an argument that Lightning passes, and captures the output of a progress bar.
    wandb.setup(wandb.Settings(silent=True, console="off"))


def has_wandb_key() -> bool:
    """Whether W&B has a key, from ``wandb login`` or the environment."""
    try:
        return "WANDB_API_KEY" in os.environ or netrc().authenticators("api.wandb.ai") is not None
    except (OSError, NetrcParseError):
        return False


def read_curves(folder: Path | str) -> dict[str, dict[int, float]]:
    """The file of the CSV logger: for each metric its value at each step."""
    curves: dict[str, dict[int, float]] = defaultdict(dict)
    with (Path(folder) / "csv" / "metrics.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            step = int(row.pop("step"))
            for name, value in row.items():
                if value:
                    curves[name][step] = float(value)
    return curves


def device_of(trainer: L.Trainer) -> str:
    """The name of the device: ``cpu``, or the GPU."""
    device = trainer.strategy.root_device
    return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def report(trainer: L.Trainer, series: str = "lr/optimizer") -> None:
    """Close the W&B run, and print the first and the last logged learning rate of each epoch."""
    wandb.finish()
    curves = read_curves(trainer.default_root_dir)
    lrs, accuracies = list(curves[series].values()), list(curves["val_accuracy"].values())
    updates = trainer.num_training_batches
    print(
        f"Trained on {device_of(trainer)}: {len(accuracies)} epochs of {updates} updates; logs in {trainer.default_root_dir}"
    )
    print("epoch   first LR    last LR   validation accuracy")
    for epoch, accuracy in enumerate(accuracies):
        first, last = lrs[epoch * updates], lrs[(epoch + 1) * updates - 1]
        print(f"{epoch:5} {first:10.3g} {last:10.3g} {accuracy:21.1%}")
