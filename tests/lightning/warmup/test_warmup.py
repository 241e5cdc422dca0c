"""LRWarmup in real Trainers: which LR each reader sees, what counts as an update, what is refused, what is left behind."""

from __future__ import annotations

import contextlib
import copy
import pickle
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch
from lightning.pytorch.callbacks import (
    BackboneFinetuning,
    BaseFinetuning,
    GradientAccumulationScheduler,
    LearningRateFinder,
    LearningRateMonitor,
    StochasticWeightAveraging,
)
from lightning.pytorch.loggers import Logger
from lightning.pytorch.plugins.precision import MixedPrecision
from torch.optim import SGD, AdamW, Optimizer, lr_scheduler

from lr_toolkit import (
    Horizon,
    LRMonitor,
    LRWarmup,
    ReduceOnPlateau,
    ScheduleError,
    ScheduleWarning,
    configure_optimizers,
)
from lr_toolkit.optim.multiplier import LRMultiplier
from lr_toolkit.optim.scheduler_proxy import is_wrapped
from tests.helpers.runs import BASES, InStages, Net, Stages, loader, stream, trainer, with_scheduler
from tests.helpers.stepping_others import Hybrid, Sharp, Wrapper, narrowed_step

Answer = Callable[[Net, Optimizer], Any]


def cosine(optimizer: Optimizer) -> Any:
    """A recursive scheduler, which reads ``group["lr"]`` back."""
    return lr_scheduler.CosineAnnealingLR(optimizer, 12)


def alone(net: Net, optimizer: Optimizer) -> Any:
    """An optimizer without a scheduler."""
    return optimizer


def fit(net: Net, *callbacks: L.Callback, batches: int = 6, data: Any = None, **options: Any) -> L.Trainer:
    """Train, by default for two epochs."""
    made = trainer(**({"max_epochs": 2} | options), callbacks=list(callbacks))
    made.fit(net, loader(batches) if data is None else data)
    return made


def times(lrs: list[list[float]], factors: list[float]) -> list[Any]:
    """What the updates should use: these LRs times these factors, 1 when they run out."""
    factors = (factors + [1.0] * len(lrs))[: len(lrs)]
    return [pytest.approx([lr * factor for lr in group], rel=1e-12) for group, factor in zip(lrs, factors, strict=True)]


FIVE = [(k + 1) / 6 for k in range(5)]


# --- which schedulers ------------------------------------------------------------------------------------------------


class TimmLike:
    """No LRScheduler, but an API like timm's: the caller passes the number of updates."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self.bases = [group["lr"] for group in optimizer.param_groups]

    def step_update(self, num_updates: int) -> None:
        """Write the LR of that update, computed from the LR before it."""
        for group, base in zip(self.optimizer.param_groups, self.bases, strict=True):
            group["lr"] = (group["lr"] + base / (1 + num_updates)) / 2

    def state_dict(self) -> dict[str, Any]:
        """All but the optimizer."""
        return {key: value for key, value in vars(self).items() if key != "optimizer"}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore it."""
        vars(self).update(state)


class TimmNet(Net):
    """Steps such an object in ``lr_scheduler_step``."""

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """The hook that Lightning requires for schedulers that it does not know."""
        scheduler.step_update(self.global_step)


class WritingNet(Net):
    """Multiplies the LR that it finds, in a hook."""

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        """Write the LR without the scheduler."""
        for group in scheduler.optimizer.param_groups:
            group["lr"] *= 0.9


class Logging(Net):
    """Logs a metric for the plateau, which never improves."""

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        """The same value whatever the LR."""
        self.log("loss", 1.0, on_epoch=True, on_step=False)
        return super().training_step(batch, batch_idx)


class ManualNet(Net):
    """Manual optimization: an update in every second batch, its scheduler held by the module or by the Trainer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.automatic_optimization = False
        self.held: Any = None

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """Take an update."""
        optimizer = self.optimizers()
        self.manual_backward(super().training_step(batch, batch_idx))
        if batch_idx % 2:
            optimizer.step()  # type: ignore[union-attr]
            optimizer.zero_grad()  # type: ignore[union-attr]
            scheduler = self.held or self.lr_schedulers()
            for held in scheduler.values() if isinstance(scheduler, dict) else [scheduler]:
                held.step()


def held(net: Net, optimizer: Optimizer) -> Any:
    """A scheduler that the Trainer does not know."""
    net.held = cosine(optimizer)  # type: ignore[assignment]
    return optimizer


def held_by_name(net: Net, optimizer: Optimizer) -> Any:
    """The same scheduler in a dict."""
    net.held = {"main": cosine(optimizer)}  # type: ignore[assignment]
    return optimizer


SCHEDULERS: dict[str, Callable[[], Net]] = {
    "none": lambda: Net(alone),
    "a timm-like object": lambda: TimmNet(with_scheduler(TimmLike)),
    "a hook that writes": lambda: WritingNet(with_scheduler(cosine)),
    "ours": lambda: Net(lambda net, o: configure_optimizers(o, "cosine(end=0.1)", net.trainer)),
    "ours per epoch": lambda: Net(lambda net, o: configure_optimizers(o, "cosine()", net.trainer, interval="epoch")),
    "ours with a plateau": lambda: Logging(
        lambda net, o: configure_optimizers(
            o, "hold()", net.trainer, plateau=ReduceOnPlateau(monitor="loss", factor=0.5, patience=0)
        )
    ),
    "two schedulers": lambda: Net(
        lambda net, o: ([o], [{"scheduler": cosine(o), "interval": "step"}, lr_scheduler.StepLR(o, 1, gamma=0.5)])
    ),
    "manual optimization": lambda: ManualNet(with_scheduler(cosine)),
    "manual, held by the module": lambda: ManualNet(held),
    "manual, held by the module in a dict": lambda: ManualNet(held_by_name),
}


@pytest.mark.parametrize("name", SCHEDULERS)
def test_lr_is_the_schedulers_alone_times_the_ramp(name: str) -> None:
    """Each update uses the LR of a run without the callback, times the ramp."""
    plain, warm = SCHEDULERS[name](), SCHEDULERS[name]()
    fit(plain, max_epochs=4, batches=3)

    fit(warm, LRWarmup(5), max_epochs=4, batches=3)

    assert warm.lrs == times(plain.lrs, FIVE)
    assert name == "none" or plain.lrs[0] != plain.lrs[-1]


def test_transformers_schedules() -> None:
    """A closed-form schedule of transformers, whose own warmup is reported."""
    optimization = pytest.importorskip("transformers.optimization")
    plain, warm = (
        Net(with_scheduler(lambda o: optimization.get_linear_schedule_with_warmup(o, 3, 12))) for _ in range(2)
    )
    fit(plain)

    with pytest.warns(ScheduleWarning, match=r"^LR701: LRWarmup\(5\): LambdaLR already warms up"):
        fit(warm, LRWarmup(5))

    assert warm.lrs == times(plain.lrs, FIVE)


def test_a_schedule_that_warms_up_is_reported() -> None:
    """If the schedule of a ScheduledLR starts with a warmup, the LR is the product of both, and a warning reports it."""

    def answer(net: Net, o: Optimizer) -> Any:
        return configure_optimizers(o, "warmup(3) >> cosine()", net.trainer)

    plain, warm = Net(answer), Net(answer)
    fit(plain)

    with pytest.warns(ScheduleWarning, match=r"^LR701: LRWarmup\(5\): ScheduledLR already warms up"):
        fit(warm, LRWarmup(5))

    assert warm.lrs == times(plain.lrs, FIVE)


def test_a_freeze_is_no_second_warmup() -> None:
    """A factor of 0 holds groups still for a while; beside a schedule that warms up it does not warn."""

    def answer(net: Net, o: Optimizer) -> Any:
        return configure_optimizers(o, "warmup(3) >> cosine()", net.trainer)

    plain, frozen = Net(answer), Net(answer)
    fit(plain)
    fit(frozen, LRWarmup(4, 0.0, "constant", groups=[1]))

    assert [lrs[0] for lrs in frozen.lrs] == [lrs[0] for lrs in plain.lrs]
    assert [lrs[1] for lrs in frozen.lrs] == [0.0] * 4 + [lrs[1] for lrs in plain.lrs[4:]]


def test_a_warning_of_a_warmup_is_silenced_by_its_code() -> None:
    """By Python's own filter."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "LR701", ScheduleWarning)
        fit(Net(with_scheduler(lambda o: lr_scheduler.LinearLR(o, 0.2))), LRWarmup(5))


