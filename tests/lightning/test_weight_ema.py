"""The average of the weights in real Trainers, against its closed form; validation and checkpoints have it, the training does not."""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.strategies import DeepSpeedStrategy, FSDPStrategy, Strategy
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from lr_toolkit import (
    CombinedOptimizer,
    LRMonitor,
    ScheduleError,
    ScheduleWarning,
    WeightEMA,
    configure_optimizers,
    hold,
)
from tests.helpers.combined_nets import BATCH, CombinedNet, SaveAt, loader, loss_of, network, samples, weights
from tests.helpers.runs import trainer
from tests.helpers.script import run_script

BATCHES = 8


def constant(net: CombinedNet) -> Any:
    """A constant LR after a warmup, as for a run whose end is not known."""
    return configure_optimizers(AdamW(net.parameters(), lr=0.02), "warmup(2) >> hold()", net.trainer)


class AveragedNet(CombinedNet):
    """Takes each batch by its number; ``raw`` has the weights after each update, ``seen`` those of each validation."""

    def __init__(self, answer: Any = constant, *, norm: bool = False) -> None:
        super().__init__(answer)
        if norm:
            self.net.insert(1, nn.BatchNorm1d(8))
        self.raw: list[list[float]] = []
        self.seen: list[list[float]] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return loss_of(self.net, samples(BATCHES).split(BATCH)[batch_idx].to(self.net[0].weight.dtype))

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", loss_of(self.net, batch[0].to(self.net[0].weight.dtype)))
        self.seen.append(flat(self))

    test_step = validation_step

    def predict_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        self.seen.append(flat(self))
        return torch.zeros(1)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        super().optimizer_step(*args, **kwargs)
        self.raw.append(flat(self))


def flat(net: nn.Module) -> list[float]:
    """Every weight and statistic of a network in one list."""
    tensors = [*net.parameters(), *(buffer for buffer in net.buffers() if buffer.is_floating_point())]
    return [value for tensor in tensors for value in tensor.double().flatten().tolist()]


def fit(net: L.LightningModule, *callbacks: L.Callback, ckpt: Path | None = None, **options: Any) -> L.Trainer:
    """Train, by default for three epochs without validation."""
    defaults: dict[str, Any] = {"max_epochs": 3, "limit_val_batches": 0}
    run = trainer(**(defaults | options), callbacks=list(callbacks))
    run.fit(net, loader(BATCHES), loader(1), ckpt_path=ckpt)
    return run


def closed_form(raw: list[list[float]], windows: list[float]) -> np.ndarray[Any, Any]:
    """The average as one sum over all updates: each weight is its step times all that forget it later."""
    steps = 1 / np.maximum(1, np.array(windows))
    kept = np.cumprod(np.append(1 - steps[1:], 1.0)[::-1])[::-1]  # what is left of each update's part at the end
    return (steps * kept) @ np.array(raw)


WINDOWS: dict[str, Any] = {
    "10%": lambda update: update / 10,
    "40%": lambda update: update * 2 / 5,
    "100%": lambda update: update,
    5: lambda update: min(update, 5),
    1: lambda update: 1,
}


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("over", WINDOWS)
def test_the_average_is_its_closed_form(over: Any, norm: bool) -> None:
    """In float64, to rounding, for weights and the statistics of batch norm."""
    net = AveragedNet(norm=norm)
    callback = WeightEMA(over)
    fit(net, callback, precision="64-true")
    windows = [WINDOWS[over](update) for update in range(1, 25)]

    np.testing.assert_allclose(flat(net), closed_form(net.raw, windows), rtol=1e-12, atol=1e-14)
    assert callback.updates == len(net.raw) == 24


def test_a_share_is_a_power_law() -> None:
    """Update s of t counts as (s/t) to the power 1/share - 1, so the mean age is about the share of the run."""
    count = 2000
    ages = closed_form(
        [[float(age)] for age in range(count - 1, -1, -1)], [WeightEMA("10%").window(t) for t in range(1, count + 1)]
    )

    assert ages[0] == pytest.approx(count / 11, rel=0.01)


def test_the_training_is_that_without_the_callback() -> None:
    """Bit for bit, although it validates and saves in between."""
    plain, averaged = AveragedNet(), AveragedNet()
    fit(plain)
    fit(averaged, WeightEMA("40%"), limit_val_batches=1, val_check_interval=3)

    assert averaged.raw == plain.raw
    assert weights(averaged) != weights(plain)


