"""A run of ``max_steps`` whose dataloader is set up after its schedule is the run whose dataloader was set up before."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import matplotlib.pyplot as plt
import pytest
import torch
from lightning.pytorch.callbacks import BatchSizeFinder
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch.utils.data import DataLoader

from lr_toolkit import Horizon, LRMonitor, ScheduleError, horizon_of
from tests.helpers.runs import Net, accumulation, loader, stream, trainer, with_schedule
from tests.lightning.test_run import Resumable, Watching

pytestmark = [
    pytest.mark.needs("lightning>=2.6", "fit takes weights_only"),
    pytest.mark.filterwarnings("ignore:.*(resumed mid-epoch|that ended before the epoch ended|not resumable)"),
]


class Dies(Exception):
    """The end of a run that saved a checkpoint."""


class Cut(Net):
    """Saves the state of its schedulers and a checkpoint after so many updates, and dies of it; then it reads its own data."""

    def __init__(self, answer: Any, update: int = -1, hook: str = "batch", manual: bool = False) -> None:
        super().__init__(answer)
        self.update, self.hook = update, hook
        self.automatic_optimization = not manual
        self.states: list[Any] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """The loss, or an update every second batch."""
        loss = super().training_step(batch, batch_idx)
        if self.automatic_optimization:
            return loss
        self.manual_backward(loss)
        if batch_idx % 2:
            self.optimizers().step()
            self.optimizers().zero_grad()
        return None

    def validation_step(self, *_: Any) -> None:
        """Nothing."""

    def on_train_start(self) -> None:
        """Keep the states before the first update."""
        self._keep()

    def on_train_batch_end(self, *_: Any) -> None:
        """Keep the states after each update."""
        self._keep()
        self._end("batch")

    def on_validation_end(self) -> None:
        """A validation ends."""
        self._end("validation")

    def _keep(self) -> None:
        self.states.append([config.scheduler.state_dict() for config in self.trainer.lr_scheduler_configs])

    def _end(self, hook: str) -> None:
        if (hook, self.trainer.global_step) == (self.hook, self.update):
            self.trainer.save_checkpoint("cut.ckpt")
            raise Dies


def early(answer: Any) -> Any:
    """The same answer with the dataloader set up before it, as a duration in epochs has it."""

    def asks_first(net: Net, optimizer: Any) -> Any:
        horizon_of(net.trainer)
        return answer(net, optimizer)

    return asks_first


def run_of(net: Net, data: Any, begin: str | None = None, **options: Any) -> Net:
    """The module after its run, or after its death."""
    made = trainer(num_sanity_val_steps=0, **options)
    with contextlib.suppress(Dies):
        made.fit(net, data, loader(1), ckpt_path=begin, weights_only=begin and True)
    return net


class Exchanges(L.Callback):
    """Changes a number of the Trainer at a batch of the run."""

    def __init__(self, **changes: int) -> None:
        self.changes = changes

    def on_train_batch_start(self, trainer: L.Trainer, module: Any, batch: Any, batch_idx: int) -> None:
        """Change it before the fourth update."""
        if trainer.global_step == 3:
            if "accumulate" in self.changes:
                trainer.accumulate_grad_batches = self.changes["accumulate"]
            if "max_steps" in self.changes:
                trainer.fit_loop.epoch_loop.max_steps = self.changes["max_steps"]


SCHEDULES = {"warmup and cosine": "warmup('25%') >> cosine(end=0.1)", "wsd": "warmup(2) >> hold() >> linear(over=3)"}
WHOLE: dict[str, tuple[Callable[[], Any], dict[str, Any], Callable[[], list[Any]]]] = {
    "plain": (lambda: loader(5), {}, list),
    "accumulate 2": (lambda: loader(5), {"accumulate_grad_batches": 2}, list),
    "accumulation by epoch": (lambda: loader(5), {}, accumulation({0: 1, 1: 3})),
    "a stream": (lambda: stream(5), {}, list),
    "a stream with a limit": (lambda: stream(9), {"limit_train_batches": 4}, list),
    "longer than an epoch of validation": (lambda: loader(6), {"val_check_interval": 2}, list),
    "accumulation that changes": (lambda: loader(5), {}, lambda: [Exchanges(accumulate=3)]),
    "max_steps that change": (lambda: loader(5), {}, lambda: [Exchanges(max_steps=15)]),
}


MANUAL = [name for name in WHOLE if not name.startswith("accum")]  # which Lightning refuses


@pytest.mark.parametrize(
    ("name", "text", "manual"),
    [*((name, text, False) for name in WHOLE for text in SCHEDULES), *((name, "wsd", True) for name in MANUAL)],
)
def test_a_run_is_the_same_whenever_its_epochs_are_read(name: str, text: str, manual: bool) -> None:
    """LRs and states at each batch equal those of a run whose dataloader was set up with the optimizer."""
    data, options, callbacks = WHOLE[name]
    answer = with_schedule(SCHEDULES[text])
    nets = [
        run_of(Cut(each, manual=manual), data(), max_steps=11, callbacks=callbacks(), **options)
        for each in (answer, early(answer))
    ]

    assert nets[0].lrs == nets[1].lrs
    assert nets[0].states == nets[1].states
    assert len(nets[0].lrs) == (15 if "max_steps" in name else 11)


# How a resumed run differs: batches and accumulation before and after, what is asked for before and after, its options.
SAME = "warmup('25%') >> cosine(end=0.1)"
RESUMES: dict[str, tuple[tuple[int, int], tuple[int, int], Any, Any, dict[str, Any]]] = {
    "the same run": ((5, 1), (5, 1), SAME, SAME, {}),
    "another batch size": ((6, 1), (3, 1), SAME, SAME, {}),
    "another accumulation": ((6, 1), (6, 2), SAME, SAME, {}),
    "longer, replanned": ((5, 1), (4, 1), SAME, SAME, {"max_steps": 17, "on_change": "replan"}),
    "longer, stretched": ((5, 1), (4, 1), SAME, SAME, {"max_steps": 17, "on_change": "stretch"}),
    "longer, kept": ((5, 1), (4, 1), SAME, SAME, {"max_steps": 17, "on_change": "keep"}),
    "longer, restarted": ((5, 1), (4, 1), SAME, SAME, {"max_steps": 17, "on_change": "restart"}),
    "longer, continued": ((5, 1), (4, 1), "linear()", "linear()", {"max_steps": 17, "on_change": "continue"}),
    "longer, warmed up again": ((5, 1), (4, 1), SAME, SAME, {"max_steps": 17, "on_change": "replan", "rewarm": 3}),
    "another schedule, warmed up again": ((5, 1), (4, 1), SAME, "linear()", {"on_change": "replan", "rewarm": 2}),
    "a longer hold": ((5, 1), (4, 1), SCHEDULES["wsd"], SCHEDULES["wsd"], {"max_steps": 17}),
    "from epochs to updates": ((5, 1), (5, 1), "warmup('1 epoch') >> cosine()", "linear()", {"on_change": "stretch"}),
}


@pytest.mark.parametrize("is_sharded", [False, True], ids=["one device", "as a sharded strategy"])
@pytest.mark.parametrize("name", RESUMES)
def test_a_resumed_run_is_the_same_whenever_its_epochs_are_read(
    name: str, is_sharded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut at any update, from a checkpoint of either way: the LRs are equal, and so are the lengths of the epochs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(SingleDeviceStrategy, "restore_checkpoint_after_setup", is_sharded)
    (batches, accumulate), (now, accumulates), before, after, more = RESUMES[name]
    policy = {key: value for key, value in more.items() if key != "max_steps"}
    first = with_schedule(before)
    answer = with_schedule(after, **policy)
    options = {"max_steps": more.get("max_steps", 11), "accumulate_grad_batches": accumulates}
    per_epoch = -(-batches // accumulate)
    for hook, update in [("batch", 3), ("batch", per_epoch), ("validation", per_epoch), ("batch", 8)]:
        start = Cut(early(first) if update == per_epoch else first, update, hook)
        run_of(start, loader(batches), max_steps=11, accumulate_grad_batches=accumulate)
        late, soon = (run_of(Cut(each), loader(now), "cut.ckpt", **options) for each in (answer, early(answer)))

        assert late.lrs == [pytest.approx(lrs, rel=1e-12) for lrs in soon.lrs], update
        assert late.lrs
        for state, other in zip(late.states, soon.states, strict=True):
            assert state[0]["run"] == other[0]["run"], update
            assert state[0]["configured"] == other[0]["configured"], update


def test_a_checkpoint_before_the_dataloader_is_loaded_after_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that was saved when the fit started, without epochs, goes on; it gets them as training begins."""
    monkeypatch.chdir(tmp_path)

    class Saves(Cut):
        def on_fit_start(self) -> None:
            self.trainer.save_checkpoint("cut.ckpt")

    answer = with_schedule(SAME)
    whole = run_of(Saves(answer), loader(5), max_steps=11)
    saved = torch.load("cut.ckpt", weights_only=True)["lr_schedulers"][0]
    assert (saved["run"]["batches"], saved["run"]["steps_per_epoch"]) == (None, None)

    for each in (answer, early(answer)):
        net = run_of(Cut(each), loader(4), "cut.ckpt", max_steps=11)
        assert net.lrs == whole.lrs
        assert net.states[0][0]["run"]["steps_per_epoch"] == 4
        assert net.states[0][0]["configured"]["lr"]["horizon"]["steps_per_epoch"] == 4


