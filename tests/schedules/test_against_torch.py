"""Against torch and transformers: the LRs of a real loop, update by update, compared with timelines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import SGD, Optimizer, lr_scheduler
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup, get_scheduler

from lr_toolkit import (
    Horizon,
    Schedule,
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

Scheduler = Callable[[Optimizer], Any]

bases = st.lists(st.floats(1e-4, 10.0), min_size=1, max_size=3)
lengths = st.integers(1, 60)
gammas = st.floats(0.05, 1.1)


def used(scheduler: Scheduler, base_lrs: list[float], updates: int) -> np.ndarray:
    """The LR of each group in each update of a real loop with that scheduler."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in base_lrs]
    optimizer = SGD(groups, lr=1.0)
    stepped, lrs = scheduler(optimizer), []
    for _ in range(updates):
        lrs.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()
        stepped.step()
    return np.array(lrs).T


def assert_same(scheduler: Scheduler, schedule: Schedule, base_lrs: list[float], updates: int, **horizon: Any) -> None:
    """Each update's LR is ours within 1e-9 of it, or within 1e-12 of the base LR if it goes to zero."""
    timeline = schedule.resolve(Horizon(updates, **horizon))
    for lrs, base_lr in zip(used(scheduler, base_lrs, updates), base_lrs, strict=True):
        ours = [timeline(k, base_lr=base_lr) for k in range(updates)]

        assert ours == pytest.approx(lrs.tolist(), rel=1e-9, abs=1e-12 * base_lr)
        assert timeline.values(range(updates), base_lr=base_lr).tolist() == pytest.approx(ours, rel=1e-15, abs=0)


# --- torch ------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 70), gammas, bases, lengths)
def test_step_is_step_lr(every: int, gamma: float, base_lrs: list[float], n: int) -> None:
    """``step(s, gamma=gamma)`` is ``StepLR(step_size=s, gamma=gamma)``."""
    assert_same(lambda o: lr_scheduler.StepLR(o, every, gamma), step(every, gamma=gamma), base_lrs, n)


@given(st.data(), gammas, bases, st.integers(2, 60))
def test_multistep_is_multistep_lr(data: st.DataObject, gamma: float, base_lrs: list[float], n: int) -> None:
    """``multistep(milestones, gamma=gamma)`` is ``MultiStepLR(milestones, gamma)``."""
    milestones = sorted(data.draw(st.sets(st.integers(1, n - 1), min_size=1, max_size=5)))

    assert_same(
        lambda o: lr_scheduler.MultiStepLR(o, milestones, gamma), multistep(milestones, gamma=gamma), base_lrs, n
    )


@given(st.floats(0.5, 1.1), bases, lengths)
def test_exponential_is_exponential_lr(gamma: float, base_lrs: list[float], n: int) -> None:
    """``exponential(gamma, every=1)`` is ``ExponentialLR(gamma)``; stepped per epoch, ``exponential(gamma)`` is."""
    assert_same(lambda o: lr_scheduler.ExponentialLR(o, gamma), exponential(gamma, every=1), base_lrs, n)
    assert_same(lambda o: lr_scheduler.ExponentialLR(o, gamma), exponential(gamma), base_lrs, n, unit="epoch")


@given(st.floats(0.0, 1e-4), bases, lengths)
def test_cosine_is_cosine_annealing_lr(eta_min: float, base_lrs: list[float], n: int) -> None:
    """``cosine(end_lr=eta_min)`` is ``CosineAnnealingLR(T_max=n, eta_min=eta_min)`` over the n updates of its fall."""
    assert_same(lambda o: lr_scheduler.CosineAnnealingLR(o, n, eta_min), cosine(end_lr=eta_min), base_lrs, n)


@given(st.floats(0.2, 6.0), st.integers(1, 60), bases, lengths)
def test_polynomial_is_polynomial_lr(power: float, total: int, base_lrs: list[float], rest: int) -> None:
    """``polynomial(power, over=T)`` is ``PolynomialLR(total_iters=T, power=power)``, and both stay at zero."""
    schedule = polynomial(power, over=total)

    assert_same(lambda o: lr_scheduler.PolynomialLR(o, total, power), schedule, base_lrs, total + rest)


