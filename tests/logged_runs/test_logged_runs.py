"""Runs that real loggers have written are read back: the used LRs over the plan, and the first update at which they part."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import wandb
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger, WandbLogger
from matplotlib.figure import Figure

from lr_toolkit import LRMonitor, ScheduleError, configure_optimizers, cosine, warmup
from lr_toolkit.cli import main
from lr_toolkit.logged_runs.against_plan import first_difference, preview_of_run
from lr_toolkit.logged_runs.curves import LoggedCurves
from lr_toolkit.logged_runs.find import is_run, read_run
from lr_toolkit.preview.page.data import page_data
from lr_toolkit.preview.plot import plot_preview
from lr_toolkit.preview.svg_chart import preview_picture
from lr_toolkit.preview.thinned import alone, thinned
from tests.helpers.fits import Probe, fit
from tests.helpers.offline_wandb import read

LOGGERS: dict[str, Callable[[Path], Logger]] = {
    "csv": lambda folder: CSVLogger(str(folder)),
    "tensorboard": lambda folder: TensorBoardLogger(str(folder)),
    "wandb": lambda folder: WandbLogger(save_dir=str(folder), offline=True),
}


class Meddles(L.Callback):
    """Writes another LR from an update on."""

    def __init__(self, update: int) -> None:
        self.update = update

    def on_train_batch_start(self, trainer: L.Trainer, *args: Any) -> None:
        """Write it."""
        if trainer.global_step >= self.update:
            trainer.optimizers[0].param_groups[0]["lr"] = 0.5


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep W&B from the network and the terminal."""
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")


