"""Adapters: registration of a user's own, several loggers side by side, and the user's own layout and config keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import wandb
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lr_toolkit import LRMonitor, ScheduleError, configure_optimizers, cosine
from lr_toolkit.lightning.loggers import LoggerAdapter, register_logger_adapter, registry
from lr_toolkit.lightning.loggers.registry import adapter_of
from lr_toolkit.lightning.loggers.rows import log_row
from tests.helpers.custom_scalars import shown_charts
from tests.helpers.fits import Probe, Recorder, csv_logger, csv_rows, fit
from tests.helpers.offline_wandb import read


@pytest.fixture(autouse=True)
def own_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test's registrations end with it."""
    monkeypatch.setattr(registry, "_ADAPTERS", dict(registry._ADAPTERS))
    yield
    registry._find.cache_clear()


def follows_cosine(*callbacks: L.Callback, **options: Any) -> Probe:
    """A run of four updates, each of which is logged."""
    net = Probe(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer))
    fit(net, LRMonitor(table=False), *callbacks, batches=4, log_every_n_steps=1, **options)
    return net


# --- registration -------------------------------------------------------------------------------------------------------


class Notebook(Recorder):
    """A tracker with a place for each event."""

    def __init__(self) -> None:
        super().__init__()
        self.notes: list[tuple[str, Any]] = []


class NotebookAdapter(LoggerAdapter):
    """Writes each event to the place that ``Notebook`` has for it."""

    wants_picture = True

    def log_row(self, trainer: Any, logger: Any, row: Any) -> None:
        logger.notes.append(("row", (row.step, row.as_dict())))

    def log_plan(self, trainer: Any, logger: Any, plan: Any) -> None:
        logger.notes.append(("plan", plan))

    def log_summary(self, trainer: Any, logger: Any, summary: Any) -> None:
        logger.notes.append(("summary", summary))


def test_a_registered_adapter_gets_every_event_of_a_run() -> None:
    """The logger has the plan, then each row, then the summary with the picture, and nothing of ours in ``log_metrics``."""
    register_logger_adapter(Notebook, NotebookAdapter())
    notebook = Notebook()
    net = follows_cosine(logger=notebook)

    assert [kind for kind, _ in notebook.notes] == ["plan", "row", "row", "row", "row", "summary"]
    plan, summary = notebook.notes[0][1], notebook.notes[-1][1]
    assert [line.name for line in plan.lines] == ["lr/optimizer"]
    assert plan.config["schedule"] == "cosine()"
    assert "LR schedule: cosine() (SGD)" in plan.table
    assert [note for kind, note in notebook.notes if kind == "row"] == [
        (x, {"lr/optimizer": lrs[0]}) for x, lrs in net.used
    ]
    assert summary.values["lr/total_updates"] == 4
    assert summary.figure.axes
    assert notebook.lrs() == []


def test_any_other_logger_gets_plain_rows() -> None:
    """Without an adapter each row is passed to ``log_metrics``, and there is no picture."""
    notebook = Notebook()
    net = follows_cosine(logger=notebook)

    assert notebook.notes == []
    assert notebook.lrs() == [(x, {"lr/optimizer": lrs[0]}) for x, lrs in net.used]
    assert not adapter_of(notebook).wants_picture


class Pinned(TensorBoardLogger):
    """A user's logger, derived from Lightning's."""


ours = registry._ADAPTERS["TensorBoardLogger"]
theirs, other = NotebookAdapter(), NotebookAdapter()


@pytest.mark.parametrize(
    ("registered", "wanted"),
    [
        ({}, ours),
        ({Pinned: theirs}, theirs),
        ({"Pinned": theirs}, theirs),
        ({TensorBoardLogger: theirs}, theirs),
        ({"TensorBoardLogger": theirs}, theirs),
        ({TensorBoardLogger: theirs, "TensorBoardLogger": other}, theirs),
        ({TensorBoardLogger: other, Pinned: theirs}, theirs),
        ({Pinned: other, "TensorBoardLogger": other, "Pinned": other, TensorBoardLogger: other}, other),
        ({Logger: theirs}, ours),
        ({"CSVLogger": theirs}, ours),
    ],
)
def test_the_most_derived_class_decides(
    registered: dict[Any, LoggerAdapter], wanted: LoggerAdapter, tmp_path: Path
) -> None:
    """A user's registration replaces ours for the same class; a class takes precedence over its name."""
    for key, adapter in registered.items():
        register_logger_adapter(key, adapter)

    assert adapter_of(Pinned(str(tmp_path))) is wanted


def test_both_names_of_lightning_have_our_adapters() -> None:
    """``pytorch_lightning`` has classes of the same names, which ours serve."""
    for name in ("CSVLogger", "MLFlowLogger", "TensorBoardLogger", "WandbLogger"):
        twin = type(name, (Recorder,), {})

        assert adapter_of(twin()) is registry._ADAPTERS[name]


