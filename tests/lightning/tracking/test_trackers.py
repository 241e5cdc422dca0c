"""What the trackers' own files hold after a run, read back: W&B offline, TensorBoard events, CSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wandb
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.optim import SGD

from lr_toolkit import LRMonitor, ReduceOnPlateau, configure_optimizers, cosine, hold, linear, warmup
from tests.lightning.callbacks.fits import Probe, csv_logger, csv_rows, fit
from tests.lightning.tracking.offline import Offline, read

pytestmark = pytest.mark.filterwarnings("ignore:There is a wandb run already in progress")


@pytest.fixture
def wandb_logger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WandbLogger]:
    """A logger whose run lies below ``tmp_path`` and is finished afterwards."""
    for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path))
    yield WandbLogger(project="test", save_dir=str(tmp_path))
    wandb.finish()


def finished(folder: Path) -> Offline:
    """The run, once W&B has written all of it."""
    wandb.finish()
    return read(folder)


def scheduled(schedule: Any, **options: Any) -> Any:
    """An answer: SGD that follows ``schedule``."""
    return lambda net: configure_optimizers(net.sgd(), schedule, net.trainer, **options)


def test_wandb_has_the_lr_in_the_row_of_the_loss(wandb_logger: WandbLogger, tmp_path: Path) -> None:
    """Under accumulation and at every update: one history row for each update, with the loss and the LR that it used."""
    net = Probe(scheduled(warmup(2) >> cosine()))
    fit(net, LRMonitor(), batches=12, accumulate_grad_batches=4, max_epochs=2, log_every_n_steps=1, logger=wandb_logger)
    run = finished(tmp_path)

    assert run.series("lr/optimizer") == [(x, lrs[0]) for x, lrs in net.used]
    assert [x for x, _ in run.series("loss")] == [x for x, _ in net.used]
    assert all("loss" in row for row in run.history if "lr/optimizer" in row)
    assert len([row for row in run.history if "loss" in row or "lr/optimizer" in row]) == 6


def test_wandb_knows_the_plan_and_the_outcome(wandb_logger: WandbLogger, tmp_path: Path) -> None:
    """The schedule is nested in the config, the plan is a chart, the summary has peak, final and next LR and the updates."""
    net = Probe(scheduled(warmup(2) >> linear()))
    fit(net, LRMonitor(), batches=10, logger=wandb_logger)
    run = finished(tmp_path)

    config = run.config["lr_schedule"]["value"] if "value" in run.config["lr_schedule"] else run.config["lr_schedule"]
    assert config["schedule"] == "warmup(2) >> linear()"
    assert config["warmup_steps"] == 2
    assert config["total_updates"] == 10
    assert config["phases"]["1"] == {"shape": "linear", "begins": 2, "steps": 8}
    assert run.summary["lr/peak"] == 0.1
    assert run.summary["lr/final"] == net.used[-1][1][0]
    assert run.summary["lr/next"] == 0.0
    assert run.summary["lr/total_updates"] == 10
    assert any(one.name == "lr/*" or one.glob_name == "lr/*" for one in run.metrics)
    (table,) = tmp_path.rglob("*.table.json")
    assert "lr/optimizer" in table.read_text()


def test_a_plateau_drop_after_the_last_update_is_in_the_summary(wandb_logger: WandbLogger, tmp_path: Path) -> None:
    """The LR that no update used any more is ``lr/next``; ``lr/final`` is the one that the last update used."""
    plateau = ReduceOnPlateau(monitor="val_loss", patience=0, factor=0.5)
    net = Probe(scheduled(hold(), plateau=plateau))
    fit(net, LRMonitor(), batches=2, max_epochs=2, validate=True, num_sanity_val_steps=0, logger=wandb_logger)
    run = finished(tmp_path)

    assert run.summary["lr/final"] == 0.1
    assert run.summary["lr/next"] == 0.05
    assert [value for _, value in run.series("lr/optimizer")] == [0.1, 0.1]


def events(folder: Path) -> EventAccumulator:
    """Everything in the event files below ``folder``."""
    return EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0, "tensors": 0}).Reload()


def test_tensorboard_has_plan_and_fact(tmp_path: Path) -> None:
    """The used LRs, the planned ones, a chart of both, the table and the picture are in the event file."""
    net = Probe(scheduled(warmup(2) >> cosine()), groups=2)
    fit(net, LRMonitor(), batches=8, log_every_n_steps=2, logger=TensorBoardLogger(str(tmp_path), name="", version="v"))
    seen = events(tmp_path / "v")

    used = dict(net.used)
    for group, name in enumerate(("pg1", "pg2")):
        points = [(one.step, one.value) for one in seen.Scalars(f"lr/{name}")]
        assert points == [(x, pytest.approx(used[x][group], rel=1e-6)) for x in (0, 1, 2, 3, 5, 7)]
        plan = [(one.step, one.value) for one in seen.Scalars(f"lr_plan/{name}")]
        assert plan == [(x, pytest.approx(used[x][group], rel=1e-6)) for x in range(8)]
    tags = seen.Tags()
    assert "custom_scalars__config__" in tags["tensors"]
    text = seen.Tensors("lr_plan/table/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "LR schedule: warmup(2) >> cosine() (SGD)" in text
    assert seen.Images("lr_plan/picture")[0].encoded_image_string.startswith(b"\x89PNG")


def test_two_optimizers_under_manual_optimization(tmp_path: Path) -> None:
    """Both optimizers' curves are in TensorBoard on the axis of the batches."""

    class Two(Probe):
        automatic_optimization = False

        def training_step(self, batch: Any, batch_idx: int) -> None:
            for one in self.optimizers():  # type: ignore[union-attr]
                loss = sum(weight.square().sum() for weight in self.weights)
                one.zero_grad()
                self.manual_backward(loss)
                one.step()

    def answer(net: Probe) -> Any:
        return [SGD([net.weights[0]], lr=0.1), SGD([net.weights[1]], lr=0.25)]

    logger = TensorBoardLogger(str(tmp_path), name="", version="v")
    fit(Two(answer, groups=2), LRMonitor(), batches=5, log_every_n_steps=2, logger=logger)
    seen = events(tmp_path / "v")

    for name, lr in (("optimizer1", 0.1), ("optimizer2", 0.25)):
        points = [(one.step, one.value) for one in seen.Scalars(f"lr/{name}")]
        assert points == [(x, pytest.approx(lr)) for x in (0, 1, 3, 4)]


def test_csv_keeps_full_precision(tmp_path: Path) -> None:
    """A CSV file has the very doubles that were used."""
    net = Probe(scheduled(cosine()))
    fit(net, LRMonitor(), batches=7, log_every_n_steps=1, logger=csv_logger(tmp_path))

    assert csv_rows(tmp_path, "lr/optimizer") == [(x, lrs[0]) for x, lrs in net.used]
