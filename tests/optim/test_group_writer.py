"""LRs in tensors: rounded once, always filled in place, one operation for all groups, and no wait for a device."""

from __future__ import annotations

import copy
import functools
import math
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.optim import SGD, AdamW, Optimizer

from lr_toolkit import Horizon, ReduceOnPlateau, Schedule, ScheduledLR, ScheduleError
from lr_toolkit.optim.group_writer import _Block, _HostBlock
from tests.helpers.capturing import captured
from tests.helpers.operations import Operations
from tests.helpers.optimizers import Still, are_same, held, lrs, move, new_group, optimizer_of, parameter

RUN = Horizon(10**6)
HALF_ULP = 6.0e-8  # of float32: one rounding, and no more

# A schedule for each way to write: a factor, a factor and a floor in LR units, several phases.
SCHEDULES = ["cosine()", "cosine(end=0.1)", "cosine(end_lr=1e-06)", "linear()", "exponential(0.5, every='10%')"]
SCHEDULES += ["warmup('1%') >> hold() >> one_minus_sqrt(over='20%')", "polynomial(2.0, end_lr=1e-06)", "step('25%')"]


def tensors(values: list[float], dtype: torch.dtype = torch.float32, device: str = "cpu") -> list[Tensor]:
    """A tensor for each value."""
    return [torch.tensor(value, dtype=dtype, device=device) for value in values]


def operations_of_a_step(optimizer: Optimizer, schedule: str) -> list[str]:
    """The operations of torch in a step of the scheduler."""
    scheduler = ScheduledLR(optimizer, schedule, RUN)
    move(optimizer, scheduler)
    optimizer.step()
    with Operations() as seen:
        scheduler.step()
    return seen.names


# --- accuracy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_float32_lr_is_rounded_once_after_a_million_updates(schedule: str) -> None:
    """Anywhere in 10^6 updates a tensor LR is the exact closed form, rounded to float32 once."""
    bases = [0.1, 3e-4]
    optimizer = optimizer_of(tensors(bases))
    scheduler = ScheduledLR(optimizer, schedule, RUN)
    timeline = Schedule.parse(schedule).resolve(RUN)
    starts = [float(torch.tensor(base)) for base in bases]  # a base LR is the number in the tensor

    for k in (0, 1, 9_999, 123_456, 500_000, 800_001, 999_000, 999_999, 10**6):
        scheduler.step(k)

        exact = [timeline(k, base_lr=start) for start in starts]
        assert all(
            math.isclose(value, lr, rel_tol=HALF_ULP, abs_tol=1e-45)
            for value, lr in zip(lrs(optimizer), exact, strict=True)
        )
        assert scheduler.get_last_lr() == exact


def test_a_gain_adds_no_rounding() -> None:
    """Base LR, factor and gain are multiplied in float64, whatever the dtype of the LR."""
    optimizer = optimizer_of(tensors([0.1]))
    scheduler = ScheduledLR(optimizer, "cosine()", RUN, plateau=ReduceOnPlateau(monitor="loss", patience=0, factor=0.3))
    scheduler.observe(1.0)
    for _ in range(3):
        scheduler.observe(2.0)

    scheduler.step(333_333)

    (exact,) = scheduler.get_last_lr()
    assert math.isclose(lrs(optimizer)[0], exact, rel_tol=HALF_ULP)


# --- identity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["cosine()", "cosine(end_lr=1e-05)", "warmup(3) >> step(2, gamma=0.5)"])
def test_a_tensor_lr_is_always_the_same_object(schedule: str) -> None:
    """Through every phase and after the end, each group holds the tensor that it held at first."""
    optimizer = optimizer_of(tensors([0.1, 0.1, 0.3]))
    scheduler = ScheduledLR(optimizer, schedule, Horizon(10))
    before = held(optimizer)

    move(optimizer, scheduler, 15)

    assert are_same(held(optimizer), before)