def test_tensor_lr_is_filled_in_place() -> None:
    """A tensor LR keeps its identity, and is the scheduler's times the ramp in its own precision."""
    seen: list[int] = []

    class Tensors(Net):
        def optimizer(self) -> Optimizer:
            optimizer = AdamW(self.parameters(), lr=torch.tensor(0.1, dtype=torch.float64), foreach=False)
            optimizer.register_step_post_hook(self._record)
            optimizer.register_step_post_hook(lambda o, *_: seen.append(id(o.param_groups[0]["lr"])))
            return optimizer

    for answer in (with_scheduler(cosine), lambda net, o: configure_optimizers(o, "cosine()", net.trainer)):
        seen.clear()
        plain, warm = Tensors(answer), Tensors(answer)
        fit(plain)
        seen.clear()
        fit(warm, LRWarmup(5))

        assert warm.lrs == times(plain.lrs, FIVE)
        assert len(set(seen)) == 1


class Pair(L.LightningModule):
    """Two optimizers under manual optimization; the second is stepped in every second batch."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.weights = torch.nn.ParameterList(torch.nn.Parameter(torch.ones(1)) for _ in range(2))
        self.used: list[list[float]] = [[], []]

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One or two updates."""
        for index, optimizer in enumerate(self.optimizers()):  # type: ignore[arg-type]
            if index == 0 or batch_idx % 2:
                optimizer.zero_grad()
                self.manual_backward(self.weights[index].square().sum())
                optimizer.step()

    def configure_optimizers(self) -> Any:
        """One for each weight."""
        made = [SGD([weight], lr=0.1) for weight in self.weights]
        for index, optimizer in enumerate(made):
            optimizer.register_step_post_hook(
                lambda o, a, k, index=index: self.used[index].append(o.param_groups[0]["lr"])
            )
        return made


def test_each_optimizer_counts_its_own_updates() -> None:
    """With several optimizers the ramp of each counts its updates; an optimizer that was not chosen is not ramped."""
    both, second = Pair(), Pair()

    for net, warmup in ((both, LRWarmup(3)), (second, LRWarmup(3, optimizers=[1]))):
        trainer(max_epochs=1, callbacks=[warmup]).fit(net, loader(6))

    ramp = [0.025, 0.05, 0.075, 0.1, 0.1, 0.1]
    assert both.used == [pytest.approx(ramp), pytest.approx(ramp[:3])]
    assert second.used == [[0.1] * 6, pytest.approx(ramp[:3])]


def test_groups_are_chosen_by_index_or_name() -> None:
    """Only the chosen groups are ramped; two callbacks on different groups of one optimizer are independent."""

    def named(net: Net, optimizer: Optimizer) -> Any:
        optimizer.param_groups[1]["name"] = "head"
        return optimizer

    head, both = Net(named), Net(named)
    fit(head, LRWarmup(5, groups=["head"]))
    fit(both, LRWarmup(1, groups=["head"]), LRWarmup(3, groups=[0]))

    assert head.lrs[:6] == [pytest.approx([0.1, 0.02 * factor]) for factor in [*FIVE, 1.0]]
    assert both.lrs[:4] == [
        pytest.approx([0.1 * a, 0.02 * b]) for a, b in zip((0.25, 0.5, 0.75, 1), (0.5, 1, 1, 1), strict=True)
    ]


def test_overlapping_warmups_multiply() -> None:
    """The factors of two ramps on a group multiply, and each ramp ends by itself."""
    net = Net(with_scheduler(cosine))
    plain = Net(with_scheduler(cosine))
    fit(plain)

    fit(net, LRWarmup(2), LRWarmup("1 epoch", 0.5, "constant", "epoch"))

    assert net.lrs == times(plain.lrs, [0.5 / 3, 1 / 3, 0.5, 0.5, 0.5, 0.5])


