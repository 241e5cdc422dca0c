"""What only the run itself shows: the mistake gives its finding, the right twin gives none."""

from __future__ import annotations

import json
import math
import warnings
from collections import OrderedDict
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins import MixedPrecision
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit import (
    LRMonitor,
    LRWarmup,
    ReduceOnPlateau,
    ScheduledLR,
    ScheduleError,
    ScheduleWarning,
    configure_optimizers,
    cosine,
    horizon_of,
)
from tests.helpers.fits import Probe, WrongLength, data, fit
from tests.helpers.runs import stream
from tests.helpers.runs import trainer as quiet_trainer
from tests.helpers.script import run_script
from tests.helpers.twins import codes

Make = Callable[[Any, Any], Any]


def ours(net: Probe, optimizer: Any) -> Any:
    """The helper's scheduler."""
    return configure_optimizers(optimizer, cosine(), net.trainer)["lr_scheduler"]


def ours_per_epoch(net: Probe, optimizer: Any) -> Any:
    """The helper's scheduler, which moves once per epoch."""
    return configure_optimizers(optimizer, cosine(), net.trainer, interval="epoch")["lr_scheduler"]


def self_made(net: Probe, optimizer: Any) -> Any:
    """A scheduler of this package that the user made, so that the helper does not step it."""
    return {"scheduler": ScheduledLR(optimizer, cosine(), horizon_of(net.trainer)), "interval": "step"}


def self_made_per_epoch(net: Probe, optimizer: Any) -> Any:
    """The same, once per epoch."""
    return {"scheduler": ScheduledLR(optimizer, cosine(), horizon_of(net.trainer, "epoch")), "interval": "epoch"}


def cosine_of(steps: int) -> Make:
    """torch's cosine of that length."""
    return lambda net, optimizer: torch_lr.CosineAnnealingLR(optimizer, steps)


def cosine_of_updates(net: Probe, optimizer: Any) -> Any:
    """torch's cosine over the updates of the run."""
    return torch_lr.CosineAnnealingLR(optimizer, net.trainer.estimated_stepping_batches)


def cosine_of_epochs(net: Probe, optimizer: Any) -> Any:
    """torch's cosine over the epochs of the run."""
    return torch_lr.CosineAnnealingLR(optimizer, net.trainer.max_epochs)


def decay(net: Probe, optimizer: Any) -> Any:
    """A scheduler of which nobody knows what it counts."""
    return torch_lr.ExponentialLR(optimizer, 0.9)


def declared(net: Probe, optimizer: Any) -> Any:
    """The same, declared to move per step."""
    return {"scheduler": decay(net, optimizer), "interval": "step"}


def reaction(net: Probe, optimizer: Any) -> Any:
    """torch's plateau."""
    return torch_lr.ReduceLROnPlateau(optimizer)


def answer_of(make: Make) -> Any:
    """``configure_optimizers`` with what ``make`` gives for module and optimizer."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        made = make(net, optimizer)
        return {"optimizer": optimizer, "lr_scheduler": made}

    return answer


class FirstFinding(Callback):
    """Keeps the epoch at whose beginning the monitor has its first finding; stands after the monitor."""

    def __init__(self, monitor: LRMonitor) -> None:
        self.monitor = monitor
        self.epoch: int | None = None

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Keep it."""
        if self.epoch is None and self.monitor.findings:
            self.epoch = trainer.current_epoch


# --- stepped by hand --------------------------------------------------------------------------------------------------


class Manual(Probe):
    """Manual optimization; ``when`` is where the module steps its scheduler."""

    when = "never"
    every = 1

    def __init__(self, answer: Any) -> None:
        super().__init__(answer)
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Step the optimizer."""
        optimizer = self.optimizers()
        optimizer.zero_grad()
        self.manual_backward(super().training_step(batch, batch_idx))
        optimizer.step()
        if self.when == "step":
            self._move()

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Here Lightning's documentation steps a scheduler every few epochs."""
        if self.when == "last batch" and self.trainer.is_last_batch and (self.current_epoch + 1) % self.every == 0:
            self._move()

    def on_train_epoch_end(self) -> None:
        """After the callbacks' hook."""
        if self.when == "epoch":
            self._move()

    def _move(self) -> None:
        scheduler: Any = self.lr_schedulers()
        scheduler.step(*([torch.ones(())] if isinstance(scheduler, torch_lr.ReduceLROnPlateau) else []))