def test_validates_and_tests_the_average() -> None:
    """At each validation that of the updates so far; before the first update there is none, and the weights are validated."""
    net = AveragedNet()
    run = fit(net, WeightEMA("40%"), limit_val_batches=1, val_check_interval=3, precision="64-true")
    run.test(net, loader(1), verbose=False)
    run.predict(net, loader(1))
    updates = [3, 6, 11, 14, 19, 22, 24, 24]

    assert net.seen[0] == flat(network())  # the sanity check
    assert len(net.seen) == len(updates) + 1
    for seen, update in zip(net.seen[1:], updates, strict=True):
        expected = closed_form(net.raw[:update], [0.4 * t for t in range(1, update + 1)])
        np.testing.assert_allclose(seen, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("weights_only", [False, True])
def test_each_checkpoint_has_the_average(weights_only: bool, accumulate: int, tmp_path: Path) -> None:
    """Also one that is saved between batches, and one with the weights alone; it loads into the module as any other."""
    saving = ModelCheckpoint(
        tmp_path, every_n_train_steps=5, save_top_k=-1, filename="{step}", save_weights_only=weights_only
    )
    net = AveragedNet()
    fit(
        net,
        WeightEMA("40%"),
        saving,
        enable_checkpointing=True,
        accumulate_grad_batches=accumulate,
        precision="64-true",
    )

    for update in (5, 10):
        saved = torch.load(tmp_path / f"step={update}.ckpt", weights_only=True)
        loaded = AveragedNet().double()
        loaded.load_state_dict(saved["state_dict"])
        expected = closed_form(net.raw[:update], [0.4 * t for t in range(1, update + 1)])
        np.testing.assert_allclose(flat(loaded), expected, rtol=1e-12, atol=1e-14)


not_resumable = pytest.mark.filterwarnings("ignore:.*(that ended before the epoch ended|not resumable)")


@not_resumable
@pytest.mark.parametrize(
    ("arguments", "precision"),
    [
        ({"over": "40%"}, "32-true"),
        ({"over": "40%"}, "bf16-true"),
        ({"decay": "cosine(start=0.9, end=1.0)"}, "bf16-true"),
    ],
)
@pytest.mark.parametrize("update", [1, 5, 8, 13, 16])
def test_a_resumed_run_goes_on_bit_for_bit(update: int, arguments: Any, precision: Any, tmp_path: Path) -> None:
    """In mid-epoch and between epochs, with an average in more bits than the weights have."""
    whole, first, resumed = (AveragedNet(norm=True) for _ in range(3))
    options: dict[str, Any] = {"limit_val_batches": 1, "precision": precision}
    fit(whole, WeightEMA(**arguments), **options)
    fit(first, WeightEMA(**arguments), SaveAt(update, tmp_path / "saved.ckpt"), **options)
    fit(resumed, WeightEMA(**arguments), ckpt=tmp_path / "saved.ckpt", **options)

    assert resumed.raw == whole.raw[update:]
    assert resumed.seen == whole.seen[-len(resumed.seen) :]
    assert len(resumed.seen) == (24 - update + 7) // 8
    assert weights(resumed) == weights(whole) == weights(first)


@not_resumable
def test_a_checkpoint_before_the_callback_begins_a_new_average(tmp_path: Path) -> None:
    """Its window counts the updates of the whole run."""
    net, callback = AveragedNet(), WeightEMA("40%")
    fit(AveragedNet(), SaveAt(12, tmp_path / "saved.ckpt"), precision="64-true")
    fit(net, callback, ckpt=tmp_path / "saved.ckpt", precision="64-true")

    assert callback.updates == 24
    expected = closed_form(net.raw, [1, *(0.4 * t for t in range(14, 25))])
    np.testing.assert_allclose(flat(net), expected, rtol=1e-12, atol=1e-14)


class Stop(L.Callback):
    """Raises after an update, before the callback that averages."""

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if trainer.global_step == 9:
            raise RuntimeError("stop")


def test_an_exception_leaves_the_average() -> None:
    """With the update that was taken before it."""
    net = AveragedNet()
    with pytest.raises(RuntimeError, match="stop"):
        fit(net, Stop(), WeightEMA("40%"), precision="64-true")

    expected = closed_form(net.raw, [0.4 * t for t in range(1, 10)])
    np.testing.assert_allclose(flat(net), expected, rtol=1e-12, atol=1e-14)


@not_resumable
def test_a_callback_that_saves_first_saves_the_latest_update(tmp_path: Path) -> None:
    """Wherever it stands in the list of callbacks."""
    whole, resumed = AveragedNet(), AveragedNet()
    fit(whole, SaveAt(5, tmp_path / "saved.ckpt"), WeightEMA("40%"))
    fit(resumed, WeightEMA("40%"), ckpt=tmp_path / "saved.ckpt")

    assert weights(resumed) == weights(whole)


def test_a_later_fit_begins_a_new_average(tmp_path: Path) -> None:
    """A test with a checkpoint in between leaves nothing behind."""
    net, callback = AveragedNet(), WeightEMA(4)
    run = fit(net, callback, SaveAt(5, tmp_path / "saved.ckpt"))
    run.test(net, loader(1), ckpt_path=tmp_path / "saved.ckpt", verbose=False)
    net.raw.clear()
    second = trainer(max_epochs=1, limit_val_batches=0, callbacks=[callback], precision="64-true")
    second.fit(net, loader(BATCHES))

    np.testing.assert_allclose(
        flat(net), closed_form(net.raw, [min(t, 4) for t in range(1, 9)]), rtol=1e-12, atol=1e-14
    )


def test_goes_with_several_optimizers_in_one_and_the_monitor() -> None:
    """Each update counts once."""
    callback = WeightEMA("40%")

    def both(net: CombinedNet) -> Optimizer:
        return CombinedOptimizer(sgd=SGD(net.net[0].parameters(), lr=0.1), adamw=AdamW(net.net[2].parameters()))

    net = AveragedNet(both)
    fit(net, callback, LRMonitor(), precision="64-true")

    assert callback.updates == 24
    expected = closed_form(net.raw, [0.4 * t for t in range(1, 25)])
    np.testing.assert_allclose(flat(net), expected, rtol=1e-12, atol=1e-14)


def test_it_can_be_copied() -> None:
    """A running fit stays with the first one."""
    callback = WeightEMA(50)
    fit(AveragedNet(), callback, max_epochs=1)
    copied, decaying = copy.deepcopy(callback), copy.deepcopy(WeightEMA(decay="hold(level=0.9)"))

    assert copied.over == callback.over
    assert copied.updates == 8
    assert decaying.decay == hold(level=0.9)


@pytest.mark.parametrize(
    ("over", "message"),
    [
        (
            "2 epochs",
            r"over='2 epochs'\): the window is a share of the updates so far or a number of updates. Write over='10%'",
        ),
        (0.1, r"WeightEMA\(over=0.1\): a bare float has no unit. Write over='10%'"),
        (0, "must be more than zero. Write over='10%' for a share of the updates so far, or over=500 for a number"),
        (0.999, "has no unit. Write over=1000 for a decay of 0.999, or over='10%' for a share of the updates so far"),
        (0.99, "Write over=100 for a decay of 0.99, or over='10%'"),
    ],
)
def test_refuses_other_windows(over: Any, message: str) -> None:
    """With what to write."""
    with pytest.raises(ScheduleError, match=message) as refused:
        WeightEMA(over)

    assert "for epochs" not in str(refused.value)  # which it refuses


@pytest.mark.parametrize("decay", [0.9, 0.99, 0.999, 0.9999])
def test_the_window_in_the_answer_has_the_decay(decay: float) -> None:
    """After the window the average keeps the decay of itself in each update."""
    with pytest.raises(ScheduleError) as refused:
        WeightEMA(decay)  # type: ignore[arg-type]
    window = int(str(refused.value).partition("over=")[2].partition("Write over=")[2].partition(" ")[0])

    assert 1 - 1 / WeightEMA(window).window(10**6) == pytest.approx(decay, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"decay": 0.999}, r"must be a schedule. Write decay='hold\(level=0.999\)', or over=1000, whose first updates"),
        ({"decay": 1}, r"must be a schedule. Write decay='hold\(level=1\)'.$"),
        ({"momentum": 0.99}, r"there is no argument 'momentum'. Write decay='hold\(level=0.99\)'"),
        ({"decay": "cosine(end_lr=0.1)"}, r"each level is a value already. Write end=, start="),
        ({"over": 10, "decay": "hold(level=0.9)"}, r"over=10, decay='hold\(level=0.9\)'\): each sets how fast"),
    ],
)
def test_refuses_what_is_no_schedule_of_the_decay(arguments: dict[str, Any], message: str) -> None:
    """With what to write."""
    with pytest.raises(ScheduleError, match=message):
        WeightEMA(**arguments)