def test_the_tensors_are_back_after_an_optimizer_was_loaded() -> None:
    """torch's ``load_state_dict`` puts other tensors into the groups; the next update uses the former tensors again."""
    optimizer = optimizer_of(tensors([0.1, 0.3]), kind=AdamW)
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    before = held(optimizer)
    move(optimizer, scheduler, 4)
    saved = copy.deepcopy(optimizer.state_dict())
    move(optimizer, scheduler, 2)

    optimizer.load_state_dict(saved)
    assert not any(now is former for now, former in zip(held(optimizer), before, strict=True))
    optimizer.step()

    assert are_same(held(optimizer), before)
    assert lrs(optimizer) == pytest.approx(scheduler.get_last_lr(), rel=HALF_ULP)


def test_a_resumed_scheduler_keeps_the_tensors() -> None:
    """Loading the scheduler's state fills the tensors in place."""
    optimizer = optimizer_of(tensors([0.1, 0.3]))
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    before = held(optimizer)
    move(optimizer, scheduler, 4)
    saved = scheduler.state_dict()
    move(optimizer, scheduler, 3)

    scheduler.load_state_dict(saved)

    assert are_same(held(optimizer), before)
    assert lrs(optimizer) == pytest.approx([0.06, 0.18], rel=1e-6)


def test_groups_that_share_a_default_tensor_get_a_tensor_each() -> None:
    """torch gives groups without an ``lr`` the same tensor; the LR of a group must not change that of another."""
    shared = torch.tensor(0.1)
    optimizer = SGD([{"params": [parameter()]}, {"params": [parameter()], "initial_lr": 0.5}], lr=shared)
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))

    move(optimizer, scheduler, 5)

    first, second = held(optimizer)
    assert first is not second
    assert lrs(optimizer) == pytest.approx([0.05, 0.25], rel=1e-6)


def test_floats_and_tensors_of_several_dtypes_may_be_mixed() -> None:
    """Each group keeps its own type and dtype of LR."""
    kinds = [torch.float32, torch.float64, torch.bfloat16, torch.float32]
    given = [torch.tensor(0.5, dtype=kind) for kind in kinds]
    optimizer = optimizer_of([*given[:2], 0.5, *given[2:]])
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(8))
    before = held(optimizer)

    move(optimizer, scheduler, 4)

    after = held(optimizer)
    assert type(after[2]) is float
    del after[2], before[2]
    assert are_same(after, before)
    assert [lr.dtype for lr in after] == kinds
    assert lrs(optimizer) == [0.25] * 5


@pytest.mark.needs("torch>=2.6", "its SGD takes an LR with dimensions")
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_tensor_lr_of_one_element_keeps_its_shape(schedule: str) -> None:
    """torch's optimizers accept ``tensor(0.1)`` and ``tensor([0.1])``, even in one optimizer."""
    optimizer = optimizer_of([torch.tensor([0.5]), torch.tensor(0.5), torch.tensor([[0.5]]), 0.5])
    scheduler = ScheduledLR(optimizer, schedule, Horizon(10), plateau=ReduceOnPlateau(monitor="loss", patience=0))
    before = held(optimizer)[:3]

    for metric in (1.0, 2.0):
        scheduler.observe(metric)
        move(optimizer, scheduler, 3)
        assert lrs(optimizer) == pytest.approx([lrs(optimizer)[3]] * 4, rel=1e-6)

    assert are_same(held(optimizer)[:3], before)
    assert [lr.shape for lr in held(optimizer)[:3]] == [(1,), (), (1, 1)]


def test_a_late_group_joins_without_moving_the_others() -> None:
    """A group that is added later (unfreezing) follows from its first update on; the tensors of the others stay."""
    optimizer = optimizer_of(tensors([0.1, 0.3]))
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    before = held(optimizer)
    move(optimizer, scheduler, 2)

    optimizer.add_param_group(new_group(torch.tensor(1.0)))
    optimizer.add_param_group(new_group(2.0))
    optimizer.step()

    joined = held(optimizer)[2]
    assert are_same(held(optimizer)[:2], before)
    assert lrs(optimizer) == pytest.approx([0.08, 0.24, 0.8, 1.6], rel=1e-6)
    scheduler.step()
    assert held(optimizer)[2] is joined


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda original: pickle.loads(pickle.dumps(original))], ids=["copy", "pickle"]
)
def test_a_copy_has_tensors_of_its_own(duplicate: Callable[[Any], Any]) -> None:
    """A copied scheduler moves the copied optimizer and not the original."""
    optimizer = optimizer_of(tensors([0.1, 0.3]))
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    move(optimizer, scheduler, 2)

    other = duplicate(scheduler)
    for group in other.optimizer.param_groups:
        group["params"][0].grad = torch.ones(1)
    move(other.optimizer, other, 3)

    assert lrs(optimizer) == pytest.approx([0.08, 0.24], rel=1e-6)
    assert lrs(other.optimizer) == pytest.approx([0.05, 0.15], rel=1e-6)