def test_two_warmups_of_the_same_groups_and_interval_are_refused() -> None:
    """A checkpoint could not distinguish them, so Lightning refuses them when the Trainer is made."""
    with pytest.raises(RuntimeError, match="more than one stateful callback of type `LRWarmup`"):
        trainer(callbacks=[LRWarmup(2), LRWarmup(5)])


# --- which LR is read ----------------------------------------------------------------------------------------------


class Reader(L.Callback):
    """Reads ``group["lr"]`` at every hook around an update, and notes the hook."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []

    def read(self, hook: str, trainer: L.Trainer) -> None:
        """Note the LR of the first group."""
        self.seen.append((hook, trainer.optimizers[0].param_groups[0]["lr"]))

    def on_train_batch_start(self, trainer: L.Trainer, *args: Any) -> None:
        self.read("batch start", trainer)

    def on_before_zero_grad(self, trainer: L.Trainer, *args: Any) -> None:
        self.read("zero grad", trainer)

    def on_before_optimizer_step(self, trainer: L.Trainer, *args: Any) -> None:
        self.read("before step", trainer)


def test_everyone_reads_the_lr_in_use() -> None:
    """A callback first in the list or last, and hooks registered before, read the LR that the update uses."""
    first, last, hooked = Reader(), Reader(), []

    class Early(Net):
        def optimizer(self) -> Optimizer:
            optimizer = super().optimizer()
            optimizer.register_step_pre_hook(lambda o, *_: hooked.append(o.param_groups[0]["lr"]))
            return optimizer

    net = Early(with_scheduler(cosine))
    fit(net, first, LRWarmup(5), last)
    used = [lrs[0] for lrs in net.lrs]

    assert hooked == used
    for reader in (first, last):
        for hook in ("batch start", "zero grad", "before step"):
            assert [lr for name, lr in reader.seen if name == hook] == used


def test_everyone_reads_the_lr_of_a_group_added_in_mid_ramp() -> None:
    """Even a callback before the warmup in the list, from the moment at which the group is added."""
    read: list[float] = []

    class Last(L.Callback):
        def on_train_batch_start(self, trainer: L.Trainer, *args: Any) -> None:
            read.append(trainer.optimizers[0].param_groups[-1]["lr"])

    net = OneGroup(alone)
    fit(net, Last(), Adding(0.02), LRWarmup(5), batches=3)

    assert read == [lrs[-1] for lrs in net.lrs]


def test_an_epochs_ramp_is_there_at_its_end() -> None:
    """It moves before the callbacks' hooks at the end of the epoch, as schedulers per epoch do."""
    read: list[tuple[str, float]] = []

    class Epochs(L.Callback):
        def on_train_epoch_start(self, trainer: L.Trainer, *args: Any) -> None:
            read.append(("start", trainer.optimizers[0].param_groups[0]["lr"]))

        def on_train_epoch_end(self, trainer: L.Trainer, *args: Any) -> None:
            read.append(("end", trainer.optimizers[0].param_groups[0]["lr"]))

    fit(Net(alone), Epochs(), LRWarmup("100%", interval="epoch"), Epochs(), max_epochs=3, batches=2)

    starts, last_of_ends = (
        [lr for name, lr in read if name == "start"],
        [lr for name, lr in read if name == "end"][1::2],
    )
    assert starts == pytest.approx([0.025, 0.025, 0.05, 0.05, 0.075, 0.075])
    assert last_of_ends == pytest.approx([0.05, 0.075, 0.1])


class Rows(Logger):
    """Keeps what was logged."""

    name, version = "rows", 0

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Nothing to keep."""

    def log_metrics(self, metrics: Any, step: int | None = None) -> None:
        """Keep the row."""
        self.rows.append(dict(metrics))


@pytest.mark.parametrize("monitor", [lambda: LRMonitor("step"), lambda: LearningRateMonitor("step")])
@pytest.mark.parametrize("first", [True, False])
def test_monitors_log_the_lr_in_use(monitor: Callable[[], L.Callback], first: bool) -> None:
    """Ours and Lightning's, before and after the warmup in the list, log what the updates used."""
    rows, net = Rows(), Net(with_scheduler(cosine))
    callbacks = [monitor(), LRWarmup(5)]

    fit(net, *(callbacks if first else callbacks[::-1]), logger=rows, log_every_n_steps=1)

    key = sorted(name for name in rows.rows[0] if name.startswith("lr"))[0]
    assert [row[key] for row in rows.rows if key in row] == [lrs[0] for lrs in net.lrs]


