"""Schedulers beside what other libraries do to an optimizer: one table, with the LRs of the updates or the message that are right."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import pytorch_warmup
import torch
from lightning.pytorch.callbacks import ModelCheckpoint, StochasticWeightAveraging
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch.optim import SGD, Optimizer, swa_utils
from torch.optim import lr_scheduler as torch_lr

from lr_toolkit import Horizon, LRMonitor, LRWarmup, ScheduledLR, ScheduleError, configure_optimizers
from tests.helpers.fits import Probe, Recorder, fit
from tests.helpers.optimizers import sgd, through_a_file

PLAN, RUN = "linear()", Horizon(10)
LINEAR = [0.1 * (1 - k / 10) for k in range(10)]
COSINE = ScheduledLR(sgd([0.1]), "cosine()", RUN).planned


@dataclass(frozen=True)
class Entry:
    """A situation.

    Args:
        run: what is done; returns the LRs of the first group in each update.
        right: the LRs that are right.
        error: how the error begins that is right.
        warning: how the warning begins that is right.
    """

    run: Callable[[], list[float]]
    right: list[float] | None = None
    error: str = ""
    warning: str = ""


ENTRIES: dict[str, Entry] = {}


def entry(name: str, right: list[float] | None = None, *, error: str = "", warning: str = "") -> Any:
    """Enter the decorated function into the table."""

    def enter(run: Callable[[], list[float]]) -> Callable[[], list[float]]:
        ENTRIES[name] = Entry(run, right, error, warning)
        return run

    return enter


def tensor_sgd(values: list[float]) -> SGD:
    """An optimizer with tensor LRs."""
    return sgd([torch.tensor(value, dtype=torch.float64) for value in values])


def moved(optimizer: Optimizer) -> float:
    """Take an update; returns the LR that really moved the first weight."""
    weight = optimizer.param_groups[0]["params"][0]
    before = weight.item()
    optimizer.step()
    return float(before - weight.item())


def loop(optimizer: Optimizer, step: Callable[[], Any], updates: int) -> list[float]:
    """A plain loop."""
    used = []
    for _ in range(updates):
        used.append(moved(optimizer))
        step()
    return used


# --- a learning rate that somebody else wrote -------------------------------------------------------------------------


def written(make: Callable[[list[float]], SGD], write: Callable[[SGD], None]) -> list[float]:
    """Six updates, with a direct write in front of the third."""
    optimizer = make([0.1, 0.1])
    scheduler = ScheduledLR(optimizer, PLAN, RUN)
    used = loop(optimizer, scheduler.step, 2)
    write(optimizer)
    return used + loop(optimizer, scheduler.step, 4)


def by_number(optimizer: SGD) -> None:
    """A number in place of whatever is there."""
    optimizer.param_groups[0]["lr"] = 0.5


def by_tensor(optimizer: SGD) -> None:
    """A new tensor in place of whatever is there."""
    optimizer.param_groups[0]["lr"] = torch.tensor(0.5, dtype=torch.float64)


def in_place(optimizer: SGD) -> None:
    """The tensor that is there, filled."""
    optimizer.param_groups[0]["lr"].fill_(0.5)


def exchange(optimizer: SGD) -> None:
    """Another group in the place of the first, with the same weight."""
    optimizer.param_groups[0] = {**optimizer.param_groups[0], "lr": 0.5}


WRITES = {"a number": by_number, "a tensor": by_tensor, "filled": in_place, "another group": exchange}
ONCE = [*LINEAR[:2], 0.5, *LINEAR[3:6]]

for kind, make in {"number": sgd, "tensor": tensor_sgd}.items():
    for how, write in WRITES.items():
        if (kind, how) != ("number", "filled"):
            entry(f"a direct write to a {kind} lasts one update: {how}", ONCE)(
                lambda make=make, write=write: written(make, write)
            )


# --- somebody else in charge at a resume ------------------------------------------------------------------------------

Loop = Callable[[Optimizer], tuple[dict[str, Any], Callable[[int], None]]]


def swa(optimizer: Optimizer) -> tuple[dict[str, Any], Callable[[int], None]]:
    """torch's SWALR takes over after four updates, as in torch's documentation."""
    ours = ScheduledLR(optimizer, PLAN, RUN)
    theirs = swa_utils.SWALR(optimizer, swa_lr=0.01, anneal_epochs=2)
    return {"ours": ours, "theirs": theirs}, lambda k: (theirs if k >= 4 else ours).step()


def dampened(optimizer: Optimizer) -> tuple[dict[str, Any], Callable[[int], None]]:
    """pytorch_warmup multiplies what the scheduler writes."""
    ours = ScheduledLR(optimizer, PLAN, RUN)
    theirs = pytorch_warmup.LinearWarmup(optimizer, 8)

    def step(k: int) -> None:
        with theirs.dampening():
            ours.step()

    return {"ours": ours, "theirs": theirs}, step


def sequence(optimizer: Optimizer) -> tuple[dict[str, Any], Callable[[int], None]]:
    """torch's warmup comes first."""
    parts = [torch_lr.LinearLR(optimizer, 0.1, 1.0, 6), ScheduledLR(optimizer, PLAN, RUN)]
    both = torch_lr.SequentialLR(optimizer, parts, [6])
    return {"both": both}, lambda k: both.step()


