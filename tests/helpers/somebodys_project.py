"""Somebody's project on stock schedulers: modules with a mistake in their learning rates, and data for them.

Each class of ``MISTAKES`` has the code of its finding as ``code``. Each entry of ``RIGHT`` makes a scheduler for which there is none.
An epoch of ``Data`` has 20 batches, and a run has 10 epochs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import lightning as L
import torch
from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer
from torch.optim import lr_scheduler as torch_lr
from torch.utils.data import DataLoader, TensorDataset
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_cosine_with_hard_restarts_schedule_with_warmup,
    get_inverse_sqrt_schedule,
    get_linear_schedule_with_warmup,
    get_polynomial_decay_schedule_with_warmup,
)

from lr_toolkit import ReduceOnPlateau, cosine, scheduler_config, warmup

EPOCHS, BATCHES = 10, 20
UPDATES = EPOCHS * BATCHES


def loader(batches: int = BATCHES) -> DataLoader[Any]:
    """Batches of one sample."""
    return DataLoader(TensorDataset(torch.ones(batches, 1)), shuffle=True)


class Data(L.LightningDataModule):
    """The same as a datamodule."""

    def __init__(self, batches: int = BATCHES, workers: int = 0) -> None:
        super().__init__()
        self.batches = batches

    def train_dataloader(self) -> DataLoader[Any]:
        """The batches."""
        return loader(self.batches)


class Net(L.LightningModule):
    """Two layers, a group for each; a forward pass is an error, because nothing may be trained."""

    def __init__(self, lr: float = 0.1, width: int = 4) -> None:
        super().__init__()
        self.lr = lr
        self.first, self.second = torch.nn.Linear(1, width), torch.nn.Linear(width, 1)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """Refuse."""
        raise AssertionError("the module is trained")

    def optimizer(self, kind: Any = SGD, **options: Any) -> Optimizer:
        """An optimizer of both layers."""
        made: Optimizer = kind(self.parameters(), lr=self.lr, **options)
        return made

    def configure_optimizers(self) -> Any:
        """A constant LR."""
        return self.optimizer()


def per_step(scheduler: Any) -> dict[str, Any]:
    """A config that steps a scheduler after each update."""
    return {"scheduler": scheduler, "interval": "step"}


def having(make: Callable[[Any, Optimizer], Any], finds: str, **options: Any) -> type[Net]:
    """A module whose scheduler, or config, is made for its optimizer; ``finds`` is the code of its mistake."""

    class Made(Net):
        code: ClassVar[str] = finds

        def configure_optimizers(self) -> Any:
            optimizer = self.optimizer(**options)
            return [optimizer], [make(self, optimizer)]

    return Made


# --- the mistakes ---------------------------------------------------------------------------------------------------------

AllAtZero = having(lambda net, o: per_step(torch_lr.LambdaLR(o, lambda k: 1.0 if k > UPDATES else 0.0)), "LR301")
FirstEpochAtZero = having(lambda net, o: get_linear_schedule_with_warmup(o, 3, EPOCHS), "LR301")
LastUpdatesAtZero = having(
    lambda net, o: per_step(torch_lr.LambdaLR(o, lambda k: max(0.0, 1 - k / (UPDATES - 20)))), "LR302"
)
EpochsAsUpdates = having(lambda net, o: per_step(torch_lr.CosineAnnealingLR(o, EPOCHS)), "LR203")
UpdatesAsEpochs = having(
    lambda net, o: get_cosine_schedule_with_warmup(o, 0, net.trainer.estimated_stepping_batches), "LR202"
)
MilestonesInEpochs = having(lambda net, o: per_step(torch_lr.MultiStepLR(o, [3, 8])), "LR205")
NeverDrops = having(lambda net, o: torch_lr.StepLR(o, 30), "LR204")
ALittleShort = having(lambda net, o: per_step(torch_lr.CosineAnnealingLR(o, UPDATES - 50)), "LR203")
WithoutAccumulation = having(
    lambda net, o: per_step(torch_lr.CosineAnnealingLR(o, int(1.5 * UPDATES))), "LR202", kind=AdamW
)
FloatMilestones = having(lambda net, o: torch_lr.MultiStepLR(o, [0.5 * EPOCHS - 0.5, 0.8 * EPOCHS]), "LR207")
EndsWithAnError = having(lambda net, o: per_step(torch_lr.OneCycleLR(o, 0.1, total_steps=UPDATES - 10)), "LR303")
OtherGamma = having(lambda net, o: per_step(torch_lr.ExponentialLR(o, 0.1)), "LR302")
NeverStepped = having(lambda net, o: {"scheduler": torch_lr.StepLR(o, 1), "frequency": EPOCHS + 1}, "LR211")


class UnappliedScale(Net):
    """Layer-wise factors that nobody multiplies."""

    code: ClassVar[str] = "LR121"

    def configure_optimizers(self) -> Any:
        """Factors in the groups, as timm's helpers put them there."""
        layers = enumerate((self.first, self.second))
        optimizer = AdamW([{"params": each.parameters(), "lr_scale": 0.5**depth} for depth, each in layers], lr=0.1)
        return [optimizer], [torch_lr.CosineAnnealingLR(optimizer, EPOCHS)]


