"""Trial runs: a run that is cut to a few batches on purpose follows the beginning of a longer schedule, and warns once."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from torch.optim import Optimizer

from lr_toolkit import (
    Horizon,
    LRMonitor,
    LRWarmup,
    Schedule,
    ScheduledLR,
    ScheduleError,
    ScheduleMixin,
    ScheduleWarning,
    configure_optimizers,
    cosine,
    scheduler_config,
    warmup,
)
from tests.helpers.runs import BASES, Net, loader, stream, trainer
from tests.helpers.schedule_warnings import schedule_warnings

SCHEDULE = "warmup(500) >> cosine()"
CUT = {"too_long": "cut"}


class Mixed(ScheduleMixin, Net):
    """A module with the mixin, whose settings are its attributes."""

    def __init__(self, schedule: Any, **settings: Any) -> None:
        super().__init__(lambda *_: pytest.fail("the mixin answers"))
        vars(self).update(schedule=schedule, **settings)

    def build_optimizer(self) -> Optimizer:
        """The recording optimizer."""
        return self.optimizer()


class Hyper(Mixed):
    """A module whose settings are its hyperparameters."""

    def __init__(self, schedule: Any, too_long: str = "error") -> None:
        super().__init__(schedule)
        self.save_hyperparameters()


def helper(schedule: Any, **options: Any) -> Net:
    """A module with the helper."""
    return Net(lambda net, optimizer: configure_optimizers(optimizer, schedule, net.trainer, **options))


def caught_in(net: Net, data: Any, *callbacks: Any, **options: Any) -> list[str]:
    """The warnings about schedules in a fit."""
    with schedule_warnings() as found:
        trainer(callbacks=[LRMonitor(), *callbacks], **options).fit(net, data)
    return found


EPOCHS = "horizon=Horizon(steps=100, unit='epoch')"


@dataclass(frozen=True)
class Trial:
    """A run that is shorter than its schedule, and the parts of its warning."""

    cause: str
    options: dict[str, Any]
    data: Callable[[], Any] = lambda: loader(8)
    schedule: str = SCHEDULE
    settings: dict[str, Any] = field(default_factory=dict)
    detail: str = "trains on the beginning of warmup(500) and does not reach cosine()"
    fix: str = "horizon=Horizon(steps=10_000, steps_per_epoch=500)"


TRIALS = {
    "fast_dev_run": Trial("fast_dev_run", {"fast_dev_run": 3}),
    "fast_dev_run, one batch": Trial("fast_dev_run", {"fast_dev_run": True}),
    "overfit a few batches": Trial("overfit_batches", {"overfit_batches": 2, "max_epochs": 3}),
    "overfit a share": Trial("overfit_batches", {"overfit_batches": 0.5, "max_epochs": 3}),
    "limit to a few batches": Trial("limit_train_batches", {"limit_train_batches": 2, "max_epochs": 3}),
    "limit to a share": Trial("limit_train_batches", {"limit_train_batches": 0.25, "max_epochs": 3}),
    "limit one of two loaders": Trial(
        "limit_train_batches", {"limit_train_batches": 4, "max_epochs": 1}, lambda: {"a": loader(3), "b": loader(6)}
    ),
    "a milestone in epochs": Trial(
        "limit_train_batches", {"limit_train_batches": 2, "max_epochs": 2}, schedule="multistep(at=['30 epochs'])",
        detail="trains on the beginning of multistep(['30 epochs'])",
    ),
    "epochs": Trial(
        "overfit_batches", {"overfit_batches": 2, "max_epochs": 2}, schedule="warmup('5 epochs') >> cosine()",
        settings={"interval": "epoch"}, detail="longer than this run of 2 epochs", fix=EPOCHS,
    ),
    "epochs, limited to a few batches": Trial(
        "limit_train_batches", {"limit_train_batches": 2, "max_epochs": 2}, schedule="multistep(at=['30 epochs'])",
        settings={"interval": "epoch"}, detail="longer than this run of 2 epochs", fix=EPOCHS,
    ),
    "asked for": Trial("too_long='cut'", {"max_epochs": 2}, settings=CUT),
    "asked for, with max_steps": Trial("too_long='cut'", {"max_steps": 5}, lambda: stream(6), settings=CUT),
    "asked for, horizon given": Trial(
        "too_long='cut'", {"max_epochs": 2}, settings={**CUT, "horizon": Horizon(16, 8)}
    ),
}  # fmt: skip


@pytest.mark.parametrize("make", [helper, Mixed])
@pytest.mark.parametrize("name", TRIALS)
def test_a_trial_cuts_the_schedule(name: str, make: Callable[..., Net]) -> None:
    """The run follows the schedule of a run that is twice as long until it fits, and one warning names what is cut."""
    trial = TRIALS[name]
    net = make(trial.schedule, **trial.settings)
    (message,) = caught_in(net, trial.data(), **trial.options)

    assert message.startswith(
        f"LR261: {trial.cause} cuts the schedule {Schedule.parse(trial.schedule)!r}, which is longer"
    )
    assert trial.detail in message
    assert trial.fix in message
    if "warmup(500)" in trial.schedule:
        assert [lrs[0] for lrs in net.lrs] == [pytest.approx(0.1 * (k + 1) / 501) for k in range(len(net.lrs))]
        assert net.lrs


def test_a_hyperparameter_asks_for_the_cut() -> None:
    """``too_long`` among the hyperparameters is followed, as the other settings of the mixin are."""
    (message,) = caught_in(Hyper(SCHEDULE, too_long="cut"), loader(4), max_epochs=2)

    assert message.startswith("LR261: too_long='cut' cuts the schedule ")


REAL = {
    "a short run": ({"max_epochs": 2}, lambda: loader(8), {}),
    "a limit that cuts nothing": ({"max_epochs": 2, "limit_train_batches": 99}, lambda: loader(8), {}),
    "a limit that is the length of a stream": ({"max_epochs": 2, "limit_train_batches": 4}, lambda: stream(9), {}),
    "a horizon by hand in a trial": ({"fast_dev_run": 3}, lambda: loader(8), {"horizon": Horizon(16, 8)}),
}


@pytest.mark.parametrize("name", REAL)
def test_a_real_run_is_refused(name: str) -> None:
    """The error names the argument that cuts; with it the same run trains."""
    options, data, settings = REAL[name]
    with pytest.raises(ScheduleError, match=r"does not fit.*write too_long='cut'\."):
        trainer(**options).fit(helper(SCHEDULE, **settings), data())

    assert len(caught_in(helper(SCHEDULE, **settings, **CUT), data(), **options)) == 1


FITS = {"warmup('20%') >> cosine()": {}, SCHEDULE: {"horizon": Horizon(10_000, 500)}}


@pytest.mark.parametrize("schedule", FITS)
@pytest.mark.parametrize(
    "options", [{"fast_dev_run": 3}, {"overfit_batches": 2}, {"limit_train_batches": 2}, {}], ids=str
)
def test_a_schedule_that_fits_is_not_cut(schedule: str, options: dict[str, Any]) -> None:
    """A trial of a schedule in shares is quiet, and so is a trial on the long run's curve; ``too_long`` changes nothing."""
    net = helper(schedule, **CUT, **FITS[schedule])
    if not options and FITS[schedule]:
        return  # a real run with the horizon of a longer one is a finding of its own
    assert caught_in(net, loader(8), **({"max_epochs": 2} | options)) == []
    horizon = FITS[schedule].get("horizon") or Horizon(len(net.lrs))
    timeline = Schedule.parse(schedule).resolve(horizon)
    assert [lrs[0] for lrs in net.lrs] == [timeline(k, base_lr=BASES[0]) for k in range(len(net.lrs))]


