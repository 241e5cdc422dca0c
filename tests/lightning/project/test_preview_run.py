"""``preview_run``: the LRs that it shows are those that the updates of the real run use, for any scheduler."""

from __future__ import annotations

from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import GradientAccumulationScheduler
from torch.optim import SGD, AdamW, Optimizer
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit import Horizon, LRWarmup, ScheduleError, configure_optimizers, preview_run
from lr_toolkit.lightning.project.one_of_many import OneOfMany
from lr_toolkit.lightning.project.quiet_trainer import quiet_trainer
from lr_toolkit.preview.preview import Preview
from tests.helpers import runs
from tests.helpers.somebodys_project import EPOCHS, RIGHT, EpochScheduler, Net, loader, per_step


class Trained(Net):
    """A module that trains, and records the LRs of each update."""

    def __init__(self, make: Any = None) -> None:
        super().__init__()
        self.make = make
        self.used: list[list[float]] = []

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """A loss of both layers, logged as ``loss``."""
        loss = self.second(self.first(batch[0])).square().mean()
        self.log("loss", loss, on_epoch=True)
        return loss

    def configure_optimizers(self) -> Any:
        """Two groups, if the scheduler does not need equal ones."""
        optimizer = self.recorded(SGD([*self.groups()], momentum=0.9))
        return [optimizer], [self.make(self, optimizer)]

    def groups(self) -> list[dict[str, Any]]:
        """The layers, with base LRs of their own."""
        return [
            {"params": self.first.parameters(), "lr": 0.1, "name": "one"},
            {"params": self.second.parameters(), "lr": 0.02, "name": "two"},
        ]

    def recorded(self, optimizer: Optimizer) -> Optimizer:
        """Record the updates of an optimizer, and return it."""
        optimizer.register_step_post_hook(
            lambda each, *_: self.used.append([float(group["lr"]) for group in each.param_groups])
        )
        return optimizer


def shown(preview: Preview) -> dict[str, list[float]]:
    """The LRs of each group by name; groups with equal LRs share a series."""
    return {
        name: series.values.tolist()
        for series in preview.series
        if series.key == "lr"
        for name in series.name.split(", ")
    }


def preview_and_run(module: Trained, data: Any = None, **options: Any) -> tuple[Preview, L.Trainer]:
    """The preview, and the Trainer that has trained the module afterwards."""
    options = {"max_epochs": EPOCHS} | options
    data = loader() if data is None else data
    preview = preview_run(runs.trainer(**options), module, data)
    made = runs.trainer(**options)
    made.fit(module, data)
    return preview, made


@pytest.mark.parametrize("name", RIGHT)
def test_the_preview_is_what_the_run_uses(name: str) -> None:
    """Each update of each group, to twelve digits, for stock schedulers and ours."""
    module = Trained(RIGHT[name])
    preview, made = preview_and_run(module)

    used = np.array(module.used)
    assert shown(preview) == {
        "one": pytest.approx(used[:, 0], rel=1e-12),
        "two": pytest.approx(used[:, 1], rel=1e-12),
    }
    assert preview.horizon == Horizon(made.global_step, 20)
    assert preview.title.startswith("Trained: ")


@pytest.mark.parametrize(
    "options",
    [
        {"accumulate_grad_batches": 3},
        {"max_epochs": 4, "callbacks": [GradientAccumulationScheduler({0: 4, 2: 3})]},
        {"max_steps": 33, "max_epochs": -1},
        {"limit_train_batches": 0.3},
        {"callbacks": [LRWarmup(30)]},
        {"callbacks": [LRWarmup("2 epochs", 0.1, "constant", "epoch")]},
    ],
    ids=[
        "accumulation",
        "accumulation by epoch",
        "max_steps",
        "limit_train_batches",
        "ramp in steps",
        "ramp in epochs",
    ],
)
@pytest.mark.parametrize("name", ["StepLR", "CyclicLR", "ours per epoch", "LambdaLR"])
def test_the_preview_follows_the_trainer(name: str, options: dict[str, Any]) -> None:
    """Accumulation, limits and ramps change length and LRs as in the run."""
    module = Trained(RIGHT[name])
    preview, made = preview_and_run(module, **options)

    assert preview.horizon.steps == made.global_step == len(module.used)
    assert shown(preview)["two"] == pytest.approx(np.array(module.used)[:, 1], rel=1e-12)


def test_a_frequency_in_batches_is_stepped_as_lightning_does() -> None:
    """It begins again with each epoch, and meets the accumulation."""
    module = Trained(lambda net, o: {"scheduler": torch_lr.ExponentialLR(o, 0.9), "interval": "step", "frequency": 4})
    preview, _ = preview_and_run(module, accumulate_grad_batches=2, limit_train_batches=9)

    assert shown(preview)["one"] == pytest.approx(np.array(module.used)[:, 0], rel=1e-12)


class OwnStep(Trained):
    """A module that steps a scheduler like timm's, by the epoch of the Trainer and its updates."""

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step by the epoch, as in timm's documentation, and by the updates and batches as fractions of it."""
        scheduler.step(self.current_epoch + self.global_step / 1000 + self.trainer.fit_loop.epoch_loop.batch_idx / 1e6)


def test_a_scheduler_like_timms_is_previewed() -> None:
    """``current_epoch``, ``global_step`` and the batch are where they are when Lightning calls ``lr_scheduler_step``."""
    module = OwnStep(lambda net, o: per_step(EpochScheduler(o)))
    preview, _ = preview_and_run(module, accumulate_grad_batches=3)

    assert shown(preview)["two"] == pytest.approx(np.array(module.used)[:, 1], rel=1e-12)


