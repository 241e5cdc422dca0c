"""``GreedyLR`` without a Trainer: transformers' class of that name beside it, and on top of schedules."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import SGD

from lr_toolkit import GreedyLR, Horizon, ScheduledLR, ScheduleError, cosine, hold, warmup
from tests.optim.plateau.test_reduce_on_plateau import metric, sgd


def used(schedule: Any, greedy: GreedyLR, metrics: list[float], bases: list[float]) -> list[list[float]]:
    """The LRs used for each update, where a metric is read after each."""
    optimizer = sgd(bases)
    scheduler = ScheduledLR(optimizer, schedule, Horizon(steps=len(metrics)), plateau=greedy)
    rows = []
    for value in metrics:
        rows.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
        scheduler.observe(value)
    return rows


@st.composite
def parameters(draw: st.DrawFn, n: int) -> dict[str, Any]:
    """The parameters that both have, for n groups."""
    low, high = st.floats(0, 0.05), st.floats(0.1, 2.0)
    return {
        "mode": draw(st.sampled_from(["min", "max"])),
        "factor": draw(st.floats(0.3, 0.95)),
        "patience": draw(st.integers(0, 3)),
        "threshold": draw(st.sampled_from([0.0, 1e-6, 0.1])),
        "threshold_mode": draw(st.sampled_from(["rel", "abs"])),
        "cooldown": draw(st.integers(0, 3)),
        "warmup": draw(st.integers(0, 3)),
        "min_lr": draw(st.one_of(low, st.lists(low, min_size=n, max_size=n))),
        "max_lr": draw(st.one_of(high, st.lists(high, min_size=n, max_size=n))),
        "eps": draw(st.sampled_from([0.0, 1e-8, 1e-3])),
    }


@pytest.mark.needs("transformers>=5", "it brings GreedyLR")
@settings(max_examples=300)
@given(st.data(), st.lists(metric, min_size=1, max_size=40), st.lists(st.floats(0.05, 0.5), min_size=1, max_size=3))
def test_on_a_constant_schedule_it_is_transformers(data: Any, metrics: list[float], bases: list[float]) -> None:
    """On ``hold()`` every LR is that of transformers' GreedyLR, whatever the metric does."""
    from transformers.optimization import GreedyLR as Theirs

    options = data.draw(parameters(len(bases)))
    optimizer = sgd(bases)
    theirs = Theirs(optimizer, reset_start=10**9, **options)
    wanted = []
    for value in metrics:
        wanted.append([group["lr"] for group in optimizer.param_groups])
        theirs.step(value)

    mine = used(hold(), GreedyLR(monitor="loss", **options), metrics, bases)
    for mine_row, their_row in zip(mine, wanted, strict=True):
        assert mine_row == pytest.approx(their_row, rel=1e-12)


def test_it_multiplies_whatever_schedule_there_is() -> None:
    """After a warmup and on a cosine the LR is base x timeline x gain."""
    schedule = warmup(2) >> cosine()
    greedy = GreedyLR(monitor="loss", factor=0.5, patience=1, max_lr=0.3)
    lrs = used(schedule, greedy, [5.0, 4.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0], [0.1])

    timeline = schedule.resolve(Horizon(steps=8))
    gains = [1, 1, 2, 2, 3, 3, 1.5, 1.5]
    assert [row[0] for row in lrs] == pytest.approx([0.1 * timeline(k) * gain for k, gain in enumerate(gains)])


@pytest.mark.parametrize("cut", range(1, 12))
def test_it_goes_on_after_a_resume(cut: int) -> None:
    """Saved after any reading and loaded by another scheduler, the LRs are those of the uninterrupted run."""
    metrics = [5.0, 4.0, 3.0, 3.0, 3.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.4]
    greedy = GreedyLR(monitor="loss", factor=0.7, patience=1, cooldown=1, warmup=1, max_lr=0.5, smooth=2)
    whole = used(hold(), greedy, metrics, [0.1])

    rows = []
    state = None
    for part in (metrics[:cut], metrics[cut:]):
        optimizer = sgd([0.1])
        scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=len(metrics)), plateau=greedy)
        if state is not None:
            scheduler.load_state_dict(state)
        for value in part:
            rows.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            scheduler.step()
            scheduler.observe(value)
        state = scheduler.state_dict()

    assert rows == whole


REFUSED: list[tuple[str, Any, str]] = [
    ("monitor", "", "monitor='val_loss'"),
    ("factor", 1.0, "factor=0.1"),
    ("max_lr", None, "max_lr=1e-2"),
    ("max_lr", -1.0, "max_lr=1e-2"),
    ("max_lr", [], "max_lr=1e-2"),
    ("max_lr", math.inf, "max_lr=1e-2"),
    ("warmup", -1, "warmup=5"),
    ("warmup", "3 epochs", "warmup=5"),
]


@pytest.mark.parametrize(("name", "value", "spelling"), REFUSED)
def test_a_bad_argument_is_named(name: str, value: Any, spelling: str) -> None:
    """Each bad argument is a ``ScheduleError`` that names class and argument, shows the value and gives a spelling."""
    with pytest.raises(ScheduleError) as error:
        GreedyLR(**{"monitor": "loss", "max_lr": 0.1, name: value})

    assert f"GreedyLR({name}={value!r})" in str(error.value)
    assert f"Write GreedyLR(..., {spelling})." in str(error.value)


def test_bounds_that_leave_nothing_between_them_are_refused() -> None:
    """A highest LR below the lowest would let nothing move."""
    with pytest.raises(ScheduleError, match=r"max_lr=0.001\): must be the highest .* not below min_lr"):
        GreedyLR(monitor="loss", min_lr=1e-2, max_lr=1e-3)


@pytest.mark.parametrize("name", ["min_lr", "max_lr"])
def test_bounds_are_for_each_group_there_is(name: str) -> None:
    """One bound for each group means as many as there are groups."""
    greedy = GreedyLR(**{"monitor": "loss", "max_lr": 0.5, name: [0.2, 0.3]})
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    with pytest.raises(ScheduleError, match=rf"GreedyLR\({name}=\(0.2, 0.3\)\): 2 values for 1 parameter groups"):
        ScheduledLR(optimizer, hold(), Horizon(steps=5), plateau=greedy)


def test_it_prints_as_it_is_written() -> None:
    """``repr`` says what differs from the defaults, and evaluates to an equal value."""
    greedy = GreedyLR(monitor="loss", max_lr=0.5, patience=3)

    assert repr(greedy) == "GreedyLR(monitor='loss', patience=3, max_lr=0.5)"
    assert eval(repr(greedy)) == greedy


@pytest.mark.parametrize(("high", "low"), [(0.1, 0.2), (0.01, 1)])
def test_a_ceiling_below_the_floor_is_refused(high: float, low: float) -> None:
    """Both bounds are named, and the one to write is accepted."""
    with pytest.raises(ScheduleError, match=rf"not below min_lr={low}, .*Write GreedyLR\(\.\.\., max_lr={low}\)"):
        GreedyLR(monitor="loss", max_lr=high, min_lr=low)
    GreedyLR(monitor="loss", max_lr=low, min_lr=low)
