"""A combination of optimizers under Lightning's automatic optimization, which takes one optimizer alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import BaseFinetuning, LearningRateMonitor
from lightning.pytorch.plugins import MixedPrecision
from torch.optim import AdamW

from lr_toolkit import CombinedOptimizer, Horizon, LRMonitor, LRWarmup, Schedule, ScheduleError, configure_optimizers
from tests.helpers.combined_nets import (
    BATCH,
    PLAN,
    CombinedNet,
    SaveAt,
    by_hand,
    loader,
    network,
    optimizers_of,
    samples,
    weights,
)
from tests.helpers.fits import Recorder
from tests.helpers.runs import trainer
from tests.helpers.script import run_script


def factors(plan: str, updates: int) -> list[float]:
    """The factor of each update."""
    timeline = Schedule.parse(plan).resolve(Horizon(updates))
    return [timeline(k) for k in range(updates)]


def fit(
    net: L.LightningModule, *callbacks: L.Callback, batches: int = 8, ckpt: Any = None, **options: Any
) -> L.Trainer:
    """Train, by default for two epochs."""
    run = trainer(**({"max_epochs": 2} | options), callbacks=list(callbacks))
    run.fit(net, loader(batches), ckpt_path=ckpt)
    return run


OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "accumulation": ({"accumulate_grad_batches": 2}, {"accumulate": 2}),
    "clipping": ({"gradient_clip_val": 0.05}, {"clip": 0.05}),
    "bf16-mixed": ({"precision": "bf16-mixed"}, {"autocast": True}),
    "bf16-mixed, clipping, accumulation": (
        {"precision": "bf16-mixed", "gradient_clip_val": 0.05, "accumulate_grad_batches": 4},
        {"autocast": True, "clip": 0.05, "accumulate": 4},
    ),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_trains_as_two_optimizers_that_are_stepped_by_hand(case: str) -> None:
    """Bit for bit, under one schedule and with the monitor, whatever the Trainer does to the gradients."""
    options, hand = OPTIONS[case]
    net = CombinedNet()
    fit(net, LRMonitor(), **options)
    updates = 16 // hand.get("accumulate", 1)
    expected = factors(PLAN, updates)

    assert weights(net) == weights(by_hand(expected, 8, epochs=2, **hand))
    assert net.used == [pytest.approx([0.05 * factor, 0.01 * factor], rel=1e-12) for factor in expected]


def test_a_grad_scaler_of_lightning_skips_an_update_of_all() -> None:
    """With 16-bit precision on a CPU: an infinite gradient skips the update and the schedule; the next one is taken."""

    class Overflowing(CombinedNet):
        def on_after_backward(self) -> None:
            if self.global_step == 2 and not self.skipped:
                self.skipped = True
                self.net[2].bias.grad[0] = torch.inf  # type: ignore[index]  # it has a gradient

        skipped = False

    net = Overflowing()
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    run = fit(
        net, LRMonitor(), plugins=[MixedPrecision("16-mixed", "cpu", scaler)], max_epochs=1, gradient_clip_val=1.0
    )
    scheduler = run.lr_scheduler_configs[0].scheduler

    assert net.skipped
    assert scheduler.last_epoch == 7  # of eight batches
    assert net.used == [
        pytest.approx([0.05 * factor, 0.01 * factor])
        for factor in [factors(PLAN, 8)[k] for k in (0, 1, 2, 2, 3, 4, 5, 6)]
    ]


def test_the_ramp_and_the_monitor_name_its_parts() -> None:
    """``LRWarmup`` ramps every group, and the series are called as the optimizers."""
    recorder = Recorder()
    net = CombinedNet(lambda net: CombinedOptimizer(**optimizers_of(net.net)))
    fit(net, LRWarmup(4), LRMonitor(), logger=recorder, log_every_n_steps=1, max_epochs=1)
    expected = [0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0]

    assert net.used == [pytest.approx([0.05 * factor, 0.01 * factor]) for factor in expected]
    assert [(row["lr/muon"], row["lr/adamw"]) for _, row in recorder.lrs()] == [tuple(lrs) for lrs in net.used]


def test_lightnings_own_monitor_sees_it() -> None:
    """It refuses groups that share a name."""
    recorder = Recorder()
    fit(CombinedNet(), LearningRateMonitor(), logger=recorder, log_every_n_steps=1, max_epochs=1)

    assert {"lr-CombinedOptimizer/muon", "lr-CombinedOptimizer/adamw"} <= recorder.lrs()[0][1].keys()


class Indexed(CombinedNet):
    """Takes each batch by its number: a loader that is not resumable begins anew in a resumed epoch."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return super().training_step([samples(8).split(BATCH)[batch_idx]], batch_idx)


not_resumable = pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch")