class Many(Trained):
    """Two optimizers under manual optimization, with schedules that this package steps."""

    automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """An update of each."""
        for optimizer in self.optimizers():
            optimizer.zero_grad()
            self.manual_backward(self.second(self.first(batch[0])).square().mean())
            optimizer.step()

    def configure_optimizers(self) -> Any:
        """A schedule for each."""
        first, second = SGD(self.first.parameters(), lr=0.1), AdamW(self.second.parameters(), lr=0.02)
        pairs = [(self.recorded(first), "linear()"), (self.recorded(second), "warmup('1 epoch') >> cosine()")]
        return [configure_optimizers(optimizer, schedule, self.trainer) for optimizer, schedule in pairs]


def test_several_optimizers_are_previewed() -> None:
    """Each has a series, its phases, and its place in the title."""
    module = Many()
    preview, _ = preview_and_run(module)

    assert preview.title == "Many: linear() (SGD), warmup('1 epoch') >> cosine() (AdamW)"
    assert [(each.name, each.phases) for each in preview.series] == [
        ("optimizer1", ((0, "linear()"),)),
        ("optimizer2", ((0, "warmup('1 epoch')"), (20, "cosine()"))),
    ]
    used = np.array(module.used)[:, 0].reshape(-1, 2)
    assert preview.values == pytest.approx(used, rel=1e-12)


def test_other_keys_have_series_of_their_own() -> None:
    """Weight decay and momentum that follow schedules of ours, as the groups have them in the run."""
    found: list[list[float]] = []

    class Keys(Trained):
        def configure_optimizers(self) -> Any:
            optimizer = SGD(self.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
            optimizer.register_step_post_hook(
                lambda each, *_: found.append([each.param_groups[0][key] for key in ("lr", "momentum", "weight_decay")])
            )
            others = {"momentum": "linear(end=0.5)", "weight_decay": "cosine()"}
            return configure_optimizers(optimizer, "linear()", self.trainer, **others)

    preview, _ = preview_and_run(Keys())

    assert [series.key for series in preview.series] == ["lr", "momentum", "weight_decay"]
    assert preview.values == pytest.approx(np.array(found), rel=1e-12)


def test_facts_name_what_changes_the_lr() -> None:
    """The cadence, how many batches an update takes, a ramp, and that a plateau is not known."""
    plateau = preview_run(
        runs.trainer(max_epochs=EPOCHS, accumulate_grad_batches=2), Trained(RIGHT["ReduceLROnPlateau"]), loader()
    )
    ramp = preview_run(runs.trainer(max_epochs=1, callbacks=[LRWarmup(5)]), Trained(RIGHT["StepLR"]), loader())

    assert plateau.facts == (
        "moves every epoch, reacts to 'loss'",
        "accumulate 2; devices 1",
        "what the plateau will do is not shown: its metric is not known",
    )
    assert ramp.facts == ("moves every epoch", "accumulate 1; devices 1", "times LRWarmup(5)")


def test_groups_with_equal_lrs_share_a_series() -> None:
    """With their names."""

    class Equal(Trained):
        def groups(self) -> list[dict[str, Any]]:
            return [{**group, "lr": 0.1} for group in super().groups()]

    preview = preview_run(runs.trainer(max_epochs=2), Equal(RIGHT["StepLR"]), loader())

    assert [series.name for series in preview.series] == ["one, two"]


class StepsItself(Trained):
    """A module whose steps of the scheduler cannot be known."""

    automatic_optimization = False


def test_lrs_that_cannot_be_known_are_refused() -> None:
    """With the reason, and who shows them."""
    with pytest.raises(
        ScheduleError, match=r"cannot be known before it trains: the module steps its scheduler itself\."
    ):
        preview_run(runs.trainer(max_epochs=2), StepsItself(RIGHT["StepLR"]), loader())


def test_a_length_that_cannot_be_known_is_refused() -> None:
    """A stream without a length, and a run without an end."""
    with pytest.raises(ScheduleError, match="the training dataloader has no length"):
        preview_run(runs.trainer(max_epochs=2), Trained(RIGHT["StepLR"]), runs.stream(5))
    with pytest.raises(ScheduleError, match="it trains without end"):
        preview_run(runs.trainer(max_epochs=-1), Trained(RIGHT["StepLR"]), loader())


@pytest.mark.parametrize(("devices", "nodes"), [(2, 1), (4, 2)])
def test_many_devices_divide_the_data_as_lightnings_sampler_does(devices: int, nodes: int) -> None:
    """A process of many has as many batches as torch's DistributedSampler gives it, and knows how many there are."""
    seen: list[tuple[int, int]] = []

    class Module(Trained):
        def configure_optimizers(self) -> Any:
            seen.append((self.trainer.world_size, self.trainer.num_devices))
            return super().configure_optimizers()

    made = quiet_trainer(
        {
            "max_epochs": 3,
            "devices": devices,
            "num_nodes": nodes,
            "accelerator": "gpu",
            "strategy": "ddp",
            "precision": 16,
        }
    )
    preview = preview_run(made, Module(RIGHT["StepLR"]), loader(21))

    assert isinstance(made.strategy, OneOfMany)
    assert preview.horizon == Horizon(3 * -(-21 // (devices * nodes)), -(-21 // (devices * nodes)))
    assert seen == [(devices * nodes, devices)]


def test_a_million_updates_of_ours_are_previewed_at_once() -> None:
    """Every value is there."""
    preview = preview_run(runs.trainer(max_steps=1_000_000, max_epochs=-1), Trained(RIGHT["ours"]), loader())

    assert preview.values.shape == (1_000_000, 2)
    assert preview.values[[0, 50_000]] == pytest.approx(
        np.array([[0.1 / 50_001, 0.02 / 50_001], [0.1, 0.02]]), rel=1e-12
    )
