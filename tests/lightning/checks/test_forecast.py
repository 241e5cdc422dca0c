"""What is foretold under a warmup callback is, update by update, what the run then uses."""

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
from lr_toolkit.lightning.run_layout import run_layout_of
from lr_toolkit.optim.multiplier import LRMultiplier
from tests.helpers.runs import Net, loader, stream, trainer

BATCHES, EPOCHS = 5, 4
Answer = Callable[[Net, Optimizer], Any]


class Adam(Net):
    """With the betas that untuned shapes ask for, and another second one for the second group."""

    def optimizer(self) -> Optimizer:
        """Two groups."""
        groups = [
            {"params": self.one.parameters(), "lr": 0.1},
            {"params": self.two.parameters(), "lr": 0.02, "betas": (0.9, 0.7), "name": "head"},
        ]
        optimizer = AdamW(groups, betas=(0.9, 0.8))
        optimizer.register_step_post_hook(self._record)
        return optimizer


class Asks(L.Callback):
    """Asks for the forecast when training begins; and saves at each update and epoch, if it is told where."""

    result: Forecast

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Keep the answer."""
        before = [float(group["lr"]) for group in trainer.optimizers[0].param_groups]
        self.result = forecast(trainer, pl_module, trainer.optimizers[0], run_layout_of(trainer))
        assert [float(group["lr"]) for group in trainer.optimizers[0].param_groups] == before

    def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
        """Before Lightning has counted the batch."""
        if self.folder and trainer.global_step % BATCHES:
            trainer.save_checkpoint(self.folder / f"update-{trainer.global_step}.ckpt")

    def on_train_epoch_end(self, trainer: L.Trainer, *args: Any) -> None:
        """As ModelCheckpoint does."""
        if self.folder:
            trainer.save_checkpoint(self.folder / f"epoch-{trainer.global_step}.ckpt")


def stepped(make: Callable[[Optimizer], Any], interval: str) -> Answer:
    """One scheduler of torch."""
    return lambda net, o: {"optimizer": o, "lr_scheduler": {"scheduler": make(o), "interval": interval}}


SCHEDULERS: dict[str, Answer] = {
    "none": lambda net, o: o,
    "ours": lambda net, o: configure_optimizers(o, "cosine(end=0.1)", net.trainer),
    "ours per epoch": lambda net, o: configure_optimizers(o, "cosine()", net.trainer, interval="epoch"),
    "torch's cosine": stepped(lambda o: lr_scheduler.CosineAnnealingLR(o, 17), "step"),
    "torch's steps per epoch": stepped(lambda o: lr_scheduler.StepLR(o, 1, 0.5), "epoch"),
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
    answer: Answer, warmups: list[LRWarmup], asks: Asks, *, first: bool, ckpt: Path | None = None, accumulate: int = 1
) -> list[Any]:
    """The LRs that each update of a run used, or of what was left of it."""
    net = Adam(answer)
    callbacks: list[L.Callback] = [asks, *warmups] if first else [*warmups, asks]
    made = trainer(max_epochs=EPOCHS, callbacks=callbacks, accumulate_grad_batches=accumulate)
    made.fit(net, loader(BATCHES), ckpt_path=ckpt)
    return net.lrs


def is_what_came(foretold: Forecast, used: list[Any]) -> bool:
    """Whether each update that the forecast names used its LRs, up to the last one."""
    assert not foretold.why_not
    assert foretold.updates[-1] == BATCHES * EPOCHS - 1
    start = BATCHES * EPOCHS - len(used)
    assert foretold.updates.min() == start
    return np.allclose(np.array(used)[foretold.updates - start], foretold.lrs, rtol=1e-12, atol=0)


# Lightning says so of an epoch that it goes on with in its middle.
@pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)")
@pytest.mark.parametrize("first", [True, False], ids=["asked before the warmup", "asked after the warmup"])
@pytest.mark.parametrize("ramp", WARMUPS)
@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.needs("lightning>=2.6", "before it, a resume in mid-epoch repeats a batch")
def test_a_ramp_is_foretold(name: str, ramp: str, first: bool, tmp_path: Path) -> None:
    """Whoever asks, before or after the warmup in the list, in a fresh run and in one that is resumed in mid-ramp."""
    asks, again = Asks(tmp_path), Asks()
    used = run(SCHEDULERS[name], WARMUPS[ramp](), asks, first=first)

    assert is_what_came(asks.result, used)
    for ckpt in ("update-4", "epoch-5", "update-8", "epoch-15", "update-17"):
        used = run(SCHEDULERS[name], WARMUPS[ramp](), again, first=first, ckpt=tmp_path / f"{ckpt}.ckpt")
        assert is_what_came(again.result, used), ckpt


@pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)")
@pytest.mark.parametrize("name", SCHEDULERS)
@pytest.mark.needs("lightning>=2.6", "before it, a resume in mid-epoch repeats a batch")
def test_a_resumed_run_is_foretold_from_where_it_begins(name: str, tmp_path: Path) -> None:
    """Without a ramp too, from a checkpoint that was saved before Lightning had counted its batch."""
    asks, again = Asks(tmp_path), Asks()
    run(SCHEDULERS[name], [], asks, first=True)

    for ckpt in ("update-8", "epoch-10"):
        used = run(SCHEDULERS[name], [], again, first=True, ckpt=tmp_path / f"{ckpt}.ckpt")
        assert is_what_came(again.result, used), ckpt


@pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)")
@pytest.mark.parametrize("name", [name for name in SCHEDULERS if "ours" not in name])
@pytest.mark.parametrize(("before", "now"), [(1, 2), (1, 5), (2, 1), (5, 1), (2, 3)])
@pytest.mark.needs("lightning>=2.6", "before it, a resume in mid-epoch repeats a batch")
def test_a_resume_at_another_rate_is_foretold(name: str, before: int, now: int, tmp_path: Path) -> None:
    """With another accumulation than its checkpoint's, what is left of the run is as long as it then is, at the LRs foretold."""
    asks, again = Asks(tmp_path), Asks()
    run(SCHEDULERS[name], [], asks, first=True, accumulate=before)

    for ckpt in sorted(tmp_path.glob("*.ckpt"), key=updates_of)[:-2]:
        used = run(SCHEDULERS[name], [], again, first=True, ckpt=ckpt, accumulate=now)
        foretold = again.result

        assert foretold.updates[-1] - foretold.updates[0] + 1 == len(used), ckpt
        assert foretold.lrs == pytest.approx(np.array(used)[foretold.updates - foretold.updates[0]], rel=1e-12), ckpt