def restarts(net: Probe, optimizer: Any) -> Any:
    """torch's warm restarts, whose own ``step`` does not count as torch's others do."""
    return {"scheduler": torch_lr.CosineAnnealingWarmRestarts(optimizer, 32), "interval": "step"}


NEVER = [
    (self_made, 4, 1, "ScheduledLR was never stepped in 8 updates of its optimizer"),
    (self_made_per_epoch, 4, 1, "ScheduledLR was never stepped in 8 updates"),
    (cosine_of(32), 4, 1, "CosineAnnealingLR was never stepped in 8 updates"),
    (declared, 4, 1, "ExponentialLR was never stepped in 8 updates"),
    (restarts, 4, 1, "CosineAnnealingWarmRestarts was never stepped in 8 updates"),
    (cosine_of(999), 4, 2, "CosineAnnealingLR was never stepped in 16 updates"),
    (cosine_of(4), 4, 2, "CosineAnnealingLR was never stepped in 16 updates"),
    (decay, 5, 3, "ExponentialLR was never stepped in 24 updates"),
    (reaction, 4, 2, "ReduceLROnPlateau was never stepped in 16 updates"),
    (decay, 1, None, "ExponentialLR was never stepped in 8 updates"),
]


@pytest.mark.parametrize(("make", "epochs", "epoch", "text"), NEVER)
def test_a_scheduler_that_nobody_steps(make: Make, epochs: int, epoch: int | None, text: str) -> None:
    """Reported after the first epoch if the scheduler surely counts updates, otherwise after half of the run."""
    monitor = LRMonitor()
    first = FirstFinding(monitor)
    with pytest.warns(ScheduleWarning, match=f"LR501: {text}.*manual optimization.*Call self.lr_schedulers") as caught:
        fit(Manual(answer_of(make)), monitor, first, max_epochs=epochs)

    assert first.epoch == epoch
    assert sum("was never stepped" in str(warning.message) for warning in caught) == 1
    assert codes(monitor) == ["LR501"]


@pytest.mark.parametrize(
    ("make", "when", "every"),
    [
        (ours, "never", 1),
        (ours, "step", 1),
        (ours_per_epoch, "never", 1),
        (ours_per_epoch, "epoch", 1),
        (self_made, "step", 1),
        (self_made_per_epoch, "epoch", 1),
        (cosine_of_updates, "step", 1),
        (cosine_of_epochs, "epoch", 1),
        (declared, "step", 1),
        (restarts, "step", 1),
        (decay, "last batch", 2),
        (decay, "last batch", 3),
        (reaction, "epoch", 1),
    ],
)
@pytest.mark.parametrize("epochs", [1, 5])
def test_a_scheduler_that_the_module_steps(make: Make, when: str, every: int, epochs: int) -> None:
    """The right twins, wherever the module steps: no finding, and ``strict`` raises nothing."""
    monitor, net = LRMonitor(strict=True), Manual(answer_of(make))
    net.when, net.every = when, min(every, epochs)
    fit(net, monitor, max_epochs=epochs, validate=True, val_check_interval=0.5)

    assert monitor.findings == ()


def test_several_updates_in_a_batch_are_one_step_of_the_schedule() -> None:
    """A critic that is updated five times a batch, with a schedule made by hand that moves once: as many steps as it was made for."""

    class Critic(Manual):
        def training_step(self, batch: Any, batch_idx: int) -> None:
            for _ in range(5):
                super().training_step(batch, batch_idx)
            self._move()

    monitor = LRMonitor(strict=True)
    fit(Critic(answer_of(self_made)), monitor, max_epochs=4)

    assert monitor.findings == ()


