"""``LRMonitor`` logs the LRs that the updates used: each case is compared with the record of an optimizer hook."""

from __future__ import annotations

import copy
import math
import pickle
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, ModelCheckpoint, TQDMProgressBar
from torch.optim import SGD
from torch.optim.lr_scheduler import ExponentialLR, ReduceLROnPlateau
from transformers.optimization import Adafactor

from lr_toolkit import (
    LRMonitor,
    LRWarmup,
    ReduceOnPlateau,
    ScheduledLR,
    ScheduleError,
    configure_optimizers,
    cosine,
    hold,
    linear,
    warmup,
)
from tests.helpers.fits import Probe, Recorder, csv_logger, csv_rows, fit, ours_per_step, torchs_per_step
from tests.helpers.optimizers import Still
from tests.helpers.runs import InStages, Stages


def scheduled(schedule: Any = "cosine()", **options: Any) -> Any:
    """An answer: SGD that follows ``schedule``."""
    return lambda net: configure_optimizers(net.sgd(), schedule, net.trainer, **options)


@pytest.mark.parametrize(
    "answer", [scheduled(), torchs_per_step, lambda net: net.sgd()], ids=["ours", "torch's", "none"]
)
@pytest.mark.parametrize("accumulate", [1, 4])
@pytest.mark.parametrize("every", [1, 3, 50])
def test_what_is_logged_is_what_was_used(answer: Any, accumulate: int, every: int, tmp_path: Path) -> None:
    """The CSV file has the first, the last and every n-th update, once each, with the LR that the update used."""
    net = Probe(answer)
    fit(
        net,
        LRMonitor("step"),
        batches=10,
        max_epochs=2,
        accumulate_grad_batches=accumulate,
        log_every_n_steps=every,
        logger=csv_logger(tmp_path),
    )

    used = {x: lrs[0] for x, lrs in net.used}
    wanted = [x for x in used if x in (0, max(used)) or (x + 1) % every == 0]
    assert csv_rows(tmp_path, "lr/optimizer") == [(x, used[x]) for x in wanted]


def test_a_phase_begins_in_the_logs() -> None:
    """The update at which a phase of a schedule of this package begins is logged whatever the cadence."""
    recorder = Recorder()
    net = Probe(scheduled(warmup(3) >> hold(over=2) >> linear()))
    fit(net, LRMonitor(), batches=10, logger=recorder)

    assert [step for step, _ in recorder.lrs()] == [0, 3, 5, 9]


def test_the_history_is_what_the_loggers_got() -> None:
    """``history`` has the rows of the loggers as columns of equal length."""
    recorder, monitor = Recorder(), LRMonitor()
    fit(Probe(scheduled(), groups=2), monitor, batches=4, max_epochs=2, log_every_n_steps=2, logger=recorder)

    history = monitor.history
    assert history["step"] == [step for step, _ in recorder.lrs()] == [0, 1, 3, 5, 7]
    assert history["epoch"] == [0, 0, 0, 1, 1]
    for name in ("lr/pg1", "lr/pg2"):
        assert history[name] == [row[name] for _, row in recorder.lrs()]


def test_without_logger_it_records() -> None:
    """A Trainer without logger is no error: the history is there."""
    monitor = LRMonitor()
    net = Probe(scheduled())
    fit(net, monitor, batches=5, log_every_n_steps=1)

    assert monitor.history["lr/optimizer"] == [lrs[0] for _, lrs in net.used]


def test_per_epoch(tmp_path: Path) -> None:
    """With the interval of an epoch there is a row for the first update of each epoch and for the last update."""
    net = Probe(scheduled(linear(), interval="epoch"))
    fit(net, LRMonitor(), batches=4, max_epochs=3, log_every_n_steps=1, logger=csv_logger(tmp_path))

    used = {x: lrs[0] for x, lrs in net.used}
    assert csv_rows(tmp_path, "lr/optimizer") == [(x, used[x]) for x in (0, 4, 8, 11)]


def test_a_write_inside_the_training_step_is_seen() -> None:
    """The LR that ``training_step`` writes is the one that the update uses, and the one that is logged."""

    class Writes(Probe):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            self.optimizers().param_groups[0]["lr"] = 0.5 / (batch_idx + 1)  # type: ignore[union-attr]
            return super().training_step(batch, batch_idx)

    monitor = LRMonitor()
    fit(Writes(lambda net: net.sgd()), monitor, batches=3, log_every_n_steps=1)

    assert monitor.history["lr/optimizer"] == [0.5, 0.25, 0.5 / 3]