class OneGroupsLR(Net):
    """A floor for one group, to which the other one climbs."""

    code: ClassVar[str] = "LR122"

    def configure_optimizers(self) -> Any:
        """Two base LRs, and one floor."""
        groups = [{"params": self.first.parameters(), "lr": 0.1}, {"params": self.second.parameters(), "lr": 1e-4}]
        optimizer = SGD(groups)
        return [optimizer], [torch_lr.CosineAnnealingLR(optimizer, EPOCHS, eta_min=0.01)]


class TwoOnOne(Net):
    """A warmup that another scheduler overwrites."""

    code: ClassVar[str] = "LR101"

    def configure_optimizers(self) -> Any:
        """Both are returned."""
        optimizer = self.optimizer()
        warmup = per_step(torch_lr.LinearLR(optimizer, 0.1, 1, 5))
        return [optimizer], [warmup, torch_lr.LambdaLR(optimizer, lambda epoch: 0.9**epoch)]


MISTAKES: dict[str, type[Any]] = {
    "AllAtZero": AllAtZero,
    "FirstEpochAtZero": FirstEpochAtZero,
    "LastUpdatesAtZero": LastUpdatesAtZero,
    "EpochsAsUpdates": EpochsAsUpdates,
    "UpdatesAsEpochs": UpdatesAsEpochs,
    "MilestonesInEpochs": MilestonesInEpochs,
    "NeverDrops": NeverDrops,
    "ALittleShort": ALittleShort,
    "WithoutAccumulation": WithoutAccumulation,
    "FloatMilestones": FloatMilestones,
    "EndsWithAnError": EndsWithAnError,
    "OtherGamma": OtherGamma,
    "NeverStepped": NeverStepped,
    "UnappliedScale": UnappliedScale,
    "OneGroupsLR": OneGroupsLR,
    "TwoOnOne": TwoOnOne,
}

# --- right schedulers: the idioms of the documentation of torch, Lightning and transformers ------------------------------


class EpochScheduler:
    """A scheduler like timm's: ``step`` takes the epoch, and the class is no scheduler of torch."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.bases = [group["lr"] for group in optimizer.param_groups]

    def step(self, epoch: int) -> None:
        """Set the LRs of the epoch that follows."""
        for group, base in zip(self.optimizer.param_groups, self.bases, strict=True):
            group["lr"] = base / (1 + epoch)

    def state_dict(self) -> dict[str, Any]:
        """Nothing: it depends on the epoch alone."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing."""


def _sequence(optimizer: Optimizer, warmup: int, whole: int) -> Any:
    parts = [
        torch_lr.LinearLR(optimizer, 0.1, total_iters=warmup),
        torch_lr.CosineAnnealingLR(optimizer, whole - warmup),
    ]
    return torch_lr.SequentialLR(optimizer, parts, milestones=[warmup])


def _constant_then_exponential(optimizer: Optimizer) -> list[Any]:
    return [torch_lr.ConstantLR(optimizer, 0.1, total_iters=2), torch_lr.ExponentialLR(optimizer, 0.9)]


