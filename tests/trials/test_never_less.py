"""The monitor never stops a run that works without it: unusual optimizers, schedulers and loops, with default arguments.

Each run is made twice, without a monitor and with it. The weights, the LRs of every update and the progress are the same.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import (
    BackboneFinetuning,
    Callback,
    EarlyStopping,
    GradientAccumulationScheduler,
    LearningRateMonitor,
    StochasticWeightAveraging,
    Timer,
)
from torch.optim import LBFGS, SGD, Adam, AdamW, Optimizer, lr_scheduler

from lr_toolkit import Horizon, LRMonitor, LRWarmup, ScheduledLR
from tests.helpers import runs
from tests.helpers.fits import csv_logger

# --- the module ------------------------------------------------------------------------------------------------------------------


class ThreeLayers(L.LightningModule):
    """Three layers; ``used`` has the LR of each batch's end. Entries override ``configure_optimizers`` or ``training_step``."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = torch.nn.Linear(1, 3)
        self.middle = torch.nn.Linear(3, 3)
        self.head = torch.nn.Linear(3, 1)
        self.used: list[Any] = []

    def loss(self, batch: Any) -> torch.Tensor:
        """A loss that gives every weight a gradient."""
        value: torch.Tensor = self.head(self.middle(self.backbone(batch[0])).tanh()).square().mean()
        return value

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        loss = self.loss(batch)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.log("val_loss", self.loss(batch))

    def on_train_batch_end(self, *_: Any) -> None:
        """Record the LRs."""
        self.used.append(
            [str(group.get("lr")) for optimizer in self.trainer.optimizers for group in optimizer.param_groups]
        )

    def configure_optimizers(self) -> Any:
        return SGD(self.parameters(), lr=0.1)


# --- optimizers ------------------------------------------------------------------------------------------------------------------


class WithOptimizer(ThreeLayers):
    """A net with the optimizer of a subclass."""

    def build(self) -> Any:
        """The optimizer."""
        return SGD(self.parameters(), lr=0.1)

    def configure_optimizers(self) -> Any:
        return self.build()


class Hybrid(Optimizer):
    """Delegates to two optimizers, and does not call torch's constructor."""

    def __init__(self, first: Iterable[Any], second: Iterable[Any]) -> None:
        self.optimizers = [SGD(first, lr=0.1, momentum=0.9), AdamW(second, lr=0.01)]
        self.param_groups = [group for each in self.optimizers for group in each.param_groups]
        self.state, self.defaults = {}, {}

    def step(self, closure: Any = None) -> Any:
        """Step both."""
        loss = closure() if closure else None
        for each in self.optimizers:
            each.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        for each in self.optimizers:
            each.zero_grad(set_to_none)

    def state_dict(self) -> Any:
        return [each.state_dict() for each in self.optimizers]


class HybridNet(WithOptimizer):
    def build(self) -> Any:
        return Hybrid(self.backbone.parameters(), [*self.middle.parameters(), *self.head.parameters()])


class ByDict(Hybrid):
    """Keeps its optimizers in a dict."""

    def __init__(self, first: Iterable[Any], second: Iterable[Any]) -> None:
        super().__init__(first, second)
        self.by_name = dict(zip("ab", self.optimizers, strict=True))


class ByDictNet(WithOptimizer):
    def build(self) -> Any:
        return ByDict(self.backbone.parameters(), [*self.middle.parameters(), *self.head.parameters()])


class Nested(Hybrid):
    """Keeps its optimizers in a dict of lists."""

    def __init__(self, first: Iterable[Any], second: Iterable[Any]) -> None:
        super().__init__(first, second)
        muon, adamw = vars(self).pop("optimizers")
        self.by_kind = {"muon": [muon], "adamw": (adamw,)}

    def __getattr__(self, name: str) -> Any:
        if name == "optimizers":
            return [each for kind in self.by_kind.values() for each in kind]
        raise AttributeError(name)


class NestedNet(WithOptimizer):
    def build(self) -> Any:
        return Nested(self.backbone.parameters(), [*self.middle.parameters(), *self.head.parameters()])


