"""The table at the start and the picture at the end: the forecast is what the run then uses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback, RichProgressBar, TQDMProgressBar
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit import LRMonitor, LRWarmup, ScheduleError, configure_optimizers, cosine, hold, warmup
from lr_toolkit.lightning.checks.forecast import Forecast, forecast
from lr_toolkit.lightning.run_layout import run_layout_of
from tests.helpers.fits import BarMetrics, Probe, data, fit


class Asks(Callback):
    """Asks for the forecast when training begins."""

    result: Forecast

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Keep the answer."""
        self.result = forecast(trainer, pl_module, trainer.optimizers[0], run_layout_of(trainer))


def _sequential(optimizer: Any) -> Any:
    parts = [torch_lr.LinearLR(optimizer, 0.1, 1, 4), torch_lr.CosineAnnealingLR(optimizer, 12)]
    return torch_lr.SequentialLR(optimizer, parts, [4])


MADE: dict[str, Any] = {
    "exponential": lambda optimizer: torch_lr.ExponentialLR(optimizer, 0.9),
    "sequential": _sequential,
    "one cycle": lambda optimizer: torch_lr.OneCycleLR(optimizer, 0.1, total_steps=99),
    "warm restarts": lambda optimizer: torch_lr.CosineAnnealingWarmRestarts(optimizer, 5),
    "lambda": lambda optimizer: torch_lr.LambdaLR(optimizer, [lambda k: 1 / (k + 1), lambda k: 0.5**k]),
    "chained": lambda optimizer: torch_lr.ChainedScheduler(
        [torch_lr.ExponentialLR(optimizer, 0.9), torch_lr.StepLR(optimizer, 3)]
    ),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "accumulate 3": {"accumulate_grad_batches": 3},
    "max_steps": {"max_steps": 11, "max_epochs": -1},
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize(
    "config", [{"interval": "step"}, {"interval": "epoch"}, {"interval": "step", "frequency": 4}], ids=repr
)
@pytest.mark.parametrize("made", MADE)
@pytest.mark.filterwarnings("ignore:A `OneCycleLR` scheduler is using")  # torch's class is stepped per epoch on purpose
def test_a_third_partys_scheduler_is_forecast(made: str, config: dict[str, Any], options: str) -> None:
    """The forecast of a torch scheduler equals what its run uses bit for bit, and it does not change the run."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd(momentum=0.9)
        return [optimizer], [{"scheduler": MADE[made](optimizer), **config}]

    asked, asks = Probe(answer, groups=2), Asks()
    fit(
        asked,
        asks,
        max_epochs=OPTIONS[options].get("max_epochs", 3),
        **{k: v for k, v in OPTIONS[options].items() if k != "max_epochs"},
    )
    alone = Probe(answer, groups=2)
    fit(alone, **({"max_epochs": 3} | OPTIONS[options]))

    assert asks.result.lrs.tolist() == [lrs for _, lrs in asked.used]
    assert asked.used == alone.used


@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_our_schedule_is_forecast(interval: Any) -> None:
    """The forecast of a schedule of this package has its values at and between the phase starts."""
    schedule = warmup("1 epoch") >> hold("1 epoch") >> cosine(end=0.1)
    net, asks = Probe(lambda net: configure_optimizers(net.sgd(), schedule, net.trainer, interval=interval)), Asks()
    fit(net, asks, max_epochs=4)

    used = dict(net.used)
    assert asks.result.lrs.tolist() == [used[x] for x in asks.result.updates.tolist()]
    assert {0, 8, 16, 31} <= set(asks.result.updates.tolist())


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    """Schedule, arithmetic, groups and phases, within 80 columns."""

    def answer(net: Probe) -> Any:
        optimizer = net.watched(
            torch.optim.AdamW(
                [
                    {"params": [net.weights[0]], "lr": 3e-5, "name": "backbone"},
                    {"params": [net.weights[1]], "lr": 3e-4, "name": "head"},
                ]
            )
        )
        return configure_optimizers(optimizer, warmup("10%") >> hold("50%") >> cosine(end=0.1), net.trainer)

    fit(Probe(answer, groups=2), LRMonitor(table=True), batches=20, max_epochs=3, log_every_n_steps=1)

    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "LR schedule: warmup('10%') >> hold('50%') >> cosine(end=0.1) (AdamW)",
        "  moves every update",
        "  60 updates = 3 epochs x 20; accumulate 1; devices 1",
        "",
        "  group     params    first     peak  at     last  shape",
        "  backbone       1  4.3e-06  3.0e-05   6  3.1e-06  ▂▄▇█████████████▇▇▆▅▃▃▂▂",
        "  head           1  4.3e-05  3.0e-04   6  3.1e-05  ▂▄▇█████████████▇▇▆▅▃▃▂▂",
        "",
        "  phase            from update  epoch",
        "  warmup('10%')              0   0.00",
        "  hold('50%')                6   0.30",
        "  cosine(end=0.1)           36   1.80",
        "",
    ]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"accumulate_grad_batches": 3}, "6 updates = 2 epochs x 3; accumulate 3; devices 1"),
        ({"max_steps": 11}, "11 updates = 8 + 3 in 2 epochs; accumulate 1; devices 1"),
        (
            {"max_epochs": -1, "max_steps": -1, "max_time": "00:00:00:02"},
            "length of the run not known: it trains without end",
        ),
    ],
)
def test_the_arithmetic(options: dict[str, Any], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The table shows how the number of updates comes about, or that it is not known."""
    fit(Probe(lambda net: net.sgd()), LRMonitor(table=True), **({"max_epochs": 2} | options))

    assert line in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:Lazy modules are a new feature")  # torch gives this warning
def test_the_size_of_a_lazy_module_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    """Its parameters have no shape before the first batch: the table shows a question mark, and the run goes on."""

    class Lazy(Probe):
        def __init__(self) -> None:
            super().__init__(lambda net: net.watched(torch.optim.SGD(net.parameters(), lr=0.1)))
            self.late = torch.nn.LazyLinear(1)

        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self.late(batch[0]).mean() + super().training_step(batch, batch_idx)

    for table in (True, False):
        fit(Lazy(), LRMonitor(table=table), batches=2)

    (row,) = [row for line in capsys.readouterr().out.splitlines() if (row := line.split())[:1] == ["optimizer"]]
    assert row[1] == "?"


def test_the_table_follows_the_model_summary(capsys: pytest.CaptureFixture[str]) -> None:
    """If the Trainer prints no model summary, there is no table unless ``table=True``."""
    for table, summary, expected in (
        (None, False, False),
        (None, True, True),
        (False, True, False),
        (True, False, True),
    ):
        fit(Probe(lambda net: net.sgd()), LRMonitor(table=table), enable_model_summary=summary)
        assert ("LR schedule" in capsys.readouterr().out) is expected


def test_a_scheduler_that_refers_to_its_module_is_not_copied_with_it() -> None:
    """The forecast copies no module, even if a scheduler's function is its method."""

    class Uncopied(Probe):
        def factor(self, k: int) -> float:
            return 0.5**k

        def __deepcopy__(self, memo: Any) -> Any:
            raise AssertionError("copied")

    def answer(net: Any) -> Any:
        optimizer = net.sgd()
        return [optimizer], [{"scheduler": torch_lr.LambdaLR(optimizer, net.factor), "interval": "step"}]

    asks = Asks()
    fit(Uncopied(answer), asks, batches=3)

    assert asks.result.lrs[:, 0].tolist() == [0.1, 0.05, 0.025]


def test_the_picture(tmp_path: Path) -> None:
    """``save_plot`` writes the picture when training ends."""
    net = Probe(lambda net: configure_optimizers(net.sgd(), warmup(3) >> cosine(), net.trainer))
    fit(net, LRMonitor(save_plot=tmp_path / "lr.png"))

    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_without_matplotlib_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error comes at once and not after training."""
    monkeypatch.setattr("lr_toolkit.preview.axes.find_spec", lambda name: None)
    with pytest.raises(ScheduleError, match=r"save_plot='lr.png'.*pip install 'lr_toolkit\[plot\]'"):
        LRMonitor(save_plot="lr.png")


@pytest.mark.parametrize("rich", [True, False])
@pytest.mark.needs("lightning>=2.6", "before it, Rich's bar breaks with the newest Rich")
def test_the_progress_bar_shows_the_lr(rich: bool) -> None:
    """The bar's metrics have the LR as readable text, 3.0e-04, and the bar is afterwards as it was."""
    bar = RichProgressBar() if rich else TQDMProgressBar()
    metrics = BarMetrics()
    fit(Probe(lambda net: net.sgd(lr=3e-4)), bar, LRMonitor(), metrics, enable_progress_bar=True, batches=2)

    assert [each["lr"] for each in metrics.shown] == ["3.0e-04", "3.0e-04"]
    assert "get_metrics" not in vars(bar)


@pytest.mark.parametrize("monitors", [1, 2])
def test_a_bar_keeps_what_it_was_given(monitors: int) -> None:
    """A user's own ``get_metrics`` is called during the run and is still there after it."""
    metrics, bar = BarMetrics(), TQDMProgressBar()
    mine = bar.get_metrics = lambda *_: {"mine": 1}  # type: ignore[method-assign]

    callbacks = [LRMonitor(), LRMonitor("epoch")][:monitors]
    fit(Probe(lambda net: net.sgd(lr=3e-4)), bar, *callbacks, metrics, enable_progress_bar=True, batches=2)

    assert metrics.shown == [{"mine": 1, "lr": "3.0e-04"}] * 2
    assert bar.get_metrics is mine


@pytest.mark.parametrize("path", [True, 3, "lr.xyz", "lr"])
def test_a_picture_that_cannot_be_written_is_refused_at_once(path: Any) -> None:
    """``save_plot`` that is no picture file is refused before the run."""
    with pytest.raises(ScheduleError, match=r"save_plot=.*\.png.*LRMonitor\(save_plot='lr.png'\)"):
        LRMonitor(save_plot=path)


@pytest.mark.parametrize("first", [True, False], ids=["monitor first", "warmup first"])
def test_a_plan_under_a_warmup_callback_is_shown_with_its_ramp(first: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """With LRWarmup the table and the picture show the multiplied LRs, in either order of the callbacks."""
    monitor, ramp = LRMonitor(table=True), LRWarmup("3 steps")
    net = Probe(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer))
    fit(net, *((monitor, ramp) if first else (ramp, monitor)), batches=10)

    (row,) = [line.split() for line in capsys.readouterr().out.splitlines() if "e-0" in line]
    assert [float(row[2]), float(row[3]), int(row[4])] == [0.025, pytest.approx(net.used[3][1][0], rel=0.05), 3]
    assert dict(zip(*monitor.planned["lr/optimizer"], strict=True)) == {x: lrs[0] for x, lrs in net.used}


def test_a_second_fit_is_forecast_from_its_own_beginning() -> None:
    """In a second fit of a Trainer the planned and the used LRs have the same updates and values."""
    monitor = LRMonitor(table=False)
    net = Probe(lambda net: configure_optimizers(net.sgd(), cosine(), net.trainer))
    host = fit(net, monitor, batches=8, max_epochs=2, log_every_n_steps=1)
    host.fit_loop.max_epochs = 4
    host.fit(net, data(8))
    ((name, points),) = monitor.planned.items()
    planned = dict(zip(*points, strict=True))

    assert min(planned) == 16
    for step, lr in zip(monitor.history["step"], monitor.history[name], strict=True):
        if step in planned:
            assert planned[step] == pytest.approx(lr, rel=1e-12)


class Stop(Callback):
    """Ends the training at once."""

    def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
        trainer.should_stop = True


@pytest.mark.parametrize(
    ("schedule", "columns"),
    [("hold()", ["1.0e-01", "1.0e-01", "1.0e-01"]), ("warmup(3) >> hold()", ["2.5e-02", "?", "?", "?"])],
)
def test_a_constant_lr_is_known_in_a_run_without_a_length(
    schedule: str, columns: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A climb is not drawn: where it ends is in the phases below."""
    net = Probe(lambda net: configure_optimizers(net.sgd(), schedule, net.trainer))
    fit(net, LRMonitor(table=True), Stop(), batches=4, max_epochs=-1)

    (row,) = [line.split() for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["optimizer"]]
    assert row[2:] == columns


def test_the_plan_goes_on_after_a_change() -> None:
    """To the end of the run, from the update that was logged last."""
    planned: dict[str, Any] = {}

    class Ask(Callback):
        def on_train_batch_end(self, trainer: Any, module: Any, *_: Any) -> None:
            if trainer.global_step == 3:
                trainer.lr_scheduler_configs[0].scheduler.rebase(0.05)
            if trainer.global_step == 6:
                planned.update(monitor.planned)

    monitor = LRMonitor(table=False)
    net = Probe(lambda net: configure_optimizers(net.sgd(), "linear()", net.trainer))
    fit(net, monitor, Ask(), batches=10, max_epochs=1, log_every_n_steps=1)

    (points,) = planned.values()
    assert dict(zip(*points, strict=True)) == pytest.approx(
        {k: (0.1 if k < 3 else 0.05) * (1 - k / 10) for k in range(10)}, rel=1e-12
    )