@pytest.mark.parametrize(
    ("logger", "adapter", "problem", "line"),
    [
        (Recorder(), theirs, "must be a class or its name", "register_logger_adapter('Recorder', LoggerAdapter())"),
        (3, theirs, "must be a class or its name", "register_logger_adapter('CSVLogger', LoggerAdapter())"),
        (Recorder, NotebookAdapter, "must be an instance", "register_logger_adapter(Recorder, NotebookAdapter())"),
        ("Recorder", NotebookAdapter, "must be an instance", "register_logger_adapter('Recorder', NotebookAdapter())"),
        ("CometLogger", 3, "must be an instance", "register_logger_adapter('CometLogger', LoggerAdapter())"),
    ],
)
def test_a_wrong_registration_is_refused(logger: Any, adapter: Any, problem: str, line: str) -> None:
    """A logger in place of its class, or a class in place of an adapter, is refused with a line that can be pasted."""
    with pytest.raises(ScheduleError, match=problem) as refused:
        register_logger_adapter(logger, adapter)

    assert str(refused.value).endswith(f" Write {line}.")
    eval(line)


# --- several loggers ----------------------------------------------------------------------------------------------------


class Broken(Recorder):
    """A tracker that is down."""

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        raise ConnectionError(f"no answer at step {step}")


class Host:
    """As much of a Trainer as a row needs."""

    def __init__(self, *loggers: Logger) -> None:
        self.loggers = loggers


def test_a_logger_that_fails_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """The loggers behind it have their row; then its error is raised, and the error of a second one is logged."""
    before, after = Recorder(), Recorder()
    host: Any = Host(before, Broken(), after, Broken())
    with pytest.raises(ConnectionError, match="no answer at step 7"):
        log_row(host, ("lr/optimizer",), [0.1], 7, in_batch=False)

    assert before.rows == after.rows == [(7, {"lr/optimizer": 0.1})]
    assert "Another logger failed at the same event" in caplog.text


def test_two_loggers_of_one_kind_have_the_whole_run_each(tmp_path: Path) -> None:
    """Two CSV files and two TensorBoard runs hold the same rows, plan and picture."""
    loggers = [
        csv_logger(tmp_path / "a"),
        csv_logger(tmp_path / "b"),
        *(TensorBoardLogger(str(tmp_path), name="", version=name) for name in ("c", "d")),
    ]
    net = follows_cosine(logger=loggers)

    wanted = [(x, lrs[0]) for x, lrs in net.used]
    for name in "ab":
        assert csv_rows(tmp_path / name, "lr/optimizer") == wanted
    for name in "cd":
        seen, plan = (
            EventAccumulator(str(folder)).Reload() for folder in (tmp_path / name, tmp_path / name / "lr_plan")
        )
        for run in (seen, plan):
            assert {point.step: point.value for point in run.Scalars("lr/optimizer")} == pytest.approx(dict(wanted))
        assert seen.Tags()["images"] == ["lr_plan/picture"]
        assert [*shown_charts(tmp_path / name)] == ["learning rate/planned and used"]


# --- what is the user's -------------------------------------------------------------------------------------------------

OURS = "learning rate/planned and used"
LAYOUT = {"mine": {"losses": ["Multiline", ["loss", "val_loss"]]}}


class Layout(L.Callback):
    """A user's own TensorBoard layout, written in one of the hooks."""

    def __init__(self, hook: str) -> None:
        setattr(self, hook, self._write)

    def _write(self, trainer: L.Trainer, *_: Any, **__: Any) -> None:
        trainer.logger.experiment.add_custom_scalars(LAYOUT)


@pytest.mark.parametrize("hook", ["setup", "on_train_start", "on_train_batch_end", "on_train_end", "teardown"])
def test_a_users_layout_and_ours_are_both_shown(hook: str, tmp_path: Path) -> None:
    """TensorBoard shows the user's chart and ours, whichever is written first."""
    logger = TensorBoardLogger(str(tmp_path), name="", version="run")
    follows_cosine(Layout(hook), logger=logger)
    logger.experiment.close()

    assert shown_charts(tmp_path) == {
        "mine/losses": ["loss", "val_loss"],
        OURS: ["^lr/optimizer$"],
    }


def in_config(folder: Path, key: str) -> Any:
    """The value of ``key`` in the config of the run below ``folder``."""
    value = read(folder).config[key]
    return value.get("value", value) if isinstance(value, dict) else value


@pytest.mark.parametrize("value", ["mine", {"schedule": "mine"}])
def test_a_users_key_in_the_wandb_config_stays(value: Any, tmp_path: Path, wandb_logger: WandbLogger) -> None:
    """``lr_schedule`` is the user's; ours has a key of its own."""
    wandb_logger.experiment.config.update({"lr_schedule": value})
    follows_cosine(logger=wandb_logger)
    wandb.finish()

    assert in_config(tmp_path, "lr_schedule") == value
    assert in_config(tmp_path, "lr_toolkit")["schedule"] == "cosine()"


@pytest.mark.parametrize("value", ["0.1.0", {"schedule": "mine"}])
def test_our_key_steps_aside_for_a_users(value: Any, tmp_path: Path, wandb_logger: WandbLogger) -> None:
    """A user's value under our key stays as it is."""
    wandb_logger.experiment.config.update({"lr_toolkit": value})
    follows_cosine(logger=wandb_logger)
    wandb.finish()

    assert in_config(tmp_path, "lr_toolkit") == value


def test_a_second_fit_replaces_the_schedule_of_the_first(tmp_path: Path, wandb_logger: WandbLogger) -> None:
    """What is under our key and ours is kept up to date."""
    follows_cosine(logger=wandb_logger)
    net = Probe(lambda net: configure_optimizers(net.sgd(), "linear()", net.trainer))
    fit(net, LRMonitor(table=False), logger=wandb_logger, batches=4)
    wandb.finish()

    assert in_config(tmp_path, "lr_toolkit")["schedule"] == "linear()"