class Hidden(Optimizer):
    """Steps an optimizer that only a closure holds."""

    def __init__(self, inner: Optimizer) -> None:
        self.param_groups, self.state, self.defaults = inner.param_groups, inner.state, inner.defaults
        self.steps = inner.step

    def step(self, closure: Any = None) -> Any:
        return self.steps(closure)

    def zero_grad(self, set_to_none: bool = True) -> None:
        for group in self.param_groups:
            for weight in group["params"]:
                weight.grad = None


class HiddenNet(WithOptimizer):
    def build(self) -> Any:
        return Hidden(SGD(self.parameters(), lr=0.1))


class HiddenScheduledNet(WithOptimizer):
    def configure_optimizers(self) -> Any:
        optimizer = Hidden(SGD(self.parameters(), lr=0.1))
        return [optimizer], [{"scheduler": lr_scheduler.ExponentialLR(optimizer, 0.9), "interval": "step"}]


class OddLR(SGD):
    """Has something else than a number as its LR, and ignores it."""

    def step(self, closure: Any = None) -> Any:
        return closure() if closure else None


def decay(update: int) -> float:
    """An LR for each update."""
    return 0.1 / (1 + update)


class FunctionLRNet(WithOptimizer):
    def build(self) -> Any:
        return OddLR([{"params": self.parameters(), "lr": decay}], lr=0.1)


class VectorLRNet(WithOptimizer):
    def build(self) -> Any:
        return OddLR([{"params": self.parameters(), "lr": torch.tensor([0.1, 0.2])}], lr=0.1)


class Lookahead(Optimizer):
    """Steps an inner optimizer, and every second time goes back half of the way."""

    def __init__(self, inner: Optimizer) -> None:
        self.inner, self.count = inner, 0
        self.param_groups, self.state, self.defaults = inner.param_groups, inner.state, inner.defaults
        self.slow = [weight.detach().clone() for group in self.param_groups for weight in group["params"]]

    @property
    def weights(self) -> list[Any]:
        """All weights."""
        return [weight for group in self.param_groups for weight in group["params"]]

    def step(self, closure: Any = None) -> Any:
        loss = self.inner.step(closure)
        self.count += 1
        if self.count % 2 == 0:
            for slow, weight in zip(self.slow, self.weights, strict=True):
                slow.lerp_(weight.detach(), 0.5)
                weight.data.copy_(slow)
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.inner.zero_grad(set_to_none)


class LookaheadNet(WithOptimizer):
    def build(self) -> Any:
        return Lookahead(Adam(self.parameters(), lr=0.01))


class Sam(Optimizer):
    """Sharpness-aware minimization: climbs, evaluates again, and steps an inner optimizer."""

    def __init__(self, params: Any, lr: float) -> None:
        super().__init__(params, {"lr": lr, "rho": 0.05})
        self.base = SGD(self.param_groups, lr=lr)
        self.param_groups = self.base.param_groups

    def step(self, closure: Any = None) -> Any:
        loss = closure()
        moved = []
        for group in self.param_groups:
            for weight in group["params"]:
                move = group["rho"] * weight.grad
                weight.data.add_(move)
                moved.append((weight, move))
        closure()
        for weight, move in moved:
            weight.data.sub_(move)
        self.base.step()
        return loss


class SamNet(WithOptimizer):
    def build(self) -> Any:
        return Sam(self.parameters(), lr=0.1)


class SGDScheduleFree(SGD):
    """Keeps an LR of its own beside the one that it was given, as schedule-free optimizers do."""

    def step(self, closure: Any = None) -> Any:
        loss = super().step(closure)
        for group in self.param_groups:
            group["scheduled_lr"] = group["lr"] * min(1.0, (group.setdefault("k", 0) + 1) / 5)
            group["k"] += 1
        return loss


class ScheduleFreeNet(WithOptimizer):
    def build(self) -> Any:
        return SGDScheduleFree(self.parameters(), lr=0.1)