def test_the_scheduler_keeps_the_lr_without_the_ramp() -> None:
    """``get_last_lr()``, its state and the optimizer's checkpoint are those of a run without the callback."""
    states: list[Any] = []

    class Saver(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
            scheduler: Any = trainer.lr_scheduler_configs[0].scheduler
            optimizer = trainer.optimizers[0].state_dict()["param_groups"]
            states.append((scheduler.get_last_lr(), copy.deepcopy(scheduler.state_dict()), copy.deepcopy(optimizer)))

    fit(Net(with_scheduler(cosine)), Saver())
    expected = states.copy()
    states.clear()

    fit(Net(with_scheduler(cosine)), LRWarmup(5), Saver())

    assert states == expected


# --- what is counted ----------------------------------------------------------------------------------------------


def test_accumulation_that_changes() -> None:
    """The ramp counts updates, not batches, even if the accumulation changes over the epochs."""
    plain, warm = Net(with_scheduler(cosine)), Net(with_scheduler(cosine))
    fit(plain, GradientAccumulationScheduler({0: 3, 1: 1}))

    fit(warm, GradientAccumulationScheduler({0: 3, 1: 1}), LRWarmup(5))

    assert len(warm.lrs) == 8
    assert warm.lrs == times(plain.lrs, FIVE)


def test_skipped_updates_do_not_count() -> None:
    """The ramp does not move at an update that a GradScaler skips."""

    class Overflowing(Net):
        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            loss = super().training_step(batch, batch_idx)
            return loss * float("inf") if batch_idx in (0, 2) else loss

    net = Overflowing(alone)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
    plugin = MixedPrecision("16-mixed", "cpu", scaler)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # half precision on a CPU is slow; only the skips matter here
        fit(net, LRWarmup(5), max_epochs=1, plugins=[plugin])

    assert net.lrs == times([BASES] * 4, FIVE[:4])


def test_nested_steps_count_once() -> None:
    """An optimizer whose ``step`` calls its parent's takes one update, though torch's hooks fire twice."""

    class Nested(SGD):
        def step(self, closure: Any = None) -> Any:
            return super().step(closure)

    class Nesting(Net):
        def optimizer(self) -> Optimizer:
            SGD(self.parameters(), lr=1.0)  # so that torch wraps the parent's step with hooks too
            return Nested(self.parameters(), lr=0.1)

        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            self.used.append((0, [self.trainer.optimizers[0].param_groups[0]["lr"]]))
            return super().training_step(batch, batch_idx)

    net = Nesting(alone)
    fit(net, LRWarmup(5))

    assert net.lrs == times([[0.1]] * 12, FIVE)


class SharpNet(Net):
    """Takes both steps itself, or leaves them to Lightning."""

    def __init__(self, manual: bool) -> None:
        super().__init__(alone)
        self.automatic_optimization = not manual

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """Take both steps under manual optimization."""
        loss = super().training_step(batch, batch_idx)
        if not self.automatic_optimization:
            optimizer: Any = self.optimizers()
            for step in (optimizer.first_step, optimizer.second_step):
                optimizer.zero_grad()
                self.manual_backward(super().training_step(batch, batch_idx))
                step()
        return loss

    def optimizer(self) -> Optimizer:
        """Records the LR at the step that updates the weights."""
        optimizer = Sharp(self.parameters(), lr=0.1)
        optimizer.base_optimizer.register_step_post_hook(self._record)
        return optimizer


@pytest.mark.parametrize(
    "make", [lambda: SharpNet(True), lambda: SharpNet(False), lambda: Net(lambda _, o: Wrapper(o))]
)
def test_updates_that_another_optimizer_takes_are_counted(make: Callable[[], Net]) -> None:
    """The ramp moves if the optimizer is stepped, and if the optimizer inside it is."""
    net = make()
    saved: list[float] = []

    class Saver(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
            saved.append(trainer.optimizers[0].state_dict()["param_groups"][0]["lr"])

    made = fit(net, LRWarmup(5), Saver())

    assert net.lrs == times([[0.1, *net.lrs[-1][1:]]] * 12, FIVE)
    assert saved == [0.1] * 12
    assert LRMultiplier.around(made.optimizers[0]) is None


def test_an_update_that_raises_does_not_count() -> None:
    """If the module catches the error, such as out of memory, the ramp goes on with the next batch."""

    class Failing(ManualNet):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            if batch_idx != 3:
                return super().training_step(batch, batch_idx)

            def closure() -> Any:
                raise MemoryError

            with contextlib.suppress(MemoryError):
                self.optimizers().step(closure)  # type: ignore[union-attr]
            return None

    net, plain = Failing(held), Failing(held)
    fit(net, LRWarmup(3), batches=8)
    fit(plain, batches=8)

    assert len(net.lrs) == 6
    assert net.lrs == times(plain.lrs, [0.25, 0.5, 0.75])


@pytest.mark.parametrize("retried", [True, False])
def test_a_step_that_raised_and_was_called_again_is_one_update(retried: bool) -> None:
    """The ramp goes on after the batch, as if the step had succeeded at once."""

    class Retrying(ManualNet):
        def training_step(self, batch: Any, batch_idx: int) -> Any:
            def closure() -> Any:
                raise MemoryError

            if retried and batch_idx == 3:
                with contextlib.suppress(MemoryError):
                    self.optimizers().step(closure)  # type: ignore[union-attr]
            return super().training_step(batch, batch_idx)

    plain, warm = Retrying(held), Retrying(held)
    fit(plain, batches=8)
    fit(warm, LRWarmup(5), batches=8)

    assert len(warm.lrs) == 8
    assert warm.lrs == times(plain.lrs, FIVE)


class Narrowing(SGD):
    """Steps one group after another, as DeepSpeed's ZeRO stages 1 and 2 do; its hooks run for each."""

    step_groups = narrowed_step


class NarrowingNet(Net):
    """Is stepped by an engine in that way."""

    def optimizer(self) -> Optimizer:
        """Records the LR of each inner step."""
        groups = [
            {"params": layer.parameters(), "lr": lr} for layer, lr in zip((self.first, self.second), BASES, strict=True)
        ]
        optimizer = Narrowing(groups)
        optimizer.register_step_post_hook(self._record)
        return optimizer

    def optimizer_step(self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Any = None) -> None:
        """The engine's step."""
        optimizer_closure()
        optimizer.optimizer.step_groups()  # not the LightningOptimizer around it


@pytest.mark.parametrize("answer", [alone, with_scheduler(cosine)])
def test_an_engine_that_narrows_the_groups_is_ramped(answer: Answer) -> None:
    """Each inner step uses the LR of its group, and all of them together are one update."""
    plain, warm = NarrowingNet(answer), NarrowingNet(answer)
    made = fit(plain)
    made = fit(warm, LRWarmup(5))

    assert len(warm.lrs) == 24
    assert warm.lrs == times(plain.lrs, [factor for factor in FIVE for _ in range(2)])
    assert LRMultiplier.around(made.optimizers[0]) is None


class HybridNet(Net):
    """Has an optimizer for each layer, and a hybrid of them."""

    def optimizer(self) -> Optimizer:
        """No hook of its own."""
        optimizers = [
            SGD(layer.parameters(), lr=lr) for layer, lr in zip((self.first, self.second), BASES, strict=True)
        ]
        for optimizer in optimizers:
            optimizer.register_step_post_hook(self._record)
        return Hybrid(list(optimizers))


def test_a_hybrid_of_optimizers_is_ramped() -> None:
    """The steps of its optimizers make one update."""
    net = HybridNet(alone)
    fit(net, LRWarmup(5))

    assert [lrs[0] for lrs in net.lrs[::2]] == pytest.approx([0.1 * factor for factor in [*FIVE, *[1.0] * 7]])
    assert [lrs[0] for lrs in net.lrs[1::2]] == pytest.approx([0.02 * factor for factor in [*FIVE, *[1.0] * 7]])


def test_numbers_and_tensors_in_one_optimizer_are_refused() -> None:
    """Before the first update, with the line to write; the optimizer is as it was."""

    class Mixed(Net):
        def optimizer(self) -> Optimizer:
            groups = [{"params": self.first.parameters(), "lr": 0.1}]
            optimizer = SGD([*groups, {"params": self.second.parameters(), "lr": torch.tensor(0.02)}], foreach=False)
            optimizer.register_step_post_hook(self._record)
            return optimizer

    net = Mixed(alone)
    with pytest.raises(
        ScheduleError, match=r"group 0 is a number \(0.1\) and that of group 1 is a tensor.*lr=torch.tensor\(0.1\)"
    ):
        fit(net, LRWarmup(5))
    assert net.used == []


def test_an_optimizer_whose_updates_cannot_be_seen_is_refused() -> None:
    """Its ramp would never move."""

    class Hidden(Wrapper):
        def __init__(self, optimizer: Optimizer) -> None:
            super().__init__(optimizer)
            del self.optimizer

    with pytest.raises(ScheduleError, match=r"Hidden .* updates cannot be seen.*super\(\).__init__"):
        fit(Net(lambda _, o: Hidden(o)), LRWarmup(5))


def test_durations_in_every_unit() -> None:
    """Shares and epochs refer to the Trainer's run; ``horizon=`` overrides it."""
    for over, length in {"25%": 3, "1 epoch": 6, "0.5 epochs": 3, 3: 3, "100%": 12, "1%": 0}.items():
        net = Net(alone)
        fit(net, LRWarmup(over))
        assert net.lrs == times([BASES] * 12, [(k + 1) / (length + 1) for k in range(length)])

    net = Net(alone)
    fit(net, LRWarmup("50%", horizon=Horizon(6)), data=stream(6), max_epochs=2)
    assert net.lrs == times([BASES] * 12, [0.25, 0.5, 0.75])


def test_untuned_shapes_read_the_betas() -> None:
    """Each group's ramp comes from its own second beta."""

    class Adam(Net):
        def optimizer(self) -> Optimizer:
            groups = [{"params": self.first.parameters()}, {"params": self.second.parameters(), "betas": (0.9, 0.8)}]
            optimizer = AdamW(groups, lr=1.0, betas=(0.9, 0.9))
            optimizer.register_step_post_hook(self._record)
            return optimizer

    net = Adam(alone)
    fit(net, LRWarmup(shape="untuned_linear"))

    assert net.lrs == [pytest.approx([min(1, (k + 1) / 20), min(1, (k + 1) / 10)]) for k in range(12)]


# --- what others do ---------------------------------------------------------------------------------------------------


class Adding(BaseFinetuning):
    """Unfreezes the second layer at epoch 1, with an LR of its own or a tenth of the first group's."""

    def __init__(self, lr: float | None) -> None:
        super().__init__()
        self.lr = lr

    def freeze_before_training(self, pl_module: Any) -> None:
        """All but the first layer."""
        self.freeze(pl_module.second)

    def finetune_function(self, pl_module: Any, epoch: int, optimizer: Optimizer) -> None:
        """Add the group."""
        if epoch == 1:
            self.unfreeze_and_add_param_group(pl_module.second, optimizer, lr=self.lr)


class OneGroup(Net):
    """Begins with the first layer alone."""

    def optimizer(self) -> Optimizer:
        """One group."""
        optimizer = SGD(self.first.parameters(), lr=0.1)
        optimizer.register_step_post_hook(self._record)
        return optimizer


@pytest.mark.parametrize("lr", [0.02, None])
@pytest.mark.parametrize("ours", [True, False])
@pytest.mark.parametrize("last", [True, False])
def test_a_group_added_in_mid_ramp_is_ramped(lr: float | None, ours: bool, last: bool) -> None:
    """It brings its LR without the ramp, and is ramped like the others from its first update on."""

    def answer(net: Net, o: Optimizer) -> Any:
        return configure_optimizers(o, "cosine()", net.trainer) if ours else o

    plain, warm = OneGroup(answer), OneGroup(answer)
    fit(plain, Adding(lr), batches=3, max_epochs=3)

    callbacks = [LRWarmup(5), Adding(lr)]
    fit(warm, *(callbacks if last else callbacks[::-1]), batches=3, max_epochs=3)

    assert len(warm.lrs[3]) == 2
    assert warm.lrs == times(plain.lrs, FIVE)


class Dropping(L.Callback):
    """Removes the first group at epoch 1, and adds another group if ``joins``."""

    def __init__(self, *, joins: bool) -> None:
        self.joins = joins

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Change the groups."""
        if trainer.current_epoch == 1:
            optimizer = trainer.optimizers[0]
            dropped = optimizer.param_groups.pop(0)
            if self.joins:
                optimizer.add_param_group({"params": dropped["params"], "lr": 0.3})


@pytest.mark.parametrize("joins", [True, False])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("groups", [None, [0], [1]])
def test_a_group_that_leaves_takes_nothing_of_the_others_along(groups: Any, joins: bool, last: bool) -> None:
    """Groups that stay keep their LR and ramp, even if they were chosen by an index; a group that joins has no index."""
    plain, warm = Net(alone), Net(alone)
    fit(plain, Dropping(joins=joins), batches=3, max_epochs=3)
    callbacks = [LRWarmup(5, groups=groups), Dropping(joins=joins)]
    fit(warm, *(callbacks if last else callbacks[::-1]), batches=3, max_epochs=3)

    for epoch, first in ((0, 0), (1, 1), (2, 1)):
        for k in range(3 * epoch, 3 * epoch + 3):
            ramped = [groups is None or index + first in groups for index in range(len(plain.lrs[k]))]
            if first and joins:
                ramped[-1] = groups is None
            factor = FIVE[k] if k < 5 else 1.0
            assert warm.lrs[k] == pytest.approx(
                [lr * factor if does else lr for lr, does in zip(plain.lrs[k], ramped, strict=True)], rel=1e-12
            )


class Exchanging(Stages):
    """Remembers which optimizer was the first."""

    def on_train_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Remember it."""
        self.first = trainer.optimizers[0]


class Staged(InStages, Net):
    """Exchanges its optimizer itself."""


class Watching(Exchanging):
    """Leaves it to the module."""

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """Nothing."""


STAGES: dict[str, tuple[type[Net], type[Exchanging], int]] = {
    "the module": (Staged, Watching, 1),
    "a callback before": (Net, Exchanging, 1),
    "a callback behind": (Net, Exchanging, -1),
}


@pytest.mark.parametrize("interval", ["step", "epoch"])
@pytest.mark.parametrize("by", STAGES)
def test_the_ramp_goes_on_with_an_optimizer_that_is_exchanged(by: str, interval: Any) -> None:
    """The new optimizer is ramped from its first update on; nothing is left behind on the old optimizer."""
    net, stages, order = STAGES[by]
    plain, warm, before, after = net(with_scheduler(cosine)), net(with_scheduler(cosine)), stages(), stages()
    warmup = LRWarmup(5 if interval == "step" else "2 epochs", interval=interval)
    fit(plain, before, batches=3, max_epochs=3)
    fit(warm, *[after, warmup][::order], batches=3, max_epochs=3)

    assert warm.lrs == times(plain.lrs, FIVE if interval == "step" else [1 / 3] * 3 + [2 / 3] * 3)
    assert LRMultiplier.around(after.first) is None
    assert [group["lr"] for group in after.first.param_groups] == [group["lr"] for group in before.first.param_groups]


class MidEpoch(Net):
    """Configures its optimizers again after the third batch; the fourth update is the first of the new optimizer."""

    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None:
        """A new stage."""
        if self.current_epoch == 0 and batch_idx == 2:
            self.trainer.strategy.setup_optimizers(self.trainer)


def test_an_exchange_within_an_epoch_is_followed_at_once() -> None:
    """No update of the new optimizer uses the LR without the ramp, and the monitor misses no update."""
    plain, warm, monitor = MidEpoch(with_scheduler(cosine)), MidEpoch(with_scheduler(cosine)), LRMonitor()
    fit(plain)
    fit(warm, LRWarmup(5), monitor, log_every_n_steps=1)

    assert warm.lrs == times(plain.lrs, FIVE)
    assert monitor.history["step"] == list(range(12))
    assert [*zip(monitor.history["lr/pg1"], monitor.history["lr/pg2"], strict=True)] == [tuple(lrs) for lrs in warm.lrs]


class Count(Pair):
    """Has another number of optimizers in each epoch."""

    def __init__(self, *counts: int) -> None:
        super().__init__()
        self.counts = counts

    def on_train_epoch_start(self) -> None:
        """Configure the optimizers again."""
        if self.current_epoch:
            self.trainer.strategy.setup_optimizers(self.trainer)

    def optimizers(self, use_pl_optimizer: bool = True) -> Any:
        """A list, even of a single optimizer."""
        found = super().optimizers(use_pl_optimizer)
        return found if isinstance(found, list) else [found]

    def configure_optimizers(self) -> Any:
        """The first of the two, or both."""
        return super().configure_optimizers()[: self.counts[self.current_epoch if self._trainer else 0]]


@pytest.mark.parametrize(("counts", "chosen"), [((1, 2, 1), None), ((2, 1, 2), None), ((2, 1, 2), [1])])
def test_optimizers_may_become_more_or_fewer_in_mid_ramp(counts: tuple[int, ...], chosen: list[int] | None) -> None:
    """An optimizer that joins is ramped if it was chosen; the ramp of an optimizer that leaves ends. The run goes on."""
    net = Count(*counts)
    trainer(max_epochs=3, callbacks=[LRWarmup(40, optimizers=chosen)]).fit(net, loader(4))

    first, second = net.used
    ramped = [0.1 * (k + 1) / 41 for k in range(12)]
    assert first == (pytest.approx(ramped) if chosen is None else [0.1] * 12)
    assert len(second) == 2 * counts.count(2)
    assert all(lr < 0.03 for lr in second)


class SameOptimizer(Net):
    """Gives its one optimizer another scheduler in a later epoch."""

    def configure_optimizers(self) -> Any:
        """The same optimizer each time."""
        if not hasattr(self, "kept"):
            self.kept = self.optimizer()
        return self.answer(self, self.kept)

    def on_train_epoch_start(self) -> None:
        """Another scheduler."""
        if self.current_epoch == 1:
            self.trainer.strategy.setup_optimizers(self.trainer)


@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer: lr_scheduler.StepLR(optimizer, 2),
        lambda optimizer: lr_scheduler.LambdaLR(optimizer, lambda k: 0.9**k),
    ],
)
def test_a_scheduler_that_is_exchanged_alone_never_sees_the_ramp(make: Callable[[Optimizer], Any]) -> None:
    """The new scheduler of the same optimizer reads and writes the LR without the ramp, from its constructor on."""
    answer = with_scheduler(make)
    plain, warm = SameOptimizer(answer), SameOptimizer(answer)
    fit(plain)
    fit(warm, LRWarmup(8))

    assert warm.lrs == times(plain.lrs, [(k + 1) / 9 for k in range(8)])


