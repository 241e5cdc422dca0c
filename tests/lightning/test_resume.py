"""Resuming in real Trainers: policies, kills, ranks, groups that were added, and checkpoints from elsewhere."""

from __future__ import annotations

import contextlib
import json
import math
import random
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import BackboneFinetuning, GradientAccumulationScheduler
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR

from lr_toolkit import (
    Horizon,
    Schedule,
    ScheduledLR,
    ScheduleError,
    ScheduleMixin,
    configure_optimizers,
    cosine,
    custom,
)
from tests.helpers.runs import Net, loader, trainer, with_schedule
from tests.helpers.script import run_script
from tests.optim.test_resume import FORMULAS, Reference, after, planned

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
LONG = Horizon(32, 8)

# Lightning warns about a plain loader in mid-epoch; the tests check only the LR.
pytestmark = [
    # Lightning starts a plain loader over, which is meant.
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended"),
    pytest.mark.needs("lightning>=2.6", "fit takes weights_only"),
]


class Unplugged(Exception):
    """The end of a run that nobody asked for."""


class Killed(Net):
    """Saves a checkpoint after so many updates, and ends there."""

    def __init__(self, answer: Any, save: Path | None = None, update: int = -1) -> None:
        super().__init__(answer)
        self.save, self.update = save, update

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the weights of the files in ``tests/data``, whose layers have other names."""
        weights = checkpoint["state_dict"]
        for old, new in {"one": "first", "two": "second"}.items():
            for name in [name for name in weights if name.startswith(f"{old}.")]:
                weights[name.replace(old, new)] = weights.pop(name)

    def on_train_batch_end(self, *_: Any) -> None:
        if self.save and self.trainer.global_step == self.update:
            self.trainer.save_checkpoint(self.save)
            raise Unplugged


def run_part(
    answer: Any, *, begin: Path | None = None, save: Path | None = None, update: int = -1, **options: Any
) -> list[list[float]]:
    """The LRs of a run's updates, from a checkpoint or afresh, to its end or to the update at which it dies."""
    net = Killed(answer, save, update)
    options = {"max_epochs": 2, **options}
    batches = loader(8)
    if save is None:
        trainer(**options).fit(net, batches, ckpt_path=begin, weights_only=begin and True)
    else:
        with pytest.raises(Unplugged):
            trainer(**options).fit(net, batches, ckpt_path=begin, weights_only=begin and True)
    return net.lrs


# --- whatever is drawn --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(36))
def test_an_interrupted_fit_follows_the_specified_sequence(seed: int, tmp_path: Path) -> None:
    """Schedules, lengths, accumulation, two interruptions and a policy at each: all LRs are the specified ones."""
    chance = random.Random(seed)
    accumulate = chance.choice([1, 2, 3])
    per_epoch = math.ceil(8 / accumulate)
    text, epochs = chance.choice(sorted(FORMULAS)), 8
    bases = [0.1, 0.02]
    configured = planned(text, epochs * per_epoch, bases)
    followed: Reference = configured
    # Not at an epoch's last batch: see tests/helpers/killed.py.
    cuts = sorted(chance.sample([k for k in range(1, 4 * per_epoch) if k % per_epoch], 2))
    used: list[list[float]] = []
    expected: list[list[float]] = []
    checkpoint, policy = None, "error"
    for number, (begin, end) in enumerate(zip([0, *cuts], [*cuts, None], strict=True)):
        if number and chance.random() < 0.7:
            text, epochs = chance.choice(sorted(FORMULAS)), epochs + chance.choice([0, 4])
            policy = chance.choice(["replan", "keep", "stretch", "continue"])
            now = planned(text, epochs * per_epoch, bases)
            if now.plan != configured.plan:
                follow = after(followed, now, begin, policy, None)
                policy = policy if follow else "keep"
                followed, configured = follow or after(followed, now, begin, "keep", None) or followed, now
        save = tmp_path / f"{number}.ckpt" if end else None
        stop = end or epochs * per_epoch
        options = {"max_epochs": epochs, "accumulate_grad_batches": accumulate}
        used += run_part(with_schedule(text, on_change=policy), begin=checkpoint, save=save, update=stop, **options)
        expected += [followed.lrs(Fraction(k)) for k in range(begin, stop)]
        checkpoint = save

    assert used == [pytest.approx(lrs, rel=1e-12, abs=1e-15) for lrs in expected]


MIDDLES = [(accumulate, update) for accumulate in (1, 2, 3) for update in range(1, math.ceil(8 / accumulate))]