@given(st.floats(0.0, 1.0, exclude_max=True), st.integers(1, 60), bases, lengths)
def test_linear_is_linear_lr(end: float, total: int, base_lrs: list[float], rest: int) -> None:
    """``linear(end=e, over=T)`` is ``LinearLR(start_factor=1, end_factor=e, total_iters=T)``, and both stay there."""
    schedule = linear(end=end, over=total)

    assert_same(lambda o: lr_scheduler.LinearLR(o, 1.0, end, total), schedule, base_lrs, total + rest)


@given(st.integers(1, 60), bases, lengths)
def test_warmup_is_linear_lr_from_its_first_share(over: int, base_lrs: list[float], rest: int) -> None:
    """``warmup(W)`` is ``LinearLR(start_factor=1/(W+1), total_iters=W)``."""
    assert_same(lambda o: lr_scheduler.LinearLR(o, 1 / (over + 1), 1.0, over), warmup(over), base_lrs, over + rest)


@given(st.floats(0.0, 2.0), st.floats(0.0, 2.0), bases, lengths)
def test_custom_is_lambda_lr(slope: float, wave: float, base_lrs: list[float], n: int) -> None:
    """``custom(fn)`` is ``LambdaLR(fn)``."""

    def fn(i: int) -> float:
        return (1 + slope * i) * (1 + wave * (-1) ** i / 2)

    assert_same(lambda o: lr_scheduler.LambdaLR(o, fn), custom(fn), base_lrs, n)


@given(st.integers(1, 20), st.floats(0.01, 1.0), bases, lengths)
def test_warmup_then_cosine_is_sequential_lr(over: int, start: float, base_lrs: list[float], rest: int) -> None:
    """``warmup(W, start=s) >> cosine()`` is ``SequentialLR`` of ``LinearLR`` and ``CosineAnnealingLR``, with milestone W."""

    def torch_s(optimizer: Optimizer) -> Any:
        climb = lr_scheduler.LinearLR(optimizer, start, 1.0, over)
        fall = lr_scheduler.CosineAnnealingLR(optimizer, rest)
        return lr_scheduler.SequentialLR(optimizer, [climb, fall], [over])

    assert_same(torch_s, warmup(over, start=start) >> cosine(), base_lrs, over + rest)


@pytest.mark.parametrize("unit", ["step", "epoch"])
@pytest.mark.parametrize(
    ("scheduler", "schedule"),
    [
        (lambda o: lr_scheduler.StepLR(o, 30), step(30)),
        (lambda o: lr_scheduler.MultiStepLR(o, [30, 60, 80]), multistep([30, 60, 80])),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 90, 1e-5), cosine(end_lr=1e-5)),
        (lambda o: lr_scheduler.ConstantLR(o, 1.0), hold()),
    ],
)
def test_a_step_of_the_scheduler_is_an_update_or_an_epoch(scheduler: Scheduler, schedule: Schedule, unit: str) -> None:
    """Stepped 90 times, per update or per epoch, a schedule in steps gives torch's LRs: the horizon counts the calls."""
    assert_same(scheduler, schedule, [0.1, 3e-4], 90, unit=unit)


def test_the_comparison_sees_one_update_of_delay() -> None:
    """A milestone that is one off, a scheduler of another shape and another base LR are noticed."""
    for scheduler, schedule in [
        (lambda o: lr_scheduler.StepLR(o, 7), step(8)),
        (lambda o: lr_scheduler.CosineAnnealingLR(o, 21), cosine()),
        (lambda o: lr_scheduler.LinearLR(o, 1 / 4, 1.0, 3), warmup(3, start=0.0)),
    ]:
        with pytest.raises(AssertionError):
            assert_same(scheduler, schedule, [0.1], 20)