def test_a_direct_write_is_reported_and_taken_as_the_lr_without_the_ramp() -> None:
    """The ramp multiplies the written LR from the next update on; a write in ``training_step`` is used as it is once."""

    class Writer(L.Callback):
        def on_train_batch_start(self, trainer: L.Trainer, module: Any, batch: Any, batch_idx: int) -> None:
            if batch_idx == 2:
                trainer.optimizers[0].param_groups[0]["lr"] = 1.0

    net = Net(alone)
    with pytest.warns(ScheduleWarning, match=r"^LR702: .*parameter group 0 of SGD was written to directly \(1\)"):
        fit(net, LRWarmup(5), Writer(), max_epochs=1)
    assert net.lrs == times([BASES] * 2 + [[1.0, 0.02]] * 4, FIVE)

    class Inside(Net):
        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            if batch_idx == 2:
                self.trainer.optimizers[0].param_groups[0]["lr"] = 1.0
            return super().training_step(batch, batch_idx)

    inside = Inside(alone)
    with pytest.warns(ScheduleWarning, match="written to directly"):
        fit(inside, LRWarmup(5), max_epochs=1)
    assert [lrs[0] for lrs in inside.lrs] == pytest.approx([0.1 / 6, 0.2 / 6, 1.0, 4 / 6, 5 / 6, 1.0])