@pytest.mark.parametrize(
    ("decay", "message"),
    [
        (
            "linear(end=1.1)",
            r"decay=linear\(end=1.1\)\): the decay rises to 1.1, and must not be above 1. Write each level",
        ),
        ("linear(start=0.9, end=1.1, over=8) >> hold(level=0.9)", "the decay rises to 1.075"),
        ("hold()", "the decay is 1 at each update. Write each level, the first one too: decay='cosine"),
        ("linear(start=0.9, end=1.0, over=25)", "the run has 24"),
    ],
)
def test_refuses_a_decay_that_does_not_fit_the_run(decay: str, message: str) -> None:
    """Before the first update."""
    net = AveragedNet()
    with pytest.raises(ScheduleError, match=message):
        fit(net, WeightEMA(decay=decay))

    assert not net.raw


DECAYS = {
    "cosine(start=0.9, end=1.0)": lambda k: 1 - 0.1 * (1 + math.cos(math.pi * k / 24)) / 2,
    "linear(start=0.5, end=0.98, over=8) >> hold()": lambda k: 0.5 + 0.48 * min(k, 8) / 8,
    "absolute(hold(level=0.75))": lambda k: 0.75,
}


@pytest.mark.parametrize("decay", DECAYS)
def test_the_decay_follows_its_schedule(decay: str) -> None:
    """In float64, to rounding, from the weights before the first update on."""
    net, callback = AveragedNet(), WeightEMA(decay=decay)
    fit(net, callback, precision="64-true")
    windows = [1 / (1 - DECAYS[decay](k)) for k in range(24)]

    expected = closed_form([flat(network().double()), *net.raw], [1, *windows])
    np.testing.assert_allclose(flat(net), expected, rtol=1e-12, atol=1e-14)
    assert callback.window(10) == pytest.approx(windows[9], rel=1e-9)