def alone(optimizer: Optimizer) -> tuple[dict[str, Any], Callable[[int], None]]:
    """Nobody else."""
    ours = ScheduledLR(optimizer, PLAN, RUN)
    return {"ours": ours}, lambda k: ours.step()


ORDERS = {
    "optimizer first": lambda names: ["optimizer", *names],
    "optimizer last": lambda names: [*names, "optimizer"],
}


def resumed(make: Callable[[list[float]], SGD], build: Loop, order: str, after: int) -> list[float]:
    """Ten updates, interrupted after some of them."""
    optimizer = make([0.1, 0.1])
    schedulers, step = build(optimizer)
    used = []
    for k in range(10):
        if k == after:
            states = {name: scheduler.state_dict() for name, scheduler in schedulers.items()}
            states = through_a_file({**states, "optimizer": optimizer.state_dict()})
            optimizer = make([0.1, 0.1])
            schedulers, step = build(optimizer)
            for name in ORDERS[order](list(schedulers)):
                {**schedulers, "optimizer": optimizer}[name].load_state_dict(states[name])
        used.append(moved(optimizer))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The epoch parameter")  # of torch, to its own SequentialLR
            step(k)
    return used


for kind, make in {"number": sgd, "tensor": tensor_sgd}.items():
    for build in (swa, dampened, sequence, alone):
        if build is dampened and kind == "tensor":
            continue  # pytorch_warmup replaces the tensors by itself
        whole = resumed(make, build, "optimizer first", 99)
        for order in ORDERS:
            for after in (3, 5, 7):
                entry(f"resume with {build.__name__}, {kind}, {order}, after {after}", whole)(
                    lambda make=make, build=build, order=order, after=after: resumed(make, build, order, after)
                )


@entry("a fresh schedule on an optimizer that was loaded", LINEAR)
def _() -> list[float]:
    old = sgd([0.1])
    loop(old, ScheduledLR(old, PLAN, RUN).step, 5)
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, PLAN, RUN)
    optimizer.load_state_dict(old.state_dict())
    return loop(optimizer, scheduler.step, 10)


@entry("a changed plan acts after a resume in either order", [*LINEAR[:5], *(0.2 * (1 - k / 10) for k in range(5, 10))])
def _() -> list[float]:
    old = sgd([0.1])
    first = ScheduledLR(old, PLAN, RUN)
    used = loop(old, first.step, 5)
    optimizer = sgd([0.2])
    scheduler = ScheduledLR(optimizer, PLAN, RUN, on_change="replan")
    scheduler.load_state_dict(first.state_dict())
    optimizer.load_state_dict(old.state_dict())
    return used + loop(optimizer, scheduler.step, 5)