def test_too_long_is_checked() -> None:
    """Another value is refused."""
    with pytest.raises(ScheduleError, match=re.escape("too_long='trim'): write too_long='error' or too_long='cut'.")):
        trainer(max_epochs=1).fit(helper(SCHEDULE, too_long="trim"), loader(4))


def test_nothing_but_the_length_is_excused() -> None:
    """A schedule that no run can follow is refused in a trial, too."""
    with pytest.raises(ScheduleError, match="both leave their length open"):
        trainer(max_epochs=1, overfit_batches=1).fit(helper("cosine() >> linear()", **CUT), loader(4))


@pytest.mark.parametrize("options", [{"overfit_batches": 2}, {"limit_train_batches": 2}], ids=str)
def test_a_warmup_callback_is_cut_too(options: dict[str, Any]) -> None:
    """``LRWarmup`` that is longer than a trial is cut in the same trials."""
    net = Net(lambda _, optimizer: optimizer)
    (message,) = caught_in(net, loader(8), LRWarmup(500), max_epochs=2, **options)

    assert message.startswith("LR705: LRWarmup(500): the ramp takes 500 updates and the run has 4")


@pytest.mark.parametrize(
    "options", [{"overfit_batches": 2}, {"limit_train_batches": 2}, {"fast_dev_run": False}], ids=str
)
def test_a_cut_run_resumes(options: dict[str, Any], tmp_path: Path) -> None:
    """A cut run that is resumed goes on along the same curve, and asks no question, for a longer run either."""

    def net() -> Net:
        return helper(SCHEDULE, **({} if options.get("limit_train_batches") else CUT))

    whole = net()
    caught_in(whole, loader(4), max_epochs=4, **options)
    for epochs in (4, 6):
        first, second = net(), net()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ScheduleWarning)
            made = trainer(max_epochs=2, **options)
            made.fit(first, loader(4))
            made.save_checkpoint(tmp_path / "half.ckpt")
            second = helper(SCHEDULE, **CUT)
            trainer(max_epochs=epochs, **options).fit(second, loader(4), ckpt_path=tmp_path / "half.ckpt")

        assert [*first.lrs, *second.lrs][: len(whole.lrs)] == [[pytest.approx(lr) for lr in lrs] for lrs in whole.lrs]


def test_the_recipe_for_a_debug_run_follows_the_long_run() -> None:
    """``horizon=`` gives a debug run the curve of the long run, update for update, in silence."""
    long = helper(SCHEDULE)
    trainer(max_epochs=100).fit(long, loader(8))
    debug = helper(SCHEDULE, horizon=Horizon(800, 8))
    assert caught_in(debug, loader(8), fast_dev_run=5) == []

    assert debug.lrs == long.lrs[:5]


def test_the_dict_and_the_plain_scheduler_are_the_same() -> None:
    """``scheduler_config`` cuts as the helper does; without a Trainer ``horizon`` is cut by ``too_long``."""
    net = Net(lambda *_: None)
    with pytest.warns(ScheduleWarning, match=r"^LR261: too_long='cut' cuts"):
        config = scheduler_config(net.optimizer(), warmup(500) >> cosine(), horizon=Horizon(20), too_long="cut")

    assert isinstance(config["scheduler"], ScheduledLR)
    assert config["scheduler"].horizon == Horizon(640)
