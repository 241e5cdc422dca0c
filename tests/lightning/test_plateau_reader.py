"""The plateau in real Trainers, with nothing but the helper, against an independent simulation."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, StochasticWeightAveraging
from torch.optim import Optimizer
from torch.optim.lr_scheduler import ReduceLROnPlateau

from lr_toolkit import (
    GreedyLR,
    Horizon,
    ReduceOnPlateau,
    Schedule,
    ScheduledLR,
    ScheduleError,
    ScheduleWarning,
    configure_optimizers,
)
from tests.helpers.combined_nets import SaveAt
from tests.helpers.runs import BASES, LogsLoss, Net, loader, plain_module, trainer
from tests.helpers.schedule_warnings import schedule_warnings

# The metric of each validation in turn: ties, improvements and rises.
LOSSES = [1.0, 0.8, 0.8, 0.8, 0.9, 0.5, 0.5, 0.6, 0.5, 0.5, 0.4, 0.7, 0.7, 0.7, 0.3, 0.3, 0.3, 0.3, 0.2, 0.2] * 3
OPTIONS: dict[str, Any] = {"factor": 0.5, "patience": 1, "cooldown": 1}
SCHEDULE = "warmup('30%') >> cosine(end=0.3)"


class Validated(Net):
    """Logs a given value at each validation, and records the number of updates and the value."""

    def __init__(self, answer: Callable[..., Any], losses: list[float] = LOSSES) -> None:
        super().__init__(answer)
        self.losses = losses
        self.register_buffer("validations", torch.tensor(0))
        self.logged: list[tuple[int, float]] = []

    def value(self) -> float:
        """The next value of the metric."""
        return self.losses[int(self.validations)]

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Log it."""
        self.log("val_loss", self.value())

    def on_validation_epoch_end(self) -> None:
        """Go on to the next value, except after the sanity check."""
        if not self.trainer.sanity_checking:
            self.logged.append((len(self.used), self.value()))
            self.validations += 1


def reacts(schedule: Any = SCHEDULE, monitor: str = "val_loss", **options: Any) -> Callable[[Net, Optimizer], Any]:
    """The code of a user."""

    def answer(net: Net, optimizer: Optimizer) -> Any:
        plateau = ReduceOnPlateau(monitor=monitor, **OPTIONS)
        return configure_optimizers(optimizer, schedule, net.trainer, plateau=plateau, **options)

    return answer


def simulated(schedule: str, horizon: Horizon, logged: list[tuple[int, float]], updates: int) -> list[list[float]]:
    """The LR of each update: the timeline times the gain of torch's plateau, which reads each metric when it is produced."""
    gain = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = ReduceLROnPlateau(gain, **OPTIONS, eps=0.0)
    timeline = Schedule.parse(schedule).resolve(horizon)
    readings = list(logged)
    rows = []
    for k in range(updates):
        while readings and readings[0][0] <= k:
            reference.step(readings.pop(0)[1])
        rows.append([timeline(k, base_lr=base) * gain.param_groups[0]["lr"] for base in BASES])
    return rows


def same(ours: list[list[float]], expected: list[list[float]]) -> bool:
    """Equal to 1e-12."""
    return ours == [pytest.approx(row, rel=1e-12, abs=0) for row in expected]


# --- at every cadence --------------------------------------------------------------------------------------------------

