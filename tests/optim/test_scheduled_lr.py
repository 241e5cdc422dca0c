"""``ScheduledLR`` in plain loops: the LRs that move the weights, compared with torch's schedulers; groups, copies, refusals."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import re
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import Adam, Optimizer
from torch.optim import lr_scheduler as torch_lr
from torch.optim.swa_utils import SWALR

from lr_toolkit import (
    Horizon,
    ReduceOnPlateau,
    Schedule,
    ScheduledLR,
    ScheduleError,
    ScheduleWarning,
    cosine,
    custom,
    exponential,
    hold,
    linear,
    multistep,
    polynomial,
    step,
    warmup,
)
from tests.helpers.optimizers import lrs, new_group, resume, saved, sgd, through_a_file, update

BASES = [0.1, 0.03, 1e-3]

# Every shape, open and closed, with relative and absolute floors; each fits 12 steps and more, in either unit.
SCHEDULES = [
    "hold()",
    "warmup('25%') >> cosine(end=0.1)",
    "warmup(4, start=0.0) >> linear()",
    "warmup(3) >> hold() >> linear(over='20%')",
    "cosine(end_lr=0.0005)",
    "linear(end_lr=1e-05) >> hold('10%')",
    "polynomial(2.5, end=0.01)",
    "step(3, gamma=0.5)",
    "multistep(at=['30%', '60%'], gamma=0.3)",
    "exponential(0.7, every=2)",
]

schedules = st.sampled_from(SCHEDULES).map(Schedule.parse)
bases = st.lists(st.floats(0.0005, 10), min_size=1, max_size=3)


def loop(optimizer: Optimizer, scheduler: Any, epochs: int, per_epoch: int = 1) -> Iterator[list[float]]:
    """The LRs of each update of a plain loop that steps the scheduler once per epoch."""
    for _ in range(epochs):
        for _ in range(per_epoch):
            yield update(optimizer)
        scheduler.step()


def snapshot(optimizer: Optimizer) -> list[dict[str, Any]]:
    """Everything in the groups except the weights."""
    return [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]


# --- the LR of each update -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", SCHEDULES)
def test_every_update_uses_base_times_timeline(text: str) -> None:
    """Stepped per batch, update k of each group moves its weight by base * timeline(k), to the last bit, even after the end."""
    optimizer = sgd(BASES)
    scheduler = ScheduledLR(optimizer, text, Horizon(steps=20))
    timeline = Schedule.parse(text).resolve(Horizon(steps=20))

    for k, used in enumerate(loop(optimizer, scheduler, 25)):
        assert used == [timeline(k, base_lr=base) for base in BASES]


@pytest.mark.parametrize("text", SCHEDULES)
def test_stepped_per_epoch_every_update_of_an_epoch_uses_its_lr(text: str) -> None:
    """With ``Horizon(unit="epoch")`` and a step per epoch, all updates of epoch e use base * timeline(e)."""
    optimizer = sgd(BASES)
    horizon = Horizon(steps=15, unit="epoch")
    scheduler = ScheduledLR(optimizer, text, horizon)
    timeline = Schedule.parse(text).resolve(horizon)

    for k, used in enumerate(loop(optimizer, scheduler, 15, per_epoch=3)):
        assert used == [timeline(k // 3, base_lr=base) for base in BASES]


def test_a_schedule_in_epochs_means_the_same_stepped_per_epoch_or_per_update() -> None:
    """Milestones in epochs drop at the same epochs if the loop steps per update and if it steps per epoch."""
    schedule = multistep(at=["2 epochs", "5 epochs"])
    by_update, by_epoch = sgd(BASES), sgd(BASES)
    per_update = loop(by_update, ScheduledLR(by_update, schedule, Horizon(steps=24, steps_per_epoch=3)), 24)
    per_epoch = loop(by_epoch, ScheduledLR(by_epoch, schedule, Horizon(steps=8, unit="epoch")), 8, per_epoch=3)

    assert list(per_update) == list(per_epoch)


# --- against torch's schedulers ------------------------------------------------------------------------------------

gammas = st.floats(0.05, 1.0)
Pair = tuple[Schedule, Callable[[Optimizer], Any]]


@st.composite
def strategies(draw: st.DrawFn, n: int) -> Pair:
    """A strategy on n steps, and torch's scheduler for the same LRs."""
    gamma, floor, power = draw(gammas), draw(st.floats(0, 0.0005)), draw(st.floats(0.3, 4))
    end = draw(st.floats(0.05, 1.0, exclude_max=True))  # a line from 1 to 1 is refused
    every = draw(st.integers(1, n))
    milestones = draw(st.lists(st.integers(1, n - 1), min_size=1, max_size=4, unique=True).map(sorted))
    pairs: dict[str, Pair] = {
        "step": (step(every, gamma=gamma), lambda o: torch_lr.StepLR(o, every, gamma)),
        "multistep": (multistep(milestones, gamma=gamma), lambda o: torch_lr.MultiStepLR(o, milestones, gamma)),
        "exponential": (exponential(gamma, every=1), lambda o: torch_lr.ExponentialLR(o, gamma)),
        "cosine": (cosine(end_lr=floor), lambda o: torch_lr.CosineAnnealingLR(o, n, floor)),
        "linear": (linear(end=end), lambda o: torch_lr.LinearLR(o, 1.0, end, n)),
        "polynomial": (polynomial(power), lambda o: torch_lr.PolynomialLR(o, n, power)),
        "custom": (custom(lambda i: gamma**i), lambda o: torch_lr.LambdaLR(o, lambda i: gamma**i)),
        "hold": (hold(), lambda o: torch_lr.ConstantLR(o, 1.0)),
    }
    return pairs[draw(st.sampled_from(sorted(pairs)))]