@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize(("accumulate", "update"), MIDDLES)
def test_resumed_at_any_update_of_an_epoch_it_is_exact(
    accumulate: int, update: int, interval: Any, tmp_path: Path
) -> None:
    """Interrupted at any update in mid-epoch, at step and at epoch interval, under accumulation: the very floats."""
    answer = with_schedule("warmup('20%') >> cosine(end=0.1)", interval=interval)
    options = {"max_epochs": 5, "accumulate_grad_batches": accumulate}
    update += math.ceil(8 / accumulate)
    before = run_part(answer, save=tmp_path / "cut.ckpt", update=update, **options)

    assert before + run_part(answer, begin=tmp_path / "cut.ckpt", **options) == run_part(answer, **options)
    assert len(before) == update


# --- what Lightning does of its own -------------------------------------------------------------------------------------


class Kept(Net):
    """Saves a checkpoint where a hook of that name comes in epoch ``at``."""

    def __init__(self, answer: Any, path: Path | None = None, hook: str = "", update: int = 0) -> None:
        super().__init__(answer)
        self.path, self.update = path, update
        if hook:
            setattr(self, hook, self._keep)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """There is one."""

    def _keep(self, *_: Any) -> None:
        if self.path and not self.trainer.sanity_checking and self.current_epoch == self.update:
            self.trainer.save_checkpoint(self.path)


def test_accumulation_that_lightning_forgets_in_mid_epoch(tmp_path: Path) -> None:
    """In mid-epoch it does not call ``GradientAccumulationScheduler`` and steps at every batch: the schedule ends with the run."""
    options = {"max_epochs": 3, "callbacks": [GradientAccumulationScheduler({0: 4})]}
    run_part(with_schedule("linear()"), save=tmp_path / "cut.ckpt", update=3, **options)
    net = Net(with_schedule("linear()"))
    made = trainer(max_epochs=3, callbacks=[GradientAccumulationScheduler({0: 4})])
    made.fit(net, loader(8), ckpt_path=tmp_path / "cut.ckpt", weights_only=True)
    scheduler = made.lr_scheduler_configs[0].scheduler

    assert scheduler.last_epoch == scheduler.horizon.steps
    assert net.lrs[0][0] == pytest.approx(0.05)
    assert net.lrs[-1][0] == pytest.approx(0.05 / len(net.lrs))


@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize(("before", "now"), [(6, 10), (10, 6), (12, 6), (8, 8)])
@pytest.mark.parametrize("update", [0, 2])
def test_a_validations_checkpoint_with_epochs_of_another_length(
    before: int, now: int, update: int, interval: Any, tmp_path: Path
) -> None:
    """From it Lightning goes on in the epoch that was over, by some batches or by one: the schedule ends with the run."""
    answer, path = with_schedule("linear()", interval=interval), tmp_path / "val.ckpt"
    trainer(max_epochs=4).fit(Kept(answer, path, "on_validation_end", update), loader(before), loader(2))
    net, made = Kept(answer), trainer(max_epochs=4)
    made.fit(net, loader(now), loader(2), ckpt_path=path, weights_only=True)
    scheduler = made.lr_scheduler_configs[0].scheduler

    assert scheduler.last_epoch == scheduler.horizon.steps
    assert min(lr for lrs in net.lrs for lr in lrs) > 0


@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_a_checkpoint_of_a_second_fit_goes_on_exactly(interval: Any, tmp_path: Path) -> None:
    """A schedule that began in a later fit of a Trainer counts from there, after a resume too."""
    answer, path = with_schedule("linear()", interval=interval), tmp_path / "second.ckpt"
    net, made = Kept(answer, path, "on_train_epoch_end", 3), trainer(max_epochs=2)
    made.fit(net, loader(2))
    made.fit_loop.max_epochs = 6
    net.used.clear()
    made.fit(net, loader(2))
    again = Kept(answer)
    trainer(max_epochs=6).fit(again, loader(2), ckpt_path=path, weights_only=True)

    assert again.lrs == net.lrs[4:]


# --- at another rate ----------------------------------------------------------------------------------------------------


class Cut(Net):
    """Dies in one of its hooks after so many updates, with a checkpoint."""

    def __init__(self, answer: Any, hook: str, update: int) -> None:
        super().__init__(answer)
        self.hook, self.update = hook, update

    def _end(self, hook: str) -> None:
        if (hook, self.trainer.global_step) == (self.hook, self.update):
            self.trainer.save_checkpoint("cut.ckpt")
            raise Unplugged

    def validation_step(self, *_: Any) -> None:
        pass

    def on_train_batch_end(self, *_: Any) -> None:
        self._end("batch")

    def on_validation_end(self) -> None:
        self._end("validation")

    def on_train_epoch_end(self) -> None:
        self._end("epoch")


