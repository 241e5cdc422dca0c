"""Learning rates in tensors: rounded once, filled in place for ever, one operation for all groups, no device waited for."""

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
from torch.utils._python_dispatch import TorchDispatchMode

from lr_toolkit import Horizon, ReduceOnPlateau, Schedule, ScheduledLR, ScheduleError
from lr_toolkit.optim.group_writer import _Block, _HostBlock
from tests.helpers.capturing import captured

RUN = Horizon(10**6)
HALF_ULP = 6.0e-8  # of float32: one rounding, and no more

# One of each way to write: a factor, a factor and a floor in LR units, phases that follow each other.
SCHEDULES = ["cosine()", "cosine(end=0.1)", "cosine(end_lr=1e-06)", "linear()", "exponential(0.5, every='10%')"]
SCHEDULES += ["warmup('1%') >> hold() >> one_minus_sqrt(over='20%')", "polynomial(2.0, end_lr=1e-06)", "step('25%')"]


class Still(Optimizer):
    """An optimizer that moves nothing: torch's own read a tensor LR to the host unless they are capturable."""

    def __init__(self, groups: list[dict[str, Any]]) -> None:
        super().__init__(groups, {})

    def step(self, closure: Any = None) -> None:
        """An update as far as hooks can tell."""


def parameter(device: str = "cpu") -> torch.nn.Parameter:
    """A weight with a gradient."""
    weight = torch.nn.Parameter(torch.ones(1, device=device))
    weight.grad = torch.ones_like(weight)
    return weight


def optimizer_of(lrs: list[Any], device: str = "cpu", kind: Callable[..., Optimizer] = SGD) -> Optimizer:
    """An optimizer of one weight for each LR."""
    return kind([{"params": [parameter(device)], "lr": lr} for lr in lrs])


def tensors(values: list[float], dtype: torch.dtype = torch.float32, device: str = "cpu") -> list[Tensor]:
    """A tensor for each value."""
    return [torch.tensor(value, dtype=dtype, device=device) for value in values]


def held(optimizer: Optimizer) -> list[Any]:
    """What each group holds as its LR, the very object."""
    return [group["lr"] for group in optimizer.param_groups]


def values(optimizer: Optimizer) -> list[float]:
    """The number in each group's LR."""
    return [float(lr) for lr in held(optimizer)]


def are_same(one: list[Any], other: list[Any]) -> bool:
    """Whether two lists hold the very same objects."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=False))


def move(optimizer: Optimizer, scheduler: ScheduledLR, times: int = 1) -> None:
    """Take so many updates."""
    for _ in range(times):
        optimizer.step()
        scheduler.step()


class Operations(TorchDispatchMode):
    """Notes the ATen operations that are run within."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note and run one operation."""
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def operations_of_a_step(optimizer: Optimizer, schedule: str) -> list[str]:
    """What one step of the scheduler asks of torch."""
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
    starts = [float(torch.tensor(base)) for base in bases]  # a base LR is what the tensor could hold

    for k in (0, 1, 9_999, 123_456, 500_000, 800_001, 999_000, 999_999, 10**6):
        scheduler.step(k)

        exact = [timeline(k, base_lr=start) for start in starts]
        assert all(
            math.isclose(value, lr, rel_tol=HALF_ULP, abs_tol=1e-45)
            for value, lr in zip(values(optimizer), exact, strict=True)
        )
        assert scheduler.get_last_lr() == exact


def test_a_gain_adds_no_rounding_of_its_own() -> None:
    """Base LR, factor and the plateau's gain are multiplied in float64, whatever the LR's dtype."""
    optimizer = optimizer_of(tensors([0.1]))
    scheduler = ScheduledLR(optimizer, "cosine()", RUN, plateau=ReduceOnPlateau(monitor="loss", patience=0, factor=0.3))
    scheduler.observe(1.0)
    for _ in range(3):
        scheduler.observe(2.0)

    scheduler.step(333_333)

    (exact,) = scheduler.get_last_lr()
    assert math.isclose(values(optimizer)[0], exact, rel_tol=HALF_ULP)


# --- identity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", ["cosine()", "cosine(end_lr=1e-05)", "warmup(3) >> step(2, gamma=0.5)"])
def test_a_tensor_lr_is_the_same_object_for_ever(schedule: str) -> None:
    """From the first moment on, through every phase and beyond the end, each group holds one tensor."""
    optimizer = optimizer_of(tensors([0.1, 0.1, 0.3]))
    scheduler = ScheduledLR(optimizer, schedule, Horizon(10))
    before = held(optimizer)

    move(optimizer, scheduler, 15)

    assert are_same(held(optimizer), before)