class Prodigy(Optimizer):
    """Steps by its own estimate d, and uses the LR as a factor of it."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {"lr": 1.0, "d": 1e-2})

    def step(self, closure: Any = None) -> Any:
        loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                weight.data.sub_(group["d"] * group["lr"] * weight.grad)
            group["d"] *= 1.1
        return loss


class ProdigyNet(WithOptimizer):
    def build(self) -> Any:
        return Prodigy(self.parameters())


class WithoutLR(Optimizer):
    """Has no LR at all."""

    def __init__(self, params: Any) -> None:
        super().__init__(params, {})

    def step(self, closure: Any = None) -> Any:
        loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                weight.data.sub_(0.05 * weight.grad.sign())
        return loss


class WithoutLRNet(WithOptimizer):
    def build(self) -> Any:
        return WithoutLR(self.parameters())


class NoneLR(WithoutLR):
    """Computes its own LR, as Adafactor does."""

    def __init__(self, params: Any) -> None:
        Optimizer.__init__(self, params, {"lr": None})


class NoneLRNet(WithOptimizer):
    def build(self) -> Any:
        return NoneLR(self.parameters())


class PartlyLRNet(WithOptimizer):
    def build(self) -> Any:
        optimizer = NoneLR([{"params": self.backbone.parameters()}, {"params": self.head.parameters()}])
        optimizer.param_groups[0]["lr"] = 0.1
        return optimizer


class LBFGSNet(WithOptimizer):
    def build(self) -> Any:
        return LBFGS(self.parameters(), lr=0.5, max_iter=3)


class EmptyGroupNet(WithOptimizer):
    def build(self) -> Any:
        return SGD([{"params": self.parameters()}, {"params": [], "lr": 0.5}], lr=0.1)


class TensorNet(WithOptimizer):
    def build(self) -> Any:
        return Adam(
            [{"params": list(layer.parameters())} for layer in (self.backbone, self.head)], lr=torch.tensor(0.01)
        )


class MixedNet(WithOptimizer):
    def build(self) -> Any:
        groups = [{"params": self.backbone.parameters(), "lr": torch.tensor(0.01)}, {"params": self.head.parameters()}]
        return SGD(groups, lr=0.1)


class OddNamesNet(WithOptimizer):
    def build(self) -> Any:
        groups = [
            {"params": layer.parameters(), "name": name} for layer, name in ((self.backbone, 3), (self.head, None))
        ]
        return SGD(groups, lr=0.1)


class IntegerLRNet(WithOptimizer):
    def build(self) -> Any:
        return SGD(self.parameters(), lr=1)


class NoOptimizer(ThreeLayers):
    def configure_optimizers(self) -> Any:
        return None

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return self.loss(batch)


class LateGroup(ThreeLayers):
    """Adds a group in the second epoch."""

    def configure_optimizers(self) -> Any:
        return SGD(self.backbone.parameters(), lr=0.1)

    def on_train_epoch_start(self) -> None:
        """Add it."""
        if self.current_epoch == 1:
            self.optimizers().optimizer.add_param_group({"params": list(self.head.parameters()), "lr": 0.01})


class FewerGroups(WithOptimizer):
    """Drops a group in the second epoch."""

    def build(self) -> Any:
        return SGD([{"params": layer.parameters()} for layer in (self.backbone, self.head)], lr=0.1)

    def on_train_epoch_start(self) -> None:
        """Drop it."""
        if self.current_epoch == 1:
            del self.trainer.optimizers[0].param_groups[1]


class Exchanged(ThreeLayers):
    """Takes another optimizer in the middle of the second epoch."""

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Exchange it."""
        if self.current_epoch == 1 and batch_idx == 2:
            self.trainer.strategy.optimizers = [AdamW(self.parameters(), lr=0.02)]


# --- schedulers -------------------------------------------------------------------------------------------------------------------


class WithScheduler(ThreeLayers):
    """A net with the scheduler of a subclass."""

    interval = "step"

    def schedule(self, optimizer: Optimizer) -> Any:
        """The scheduler."""
        return lr_scheduler.CosineAnnealingLR(optimizer, 12)

    def configure_optimizers(self) -> Any:
        optimizer = SGD(self.parameters(), lr=0.1)
        config = {"scheduler": self.schedule(optimizer), "interval": self.interval}
        return {"optimizer": optimizer, "lr_scheduler": config}


class Chained(WithScheduler):
    def schedule(self, optimizer: Optimizer) -> Any:
        return lr_scheduler.ChainedScheduler(
            [lr_scheduler.LinearLR(optimizer, 0.1, 1, 4), lr_scheduler.ExponentialLR(optimizer, 0.9)]
        )