def resumed(answer: Any, batches: int, accumulate: int, **options: Any) -> tuple[list[list[float]], ScheduledLR]:
    """The LRs of a run that goes on from the checkpoint with so many batches an epoch, and its scheduler."""
    net = Cut(answer, "", 0)
    made = trainer(accumulate_grad_batches=accumulate, num_sanity_val_steps=0, **options)
    made.fit(net, loader(batches), loader(1), ckpt_path="cut.ckpt", weights_only=True)
    return net.lrs, made.lr_scheduler_configs[0].scheduler


def cut_runs(answer: Any, batches: int, accumulate: int, **options: Any) -> Iterator[int]:
    """Runs of three epochs that die once at every moment at which a checkpoint is saved; how many updates each has taken."""
    per_epoch = math.ceil(batches / accumulate)
    ends = [per_epoch, 2 * per_epoch]
    moments = [("batch", update) for update in range(1, 3 * per_epoch)] + [
        (hook, update) for hook in ("validation", "epoch") for update in ends
    ]
    for hook, update in moments:
        if update < options.get("max_steps", 10**9):
            net = Cut(answer, hook, update)
            with pytest.raises(Unplugged):
                trainer(accumulate_grad_batches=accumulate, num_sanity_val_steps=0, **options).fit(
                    net, loader(batches), loader(1)
                )
            yield update


# Batches of an epoch and accumulation, before and after: as other ranks, another batch size or accumulation give them.
RATES = [((8, 1), (8, 2)), ((8, 1), (8, 3)), ((8, 2), (8, 1)), ((7, 3), (7, 2)), ((8, 1), (4, 1)), ((6, 2), (3, 1))]