def test_loading_an_optimizer_gives_the_tensors_back() -> None:
    """torch's ``load_state_dict`` puts other tensors into the groups; the next update already has ours again."""
    optimizer = optimizer_of(tensors([0.1, 0.3]), kind=AdamW)
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    before = held(optimizer)
    move(optimizer, scheduler, 4)
    saved = copy.deepcopy(optimizer.state_dict())
    move(optimizer, scheduler, 2)

    optimizer.load_state_dict(saved)
    assert not any(one is other for one, other in zip(held(optimizer), before, strict=True))
    optimizer.step()

    assert are_same(held(optimizer), before)
    assert values(optimizer) == pytest.approx(scheduler.get_last_lr(), rel=HALF_ULP)


def test_a_resumed_scheduler_keeps_the_tensors() -> None:
    """Loading the scheduler's state, too, fills what is there."""
    optimizer = optimizer_of(tensors([0.1, 0.3]))
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    before = held(optimizer)
    move(optimizer, scheduler, 4)
    saved = scheduler.state_dict()
    move(optimizer, scheduler, 3)

    scheduler.load_state_dict(saved)

    assert are_same(held(optimizer), before)
    assert values(optimizer) == pytest.approx([0.06, 0.18], rel=1e-6)


def test_groups_that_shared_one_default_tensor_get_one_each() -> None:
    """torch gives groups without an ``lr`` the same tensor; a base LR of its own must not move its neighbour's."""
    shared = torch.tensor(0.1)
    optimizer = SGD([{"params": [parameter()]}, {"params": [parameter()], "initial_lr": 0.5}], lr=shared)
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))

    move(optimizer, scheduler, 5)

    one, two = held(optimizer)
    assert one is not two
    assert values(optimizer) == pytest.approx([0.05, 0.25], rel=1e-6)


def test_floats_and_tensors_of_several_dtypes_may_be_mixed() -> None:
    """Each group keeps its own kind of LR, and follows the one timeline in it."""
    kinds = [torch.float32, torch.float64, torch.bfloat16, torch.float32]
    lrs = [torch.tensor(0.5, dtype=kind) for kind in kinds]
    optimizer = optimizer_of([*lrs[:2], 0.5, *lrs[2:]])
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(8))
    before = held(optimizer)

    move(optimizer, scheduler, 4)

    after = held(optimizer)
    assert type(after[2]) is float
    del after[2], before[2]
    assert are_same(after, before)
    assert [lr.dtype for lr in after] == kinds
    assert values(optimizer) == [0.25] * 5


@pytest.mark.needs("torch>=2.6", "its SGD takes an LR with dimensions")
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_tensor_lr_of_one_element_keeps_its_shape(schedule: str) -> None:
    """torch's optimizers take ``tensor(0.1)`` and ``tensor([0.1])`` alike, also beside each other."""
    optimizer = optimizer_of([torch.tensor([0.5]), torch.tensor(0.5), torch.tensor([[0.5]]), 0.5])
    scheduler = ScheduledLR(optimizer, schedule, Horizon(10), plateau=ReduceOnPlateau(monitor="loss", patience=0))
    before = held(optimizer)[:3]

    for metric in (1.0, 2.0):
        scheduler.observe(metric)
        move(optimizer, scheduler, 3)
        assert values(optimizer) == pytest.approx([values(optimizer)[3]] * 4, rel=1e-6)

    assert are_same(held(optimizer)[:3], before)
    assert [lr.shape for lr in held(optimizer)[:3]] == [(1,), (), (1, 1)]


def test_a_late_group_joins_without_moving_the_others() -> None:
    """Unfreezing: a group that is added later follows from its first update on, and the older tensors stay."""
    optimizer = optimizer_of(tensors([0.1, 0.3]))
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    before = held(optimizer)
    move(optimizer, scheduler, 2)

    optimizer.add_param_group({"params": [parameter()], "lr": torch.tensor(1.0)})
    optimizer.add_param_group({"params": [parameter()], "lr": 2.0})
    optimizer.step()

    joined = held(optimizer)[2]
    assert are_same(held(optimizer)[:2], before)
    assert values(optimizer) == pytest.approx([0.08, 0.24, 0.8, 1.6], rel=1e-6)
    scheduler.step()
    assert held(optimizer)[2] is joined


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))], ids=["copy", "pickle"]
)
def test_a_copy_has_tensors_of_its_own(duplicate: Callable[[Any], Any]) -> None:
    """A copied scheduler moves the copied optimizer, and not the original."""
    optimizer = optimizer_of(tensors([0.1, 0.3]))
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    move(optimizer, scheduler, 2)

    other = duplicate(scheduler)
    for group in other.optimizer.param_groups:
        group["params"][0].grad = torch.ones(1)
    move(other.optimizer, other, 3)

    assert values(optimizer) == pytest.approx([0.08, 0.24], rel=1e-6)
    assert values(other.optimizer) == pytest.approx([0.05, 0.15], rel=1e-6)