RIGHT: dict[str, Callable[[Any, Optimizer], Any]] = {
    "StepLR": lambda net, o: torch_lr.StepLR(o, 3, 0.1),
    "MultiStepLR": lambda net, o: torch_lr.MultiStepLR(o, [5, 8]),
    "ExponentialLR": lambda net, o: torch_lr.ExponentialLR(o, 0.9),
    "CosineAnnealingLR per epoch": lambda net, o: torch_lr.CosineAnnealingLR(o, EPOCHS),
    "CosineAnnealingLR, max_epochs": lambda net, o: torch_lr.CosineAnnealingLR(o, net.trainer.max_epochs),
    "CosineAnnealingLR per update": lambda net, o: per_step(torch_lr.CosineAnnealingLR(o, UPDATES)),
    "CosineAnnealingLR, estimated": lambda net, o: per_step(
        torch_lr.CosineAnnealingLR(o, net.trainer.estimated_stepping_batches)
    ),
    "warm restarts per epoch": lambda net, o: torch_lr.CosineAnnealingWarmRestarts(o, 5),
    "warm restarts per update": lambda net, o: per_step(torch_lr.CosineAnnealingWarmRestarts(o, 40)),
    "OneCycleLR, total_steps": lambda net, o: per_step(
        torch_lr.OneCycleLR(o, 0.1, total_steps=int(net.trainer.estimated_stepping_batches))
    ),
    "OneCycleLR, epochs": lambda net, o: per_step(
        torch_lr.OneCycleLR(o, [0.1] * len(o.param_groups), epochs=EPOCHS, steps_per_epoch=BATCHES)
    ),
    "OneCycleLR per epoch": lambda net, o: torch_lr.OneCycleLR(o, 0.1, total_steps=EPOCHS),
    "CyclicLR": lambda net, o: per_step(torch_lr.CyclicLR(o, 0.01, 0.1, 20)),
    "LinearLR as warmup": lambda net, o: torch_lr.LinearLR(o, 0.1, total_iters=4),
    "LinearLR as decay": lambda net, o: per_step(torch_lr.LinearLR(o, 1.0, 0.1, total_iters=UPDATES)),
    "PolynomialLR": lambda net, o: torch_lr.PolynomialLR(o, EPOCHS, power=0.9),
    "SequentialLR per update": lambda net, o: per_step(_sequence(o, 10, UPDATES)),
    "SequentialLR per epoch": lambda net, o: _sequence(o, 2, EPOCHS),
    "SequentialLR of torch's documentation": lambda net, o: torch_lr.SequentialLR(
        o, _constant_then_exponential(o), milestones=[2]
    ),
    "ChainedScheduler": lambda net, o: torch_lr.ChainedScheduler(_constant_then_exponential(o)),
    "LambdaLR": lambda net, o: torch_lr.LambdaLR(o, lambda epoch: 0.95**epoch),
    "LambdaLR for each group": lambda net, o: torch_lr.LambdaLR(
        o, [(lambda k, power=power: 0.9 ** (power * k)) for power, _ in enumerate(o.param_groups, start=1)]
    ),
    "MultiplicativeLR": lambda net, o: torch_lr.MultiplicativeLR(o, lambda epoch: 0.95),
    "ReduceLROnPlateau": lambda net, o: {"scheduler": torch_lr.ReduceLROnPlateau(o, patience=99), "monitor": "loss"},
    "every third epoch": lambda net, o: {"scheduler": torch_lr.ExponentialLR(o, 0.5), "frequency": 3},
    "transformers linear": lambda net, o: per_step(get_linear_schedule_with_warmup(o, 10, UPDATES)),
    "transformers cosine": lambda net, o: per_step(get_cosine_schedule_with_warmup(o, 10, UPDATES)),
    "transformers restarts": lambda net, o: per_step(
        get_cosine_with_hard_restarts_schedule_with_warmup(o, 10, UPDATES, num_cycles=2)
    ),
    "transformers polynomial": lambda net, o: per_step(
        get_polynomial_decay_schedule_with_warmup(o, 10, UPDATES, lr_end=1e-7)
    ),
    "transformers constant": lambda net, o: per_step(get_constant_schedule_with_warmup(o, 10)),
    "transformers inverse square root": lambda net, o: per_step(get_inverse_sqrt_schedule(o, 10)),
    "ours": lambda net, o: scheduler_config(o, warmup("5%") >> cosine(end=0.1), net.trainer),
    "ours per epoch": lambda net, o: scheduler_config(o, "linear()", net.trainer, interval="epoch"),
    "ours with a plateau": lambda net, o: scheduler_config(
        o, "warmup('1 epoch')", net.trainer, plateau=ReduceOnPlateau("loss")
    ),
}