def test_a_schedule_per_update_that_is_stepped_per_epoch() -> None:
    """Our scheduler knows what it counts: one step per epoch is too few."""
    net = Manual(answer_of(self_made))
    net.when = "epoch"
    with pytest.warns(ScheduleWarning, match="LR501: ScheduledLR was stepped 1 time in 8 updates"):
        fit(net, LRMonitor(), max_epochs=3)


class EveryFourth(Manual):
    """Makes an update of four batches by hand, and steps after each of them."""

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """Step at every fourth batch."""
        if (batch_idx + 1) % 4 == 0:
            super().training_step(batch, batch_idx)
            self._move()


PACES: list[tuple[Make, type[Manual], str, str]] = [
    (
        cosine_of_updates,
        EveryFourth,
        "never",
        "T_max=32, and took 2 steps .* takes 8 in the run, so only 25% .*Write T_max=8",
    ),
    (
        cosine_of(3),
        Manual,
        "step",
        "T_max=3, and took 8 steps .* takes 32 in the run, so it ends long before.*Write T_max=32",
    ),
    (cosine_of_updates, Manual, "epoch", "T_max=32, and took 1 step .* takes 4 in the run, so only 12%"),
    (cosine_of_updates, Manual, "step", ""),
    (cosine_of_epochs, Manual, "epoch", ""),
    (cosine_of(8), EveryFourth, "never", ""),
    (decay, EveryFourth, "never", ""),
    (restarts, EveryFourth, "never", ""),
]


@pytest.mark.parametrize(("make", "net", "when", "text"), PACES)
def test_the_steps_of_the_first_epoch(make: Make, net: type[Manual], when: str, text: str) -> None:
    """They are held against the length of a decay as soon as the first epoch is over."""
    monitor, module = LRMonitor(), net(answer_of(make))
    module.when = when
    first = FirstFinding(monitor)
    with pytest.warns(ScheduleWarning, match=f"LR507: CosineAnnealingLR has {text}") if text else nullcontext():
        fit(module, monitor, first, max_epochs=4)

    assert codes(monitor) == ["LR507"] * bool(text)
    assert first.epoch == (1 if text else None)