def test_a_hook_after_the_step_is_not_seen() -> None:
    """A hook that writes the next LR right after the update, as a warmup does, does not change the logged value."""
    monitor = LRMonitor()

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        optimizer.register_step_post_hook(lambda stepped, *_: stepped.param_groups[0].update(lr=9.0))
        return optimizer

    fit(Probe(answer), monitor, batches=2, log_every_n_steps=1)

    assert monitor.history["lr/optimizer"] == [0.1, 9.0]


def test_tensor_lrs_are_numbers() -> None:
    """Each value of a tensor LR, which its scheduler fills in place, is logged as a plain number."""
    recorder = Recorder()
    net = Probe(lambda net: configure_optimizers(net.sgd(lr=torch.tensor(0.1)), cosine(), net.trainer))
    fit(net, LRMonitor(), batches=4, log_every_n_steps=1, logger=recorder)

    logged = [row["lr/optimizer"] for _, row in recorder.lrs()]
    assert logged == [lrs[0] for _, lrs in net.used]
    assert all(type(value) is float for value in logged)


def test_no_wait_for_a_device_between_logged_steps() -> None:
    """No tensor is read at an update that is not logged: on the meta device that would raise."""
    monitor = LRMonitor(progress_bar=False)

    class Meta(Callback):
        def on_train_batch_start(self, trainer: Any, *args: Any) -> None:
            real = trainer.fit_loop.epoch_loop._batches_that_stepped in (0, 5)
            trainer.optimizers[0].param_groups[0]["lr"] = torch.tensor(0.1, device="cpu" if real else "meta")

    fit(Probe(lambda net: Still([{"params": [*net.weights], "lr": torch.tensor(0.1)}])), Meta(), monitor, batches=6)

    assert monitor.history["step"] == [0, 5]


def test_manual_optimization_with_two_optimizers(tmp_path: Path) -> None:
    """Each optimizer is logged on Lightning's x axis, at the first of its own batches at or after the cadence."""

    class Two(Probe):
        automatic_optimization = False

        def training_step(self, batch: Any, batch_idx: int) -> None:
            first, second = self.optimizers()  # type: ignore[misc, union-attr]
            schedulers: Any = self.lr_schedulers()
            loss = sum(weight.square().sum() for weight in self.weights)
            self.manual_backward(loss)
            first.step()
            schedulers[0].step()
            if batch_idx % 3 == 2:
                second.step()
                schedulers[1].step()

    def answer(net: Probe) -> Any:
        first, second = SGD([net.weights[0]], lr=0.1), SGD([net.weights[1]], lr=0.01)
        return [first, second], [ExponentialLR(first, 0.5), ExponentialLR(second, 0.5)]

    fit(Two(answer, groups=2), LRMonitor(), batches=12, log_every_n_steps=4, logger=csv_logger(tmp_path))

    assert csv_rows(tmp_path, "lr/optimizer1") == [(x, 0.1 * 0.5**x) for x in (0, 3, 7, 11)]
    assert csv_rows(tmp_path, "lr/optimizer2") == [(3 * k + 2, 0.01 * 0.5**k) for k in (0, 1, 2, 3)]


def test_a_run_shorter_than_the_cadence(tmp_path: Path) -> None:
    """A run of 10 updates at the default cadence of 50 has its first and its last LR in the file."""
    net = Probe(scheduled())
    fit(net, LRMonitor(), batches=10, logger=csv_logger(tmp_path))

    assert csv_rows(tmp_path, "lr/optimizer") == [(0, net.used[0][1][0]), (9, net.used[-1][1][0])]


def test_ten_groups() -> None:
    """Ten groups have ten values in the row of each update."""
    recorder = Recorder()
    fit(Probe(scheduled(), groups=10), LRMonitor(), batches=3, log_every_n_steps=1, logger=recorder)

    assert [len(row) for _, row in recorder.lrs()] == [10, 10, 10]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("names", ["stable", "lightning"])