# --- in a CUDA graph --------------------------------------------------------------------------------------------------


def on_device(*bases: float) -> Optimizer:
    """An optimizer with tensor LRs on a device other than the host."""
    optimizer = optimizer_of(tensors(list(bases), device="meta"), "meta", Still)
    for group, base in zip(optimizer.param_groups, bases, strict=True):
        group["initial_lr"] = base
    return optimizer


def test_a_captured_update_counts_at_every_replay() -> None:
    """A CUDA graph replays an update without a call of ``optimizer.step()``, so every ``step()`` counts after the capture."""
    optimizer = on_device(0.1)
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    move(optimizer, scheduler, 2)
    scheduler.step()
    assert scheduler.last_epoch == 2

    with captured():
        optimizer.step()
    for _ in range(4):
        scheduler.step()
    assert scheduler.last_epoch == 6

    move(optimizer, scheduler)
    scheduler.step()
    assert scheduler.last_epoch == 7


@pytest.mark.parametrize(("lr", "kind"), [(0.2, "a number"), (torch.tensor(0.2), "a tensor in the host's memory")])
def test_an_lr_in_host_memory_is_reported_at_the_capture(lr: Any, kind: str) -> None:
    """An LR in host memory is a constant of the captured CUDA graph, which later writes do not change."""
    optimizer = on_device(0.1)
    optimizer.add_param_group(new_group(lr, "meta"))
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    move(optimizer, scheduler, 2)

    message = rf"group 1 is {kind}: .*\(0\.16\).*lr=torch\.tensor\(3e-4, device='cuda'\)"
    with captured(), pytest.warns(UserWarning, match=message):
        optimizer.step()


def test_a_step_of_the_scheduler_during_a_capture_is_refused() -> None:
    """In the graph it would write the same LR at every replay; after the capture it works again."""
    optimizer = on_device(0.1)
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))

    with captured():
        optimizer.step()
        with pytest.raises(ScheduleError, match=r"scheduler\.step\(\) was called while.*after each graph\.replay\(\)"):
            scheduler.step()
    assert scheduler.last_epoch == 0

    scheduler.step()
    assert scheduler.last_epoch == 1


def test_lrs_that_are_not_written_yet_are_refused_during_a_capture() -> None:
    """Loaded groups are written before their first update; in a graph every replay would write the same LR."""
    optimizer = on_device(0.1)
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    move(optimizer, scheduler)
    optimizer.param_groups = [
        {**group, "lr": group["lr"].clone()} for group in optimizer.param_groups
    ]  # as a load does

    with captured(), pytest.raises(ScheduleError, match=r"captures an update.*Take one update before the capture"):
        optimizer.step()


# --- cost -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "schedule", "most"),
    [
        ("cpu", "cosine()", 1),
        ("cpu", "cosine(end_lr=1e-06)", 1),
        ("meta", "cosine()", 1),
        ("meta", "cosine(end_lr=1e-06)", 1),
    ],
)
def test_all_groups_take_one_operation(device: str, schedule: str, most: int) -> None:
    """The number of operations of a step does not depend on the number of groups: it is one."""
    counts = []
    for n in (1, 10, 200):
        optimizer = optimizer_of(tensors([0.1 + index for index in range(n)], device=device), device, Still)
        for group in optimizer.param_groups:
            group["initial_lr"] = 0.1
        counts.append(len(operations_of_a_step(optimizer, schedule)))

    assert counts == [most] * 3