def test_a_decay_in_a_run_without_an_end_and_in_a_trial() -> None:
    """One that does not depend on the end is followed; one that is longer than a trial is cut."""
    net = AveragedNet()
    fit(net, WeightEMA(decay="hold(level=0.75)"), StopAfter(9), max_epochs=-1, precision="64-true")
    expected = closed_form([flat(network().double()), *net.raw], [1, *[4.0] * 9])
    np.testing.assert_allclose(flat(net), expected, rtol=1e-12, atol=1e-14)

    net = AveragedNet(lambda net: AdamW(net.parameters()))
    with pytest.warns(ScheduleWarning, match="LR261: fast_dev_run cuts the schedule"):
        fit(net, WeightEMA(decay="linear(start=0.5, end=1.0, over=100)"), fast_dev_run=3)
    assert len(net.raw) == 3


class StopAfter(L.Callback):
    """Ends the training after an update."""

    def __init__(self, update: int) -> None:
        self.update = update

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        trainer.should_stop = trainer.global_step == self.update


def test_a_later_fit_begins_its_decay_anew() -> None:
    """As schedules do, for the epochs of that fit."""
    net, callback = AveragedNet(), WeightEMA(decay="linear(start=0.5, end=1.0)")
    run = fit(net, callback, precision="64-true", max_epochs=1)
    before = flat(net)
    net.raw.clear()
    run.fit_loop.max_epochs = 2
    run.fit(net, loader(BATCHES))

    expected = closed_form([before, *net.raw], [1, *(1 / (0.5 - 0.5 * k / 8) for k in range(8))])
    np.testing.assert_allclose(flat(net), expected, rtol=1e-12, atol=1e-14)