@pytest.mark.parametrize(
    ("loader", "steps", "text"),
    [
        (lambda: stream(8), 12, "T_max=12, and took 8 steps .* takes 32 in the run, so it ends long before"),
        (lambda: stream(8), 64, "T_max=64, and took 8 steps .* takes 32 in the run, so only 50%"),
        (lambda: stream(8), 32, ""),
        (lambda: WrongLength(4), 32, "T_max=32, and took 4 steps .* takes 16 in the run, so only 50%"),
        (lambda: WrongLength(8), 32, ""),
    ],
)
def test_a_length_that_only_the_first_epoch_shows(loader: Callable[[], Any], steps: int, text: str) -> None:
    """A dataloader without a length, or with a wrong length, is found by the steps of Lightning."""

    class Streaming(Probe):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            return self.weights[0].square().sum()

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        scheduler = torch_lr.CosineAnnealingLR(optimizer, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    monitor = LRMonitor()
    with pytest.warns(ScheduleWarning, match=f"LR507: CosineAnnealingLR has {text}") if text else nullcontext():
        quiet_trainer(max_epochs=4, callbacks=[monitor]).fit(Streaming(answer), loader())

    assert codes(monitor) == ["LR507"] * bool(text)


# --- stepped by hand and by Lightning ---------------------------------------------------------------------------------


class ByHand(Probe):
    """Steps its scheduler in a way that its code does not show; ``where`` is the hook."""

    where = ""

    def _move(self, where: str) -> None:
        if where == self.where:
            HELD["scheduler"].step()

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """In the step, under automatic optimization."""
        self._move("training_step")
        return super().training_step(batch, batch_idx)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """After the update."""
        super().optimizer_step(*args, **kwargs)
        self._move("optimizer_step")

    def on_train_epoch_end(self) -> None:
        """Once per epoch."""
        self._move("on_train_epoch_end")

    def on_train_start(self) -> None:
        """Once, to leave a first LR of 0."""
        self._move("on_train_start")


HELD: dict[str, Any] = {}


@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize("where", ["training_step", "optimizer_step", "on_train_epoch_end", "on_train_start", ""])
@pytest.mark.filterwarnings("ignore:Detected call of")  # torch's, about a step before the first update
def test_a_scheduler_that_is_stepped_by_hand_too(interval: str, where: str) -> None:
    """Lightning's own steps are counted, so the hand that steps does not have to be read from the code."""

    def answer(net: Probe) -> Any:
        optimizer = net.sgd()
        HELD["scheduler"] = torch_lr.ExponentialLR(optimizer, 0.99)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": HELD["scheduler"], "interval": interval}}

    is_found = where in ("training_step", "optimizer_step") or (where == "on_train_epoch_end" and interval == "epoch")
    monitor, net = LRMonitor(), ByHand(answer)
    net.where = where
    expected = rf"LR241: ExponentialLR was stepped \d+ times in .*: Lightning steps it \(interval='{interval}'\)"
    with pytest.warns(ScheduleWarning, match=expected) if is_found else nullcontext():
        fit(net, monitor, max_epochs=3, batches=120 if where == "on_train_epoch_end" else 8)

    assert codes(monitor) == ["LR241"] * is_found


def test_validation_is_soon_enough() -> None:
    """In a long epoch the warning comes at the first validation."""
    with pytest.warns(ScheduleWarning, match="LR501: ScheduledLR was never stepped in 2 updates"):
        fit(Manual(answer_of(self_made)), LRMonitor(), validate=True, val_check_interval=2)


def test_strict_raises_where_ours_is_never_stepped() -> None:
    """``strict`` stops a run whose schedule does not move."""
    with pytest.raises(
        ScheduleError, match=r"LRMonitor\(strict=True\): LR501: ScheduledLR was never stepped in 8 updates"
    ):
        fit(Manual(answer_of(self_made)), LRMonitor(strict=True), max_epochs=3)


def test_a_trial_has_no_finding() -> None:
    """``fast_dev_run`` ends too early to know whether such a scheduler should have been stepped."""
    monitor = LRMonitor()
    fit(Manual(answer_of(decay)), monitor, fast_dev_run=True)

    assert monitor.findings == ()


def test_validation_after_the_run_has_no_finding() -> None:
    """``validate`` after a trial is no later moment of it."""
    net, monitor = Manual(answer_of(decay)), LRMonitor()
    trainer = fit(net, monitor, fast_dev_run=True)
    trainer.validate(net, data(1), verbose=False)

    assert monitor.findings == ()


class Hooked(Probe):
    """Has its own ``lr_scheduler_step``."""

    steps = True

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step, or forget to."""
        if self.steps:
            scheduler.step()


@pytest.mark.parametrize("make", [ours, ours_per_epoch, cosine_of(24), declared])
@pytest.mark.parametrize("steps", [True, False])
@pytest.mark.filterwarnings("ignore:LR202")  # the other mistake of the bare cosine
def test_a_hook_that_does_not_step(make: Make, steps: bool) -> None:
    """A module whose ``lr_scheduler_step`` does not step the scheduler is reported."""
    monitor, net = LRMonitor(), Hooked(answer_of(make))
    net.steps = steps
    expected = "LR501: .* was never stepped in 8 updates of its optimizer: the module has its own lr_scheduler_step"
    with nullcontext() if steps else pytest.warns(ScheduleWarning, match=expected):
        fit(net, monitor, max_epochs=3)

    assert steps is not ("LR501" in codes(monitor))


# --- updates that did not happen --------------------------------------------------------------------------------------


class Skips(Probe):
    """Some updates do not happen; ``how`` is the reason."""

    how = ""
    batches: Any = (1, 4, 6)

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """A loss that overflows, or none."""
        loss = super().training_step(batch, batch_idx)
        if batch_idx not in self.batches:
            return loss
        return None if self.how == "None" else loss * (math.inf if self.how == "scaler" else 1.0)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        """-1 ends the epoch, and Lightning steps the scheduler once more."""
        return -1 if self.how == "-1" and batch_idx in self.batches else None


def skipping(net: Skips, *callbacks: Callback, **options: Any) -> None:
    """Fit, under a GradScaler if that is the reason."""
    if net.how == "scaler":
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
        options["plugins"] = [MixedPrecision("16-mixed", "cpu", scaler)]
    with warnings.catch_warnings():
        # Lightning's, about the skipped update that is tested.
        warnings.filterwarnings("ignore", message="`training_step` returned `None`")
        fit(net, *callbacks, **options)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("scaler", "ExponentialLR was stepped 8 times in 5 updates of its optimizer"),
        ("None", "ExponentialLR was stepped 8 times in 5 updates"),
        pytest.param(
            "-1",
            "ExponentialLR was stepped 2 times in 1 update of",
            marks=pytest.mark.needs("lightning>=2.6", "before it, the batch that -1 skips steps no scheduler"),
        ),
    ],
)
def test_updates_that_did_not_happen_are_counted(how: str, text: str) -> None:
    """A scheduler of torch runs ahead of the updates: reported once, after the first epoch, with the fix."""
    monitor, net = LRMonitor(), Skips(answer_of(declared))
    net.how = how
    first = FirstFinding(monitor)
    with pytest.warns(ScheduleWarning, match=f"LR502: {text}.*Write lr_toolkit.scheduler_config") as caught:
        skipping(net, monitor, first, max_epochs=3)

    assert first.epoch == 1
    assert sum("was stepped" in str(warning.message) for warning in caught) == 1
    assert codes(monitor) == ["LR502"]


@pytest.mark.parametrize(
    ("make", "how"), [(ours, "scaler"), (ours, "None"), (ours, "-1"), (ours, ""), (declared, ""), (decay, "-1")]
)
def test_updates_that_happened_are_counted(make: Make, how: str) -> None:
    """Ours counts what happened; a scheduler of torch has no finding if every update did, accumulated or not."""
    for accumulate in (1,) if how else (1, 3):
        monitor, net = LRMonitor(), Skips(answer_of(make))
        net.how = how
        skipping(net, monitor, max_epochs=2, accumulate_grad_batches=accumulate)

        assert monitor.findings == ()


def test_a_scaler_that_finds_its_scale_is_right() -> None:
    """One skipped update in a hundred is not reported; one in fifty is."""
    for skipped, is_reported in (((7,), False), ((7, 70), True)):
        monitor, net = LRMonitor(), Skips(answer_of(declared))
        net.how, net.batches = "scaler", skipped
        with pytest.warns(ScheduleWarning, match="120 times in 118 updates") if is_reported else nullcontext():
            skipping(net, monitor, batches=120)

        assert bool(monitor.findings) is is_reported


class Forgetful(torch.optim.SGD):
    """Drops the gradients in its step, as optimizers that save memory do."""

    def step(self, closure: Any = None) -> Any:
        """Step and forget."""
        loss = super().step(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None
        return loss


def test_gradients_that_the_optimizer_takes_away() -> None:
    """If no update leaves a gradient, skipped ones cannot be recognized, and nothing is reported."""

    def answer(net: Probe) -> Any:
        optimizer = Forgetful(net.parameters(), lr=0.1)
        return {"optimizer": optimizer, "lr_scheduler": declared(net, optimizer)}

    monitor = LRMonitor()
    fit(Probe(answer), monitor, max_epochs=2)

    assert monitor.findings == ()


class Wrapper(torch.optim.Optimizer):
    """Delegates its steps to another optimizer, as Lookahead does; its own hooks are never called."""

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        vars(self).update(vars(inner))
        self._optimizer_step_post_hooks: Any = OrderedDict()
        self.inner = inner

    def step(self, closure: Any = None) -> Any:
        """Step the other optimizer."""
        return self.inner.step(closure)


def test_an_optimizer_without_hooks() -> None:
    """If no update at all is seen, the optimizer hides them, and nothing is reported."""

    def answer(net: Probe) -> Any:
        optimizer = Wrapper(torch.optim.SGD(net.parameters(), lr=0.1))
        return {"optimizer": optimizer, "lr_scheduler": declared(net, optimizer)}

    monitor = LRMonitor()
    fit(Probe(answer), monitor, max_epochs=2)

    assert monitor.findings == ()


def test_a_frozen_group_is_no_missing_gradient() -> None:
    """A group without gradients beside one that learns does not count as an update that did not happen."""
    net, monitor = Probe(answer_of(declared), groups=2), LRMonitor()
    net.weights[0].requires_grad_(False)
    fit(net, monitor, LRWarmup("2 steps"), max_epochs=2)

    assert monitor.findings == ()


def test_no_hook_stays_on_the_optimizer() -> None:
    """Counting ends with the run."""
    net = Probe(lambda net: {"optimizer": net.sgd(), "lr_scheduler": {"scheduler": None}})
    net.answer = answer_of(declared)
    trainer = fit(net, LRMonitor())
    hooks = trainer.optimizers[0]._optimizer_step_post_hooks

    assert [hook for hook in hooks.values() if "lr_toolkit" in hook.__module__] == []


# --- of this package's own schedulers ---------------------------------------------------------------------------------


class Reloaded(Probe):
    """Reloads a dataloader of another length for each epoch."""

    lengths = (4, 6, 8)

    def train_dataloader(self) -> Any:
        """The one for the epoch that begins."""
        return data(self.lengths[self.current_epoch])


@pytest.mark.parametrize("lengths", [(4, 6, 8), (4, 4, 4)])
def test_epochs_that_turn_out_to_be_longer(lengths: tuple[int, ...]) -> None:
    """A dataloader that is reloaded with another length is no mistake: the schedule is recalculated when the epoch begins."""
    net, monitor = Reloaded(answer_of(ours)), LRMonitor()
    net.lengths = lengths
    trainer = quiet_trainer(callbacks=[monitor], max_epochs=3, reload_dataloaders_every_n_epochs=1)
    trainer.fit(net)

    assert monitor.findings == ()
    assert trainer.lr_scheduler_configs[0].scheduler.planned(sum(lengths)) == [0.0]


@pytest.mark.parametrize(
    ("options", "is_reported"),
    [
        ({"max_epochs": 1, "max_steps": 100}, True),
        ({"max_epochs": 2, "max_steps": 100}, False),
        ({"max_epochs": 9, "max_steps": 10}, False),
        ({"max_steps": 10}, False),
        ({"max_epochs": 2, "max_steps": 100, "limit_train_batches": 6}, False),
    ],
)
def test_a_stream_that_max_epochs_ends(options: dict[str, int], is_reported: bool) -> None:
    """A dataloader without length, and ``max_epochs`` before ``max_steps``: reported when the run ends."""
    net, monitor = Probe(answer_of(ours)), LRMonitor()
    trainer = quiet_trainer(callbacks=[monitor], **options)
    expected = r"LR505: .*made for 100 updates, and the run has ended after 6.*Trainer\(max_epochs=-1, max_steps=6\)"
    with pytest.warns(ScheduleWarning, match=expected) if is_reported else nullcontext():
        trainer.fit(net, stream(6))

    assert codes(monitor) == ["LR505"] * is_reported


def test_a_stream_that_early_stopping_ends() -> None:
    """A run that is stopped on purpose is right."""
    net, monitor = Probe(answer_of(ours)), LRMonitor()
    net.on_train_epoch_end = lambda: setattr(net.trainer, "should_stop", True)
    quiet_trainer(callbacks=[monitor], max_epochs=1, max_steps=100).fit(net, stream(6))

    assert monitor.findings == ()


def by_hand(net: Probe, optimizer: Any) -> Any:
    """A scheduler with a plateau, in a dict without the helper."""
    plateau = ReduceOnPlateau(monitor="val_loss", patience=0)
    scheduler = ScheduledLR(optimizer, "hold()", horizon_of(net.trainer), plateau=plateau)
    return {"scheduler": scheduler, "interval": "step", "monitor": "val_loss"}


def by_helper(net: Probe, optimizer: Any) -> Any:
    """The same by the helper, which would read at update 100, and so never does."""
    plateau = ReduceOnPlateau(monitor="loss", every=100)
    return configure_optimizers(optimizer, "hold()", net.trainer, plateau=plateau)["lr_scheduler"]


class Feeds(Probe):
    """Hands over its metric itself."""

    def on_validation_epoch_end(self) -> None:
        """Not in the sanity validation, which has no scheduler yet."""
        if not self.trainer.sanity_checking:
            self.lr_schedulers().observe(1.0)


def test_a_plateau_that_nobody_feeds() -> None:
    """Nothing reads the metric of a plateau in a dict written by hand: reported after the first epoch, with the fix."""
    monitor = LRMonitor()
    first = FirstFinding(monitor)
    with pytest.warns(ScheduleWarning, match=r"LR506: .*'val_loss'\) was given no reading.*scheduler_config.*observe"):
        fit(Probe(answer_of(by_hand)), monitor, first, max_epochs=3, validate=True)

    assert first.epoch == 1
    assert codes(monitor) == ["LR506"]


def test_a_plateau_that_the_module_feeds() -> None:
    """``observe`` hands over the metric: no finding."""
    net, monitor = Feeds(answer_of(by_hand)), LRMonitor()
    fit(net, monitor, max_epochs=3, validate=True)

    assert monitor.findings == ()
    assert net.used[-1][1] == pytest.approx([0.01])


def test_a_plateau_that_the_helper_feeds() -> None:
    """If the helper's reader has read nothing, the reader itself warns."""
    monitor = LRMonitor()
    with pytest.warns(ScheduleWarning, match=r"^LR410: .*ended before its update 100.*every=1\)"):
        fit(Probe(answer_of(by_helper)), monitor, max_epochs=2)

    assert codes(monitor) == ["LR410"]


def test_each_of_several_schedulers_is_named() -> None:
    """With several schedulers ``self.lr_schedulers()`` is a list: each finding names the optimizer, and the call by its index."""

    class Two(Manual):
        def training_step(self, batch: Any, batch_idx: int) -> None:
            for optimizer in self.optimizers():
                optimizer.zero_grad()
                self.manual_backward(Probe.training_step(self, batch, batch_idx))
                optimizer.step()

    def answer(net: Probe) -> Any:
        optimizers = [net.sgd(), net.sgd()]
        return optimizers, [self_made(net, each) for each in optimizers]

    monitor = LRMonitor()
    with pytest.warns(ScheduleWarning, match="never stepped"):
        fit(Two(answer), monitor, max_epochs=2)

    assert codes(monitor) == ["LR501", "LR501"]
    for index, finding in enumerate(monitor.findings):
        assert f"(SGD, self.optimizers()[{index}])" in finding.text
        assert f"Call self.lr_schedulers()[{index}].step() after optimizer.step()" in finding.text


# --- ranks ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drifting(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the monitor reported on each of two gloo ranks in each of the runs of ``drifting_ranks.py``."""
    folder = tmp_path_factory.mktemp("drifting")
    run_script("tests.helpers.drifting_ranks", folder)

    return {path.stem: json.loads(path.read_text("utf-8")) for path in folder.glob("*.json")}


@pytest.mark.slow
def test_ranks_that_follow_their_own_metric(drifting: dict[str, Any]) -> None:
    """Plateaus that read the loss of their own rank: reported on the first rank before they step; the LRs drift apart."""
    first, second = drifting["own-0"], drifting["own-1"]

    assert first["lr"] != second["lr"]
    (finding,) = first["findings"]
    assert finding.startswith("LR503: Every rank has its own 'val_loss'")
    assert first["since"] == 0
    assert second["findings"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["synced", "reduced", "ours", "late"])
def test_ranks_that_agree(name: str, drifting: dict[str, Any]) -> None:
    """With ``sync_dist``, a mean by the module itself, or our plateau the LRs stay equal: no finding."""
    first, second = drifting[f"{name}-0"], drifting[f"{name}-1"]

    assert first["lr"] == second["lr"]
    assert first["findings"] == second["findings"] == []