def logged(kind: str, folder: Path, *callbacks: L.Callback, groups: int = 1, **options: Any) -> Probe:
    """A run of 40 updates with one of the loggers, which logs every fifth."""
    net = Probe(lambda net: configure_optimizers(net.sgd(), warmup(5) >> cosine(), net.trainer), groups=groups)
    options = {"batches": 20, "max_epochs": 2, "log_every_n_steps": 5} | options
    fit(net, *(callbacks or [LRMonitor(table=False)]), logger=LOGGERS[kind](folder), **options)
    if kind == "wandb":
        wandb.finish()
        read(folder)  # it waits for the end of the file
    return net


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("kind", LOGGERS)
def test_a_run_is_read_back(kind: str, tmp_path: Path) -> None:
    """The used and the planned LRs of each logged update; CSV and W&B keep all digits."""
    net = logged(kind, tmp_path)
    run = read_run(str(tmp_path))

    used = {update: lrs[0] for update, lrs in net.used}
    points = {0, *range(4, 40, 5), 39} | {5}  # the cadence, the last one, and where a phase begins
    assert run.used == {"lr/optimizer": pytest.approx({k: used[k] for k in sorted(points)}, rel=1e-6)}
    assert run.planned["lr/optimizer"] == pytest.approx(
        {k: used[k] for k in (points if kind == "tensorboard" else range(40))}, rel=1e-6
    )
    assert kind == "tensorboard" or run.used["lr/optimizer"] == {k: used[k] for k in sorted(points)}
    preview = preview_of_run(run)
    assert preview.facts == (f"lr/optimizer: as planned at all {len(points)} logged updates",)
    assert [(series.name, series.steps) for series in preview.series] == [
        ("lr/optimizer, planned", 40),
        ("lr/optimizer, used", 40),
    ]


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("kind", LOGGERS)
@pytest.mark.filterwarnings("ignore:LR601")  # of the callback that writes another LR, which is tested here
def test_the_first_update_that_parts_from_its_plan_is_reported(kind: str, tmp_path: Path) -> None:
    """With both LRs: the first one that was logged after a callback had written another."""
    logged(kind, tmp_path, LRMonitor(table=False), Meddles(12))

    (fact,) = preview_of_run(read_run(str(tmp_path))).facts
    planned = 0.1 * (1 + math.cos(math.pi * 9 / 35)) / 2
    assert fact == f"lr/optimizer: parts from its plan at update 14: planned {planned:.6g}, used 0.5"


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("kind", LOGGERS)
def test_a_run_that_ended_early_is_reported(kind: str, tmp_path: Path) -> None:
    """The plan goes on, and the used LRs end."""

    class Stops(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
            trainer.should_stop = trainer.global_step >= 23

    logged(kind, tmp_path, LRMonitor(table=False), Stops(), min_epochs=0)
    preview = preview_of_run(read_run(str(tmp_path)))

    assert preview.facts[-1] == "the last update that was logged is 22, and the plan has 40 updates"
    used = preview.series[-1].values
    assert np.flatnonzero(np.isfinite(used)).tolist() == [0, 4, 5, 9, 14, 19, 22]


@pytest.mark.parametrize(("steps", "every"), [(40, 5), (200, 50), (20_000, 4_000)])
def test_a_logged_lr_is_a_point(steps: int, every: int) -> None:
    """No picture joins two used LRs with updates between that were not logged: a line would leave a curve that bends."""
    plan = {k: math.cos(math.pi / 2 * k / steps) for k in range(steps)}
    used = {k: plan[k] for k in range(0, steps, every)}
    preview = preview_of_run(LoggedCurves(Path("run"), {"lr": used}, {"lr": plan}))
    series = preview.series[1]

    assert np.flatnonzero(np.isfinite(series.values)).tolist() == list(used)
    assert set(used) <= set(thinned(series).tolist())
    drawn = series.values[thinned(series)]
    assert alone(drawn).size == len(used)
    if steps > 60:  # shorter runs are drawn as stairs, each update as wide as the next
        assert preview_picture(preview).count("<circle") == len(used)
        assert preview_picture(preview).count("<polyline") == 1
        points = plot_preview(preview, Figure().subplots()).lines[1]
        assert len(points.get_markevery()) == len(used)
    stored = page_data(preview)["curves"][1]
    updates = stored["updates"] or range(steps)
    assert {k: value for k, value in zip(updates, stored["values"], strict=True) if value is not None} == used
    used_alone = preview_of_run(LoggedCurves(Path("run"), {"lr": used}, {}))
    rows = used_alone.text(ascii_only=True).splitlines()[3:17]
    marks = "".join(row.partition("|")[2] or row.partition("+")[2] for row in rows[:-1])
    assert len(marks.replace(" ", "")) <= 3 * len(used)  # an update of forty is two columns wide, or three


def test_logged_lrs_of_neighbours_are_joined() -> None:
    """Each update logged: one line and no point, even in a long run that is thinned."""
    lrs = {k: 1.0 - k / 5_000 for k in range(5_000)}
    picture = preview_picture(preview_of_run(LoggedCurves(Path("run"), {"lr": lrs}, {})))

    assert (picture.count("<polyline"), picture.count("<circle")) == (1, 0)


def test_groups_with_one_curve_are_drawn_once(tmp_path: Path) -> None:
    """Under all their names."""
    logged("csv", tmp_path, groups=2)
    preview = preview_of_run(read_run(str(tmp_path)))

    assert [series.name for series in preview.series] == [
        "lr/pg1, lr/pg2, planned",
        "lr/pg1, lr/pg2, used",
    ]
    assert preview.facts == ("lr/pg1, lr/pg2: as planned at all 10 logged updates",)


def test_a_run_without_our_monitor_is_read(tmp_path: Path) -> None:
    """Lightning's monitor has logged it: there is no plan."""
    net = logged("csv", tmp_path, LearningRateMonitor("step"))
    run = read_run(str(tmp_path))

    lrs = [lrs[0] for _, lrs in net.used]
    assert run.planned == {}
    assert run.used == {"lr-SGD": {k: lrs[k] for k in range(4, 40, 5)}}
    assert preview_of_run(run).facts == ("no plan is stored with this run: LRMonitor stores one",)


def test_a_prefix_of_the_logger_does_not_part_a_curve_from_its_plan(tmp_path: Path) -> None:
    """The logger puts it before the names of the rows alone."""
    net = Probe(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer))
    fit(net, LRMonitor(table=False), logger=CSVLogger(str(tmp_path), prefix="exp1"), batches=10, log_every_n_steps=1)

    assert preview_of_run(read_run(str(tmp_path))).facts == ("lr/optimizer: as planned at all 10 logged updates",)


