"""The forecast of a run, warmup callbacks included, is what the run then uses, update by update."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
from torch.optim import SGD, AdamW, Optimizer, lr_scheduler

from lr_toolkit import Horizon, LRMonitor, LRWarmup, ScheduleError, configure_optimizers
from lr_toolkit.lightning.checks.forecast import Forecast, forecast
from lr_toolkit.lightning.monitor import monitored_run
from lr_toolkit.lightning.run_layout import run_layout_of
from lr_toolkit.optim.multiplier import LRMultiplier
from tests.helpers.runs import Net, loader, stream, trainer, with_scheduler

BATCHES, EPOCHS = 5, 4
Answer = Callable[[Net, Optimizer], Any]


class Adam(Net):
    """An optimizer with the betas that untuned shapes need; the second group has another second beta."""

    def optimizer(self) -> Optimizer:
        """Two groups."""
        groups = [
            {"params": self.first.parameters(), "lr": 0.1},
            {"params": self.second.parameters(), "lr": 0.02, "betas": (0.9, 0.7), "name": "head"},
        ]
        optimizer = AdamW(groups, betas=(0.9, 0.8))
        optimizer.register_step_post_hook(self._record)
        return optimizer


class Forecasts(L.Callback):
    """Makes the forecast when training begins, and saves at each update and epoch if it has a folder."""

    result: Forecast

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Keep the forecast, which leaves the LRs as they are."""
        before = [float(group["lr"]) for group in trainer.optimizers[0].param_groups]
        self.result = forecast(trainer, pl_module, trainer.optimizers[0], run_layout_of(trainer))
        assert [float(group["lr"]) for group in trainer.optimizers[0].param_groups] == before

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        """Save before Lightning has counted the batch."""
        if self.folder and trainer.global_step % BATCHES:
            trainer.save_checkpoint(self.folder / f"update-{trainer.global_step}.ckpt")

    def on_train_epoch_end(self, trainer: L.Trainer, *args: Any) -> None:
        """Save as ModelCheckpoint does."""
        if self.folder:
            trainer.save_checkpoint(self.folder / f"epoch-{trainer.global_step}.ckpt")


SCHEDULERS: dict[str, Answer] = {
    "none": lambda net, o: o,
    "ours": lambda net, o: configure_optimizers(o, "cosine(end=0.1)", net.trainer),
    "ours per epoch": lambda net, o: configure_optimizers(o, "cosine()", net.trainer, interval="epoch"),
    "torch's cosine": with_scheduler(lambda o: lr_scheduler.CosineAnnealingLR(o, 17), "step"),
    "torch's steps per epoch": with_scheduler(lambda o: lr_scheduler.StepLR(o, 1, 0.5), "epoch"),
}
WARMUPS: dict[str, Callable[[], list[LRWarmup]]] = {
    "per step": lambda: [LRWarmup(12, shape="cosine")],
    "per epoch": lambda: [LRWarmup("3 epochs", 0.1, interval="epoch")],
    "of one group": lambda: [LRWarmup("60%", groups=["head"])],
    "untuned": lambda: [LRWarmup(shape="untuned_linear")],
    "radam": lambda: [LRWarmup(shape="radam")],
    "without an end": lambda: [LRWarmup(6, shape="exponential")],
    "several": lambda: [
        LRWarmup(12, groups=[0]),
        LRWarmup("2 epochs", 0.3, "constant", "epoch"),
        LRWarmup(4, optimizers=[0]),
    ],
}


def run(
    answer: Answer, callbacks: list[L.Callback], *, ckpt: Path | None = None, accumulate: int = 1
) -> list[list[float]]:
    """The LRs that each update of the run, or of the rest of it, used."""
    net = Adam(answer)
    made = trainer(max_epochs=EPOCHS, callbacks=callbacks, accumulate_grad_batches=accumulate)
    made.fit(net, loader(BATCHES), ckpt_path=ckpt)
    return net.lrs


def was_right(result: Forecast, used: list[Any]) -> bool:
    """Whether each update of the forecast used its LRs, up to the last one."""
    assert not result.why_not
    assert result.updates[-1] == BATCHES * EPOCHS - 1
    start = BATCHES * EPOCHS - len(used)
    assert result.updates.min() == start
    return np.allclose(np.array(used)[result.updates - start], result.lrs, rtol=1e-12, atol=0)