@given(st.data(), st.integers(2, 40), bases, st.sampled_from(["step", "epoch"]))
@settings(max_examples=150)
def test_every_strategy_uses_what_torchs_scheduler_uses(
    data: st.DataObject, n: int, bases: list[float], unit: Any
) -> None:
    """In a real loop each update moves the weights by the LR of torch's scheduler."""
    schedule, torch_scheduler = data.draw(strategies(n))
    ours, theirs = sgd(bases), sgd(bases)
    per_epoch = 1 if unit == "step" else 2
    our_lrs = loop(ours, ScheduledLR(ours, schedule, Horizon(steps=n, unit=unit)), n, per_epoch)
    their_lrs = loop(theirs, torch_scheduler(theirs), n, per_epoch)

    for used, expected in zip(our_lrs, their_lrs, strict=True):
        assert used == pytest.approx(expected, rel=1e-9, abs=1e-13)


def test_after_the_end_torchs_cosine_climbs_and_ours_holds() -> None:
    """A difference on purpose: after T_max torch's cosine rises again."""
    ours, theirs = sgd([0.1]), sgd([0.1])
    our_lrs = list(loop(ours, ScheduledLR(ours, cosine(), Horizon(steps=5)), 10))
    their_lrs = list(loop(theirs, torch_lr.CosineAnnealingLR(theirs, 5), 10))

    assert our_lrs[5:] == [[0.0]] * 5
    assert their_lrs[9][0] > 0.08


# --- the interface of a torch scheduler ------------------------------------------------------------------------------


def test_it_is_a_scheduler_that_torch_knows() -> None:
    """It is an LRScheduler whose ``optimizer``, ``base_lrs``, ``last_epoch`` and ``get_last_lr`` mean the same as torch's."""
    optimizer, theirs = sgd(BASES), sgd(BASES)
    scheduler = ScheduledLR(optimizer, linear(), Horizon(steps=10))
    reference = torch_lr.LinearLR(theirs, 1.0, 0.0, 10)

    assert isinstance(scheduler, torch_lr.LRScheduler)
    assert scheduler.optimizer is optimizer
    for _ in range(4):
        assert scheduler.base_lrs == reference.base_lrs == BASES
        assert scheduler.last_epoch == reference.last_epoch
        assert scheduler.get_last_lr() == pytest.approx(reference.get_last_lr())
        assert scheduler.get_last_lr() == lrs(optimizer)
        assert all(type(lr) is float for lr in scheduler.get_last_lr())
        update(optimizer)
        scheduler.step()
        update(theirs)
        reference.step()