def test_stochastic_weight_averaging_begins_after_the_ramp() -> None:
    """During the ramp it is refused by name; after the ramp its LRs are those of a run without a ramp."""
    answer = with_scheduler(cosine, "epoch")
    with pytest.raises(ScheduleError, match=r"StochasticWeightAveraging .* from epoch 1 on.*swa_epoch_start=2 \+ 1"):
        fit(Net(answer), LRWarmup("1.5 epochs"), StochasticWeightAveraging(0.05, 2), max_epochs=4)
    with pytest.raises(ScheduleError, match="no known end"):
        fit(Net(answer), LRWarmup(5, shape="exponential"), StochasticWeightAveraging(0.05, 3), max_epochs=4)

    plain, warm = Net(answer), Net(answer)
    fit(plain, StochasticWeightAveraging(0.05, 3, annealing_epochs=2), max_epochs=5, batches=3)
    fit(warm, StochasticWeightAveraging(0.05, 3, annealing_epochs=2), LRWarmup("2 epochs"), max_epochs=5, batches=3)

    assert warm.lrs == times(plain.lrs, [(k + 1) / 7 for k in range(6)])


class Pretrained(OneGroup):
    """A backbone, as Lightning's callback wants it."""

    @property
    def backbone(self) -> Any:
        """The layer that is frozen first."""
        return self.second


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("epoch", [1, 2])
def test_backbone_finetuning_never_sees_the_ramp(epoch: int, last: bool) -> None:
    """It reads and writes the LR without the ramp in each epoch, during the ramp and after it."""
    plain, warm = Pretrained(alone), Pretrained(alone)
    fit(plain, BackboneFinetuning(epoch), max_epochs=5, batches=3)
    callbacks = [LRWarmup("2 epochs", interval="epoch"), BackboneFinetuning(epoch)]
    made = fit(warm, *(callbacks if last else callbacks[::-1]), max_epochs=5, batches=3)

    assert len(warm.lrs[-1]) == 2
    assert warm.lrs == times(plain.lrs, [1 / 3] * 3 + [2 / 3] * 3)
    assert all("finetune_function" not in vars(callback) for callback in made.callbacks)  # type: ignore[attr-defined]  # set by its callback connector