# The Trainer, batches of an epoch, updates of an epoch, and the updates after which each validation comes, counted by hand.
CADENCES: dict[str, tuple[dict[str, Any], int, int, list[int]]] = {
    "every epoch": ({"max_epochs": 8}, 4, 4, list(range(4, 33, 4))),
    "every second epoch": ({"max_epochs": 12, "check_val_every_n_epoch": 2}, 4, 4, list(range(8, 49, 8))),
    "four times an epoch": ({"max_epochs": 4, "val_check_interval": 0.25}, 8, 8, list(range(2, 33, 2))),
    "twice an epoch": ({"max_epochs": 6, "val_check_interval": 0.5}, 8, 8, list(range(4, 49, 4))),
    "twice every second epoch": (
        {"max_epochs": 8, "val_check_interval": 0.5, "check_val_every_n_epoch": 2}, 4, 4,
        [update for epoch in (1, 3, 5, 7) for update in (4 * epoch + 2, 4 * epoch + 4)],
    ),
    "every three batches, over the epochs": (
        {"max_epochs": 6, "val_check_interval": 3, "check_val_every_n_epoch": None}, 4, 4, list(range(3, 25, 3))
    ),
    "every epoch, accumulating": ({"max_epochs": 8, "accumulate_grad_batches": 3}, 8, 3, list(range(3, 25, 3))),
    "every second epoch, accumulating": (
        {"max_epochs": 16, "accumulate_grad_batches": 2, "check_val_every_n_epoch": 2}, 7, 4, list(range(8, 65, 8))
    ),
    "four times an epoch, accumulating": (
        {"max_epochs": 5, "accumulate_grad_batches": 2, "val_check_interval": 0.25}, 8, 4, list(range(1, 21))
    ),
    "three times an epoch, in the middle of an accumulation": (
        {"max_epochs": 4, "accumulate_grad_batches": 2, "val_check_interval": 3}, 9, 5,
        [update for epoch in range(4) for update in (5 * epoch + 1, 5 * epoch + 3, 5 * epoch + 5)],
    ),
    "cut by max_steps": ({"max_steps": 18, "val_check_interval": 0.5}, 4, 4, list(range(2, 19, 2))),
}  # fmt: skip


@pytest.mark.parametrize("name", CADENCES)
def test_each_validation_is_read_once(name: str) -> None:
    """At every cadence the LRs are the timeline's times the gain of torch's plateau, which gets the value of each validation once."""
    options, batches, per_epoch, validated = CADENCES[name]
    net = Validated(reacts())
    trainer(**options).fit(net, loader(batches), loader(2))
    updates = options.get("max_steps") or per_epoch * options["max_epochs"]

    assert [update for update, _ in net.logged] == validated
    assert len(net.used) == updates
    assert same(net.lrs, simulated(SCHEDULE, Horizon(updates, per_epoch), net.logged, updates))
    assert not same(net.lrs, simulated(SCHEDULE, Horizon(updates, per_epoch), [], updates)), (
        "the gain has to have moved"
    )


def test_without_a_sanity_check_nothing_changes() -> None:
    """The value of the sanity check is not read: the LRs are the same without it."""
    first, second = Validated(reacts()), Validated(reacts())
    trainer(max_epochs=8, num_sanity_val_steps=2).fit(first, loader(4), loader(2))
    trainer(max_epochs=8, num_sanity_val_steps=0).fit(second, loader(4), loader(2))

    assert first.lrs == second.lrs
    assert [value for _, value in first.logged] == LOSSES[:8]