def updates_of(ckpt: Path) -> int:
    """After how many updates a checkpoint was saved."""
    return int(ckpt.stem.split("-")[1])


def test_a_run_of_which_nothing_is_left_is_not_foretold() -> None:
    """Where a run begins at its end there are no rows to be made a table of."""
    said: list[str] = []

    class Late(L.Callback):
        def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
            course = run_layout_of(trainer)
            over = replace(course, start=course.updates)
            said.append(forecast(trainer, pl_module, trainer.optimizers[0], over).why_not)

    trainer(max_epochs=1, callbacks=[Late()]).fit(Net(SCHEDULERS["none"]), loader(BATCHES))

    assert said == ["nothing is left to train"]


@pytest.mark.parametrize("first", [True, False])
def test_a_second_fit_is_foretold_with_its_own_ramp(first: bool) -> None:
    """Where a Trainer goes on in another fit the ramp begins again, per epoch too."""
    asks, warmup = Asks(), LRWarmup("2 epochs", interval="epoch")
    callbacks: list[L.Callback] = [asks, warmup] if first else [warmup, asks]
    host, net = trainer(max_epochs=2, callbacks=callbacks), Net(SCHEDULERS["torch's cosine"])
    host.fit(net, loader(BATCHES))
    net.used.clear()
    host.fit_loop.max_epochs = 5
    host.fit(net, loader(BATCHES))

    assert asks.result.lrs.tolist() == [pytest.approx(lrs, rel=1e-12) for lrs in net.lrs]


def test_a_ramp_is_shown_at_each_of_its_updates() -> None:
    """Of a schedule in closed form few points are shown, but those of a short ramp and its end are among them."""

    class Stops(Asks):
        def on_train_start(self, trainer: Any, pl_module: Any) -> None:
            super().on_train_start(trainer, pl_module)
            trainer.should_stop = True

    asks = Stops()
    made = trainer(max_steps=100_000, callbacks=[asks, LRWarmup(50, groups=[1])], min_steps=1)
    made.fit(Net(lambda net, o: configure_optimizers(o, "cosine()", net.trainer)), loader(BATCHES))

    assert set(range(51)) <= set(asks.result.updates.tolist())
    assert asks.result.lrs[:, 1].argmax() == asks.result.updates.tolist().index(50)