@pytest.mark.parametrize(("before", "now"), RATES)
def test_at_another_rate_the_run_ends_where_its_schedule_does(
    before: Any, now: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a run of three epochs is cut, and at whatever rate it goes on: what was left is spread over what is left."""
    # Unless the plan for the run's new length has the same past, as it may have after an update or two: then it is followed.
    monkeypatch.chdir(tmp_path)
    text = "warmup('25%') >> cosine(end=0.1)"
    answer = with_schedule(text)
    old = 3 * math.ceil(before[0] / before[1])
    for update in cut_runs(answer, *before, max_epochs=3):
        used, scheduler = resumed(answer, *now, max_epochs=3)
        steps, places = old, [update + Fraction(i * (old - update), len(used)) for i in range(len(used))]
        new = scheduled_factors(text, update + len(used))
        if all(new(k) == pytest.approx(scheduled_factors(text, old)(k), rel=1e-12) for k in range(update)):
            steps, places = update + len(used), [Fraction(update + i) for i in range(len(used))]
        factors = scheduled_factors(text, steps)

        assert scheduler.horizon.steps == update + len(used), update
        assert used == [pytest.approx([0.1 * factors(x), 0.02 * factors(x)]) for x in places], update
        assert scheduler.get_last_lr() == pytest.approx([0.01, 0.002]), update


@pytest.mark.parametrize(("before", "now"), RATES)
def test_at_another_rate_max_steps_is_what_it_was(
    before: Any, now: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where ``max_steps`` ends the run, a change of the rate changes no LR."""
    monkeypatch.chdir(tmp_path)
    answer = with_schedule("warmup('25%') >> cosine(end=0.1)")
    steps = 2 * math.ceil(before[0] / before[1]) + 1
    factors = scheduled_factors("warmup('25%') >> cosine(end=0.1)", steps)
    for update in cut_runs(answer, *before, max_steps=steps):
        used, scheduler = resumed(answer, *now, max_steps=steps)

        assert scheduler.horizon.steps == steps
        assert used == [pytest.approx([0.1 * factors(k), 0.02 * factors(k)]) for k in range(update, steps)], update


def scheduled_factors(text: str, steps: int) -> Any:
    """The factor at any place of a run, also between two updates."""
    timeline = Schedule.parse(text).resolve(Horizon(steps))
    return lambda x: timeline.factor(float(x))


def test_two_changes_of_the_rate_and_none_after_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rate is followed from where it begins; resumed at the same rate again, the run is the very same; then it is extended."""
    monkeypatch.chdir(tmp_path)
    answer = with_schedule("cosine()")

    def go(accumulate: int, update: int, epochs: int = 6) -> list[float]:
        net = Cut(answer, "batch", update)
        begin = Path("cut.ckpt") if Path("cut.ckpt").exists() else None
        made = trainer(accumulate_grad_batches=accumulate, max_epochs=epochs)
        with contextlib.suppress(Unplugged):
            made.fit(net, loader(8), ckpt_path=begin, weights_only=begin and True)
        return [lrs[0] for lrs in net.lrs]

    used = [*go(1, 12), *go(2, 20), *go(2, 23), *go(1, 30), *go(1, -1)]
    # Of 48 updates 12 are taken at the first rate; then 36 are left in 18, and when 11 of these are taken 14 in 14.
    places = [*range(12), *(12 + 2 * i for i in range(11)), *range(34, 48)]

    assert used == pytest.approx([0.05 * (1 + math.cos(math.pi * x / 48)) for x in places])

    with pytest.raises(
        ScheduleError, match=r"now:   cosine\(\) on Horizon\(steps=53, steps_per_epoch=\(8, 6, 4, 4, 7, 8\)"
    ):
        go(1, -1, epochs=8)


@pytest.mark.parametrize("update", [8, 11])
def test_a_schedule_in_epochs_stays_in_its_epochs(update: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Milestones at epochs are met where the epochs begin, whatever the rate was before and is now."""
    monkeypatch.chdir(tmp_path)
    for limit in ({"max_epochs": 5}, {"max_steps": update + 14}):
        answer = with_schedule("multistep(['1 epoch', '2 epochs'], gamma=0.5)")
        with pytest.raises(Unplugged):
            trainer(**limit).fit(Cut(answer, "batch", update), loader(8))
        net = Net(answer)
        trainer(accumulate_grad_batches=2, **limit).fit(net, loader(8), ckpt_path="cut.ckpt", weights_only=True)

        assert {(epoch, lrs[0]) for epoch, lrs in net.used} == {(1, 0.05), (2, 0.025), (3, 0.025), (4, 0.025)}


def test_a_phase_in_steps_to_come_is_a_question_at_another_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twelve updates of a decay are not twelve others: the message has the run's true length, and a policy is followed."""
    monkeypatch.chdir(tmp_path)
    schedule = "warmup('25%') >> linear(over=8) >> hold()"
    for update in cut_runs(with_schedule(schedule), 8, 1, max_epochs=3):
        if update == 10:
            break
    with pytest.raises(
        ScheduleError, match=r"(?s)steps=24, steps_per_epoch=8\).*steps=17, steps_per_epoch=\(8, 5, 4\)"
    ):
        resumed(with_schedule(schedule), 8, 2, max_epochs=3)
    with pytest.raises(ScheduleError, match=r"does not fit(?s:.*)longer than that(?s:.*)horizon=Horizon\(steps="):
        resumed(with_schedule("linear(over=16)"), 8, 2, max_epochs=3)
    used, _ = resumed(with_schedule(schedule, on_change="keep"), 8, 2, max_epochs=3)

    assert [lrs[0] for lrs in used] == pytest.approx([0.1 * max(1 - (k - 6) / 8, 0) for k in range(10, 17)])


def test_epochs_that_are_counted_are_the_same_at_every_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``interval="epoch"`` a change of the rate is none; under ``max_steps`` the epochs that are left are counted anew."""
    monkeypatch.chdir(tmp_path)
    answer = with_schedule("linear()", interval="epoch")
    for update in cut_runs(answer, 8, 1, max_epochs=3):
        used, _ = resumed(answer, 8, 2, max_epochs=3)

        assert used[-1][0] == pytest.approx(0.1 / 3), update
    list(cut_runs(answer, 8, 1, max_steps=24))
    used, scheduler = resumed(answer, 8, 4, max_steps=24)

    assert scheduler.horizon == Horizon(6, unit="epoch")
    assert [lrs[0] for lrs in used] == pytest.approx([0.1 / 3 * (1 - i // 2 / 4) for i in range(8)])


def test_a_run_that_has_nothing_left_to_train_is_no_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where ``max_steps`` or ``max_epochs`` is reached already, or ``fast_dev_run`` cuts the run short, the saved plan goes on."""
    monkeypatch.chdir(tmp_path)
    limits: dict[str, list[dict[str, Any]]] = {
        "step": [{"max_steps": 5}, {"max_steps": 10}, {"max_epochs": 1}, {"fast_dev_run": 3}],
        "epoch": [{"max_steps": 5}, {"max_epochs": 1}, {"fast_dev_run": 3}],
    }
    for interval in ("step", "epoch"):
        answer = with_schedule("linear()", interval=interval)
        for update in cut_runs(answer, 8, 1, max_epochs=3):
            if update == 10:
                break
        for limit in limits[interval]:
            used, scheduler = resumed(answer, 8, 1, **limit)

            assert not used, limit
            assert scheduler.horizon.steps == (24 if interval == "step" else 3), limit


def test_fast_dev_run_goes_on_where_the_checkpoint_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dev run of three batches resumes a run whose warmup alone takes ten."""
    monkeypatch.chdir(tmp_path)
    answer = with_schedule("warmup(10) >> linear()")
    next(cut_runs(answer, 8, 1, max_epochs=3))
    with pytest.warns(UserWarning, match="fast_dev_run cuts the schedule"):
        used, _ = resumed(answer, 8, 1, fast_dev_run=3)

    assert [lrs[0] for lrs in used] == pytest.approx([0.2 / 11, 0.3 / 11])


def test_a_schedule_that_fits_no_run_is_refused_without_advice_on_its_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function that gives a negative factor is wrong on every horizon, from a checkpoint too."""
    monkeypatch.chdir(tmp_path)
    next(cut_runs(with_schedule("linear()"), 8, 1, max_epochs=3))
    with pytest.raises(ScheduleError, match=r"returned -\d+ for step") as caught:
        resumed(
            lambda net, optimizer: configure_optimizers(optimizer, custom(lambda i: 1 - i), net.trainer),
            8,
            1,
            max_epochs=3,
        )

    assert "horizon=" not in str(caught.value)


def test_of_two_limits_only_the_one_that_ends_the_run_is_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epochs end this run, whatever ``max_steps`` is: a plan in steps is refused as changed, and one in shares of the run continues."""
    monkeypatch.chdir(tmp_path)
    in_steps, in_shares = with_schedule("warmup('25%') >> linear(over=8) >> hold()"), with_schedule("linear()")
    for answer in (in_steps, in_shares):
        for update in cut_runs(answer, 8, 1, max_epochs=3, max_steps=1000):
            if update == 10:
                break
        if answer is in_steps:
            with pytest.raises(ScheduleError, match="The plan is not the one in the checkpoint"):
                resumed(answer, 8, 2, max_epochs=3, max_steps=1000)
    for limit in ({"max_steps": 1000}, {"max_steps": 900}, {}):
        used, _ = resumed(in_shares, 8, 2, max_epochs=3, **limit)

        assert [lrs[0] for lrs in used] == pytest.approx([0.1 / 12 * (1 - i / 7) * 7 for i in range(7)])


def test_an_update_that_an_exception_broke_off_is_still_to_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A checkpoint that was saved in the middle of a batch does not count it: at another rate, too, schedule and run end as one."""
    monkeypatch.chdir(tmp_path)
    answer = with_schedule("linear()")

    class Broken(Cut):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            self._end("training")
            return super().training_step(batch, batch_idx)

    for update in range(1, 23):
        with pytest.raises(Unplugged):
            trainer(max_epochs=3).fit(Broken(answer, "training", update), loader(8))
        used, scheduler = resumed(answer, 8, 3, max_epochs=3)

        assert scheduler.horizon.steps == update + len(used), update


# The test skips an update on purpose; Lightning warns about it once in a process.
@pytest.mark.filterwarnings("ignore:`training_step` returned `None`")
def test_updates_that_were_skipped_are_not_waited_for_at_another_rate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an update had no gradient the run is that much shorter: the schedule ends with the run."""
    monkeypatch.chdir(tmp_path)
    answer = with_schedule("linear()")

    class Lossless(Cut):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return None if self.current_epoch == 0 and batch_idx == 2 else super().training_step(batch, batch_idx)

    with pytest.raises(Unplugged):
        trainer(max_epochs=3).fit(Lossless(answer, "batch", 12), loader(8))
    used, scheduler = resumed(answer, 8, 2, max_epochs=3)

    assert len(used) == 6
    assert scheduler.horizon.steps == 11 + 6
    assert [lrs[0] for lrs in used] == pytest.approx([0.1 * (1 - (11 + 13 * i / 6) / 24) for i in range(6)])


# --- killed -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_twenty_times_the_run_is_the_same(tmp_path: Path) -> None:
    """SIGKILL at twenty random moments, in training and while a checkpoint is written: all LRs and the weights are equal."""
    run_script("tests.helpers.killed", tmp_path, "20")
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    whole, torn = report["lrs"]

    assert len(whole) == 260
    assert torn == whole
    assert report["weights"][0] == report["weights"][1]
    assert 0 < report["killed while writing"] < 20


# --- ranks ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_ranks_go_on_alike(tmp_path: Path) -> None:
    """Two ranks resume exactly; from one to two and back the schedule goes on without a question, and ends with the run."""
    run_script("tests.helpers.resumed_ranks", tmp_path)
    reports = {path.stem: json.loads(path.read_text("utf-8")) for path in tmp_path.glob("*.json")}
    whole = reports["whole-0"]["lrs"]

    assert len(whole) == 20
    for rank in (0, 1):
        assert reports[f"whole-{rank}"]["lrs"] == whole
        assert reports[f"first-{rank}"]["lrs"] + reports[f"second-{rank}"]["lrs"] == whole
        assert reports["alone-0"]["lrs"] + reports[f"joined-{rank}"]["lrs"] == whole
    assert reports["second-0"]["weights"] == reports["second-1"]["weights"]
    # In epochs: nine of 24 updates on two ranks, in the middle of the second epoch. On one rank 33 are left, of which twelve
    # are taken, to the middle of the third; on two ranks again nine are left.
    places = [9 + 15 * i / 33 for i in range(12)] + [24 - 15 * 21 / 33 * (9 - i) / 9 for i in range(9)]
    factors = scheduled_factors("warmup(3) >> cosine(end=0.1)", 24)
    for rank in (0, 1):
        used = reports["single-0"]["lrs"] + reports[f"paired-{rank}"]["lrs"]

        assert used == [pytest.approx([0.1 * factors(x), 0.02 * factors(x)]) for x in places]


# --- updates that did not happen ------------------------------------------------------------------------------------------


class Skipping(Killed):
    """Leaves its second epoch early, and has no loss for one batch of the third."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        return -1 if self.current_epoch == 1 and batch_idx == 3 else None

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        if self.current_epoch == 2 and batch_idx == 2:
            return None
        return super().training_step(batch, batch_idx)


@pytest.mark.filterwarnings("ignore:`training_step` returned `None`")  # the skipped update that is tested
@pytest.mark.parametrize("cut", [None, 10, 13])
def test_what_was_skipped_moves_nothing(cut: int | None, tmp_path: Path) -> None:
    """An epoch that ends early and a batch without a loss: each real update has the next LR, resumed in between or not."""
    answer = with_schedule("linear()")
    gradients: list[bool] = []

    def fit(save: Path | None, begin: Path | None, update: int) -> list[list[float]]:
        net = Skipping(answer, save, update)

        def real(optimizer: Optimizer, *_: Any) -> None:
            gradients.append(net.first.weight.grad is not None)

        net.answer = lambda module, optimizer: (optimizer.register_step_post_hook(real), answer(module, optimizer))[1]
        with contextlib.suppress(Unplugged):
            trainer(max_epochs=3).fit(net, loader(8), ckpt_path=begin, weights_only=begin and True)
        return net.lrs

    used = fit(tmp_path / "cut.ckpt", None, cut) if cut else []
    used += fit(None, tmp_path / "cut.ckpt" if cut else None, -1)

    assert gradients.count(False) == 1
    # Resumed in the epoch after one that ended early, Lightning repeats a batch: an update more, with an LR of its own.
    assert gradients.count(True) == 8 + 3 + 7 + (cut == 13)
    assert [lrs[0] for lrs, real in zip(used, gradients, strict=True) if real] == pytest.approx(
        [0.1 * (1 - k / 24) for k in range(gradients.count(True))]
    )


# --- groups that come ---------------------------------------------------------------------------------------------------


class Transfer(Killed):
    """A frozen backbone under a head; ``used`` has one LR, and from the second epoch on two."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.backbone, self.head = self.first, self.second

    def optimizer(self) -> Optimizer:
        optimizer = SGD(self.second.parameters(), lr=0.1)
        optimizer.register_step_post_hook(self._record)
        return optimizer


def finetuned(begin: Path | None = None, save: Path | None = None, update: int = -1) -> list[list[float]]:
    """The LRs of four epochs, with the backbone unfrozen at the second."""
    net = Transfer(with_schedule("cosine()"), save, update)
    unfreeze = BackboneFinetuning(
        2, backbone_initial_lr=0.01, lambda_func=lambda epoch: 1.0, train_bn=False, should_align=False
    )
    with contextlib.suppress(Unplugged):
        trainer(max_epochs=4, callbacks=[unfreeze]).fit(net, loader(8), ckpt_path=begin, weights_only=begin and True)
    return net.lrs


def test_an_unfrozen_backbone_follows_from_what_the_callback_writes() -> None:
    """From its first update the group that the callback adds is driven from the LR that it came with, and not decayed twice."""
    factors = cosine().resolve(LONG).values(range(32))
    used = finetuned()

    assert [len(lrs) for lrs in used] == [1] * 16 + [2] * 16
    assert [lrs[0] for lrs in used] == pytest.approx(0.1 * factors)
    # At the third and at the fourth epoch the callback writes its own LR, from which the schedule goes on.
    for epoch in (16, 24):
        assert [lrs[1] for lrs in used[epoch : epoch + 8]] == pytest.approx(
            0.01 * factors[epoch : epoch + 8] / factors[epoch]
        )
        assert used[epoch][1] == pytest.approx(0.01, rel=1e-12)


@pytest.mark.parametrize("update", [5, 18, 23, 27])
def test_a_resume_after_the_unfreezing_is_exact(update: int, tmp_path: Path) -> None:
    """Interrupted before and after the group was added, all LRs are the uninterrupted run's."""
    before = finetuned(save=tmp_path / "cut.ckpt", update=update)

    assert len(before) == update
    assert before + finetuned(begin=tmp_path / "cut.ckpt") == finetuned()


# --- a changed plan, in the module ------------------------------------------------------------------------------------------


class Planned(ScheduleMixin, Net):
    """The mixin on the recording module."""

    schedule = "cosine()"

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # the mixin answers

    def build_optimizer(self) -> Optimizer:
        return self.optimizer()


def extended(**attributes: Any) -> list[float]:
    """The LRs of the first group after a run of two epochs was made one of four."""
    net = Planned()
    made = trainer(max_epochs=2)
    made.fit(net, loader(8))
    made.save_checkpoint("end.ckpt")
    longer = type("Longer", (Planned,), attributes)()
    trainer(max_epochs=4).fit(longer, loader(8), ckpt_path="end.ckpt", weights_only=True)
    return [lrs[0] for lrs in longer.lrs]


def test_a_longer_run_asks_before_the_first_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Extended without a policy, fit stops with the table; no update is taken."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ScheduleError, match=r"(?s)not the one in the checkpoint.*steps=16.*steps=32.*on_change='continue'"
    ):
        extended()