def test_the_planned_curves_are_beside_the_csv_log(tmp_path: Path) -> None:
    """A row for each update that the plan has, with all digits, as in ``metrics.csv``."""
    net = logged("csv", tmp_path, groups=2)
    (file,) = tmp_path.rglob("lr_plan.csv")

    with file.open(newline="") as lines:
        rows = [[float(value) for value in row.values()] for row in csv.DictReader(lines)]
    assert rows == [[update, *lrs] for update, lrs in net.used]


# --- finding a run --------------------------------------------------------------------------------------------------------


def test_the_run_that_was_written_last_is_found(tmp_path: Path) -> None:
    """Below ``lightning_logs``; a folder and a file of a run are themselves."""
    for _ in range(2):
        logged("csv", tmp_path)
    first, second = (tmp_path / "lightning_logs" / f"version_{number}" for number in (0, 1))

    assert read_run(str(tmp_path)).place == read_run(str(tmp_path / "lightning_logs")).place == second
    assert read_run(str(first)).place == read_run(str(first / "metrics.csv")).place == first


def test_what_is_a_run(tmp_path: Path) -> None:
    """A folder, or a file that a logger writes; a schedule is none."""
    (tmp_path / "metrics.csv").write_text("step\n", "utf-8")
    (tmp_path / "other.csv").write_text("step\n", "utf-8")

    assert is_run(str(tmp_path))
    assert is_run(str(tmp_path / "metrics.csv"))
    assert not is_run(str(tmp_path / "other.csv"))
    assert not is_run("cosine()")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has no log that can be read: no metrics.csv"),
        ({"notes.txt": "3"}, "Write the folder of a run, such as lightning_logs/version_0."),
        ({"metrics.csv": "step,loss\n0,1.0\n"}, r"has no learning rate\. Write Trainer\(callbacks=\[LRMonitor\(\)\]\)"),
        ({"metrics.csv": "step,lr/optimizer\nzero,1.0\n"}, "is damaged: invalid literal for int"),
        ({"metrics.csv": ""}, "has no learning rate"),
        ({"run-abc.wandb": "no records"}, "has no learning rate"),
    ],
)
def test_a_folder_without_a_run_is_refused(files: dict[str, str], message: str, tmp_path: Path) -> None:
    """With what is looked for."""
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")

    with pytest.raises(ScheduleError, match=message):
        read_run(str(tmp_path))


def test_a_missing_folder_is_refused() -> None:
    """By its name."""
    with pytest.raises(ScheduleError, match=r"There is no file or folder 'no/such'\."):
        read_run("no/such")


def test_tensorboards_seven_digits_are_no_difference() -> None:
    """A difference is one of a millionth or more, at an update that has both values."""
    assert first_difference({0: 0.1, 1: 0.2}, {0: float(np.float32(0.1)), 1: float(np.float32(0.2))}) is None
    assert first_difference({0: 0.1, 1: 0.2}, {0: 0.1, 1: 0.2000003}) == 1
    assert first_difference({0: 0.1, 1: 0.2}, {5: 7.0}) is None


def test_show_prints_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The chart of both curves, and where they part."""
    logged("csv", tmp_path)
    main(["show", str(tmp_path)])
    out = capsys.readouterr().out

    assert "lr/optimizer: as planned at all 10 logged updates" in out
    assert "  a lr/optimizer, planned\n  b lr/optimizer, used\n" in out


def test_logs_with_gaps_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the updates between their first and last rows; a log of nothing but NaN has no numbers."""
    logs = {"early": "0,0.2\n4,0.1\n", "late": "8,0.1\n9,0.1\n", "lost": "0,nan\n9,nan\n"}
    for name, rows in logs.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "metrics.csv").write_text(f"step,lr-SGD\n{rows}", "utf-8")
    main(["show", *(str(tmp_path / name) for name in logs)])
    table = [line.split() for line in capsys.readouterr().out.splitlines() if line[2:4] in ("a ", "b ", "c ")]

    assert [row[1:4] for row in table[-3:]] == [["0.2", "0.1", "0.75"], ["0.1", "0.1", "0.2"], ["-", "-", "-"]]