def test_the_groups_base_is_their_initial_lr() -> None:
    """The base LR of a group is its ``initial_lr`` if it has one, not its ``lr``."""
    optimizer = sgd([0.1])
    optimizer.param_groups[0]["initial_lr"] = 0.8
    ScheduledLR(optimizer, linear(), Horizon(steps=4))

    assert update(optimizer) == [0.8]


@pytest.mark.parametrize("k", [0, 3, 7, 40])
def test_a_step_to_an_epoch_jumps_there(k: int) -> None:
    """``step(epoch)`` jumps to that update, and the next ``step()`` continues from there."""
    optimizer = sgd(BASES)
    scheduler = ScheduledLR(optimizer, "warmup(3) >> cosine()", Horizon(steps=20))
    scheduler.step(k)

    assert scheduler.last_epoch == k
    for number, used in enumerate(loop(optimizer, scheduler, 3), start=k):
        assert used == [scheduler.timelines[0](number, base_lr=base) for base in BASES]


def test_last_epoch_begins_later() -> None:
    """``last_epoch=k-1`` begins at update k, from the ``initial_lr`` of each group, as torch's schedulers do."""
    optimizer = sgd(BASES)
    for group in optimizer.param_groups:
        group["initial_lr"] = group["lr"]
    scheduler = ScheduledLR(optimizer, linear(), Horizon(steps=10), last_epoch=3)

    for k, used in enumerate(loop(optimizer, scheduler, 6), start=4):
        assert used == [scheduler.timelines[0](k, base_lr=base) for base in BASES]


def test_swalr_takes_over() -> None:
    """A later ``SWALR`` on the same optimizer starts at the LR that was reached, and anneals to its own."""
    optimizer = sgd([0.1])
    list(loop(optimizer, ScheduledLR(optimizer, linear(), Horizon(steps=10)), 5))
    used = list(loop(optimizer, SWALR(optimizer, swa_lr=0.2, anneal_epochs=3, anneal_strategy="linear"), 5))

    assert [lr for (lr,) in used] == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.2])


def test_it_can_be_a_part_of_torchs_sequential_lr() -> None:
    """Inside torch's ``SequentialLR`` it counts its own updates, before another scheduler or after it."""
    optimizer = sgd([0.1])
    first = ScheduledLR(optimizer, linear(end=0.5), Horizon(steps=4))
    second = ScheduledLR(optimizer, cosine(), Horizon(steps=5))
    used = [lr for (lr,) in loop(optimizer, torch_lr.SequentialLR(optimizer, [first, second], [4]), 9)]

    assert used[:4] == [first.timelines[0](k, base_lr=0.1) for k in range(4)]
    assert used[4:] == [second.timelines[0](k, base_lr=0.1) for k in range(5)]


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda original: pickle.loads(pickle.dumps(original))], ids=["deepcopy", "pickle"]
)
def test_a_copy_is_independent_of_the_original(copied: Callable[[ScheduledLR], ScheduledLR]) -> None:
    """A deep copy or a pickled copy has an optimizer of its own, continues with the same LRs and does not move the original."""
    optimizer = sgd(BASES)
    scheduler = ScheduledLR(optimizer, "warmup(3) >> cosine(end=0.1)", Horizon(steps=12))
    list(loop(optimizer, scheduler, 5))
    twin = copied(scheduler)
    expected = [[scheduler.timelines[0](k, base_lr=base) for base in BASES] for k in range(5, 12)]

    assert twin.optimizer is not optimizer
    assert list(loop(twin.optimizer, twin, 7)) == expected
    assert scheduler.last_epoch == 5
    assert list(loop(optimizer, scheduler, 7)) == expected


def test_the_repr_shows_the_plan_and_the_update() -> None:
    """The repr shows the schedule's text, the next update and the length of the run."""
    optimizer = sgd(BASES)
    scheduler = ScheduledLR(optimizer, "warmup('25%') >> cosine()", Horizon(steps=12))
    list(loop(optimizer, scheduler, 5))

    assert repr(scheduler) == "ScheduledLR(warmup('25%') >> cosine(), update 5 of 12)"