@pytest.mark.parametrize("policy", ["replan", "keep", "stretch", "continue"])
def test_the_mixins_attributes_decide(policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``on_change`` and ``rewarm`` as class attributes: a finished cosine can be replanned, kept at zero, or is refused."""
    monkeypatch.chdir(tmp_path)
    if policy in ("stretch", "continue"):
        with pytest.raises(ScheduleError, match=r"(nothing to stretch|the LR in use is 0).*on_change='replan'"):
            extended(on_change=policy)
        return
    used = extended(on_change=policy, rewarm="4 steps")
    left = cosine().resolve(LONG).values(range(16, 32)) * 0.1 * (policy == "replan")

    assert used == pytest.approx([lr * min((i + 1) / 5, 1) for i, lr in enumerate(left)], abs=1e-15)


# --- from elsewhere ---------------------------------------------------------------------------------------------------


def test_a_checkpoint_of_torchs_scheduler_is_refused_and_the_cure_works(tmp_path: Path) -> None:
    """Lightning passes the states by position; our error shows what was given, and the fix that it shows works."""

    def torchs(net: Net, optimizer: Optimizer) -> Any:
        return [optimizer], [{"scheduler": CosineAnnealingLR(optimizer, 16), "interval": "step"}]

    run_part(torchs, save=tmp_path / "torch.ckpt", update=5)
    with pytest.raises(
        ScheduleError,
        match=r"(?s)saved by another scheduler.*T_max.*step\(self\.trainer\.global_step\) in its on_train_start",
    ):
        run_part(with_schedule("linear()"), begin=tmp_path / "torch.ckpt")

    class Corrected(Net):
        def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
            checkpoint["lr_schedulers"] = []

        def on_train_start(self) -> None:
            self.lr_schedulers().step(self.trainer.global_step)  # type: ignore[union-attr, call-arg]  # one scheduler, which is ours

    net = Corrected(with_schedule("linear()"))
    trainer(max_epochs=2).fit(net, loader(8), ckpt_path=tmp_path / "torch.ckpt", weights_only=True)

    assert [lrs[0] for lrs in net.lrs] == pytest.approx([0.1 * (1 - k / 16) for k in range(5, 16)])


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("lightning-*.ckpt")))
def test_a_lightning_checkpoint_of_every_version_goes_on(name: str) -> None:
    """A file that each version has left behind, saved after 5 of 16 updates, is read safely and goes on exactly."""
    answer = with_schedule("warmup(3) >> cosine(end=0.1)")

    assert run_part(answer, begin=DATA / name) == [pytest.approx(lrs) for lrs in run_part(answer)[5:]]


def test_there_is_a_lightning_checkpoint_of_this_version() -> None:
    """The directory holds one that records the origin of the run's length, as today's do, and all are small."""
    kept = {path.name: torch.load(path, weights_only=True) for path in DATA.glob("lightning-*.ckpt")}

    assert "run" in kept["lightning-format-1-run.ckpt"]["lr_schedulers"][0]
    assert all((DATA / name).stat().st_size < 20_000 for name in kept)


def test_the_whole_checkpoint_is_read_safely(tmp_path: Path) -> None:
    """``torch.load(weights_only=True)`` reads what Lightning saved; the scheduler's part is below 2 kB and holds the plan."""
    run_part(with_schedule("warmup(3) >> cosine(end=0.1)"), save=tmp_path / "cut.ckpt", update=5)
    (state,) = torch.load(tmp_path / "cut.ckpt", weights_only=True)["lr_schedulers"]

    assert (state["class"], state["format"], state["last_epoch"]) == ("lr_toolkit.ScheduledLR", 2, 5)
    assert state["configured"]["lr"] == {
        "horizon": {"steps": 16, "steps_per_epoch": 8, "unit": "step"},
        "schedules": ["warmup(3) >> cosine(end=0.1)"],
        "which": [0, 0],
        "bases": [0.1, 0.02],
    }


# --- 64 bits ------------------------------------------------------------------------------------------------------------


class Wide(Net):
    """Adam of 64 bits, whose layers are made when the module is made, or where Lightning makes them wide."""

    def __init__(self, answer: Any, lr: Any, is_late: bool, save: Path | None = None) -> None:
        super().__init__(answer)
        self.lr, self.is_late, self.save = lr, is_late, save
        self._make_layers()

    def configure_model(self) -> None:
        """Make them again."""
        if self.is_late:
            self._make_layers()

    def _make_layers(self) -> None:
        torch.manual_seed(0)
        self.first, self.second = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)

    def optimizer(self) -> Optimizer:
        """Adam, which keeps a state for each weight."""
        lr = self.lr.clone() if isinstance(self.lr, torch.Tensor) else self.lr
        optimizer = torch.optim.Adam(self.parameters(), lr=lr)
        optimizer.register_step_post_hook(self._record)
        return optimizer

    def on_train_epoch_end(self) -> None:
        """Save the first epoch."""
        if self.save and self.current_epoch == 0:
            self.trainer.save_checkpoint(self.save)


