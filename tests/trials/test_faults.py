"""Faults of a run, of its neighbours and of its checkpoints: what is right in each of them.

Entries are grouped by topic. Each runs a real scheduler or Trainer; the expected numbers come from exact arithmetic.
"""

from __future__ import annotations

import copy
import gc
import itertools
import json
import math
import pickle
import time
import zipfile
from collections.abc import Callable
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path
from typing import Any

import fsspec
import pytest
import torch
from lightning.pytorch.callbacks import Callback, ModelCheckpoint
from lightning.pytorch.loggers import Logger

from lr_toolkit import (
    Horizon,
    LRMonitor,
    LRWarmup,
    ReduceOnPlateau,
    Schedule,
    ScheduledLR,
    ScheduleError,
    ScheduleWarning,
    configure_optimizers,
    custom,
)
from lr_toolkit.lightning.monitor.history import History
from tests.helpers.fits import Probe, fit
from tests.helpers.optimizers import lrs, optimizer_of, sgd

# --- a run that changes its rate at every resume ------------------------------------------------------------------------------

STEPS = 100_000


def warmup_stairs_cosine(position: Fraction) -> float:
    """``warmup('0.5%') >> step('4%', gamma=0.9, over='40%') >> cosine(end=0.1)`` at an exact position, by its formula."""
    if position < 500:
        return float((position + 1) / 501)
    if position < 40_500:
        return 0.9 ** ((position - 500) // 4000)
    level = 0.9**9
    share = float(min(position - 40_500, 59_500) / 59_500)
    return 0.1 + (level - 0.1) * (1 + math.cos(math.pi * share)) / 2


def resumed(state: dict[str, Any] | None, steps: int, **options: Any) -> ScheduledLR:
    """A scheduler on a run of ``steps`` updates that goes on from ``state``."""
    scheduler = ScheduledLR(
        sgd([1.0]), "warmup('0.5%') >> step('4%', gamma=0.9, over='40%') >> cosine(end=0.1)", Horizon(steps), **options
    )
    if state is not None:
        scheduler.load_state_dict(json.loads(json.dumps(state)))
    return scheduler


@pytest.mark.slow
def test_two_thousand_alternating_resumes_are_exact_small_and_fast() -> None:
    """The LRs are those of one exact clock, no phase begins an update early or late, and the last resume costs what the first does."""
    scheduler = resumed(None, STEPS)
    scheduler.step(30)
    position, rate, times = Fraction(30), Fraction(1), []
    for resume in range(2000):
        update = scheduler.last_epoch
        until = update + round((STEPS - position) / (Fraction(7, 3) if resume % 2 else Fraction(1, 2)))
        state = scheduler.state_dict()
        begin = time.perf_counter()
        scheduler = resumed(state, until, on_change="stretch")
        times.append(time.perf_counter() - begin)
        rate = (STEPS - position) / (until - update)
        for k in (update, update + 1, update + 29):
            assert scheduler.planned(k)[0] == pytest.approx(
                warmup_stairs_cosine(position + (k - update) * rate), rel=1e-12
            )
        scheduler.step(update + 30)
        position += 30 * rate
    edges = [500, *range(4500, 40_500, 4000), 40_500]
    for edge in (edge for edge in edges if edge > position):
        k = scheduler.last_epoch + math.ceil((edge - position) / rate)
        for near in (k - 1, k):
            expected = warmup_stairs_cosine(position + (near - scheduler.last_epoch) * rate)
            assert scheduler.planned(near)[0] == pytest.approx(expected, rel=1e-12)
    assert len(json.dumps(scheduler.state_dict())) < 2000
    assert sum(times[-100:]) < 3 * sum(times[:100])
    assert scheduler.planned(scheduler.timelines[0].steps)[0] == pytest.approx(0.1, rel=1e-15)


POLICIES: dict[str, Callable[[int], dict[str, Any]]] = {
    "stretch": lambda resume: {"on_change": "stretch"},
    "keep and warm up again": lambda resume: {"on_change": "keep", "rewarm": 20},
    "keep and warm up again, before the last warmup is over": lambda resume: {"on_change": "keep", "rewarm": 50},
    "stretch and warm up again": lambda resume: {"on_change": "stretch", "rewarm": 20},
    "continue": lambda resume: {"on_change": "continue"},
    "continue and warm up again": lambda resume: {"on_change": "continue", "rewarm": 20},
    "one after another": lambda resume: {
        "on_change": ("stretch", "keep", "continue", "stretch", "replan")[resume % 5],
        "rewarm": None if resume % 3 else 20,
    },
}


@pytest.mark.parametrize("policy", POLICIES)
def test_the_state_stays_small_under_every_policy(policy: str) -> None:
    """After 300 resumes, 30 updates apart, the state is small; what lies in the past of the run is dropped."""
    scheduler = ScheduledLR(sgd([1.0]), "linear()", Horizon(STEPS))
    scheduler.step(30)
    sizes = []
    for resume, steps in zip(range(300), itertools.cycle((STEPS + 7, STEPS)), strict=False):
        state = json.loads(json.dumps(scheduler.state_dict()))
        lr = scheduler.get_last_lr()[0]
        options = POLICIES[policy](resume)
        scheduler = ScheduledLR(sgd([1.0]), "linear()", Horizon(steps), **options)
        scheduler.load_state_dict(state)
        if not options.get("rewarm") and options["on_change"] in ("stretch", "keep", "continue"):
            assert scheduler.get_last_lr()[0] == pytest.approx(lr, rel=1e-12)
        sizes.append(len(json.dumps(scheduler.state_dict())))
        scheduler.step(scheduler.last_epoch + 30)
    assert max(sizes) < 1500


def test_a_second_warmup_takes_the_place_of_one_that_is_not_over() -> None:
    """The LR begins at the first factor of the new warmup, not at the product of both."""
    first = ScheduledLR(sgd([1.0]), "hold()", Horizon(1000))
    first.step(100)
    second = ScheduledLR(sgd([1.0]), "cosine()", Horizon(1000), on_change="keep", rewarm=9)
    second.load_state_dict(first.state_dict())
    second.step(104)
    third = ScheduledLR(sgd([1.0]), "linear()", Horizon(1000), on_change="keep", rewarm=9)
    third.load_state_dict(second.state_dict())

    assert second.planned(104) == [pytest.approx(0.5)]
    assert [third.planned(k)[0] for k in (104, 108, 113)] == pytest.approx([0.1, 0.5, 1.0])


# --- the history of the monitor -----------------------------------------------------------------------------------------------


def test_a_long_history_is_thinned_and_keeps_what_must_stay() -> None:
    """Of 300,000 rows of two kinds 5,000 to 20,000 of each are left, evenly spaced, with each row to keep, also after a resume."""
    history = History()
    for step in range(150_000):
        history.add(step, 0, {"lr/a": float(step)}, keep=step % 30_001 == 7)
        if step % 3 == 0:
            history.add(step, 0, {"lr/b": float(step)})
        if step == 70_000:
            history = History.from_state(history.state(), history.numbers())
    steps, values = history.series("lr/a")
    others, _ = history.series("lr/b")

    assert steps == values
    assert all(kept in steps for kept in range(7, 150_000, 30_001))
    assert 5_000 <= len(steps) <= 20_010
    assert 5_000 <= len(others) <= 20_010
    assert max(later - step for step, later in itertools.pairwise(steps)) <= 32
    assert steps[0] == 0
    assert steps[-1] == 149_999


def test_a_short_history_is_kept_whole() -> None:
    """Nothing is thinned below 20,000 rows."""
    history = History()
    for step in range(19_999):
        history.add(step, 0, {"lr/a": 0.1})

    assert history.columns()["step"] == list(range(19_999))


def checkpointed(folder: Path, *callbacks: Any, **options: Any) -> dict[str, Any]:
    """A checkpoint after one epoch of a run with these callbacks."""
    trainer = fit(Probe(lambda net: net.sgd()), *callbacks, **options)
    trainer.save_checkpoint(folder / "saved.ckpt")
    content: dict[str, Any] = torch.load(folder / "saved.ckpt", weights_only=True)
    return content


HISTORIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no epochs": lambda state: state["history"].pop("epoch"),
    "columns of different lengths": lambda state: state["history"].update({"lr/optimizer": torch.zeros(99)}),
    "a column that is a list": lambda state: state["history"].update(step=[1, 2]),
    "steps that are floats": lambda state: state["history"].update(step=torch.zeros(len(state["history"]["step"]))),
    "no history": lambda state: state.pop("history"),
    "no tracks": lambda state: state.pop("tracks"),
    "a track without a step": lambda state: state["tracks"][0].pop("step"),
    "a track that counts in text": lambda state: state["tracks"][0].update(epoch="one"),
    "labels that are numbers": lambda state: state.update(labels={1: 2}),
    "numbers of other rows": lambda state: state.update(numbers=torch.zeros(99, dtype=torch.int64)),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_damaged_history_does_not_stop_a_resume(name: str, tmp_path: Path) -> None:
    """It is dropped with a finding, and the run goes on as without the monitor."""
    content = checkpointed(tmp_path, LRMonitor(), batches=4)
    HISTORIES[name](content["callbacks"][LRMonitor().state_key])
    torch.save(content, tmp_path / "damaged.ckpt")
    monitor, net = LRMonitor(), Probe(lambda net: net.sgd())
    with pytest.warns(ScheduleWarning, match="LR591: The history that LRMonitor kept in the checkpoint is damaged"):
        fit(net, monitor, batches=4, max_epochs=2, log_every_n_steps=1, ckpt_path=tmp_path / "damaged.ckpt")

    assert [x for x, _ in net.used] == [4, 5, 6, 7]
    assert monitor.history["step"] == [4, 5, 6, 7]
    assert [finding.code for finding in monitor.findings] == ["LR591"]


@pytest.mark.parametrize("state", [["junk"], "junk", 5, {"format": torch.ones(2)}, {"format": "1"}])
def test_a_state_that_is_nothing_at_all_does_not_stop_a_resume(state: Any, tmp_path: Path) -> None:
    """A text, a list in the place of the monitor's state, or a tensor in that of its format, is dropped with a finding."""
    content = checkpointed(tmp_path, LRMonitor(), batches=4)
    content["callbacks"][LRMonitor().state_key] = state
    torch.save(content, tmp_path / "damaged.ckpt")
    with pytest.warns(ScheduleWarning, match="LR591"):
        fit(Probe(lambda net: net.sgd()), LRMonitor(), batches=4, max_epochs=2, ckpt_path=tmp_path / "damaged.ckpt")


@pytest.mark.parametrize(
    "damage",
    [{}, {"format": 1}, {"format": 1, "ramp": "LRWarmup(3)", "began": 0, "taken": ["x"]}, {"format": None}, []],
)
def test_a_damaged_ramp_is_refused(damage: Any) -> None:
    """The position of the ramp is not known, so the message shows how to continue without it."""
    with pytest.raises(ScheduleError, match=r"the state is damaged.*leave out LRWarmup"):
        LRWarmup(3).load_state_dict(damage)


# --- hyperparameters --------------------------------------------------------------------------------------------------------------


def test_an_unknown_builder_does_not_keep_the_weights_from_loading(tmp_path: Path) -> None:
    """``torch.load`` gives the text in its place, and the error comes where the schedule is used, with the builders there are."""
    torch.save({"weights": torch.ones(2), "schedule": Schedule.parse("cosine(end=0.25)")}, tmp_path / "new.ckpt")
    content = zipfile.ZipFile(tmp_path / "new.ckpt")
    with zipfile.ZipFile(tmp_path / "old.ckpt", "w") as old:
        for item in content.infolist():
            old.writestr(item, content.read(item).replace(b"cosine(end=0.25)", b"zosine(end=0.25)"))
    loaded = torch.load(tmp_path / "old.ckpt", weights_only=True)

    assert loaded["weights"].tolist() == [1.0, 1.0]
    assert loaded["schedule"] == "zosine(end=0.25)"
    with pytest.raises(ScheduleError, match=r"'zosine'.*Did you mean cosine\(\.\.\.\)\?"):
        ScheduledLR(sgd([0.1]), loaded["schedule"], Horizon(10))
    assert torch.load(tmp_path / "new.ckpt", weights_only=True)["schedule"] == Schedule.parse("cosine(end=0.25)")


# --- resumes that need no decision ------------------------------------------------------------------------------------------------

KINDS: dict[str, Callable[[float], Any]] = {
    "float": float,
    "float32 tensor": torch.tensor,
    "float64 tensor": lambda lr: torch.tensor(lr, dtype=torch.float64),
}


@pytest.mark.parametrize("before", KINDS)
@pytest.mark.parametrize("now", KINDS)
@pytest.mark.parametrize("text", ["cosine(end=0.1)", "cosine(end_lr=0.001)"])
def test_a_base_lr_that_is_rounded_is_no_change(before: str, now: str, text: str) -> None:
    """A float LR that became a tensor of 32 bits, or the other way round, goes on as it was: 0.10000000149 is 0.1."""

    def scheduler(kind: str) -> ScheduledLR:
        return ScheduledLR(optimizer_of([KINDS[kind](0.1), KINDS[kind](0.03)]), text, Horizon(20))

    first, second = scheduler(before), scheduler(now)
    first.step(7)
    optimizer_state, state = first.optimizer.state_dict(), first.state_dict()
    second.optimizer.load_state_dict(optimizer_state)
    second.load_state_dict(json.loads(json.dumps(state)))

    assert second.planned(12) == first.planned(12)
    assert lrs(second.optimizer) == pytest.approx(first.planned(7), rel=1e-7)


def test_a_base_lr_that_is_another_is_a_change() -> None:
    """A difference that 32 bits can hold needs a decision."""
    first, second = (ScheduledLR(sgd([lr]), "cosine()", Horizon(20)) for lr in (0.1, 0.1000001))
    first.step(7)
    with pytest.raises(ScheduleError, match=r"base lr 0\.1"):
        second.load_state_dict(first.state_dict())


def test_a_plateau_waits_for_a_metric_of_a_later_validation() -> None:
    """A metric that is first logged in the third epoch is read from then on, with one finding before."""

    class Late(Probe):
        def validation_step(self, batch: Any, batch_idx: int) -> None:
            """Log the metric from the third epoch on."""
            if self.current_epoch >= 2:
                self.log("fid", float(self.current_epoch))

        def configure_optimizers(self) -> Any:
            rule = ReduceOnPlateau(monitor="fid", patience=0, factor=0.5)
            return configure_optimizers(self.sgd(), "hold()", self.trainer, plateau=rule)

    net = Late(lambda net: None)
    with pytest.warns(ScheduleWarning, match="LR407: .*monitor='fid'.*waits for it") as caught:
        fit(net, batches=2, max_epochs=6, validate=True)

    assert len([warning for warning in caught if "LR407" in str(warning.message)]) == 1
    assert [lr for _, (lr,) in net.used[::2]] == [0.1, 0.1, 0.1, 0.1, 0.05, 0.025]


# --- pictures -----------------------------------------------------------------------------------------------------------------------


def test_a_picture_goes_where_checkpoints_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``~`` is the home folder, an address with a protocol is written through fsspec, and no local folder has its name."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for place in ("~/pictures/lr.png", "memory://bucket/run/lr.svg", "plain/lr.png"):
        fit(Probe(lambda net: net.sgd()), LRMonitor(save_plot=place), batches=3)

    assert (tmp_path / "home" / "pictures" / "lr.png").read_bytes().startswith(b"\x89PNG")
    assert b"<svg" in fsspec.filesystem("memory").cat("/bucket/run/lr.svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "plain"]


# --- hooks and copies -----------------------------------------------------------------------------------------------------------------


def hooks_of(optimizer: torch.optim.Optimizer) -> int:
    """How many hooks an optimizer has."""
    names = (
        "step_pre",
        "step_post",
        "state_dict_pre",
        "state_dict_post",
        "load_state_dict_pre",
        "load_state_dict_post",
    )
    return sum(len(getattr(optimizer, f"_optimizer_{name}_hooks")) for name in names)


def test_dead_schedulers_leave_no_hooks() -> None:
    """After 2,000 schedulers that were dropped an optimizer has the hooks of the last one alone."""
    optimizer = sgd([0.1])
    ScheduledLR(optimizer, "cosine()", Horizon(10))
    gc.collect()
    before = hooks_of(optimizer)
    for _ in range(2000):
        scheduler = ScheduledLR(optimizer, "cosine()", Horizon(10))
    gc.collect()

    assert before == 0
    assert hooks_of(optimizer) == 2
    assert scheduler.last_epoch == 0


@pytest.mark.parametrize("ends", ["well", "with an error"])
def test_callbacks_leave_no_hooks(ends: str) -> None:
    """After a fit, or its failure, and after a callback that was dropped in mid-fit, the optimizer has no hook of ours."""

    class Fails(Callback):
        def on_train_batch_end(self, trainer: Any, net: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            """Fail at the third batch."""
            if ends == "with an error" and batch_idx == 2:
                raise RuntimeError("out of memory")

    optimizer = sgd([0.1])
    for _ in range(20):
        net = Probe(lambda net: net.watched(optimizer))
        optimizer.param_groups[0]["params"] = list(net.weights)
        with pytest.raises(RuntimeError, match="out of memory") if ends == "with an error" else nullcontext():
            fit(net, LRMonitor(), LRWarmup(50, horizon=Horizon(100)), Fails(), batches=4)
        assert lrs(optimizer) == [0.1]
    net = None
    gc.collect()

    assert hooks_of(optimizer) == 20  # those of the probes, which a dead module leaves


def only(trainer: Any, kind: type[Callback]) -> Any:
    """The Trainer's callback of this class."""
    (found,) = (callback for callback in trainer.callbacks if isinstance(callback, kind))
    return found


PICKLED: dict[str, Callable[[Any], Any]] = {
    "the monitor": lambda trainer: only(trainer, LRMonitor),
    "the warmup": lambda trainer: only(trainer, LRWarmup),
    "the scheduler": lambda trainer: trainer.lr_scheduler_configs[0].scheduler,
    "the optimizer": lambda trainer: trainer.optimizers[0],
}


@pytest.mark.parametrize("copied", [lambda value: pickle.loads(pickle.dumps(value)), copy.deepcopy])
@pytest.mark.parametrize("name", PICKLED)
def test_what_belongs_to_a_run_is_copied_in_mid_fit(name: str, copied: Callable[[Any], Any]) -> None:
    """The copy is of its own, and the run goes on with the LRs that it has without the copy."""
    copies = []

    class Copies(Callback):
        def on_train_batch_end(self, trainer: Any, net: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            """Copy it, and use the copy."""
            if batch_idx == 2:
                copies.append(copied(PICKLED[name](trainer)))

    def run(*callbacks: Callback) -> Probe:
        net = Probe(lambda net: configure_optimizers(Silent(net.parameters(), lr=0.1), "cosine()", net.trainer))
        callbacks = (LRMonitor(), LRWarmup(6), *callbacks)
        made = fit(net, *callbacks, batches=8, log_every_n_steps=1)
        net.used = [(0, [lr]) for lr in only(made, LRMonitor).lrs["lr/optimizer"]]
        return net

    assert run(Copies()).used == run().used
    assert len(copies) == 1
    if name == "the scheduler":
        copies[0].optimizer.param_groups[0]["params"][0].grad = torch.ones(1)
        copies[0].optimizer.step()
        copies[0].step()
        assert copies[0].last_epoch == 4


class Silent(torch.optim.SGD):
    """An optimizer without hooks of the tests, which pickle cannot copy."""


# --- no warmup ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("with_none", "without"),
    [
        ("warmup(0) >> cosine()", "cosine()"),
        ("warmup('0%') >> cosine(end=0.1)", "cosine(end=0.1)"),
        ("warmup('0 epochs', start=0.0) >> linear()", "linear()"),
        ("wsd(0, '20%')", "hold() >> one_minus_sqrt(over='20%')"),
        ("wsd('0%', 20)", "hold() >> one_minus_sqrt(over=20)"),
    ],
)
def test_a_sweep_over_the_warmup_can_include_none(with_none: str, without: str) -> None:
    """A warmup of zero updates is left out; its text is read, copied and saved as any other."""
    schedule = Schedule.parse(with_none)
    horizon = Horizon(100, 10)
    timeline, expected = schedule.resolve(horizon), Schedule.parse(without).resolve(horizon)
    steps = range(105)

    assert timeline.values(steps).tolist() == expected.values(steps).tolist()
    assert Schedule.parse(repr(schedule)) == schedule == pickle.loads(pickle.dumps(schedule))
    assert not timeline.phases[0].warms_up
    function = schedule >> custom(min, over=1)
    assert copy.deepcopy(function) == function
    first, second = (ScheduledLR(sgd([0.1]), with_none, horizon) for _ in range(2))
    first.step(30)
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert second.get_last_lr() == first.get_last_lr()


@pytest.mark.parametrize("over", [0, "0%", "0 epochs"])
def test_a_ramp_of_no_update_is_none(over: Any) -> None:
    """``LRWarmup(0)`` multiplies by 1, beside a schedule with a warmup too, and warns of nothing."""

    def run(*callbacks: Callback) -> list[Any]:
        net = Probe(lambda net: configure_optimizers(net.sgd(), "warmup(0) >> cosine()", net.trainer))
        fit(net, *callbacks, batches=8)
        return net.used

    assert run(LRWarmup(over), LRMonitor()) == run()
    assert run(LRWarmup(4)) != run()


# --- a tracker that is down when the run fails -------------------------------------------------------------------------------------------


class Down(Logger):
    """A tracker that fails from the third batch on, in one of its methods or in all of them."""

    def __init__(self, failing: str) -> None:
        super().__init__()
        self.failing = failing
        self.is_down = False

    def _answer(self, method: str) -> Any:
        if self.is_down and self.failing in (method, "everything"):
            raise ConnectionError(f"the tracker is down: {method}")

    @property
    def name(self) -> str:
        """Its name."""
        self._answer("name")
        return "down"

    @property
    def version(self) -> str:
        """Its version."""
        self._answer("version")
        return "1"

    @property
    def experiment(self) -> Any:
        """Nothing."""
        return self._answer("experiment")

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Write nothing."""
        self._answer("log_metrics")

    def log_hyperparams(self, params: Any, *args: Any) -> None:
        """Write nothing."""
        self._answer("log_hyperparams")


class Fails(Callback):
    """Brings the tracker down and ends the run at the third batch."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def on_train_batch_start(self, trainer: Any, net: Any, batch: Any, batch_idx: int) -> None:
        """Raise."""
        if batch_idx == 3:
            trainer.logger.is_down = True
            raise self.error


# What fails of the tracker.
FAILING = ("log_metrics", "name", "experiment", "everything")


@pytest.mark.needs("lightning>=2.6", "before it, ModelCheckpoint has no save_on_exception")
@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()], ids=["error", "interrupt"])
@pytest.mark.parametrize("failing", FAILING)
@pytest.mark.parametrize("schedule", ["cosine()", None])
@pytest.mark.parametrize("every", [1, 50], ids=["no row is left", "a row is left"])
def test_a_tracker_that_is_down_hides_nothing(
    failing: str, error: BaseException, schedule: str | None, every: int, tmp_path: Path
) -> None:
    """The original error arrives, the emergency checkpoint is written, the ramp leaves the optimizer, and the history is whole."""

    def answer(net: Any) -> Any:
        return configure_optimizers(net.sgd(), schedule, net.trainer) if schedule else net.sgd()

    net = Probe(answer)
    saved = ModelCheckpoint(tmp_path, save_on_exception=True)
    callbacks = (LRMonitor(), LRWarmup(20, horizon=Horizon(100)), saved, Fails(error))
    # Lightning turns an interrupt into the end of the program.
    with pytest.raises((type(error), SystemExit), match="out of memory" if isinstance(error, Exception) else None):
        fit(net, *callbacks, logger=Down(failing), enable_checkpointing=True, log_every_n_steps=every, batches=8)
    (file,) = tmp_path.iterdir()
    (lr,) = lrs(net.trainer.optimizers[0])
    content = torch.load(file, weights_only=True)

    assert content["global_step"] == 3
    assert lr == pytest.approx(0.1 if schedule is None else 0.05 * (1 + math.cos(math.pi * 3 / 8)))
    assert callbacks[0].history["step"] == ([0, 1, 2] if every == 1 else [0, 2])
    assert hooks_of(net.trainer.optimizers[0]) == (3 if schedule else 1)  # of the probe, and two of the scheduler
    assert content["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(lr)


def test_a_ramp_that_cannot_be_ended_hides_nothing() -> None:
    """If the groups have become what no ramp can leave, the original error arrives, with a line in the log."""

    class Breaks(Fails):
        def on_train_batch_start(self, trainer: Any, net: Any, batch: Any, batch_idx: int) -> None:
            """Mix the kinds of LRs, and raise."""
            if batch_idx == 3:
                trainer.optimizers[0].param_groups[0]["lr"] = torch.tensor(0.1)
                raise self.error

    net = Probe(lambda net: net.sgd(), groups=2)
    with pytest.raises(RuntimeError, match="out of memory"):
        fit(
            net,
            LRWarmup(20, horizon=Horizon(100)),
            LRWarmup(9, groups=[0], horizon=Horizon(100)),
            Breaks(RuntimeError("out of memory")),
        )
