"""Schedule-free optimizers in real Trainers: the averaged weights are evaluated and saved, and the training goes on from the others."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from lr_toolkit import (
    CombinedOptimizer,
    LRMonitor,
    LRWarmup,
    ReduceOnPlateau,
    ScheduleError,
    ScheduleFree,
    configure_optimizers,
)
from tests.helpers.combined_nets import BATCH, CombinedNet, SaveAt, loader, loss_of, network, samples, weights
from tests.helpers.runs import trainer


class PlainScheduleFree(Optimizer):
    """Schedule-free SGD as in the paper, with its three sequences: z moves, x averages z, gradients are taken at y."""

    def __init__(self, params: Any, lr: float = 0.1, beta: float = 0.9) -> None:
        super().__init__(params, {"lr": lr, "beta": beta, "k": 0, "train_mode": False})

    def train(self) -> None:
        """The parameters become y."""
        self._switch(True)

    def eval(self) -> None:
        """The parameters become x."""
        self._switch(False)

    @torch.no_grad()
    def _switch(self, train_mode: bool) -> None:
        for group in self.param_groups:
            if group["train_mode"] != train_mode:
                group["train_mode"] = train_mode
                for parameter in group["params"]:
                    if state := self.state[parameter]:
                        y = (1 - group["beta"]) * state["z"] + group["beta"] * state["x"]
                        parameter.copy_(y if train_mode else state["x"])

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:  # type: ignore[override]  # torch has overloads
        """An update."""
        assert all(group["train_mode"] for group in self.param_groups)
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            group["k"] += 1
            for parameter in group["params"]:
                state = self.state[parameter]
                if not state:
                    state |= {"x": parameter.clone(), "z": parameter.clone()}
                state["z"] -= group["lr"] * parameter.grad
                state["x"].lerp_(state["z"], 1 / group["k"])
                parameter.copy_((1 - group["beta"]) * state["z"] + group["beta"] * state["x"])
        return loss


def of_the_package(name: str, **options: Any) -> Callable[[Any], Optimizer]:
    """An optimizer of the package ``schedulefree``."""

    def make(params: Any) -> Optimizer:
        made: Optimizer = getattr(pytest.importorskip("schedulefree"), name)(params, **options)
        return made

    return make


KINDS: dict[str, Callable[[Any], Optimizer]] = {
    "plain": PlainScheduleFree,
    "SGDScheduleFree": of_the_package("SGDScheduleFree", lr=0.1, warmup_steps=3),
    "AdamWScheduleFree": of_the_package("AdamWScheduleFree", lr=0.02, warmup_steps=3),
    "RAdamScheduleFree": of_the_package("RAdamScheduleFree", lr=0.02),
}


class FreeNet(CombinedNet):
    """Takes each batch by its number, and keeps the weights that it validates with."""

    def __init__(self, kind: str | Callable[[Any], Optimizer], answer: Any = None) -> None:
        super().__init__(answer or (lambda net: make(net.parameters())))
        make = KINDS[kind] if isinstance(kind, str) else kind
        self.seen: list[list[list[float]]] = []

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return loss_of(self.net, samples(8).split(BATCH)[batch_idx])

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        super().validation_step(batch, batch_idx)
        self.seen.append(weights(self.net))

    test_step = validation_step

    def predict_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        self.seen.append(weights(self.net))
        return torch.zeros(1)


def by_hand(kind: str, updates: int, switches: tuple[int, ...] = ()) -> dict[int, list[list[float]]]:
    """The averaged weights of a loop after each of the ``switches``, where it evaluates, and after the last update."""
    net = network()
    optimizer: Any = KINDS[kind](net.parameters())
    found = {}
    for update in range(updates):
        optimizer.train()
        optimizer.zero_grad()
        loss_of(net, samples(8).split(BATCH)[update % 8]).backward()
        optimizer.step()
        if update + 1 in (*switches, updates):
            optimizer.eval()
            found[update + 1] = weights(net)
    return found


def fit(net: L.LightningModule, *callbacks: L.Callback, ckpt: Path | None = None, **options: Any) -> L.Trainer:
    """Train with the callback, by default for two epochs without validation."""
    defaults: dict[str, Any] = {"max_epochs": 2, "limit_val_batches": 0}
    run = trainer(**(defaults | options), callbacks=[ScheduleFree(), *callbacks])
    run.fit(net, loader(8), loader(1), ckpt_path=ckpt)
    return run


@pytest.mark.parametrize("kind", KINDS)
def test_validates_with_averaged_weights_and_trains_on_with_the_others(kind: str) -> None:
    """Bit for bit a loop that calls ``eval()`` before each validation and ``train()`` before each batch."""
    net = FreeNet(kind)
    fit(net, limit_val_batches=1, val_check_interval=3)
    expected = by_hand(kind, 16, (3, 6, 11, 14))

    assert net.seen[1:] == [expected[update] for update in (3, 6, 11, 14)]  # the first one is the sanity check
    assert weights(net) == expected[16]


@pytest.mark.parametrize("weights_only", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_each_checkpoint_has_the_averaged_weights(kind: str, weights_only: bool, tmp_path: Path) -> None:
    """Also one that is saved between batches, and one with the weights alone."""
    saving = ModelCheckpoint(
        tmp_path, every_n_train_steps=5, save_top_k=-1, filename="{step}", save_weights_only=weights_only
    )
    fit(FreeNet(kind), saving, enable_checkpointing=True)
    expected = by_hand(kind, 16, (5, 10, 15))

    for update in (5, 10, 15):
        saved = torch.load(tmp_path / f"step={update}.ckpt", weights_only=True)
        assert [tensor.flatten().tolist() for tensor in saved["state_dict"].values()] == expected[update]
        if not weights_only:
            assert not saved["optimizer_states"][0]["param_groups"][0]["train_mode"]


@pytest.mark.filterwarnings("ignore:.*(that ended before the epoch ended|not resumable)")
@pytest.mark.parametrize("update", [3, 8, 13])
@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_goes_on_bit_for_bit(kind: str, update: int, tmp_path: Path) -> None:
    """As the run that saved the checkpoint, in mid-epoch and between epochs."""
    whole, resumed = FreeNet(kind), FreeNet(kind)
    fit(whole, SaveAt(update, tmp_path / "saved.ckpt"))
    fit(resumed, ckpt=tmp_path / "saved.ckpt")

    assert weights(resumed) == weights(whole)


def test_tests_and_predictions_use_the_averaged_weights() -> None:
    """After the training, with the same Trainer."""
    net = FreeNet("plain")
    run = fit(net)
    run.test(net, loader(1), verbose=False)
    run.predict(net, loader(1))

    assert net.seen == [by_hand("plain", 16)[16]] * 2


class Stop(L.Callback):
    """Raises after an update."""

    def on_train_batch_end(self, trainer: L.Trainer, *_: Any) -> None:
        if trainer.global_step == 5:
            raise RuntimeError("stop")


def test_an_exception_leaves_the_averaged_weights() -> None:
    """A run that was stopped can be evaluated."""
    net = FreeNet("plain")
    with pytest.raises(RuntimeError, match="stop"):
        fit(net, Stop())

    assert weights(net) == by_hand("plain", 5)[5]


def test_the_state_of_the_module_may_be_taken_at_any_time() -> None:
    """It has the averaged weights after each step; before it the backward pass needs the others."""

    class Looking(FreeNet):
        def on_before_zero_grad(self, optimizer: Optimizer) -> None:
            self.state_dict()  # between the forward and the backward pass

        def on_train_batch_end(self, *_: Any) -> None:
            self.seen.append([tensor.flatten().tolist() for tensor in self.state_dict().values()])

    net = Looking("plain")
    fit(net)
    expected = by_hand("plain", 16, tuple(range(1, 16)))

    assert net.seen == [expected[update] for update in range(1, 17)]


def test_nothing_is_left_of_a_run() -> None:
    """The hooks in the module and in the optimizer end with it, and the callback can be copied."""
    net, callback = FreeNet("plain"), ScheduleFree()
    run = trainer(max_epochs=1, limit_val_batches=0, callbacks=[callback])
    run.fit(net, loader(8))
    copied = copy.deepcopy(callback)

    assert not net._state_dict_pre_hooks
    assert not run.optimizers[0]._optimizer_step_post_hooks
    assert vars(copied) == vars(ScheduleFree())


def test_optimizers_inside_of_another_one_are_switched() -> None:
    """A combination of SGD and a schedule-free optimizer: only the parameters of the second are averaged."""

    def combination(net: nn.Module) -> dict[str, Optimizer]:
        first, second = net.net[0], net.net[2]  # type: ignore[operator, index, union-attr]
        return {"sgd": SGD(first.parameters(), lr=0.1), "free": PlainScheduleFree(second.parameters())}

    net, hand = FreeNet("plain", lambda net: CombinedOptimizer(**combination(net))), FreeNet("plain")
    optimizers = combination(hand)
    free: Any = optimizers["free"]
    for update in range(16):
        free.train()
        for optimizer in optimizers.values():
            optimizer.zero_grad()
        hand.training_step(None, update % 8).backward()
        for optimizer in optimizers.values():
            optimizer.step()
    free.eval()
    fit(net)

    assert weights(net) == weights(hand)


# --- schedules on top ---------------------------------------------------------------------------------------------------


def under(plan: str, **options: Any) -> Callable[[Any], Any]:
    """A schedule of this package."""
    return lambda net: configure_optimizers(PlainScheduleFree(net.parameters()), plan, net.trainer, **options)


def torchs(make: Callable[[Optimizer], Any], **config: Any) -> Callable[[Any], Any]:
    """A scheduler of torch."""

    def answer(net: Any) -> Any:
        optimizer = PlainScheduleFree(net.parameters())
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": make(optimizer), **config}}

    return answer


def combined(net: Any) -> Any:
    """A schedule on a combination."""
    free = PlainScheduleFree(net.net[0].parameters())
    return configure_optimizers(
        CombinedOptimizer(free=free, sgd=SGD(net.net[2].parameters(), lr=0.1)), "linear()", net.trainer
    )


DECAYS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a decay": (under("warmup(3) >> cosine()"), r"its LR falls from 0.1 to 0\.00.*Write warmup\('5%'\) >> hold\(\)"),
    "steps": (under("step('1 epoch', gamma=0.5)"), "its LR falls from 0.1 to 0.05"),
    "a plateau": (under("hold()", plateau=ReduceOnPlateau(monitor="loss")), "a rule reduces its LR"),
    "a decay of torch": (torchs(lambda optimizer: CosineAnnealingLR(optimizer, 16), interval="step"), "its LR falls"),
    "a plateau of torch": (torchs(ReduceLROnPlateau, monitor="loss"), "a rule reduces its LR"),
    "a decay on a combination": (combined, "its LR falls from 0.1"),
}


@pytest.mark.parametrize("case", DECAYS)
def test_refuses_a_decay_on_top(case: str) -> None:
    """Before the first update, with the reason and what to write."""
    answer, message = DECAYS[case]
    net = FreeNet("plain", answer)

    with pytest.raises(ScheduleError, match=message):
        fit(net)

    assert net.used == []


RISING: dict[str, tuple[Callable[[Any], Any], list[L.Callback]]] = {
    "constant": (under("hold()"), []),
    "a warmup": (under("warmup(3) >> hold()"), []),
    "a warmup callback": (under("hold()"), [LRWarmup(3)]),
}


@pytest.mark.parametrize("case", RISING)
def test_serves_a_warmup_on_top(case: str) -> None:
    """The LR only rises."""
    answer, callbacks = RISING[case]
    net = FreeNet("plain", answer)
    fit(net, *callbacks)

    assert [lr for (lr,) in net.used] == sorted(lr for (lr,) in net.used)
    assert net.used[-1] == [0.1]


def test_refuses_a_run_without_a_schedule_free_optimizer() -> None:
    """The callback would do nothing."""
    with pytest.raises(ScheduleError, match=r"no optimizer of this run has train\(\) and eval\(\) \(AdamW\)"):
        fit(FreeNet(AdamW))


# --- the effective LR -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["SGDScheduleFree", "AdamWScheduleFree"])
def test_the_monitor_shows_the_lr_that_is_used(kind: str) -> None:
    """A warmup inside of the optimizer leaves its ``lr`` alone."""
    lr = 0.1 if kind == "SGDScheduleFree" else 0.02
    monitor = LRMonitor()
    net = FreeNet(kind)
    fit(net, monitor, log_every_n_steps=1, max_epochs=1)
    effective = monitor.history["lr_effective/optimizer"]
    expected = [lr * min(update + 1, 3) / 3 for update in range(8)]

    assert effective == pytest.approx(expected)
    assert monitor.history["lr/optimizer"] == [lr] * 8


def test_the_monitor_shows_the_lr_that_prodigy_finds() -> None:
    """d * lr with the d from before each update, which a loop by hand reads."""
    prodigy = pytest.importorskip("prodigyopt")
    monitor, net, hand = LRMonitor(), FreeNet(lambda params: prodigy.Prodigy(params, lr=0.5)), network()
    run = trainer(max_epochs=1, limit_val_batches=0, log_every_n_steps=1, callbacks=[monitor])
    run.fit(net, loader(8))
    optimizer = prodigy.Prodigy(hand.parameters(), lr=0.5)
    expected = []
    for update in range(8):
        optimizer.zero_grad()
        loss_of(hand, samples(8).split(BATCH)[update]).backward()
        expected.append(0.5 * optimizer.param_groups[0]["d"])
        optimizer.step()

    assert monitor.history["lr_effective/optimizer"] == expected
    assert expected[-1] > 2 * expected[0]
    assert weights(net) == weights(hand)