@given(st.floats(0, 1), st.sampled_from([torch.float32, torch.float64]))
def test_a_device_computes_the_same_lrs_as_the_host(factor: float, dtype: torch.dtype) -> None:
    """torch on a device and NumPy on the host fill a buffer with the same numbers."""
    filled = []
    for kind in (_Block, _HostBlock):
        block = kind("lr", [0, 1, 2], tensors([0.0] * 3, dtype))
        block.set_levels([0.1, 1.5e-4, 1.75])
        block.scale(factor)
        filled.append(block.buffer.tolist())

    assert filled[0] == filled[1]


def test_a_changed_timeline_takes_as_many_operations_for_one_group_as_for_many() -> None:
    """A changed plan, here with a second warmup, is written by a constant number of operations too."""
    counts = []
    for n in (1, 10, 200):
        first = ScheduledLR(optimizer_of(tensors([0.1] * n)), "linear()", Horizon(10))
        move(first.optimizer, first, 2)
        optimizer = optimizer_of(tensors([0.1] * n))
        scheduler = ScheduledLR(optimizer, "linear()", Horizon(20), on_change="stretch", rewarm=5)
        scheduler.load_state_dict(first.state_dict())
        optimizer.step()
        with Operations() as seen:
            scheduler.step()
        counts.append(len(seen.names))
        assert lrs(optimizer) == pytest.approx(scheduler.get_last_lr(), rel=HALF_ULP)

    assert len(set(counts)) == 1


def test_float_lrs_take_no_operation() -> None:
    """LRs that are numbers need no operation of torch."""
    assert operations_of_a_step(optimizer_of([0.1, 0.2]), "warmup(3) >> cosine(end_lr=1e-06)") == []


# --- no wait for a device ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_step_reads_a_device(schedule: str) -> None:
    """A step, a reduction and a resume work on the ``meta`` device, from which nothing can be read."""
    optimizer = optimizer_of(tensors([0.1, 0.3], device="meta"), "meta", Still)
    for group in optimizer.param_groups:
        group["initial_lr"] = 0.1  # the only number that is read, before the run
    with pytest.raises(RuntimeError, match=r"\.item\(\) cannot be called on meta"):
        optimizer.param_groups[0]["lr"].item()

    scheduler = ScheduledLR(optimizer, schedule, RUN, plateau=ReduceOnPlateau(monitor="loss", patience=0))
    move(optimizer, scheduler, 3)
    for reading in (1.0, 2.0, 3.0):
        scheduler.observe(reading)
    move(optimizer, scheduler, 3)
    scheduler.step(10**6)
    scheduler.load_state_dict(scheduler.state_dict())
    move(optimizer, scheduler)

    assert scheduler.get_last_lr() == scheduler.planned(10**6 + 1)
    assert all(type(lr) is float for lr in scheduler.get_last_lr())


@pytest.mark.gpu  # only a GPU has streams; elsewhere meta and fake tensors take its place
@pytest.mark.filterwarnings("ignore:Synchronization debug mode:UserWarning")  # torch's, on the mode itself
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_step_makes_the_host_wait_for_a_gpu(schedule: str) -> None:
    """Under CUDA's sync debug mode no step, reduction or resume of 20 groups synchronizes."""
    kind = functools.partial(AdamW, capturable=True)
    optimizer = optimizer_of(tensors([0.1] * 20, device="cuda"), "cuda", kind)
    scheduler = ScheduledLR(optimizer, schedule, RUN, plateau=ReduceOnPlateau(monitor="loss", patience=0))
    before = held(optimizer)
    try:
        torch.cuda.set_sync_debug_mode("error")
        move(optimizer, scheduler, 3)
        for reading in (1.0, 2.0, 3.0):
            scheduler.observe(reading)
        scheduler.load_state_dict(scheduler.state_dict())
        move(optimizer, scheduler, 3)
    finally:
        torch.cuda.set_sync_debug_mode("default")

    assert are_same(held(optimizer), before)
    assert lrs(optimizer) == pytest.approx(scheduler.get_last_lr(), rel=HALF_ULP)