@pytest.mark.needs("lightning>=2.6", "before it, no update follows the finder in so short a run")
def test_the_learning_rate_finder_chooses_before_the_ramp(tmp_path: Path) -> None:
    """The finder's trial runs have no ramp, whatever its place in the list; the LR that it chooses is ramped."""
    for last in (True, False):

        class Found(Net):
            lr = 0.1

            def optimizer(self) -> Optimizer:
                optimizer = SGD(self.parameters(), lr=self.lr)
                optimizer.register_step_post_hook(self._record)
                return optimizer

        net = Found(alone)
        finder = LearningRateFinder(num_training_steps=20, early_stop_threshold=None, min_lr=1e-3, max_lr=0.5)
        callbacks = [LRWarmup(5), finder]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Lightning warns of a loader that is too short
            fit(net, *(callbacks if last else callbacks[::-1]), batches=20, max_epochs=1, default_root_dir=tmp_path)

        assert net.lr != 0.1
        assert net.lrs[-20:] == times([[net.lr]] * 20, FIVE)


def test_our_monitor_sees_no_departure_from_the_plan() -> None:
    """A ScheduledLR under a ramp is watched by ``LRMonitor`` without a warning."""
    plain, warm = (Net(lambda net, o: configure_optimizers(o, "cosine()", net.trainer)) for _ in range(2))
    fit(plain)

    for callbacks in ([LRMonitor(), LRWarmup(5)], [LRWarmup(5), LRMonitor()]):
        warm.used.clear()
        fit(warm, *callbacks, logger=Rows(), log_every_n_steps=1)
        assert warm.lrs == times(plain.lrs, FIVE)


def test_a_scheduler_that_cannot_be_kept_apart_is_refused() -> None:
    """If the class of a scheduler cannot be replaced, the message shows what to write; the optimizer is unchanged."""

    def holder(optimizer: Optimizer) -> Any:
        def nothing(*_: Any) -> dict[str, Any]:
            return {}

        return SimpleNamespace(optimizer=optimizer, step=nothing, state_dict=nothing, load_state_dict=nothing)

    net = TimmNet(with_scheduler(holder))
    optimizers: list[Optimizer] = []

    with pytest.raises(ScheduleError, match=r"SimpleNamespace cannot be kept apart.*Wrap it"):
        fit(net, LRWarmup(5), SeesOptimizers(optimizers))

    assert net.used == []
    assert [group["lr"] for group in optimizers[0].param_groups] == BASES
    assert LRMultiplier.around(optimizers[0]) is None


class SeesOptimizers(L.Callback):
    """Keeps the Trainer's optimizers."""

    def __init__(self, seen: list[Optimizer]) -> None:
        self.seen = seen

    def on_fit_start(self, trainer: L.Trainer, pl_module: Any) -> None:
        """They are configured by now."""
        self.seen += trainer.optimizers


# --- what does not fit the run ----------------------------------------------------------------------------------------

MISFITS: dict[str, tuple[Callable[[], LRWarmup], dict[str, Any], str]] = {
    "longer than the run": (lambda: LRWarmup(13), {}, "takes 13 updates and the run has 12"),
    "more epochs than the run": (lambda: LRWarmup("3 epochs"), {}, "takes 18 updates"),
    "more epochs, per epoch": (lambda: LRWarmup("3 epochs", interval="epoch"), {}, "takes 3 epochs and the run has 2"),
    "an unknown length": (lambda: LRWarmup("5%"), {"data": stream(6)}, "'5%' needs the length of the run.*'500 steps'"),
    "no betas": (lambda: LRWarmup(shape="radam"), {}, "SGD has no betas"),
    "no such group": (lambda: LRWarmup(3, groups=[2]), {}, "no parameter group 2. Its groups are 0, 1"),
    "no such name": (lambda: LRWarmup(3, groups=["head"]), {}, "no parameter group 'head'"),
    "no such optimizer": (lambda: LRWarmup(3, optimizers=[1]), {}, "has 1 optimizers"),
}