class Student(AveragedNet):
    """Learns from the average of itself, as in BYOL and DINO; ``taught`` has what the teacher answered to each batch."""

    def __init__(self, teacher: WeightEMA) -> None:
        super().__init__()
        self.teacher = teacher
        self.taught: list[list[float]] = []
        self.batches = samples(BATCHES).double().split(BATCH)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        inputs = self.batches[batch_idx].to(self.net[0].weight.dtype)
        with torch.no_grad():
            target = torch.func.functional_call(self.net, self.teacher.weights_of("net"), (inputs,))
        self.taught.append(target.flatten().tolist())
        return (self.net(inputs + 0.1) - target).square().mean()


def test_a_teacher_is_called_with_the_average() -> None:
    """Its answers are those of the network with the average of the updates so far."""
    net = Student(WeightEMA(decay="cosine(start=0.9, end=1.0)"))
    fit(net, net.teacher, precision="64-true")
    average = np.array(flat(network().double()))
    for update, raw in enumerate(net.raw):
        teacher = network().double()
        nn.utils.vector_to_parameters(torch.from_numpy(average), teacher.parameters())
        answered = teacher(net.batches[update % BATCHES]).detach().flatten()
        np.testing.assert_allclose(net.taught[update], answered, rtol=1e-12, atol=1e-14)
        average += 0.1 * (1 + math.cos(math.pi * update / 24)) / 2 * (np.array(raw) - average)


def test_a_teacher_answers_the_same_after_a_resume(tmp_path: Path) -> None:
    """Bit for bit."""
    whole, resumed = (Student(WeightEMA(decay="cosine(start=0.9, end=1.0)")) for _ in range(2))
    fit(whole, whole.teacher, SaveAt(8, tmp_path / "saved.ckpt"))
    fit(resumed, resumed.teacher, ckpt=tmp_path / "saved.ckpt")

    assert resumed.taught == whole.taught[8:]
    assert weights(resumed) == weights(whole)


@not_resumable
def test_refuses_the_checkpoint_of_another_module(tmp_path: Path) -> None:
    """It is refused even if Lightning loads only what fits; the error names the weights."""

    class Larger(AveragedNet):
        strict_loading = False

        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(2, 1)

        def configure_optimizers(self) -> Any:
            return AdamW(self.net.parameters())

    fit(AveragedNet(lambda net: AdamW(net.net.parameters())), WeightEMA(), SaveAt(4, tmp_path / "saved.ckpt"))
    with pytest.raises(ScheduleError, match=r"a module with other weights \(\['head.bias', 'head.weight'\]\)"):
        fit(Larger(), WeightEMA(), ckpt=tmp_path / "saved.ckpt")


# --- sharded weights ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.needs("torch>=2.6", "fully_shard has its place in torch.distributed.fsdp")
def test_two_ranks_that_shard_the_weights_do_as_one_process_does(tmp_path: Path) -> None:
    """With FSDP2, by layers or as a whole, one optimizer or several: averages, validations, and a resume from both kinds of files."""
    run_script("tests.helpers.sharded_fits", tmp_path)
    ranks = [json.loads((tmp_path / f"{rank}.json").read_text("utf-8")) for rank in (0, 1)]

    assert ranks[0] == ranks[1]
    alone = ranks[0].pop("alone")
    assert ranks[0].keys() == {"layers, folder", "whole, file"}
    for runs in ranks[0].values():
        for run in runs:
            assert run["used"] == alone["used"][-len(run["used"]) :]
            for key in ("weights", "raw", "seen"):
                assert run[key] == pytest.approx(alone[key][-len(run[key]) :], rel=1e-5, abs=1e-7)
        assert [len(run["used"]) for run in runs] == [12, 7]


@pytest.mark.parametrize("kind", [FSDPStrategy, DeepSpeedStrategy])
def test_refuses_weights_that_are_sharded_otherwise(kind: type[Strategy]) -> None:
    """When the fit is set up, with what to write."""
    strategy = kind.__new__(kind)  # neither takes a CPU, and one of them an extra package
    strategy.config = {"zero_optimization": {"stage": 3}}
    run = trainer()
    run._accelerator_connector.strategy = strategy

    with pytest.raises(ScheduleError, match=rf"WeightEMA: {kind.__name__} keeps .*strategy=ModelParallelStrategy\(\)"):
        WeightEMA().setup(run, AveragedNet(), "fit")