def test_stepped_per_epoch() -> None:
    """With ``interval="epoch"`` timeline and gain both act from the next epoch on."""
    net = Validated(reacts(interval="epoch"))
    trainer(max_epochs=10).fit(net, loader(3), loader(2))
    logged = [(update // 3, value) for update, value in net.logged]
    expected = simulated(SCHEDULE, Horizon(10, unit="epoch"), logged, 10)

    assert same(net.lrs, [expected[epoch] for epoch, _ in net.used])


def test_several_validation_loaders() -> None:
    """The metric of one of several validation loaders is read once per validation, under Lightning's name for it."""

    class Several(Validated):
        def validation_step(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
            self.log("val_loss", self.value() + 10 * dataloader_idx)

    net = Several(reacts(monitor="val_loss/dataloader_idx_0"))
    trainer(max_epochs=8).fit(net, loader(4), [loader(2), loader(2)])

    assert same(net.lrs, simulated(SCHEDULE, Horizon(32, 4), net.logged, 32))


# --- training metrics --------------------------------------------------------------------------------------------------


class Stepwise(Net):
    """Logs a training metric at every batch."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """A loss that falls and rises with the number of updates."""
        self.log("loss", LOSSES[len(self.used)])
        return super().training_step(batch, batch_idx)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_training_metric_is_read_every_n_updates(accumulate: int) -> None:
    """With ``every=3`` the metric of updates 3, 6, 9, ... is read, independent of epochs and accumulation."""

    def answer(net: Net, optimizer: Optimizer) -> Any:
        plateau = ReduceOnPlateau(monitor="loss", every=3, **OPTIONS)
        return configure_optimizers(optimizer, SCHEDULE, net.trainer, plateau=plateau)

    net = Stepwise(answer)
    trainer(max_epochs=3, accumulate_grad_batches=accumulate).fit(net, loader(8 * accumulate))
    # The update of index k logs the metric of k updates taken. Under accumulation its last batch logs it.
    logged = [(update, LOSSES[update - 1]) for update in range(3, 25, 3)]

    assert len(net.used) == 24
    assert same(net.lrs, simulated(SCHEDULE, Horizon(24, 8), logged, 24))


@pytest.mark.needs("transformers>=5", "it brings GreedyLR")
def test_a_greedy_reaction_is_read_alike() -> None:
    """``GreedyLR`` instead of ``ReduceOnPlateau``: the LRs are the timeline's times the gain of transformers' class."""
    from transformers.optimization import GreedyLR as Theirs

    options: dict[str, Any] = {"factor": 0.5, "patience": 0, "max_lr": 4.0, "min_lr": 0.0}

    def answer(net: Net, optimizer: Optimizer) -> Any:
        greedy = GreedyLR(monitor="loss", every=3, **options | {"max_lr": [base * 4.0 for base in BASES]})
        return configure_optimizers(optimizer, SCHEDULE, net.trainer, plateau=greedy)

    net = Stepwise(answer)
    trainer(max_epochs=3).fit(net, loader(8))

    gain = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = Theirs(gain, **options)
    timeline = Schedule.parse(SCHEDULE).resolve(Horizon(24, 8))
    rows, gains = [], set()
    for k in range(24):
        if k and k % 3 == 0:
            theirs.step(LOSSES[k - 1])
        gains.add(gain.param_groups[0]["lr"])
        rows.append([timeline(k, base_lr=base) * gain.param_groups[0]["lr"] for base in BASES])

    assert same(net.lrs, rows)
    assert max(gains) > 1 > min(gains)


def test_a_training_metric_is_read_once_for_its_update(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Under accumulation nothing is read before the first update, and nothing twice after a resume."""
    read: list[int] = []
    observe = ScheduledLR.observe

    def observed(scheduler: ScheduledLR, value: Any) -> None:
        read.append(scheduler.last_epoch)
        observe(scheduler, value)

    monkeypatch.setattr(ScheduledLR, "observe", observed)

    def answer(net: Net, optimizer: Optimizer) -> Any:
        plateau = ReduceOnPlateau(monitor="loss", every=4, **OPTIONS)
        return configure_optimizers(optimizer, "hold()", net.trainer, plateau=plateau)

    first = trainer(max_epochs=2, accumulate_grad_batches=2)
    first.fit(Stepwise(answer), loader(8))
    first.save_checkpoint(tmp_path / "last.ckpt")
    trainer(max_epochs=4, accumulate_grad_batches=2).fit(Stepwise(answer), loader(8), ckpt_path=tmp_path / "last.ckpt")

    assert read == [4, 8, 12, 16]


def test_every_n_updates_needs_a_scheduler_that_counts_them() -> None:
    """``every`` with ``interval="epoch"`` is refused, with the spelling that works."""

    def answer(net: Net, optimizer: Optimizer) -> Any:
        plateau = ReduceOnPlateau(monitor="loss", every=3)
        return configure_optimizers(optimizer, "cosine()", net.trainer, plateau=plateau, interval="epoch")

    with pytest.raises(ScheduleError, match=r"every=3.*interval='step'"):
        trainer(max_epochs=2).fit(Stepwise(answer), loader(4))


class Trained(Net):
    """Logs a training metric without any validation. ``where`` names the hook."""

    def __init__(self, answer: Callable[..., Any], where: str) -> None:
        super().__init__(answer)
        self.where = where

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """Log in the step: the mean of the epoch is the metric."""
        if self.where == "training_step":
            self.log("loss", LOSSES[self.current_epoch], on_step=False, on_epoch=True)
        if self.where == "each step":
            self.log("loss", LOSSES[self.current_epoch] + (batch_idx < 3))
        if self.where == "both":
            self.log("loss", LOSSES[self.current_epoch], on_step=True, on_epoch=True)
        return super().training_step(batch, batch_idx)

    def on_train_epoch_end(self) -> None:
        """Log in the hook at the end of the epoch."""
        if self.where == "on_train_epoch_end":
            self.log("loss", LOSSES[self.current_epoch])


@pytest.mark.parametrize("where", ["training_step", "each step", "both", "on_train_epoch_end"])
def test_a_training_metric_is_read_once_an_epoch(where: str) -> None:
    """A training metric is read at the end of the epoch: its mean, its last value if logged per step, or the module's own."""
    net = Trained(reacts(monitor="loss_epoch" if where == "both" else "loss"), where)
    trainer(max_epochs=10).fit(net, loader(4))
    logged = [(4 * (epoch + 1), LOSSES[epoch]) for epoch in range(10)]

    assert same(net.lrs, simulated(SCHEDULE, Horizon(40, 4), logged, 40))


def test_a_training_metric_beside_validations() -> None:
    """A training metric is read once per epoch, even if validations run in between."""

    class Both(Validated):
        def on_train_epoch_end(self) -> None:
            self.log("loss", LOSSES[self.current_epoch])

    net = Both(reacts(monitor="loss"))
    trainer(max_epochs=8, val_check_interval=0.5).fit(net, loader(4), loader(2))
    logged = [(4 * (epoch + 1), LOSSES[epoch]) for epoch in range(8)]

    assert same(net.lrs, simulated(SCHEDULE, Horizon(32, 4), logged, 32))


# --- beside Lightning's own callbacks --------------------------------------------------------------------------------


def readers(made: L.Trainer) -> list[Any]:
    """The callbacks that read the metric."""
    return [callback for callback in made.callbacks if type(callback).__name__ == "_PlateauReader"]


def test_a_second_fit_has_one_reader() -> None:
    """A Trainer that fits again has one reader, for the new scheduler. Validating adds none."""
    made = trainer(max_epochs=4)
    made.fit(Validated(reacts()), loader(4), loader(2))
    made.validate(Validated(reacts()), loader(2), verbose=False)
    made.fit_loop.max_epochs = 12
    net = Validated(reacts("hold()"))
    made.fit(net, loader(4), loader(2))

    assert len(readers(made)) == 1
    assert len(net.logged) == 8
    assert same(net.lrs, simulated("hold()", Horizon(32), net.logged, 32))


def test_early_stopping_and_the_reaction_see_the_same_metric() -> None:
    """``EarlyStopping`` on the same metric stops the run at the same update as without the plateau."""
    stopping = EarlyStopping("val_loss", patience=3, mode="min")
    net = Validated(reacts("hold()"), [1.0, 0.9] + [0.9] * 20)
    made = trainer(max_epochs=20, callbacks=[stopping])
    made.fit(net, loader(4), loader(2))

    assert made.current_epoch == 5
    assert same(net.lrs, simulated("hold()", Horizon(80), net.logged, 20))


def test_two_optimizers_react_to_their_own_metrics() -> None:
    """Under manual optimization each of two schedulers reads its own metric, once a validation."""

    class Manual(Validated):
        automatic_optimization = False

        def training_step(self, batch: Any, batch_idx: int) -> None:
            self.used.append((self.current_epoch, [optimizer.param_groups[0]["lr"] for optimizer in self.optimizers()]))
            for optimizer, scheduler in zip(self.optimizers(), self.lr_schedulers(), strict=True):
                optimizer.zero_grad()
                self.manual_backward(self.second(self.first(batch[0])).square().mean())
                optimizer.step()
                scheduler.step()

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log_dict({"rising": self.current_epoch, "falling": -self.current_epoch})

        def configure_optimizers(self) -> Any:
            return tuple(
                configure_optimizers(
                    torch.optim.SGD(layer.parameters(), lr=0.1),
                    "hold()",
                    self.trainer,
                    plateau=ReduceOnPlateau(monitor=monitor, patience=0, factor=0.5),
                )
                for layer, monitor in ((self.first, "rising"), (self.second, "falling"))
            )

    net = Manual(lambda *_: None)
    made = trainer(max_epochs=4)
    made.fit(net, loader(2), loader(2))

    assert net.lrs[::2] == [[0.1, 0.1], [0.1, 0.1], [0.05, 0.1], [0.025, 0.1]]
    assert len(readers(made)) == 2


# --- metrics that are not there ----------------------------------------------------------------------------------------

MISSING: dict[str, tuple[str, Callable[[Callable[..., Any]], Net], dict[str, Any], int, str]] = {
    "misspelt": (
        "val_los",
        Validated,
        {},
        4,
        r"monitor='val_los'.*The metrics are val_loss\. Did you mean monitor='val_loss'\?",
    ),
    "nothing logged": (
        "val_loss",
        Net,
        {},
        4,
        r"The metrics are none.*does not validate.*validation dataloader.*self.log\('val_loss', value\)",
    ),
    "validation every second epoch": ("val_los", Validated, {"check_val_every_n_epoch": 2}, 8, r"Did you mean"),
}


@pytest.mark.parametrize("name", MISSING)
def test_a_metric_that_never_comes_is_an_error(name: str) -> None:
    """Without the metric the run ends after the first epoch that could have it, with the names that exist."""
    monitor, module, options, updates, message = MISSING[name]
    net = module(reacts(monitor=monitor))
    data = (loader(4), loader(2)) if module is Validated else (loader(4),)
    with pytest.raises(ScheduleError, match=f"(?s){message}"):
        trainer(max_epochs=6, **options).fit(net, *data)

    assert len(net.used) == updates


def test_a_metric_that_resembles_none_is_awaited() -> None:
    """A later validation may log it, so a warning names the missing metric, and the run continues with the schedule."""
    net = Validated(reacts(monitor="accuracy"))
    message = r"LR407: .*monitor='accuracy'.*The metrics are val_loss.*self.log\('accuracy', value\)"
    with schedule_warnings() as found:
        trainer(max_epochs=6).fit(net, loader(4), loader(2))

    assert len(found) == 1  # the end of the run does not report it again
    assert re.match(message, found[0])
    assert len(net.used) == 24


def test_every_with_a_metric_of_validation_is_an_error() -> None:
    """``every=`` reads what is logged per step. If only validation logs the metric, the message does not suggest other names."""

    def answer(net: Net, optimizer: Optimizer) -> Any:
        plateau = ReduceOnPlateau(monitor="val_loss", every=2)
        return configure_optimizers(optimizer, SCHEDULE, net.trainer, plateau=plateau)

    with pytest.raises(ScheduleError) as error:
        trainer(max_epochs=3).fit(Validated(answer), loader(4), loader(2))

    assert str(error.value) == (
        "ReduceOnPlateau(monitor='val_loss', every=2): every= reads what training_step logs for each step, and 'val_loss' is not "
        "logged there. Leave out every= to read it when it is produced, or write self.log('val_loss', value) in training_step."
    )


@pytest.mark.parametrize(
    ("limits", "advice"),
    [
        ({"max_epochs": 2, "check_val_every_n_epoch": 5}, {"check_val_every_n_epoch": 1}),
        ({"max_steps": 3}, {"check_val_every_n_epoch": 1, "val_check_interval": 1}),
        ({"max_steps": 3, "check_val_every_n_epoch": 5}, {"check_val_every_n_epoch": 1, "val_check_interval": 1}),
        ({"max_steps": 6, "check_val_every_n_epoch": 2}, {"check_val_every_n_epoch": 1}),
    ],
)
def test_a_run_too_short_for_a_validation_warns(limits: dict[str, int], advice: dict[str, int]) -> None:
    """If the run ends before its first validation, a warning reports it, and the argument that it names brings a reading."""
    written = ", ".join(f"{name}={value}" for name, value in advice.items())
    with pytest.warns(
        ScheduleWarning, match=rf"^LR410: .*monitor='val_loss'.* never read.* with Trainer\({written}\)\."
    ):
        trainer(**limits).fit(Validated(reacts("hold()")), loader(4), loader(2))

    trainer(**(limits | advice)).fit(Validated(reacts("hold()")), loader(4), loader(2))


def test_a_run_too_short_for_every_warns() -> None:
    """If ``every`` is longer than the run, the warning does not mention validation and proposes an ``every`` that fits."""

    def answer(net: Net, optimizer: Optimizer) -> Any:
        return configure_optimizers(optimizer, "hold()", net.trainer, plateau=ReduceOnPlateau(monitor="m", every=100))

    with pytest.warns(ScheduleWarning, match=r"^LR410: .*ended before its update 100\. Read it earlier.*every=4\)"):
        trainer(max_epochs=10).fit(Net(answer), loader(4))


def test_lightnings_way_to_a_plateau_is_answered_with_ours() -> None:
    """``reduce_on_plateau`` in a user's dict passes the metric to ``step``. Its error names ``observe``."""

    def answer(net: Net, optimizer: Optimizer) -> Any:
        scheduler = ScheduledLR(optimizer, "hold()", Horizon(8), plateau=ReduceOnPlateau(monitor="val_loss"))
        return [optimizer], [{"scheduler": scheduler, "monitor": "val_loss", "reduce_on_plateau": True}]

    with pytest.raises(
        ScheduleError, match=r"scheduler\.observe\(value\) for a reading of 'val_loss' \(no reduce_on_plateau"
    ):
        trainer(max_epochs=2).fit(Validated(answer), loader(4), loader(2))


def test_nan_is_reported() -> None:
    """A validation that gives NaN warns, and is otherwise ignored."""
    net = Validated(reacts("hold()"), [1.0, float("nan"), 1.0, 1.0, 0.5, 0.5])
    with pytest.warns(ScheduleWarning, match="^LR411: 'val_loss' is NaN"):
        trainer(max_epochs=6).fit(net, loader(4), loader(2))
    logged = [(update, value) for update, value in net.logged if value == value]

    assert same(net.lrs, simulated("hold()", Horizon(24), logged, 24))


# --- interrupted and resumed -------------------------------------------------------------------------------------------

RESUMED: dict[str, tuple[Callable[[Callable[..., Any]], Net], str, dict[str, Any], dict[str, Any]]] = {
    "validation end": (Validated, "val_loss", {}, {"save_on_train_epoch_end": False}),
    "epoch end": (Validated, "val_loss", {}, {"save_on_train_epoch_end": True}),
    "validation end, twice an epoch": (Validated, "val_loss", {"val_check_interval": 0.5}, {"save_on_train_epoch_end": False}),
    "epoch end, twice an epoch": (Validated, "val_loss", {"val_check_interval": 0.5}, {"save_on_train_epoch_end": True}),
    "epoch end, every second epoch": (Validated, "val_loss", {"check_val_every_n_epoch": 2}, {"save_on_train_epoch_end": True}),
    "epoch end, a metric of each step": (lambda a: Trained(a, "each step"), "loss", {}, {"save_on_train_epoch_end": True}),
    "epoch end, a training metric": (lambda a: Trained(a, "training_step"), "loss", {}, {"save_on_train_epoch_end": True}),
    "epoch end, the module's own hook": (
        lambda a: Trained(a, "on_train_epoch_end"), "loss", {}, {"save_on_train_epoch_end": True}
    ),
}  # fmt: skip


@pytest.mark.filterwarnings(
    "ignore:Be aware that when using `ckpt_path`, callbacks used to create the checkpoint",
    "ignore:You're resuming from a checkpoint that ended before the epoch ended",  # LRs don't depend on the data here
)
@pytest.mark.parametrize("name", RESUMED)
@pytest.mark.needs("lightning>=2.6", "fit takes weights_only")
def test_a_resumed_run_equals_the_uninterrupted_one(name: str, tmp_path: Path) -> None:
    """From each checkpoint, saved after a validation or an epoch, the LRs go on as in the uninterrupted run."""
    module, monitor, options, saving = RESUMED[name]
    epochs, batches = 8, 4
    data = (loader(batches), loader(2)) if monitor == "val_loss" else (loader(batches),)
    checkpoint = ModelCheckpoint(tmp_path, "{step:03d}", save_top_k=-1, **saving)
    net = module(reacts(monitor=monitor))
    trainer(max_epochs=epochs, enable_checkpointing=True, callbacks=[checkpoint], **options).fit(net, *data)
    files = sorted(tmp_path.glob("*.ckpt"))

    assert len(files) == epochs * (2 if name.startswith("validation end, twice") else 1)
    assert len({lrs[0] for lrs in net.lrs}) > 8
    for file in files:
        resumed = module(reacts(monitor=monitor))
        trainer(max_epochs=epochs, **options).fit(resumed, *data, ckpt_path=file, weights_only=True)
        done = int(file.stem.partition("=")[2])

        assert resumed.lrs == net.lrs[done:], file.name


@pytest.mark.filterwarnings("ignore:.*(that ended before the epoch ended|not resumable)")
@pytest.mark.parametrize("update", [7, 8, 12, 16])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"val_check_interval": 4},
        {"check_val_every_n_epoch": 2},
        {"check_val_every_n_epoch": None, "val_check_interval": 12},
    ],
)
def test_a_reading_that_comes_after_the_checkpoint_is_reported(update: int, options: Any, tmp_path: Path) -> None:
    """LR408, if and only if the resumed run reads less than the whole one, which Lightning does not validate again."""

    def run(*callbacks: L.Callback, ckpt: Path | None = None) -> tuple[list[int], list[str]]:
        net = Validated(reacts())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            fitted = trainer(max_epochs=4, callbacks=list(callbacks), **options)
            fitted.fit(net, loader(8), loader(1), ckpt_path=ckpt)
        return [updates for updates, _ in net.logged], [
            str(each.message) for each in caught if "LR408" in str(each.message)
        ]

    whole, none = run(SaveAt(update, tmp_path / "saved.ckpt"))
    read, found = run(ckpt=tmp_path / "saved.ckpt")

    missing = [k for k in whole if k >= update and k - update not in read]
    assert missing == ([update] if update in whole else [])
    assert [bool(found), bool(none)] == [bool(missing), False]
    assert all("monitor='val_loss') misses a reading" in text for text in found)