def test_a_second_fit_reads_the_epochs_of_its_own_data() -> None:
    """A Trainer that fits again, with fewer batches in an epoch, counts those, and what is left of ``max_steps``."""

    class Keeps(Cut):
        def on_fit_start(self) -> None:
            self._keep()

    net, made = Keeps(with_schedule(SAME)), trainer(max_steps=7)
    made.fit(net, loader(5))
    made.fit_loop.epoch_loop.max_steps = 12
    net.states.clear()
    made.fit(net, loader(3))

    assert made.lr_scheduler_configs[0].scheduler.horizon == Horizon(5, 3)
    assert [state["run"]["batches"] for (state,) in net.states[:2]] == [None, 3]


def test_a_batch_size_that_was_found_decides_the_epochs(tmp_path: Path) -> None:
    """``BatchSizeFinder`` exchanges the dataloader after the optimizer was made: the epochs are those of the run."""

    class Sized(Net):
        batch_size = 2

        def train_dataloader(self) -> Any:
            return DataLoader(torch.ones(32, 1), batch_size=self.batch_size)

    net = Sized(with_schedule(SAME))
    finder = BatchSizeFinder("power", steps_per_trial=1, init_val=2, max_trials=2)
    made = trainer(max_steps=11, callbacks=[finder], default_root_dir=tmp_path)
    made.fit(net)

    assert made.lr_scheduler_configs[0].scheduler.horizon.steps_per_epoch == 32 // net.batch_size != 16
    assert made.lr_scheduler_configs[0].scheduler.last_epoch == 11