class Duck:
    """A scheduler that is none of torch's: it halves the LR, and holds the optimizer under the name that Lightning asks for."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    def halve(self) -> None:
        """Halve all LRs."""
        for group in self.optimizer.param_groups:
            group["lr"] /= 2

    def state_dict(self) -> Any:
        """Nothing."""
        return {}

    def load_state_dict(self, state: Any) -> None:
        """Nothing."""


class DuckNet(WithScheduler):
    interval = "epoch"

    def schedule(self, optimizer: Optimizer) -> Any:
        return Duck(optimizer)

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Step it in its own way."""
        scheduler.halve()


class Unreadable(Duck):
    """Raises at the attributes that torch's schedulers have."""

    def __getattr__(self, name: str) -> Any:
        if name in ("last_epoch", "_step_count", "base_lrs"):
            raise NotImplementedError(name)
        raise AttributeError(name)


class UnreadableNet(DuckNet):
    def schedule(self, optimizer: Optimizer) -> Any:
        return Unreadable(optimizer)


class Reluctant(lr_scheduler.LRScheduler):
    """Reads badly: ``get_last_lr`` and ``repr`` raise."""

    def get_lr(self) -> list[float]:
        return [base * 0.9**self.last_epoch for base in self.base_lrs]

    def get_last_lr(self) -> Any:
        raise NotImplementedError

    def __repr__(self) -> str:
        raise NotImplementedError


class ReluctantNet(WithScheduler):
    def schedule(self, optimizer: Optimizer) -> Any:
        return Reluctant(optimizer)


class NoCopy(lr_scheduler.LambdaLR):
    """Cannot be copied."""

    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("cannot be copied")


class NoCopyNet(WithScheduler):
    def schedule(self, optimizer: Optimizer) -> Any:
        return NoCopy(optimizer, lambda k: 0.9**k)


class RandomNet(WithScheduler):
    """Draws from each generator for its LRs, and trains with dropout."""

    def schedule(self, optimizer: Optimizer) -> Any:
        random.seed(1)
        np.random.seed(1)  # noqa: NPY002  # what a user's function may draw from
        return lr_scheduler.LambdaLR(
            optimizer,
            lambda _: float(torch.rand(())) + random.random() + np.random.rand(),  # noqa: NPY002
        )

    def loss(self, batch: Any) -> torch.Tensor:
        return torch.nn.functional.dropout(super().loss(batch))


class ScheduledNet(WithScheduler):
    def schedule(self, optimizer: Optimizer) -> Any:
        return ScheduledLR(optimizer, "warmup(3) >> cosine()", Horizon(12))


class PlateauNet(ThreeLayers):
    def configure_optimizers(self) -> Any:
        optimizer = SGD(self.parameters(), lr=0.1)
        plateau = lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss", "frequency": 2}}


class SeveralSchedulers(ThreeLayers):
    def configure_optimizers(self) -> Any:
        optimizer = SGD(self.parameters(), lr=0.1)
        schedulers = [lr_scheduler.StepLR(optimizer, 2), lr_scheduler.ExponentialLR(optimizer, 0.9)]
        return [optimizer], schedulers


# --- loops ------------------------------------------------------------------------------------------------------------------------


class Manual(ThreeLayers):
    """Two optimizers, with several updates in a batch and none in others."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        first, second = self.optimizers()
        for optimizer in (first, first, second) if batch_idx % 2 else ():
            optimizer.zero_grad()
            self.manual_backward(self.loss(batch))
            optimizer.step()
        for scheduler in self.lr_schedulers() if batch_idx == 3 else ():
            scheduler.step()

    def configure_optimizers(self) -> Any:
        optimizers = [SGD(self.backbone.parameters(), lr=0.1), Adam(self.head.parameters(), lr=0.01)]
        return optimizers, [lr_scheduler.StepLR(optimizer, 1) for optimizer in optimizers]


class ManualWithoutReturn(Manual):
    """Keeps its optimizer to itself."""

    def training_step(self, batch: Any, batch_idx: int) -> None:
        self.mine = getattr(self, "mine", None) or SGD(self.parameters(), lr=0.1)
        self.mine.zero_grad()
        self.loss(batch).backward()
        self.mine.step()

    def configure_optimizers(self) -> Any:
        return None


class SkippedSteps(ThreeLayers):
    """Returns no loss in every third batch."""

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return None if batch_idx % 3 == 0 else self.loss(batch)


class WritesLRs(ThreeLayers):
    """Writes the LR by itself, in its own optimizer step."""

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """Warm up by hand."""
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * min(1.0, (self.trainer.global_step + 1) / 5)
        optimizer.step(closure=optimizer_closure)


class Clears(Callback):
    """Replaces the whole list of groups by an equal list in each epoch."""

    def on_train_epoch_start(self, trainer: Any, net: Any) -> None:
        """Replace it."""
        for optimizer in trainer.optimizers:
            optimizer.load_state_dict(optimizer.state_dict())


class Stops(Callback):
    """Ends the run in mid-epoch."""

    def on_train_batch_end(self, trainer: Any, net: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Stop."""
        trainer.should_stop = trainer.current_epoch == 1 and batch_idx == 1