def test_the_optimizer_does_not_keep_a_dropped_scheduler_alive() -> None:
    """A scheduler without references is freed, and the optimizer continues at the last LR."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, linear(), Horizon(steps=10))
    list(loop(optimizer, scheduler, 5))
    gone = weakref.ref(scheduler)
    del scheduler
    gc.collect()

    assert gone() is None
    assert update(optimizer) == [0.05]


def test_each_scheduler_counts_the_updates_of_its_own_optimizer() -> None:
    """Of two schedulers on two optimizers, each counts its own optimizer's updates."""
    first, second = sgd([0.1]), sgd([0.2])
    scheduler, its_scheduler = (ScheduledLR(optimizer, linear(), Horizon(steps=10)) for optimizer in (first, second))
    for k in range(6):
        update(first)
        scheduler.step()
        if k % 3 == 0:
            update(second)
        its_scheduler.step()

    assert (scheduler.last_epoch, its_scheduler.last_epoch) == (6, 2)


# --- LRs kept in tensors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", SCHEDULES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tensor_lr_is_filled_in_place(text: str, dtype: torch.dtype) -> None:
    """A tensor LR stays the same object, and holds base * timeline(k), computed in float64 and rounded once."""
    optimizer = Adam([torch.nn.Parameter(torch.zeros(1))], lr=torch.tensor(0.01, dtype=dtype))
    scheduler = ScheduledLR(optimizer, text, Horizon(steps=12))
    lr, base = optimizer.param_groups[0]["lr"], float(torch.tensor(0.01, dtype=dtype))

    for k in range(15):
        exact = torch.tensor(scheduler.timelines[0](k, base_lr=base), dtype=torch.float64)
        assert optimizer.param_groups[0]["lr"] is lr
        assert torch.equal(lr, exact.to(dtype))
        assert scheduler.get_last_lr() == [exact.item()]
        optimizer.step()
        scheduler.step()


def test_groups_that_share_a_default_tensor_get_lrs_of_their_own() -> None:
    """Groups that hold the optimizer's one default tensor, as late groups do, have their own LRs, each from its own base."""
    optimizer = Adam(groups_without_lr(2), lr=torch.tensor(0.1, dtype=torch.float64))
    optimizer.param_groups[1]["initial_lr"] = torch.tensor(0.01, dtype=torch.float64)
    scheduler = ScheduledLR(optimizer, linear(), Horizon(steps=4))
    optimizer.step()
    scheduler.step()

    assert lrs(optimizer) == [0.1 * 0.75, 0.01 * 0.75]


def groups_without_lr(n: int) -> list[dict[str, Any]]:
    """Parameter groups with the optimizer's default LR."""
    return [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(n)]


def test_a_group_added_with_the_default_tensor_lr_starts_from_the_base() -> None:
    """A late group without an LR of its own gets the optimizer's default, not the present LR of the other groups."""
    optimizer = Adam(groups_without_lr(1), lr=torch.tensor(0.1, dtype=torch.float64))
    scheduler = ScheduledLR(optimizer, linear(), Horizon(steps=4))
    optimizer.step()
    scheduler.step()
    optimizer.add_param_group(groups_without_lr(1)[0])
    optimizer.step()

    assert lrs(optimizer) == [0.1 * 0.75, 0.1 * 0.75]


def test_nothing_is_read_back_from_a_tensor_lr() -> None:
    """Stepping never reads an LR from its device: it works on ``meta``, which holds no values."""
    optimizer = Adam([torch.nn.Parameter(torch.zeros(1))], lr=torch.tensor(0.1))
    scheduler = ScheduledLR(optimizer, "warmup(3) >> cosine()", Horizon(steps=10))
    only = optimizer.param_groups[0]
    only["lr"] = only["lr"].to("meta")
    for k in range(5):
        scheduler.step(k)
        assert scheduler.get_last_lr() == [scheduler.timelines[0](k, base_lr=scheduler.base_lrs[0])]


# --- counting updates ------------------------------------------------------------------------------------------------


def test_a_step_without_an_update_does_not_count() -> None:
    """Further calls of ``step()`` after the same update do not count."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, linear(), Horizon(steps=10))
    update(optimizer)
    for _ in range(4):
        scheduler.step()

    assert scheduler.last_epoch == 1


def test_stepping_before_any_update_warns_once() -> None:
    """``step()`` before the first ``optimizer.step()`` warns once, with the call to write, and moves nothing."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, linear(), Horizon(steps=10))
    with pytest.warns(
        ScheduleWarning, match=r"^LR532: .*before any optimizer.step\(\)[\s\S]*schedule.resolve\(horizon\).values"
    ):
        scheduler.step()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.step()
        assert [lr for (lr,) in loop(optimizer, scheduler, 2)] == [0.1, 0.1 * 0.9]