def test_the_first_update_of_a_group_is_logged(names: Any, first: bool) -> None:
    """Even if the group joined at the end of a batch, before the monitor's own hook."""

    class Adds(Callback):
        def on_train_batch_end(self, trainer: Any, net: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 1:
                trainer.optimizers[0].add_param_group({"params": [net.late], "lr": 0.5, "name": "late"})

    recorder, monitor = Recorder(), LRMonitor(names=names)
    net = Probe(scheduled(hold()))
    net.late = torch.nn.Parameter(torch.ones(1))
    fit(net, *((Adds(), monitor) if first else (monitor, Adds())), logger=recorder)

    assert [x for x, row in recorder.lrs() if any("late" in name for name in row)] == [2, 7]


@pytest.mark.parametrize("names", ["stable", "lightning"])
def test_a_group_may_be_named_by_a_number(names: Any) -> None:
    """A name may be any object with a text, as in Lightning's monitor."""

    def answer(net: Probe) -> Any:
        return SGD([{"params": [weight], "name": index} for index, weight in enumerate(net.weights)], lr=0.1)

    monitor = LRMonitor(names=names)
    fit(Probe(answer, groups=2), monitor, logger=Recorder())

    assert list(monitor.lrs) == {"stable": ["lr/0", "lr/1"], "lightning": ["lr-SGD/0", "lr-SGD/1"]}[names]


def test_a_group_that_joins_gets_its_own_curve() -> None:
    """A group that joins during training is logged from its first update on; the others keep their names."""
    monitor = LRMonitor()

    class Joins(Callback):
        def on_train_batch_start(self, trainer: Any, net: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 2:
                trainer.optimizers[0].add_param_group({"params": [net.weights[1]], "lr": 0.5, "name": "late"})

    net = Probe(lambda net: SGD([net.weights[0]], lr=0.1), groups=2)
    fit(net, Joins(), monitor, batches=4, log_every_n_steps=1)

    history = monitor.history
    assert history["lr/optimizer"] == [0.1] * 4
    assert [value for value in history["lr/late"] if not math.isnan(value)] == [0.5, 0.5]


@pytest.mark.parametrize("interval", ["step", "epoch"])
def test_a_late_group_shows_the_lr_that_it_is_going_to_use(interval: Any) -> None:
    """Lightning's monitor, and ours under its names, read before the first update of the group."""

    class Joins(Callback):
        def on_train_epoch_start(self, trainer: Any, net: Any) -> None:
            if trainer.current_epoch == 1:
                trainer.optimizers[0].add_param_group({"params": [net.weights[1]], "lr": 0.5, "name": "late"})

    def answer(net: Probe) -> Any:
        optimizer = net.watched(SGD([{"params": [net.weights[0]], "name": "first"}], lr=0.1))
        return configure_optimizers(optimizer, linear(), net.trainer, interval=interval)

    ours, theirs = LRMonitor(names="lightning"), LearningRateMonitor()
    net = Probe(answer, groups=2)
    fit(net, Joins(), ours, theirs, batches=4, max_epochs=3, log_every_n_steps=1, logger=Recorder())
    used = [lrs[1] for _, lrs in net.used if len(lrs) > 1]

    assert used[0] == pytest.approx(0.5 * 2 / 3)
    assert ours.lrs["lr-SGD/late"] == theirs.lrs["lr-SGD/late"] == (used if interval == "step" else used[::4])


def test_a_group_that_joins_within_an_epoch_shows_the_lr_that_it_is_going_to_use() -> None:
    """Lightning's monitor reads the group as its first batch begins, before its first update."""

    class Joins(Callback):
        def on_train_batch_end(self, trainer: Any, net: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 1:
                trainer.optimizers[0].add_param_group({"params": [net.weights[1]], "lr": 0.5, "name": "late"})

    def answer(net: Probe) -> Any:
        optimizer = net.watched(SGD([{"params": [net.weights[0]], "name": "first"}], lr=0.1))
        return configure_optimizers(optimizer, linear(), net.trainer)

    theirs = LearningRateMonitor()
    net = Probe(answer, groups=2)
    fit(net, Joins(), LRMonitor(), theirs, batches=4, log_every_n_steps=1, logger=Recorder())

    assert theirs.lrs["lr-SGD/late"] == [lrs[1] for _, lrs in net.used if len(lrs) > 1] == [0.5 * 0.5, 0.5 * 0.25]


class Changes(Callback):
    """Changes the optimizer before update 2."""

    def __init__(self, change: Any) -> None:
        self.change = change

    def on_train_batch_start(self, trainer: Any, net: Any, batch: Any, batch_idx: int) -> None:
        """Change it."""
        if batch_idx == 2:
            self.change(trainer.optimizers[0])


def swap(optimizer: Any) -> None:
    """The last group comes first."""
    optimizer.param_groups.insert(0, optimizer.param_groups.pop())


def drop(optimizer: Any) -> None:
    """The first group leaves."""
    del optimizer.param_groups[0]


def drop_and_join(optimizer: Any) -> None:
    """The first group leaves and another one joins at the end."""
    params = optimizer.param_groups.pop(0)["params"]
    optimizer.add_param_group({"params": params, "lr": 0.5})


def load(optimizer: Any) -> None:
    """Each group is replaced by a copy, as a load does."""
    optimizer.load_state_dict(optimizer.state_dict())


def load_swapped(optimizer: Any) -> None:
    """The same, and the last group comes first."""
    load(optimizer)
    swap(optimizer)


NONE = math.nan
CHANGED: dict[Any, list[list[float]]] = {
    swap: [[0.1] * 5, [0.2] * 5, [0.3] * 5],
    drop: [[0.1, 0.1, NONE, NONE, NONE], [0.2] * 5, [0.3] * 5],
    drop_and_join: [[0.1, 0.1, NONE, NONE, NONE], [0.2] * 5, [0.3] * 5, [NONE, NONE, 0.5, 0.5, 0.5]],
    load: [[0.1] * 5, [0.2] * 5, [0.3] * 5],
    load_swapped: [[0.1] * 5, [0.2] * 5, [0.3] * 5],
}


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("change", CHANGED)
def test_a_curve_is_that_of_its_group(change: Any, named: bool) -> None:
    """After groups have joined, left or moved, a group's values and its next LR are still under its name."""
    names = ["a", "b", "c"] if named else ["pg1", "pg2", "pg3"]

    def answer(net: Probe) -> Any:
        groups = [{"params": [weight], "lr": lr} for weight, lr in zip(net.weights, (0.1, 0.2, 0.3), strict=True)]
        return SGD([{**group, "name": name} if named else group for group, name in zip(groups, names, strict=True)])

    recorder, monitor = Recorder(), LRMonitor(log_momentum=named)
    fit(Probe(answer, groups=3), Changes(change), monitor, batches=5, logger=recorder, log_every_n_steps=1)

    columns = CHANGED[change]
    names += ["pg3" if named else "pg3-2"] * (len(columns) - 3)
    history = {name.removeprefix("lr/"): lrs for name, lrs in monitor.history.items() if name.startswith("lr/")}
    assert history == {name: pytest.approx(lrs, nan_ok=True) for name, lrs in zip(names, columns, strict=True)}
    left = [(f"lr/{name}", lrs[-1]) for name, lrs in zip(names, columns, strict=True) if not math.isnan(lrs[-1])]
    assert sorted(monitor.next_lrs.items()) == sorted(left)
    assert list(monitor.lrs) == [f"lr/{name}" for name in names]
    assert [step for step, _ in recorder.lrs()] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("names", ["stable", "lightning"])
@pytest.mark.parametrize("change", [drop, swap])
def test_what_an_update_used_is_logged_of_its_groups(change: Any, names: Any) -> None:
    """If the groups change between the last update and its row, each value is still under its group's name."""

    class Dies(Callback):
        def on_train_batch_start(self, trainer: Any, net: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 2:
                raise RuntimeError("out of memory")

    def answer(net: Probe) -> Any:
        lrs = {"a": 0.1, "b": 0.2}
        groups = zip(net.weights, lrs.items(), strict=True)
        return SGD([{"params": [weight], "lr": lr, "name": name} for weight, (name, lr) in groups])

    recorder, monitor = Recorder(), LRMonitor(names=names)
    with pytest.raises(RuntimeError, match="out of memory"):
        fit(Probe(answer, groups=2), Changes(change), monitor, Dies(), logger=recorder, log_every_n_steps=3)

    step, row = recorder.lrs()[-1]
    assert step == 1
    assert {name[-1]: lr for name, lr in row.items()}["b"] == 0.2
    assert {name[-1]: lr for name, lr in row.items()}.get("a", 0.1) == 0.1


# Lightning starts a plain loader over, which is meant.
@pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended")
@pytest.mark.needs("lightning>=2.6", "before it, a resume in mid-epoch repeats a batch")
def test_resume_in_mid_epoch_goes_on_with_the_curve(tmp_path: Path) -> None:
    """Two halves of a run, cut in mid-epoch, give the rows of the whole at the same steps."""
    whole = Probe(scheduled())
    fit(whole, LRMonitor(), batches=6, max_epochs=2)

    kept = ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=4, save_top_k=-1, save_last=False)
    fit(Probe(scheduled()), kept, batches=6, max_epochs=2, enable_checkpointing=True)
    recorder = Recorder()
    resumed = tmp_path / "step=4.ckpt"
    with pytest.warns(UserWarning, match="callbacks used to create the checkpoint"):
        fit(
            Probe(scheduled()),
            LRMonitor(),
            batches=6,
            max_epochs=2,
            log_every_n_steps=1,
            logger=recorder,
            ckpt_path=resumed,
        )

    used = {x: lrs[0] for x, lrs in whole.used}
    assert [(step, row["lr/optimizer"]) for step, row in recorder.lrs()] == [(x, used[x]) for x in range(4, 12)]


def test_a_plateau_drop_in_the_last_epoch_is_the_next_lr() -> None:
    """The LR that a plateau reached after the last update is ``next_lrs``; no update used it, so no row has it."""
    monitor = LRMonitor()
    plateau = ReduceOnPlateau(monitor="val_loss", patience=0, factor=0.5)
    net = Probe(scheduled(hold(), plateau=plateau))
    fit(net, monitor, batches=2, max_epochs=2, log_every_n_steps=1, validate=True, num_sanity_val_steps=0)

    assert monitor.history["lr/optimizer"] == [0.1] * 4
    assert monitor.next_lrs == {"lr/optimizer": 0.05}


def test_torchs_plateau_is_followed() -> None:
    """A drop by torch's plateau between epochs is logged at the first update of the next epoch."""
    monitor = LRMonitor()

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        plateau = ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}

    fit(Probe(answer), monitor, batches=2, max_epochs=3, validate=True)

    assert monitor.history["lr/optimizer"] == [0.1, 0.1, 0.05, 0.05]
    assert monitor.next_lrs == {"lr/optimizer": 0.025}


def test_momentum_and_weight_decay_are_those_of_the_update() -> None:
    """A momentum that a scheduler changes is logged as the update used it, like the LR."""
    monitor = LRMonitor(log_momentum=True, log_weight_decay=True)

    def answer(net: Probe) -> Any:
        optimizer = net.sgd(momentum=0.9, weight_decay=0.01)
        cycle = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=4)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": cycle, "interval": "step"}}

    fit(Probe(answer), monitor, batches=4, log_every_n_steps=1)

    alone = SGD([torch.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
    cycle, momenta = torch.optim.lr_scheduler.OneCycleLR(alone, 0.1, total_steps=4), []
    for _ in range(4):
        momenta.append(alone.param_groups[0]["momentum"])
        alone.step()
        if len(momenta) < 4:
            cycle.step()
    history = monitor.history
    assert history["momentum/optimizer"] == momenta
    assert history["weight_decay/optimizer"] == [0.01] * 4


def test_the_effective_lr_of_an_optimizer_that_keeps_its_own() -> None:
    """Prodigy uses d * lr with the d from before the update; a schedule-free optimizer uses its ``scheduled_lr``."""

    class Prodigy(SGD):
        def step(self, closure: Any = None) -> Any:
            loss = super().step(closure)
            for group in self.param_groups:
                group["d"] *= 2
            return loss

    class SGDScheduleFree(SGD):
        def step(self, closure: Any = None) -> Any:
            for group in self.param_groups:
                group["scheduled_lr"] = group["lr"] * 0.5
            return super().step(closure)

    monitor = LRMonitor()
    fit(
        Probe(lambda net: Prodigy([{"params": net.parameters(), "d": 0.25}], lr=1.0)),
        monitor,
        batches=3,
        log_every_n_steps=1,
    )
    assert monitor.history["lr_effective/optimizer"] == [0.25, 0.5, 1.0]

    fit(Probe(lambda net: SGDScheduleFree(net.parameters(), lr=0.1)), monitor, batches=1)
    assert monitor.history["lr_effective/optimizer"] == [0.05]


def test_a_schedule_free_optimizer_may_keep_no_lr() -> None:
    """If its groups have no ``scheduled_lr``, only the LR is logged."""

    class AdamWScheduleFree(SGD):
        """Has the name alone."""

    monitor = LRMonitor()
    fit(Probe(lambda net: AdamWScheduleFree(net.parameters(), lr=0.1)), monitor, batches=1)

    assert monitor.history == {"step": [0], "epoch": [0], "lr/optimizer": [0.1]}


@pytest.mark.parametrize("every", [1, 3])
def test_a_checkpoint_in_mid_epoch_has_the_lr_in_its_name(every: int, tmp_path: Path) -> None:
    """The name has the LR of the latest logged update."""
    options: dict[str, Any] = {"auto_insert_metric_name": False, "every_n_train_steps": 1, "save_top_k": -1}
    kept = ModelCheckpoint(tmp_path, filename="{step} {lr/optimizer:.6f}", **options)
    net, monitor = Probe(scheduled(linear())), LRMonitor()
    fit(net, kept, monitor, batches=6, log_every_n_steps=every, enable_checkpointing=True)

    used = {x: lrs[0] for x, lrs in net.used}
    latest = [max(step for step in monitor.history["step"] if step <= x) for x in used]
    assert len(set(latest)) > 2
    assert sorted(path.stem for path in tmp_path.iterdir()) == [
        f"{x + 1} {used[step]:.6f}" for x, step in zip(used, latest, strict=True)
    ]


def test_printing(capsys: pytest.CaptureFixture[str]) -> None:
    """``print_lr`` prints a line per epoch with the LR of its last update."""
    fit(Probe(scheduled(linear(), interval="epoch")), LRMonitor(print_lr=True), batches=2, max_epochs=2)

    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert lines == ["epoch 0: lr/optimizer 1.000e-01", "epoch 1: lr/optimizer 5.000e-02"]


def test_an_epoch_without_an_update_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """No LR was used."""

    class Idle(Probe):
        automatic_optimization = False

        def training_step(self, batch: Any, batch_idx: int) -> None:
            """No update."""

    fit(Idle(lambda net: net.sgd()), LRMonitor(print_lr=True))

    assert "epoch" not in capsys.readouterr().out


def test_a_second_fit_starts_afresh() -> None:
    """The history is that of the latest fit, and an earlier fit leaves no hook on its optimizer."""
    monitor = LRMonitor()
    first = Probe(scheduled())
    trainer = fit(first, monitor, batches=3)
    hooks = len(trainer.optimizers[0]._optimizer_step_post_hooks)
    fit(Probe(scheduled()), monitor, batches=2)

    assert monitor.history["step"] == [0, 1]
    assert hooks == 2  # the probe's and the scheduler's


def test_an_interrupted_run_keeps_its_last_update() -> None:
    """If training is interrupted, its last update is logged."""

    class Dies(Probe):
        def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
            if batch_idx == 3:
                raise RuntimeError("out of memory")

    recorder = Recorder()
    with pytest.raises(RuntimeError, match="out of memory"):
        fit(Dies(scheduled()), LRMonitor(), logger=recorder)

    assert [step for step, _ in recorder.lrs()] == [0, 2]


@pytest.mark.parametrize("every", [1, 3, 50])
def test_an_update_whose_batch_does_not_end_is_logged_as_its_own(every: int) -> None:
    """If an error comes between an update and the end of its batch, that update is the last row, at its own step."""

    class Dies(Callback):
        def on_train_batch_end(self, trainer: Any, net: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 4:
                raise RuntimeError("disk full")

    recorder = Recorder()
    net = Probe(scheduled())
    with pytest.raises(RuntimeError, match="disk full"):
        fit(net, Dies(), LRMonitor(), logger=recorder, log_every_n_steps=every)

    used = {x: lrs[0] for x, lrs in net.used}
    assert recorder.lrs()[-1] == (4, {"lr/optimizer": used[4]})
    assert all(row["lr/optimizer"] == used[x] for x, row in recorder.lrs() if x is not None)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda monitor: pickle.loads(pickle.dumps(monitor))], ids=["copy", "pickle"]
)
@pytest.mark.parametrize("answer", [ours_per_step, torchs_per_step])
def test_a_monitor_is_copied_with_its_history(answer: Any, copied: Any) -> None:
    """A copy made before or after a fit, as by a spawned process or a sweep, has the history and can be used for a fit."""
    monitor = copied(LRMonitor())
    fit(Probe(answer), monitor, TQDMProgressBar(), enable_progress_bar=True, batches=3)
    history, again = monitor.history, copied(monitor)

    assert again.history == history
    fit(Probe(answer), again, batches=2)
    assert again.history["step"] == [0, 1]
    assert monitor.history == history


# --- optimizers that are exchanged -------------------------------------------------------------------------------------


class Staged(InStages, Probe):
    """Exchanges its optimizer itself."""


def by_epoch(net: Probe) -> Any:
    """An answer: other base LRs at each epoch."""
    return configure_optimizers(net.sgd(lr=0.1 / (1 + net.current_epoch)), cosine(), net.trainer)


STAGES: dict[str, Any] = {
    "a callback before": lambda monitor: (Probe(by_epoch, groups=2), [Stages(), monitor]),
    "a callback behind": lambda monitor: (Probe(by_epoch, groups=2), [monitor, Stages()]),
    "the module": lambda monitor: (Staged(by_epoch, groups=2), [monitor]),
}


@pytest.mark.parametrize("every", [1, 5])
@pytest.mark.parametrize("who", STAGES)
def test_optimizers_that_are_exchanged_are_followed(who: str, every: int) -> None:
    """The history continues with the LRs of the new optimizers, after the last update of the old ones, under the same names."""
    monitor = LRMonitor(strict=True)
    net, callbacks = STAGES[who](monitor)
    trainer = fit(net, *callbacks, batches=4, max_epochs=3, log_every_n_steps=every)

    used = dict(net.used)
    assert len(used) == 12
    assert monitor.history["step"] == {1: list(range(12)), 5: [0, 3, 4, 9, 11]}[every]
    for index, name in enumerate(("lr/pg1", "lr/pg2")):
        assert monitor.history[name] == [used[step][index] for step in monitor.history["step"]]
        assert monitor.next_lrs[name] == trainer.optimizers[0].param_groups[index]["lr"]
    assert monitor.findings == ()


@pytest.mark.parametrize("who", STAGES)
def test_exchanged_optimizers_are_read_as_lightning_does(who: str) -> None:
    """With Lightning's names ``lrs`` has the values of the new optimizers from their first batch on."""
    seen = []
    for monitor in (LearningRateMonitor(), LRMonitor(names="lightning")):
        net, callbacks = STAGES[who](monitor)
        fit(net, *callbacks, batches=4, max_epochs=3, log_every_n_steps=1, logger=Recorder())
        seen.append(monitor.lrs)

    assert seen[0] == seen[1]


@pytest.mark.parametrize("update", [1, 6])
def test_callbacks_that_join_in_mid_epoch_live_without_a_beginning(update: int) -> None:
    """Callbacks that another callback adds get no ``on_train_start``: a monitor logs from then on, a ramp does nothing."""
    monitor = LRMonitor(table=False)

    class Late(Callback):
        def on_train_batch_end(self, trainer: Any, *_: Any) -> None:
            if trainer.global_step == update + 1:
                trainer.callbacks.extend([monitor, LRWarmup("5 steps")])

    net, plain = Probe(by_epoch), Probe(by_epoch)
    fit(net, Late(), batches=4, max_epochs=2, log_every_n_steps=1)
    fit(plain, batches=4, max_epochs=2)

    assert net.used == plain.used
    assert monitor.history["step"] == list(range(update + 1, 8))
    assert monitor.history["epoch"] == [step // 4 for step in range(update + 1, 8)]
    assert monitor.history["lr/optimizer"] == [dict(net.used)[step][0] for step in range(update + 1, 8)]


# --- optimizers without an LR -------------------------------------------------------------------------------------------


class Own(SGD):
    """An optimizer whose groups have no LR."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, lr=0.1)
        for group in self.param_groups:
            del group["lr"]

    def step(self, closure: Any = None) -> Any:
        """Update nothing."""
        return closure()


WITHOUT: dict[str, Any] = {
    "Adafactor finds its own": lambda net: Adafactor(net.parameters()),
    "a group without the key": lambda net: Own(net.parameters()),
    "no optimizer": lambda net: None,
}


@pytest.mark.filterwarnings("ignore:.*returned `None`, this fit will run with no optimizer")  # which is meant
@pytest.mark.parametrize("names", ["stable", "lightning"])
@pytest.mark.parametrize("dies", [False, True])
@pytest.mark.parametrize("name", WITHOUT)
def test_an_optimizer_without_an_lr_is_left_out(name: str, dies: bool, names: Any) -> None:
    """The run goes as it would without the monitor, even if an error ends it."""

    class Dies(Callback):
        def on_train_batch_start(self, trainer: Any, net: Any, batch: Any, batch_idx: int) -> None:
            if dies and batch_idx == 2:
                raise RuntimeError("out of memory")

    bar, monitor = TQDMProgressBar(), LRMonitor(names=names, table=True, print_lr=True)
    with pytest.raises(RuntimeError, match="out of memory") if dies else nullcontext():
        fit(Probe(WITHOUT[name]), monitor, bar, Dies(), logger=Recorder(), enable_progress_bar=True)

    assert monitor.history == {"step": [], "epoch": []}
    assert "get_metrics" not in vars(bar)


def test_beside_one_without_an_lr_the_other_is_logged() -> None:
    """If one of two optimizers finds its LR itself, the other one is still logged."""

    class Both(Probe):
        automatic_optimization = False

        def training_step(self, batch: Any, batch_idx: int) -> None:
            self.manual_backward(super().training_step(batch, batch_idx))
            for optimizer in self.optimizers():  # type: ignore[union-attr]  # two
                optimizer.step()

    monitor = LRMonitor()
    net = Both(lambda net: [Adafactor([net.weights[0]]), SGD([net.weights[1]], lr=0.1)], groups=2)
    fit(net, monitor, batches=2)

    assert monitor.history == {"step": [0, 1], "epoch": [0, 0], "lr/optimizer": [0.1, 0.1]}


# --- plan against fact ------------------------------------------------------------------------------------------------


class Writes(Callback):
    """Writes its own LR before update 2."""

    def on_train_batch_start(self, trainer: Any, net: Any, batch: Any, batch_idx: int) -> None:
        """Overwrite the LR."""
        if batch_idx == 2:
            trainer.optimizers[0].param_groups[0]["lr"] = 0.7


def test_an_lr_that_is_not_the_planned_one_warns_once() -> None:
    """An LR that other code wrote is reported once, with its update, both values and likely causes."""
    with pytest.warns(UserWarning, match="the plan has") as caught:
        fit(Probe(scheduled(hold())), Writes(), LRMonitor(), batches=6, log_every_n_steps=1)

    texts = [str(warning.message) for warning in caught if "the plan has" in str(warning.message)]
    assert len(texts) == 1
    assert "Update 2 used a learning rate of 0.7 for 'lr/optimizer', and the plan has 0.1." in texts[0]
    assert "writes group['lr']" in texts[0]


def test_strict_raises() -> None:
    """``strict=True`` stops the run at the first update that does not use its planned LR."""
    with pytest.raises(ScheduleError, match="Update 2 used a learning rate of"):
        fit(Probe(scheduled(hold())), Writes(), LRMonitor(strict=True), batches=6, log_every_n_steps=1)


# The trap is what makes the departure.
@pytest.mark.filterwarnings("ignore:LR101")
def test_a_second_scheduler_is_named_as_the_cause() -> None:
    """If two schedulers drive one optimizer, the warning names the other one."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        ours = configure_optimizers(optimizer, hold(), net.trainer)["lr_scheduler"]
        return [optimizer], [ours, {"scheduler": ExponentialLR(optimizer, 0.9), "interval": "step"}]

    with pytest.warns(UserWarning, match="ExponentialLR drives the same optimizer. Keep one scheduler"):
        fit(Probe(answer), LRMonitor(), batches=3, log_every_n_steps=1)


@pytest.mark.parametrize("lr", [0.1, torch.tensor(0.1)], ids=["float", "tensor"])
def test_a_run_that_follows_its_plan_is_quiet(lr: Any) -> None:
    """With ``strict``, a plan that is followed raises nothing, even with tensor LRs, plateaus and accumulation."""
    plateau = ReduceOnPlateau(monitor="val_loss", patience=0, factor=0.5)
    net = Probe(
        lambda net: configure_optimizers(
            net.sgd(lr=lr.clone() if isinstance(lr, torch.Tensor) else lr),
            warmup(2) >> cosine(end_lr=1e-3),
            net.trainer,
            plateau=plateau,
        )
    )
    fit(
        net,
        LRMonitor(strict=True),
        max_epochs=3,
        accumulate_grad_batches=3,
        log_every_n_steps=1,
        validate=True,
    )

    assert isinstance(net.trainer.lr_scheduler_configs[0].scheduler, ScheduledLR)
    assert len(net.used) == 9