Entry = tuple[Callable[[], ThreeLayers], dict[str, Any], Callable[[], list[Callback]]]


def none() -> list[Callback]:
    """No other callback."""
    return []


RUNS: dict[str, Entry] = {
    # Optimizers.
    "a hybrid of two optimizers": (HybridNet, {}, none),
    "a hybrid that keeps them in a dict": (ByDictNet, {}, none),
    "a hybrid that keeps them in a dict of lists": (NestedNet, {}, none),
    "an optimizer in a closure": (HiddenNet, {}, none),
    "a scheduler of an optimizer in a closure": (HiddenScheduledNet, {}, none),
    "Lookahead": (LookaheadNet, {}, none),
    "SAM": (SamNet, {}, none),
    "a schedule-free optimizer": (ScheduleFreeNet, {}, none),
    "an optimizer with an estimate d": (ProdigyNet, {}, none),
    "no LR": (WithoutLRNet, {}, none),
    "an LR of None": (NoneLRNet, {}, none),
    "an LR in one group alone": (PartlyLRNet, {}, none),
    "an LR that is a function": (FunctionLRNet, {}, none),
    "an LR that is a vector": (VectorLRNet, {}, none),
    "LBFGS": (LBFGSNet, {}, none),
    "an empty group": (EmptyGroupNet, {}, none),
    "a shared tensor LR": (TensorNet, {}, none),
    "a number and a tensor": (MixedNet, {}, none),
    "a number that is an int": (IntegerLRNet, {}, none),
    "names that are no texts": (OddNamesNet, {}, none),
    "no optimizer": (NoOptimizer, {}, none),
    "a late group": (LateGroup, {}, none),
    "a group that leaves": (FewerGroups, {}, none),
    "an optimizer that is exchanged": (Exchanged, {}, none),
    "groups that are loaded again": (ThreeLayers, {}, lambda: [Clears()]),
    # Schedulers.
    "ChainedScheduler": (Chained, {}, none),
    "a scheduler of another kind": (DuckNet, {}, none),
    "a scheduler whose attributes raise": (UnreadableNet, {}, none),
    "a scheduler that cannot be read": (ReluctantNet, {}, none),
    "a scheduler that cannot be copied": (NoCopyNet, {}, none),
    "a scheduler that draws random numbers": (RandomNet, {}, none),
    "a schedule of this package": (ScheduledNet, {}, none),
    "a plateau that skips validations": (PlateauNet, {}, none),
    "two schedulers on one optimizer": (SeveralSchedulers, {}, none),
    # Loops.
    "manual optimization": (Manual, {}, none),
    "manual optimization without an optimizer of the Trainer": (ManualWithoutReturn, {}, none),
    "steps without a loss": (SkippedSteps, {}, none),
    "an LR that is written by hand": (WritesLRs, {}, none),
    "weight averaging": (WithScheduler, {}, lambda: [StochasticWeightAveraging(0.05, swa_epoch_start=1)]),
    "finetuning": (ThreeLayers, {}, lambda: [BackboneFinetuning(1, verbose=False)]),
    "accumulation that changes": (WithScheduler, {}, lambda: [GradientAccumulationScheduler({0: 1, 1: 3})]),
    "accumulation that is longer than an epoch": (ThreeLayers, {"accumulate_grad_batches": 9}, none),
    "a stream": (ThreeLayers, {"data": lambda: runs.stream(4)}, none),
    "a stream that ends early": (ThreeLayers, {"data": lambda: runs.stream(2), "limit_train_batches": 4}, none),
    "max_time": (ThreeLayers, {"max_epochs": -1, "max_steps": 9, "max_time": "00:01:00:00"}, none),
    "a timer": (ThreeLayers, {}, lambda: [Timer("00:01:00:00")]),
    "no epoch": (ThreeLayers, {"max_epochs": 0}, none),
    "no step": (ThreeLayers, {"max_steps": 0}, none),
    "no batch": (ThreeLayers, {"limit_train_batches": 0}, none),
    "one batch": (ThreeLayers, {"overfit_batches": 1}, none),
    "fast_dev_run": (ThreeLayers, {"fast_dev_run": True}, none),
    "barebones": (
        ThreeLayers,
        {"barebones": True, "logger": None, "enable_checkpointing": None, "enable_progress_bar": None,
         "enable_model_summary": None}, none,
    ),
    "early stopping": (ThreeLayers, {}, lambda: [EarlyStopping("val_loss", patience=1)]),
    "a run that is stopped in mid-epoch": (ThreeLayers, {}, lambda: [Stops()]),
    "validation in mid-epoch": (ThreeLayers, {"val_check_interval": 2}, none),
    "Lightning's own monitor": (WithScheduler, {"logger": True}, lambda: [LearningRateMonitor()]),
    "a warmup": (WithScheduler, {}, lambda: [LRWarmup(4)]),
    "double precision": (ThreeLayers, {"precision": "64-true"}, none),
    "clipped gradients": (ThreeLayers, {"gradient_clip_val": 0.1}, none),
}  # fmt: skip