@not_resumable
@pytest.mark.parametrize("update", [3, 8, 13])
@pytest.mark.parametrize("ramp", [False, True])
def test_a_resumed_run_goes_on_bit_for_bit(update: int, ramp: bool, tmp_path: Path) -> None:
    """In mid-epoch and between epochs, with and without a warmup ramp around it."""

    def callbacks() -> list[L.Callback]:
        return [LRMonitor(), *([LRWarmup(5)] if ramp else [])]

    def make() -> CombinedNet:
        plan = "linear()" if ramp else PLAN
        return Indexed(lambda net: configure_optimizers(CombinedOptimizer(**optimizers_of(net.net)), plan, net.trainer))

    whole, first, second = make(), make(), make()
    fit(whole, *callbacks())
    fit(first, *callbacks(), SaveAt(update, tmp_path / "saved.ckpt"))
    fit(second, *callbacks(), ckpt=tmp_path / "saved.ckpt")

    assert second.used == whole.used[update:]
    assert weights(second) == weights(whole)


class Unfreeze(BaseFinetuning):
    """Frees the first layer in the second epoch; its matrix joins Muon."""

    def freeze_before_training(self, pl_module: L.LightningModule) -> None:
        """Lightning would not free the layer again in a run that is resumed later: that is done below."""

    def on_train_batch_start(self, trainer: L.Trainer, pl_module: L.LightningModule, *_: Any) -> None:
        pl_module.net[0].requires_grad_(trainer.current_epoch >= 1)  # type: ignore[operator, index]

    def finetune_function(self, pl_module: L.LightningModule, epoch: int, optimizer: Any) -> None:
        if epoch == 1:
            layer = pl_module.net[0]  # type: ignore[operator, index]
            for name, parameter in (("muon", layer.weight), ("adamw", layer.bias)):
                optimizer.add_param_group(
                    {"params": [parameter], "lr": 0.005, "optimizer": name, "name": f"late {name}"}
                )


def finetuned(net: CombinedNet) -> Any:
    """The last layer alone at first."""
    return configure_optimizers(CombinedOptimizer(**optimizers_of(net.net[2])), "cosine()", net.trainer)


@not_resumable
@pytest.mark.parametrize("update", [6, 11, 16])
def test_layers_that_join_late_are_resumed(update: int, tmp_path: Path) -> None:
    """Lightning's BaseFinetuning adds their groups in the second of three epochs, and restores them after it."""
    whole, first, second = (Indexed(finetuned) for _ in range(3))
    fit(whole, Unfreeze(), max_epochs=3)
    fit(first, Unfreeze(), SaveAt(update, tmp_path / "saved.ckpt"), max_epochs=3)
    run = fit(second, Unfreeze(), ckpt=tmp_path / "saved.ckpt", max_epochs=3)

    assert [group["name"] for group in run.optimizers[0].param_groups] == ["muon", "adamw", "late muon", "late adamw"]
    assert second.used == whole.used[update:]
    assert weights(second) == weights(whole)


@pytest.mark.slow
def test_two_ranks_train_as_two_optimizers_that_are_stepped_by_hand(tmp_path: Path) -> None:
    """With DDP over gloo: bit for bit, with the same LRs and weights on both ranks, and the average of them under WeightEMA."""
    run_script("tests.helpers.combined_ranks", tmp_path)
    ranks = [json.loads((tmp_path / f"{rank}.json").read_text("utf-8")) for rank in (0, 1)]

    trained, average = ranks[0]["by hand"]
    assert ranks[0] == ranks[1]
    assert ranks[0]["weights"] == trained != weights(network())
    assert ranks[0]["averaged"] == [pytest.approx(expected, rel=1e-5, abs=1e-7) for expected in average]
    assert ranks[0]["used"] == [pytest.approx([0.05 * factor, 0.01 * factor]) for factor in factors(PLAN, 12)]


def test_manual_optimization_steps_it_as_one() -> None:
    """Through Lightning's wrapper, whose attributes are those of the combination."""

    class Manual(CombinedNet):
        automatic_optimization = False

        def training_step(self, batch: Any, batch_idx: int) -> None:
            optimizer: Any = self.optimizers()
            self.used.append([float(group["lr"]) for group in optimizer.param_groups])
            optimizer.zero_grad()
            self.manual_backward(super().training_step(batch, batch_idx))
            optimizer.step()
            assert isinstance(optimizer, CombinedOptimizer)
            assert set(optimizer.optimizers) == {"muon", "adamw"}

    net = Manual()
    net.on_before_optimizer_step = lambda optimizer: None  # type: ignore[method-assign]  # training_step records
    fit(net, LRMonitor())

    assert weights(net) == weights(by_hand(factors(PLAN, 16), 8, epochs=2))


def test_the_state_of_one_optimizer_is_refused_at_a_resume(tmp_path: Path) -> None:
    """A run that used AdamW for everything cannot be resumed with a combination, and the error reports it."""
    alone = CombinedNet(lambda net: configure_optimizers(AdamW(net.parameters()), PLAN, net.trainer))
    fit(alone, SaveAt(4, tmp_path / "saved.ckpt"), max_epochs=1)

    with pytest.raises(
        ScheduleError, match=r"CombinedOptimizer\(muon=\w+, adamw=AdamW\): this is the state of one optimizer"
    ):
        fit(CombinedNet(), ckpt=tmp_path / "saved.ckpt")