def test_a_training_metric_that_comes_after_the_checkpoint_is_reported(tmp_path: Path) -> None:
    """In a run that does not validate, the metric of an epoch."""

    def run(*callbacks: L.Callback, ckpt: Path | None = None) -> None:
        fitted = trainer(max_epochs=2, limit_val_batches=0, callbacks=list(callbacks))
        fitted.fit(LogsLoss(reacts(monitor="loss")), loader(8), ckpt_path=ckpt)

    run(SaveAt(8, tmp_path / "saved.ckpt"))
    with pytest.warns(ScheduleWarning, match=r"LR408: ReduceOnPlateau\(monitor='loss'\) misses a reading"):
        run(ckpt=tmp_path / "saved.ckpt")


# The callback is left out on purpose.
@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`, callbacks used to create the checkpoint")
def test_the_other_lightning_saves_after_reading_too(tmp_path: Path) -> None:
    """``pytorch_lightning``'s ModelCheckpoint after a validation loses nothing, either."""
    pl = pytest.importorskip("pytorch_lightning")

    class Validating(plain_module(pl)):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("validations", torch.tensor(0))
            self.used: list[float] = []

        def validation_step(self, batch: Any, batch_idx: int) -> None:
            self.log("val_loss", LOSSES[int(self.validations)])

        def on_validation_epoch_end(self) -> None:
            self.validations += not self.trainer.sanity_checking

        def configure_optimizers(self) -> Any:
            optimizer = torch.optim.SGD(self.parameters(), lr=0.1)
            optimizer.register_step_post_hook(lambda optimizer, *_: self.used.append(optimizer.param_groups[0]["lr"]))
            plateau = ReduceOnPlateau(monitor="val_loss", **OPTIONS)
            return configure_optimizers(optimizer, "hold()", self.trainer, plateau=plateau)

    def fitted(callbacks: list[Any], **options: Any) -> list[float]:
        net = Validating()
        pl.Trainer(
            accelerator="cpu", devices=1, max_epochs=8, logger=False, enable_checkpointing=bool(callbacks),
            enable_progress_bar=False, enable_model_summary=False, callbacks=callbacks,
        ).fit(net, loader(4), loader(2), **options)  # fmt: skip
        return net.used

    saving = pl.callbacks.ModelCheckpoint(tmp_path, "{step:03d}", save_top_k=-1, save_on_train_epoch_end=False)
    whole = fitted([saving])

    assert len(set(whole)) == 2
    for file in sorted(tmp_path.glob("*.ckpt")):
        assert fitted([], ckpt_path=file, weights_only=True) == whole[int(file.stem.partition("=")[2]) :], file.name


# --- two ranks -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_two_ranks_with_different_metrics_stay_together(two_ranks: dict[str, list[dict[str, Any]]]) -> None:
    """Two gloo ranks with different losses, without ``sync_dist``, react to the mean: same LRs, same final weights."""
    first, second = two_ranks["plateau"]

    assert first == second
    assert [lrs[0] for lrs in first["lrs"]][4::4] == [0.1, 0.05, 0.025, 0.0125, 0.0125]
    assert [lrs[0] for lrs in first["lrs"]][:4] == [0.1 * factor for factor in (0.25, 0.5, 0.75, 1.0)]


@pytest.mark.slow
def test_a_rank_that_lacks_the_metric_joins_in(two_ranks: dict[str, list[dict[str, Any]]]) -> None:
    """A metric that only rank 0 has is read on both, without a deadlock."""
    first, second = two_ranks["lonely"]

    assert first == second
    assert [lrs[0] for lrs in first["lrs"]] == [0.1] * 12 + [0.05] * 8


# --- beside weight averaging -------------------------------------------------------------------------------------------


def test_weight_averaging_that_takes_over_is_left_alone() -> None:
    """After StochasticWeightAveraging has replaced our scheduler by its own, the plateau writes no LR."""
    net = Validated(reacts("hold()", interval="epoch"), losses=[1.0] * 40)
    averaging = StochasticWeightAveraging(swa_lrs=[0.03, 0.02], swa_epoch_start=3, annealing_epochs=1)
    trainer(max_epochs=12, callbacks=[averaging]).fit(net, loader(4), loader(2))

    assert net.lrs[4 * 5 :] == [[0.03, 0.02]] * (4 * 7)