# Lightning's, about a resume in the middle of an epoch.
@pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)")
@pytest.mark.parametrize("ramp", WARMUPS)
@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.needs("lightning>=2.6", "before it, a resume in mid-epoch repeats a batch")
def test_a_ramp_is_forecast(name: str, ramp: str, tmp_path: Path) -> None:
    """Before and after the warmup in the list of callbacks, in a fresh run and in one that is resumed during the ramp."""
    before, after = Forecasts(tmp_path / "before"), Forecasts(tmp_path / "after")
    used = run(SCHEDULERS[name], [before, *WARMUPS[ramp](), after])

    assert was_right(before.result, used)
    assert was_right(after.result, used)
    for ckpt in ("before/update-4", "after/epoch-5", "after/update-8", "before/epoch-15", "after/update-17"):
        before, after = Forecasts(), Forecasts()
        used = run(SCHEDULERS[name], [before, *WARMUPS[ramp](), after], ckpt=tmp_path / f"{ckpt}.ckpt")
        assert was_right(before.result, used), ckpt
        assert was_right(after.result, used), ckpt


@pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)")
@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.needs("lightning>=2.6", "before it, a resume in mid-epoch repeats a batch")
def test_a_resumed_run_is_forecast_from_where_it_begins(name: str, tmp_path: Path) -> None:
    """Without a ramp too, from a checkpoint that was saved before Lightning had counted its batch."""
    run(SCHEDULERS[name], [Forecasts(tmp_path)])

    for ckpt in ("update-8", "epoch-10"):
        again = Forecasts()
        used = run(SCHEDULERS[name], [again], ckpt=tmp_path / f"{ckpt}.ckpt")
        assert was_right(again.result, used), ckpt


@pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)")
@pytest.mark.parametrize("name", [name for name in SCHEDULERS if "ours" not in name])
@pytest.mark.parametrize(("before", "now"), [(1, 2), (1, 5), (2, 1), (5, 1), (2, 3)])
@pytest.mark.needs("lightning>=2.6", "before it, a resume in mid-epoch repeats a batch")
def test_a_resume_at_another_rate_is_forecast(name: str, before: int, now: int, tmp_path: Path) -> None:
    """With another accumulation than that of the checkpoint, the rest of the run has the length and the LRs of the forecast."""
    run(SCHEDULERS[name], [Forecasts(tmp_path)], accumulate=before)

    for ckpt in sorted(tmp_path.glob("*.ckpt"), key=updates_of)[:-2]:
        again = Forecasts()
        used = run(SCHEDULERS[name], [again], ckpt=ckpt, accumulate=now)
        result = again.result

        assert result.updates[-1] - result.updates[0] + 1 == len(used), ckpt
        assert result.lrs == pytest.approx(np.array(used)[result.updates - result.updates[0]], rel=1e-12), ckpt


def updates_of(ckpt: Path) -> int:
    """After how many updates a checkpoint was saved."""
    return int(ckpt.stem.split("-")[1])


def test_a_run_that_is_over_has_no_forecast() -> None:
    """A run that begins at its end has no rows for a table."""
    reasons: list[str] = []

    class Late(L.Callback):
        def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            layout = run_layout_of(trainer)
            over = replace(layout, start=layout.updates)
            reasons.append(forecast(trainer, pl_module, trainer.optimizers[0], over).why_not)

    trainer(max_epochs=1, callbacks=[Late()]).fit(Net(SCHEDULERS["none"]), loader(BATCHES))

    assert reasons == ["nothing is left to train"]


def test_a_second_fit_is_forecast_with_its_own_ramp() -> None:
    """In another fit of the same Trainer the ramp begins again, per epoch too."""
    before, warmup, after = Forecasts(), LRWarmup("2 epochs", interval="epoch"), Forecasts()
    made, net = trainer(max_epochs=2, callbacks=[before, warmup, after]), Net(SCHEDULERS["torch's cosine"])
    made.fit(net, loader(BATCHES))
    net.used.clear()
    made.fit_loop.max_epochs = 5
    made.fit(net, loader(BATCHES))

    expected = [pytest.approx(lrs, rel=1e-12) for lrs in net.lrs]
    assert before.result.lrs.tolist() == expected
    assert after.result.lrs.tolist() == expected


def test_a_ramp_is_shown_at_each_of_its_updates() -> None:
    """The few points of a schedule in closed form include those of a short ramp and its end."""

    class Stops(Forecasts):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            super().on_train_start(trainer, pl_module)
            trainer.should_stop = True

    forecasts = Stops()
    made = trainer(max_steps=100_000, callbacks=[forecasts, LRWarmup(50, groups=[1])], min_steps=1)
    made.fit(Net(lambda net, o: configure_optimizers(o, "cosine()", net.trainer)), loader(BATCHES))

    assert set(range(51)) <= set(forecasts.result.updates.tolist())
    assert forecasts.result.lrs[:, 1].argmax() == forecasts.result.updates.tolist().index(50)