# --- in a CUDA graph --------------------------------------------------------------------------------------------------


def on_device(*bases: float) -> Optimizer:
    """An optimizer with tensor LRs on a device that is not the host's."""
    optimizer = optimizer_of(tensors(list(bases), device="meta"), "meta", Still)
    for group, base in zip(optimizer.param_groups, bases, strict=True):
        group["initial_lr"] = base
    return optimizer


def test_a_captured_update_counts_at_every_replay() -> None:
    """A CUDA graph replays an update without calling ``optimizer.step()``: every ``step()`` counts from the capture on."""
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
def test_an_lr_that_a_graph_would_not_read_again_is_reported(lr: Any, kind: str) -> None:
    """A learning rate in the host's memory is a constant of the CUDA graph that is captured, whatever is written to it later."""
    optimizer = on_device(0.1)
    optimizer.add_param_group({"params": [parameter("meta")], "lr": lr})
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    move(optimizer, scheduler, 2)

    says = rf"group 1 is {kind}: .*\(0\.16\).*lr=torch\.tensor\(3e-4, device='cuda'\)"
    with captured(), pytest.warns(UserWarning, match=says):
        optimizer.step()


def test_a_step_of_the_scheduler_within_a_capture_is_refused() -> None:
    """Recorded in the graph it would write one learning rate at every replay; after the capture it goes on."""
    optimizer = on_device(0.1)
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))

    with captured():
        optimizer.step()
        with pytest.raises(ScheduleError, match=r"scheduler\.step\(\) was called while.*after each graph\.replay\(\)"):
            scheduler.step()
    assert scheduler.last_epoch == 0

    scheduler.step()
    assert scheduler.last_epoch == 1


def test_lrs_that_are_still_to_be_written_are_refused_in_a_capture() -> None:
    """Groups that were loaded are written before their first update: in a graph every replay would write the same."""
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
        optimizer = optimizer_of(tensors([0.1 + at for at in range(n)], device=device), device, Still)
        for group in optimizer.param_groups:
            group["initial_lr"] = 0.1
        counts.append(len(operations_of_a_step(optimizer, schedule)))

    assert counts == [most] * 3


@given(st.floats(0, 1), st.sampled_from([torch.float32, torch.float64]))
def test_what_a_device_computes_is_what_the_host_computes(factor: float, dtype: torch.dtype) -> None:
    """The two ways to fill a buffer, torch's on a device and NumPy's on the host, give the same numbers."""
    filled = []
    for kind in (_Block, _HostBlock):
        block = kind("lr", [0, 1, 2], tensors([0.0] * 3, dtype))
        block.set_levels([0.1, 1.5e-4, 1.75])
        block.scale(factor)
        filled.append(block.buffer.tolist())

    assert filled[0] == filled[1]


def test_a_changed_timeline_takes_as_many_operations_for_one_group_as_for_many() -> None:
    """What a changed plan became (here a second warmup) is written by a constant number of operations too."""
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
        assert values(optimizer) == pytest.approx(scheduler.get_last_lr(), rel=HALF_ULP)

    assert len(set(counts)) == 1


def test_float_lrs_take_no_operation_at_all() -> None:
    """LRs that are numbers never reach torch."""
    assert operations_of_a_step(optimizer_of([0.1, 0.2]), "warmup(3) >> cosine(end_lr=1e-06)") == []


# --- no device is waited for ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_no_step_reads_a_device(schedule: str) -> None:
    """On the ``meta`` device nothing can be read: a step, a reduction and a resume all go without."""
    optimizer = optimizer_of(tensors([0.1, 0.3], device="meta"), "meta", Still)
    for group in optimizer.param_groups:
        group["initial_lr"] = 0.1  # the one number that is asked for once, before the run
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


@pytest.mark.gpu  # a stream that waits exists on a GPU alone; meta and fake tensors stand in for it elsewhere
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
    assert values(optimizer) == pytest.approx(scheduler.get_last_lr(), rel=HALF_ULP)