def test_several_updates_before_a_step_count_once() -> None:
    """In a loop that steps once for several updates, for example per epoch, each step counts once."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, linear(), Horizon(steps=4, unit="epoch"))

    assert [lr for (lr,) in loop(optimizer, scheduler, 2, per_epoch=3)] == [0.1] * 3 + [0.1 * 0.75] * 3


def test_updates_that_a_grad_scaler_skips_do_not_count() -> None:
    """Under a ``GradScaler`` the schedule counts the updates that happened, not the calls of ``step()``."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, linear(), Horizon(steps=8))
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    weight = optimizer.param_groups[0]["params"][0]
    used = []
    for batch in range(8):
        overflow = batch in (2, 5)
        weight.data.zero_()
        optimizer.zero_grad()
        scaler.scale(weight.sum() * (math.inf if overflow else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()
        used.append(-weight.item())

    assert scheduler.last_epoch == 6
    assert [lr for lr in used if lr] == [scheduler.timelines[0](k, base_lr=0.1) for k in range(6)]
    assert used[2] == used[5] == 0.0


# --- late groups -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 9), schedules, st.floats(0.001, 10))
@settings(max_examples=40)
def test_a_late_group_follows_from_its_first_update(late: int, schedule: Schedule, base: float) -> None:
    """A group that is added at any update uses base * timeline(k) from its first update on; its base is its ``lr``."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, schedule, Horizon(steps=12))
    list(loop(optimizer, scheduler, late))
    optimizer.add_param_group(new_group(base, dtype=torch.float64))

    for k, used in enumerate(loop(optimizer, scheduler, 12 - late), start=late):
        assert used == [scheduler.timelines[0](k, base_lr=lr) for lr in (0.1, base)]
    assert scheduler.base_lrs == [0.1, base]


def test_a_late_group_with_a_base_below_end_lr_is_refused() -> None:
    """A late group with a base LR below the floor is refused before its first update."""
    optimizer = sgd([0.1])
    _scheduler = ScheduledLR(optimizer, cosine(end_lr=0.01), Horizon(steps=4))
    optimizer.add_param_group(new_group(0.001))
    with pytest.raises(ScheduleError, match=r"end_lr=0.01 lies above the base LR 0.001, .*parameter group 1"):
        update(optimizer)


# --- refusals ------------------------------------------------------------------------------------------------------

PLATEAU = ReduceOnPlateau(monitor="loss", min_lr=(0.0, 0.0))
REFUSED: list[tuple[Callable[[Optimizer], object], str]] = [
    (
        lambda o: ScheduledLR(o, cosine(end_lr=0.05), Horizon(steps=4)),
        r"end_lr=0.05 .*base LR 0.03\b.*end=0.1.*group 1",
    ),
    (lambda o: ScheduledLR(o, warmup(3) >> cosine(over=5), Horizon(steps=6)), r"take 8 steps.*has 6.*over='5%'"),
    (lambda o: ScheduledLR(o, "cosines()", Horizon(steps=6)), r"cosines"),
    (lambda o: ScheduledLR(o, 0.1, Horizon(steps=6)), r"0\.1"),
    (lambda o: ScheduledLR(o, warmup("1 epoch"), Horizon(steps=6)), r"'1 epoch' needs .*steps_per_epoch=1\)"),
    (lambda o: ScheduledLR(o, custom(lambda i: -1.0), Horizon(steps=6)), r"-1\.0.*lambda i"),
    (lambda o: ScheduledLR(o, cosine(), 1000.0), r"horizon=1000\.0.*Horizon\(steps=1000\)"),
    (lambda o: ScheduledLR(o, cosine(), True), r"horizon=True.*Horizon\(steps=1000\)"),
    (lambda o: ScheduledLR(o, cosine(), 0), r"steps=0.*whole number above zero"),
    (lambda o: ScheduledLR(o, cosine(), Horizon(steps=6), last_epoch=2), r"last_epoch=2.*initial_lr"),
    (lambda o: ScheduledLR(o, cosine(), Horizon(steps=6), last_epoch=-2), r"last_epoch=-2.*last_epoch=-1"),
    (lambda o: ScheduledLR(o, cosine(), Horizon(steps=6), last_epoch=2.0), r"last_epoch=2\.0"),
    (lambda o: ScheduledLR(o, cosine(), Horizon(steps=6), plateau="loss"), r"plateau='loss'.*monitor="),
    (lambda o: ScheduledLR(o, hold(), Horizon(steps=6), plateau=PLATEAU), r"min_lr=.*2 values for 3 parameter groups"),
]


@pytest.mark.parametrize(("build", "message"), REFUSED)
def test_a_refused_construction_changes_nothing(build: Callable[[Optimizer], object], message: str) -> None:
    """A plan that cannot be followed is a ``ScheduleError`` with argument, value and the call to write; no group changes."""
    optimizer = sgd(BASES)
    before = snapshot(optimizer)
    with pytest.raises(ScheduleError, match=f"(?s){message}"):
        build(optimizer)

    assert snapshot(optimizer) == before
    assert update(optimizer) == BASES


@pytest.mark.parametrize("given", [None, [torch.zeros(1)], torch.nn.Linear(1, 1)])
def test_only_an_optimizer_is_taken(given: Any) -> None:
    """Anything but a torch optimizer is refused; the message shows its type and the call to write."""
    with pytest.raises(ScheduleError, match=rf"optimizer={type(given).__name__}\).*torch.optim.AdamW"):
        ScheduledLR(given, cosine(), Horizon(steps=4))


def test_an_absolute_floor_holds_for_each_group() -> None:
    """With ``end_lr`` every group ends at the same LR, whatever its base."""
    optimizer = sgd(BASES)
    list(loop(optimizer, ScheduledLR(optimizer, cosine(end_lr=1e-3), Horizon(steps=7)), 7))

    assert lrs(optimizer) == [1e-3] * 3


def test_observe_needs_a_rule() -> None:
    """``observe`` without ``plateau=`` is an error that shows the argument to write."""
    optimizer = sgd(BASES)
    scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=4))
    with pytest.raises(ScheduleError, match=r"plateau=ReduceOnPlateau\(monitor='val_loss'\)"):
        scheduler.observe(1.0)


# --- checkpoints ---------------------------------------------------------------------------------------------------


def fresh(schedule: Schedule, plateau: ReduceOnPlateau | None, tensor: bool) -> tuple[Optimizer, ScheduledLR]:
    """An optimizer of two groups with its scheduler for 12 updates."""
    optimizer: Optimizer = sgd(BASES[:2])
    if tensor:
        optimizer = Adam([new_group(torch.tensor(lr, dtype=torch.float64), dtype=torch.float64) for lr in BASES[:2]])
    return optimizer, ScheduledLR(optimizer, schedule, Horizon(steps=12), plateau=plateau)


@given(schedules, st.integers(0, 12), st.booleans(), st.booleans(), st.lists(st.floats(0, 1), min_size=12, max_size=12))
@settings(max_examples=120)
def test_a_resumed_run_has_the_lrs_of_an_uninterrupted_one(
    schedule: Schedule, stop: int, plateaus: bool, tensor: bool, metrics: list[float]
) -> None:
    """A run that is interrupted at any update and resumed with new objects, optimizer first, has exactly the same LRs."""
    plateau = ReduceOnPlateau(monitor="loss", patience=1, factor=0.5, cooldown=1) if plateaus else None

    def go(optimizer: Optimizer, scheduler: ScheduledLR, begin: int, end: int) -> list[list[float]]:
        used = []
        for k in range(begin, end):
            used.append(lrs(optimizer))
            update(optimizer)
            scheduler.step()
            if plateau:
                scheduler.observe(metrics[k])
        return used

    uninterrupted = go(*fresh(schedule, plateau, tensor), 0, 12)
    optimizer, scheduler = fresh(schedule, plateau, tensor)
    before = go(optimizer, scheduler, 0, stop)
    states = saved(optimizer, scheduler)
    optimizer, scheduler = fresh(schedule, plateau, tensor)
    resume(optimizer, scheduler, states)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        after = go(optimizer, scheduler, stop, 12)

    assert before + after == uninterrupted


def test_the_order_of_loading_does_not_matter() -> None:
    """Loading the scheduler before the optimizer gives the same LRs."""
    schedule = Schedule.parse("warmup(3) >> cosine()")
    optimizer, scheduler = fresh(schedule, None, False)
    list(loop(optimizer, scheduler, 5))
    states = saved(optimizer, scheduler)
    twin, its_scheduler = fresh(schedule, None, False)
    its_scheduler.load_state_dict(states["scheduler"])
    twin.load_state_dict(states["optimizer"])

    assert list(loop(twin, its_scheduler, 7)) == list(loop(optimizer, scheduler, 7))


def test_the_state_is_plain_and_small() -> None:
    """The state holds only numbers, strings and containers of them, and does not grow with the run."""

    def leaves(value: Any) -> Iterator[Any]:
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else None
        if parts is None:
            yield value
        for part in parts or ():
            yield from leaves(part)

    optimizer = Adam(groups_without_lr(2), lr=torch.tensor(0.1))
    plateau = ReduceOnPlateau(monitor="loss")
    scheduler = ScheduledLR(optimizer, "step('1 epoch')", Horizon(40, [10, 20, 10]), plateau=plateau)
    size = len(pickle.dumps(scheduler.state_dict()))
    for _ in range(30):
        optimizer.step()
        scheduler.step()
        scheduler.observe(torch.tensor(0.5))
    state = scheduler.state_dict()

    assert {type(leaf) for leaf in leaves(state)} <= {int, float, str, bool, type(None)}
    assert state == through_a_file(state)
    assert len(pickle.dumps(state)) <= size + 40


def test_further_training_does_not_change_a_state() -> None:
    """A state stays the same while training continues."""
    optimizer = sgd(BASES)
    plateau = ReduceOnPlateau(monitor="loss", patience=0)
    scheduler = ScheduledLR(optimizer, linear(), Horizon(steps=10), plateau=plateau)
    state = scheduler.state_dict()
    before = copy.deepcopy(state)
    for _ in range(3):
        update(optimizer)
        scheduler.step()
        scheduler.observe(1.0)

    assert state == before


def test_the_state_of_a_newer_version_is_refused() -> None:
    """The message for a state of a later format names the version to install."""
    scheduler = ScheduledLR(sgd(BASES), linear(), Horizon(steps=10))
    with pytest.raises(ScheduleError, match=r"(?s)format 99.*[Ii]nstall"):
        scheduler.load_state_dict(scheduler.state_dict() | {"format": 99})


# --- wrong arguments of methods --------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [-1, -3, 2.5, "3"])
def test_a_jump_goes_to_an_update_that_exists(number: Any) -> None:
    """``step(epoch)`` takes whole numbers from 0 on; anything else is refused, and neither counter nor LR changes."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, warmup(5) >> linear(), Horizon(steps=10))
    scheduler.step(7)
    before = scheduler.last_epoch, optimizer.param_groups[0]["lr"]

    with pytest.raises(ScheduleError, match=re.escape(f"scheduler.step({number!r})")):
        scheduler.step(number)
    assert (scheduler.last_epoch, optimizer.param_groups[0]["lr"]) == before


@pytest.mark.parametrize("new", ["x", None, -0.1, math.nan, [0.1, 0.2], [None]])
def test_a_rebase_takes_an_lr_for_each_group(new: Any) -> None:
    """``rebase`` refuses anything but an LR, or an LR for each group; the message shows the call to write."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=10))

    with pytest.raises(ScheduleError, match=r"scheduler\.rebase\(1e-4\)"):
        scheduler.rebase(new)
    assert scheduler.get_last_lr() == [0.1]


def test_a_group_that_was_removed_is_an_error() -> None:
    """The message for an optimizer that lost a group shows both counts and the call to write."""
    optimizer = sgd([0.1, 0.1])
    scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=10))
    del optimizer.param_groups[1]

    optimizer.step()
    with pytest.raises(ScheduleError, match=r"had 2 parameter groups and has 1 now.*rebase"):
        scheduler.step()
    with pytest.raises(ScheduleError, match=r"build a new scheduler"):
        scheduler.state_dict()
