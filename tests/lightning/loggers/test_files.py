"""Six kinds of run, each in the files of three loggers: keys, steps, values, rows, the plan and the summary."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import wandb
from lightning.pytorch.loggers import CSVLogger, Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from torch.optim import SGD

from lr_toolkit import LRMonitor, ReduceOnPlateau, configure_optimizers, cosine, hold, linear, scheduler_config, warmup
from tests.helpers.custom_scalars import shown_charts
from tests.helpers.fits import Probe, fit
from tests.helpers.offline_wandb import read
from tests.lightning.monitor.test_monitor_resume import Keep

# Lightning starts a plain loader over, on purpose.
pytestmark = pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")

Rows = dict[int, dict[str, float]]


@dataclass
class Expected:
    """The LRs of a run, from its optimizer's own hook, and the expected contents of its loggers.

    ``used`` has all updates, ``logged`` those that are logged, ``losses`` the x of Lightning's own rows.
    """

    used: Rows
    logged: list[int]
    losses: list[int]
    config: dict[str, Any]
    after: float

    @property
    def names(self) -> set[str]:
        """The curves."""
        return {name for row in self.used.values() for name in row}

    @property
    def rows(self) -> Rows:
        """The rows that are logged."""
        return {x: self.used[x] for x in self.logged}


def expected(net: Probe, names: list[str], logged: list[int], losses: list[int], **config: Any) -> Expected:
    """The records of the hook, under the names of the curves. Two optimizers take turns."""
    used: Rows = {}
    for index, (x, lrs) in enumerate(net.used):
        own = names if len(lrs) == len(names) else [names[index % len(names)]]
        used.setdefault(x, {}).update(zip(own, lrs, strict=True))
    after = max(float(group["lr"]) for optimizer in net.trainer.optimizers for group in optimizer.param_groups)
    return Expected(used, logged, losses, config, after)


def accumulate(logger: Logger, folder: Path) -> Expected:
    """Four batches per update: six updates, each logged once."""
    net = Probe(lambda net: configure_optimizers(net.sgd(), warmup(2) >> cosine(), net.trainer))
    options = {"batches": 12, "max_epochs": 2, "accumulate_grad_batches": 4, "log_every_n_steps": 1}
    fit(net, LRMonitor(table=False), logger=logger, **options)
    every = list(range(6))
    config = {"schedule": "warmup(2) >> cosine()", "warmup_steps": 2, "total_updates": 6, "interval": "step"}
    second = {"shape": "cosine", "begins": 2, "steps": 4}
    phases = {"0": {"shape": "warmup", "begins": 0, "steps": 2}, "1": second}
    return expected(net, ["lr/optimizer"], every, every, **config, phases=phases)


def shorter_than_the_cadence(logger: Logger, folder: Path) -> Expected:
    """Ten updates under ``log_every_n_steps=50``: the first and the last."""
    net = Probe(lambda net: configure_optimizers(net.sgd(), linear(), net.trainer))
    fit(net, LRMonitor(table=False), logger=logger, batches=10, log_every_n_steps=50)
    return expected(net, ["lr/optimizer"], [0, 9], [], schedule="linear()", warmup_steps=0, total_updates=10)


class Two(Probe):
    """Two optimizers, stepped by hand in each batch."""

    automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """An update of each, and a step of its schedule."""
        for optimizer, scheduler in zip(self.optimizers(), self.lr_schedulers(), strict=True):  # type: ignore[arg-type]  # lists
            optimizer.zero_grad()
            loss = sum(weight.square().sum() for weight in self.weights)
            self.manual_backward(loss)
            optimizer.step()
            scheduler.step()
            self.log("loss", loss)


def two_optimizers(logger: Logger, folder: Path) -> Expected:
    """Manual optimization: five batches, every second logged, and the first; x counts batches."""

    def answer(net: Probe) -> Any:
        both = [net.watched(SGD([weight], lr=lr)) for weight, lr in zip(net.weights, (0.1, 0.25), strict=True)]
        plans = [linear(), hold()]
        configs = [scheduler_config(optimizer, plan, net.trainer) for optimizer, plan in zip(both, plans, strict=True)]
        return both, configs

    net = Two(answer, groups=2)
    fit(net, LRMonitor(table=False), logger=logger, batches=5, log_every_n_steps=2)
    names = ["lr/optimizer1", "lr/optimizer2"]
    return expected(
        net, names, [0, 1, 3, 4], [1, 3], optimizer1={"schedule": "linear()"}, optimizer2={"schedule": "hold()"}
    )


def ten_groups(logger: Logger, folder: Path) -> Expected:
    """Ten named groups with five base LRs: one row for all."""
    names = [f"layer{index // 2}.{'no_' * (index % 2)}decay" for index in range(10)]

    def answer(net: Probe) -> Any:
        groups = [
            {"params": [weight], "lr": 0.1 * 0.5 ** (index // 2), "name": names[index]}
            for index, weight in enumerate(net.weights)
        ]
        return configure_optimizers(net.watched(SGD(groups)), cosine(end=0.1), net.trainer)

    net = Probe(answer, groups=10)
    fit(net, LRMonitor(table=False), logger=logger, batches=4, log_every_n_steps=1)
    every = list(range(4))
    return expected(net, [f"lr/{name}" for name in names], every, every, schedule="cosine(end=0.1)", total_updates=4)


def resumed_in_mid_epoch(logger: Logger, folder: Path) -> Expected:
    """Cut at update 4 of 12, in the first of two epochs: the file of the second part has its own updates."""

    def answer(net: Probe) -> Any:
        return configure_optimizers(net.sgd(), warmup(2) >> cosine(), net.trainer)

    options = {"batches": 6, "max_epochs": 2, "log_every_n_steps": 1}
    fit(Probe(answer), LRMonitor(table=False), Keep(folder), enable_checkpointing=True, **options)
    net = Probe(answer)
    fit(net, LRMonitor(table=False), logger=logger, ckpt_path=folder / "4.ckpt", **options)
    rest = list(range(4, 12))
    return expected(net, ["lr/optimizer"], rest, rest, schedule="warmup(2) >> cosine()", total_updates=12)


def dropped_in_the_last_epoch(logger: Logger, folder: Path) -> Expected:
    """A plateau acts after the last update: no row has its LR, and the summary has it as the next."""

    def answer(net: Probe) -> Any:
        plateau = ReduceOnPlateau(monitor="val_loss", patience=0, factor=0.5)
        return configure_optimizers(net.sgd(), hold(), net.trainer, plateau=plateau)

    net = Probe(answer)
    options = {"batches": 2, "max_epochs": 2, "log_every_n_steps": 1, "validate": True, "num_sanity_val_steps": 0}
    fit(net, LRMonitor(table=False), logger=logger, **options)
    every = list(range(4))
    return expected(net, ["lr/optimizer"], every, every, schedule="hold()", total_updates=4)


RUNS: dict[str, Callable[[Logger, Path], Expected]] = {
    "accumulate 4": accumulate,
    "10 updates at a cadence of 50": shorter_than_the_cadence,
    "two optimizers by hand": two_optimizers,
    "ten groups": ten_groups,
    "resumed in mid-epoch": resumed_in_mid_epoch,
    "a drop in the last epoch": dropped_in_the_last_epoch,
}
NEEDS = {
    "resumed in mid-epoch": pytest.mark.needs("lightning>=2.6", "before it, a resume in mid-epoch repeats a batch"),
}


@pytest.mark.parametrize("run", [pytest.param(name, marks=NEEDS.get(name, ())) for name in RUNS])
def test_csv(run: str, tmp_path: Path) -> None:
    """Full precision, one row per logged update, and no columns except those of the curves and of Lightning."""
    happened = RUNS[run](CSVLogger(str(tmp_path), name="", version="run"), tmp_path)
    with (tmp_path / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))

    ours = [row for row in rows if any(row[name] for name in happened.names)]
    assert [(int(row["step"]), {name: float(row[name]) for name in happened.names}) for row in ours] == [
        *happened.rows.items()
    ]
    assert {*rows[0]} - {"step", "epoch", "loss", "val_loss"} == happened.names
    assert [int(row["step"]) for row in rows if row.get("loss")] == happened.losses


@pytest.mark.parametrize("run", [pytest.param(name, marks=NEEDS.get(name, ())) for name in RUNS])
def test_wandb(run: str, tmp_path: Path, wandb_logger: WandbLogger) -> None:
    """The LR is in the row of the loss. Config, chart and summary have the plan and the result."""
    happened = RUNS[run](wandb_logger, tmp_path)
    wandb.finish()
    seen = read(tmp_path)

    ours = [row for row in seen.history if any(name.startswith("lr/") for name in row)]
    got = [(row["trainer/global_step"], {k: v for k, v in row.items() if k.startswith("lr/")}) for row in ours]
    assert got == [*happened.rows.items()]
    assert [row["trainer/global_step"] for row in ours if "loss" in row] == happened.losses
    assert [row for row in seen.history if "loss" in row and row not in ours] == []
    keys = {name for row in seen.history for name in row if not name.startswith("_")}
    lightnings = {"trainer/global_step", "epoch", "loss", "val_loss"}
    assert {name for name in keys - lightnings if not name.startswith("lr_plan/chart")} == happened.names

    assert any("lr/*" in (metric.name, metric.glob_name) for metric in seen.metrics)
    config = seen.config["lr_toolkit"]
    config = config.get("value", config)
    for name, value in happened.config.items():
        assert config[name] == value or value.items() <= config[name].items()

    (table,) = (json.loads(file.read_text()) for file in tmp_path.rglob("*.table.json"))
    chart: Rows = {}
    for x, name, lr in table["data"]:
        chart.setdefault(x, {})[name] = lr
    assert chart == happened.used

    lrs = [lr for row in happened.rows.values() for lr in row.values()]
    assert seen.summary["lr/peak"] == (0.1 if run == "resumed in mid-epoch" else max(lrs))
    assert seen.summary["lr/final"] == max(happened.used[max(happened.used)].values())
    assert seen.summary["lr/next"] == happened.after
    assert seen.summary["lr/total_updates"] == max(happened.used) + 1


@pytest.mark.parametrize("run", [pytest.param(name, marks=NEEDS.get(name, ())) for name in RUNS])
def test_tensorboard(run: str, tmp_path: Path) -> None:
    """One event per logged update for any number of groups, the plan, a chart of both, the table and the picture."""
    happened = RUNS[run](TensorBoardLogger(str(tmp_path), name="", version="run"), tmp_path)
    (file,) = (tmp_path / "run").glob("events.*")
    events = [
        (event.step, [value.tag for value in event.summary.value if value.tag.startswith("lr/")])
        for event in EventFileLoader(str(file)).Load()
    ]
    sizes = {"scalars": 0, "images": 0, "tensors": 0}
    seen, plan = (EventAccumulator(str(tmp_path / run), size_guidance=sizes).Reload() for run in ("run", "run/lr_plan"))

    assert [(step, {*tags}) for step, tags in events if tags] == [(x, happened.names) for x in happened.logged]
    for name in happened.names:
        used, planned = seen.Scalars(name), plan.Scalars(name)
        for points, wanted in ((used, happened.rows), (planned, happened.rows)):
            assert {point.step: point.value for point in points} == pytest.approx(
                {x: row[name] for x, row in wanted.items()}, rel=1e-6
            )
            assert len(points) == len(wanted)
    tags = seen.Tags()
    assert {*tags["scalars"]} - {"epoch", "loss", "val_loss", "hp_metric"} == happened.names
    assert {*plan.Tags()["scalars"]} == happened.names
    assert tags["images"] == ["lr_plan/picture"]
    assert seen.Images("lr_plan/picture")[0].encoded_image_string.startswith(b"\x89PNG")

    ((chart, drawn),) = shown_charts(tmp_path / "run").items()
    assert chart == "learning rate/planned and used"
    assert {tag.removeprefix("^").removesuffix("$").replace("\\", "") for tag in drawn} == happened.names
    text = seen.Tensors("lr_plan/table/text_summary")[0].tensor_proto.string_val[0].decode()
    single = "schedule" in happened.config
    schedules = [config["schedule"] for config in ([happened.config] if single else happened.config.values())]
    assert all(f"LR schedule: {schedule} (SGD)" in text for schedule in schedules)


@pytest.mark.parametrize("run", [pytest.param(name, marks=NEEDS.get(name, ())) for name in RUNS])
def test_mlflow(run: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows are metrics, and the text of each schedule and the table are tags; a tag of the user's stays."""
    tracking = pytest.importorskip("mlflow.tracking", reason="mlflow is no dependency")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    logger = MLFlowLogger("runs", tracking_uri=f"file:{tmp_path / 'mlruns'}", tags={"schedule": "mine"})
    happened = RUNS[run](logger, tmp_path)
    client = tracking.MlflowClient(f"file:{tmp_path / 'mlruns'}")
    tags = client.get_run(logger.run_id).data.tags

    for name in happened.names:
        points = client.get_metric_history(logger.run_id, name)
        assert {point.step: point.value for point in points} == {
            x: row[name] for x, row in happened.rows.items() if name in row
        }
    if "schedule" in happened.config:
        assert tags["lr_toolkit.schedule"] == happened.config["schedule"]
    else:
        for name, config in happened.config.items():
            assert tags[f"lr_toolkit.{name}.schedule"] == config["schedule"]
    assert tags["lr_toolkit.plan"].startswith("LR schedule: ")
    assert tags["schedule"] == "mine"