def test_other_optimizers_are_forecast_without_the_ramp() -> None:
    """A ramp multiplies the LRs of the chosen optimizers alone."""
    found: list[Forecast] = []

    class Two(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False
            self.layer = Net(lambda net, o: o)

        def configure_optimizers(self) -> Any:
            return [SGD(part.parameters(), lr=0.1) for part in (self.layer.first, self.layer.second)]

        def on_train_start(self) -> None:
            layout = run_layout_of(self.trainer)
            found.extend(forecast(self.trainer, self, optimizer, layout) for optimizer in self.trainer.optimizers)

        def training_step(self, batch: Any, batch_idx: int) -> None:
            """Train nothing."""

    trainer(max_epochs=1, callbacks=[LRWarmup(3, optimizers=[1])]).fit(Two(), loader(5))

    assert [each.lrs[:, 0].tolist() for each in found] == [
        [0.1] * 5,
        pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1]),
    ]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("ramp", WARMUPS)
@pytest.mark.parametrize("name", ["none", "ours", "torch's steps per epoch"])
def test_a_ramp_gives_no_finding(name: str, ramp: str, first: bool) -> None:
    """Neither in the forecast nor in the run."""
    monitor, warmups = LRMonitor(strict=True), WARMUPS[ramp]()
    callbacks: list[L.Callback] = [monitor, *warmups] if first else [*warmups, monitor]
    trainer(max_epochs=EPOCHS, callbacks=callbacks).fit(Adam(SCHEDULERS[name]), loader(BATCHES))

    assert monitor.findings == ()


def test_a_ramp_that_does_not_fit_is_refused_by_the_forecast() -> None:
    """The error is the warmup's own, and its warning comes once."""
    with pytest.raises(ScheduleError, match="takes 99 updates and the run has 20"):
        run(SCHEDULERS["none"], [Forecasts(), LRWarmup(99)])

    with pytest.warns(UserWarning, match="fast_dev_run cuts the ramp") as caught:
        trainer(fast_dev_run=True, callbacks=[Forecasts(), LRWarmup(5)]).fit(Net(SCHEDULERS["none"]), loader(3))
    assert sum("cuts the ramp" in str(warning.message) for warning in caught) == 1


def test_a_run_of_unknown_length_has_no_forecast() -> None:
    """Even if the ramp is in updates, and so is known."""
    forecasts = Forecasts()
    trainer(max_epochs=1, callbacks=[forecasts, LRWarmup(3, horizon=Horizon(9))]).fit(
        Net(SCHEDULERS["none"]), stream(4)
    )

    assert forecasts.result.why_not == "the run's length is not known"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No multiplier stays on an optimizer."""
    made: list[Optimizer] = []
    before = Optimizer.__init__

    def init(self: Optimizer, *args: Any, **kwargs: Any) -> None:
        before(self, *args, **kwargs)
        made.append(self)

    Optimizer.__init__ = init  # type: ignore[method-assign]  # to see all that the test makes
    yield
    Optimizer.__init__ = before  # type: ignore[method-assign]  # as above
    assert not any(LRMultiplier.around(optimizer) for optimizer in made)


class ByItself(Net):
    """Optimizes manually, at every second batch."""

    automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Half as many updates as batches."""
        self.manual_backward(super().training_step(batch, batch_idx))
        if batch_idx % 2:
            self.optimizers().step()
            self.lr_schedulers().step()


def test_a_module_that_optimizes_manually_has_an_axis_of_its_own(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With ``horizon=`` its updates are forecast, and not drawn on the loggers' axis of batches."""
    forecasts, monitor = Forecasts(), LRMonitor(table=True)
    net = ByItself(lambda net, o: configure_optimizers(o, "cosine()", net.trainer, horizon=Horizon(10)))
    plans: list[Any] = []
    monkeypatch.setattr(monitored_run, "log_plan", lambda _, report: plans.append(report.lines))
    trainer(max_epochs=1, callbacks=[forecasts, monitor]).fit(net, loader(20))

    assert forecasts.result.updates.tolist() == list(range(10))
    assert np.allclose(np.array(net.lrs), forecasts.result.lrs, rtol=1e-12, atol=0)
    assert not forecasts.result.is_on_axis
    assert plans == [()]
    assert "10 updates by the module itself, from horizon=" in capsys.readouterr().out