# --- transformers -----------------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(st.integers(0, 20), lengths, bases)
@pytest.mark.parametrize(
    ("scheduler", "fall"),
    [
        (get_linear_schedule_with_warmup, linear()),
        (get_cosine_schedule_with_warmup, cosine()),
        (lambda *run: get_scheduler("linear", *run), linear()),
        (lambda *run: get_scheduler("cosine", *run), cosine()),
        (lambda *run: get_scheduler("constant_with_warmup", *run), hold()),
        (
            lambda *run: get_scheduler("cosine_with_min_lr", *run, scheduler_specific_kwargs={"min_lr_rate": 0.1}),
            cosine(0.1),
        ),
    ],
    ids=["linear", "cosine", "'linear'", "'cosine'", "'constant_with_warmup'", "'cosine_with_min_lr'"],
)
def test_warmup_from_zero_gives_transformers_numbers(
    scheduler: Callable[..., Any], fall: Schedule, over: int, rest: int, base_lrs: list[float]
) -> None:
    """``warmup(W, start=0.0) >> ...`` is transformers' schedule of W warmup steps, for every update of the run."""
    schedule = warmup(over, start=0.0) >> fall if over else fall

    assert_same(lambda o: scheduler(o, over, over + rest), schedule, base_lrs, over + rest)


@settings(max_examples=50)
@given(st.integers(1, 20), st.integers(1, 60), st.floats(0.5, 4.0), st.floats(1e-3, 10.0))
def test_polynomial_gives_transformers_numbers(over: int, rest: int, power: float, base_lr: float) -> None:
    """``warmup(W, start=0.0) >> polynomial(power, end_lr=e)`` is transformers' polynomial schedule with ``lr_end=e``."""
    more = {"power": power, "lr_end": 1e-7}

    def theirs(optimizer: Optimizer) -> Any:
        optimizer.defaults["lr"] = base_lr  # theirs reads the floor's factor off the default, not off the group
        return get_scheduler("polynomial", optimizer, over, over + rest, scheduler_specific_kwargs=more)

    assert_same(theirs, warmup(over, start=0.0) >> polynomial(power, end_lr=1e-7), [base_lr], over + rest)


# --- differences on purpose --------------------------------------------------------------------------------------------


def test_after_t_max_torch_climbs_again_and_we_hold() -> None:
    """Twenty updates after the end of the fall torch's cosine is back at the base LR, and ours is at its floor."""
    lrs = used(lambda o: lr_scheduler.CosineAnnealingLR(o, 20, 1e-4), [0.1], 41)[0]
    ours = cosine(end_lr=1e-4).resolve(Horizon(20))

    assert lrs[40] == pytest.approx(0.1)
    assert [ours(k, base_lr=0.1) for k in range(20, 60)] == [1e-4] * 40


def test_after_its_steps_transformers_cosine_climbs_again_and_ours_holds() -> None:
    """The same with ``get_cosine_schedule_with_warmup``."""
    lrs = used(lambda o: get_cosine_schedule_with_warmup(o, 5, 25), [0.1], 46)[0]
    ours = (warmup(5, start=0.0) >> cosine()).resolve(Horizon(25))

    assert lrs[45] == pytest.approx(0.1)
    assert ours.values(range(25, 60)).max() == 0.0


def test_after_the_end_step_lr_drops_on_and_we_hold() -> None:
    """``StepLR`` and ``ExponentialLR`` go on falling for ever; a phase of ours keeps the level at which it ended."""
    stairs = used(lambda o: lr_scheduler.StepLR(o, 2, 0.5), [1.0], 12)[0]
    slide = used(lambda o: lr_scheduler.ExponentialLR(o, 0.5), [1.0], 12)[0]

    assert (stairs[11], slide[11]) == (0.5**5, 0.5**11)
    assert step(2, gamma=0.5, over=6).resolve(Horizon(12))(11) == 0.5**2
    assert exponential(0.5, every=1, over=6).resolve(Horizon(12))(11) == 0.5**6


def test_the_first_update_of_transformers_is_wasted_and_ours_is_not() -> None:
    """transformers' first update has an LR of zero; ``warmup(W)`` begins at 1/(W+1) of the base LR."""
    assert used(lambda o: get_linear_schedule_with_warmup(o, 4, 20), [0.1], 1)[0, 0] == 0.0
    assert (warmup(4) >> linear()).resolve(Horizon(20))(0, base_lr=0.1) == pytest.approx(0.02)