def test_a_resumable_dataloader_keeps_its_place(tmp_path: Path) -> None:
    """After a resume in mid-epoch the loader goes on at the next sample, as without a schedule."""

    def resumed(answer: Any) -> list[float]:
        trainer(max_steps=6).fit(Watching(answer, tmp_path / "cut.ckpt"), Resumable())
        net = Watching(answer)
        trainer(max_steps=6).fit(net, Resumable(), ckpt_path=tmp_path / "cut.ckpt", weights_only=True)
        return net.seen

    assert resumed(with_schedule("cosine()")) == resumed(lambda net, optimizer: optimizer) == [4.0, 5.0, 6.0]


# --- what is shown ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", [False, True], ids=["a new run", "a resumed run"])
def test_the_table_and_the_picture_have_the_epochs(
    begin: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They show what they show if the dataloader was set up with the optimizer, at a resume with other batches too."""
    monkeypatch.chdir(tmp_path)
    answer = with_schedule(SAME)
    run_of(Cut(answer, 4), loader(6), max_steps=11)
    shown = []
    for each in (answer, early(answer)):
        monitor = LRMonitor(table=True)
        capsys.readouterr()
        run_of(Cut(each), loader(4), "cut.ckpt" if begin else None, max_steps=11, callbacks=[monitor])
        axis = monitor.plot().child_axes[0]
        epochs = axis.transData.inverted().transform(monitor.plot().transData.transform([(0, 0), (10, 0)]))
        shown.append((capsys.readouterr().out, axis.get_xlabel(), epochs.tolist(), monitor.planned))
    plt.close("all")

    assert shown[0] == shown[1]
    assert "11 updates = " in shown[0][0]
    assert " epochs" in shown[0][0]
    assert shown[0][1] == "epoch"


@pytest.mark.parametrize("limit", [15, 17])
@pytest.mark.parametrize("policy", ["error", "replan", "keep", "stretch", "restart"])
def test_a_plan_that_was_spread_on_the_way_goes_on(
    policy: str, limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its limit and its dataloader were exchanged on the way. Resumed as it is since then, no policy acts; with another limit one does."""
    monkeypatch.chdir(tmp_path)
    start = Exchanged(with_schedule(SAME), 9)
    run_of(start, None, max_steps=11, callbacks=[Exchanges(max_steps=15)], reload_dataloaders_every_n_epochs=1)
    answer = with_schedule(SAME, on_change=policy)
    if policy == "error" and limit != 15:
        for each in (answer, early(answer)):
            with pytest.raises(ScheduleError, match="The plan is not the one in the checkpoint"):
                run_of(Cut(each), loader(3), "cut.ckpt", max_steps=limit)
        return
    late, soon = (run_of(Cut(each), loader(3), "cut.ckpt", max_steps=limit) for each in (answer, early(answer)))

    assert late.lrs == [pytest.approx(lrs, rel=1e-12) for lrs in soon.lrs]
    assert len(late.lrs) == limit - 9
    assert [state["run"] for (state,) in late.states] == [state["run"] for (state,) in soon.states]
    if limit == 15:
        whole = run_of(
            Exchanged(with_schedule(SAME)),
            None,
            max_steps=11,
            callbacks=[Exchanges(max_steps=15)],
            reload_dataloaders_every_n_epochs=1,
        )
        assert late.lrs == whole.lrs[9:]


class Exchanged(Cut):
    """Five batches in the first epoch, three in each other."""

    def train_dataloader(self) -> Any:
        """The batches of this epoch."""
        return loader(3 if self.current_epoch else 5)


@pytest.mark.parametrize(
    "policy", [{"on_change": "stretch"}, {"on_change": "restart"}, {"on_change": "replan", "rewarm": 2}], ids=str
)
def test_a_policy_that_has_acted_does_not_act_again(
    policy: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resumed a second time with the same code, the run goes on as it would have without the second interruption."""
    monkeypatch.chdir(tmp_path)
    answer = with_schedule(SAME, **policy)
    run_of(Cut(with_schedule(SAME), 4), loader(5), max_steps=11)
    whole = run_of(Cut(answer), loader(4), "cut.ckpt", max_steps=17)
    run_of(Cut(answer, 9), loader(4), "cut.ckpt", max_steps=17)
    late, soon = (run_of(Cut(each), loader(4), "cut.ckpt", max_steps=17) for each in (answer, early(answer)))

    assert late.lrs == soon.lrs == whole.lrs[5:]
    assert late.states == soon.states