def run(name: str, folder: Any, *monitors: Callback) -> dict[str, Any]:
    """What a run leaves: its weights, its LRs, how far it came, and the error that ended it."""
    module, options, callbacks = RUNS[name]
    options = {"max_epochs": 3} | options
    data = options.pop("data", lambda: runs.loader(4))
    if options.pop("logger", False):
        options["logger"] = csv_logger(folder)
    elif "barebones" not in RUNS[name][1]:
        options["logger"] = False
    torch.manual_seed(1)
    net = module()
    ended = ""
    trainer = runs.trainer(**options, callbacks=[*monitors, *callbacks()])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trainer.fit(net, data(), runs.loader(1))
    except Exception as error:
        ended = repr(error)
    return {
        "weights": [weight.tolist() for weight in net.parameters()],
        "used": net.used,
        "progress": (trainer.current_epoch, trainer.global_step),
        "ended": ended,
    }


@pytest.mark.parametrize("name", RUNS)
def test_the_monitor_changes_nothing(name: str, tmp_path: Any) -> None:
    """With LRMonitor a run has the weights, LRs and progress that it has without, and it does not fail."""
    without = run(name, tmp_path / "without")
    monitor = LRMonitor()

    assert without["ended"] == ""
    assert run(name, tmp_path / "with", monitor) == without
    assert all(len(column) == len(monitor.history["step"]) for column in monitor.history.values())


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("a hybrid of two optimizers", []),
        ("a hybrid that keeps them in a dict", []),
        ("a hybrid that keeps them in a dict of lists", []),
        ("an optimizer in a closure", ["LR511"]),
        ("a scheduler of an optimizer in a closure", ["LR511"]),
    ],
)
def test_what_cannot_be_observed_is_reported_once(name: str, codes: list[str], tmp_path: Any) -> None:
    """The optimizers that another one holds are observed; one that only a closure holds is one finding."""
    monitor = LRMonitor()
    run(name, tmp_path, monitor)
    assert [finding.code for finding in monitor.findings] == codes


def test_validation_and_test_alone() -> None:
    """Beside ``validate``, ``test`` and ``predict`` the monitor does nothing."""
    for method in ("validate", "test", "predict"):

        class Tested(ThreeLayers):
            def test_step(self, batch: Any, batch_idx: int) -> None:
                """A step."""

            def predict_step(self, batch: Any, batch_idx: int) -> Any:
                """A step."""
                return batch

        monitor = LRMonitor()
        trainer = runs.trainer(callbacks=[monitor])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(trainer, method)(Tested(), runs.loader(2))

        assert monitor.history == {"step": [], "epoch": []}
        assert monitor.findings == ()