@pytest.mark.parametrize("case", MISFITS)
def test_what_does_not_fit_is_refused_before_the_first_update(case: str) -> None:
    """No update is taken."""
    make, options, message = MISFITS[case]
    net = Net(with_scheduler(cosine))

    with pytest.raises(ScheduleError, match=message):
        fit(net, make(), **options)

    assert net.used == []


# Lightning's own warning.
@pytest.mark.filterwarnings("ignore:.*returned `None`, this fit will run with no optimizer")
@pytest.mark.parametrize("name", ["Adafactor", "_MockOptimizer"])
def test_an_optimizer_without_an_lr_has_nothing_to_ramp(name: str) -> None:
    """Adafactor without an LR, and Lightning's mock for no optimizer, are refused by name."""
    adafactor = pytest.importorskip("transformers.optimization").Adafactor
    net = Net(lambda net, _: adafactor(net.parameters()) if name == "Adafactor" else None)

    with pytest.raises(
        ScheduleError, match=f"{name} is no torch optimizer with a number as the lr of each parameter group"
    ):
        fit(net, LRWarmup(3))


def test_a_ramp_in_updates_needs_no_length() -> None:
    """A ramp in updates works if the length of the run is not known."""
    net = Net(alone)

    fit(net, LRWarmup(5), data=stream(6), max_epochs=1)

    assert net.lrs == times([BASES] * 6, FIVE)


def test_fast_dev_run_cuts_the_ramp() -> None:
    """A trial run cuts the ramp with a warning."""
    net = Net(alone)

    with pytest.warns(
        ScheduleWarning, match=r"^LR705: .*takes 5 updates and the run has 1\. .*fast_dev_run cuts the ramp"
    ):
        fit(net, LRWarmup(5), fast_dev_run=True)

    assert net.lrs == times([BASES], FIVE[:1])


# --- what is left behind ----------------------------------------------------------------------------------------------


def test_nothing_is_left_after_the_ramp() -> None:
    """After the ramp, still in training, the optimizer and the scheduler have their own class, hooks and methods again."""
    states: list[bool] = []

    class StateRecorder(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
            optimizer, scheduler = trainer.optimizers[0], trainer.lr_scheduler_configs[0].scheduler
            states.append(is_wrapped(scheduler) or "add_param_group" in vars(optimizer))

    net = Net(with_scheduler(cosine))
    fit(net, LRWarmup(5), StateRecorder())

    assert states == [True] * 4 + [False] * 8


@pytest.mark.parametrize("stopped", ["at the end", "by an error"])
def test_a_run_that_ends_in_mid_ramp_leaves_the_lr_without_the_ramp(stopped: str) -> None:
    """The optimizer has the scheduler's LR when training has ended or was stopped by an error."""

    class Failing(Net):
        def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
            if stopped == "by an error" and self.global_step == 3:
                raise KeyError("stop")
            return super().training_step(batch, batch_idx)

    net = Failing(alone)
    made = trainer(max_steps=3 if stopped == "at the end" else 8, callbacks=[LRWarmup(8, horizon=Horizon(9))])
    if stopped == "at the end":
        made.fit(net, loader(6))
    else:
        with pytest.raises(KeyError):
            made.fit(net, loader(6))

    assert [group["lr"] for group in made.optimizers[0].param_groups] == BASES


def test_a_second_fit_begins_anew() -> None:
    """The same callback starts its ramp again in another fit."""
    warmup = LRWarmup(5)
    first, second = Net(alone), Net(alone)

    for net in (first, second):
        fit(net, warmup)

    assert first.lrs == second.lrs == times([BASES] * 12, FIVE)


def test_a_callback_is_pickled_in_mid_fit() -> None:
    """A copy keeps the place of the ramp and nothing of the run, and begins anew in a fit of its own."""
    copies: list[LRWarmup] = []

    class Copier(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
            if trainer.global_step == 3:
                copies.extend([copy.deepcopy(warmup), pickle.loads(pickle.dumps(warmup))])
                assert all(copied.state_dict() == warmup.state_dict() for copied in copies)

    warmup, net = LRWarmup(5), Net(with_scheduler(cosine))
    fit(net, warmup, Copier())

    assert [copied.state_dict()["taken"] for copied in copies] == [[3], [3]]
    for copied in copies:
        again = Net(with_scheduler(cosine))
        fit(again, copied)
        assert again.lrs == net.lrs


def test_the_state_is_there_after_the_fit() -> None:
    """A checkpoint that is saved when training is over holds the place of the ramp."""
    warmup = LRWarmup(10, horizon=Horizon(12))
    fit(Net(alone), warmup, max_steps=4)

    assert warmup.state_dict() == {"format": 1, "ramp": repr(warmup), "began": 0, "taken": [4]}


def test_copies_of_a_wrapped_scheduler_are_free() -> None:
    """A scheduler that is pickled or deep-copied during the ramp has its own class, and does not touch the live optimizer."""
    kinds: list[Any] = []

    class Copier(L.Callback):
        def on_train_batch_end(self, trainer: L.Trainer, *args: Any) -> None:
            scheduler: Any = trainer.lr_scheduler_configs[0].scheduler
            before = [group["lr"] for group in trainer.optimizers[0].param_groups]
            for copied in (copy.deepcopy(scheduler), pickle.loads(pickle.dumps(scheduler))):
                copied.step()
                kinds.append(type(copied))
            assert [group["lr"] for group in trainer.optimizers[0].param_groups] == before

    plain, warm = Net(with_scheduler(cosine)), Net(with_scheduler(cosine))
    fit(plain)
    fit(warm, LRWarmup(8), Copier(), max_epochs=2)

    assert set(kinds) == {lr_scheduler.CosineAnnealingLR}
    assert warm.lrs == times(plain.lrs, [(k + 1) / 9 for k in range(8)])