def test_other_optimizers_are_foretold_without_the_ramp() -> None:
    """A ramp is that of the optimizers that were chosen."""
    found: list[Forecast] = []

    class Two(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False
            self.layer = Net(lambda net, o: o)

        def configure_optimizers(self) -> Any:
            return [SGD(part.parameters(), lr=0.1) for part in (self.layer.one, self.layer.two)]

        def on_train_start(self) -> None:
            found.extend(
                forecast(self.trainer, self, one, run_layout_of(self.trainer)) for one in self.trainer.optimizers
            )

        def training_step(self, batch: Any, batch_idx: int) -> None:
            """Nothing is needed."""

    trainer(max_epochs=1, callbacks=[LRWarmup(3, optimizers=[1])]).fit(Two(), loader(5))

    assert [one.lrs[:, 0].tolist() for one in found] == [
        [0.1] * 5,
        pytest.approx([0.025, 0.05, 0.075, 0.1, 0.1]),
    ]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("ramp", WARMUPS)
@pytest.mark.parametrize("name", ["none", "ours", "torch's steps per epoch"])
def test_a_ramp_is_no_trap(name: str, ramp: str, first: bool) -> None:
    """The monitor, which looks for mistakes in what is foretold and in what comes, finds none."""
    monitor, warmups = LRMonitor(strict=True), WARMUPS[ramp]()
    callbacks: list[L.Callback] = [monitor, *warmups] if first else [*warmups, monitor]
    trainer(max_epochs=EPOCHS, callbacks=callbacks).fit(Adam(SCHEDULERS[name]), loader(BATCHES))

    assert monitor.findings == ()


def test_what_does_not_fit_is_refused_whoever_asks_first() -> None:
    """The reason is the warmup's own, and a warning is given once."""
    with pytest.raises(ScheduleError, match="takes 99 updates and the run has 20"):
        run(SCHEDULERS["none"], [LRWarmup(99)], Asks(), first=True)

    with pytest.warns(UserWarning, match="fast_dev_run cuts the ramp") as said:
        trainer(fast_dev_run=True, callbacks=[Asks(), LRWarmup(5)]).fit(Net(SCHEDULERS["none"]), loader(3))
    assert len([one for one in said if "cuts the ramp" in str(one.message)]) == 1


def test_a_run_of_unknown_length_is_not_foretold() -> None:
    """With a ramp in updates neither, though the ramp itself is known."""
    asks = Asks()
    trainer(max_epochs=1, callbacks=[asks, LRWarmup(3, horizon=Horizon(9))]).fit(Net(SCHEDULERS["none"]), stream(4))

    assert asks.result.why_not == "the run's length is not known"


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """A question leaves no shadow behind."""
    made: list[Optimizer] = []
    before = Optimizer.__init__

    def init(self: Optimizer, *args: Any, **kwargs: Any) -> None:
        before(self, *args, **kwargs)
        made.append(self)

    Optimizer.__init__ = init  # type: ignore[method-assign]  # to see those that are made within
    yield
    Optimizer.__init__ = before  # type: ignore[method-assign]  # as above
    assert not any(LRMultiplier.around(one) for one in made)


class ByItself(Net):
    """Takes an update at every second batch, and says how many that makes."""

    automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Half as many updates as batches."""
        self.manual_backward(super().training_step(batch, batch_idx))
        if batch_idx % 2:
            self.optimizers().step()
            self.lr_schedulers().step()


def test_a_module_that_steps_by_itself_is_foretold_on_its_own_axis(capsys: pytest.CaptureFixture[str]) -> None:
    """With ``horizon=`` given by hand its updates are foretold, and not laid over the loggers' axis of batches."""
    asks, monitor = Asks(), LRMonitor(table=True)
    net = ByItself(lambda net, o: configure_optimizers(o, "cosine()", net.trainer, horizon=Horizon(10)))
    trainer(max_epochs=1, callbacks=[asks, monitor]).fit(net, loader(20))

    assert asks.result.updates.tolist() == list(range(10))
    assert np.allclose(np.array(net.lrs), asks.result.lrs, rtol=1e-12, atol=0)
    assert not asks.result.is_on_axis
    assert monitor.planned == {}
    assert "10 updates by the module itself, as horizon= says" in capsys.readouterr().out