def of_torch(net: Net, optimizer: Optimizer) -> Any:
    """Torch's cosine."""
    return {"optimizer": optimizer, "lr_scheduler": {"scheduler": CosineAnnealingLR(optimizer, 24), "interval": "step"}}


@pytest.mark.parametrize("is_late", [False, True], ids=["__init__", "configure_model"])
@pytest.mark.parametrize(
    "lr", [0.03, torch.tensor(0.03), torch.tensor(0.03, dtype=torch.float64)], ids=["float", "32 bits", "64 bits"]
)
def test_a_resumed_run_of_64_bits_has_the_very_lrs(lr: Any, is_late: bool, tmp_path: Path) -> None:
    """Ours and torch's: the LRs are equal; the weights are if Lightning made the layers wide before it loaded them."""
    off = []
    for answer in (with_schedule("cosine()"), of_torch):
        whole, net = Wide(answer, lr, is_late, tmp_path / "cut.ckpt"), Wide(answer, lr, is_late)
        trainer(max_epochs=3, precision="64-true").fit(whole, loader(8))
        trainer(max_epochs=3, precision="64-true").fit(
            net, loader(8), ckpt_path=tmp_path / "cut.ckpt", weights_only=True
        )
        assert net.lrs == whole.lrs[8:]
        pairs = zip(net.parameters(), whole.parameters(), strict=True)
        off.append(max((weight - other).abs().max().item() for weight, other in pairs))

    assert max(off) < 1e-7
    assert [each > 0 for each in off] == [not is_late, not is_late]