@pytest.mark.parametrize(
    ("interval", "lr", "after"),
    [("epoch", 0.1, 1), ("epoch", 0.1, 3), ("step", 0.1, 5), ("epoch", torch.tensor(0.1, dtype=torch.float64), 5)],
)
@pytest.mark.filterwarnings("ignore:SWA is currently only supported every epoch")
@pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`")
def test_resume_with_lightnings_weight_averaging(interval: Any, lr: Any, after: int, tmp_path: Path) -> None:
    """A run that is resumed before or during Lightning's weight averaging uses the LRs of the run in one piece."""

    def build(net: Probe) -> Any:
        return configure_optimizers(net.sgd(copy.deepcopy(lr)), "cosine()", net.trainer, interval=interval)

    def run(**options: Any) -> list[list[float]]:
        net = Probe(build)
        averaging = StochasticWeightAveraging(0.02, swa_epoch_start=2, annealing_epochs=2)
        saver = ModelCheckpoint(tmp_path, "{epoch}", save_top_k=-1, enable_version_counter=False)
        fit(net, averaging, saver, enable_checkpointing=True, max_epochs=6, batches=2, **options)
        return [lrs for _, lrs in net.used]

    whole = run()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Checkpoint directory .* exists")
        assert run(ckpt_path=tmp_path / f"epoch={after - 1}.ckpt") == whole[2 * after :]


# --- a list of groups that is narrowed within a step ------------------------------------------------------------------


class ZeRO:
    """DeepSpeed's ``DeepSpeedZeroOptimizer`` of stages 1 and 2 as far as the LR goes.

    Its ``step`` runs ``_optimizer_step(i)`` for each group: it narrows ``param_groups`` to that group, gives only its partition a
    gradient, steps, restores the list and drops the gradient. deepspeed needs a compiler to install, so its loop is copied; a run
    of deepspeed 0.19.8 on a CPU gave the same LRs and the same number of inner steps.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer

    param_groups = property(lambda self: self.optimizer.param_groups)
    state = property(lambda self: self.optimizer.state)
    defaults = property(lambda self: self.optimizer.defaults)

    def _optimizer_step(self, group_no: int) -> None:
        original_param_groups = self.optimizer.param_groups
        self.optimizer.param_groups = [original_param_groups[group_no]]
        self.optimizer.step()
        self.optimizer.param_groups = original_param_groups

    def zero_grad(self) -> None:
        """The partitions have none between two steps."""

    def state_dict(self) -> dict[str, Any]:
        """The optimizer's."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Into the optimizer."""
        self.optimizer.load_state_dict(state)

    def step(self, closure: Any = None) -> None:
        """One update of all groups."""
        if closure is not None:
            closure()
        for i, group in enumerate(self.optimizer.param_groups):
            for partition in group["params"]:
                partition.grad = torch.ones_like(partition)
            self._optimizer_step(i)
            for partition in group["params"]:
                partition.grad = None


def zero(
    make: Callable[[list[float]], SGD], groups: int, *, needs_gradient: bool = False, load: bool = False
) -> list[float]:
    """Ten updates by ZeRO."""
    optimizer = make([0.1] * groups)
    scheduler = ScheduledLR(optimizer, PLAN, RUN)
    scheduler.needs_gradient = needs_gradient
    wrapper, used = ZeRO(optimizer), []
    for k in range(10):
        if load and k == 5:
            states = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
            optimizer.load_state_dict(states[0])
            scheduler.load_state_dict(states[1])
        weights = [group["params"][0] for group in optimizer.param_groups]
        before = [weight.item() for weight in weights]
        wrapper.step()
        steps = {round(was - weight.item(), 12) for was, weight in zip(before, weights, strict=True)}
        scheduler.step()
        used.append(steps.pop())
        assert not steps  # all groups had the same LR
    return used


for kind, make in {"number": sgd, "tensor": tensor_sgd}.items():
    for groups in (1, 2, 3):
        for options in ({}, {"needs_gradient": True}, {"load": True}):
            entry(f"ZeRO, {kind}, {groups} groups, {options}", LINEAR)(
                lambda make=make, groups=groups, options=options: zero(make, groups, **options)
            )


class ZeRO3(ZeRO):
    """DeepSpeed's ``DeepSpeedZeroOptimizer_Stage3`` as far as the LR goes.

    It splits the groups into parts of ``sub_group_size`` numbers. Its ``step`` puts one part after another into its group, steps,
    and empties the group again. The list of groups stays whole.
    """

    parts_per_group = 1

    def __init__(self, optimizer: Optimizer) -> None:
        super().__init__(optimizer)
        self.parts: list[tuple[int, torch.Tensor]] = []
        for index, group in enumerate(optimizer.param_groups):
            for parameter in group["params"]:
                self.parts += [(index, parameter)] * self.parts_per_group
            group["params"] = []

    def step(self, closure: Any = None) -> None:
        """One update of all groups."""
        if closure is not None:
            closure()
        for index, part in self.parts:
            group = self.optimizer.param_groups[index]
            group["params"] = [part]
            part.grad = torch.ones_like(part)
            self.optimizer.step()
            part.grad = None
            group["params"] = []


class ZeRO3InParts(ZeRO3):
    """A large model: each group has two parts."""

    parts_per_group = 2


class ZeROStrategy(SingleDeviceStrategy):
    """Puts the wrapper in the place of the optimizers, as Lightning's DeepSpeedStrategy does."""

    def __init__(self, wrapper: type[ZeRO]) -> None:
        super().__init__(torch.device("cpu"))
        self.wrapper = wrapper

    def setup_optimizers(self, trainer: L.Trainer) -> None:
        """Wrap them."""
        super().setup_optimizers(trainer)
        self.optimizers = [self.wrapper(optimizer) for optimizer in self.optimizers]  # type: ignore[misc]  # as DeepSpeedStrategy


def ours(net: Probe) -> Any:
    """This package's scheduler."""
    return configure_optimizers(net.sgd(), PLAN, net.trainer)


def nobody(net: Probe) -> Any:
    """No scheduler."""
    return net.sgd()


RAMP = [0.25, 0.5, 0.75, *[1.0] * 5]
CONSTANT = [1.0] * 8
DECAY = [1 - k / 8 for k in range(8)]


class Manual(Probe):
    """Takes its updates itself."""

    def __init__(self, answer: Any, *, groups: int = 1) -> None:
        super().__init__(answer, groups=groups)
        self.automatic_optimization = False

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One update."""
        self.manual_backward(super().training_step(batch, batch_idx))
        self.optimizers().step()


# The wrapper of each stage, with its inner steps for each group in an update, and those in which a group is in the list.
STAGES: dict[str, tuple[type[ZeRO], int]] = {
    "1 and 2": (ZeRO, 1),
    "3": (ZeRO3, 1),
    "3, a large model": (ZeRO3InParts, 2),
}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize(
    ("answer", "kind", "warms_up", "factors"),
    [
        (ours, Probe, False, DECAY),
        (nobody, Probe, False, CONSTANT),
        (nobody, Probe, True, RAMP),
        (ours, Probe, True, [ramp * factor for ramp, factor in zip(RAMP, DECAY, strict=True)]),
        (ours, Manual, False, DECAY),
        (ours, Manual, True, [ramp * factor for ramp, factor in zip(RAMP, DECAY, strict=True)]),
    ],
    ids=["a schedule", "the monitor alone", "a ramp", "a schedule and a ramp", "manual", "manual and a ramp"],
)
def test_zero_in_lightning(
    answer: Any, kind: type[Probe], warms_up: bool, factors: list[float], groups: int, stage: str
) -> None:
    """Every group uses its LR in each inner step, and the monitor has a row for each update with the LR of every group."""
    wrapper, parts = STAGES[stage]
    net, recorder, monitor = kind(answer, groups=groups), Recorder(), LRMonitor()
    callbacks = [LRWarmup(3), monitor] if warms_up else [monitor]
    fit(net, *callbacks, logger=recorder, log_every_n_steps=1, strategy=ZeROStrategy(wrapper))

    expected = [0.1 * factor for factor in factors]
    lrs = [lr for _, lrs in net.used for lr in dict.fromkeys(lrs)]  # those of one inner step are equal
    assert lrs == pytest.approx([lr for lr in expected for _ in range(groups * parts)])
    rows = [[row[name] for name in sorted(row) if name.startswith("lr/")] for _, row in recorder.lrs("lr/")]
    assert rows == [pytest.approx([lr] * groups) for lr in expected]
    assert monitor.findings == ()


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("update", [2, 5])
def test_zero_goes_on_from_a_checkpoint(stage: str, update: int, tmp_path: Path) -> None:
    """A checkpoint that was saved at the end of a batch, under manual optimization with a ramp, holds the update that was taken."""

    class Cut(Manual):
        def on_train_batch_end(self, *_: Any) -> None:
            if self.trainer.fit_loop.total_batch_idx + 1 == update:
                self.trainer.save_checkpoint(tmp_path / "cut.ckpt")

    def run(net: Probe, **options: Any) -> list[float]:
        fit(net, LRWarmup(3), strategy=ZeROStrategy(STAGES[stage][0]), max_epochs=2, batches=update, **options)
        return [lr for _, lrs in net.used for lr in dict.fromkeys(lrs)]

    whole = run(Cut(ours, groups=3))
    rest = run(Manual(ours, groups=3), ckpt_path=tmp_path / "cut.ckpt")

    assert rest == pytest.approx(whole[len(whole) // 2 :])


# --- calls of step() that do not match the updates --------------------------------------------------------------------


class Accelerated:
    """accelerate's ``AcceleratedScheduler.step`` with the default arguments, in a run of several processes."""

    def __init__(self, scheduler: Any, processes: int) -> None:
        self.scheduler = scheduler
        self.processes = processes

    def step(self) -> None:
        """A step for each process: the horizon of the examples is that of the unprepared loader."""
        for _ in range(self.processes):
            self.scheduler.step()


for processes in (2, 4, 8):

    @entry(f"accelerate with {processes} processes", LINEAR, warning=r"LR531: .*prepared dataloader")
    def _(processes: int = processes) -> list[float]:
        optimizer = sgd([0.1])
        return loop(optimizer, Accelerated(ScheduledLR(optimizer, PLAN, RUN), processes).step, 10)


@entry("accelerate with a scheduler that is not prepared", LINEAR)
def _() -> list[float]:
    optimizer = sgd([0.1])
    return loop(optimizer, ScheduledLR(optimizer, PLAN, RUN).step, 10)


@entry(
    "steps to a resume point before any update",
    LINEAR[:2],
    warning=r"LR532: scheduler.step\(\) came before .* call scheduler.step\(n\)",
)
def _() -> list[float]:
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, PLAN, RUN)
    for _ in range(5):
        scheduler.step()
    return loop(optimizer, scheduler.step, 2)


@entry("steps to a resume point after an update", LINEAR[:2], warning=r"LR531: .* call scheduler.step\(n\)")
def _() -> list[float]:
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, PLAN, RUN)
    used = loop(optimizer, scheduler.step, 1)
    for _ in range(50):
        scheduler.step()
    return used + loop(optimizer, scheduler.step, 1)


@entry("the step to a resume point that the messages name", LINEAR[5:])
def _() -> list[float]:
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, PLAN, RUN)
    scheduler.step(5)
    return loop(optimizer, scheduler.step, 5)


@entry("a GradScaler that skips now and then", [*LINEAR[:3], *LINEAR[4:]])
def _() -> list[float]:
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, PLAN, Horizon(10))
    used = []
    for k in range(10):
        if k != 3:
            used.append(moved(optimizer))
        scheduler.step()
    scheduler.step(9)
    return [*used[:3], *(0.1 * (1 - k / 10) for k in range(4, 10))]


# --- two schedulers on one optimizer ----------------------------------------------------------------------------------


def both(*plans: str, step: str = "both") -> list[float]:
    """Two schedulers on one optimizer in a plain loop."""
    optimizer = sgd([0.1])
    first, second = (ScheduledLR(optimizer, plan, RUN) for plan in plans)
    used = []
    for k in range(10):
        used.append(moved(optimizer))
        if step == "both" or (step == "each" and k < 5):
            first.step()
        if step != "each" or k >= 5:
            second.step()
    return used


TWO = r"ScheduledLR: two schedulers drive one SGD .*Keep one scheduler for each optimizer"

entry("two schedulers that both step", error=TWO)(lambda: both("warmup(5) >> hold()", PLAN))
entry("a scheduler that another one has replaced", LINEAR)(lambda: both("hold()", PLAN, step="second"))


@entry("two in a ChainedScheduler", error=TWO)
def _() -> list[float]:
    optimizer = sgd([0.1])
    parts = [ScheduledLR(optimizer, PLAN, RUN), ScheduledLR(optimizer, "hold()", RUN)]
    return loop(optimizer, torch_lr.ChainedScheduler(parts, optimizer).step, 3)


@entry("one per update and one per epoch", error=TWO)
def _() -> list[float]:
    optimizer = sgd([0.1])
    per_update, per_epoch = ScheduledLR(optimizer, PLAN, RUN), ScheduledLR(optimizer, PLAN, Horizon(2, unit="epoch"))
    used = []
    for _ in range(2):
        used += loop(optimizer, per_update.step, 5)
        per_epoch.step()
    return used


@entry("two in a SequentialLR", [*LINEAR[:5], *LINEAR[:5]])
def _() -> list[float]:
    optimizer = sgd([0.1])
    parts = [ScheduledLR(optimizer, PLAN, RUN), ScheduledLR(optimizer, PLAN, RUN)]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The epoch parameter")  # of torch, to its own SequentialLR
        return loop(optimizer, torch_lr.SequentialLR(optimizer, parts, [5]).step, 10)


@entry("a cell of a notebook that runs again", [*LINEAR[:3], *LINEAR])
def _() -> list[float]:
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, PLAN, RUN)
    used = loop(optimizer, scheduler.step, 3)
    kept = scheduler  # alive, as in the output of a cell
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"]
    scheduler = ScheduledLR(optimizer, PLAN, RUN)
    used += loop(optimizer, scheduler.step, 10)
    assert kept.last_epoch == 3
    return used


@entry("a copy of optimizer and scheduler", LINEAR)
def _() -> list[float]:
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, PLAN, RUN)
    other, copied = copy.deepcopy((optimizer, scheduler))
    loop(other, copied.step, 10)
    return loop(optimizer, scheduler.step, 10)


# --- the table --------------------------------------------------------------------------------------------------------


@contextmanager
def quiet() -> Iterator[None]:
    """No warning at all."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("name", ENTRIES)
def test_beside_another_engine(name: str) -> None:
    """Each situation of the table has its right LRs, its error or its one warning; without one it is quiet."""
    entry = ENTRIES[name]
    if entry.error:
        with pytest.raises(ScheduleError, match=entry.error):
            entry.run()
        return
    if not entry.warning:
        with quiet():
            used = entry.run()
    else:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            used = entry.run()
        assert len(caught) == 1
        assert re.match(entry.warning, str(caught[0].message))
    assert used == pytest.approx(entry.right, abs=1e-12)