def test_a_metric_that_takes_the_place_of_the_x_axis_moves_no_lr(tmp_path: Path, wandb_logger: WandbLogger) -> None:
    """Lightning logs a row at the value of a metric named ``step``. An LR stays at the x of its update."""

    class Elsewhere(Probe):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            self.log("step", 100.0 + batch_idx)
            return super().training_step(batch, batch_idx)

    net = Elsewhere(lambda net: configure_optimizers(net.sgd(), linear(), net.trainer))
    fit(net, LRMonitor(table=False), logger=wandb_logger, batches=4, log_every_n_steps=1)
    wandb.finish()

    assert read(tmp_path).series("lr/optimizer") == [(x, lrs[0]) for x, lrs in net.used]


def own_rows(kind: type) -> tuple[type, list[tuple[Any, dict[str, Any]]]]:
    """A subclass of ``kind`` with the same name that keeps its rows, and the rows."""
    rows: list[tuple[Any, dict[str, Any]]] = []

    def log_metrics(self: Any, metrics: dict[str, Any], step: int | None = None) -> None:
        rows.append((step, metrics))

    return type(kind.__name__, (kind,), {"log_metrics": log_metrics}), rows


@pytest.mark.parametrize("kind", [TensorBoardLogger, WandbLogger])
def test_a_logger_with_its_own_log_metrics_gets_every_row(kind: Any, tmp_path: Path, wandb_logger: WandbLogger) -> None:
    """A subclass may rename metrics or count steps in another way: its ``log_metrics`` gets every row."""
    derived, rows = own_rows(kind)
    net = Probe(lambda net: configure_optimizers(net.sgd(), linear(), net.trainer))
    fit(net, LRMonitor(table=False), logger=derived(save_dir=str(tmp_path)), batches=4, log_every_n_steps=1)

    assert [(x, row) for x, row in rows if "lr/optimizer" in row] == [
        (x, {"lr/optimizer": lrs[0]}) for x, lrs in net.used
    ]
