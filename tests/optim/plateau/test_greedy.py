"""``GreedyLR`` without a Trainer: compared with transformers' class of that name, and on top of schedules."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_toolkit import GreedyLR, Horizon, ScheduledLR, ScheduleError, cosine, hold, warmup
from tests.helpers.metrics import lrs_under, readings
from tests.helpers.optimizers import held, sgd


@st.composite
def parameters(draw: st.DrawFn, n: int) -> dict[str, Any]:
    """The parameters that both classes have, for n groups."""
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
@given(st.data(), st.lists(readings, min_size=1, max_size=40), st.lists(st.floats(0.05, 0.5), min_size=1, max_size=3))
def test_on_a_constant_schedule_it_is_transformers(data: Any, metrics: list[float], bases: list[float]) -> None:
    """On ``hold()`` every LR is that of transformers' GreedyLR, for any metric and all parameters."""
    from transformers.optimization import GreedyLR as TransformersGreedyLR

    options = data.draw(parameters(len(bases)))
    optimizer = sgd(bases)
    reference = TransformersGreedyLR(optimizer, reset_start=10**9, **options)
    expected = []
    for value in metrics:
        expected.append(held(optimizer))
        reference.step(value)

    rows = lrs_under(hold(), GreedyLR(monitor="loss", **options), metrics, bases)
    for row, its_reference in zip(rows, expected, strict=True):
        assert row == pytest.approx(its_reference, rel=1e-12)


def test_it_multiplies_the_schedule() -> None:
    """After a warmup and on a cosine the LR is base * timeline * gain."""
    schedule = warmup(2) >> cosine()
    greedy = GreedyLR(monitor="loss", factor=0.5, patience=1, max_lr=0.3)
    rows = lrs_under(schedule, greedy, [5.0, 4.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0], [0.1])

    timeline = schedule.resolve(Horizon(steps=8))
    gains = [1, 1, 2, 2, 3, 3, 1.5, 1.5]
    assert [lr for (lr,) in rows] == pytest.approx([0.1 * timeline(k) * gain for k, gain in enumerate(gains)])


@pytest.mark.parametrize("cut", range(1, 12))
def test_a_resumed_run_has_the_lrs_of_an_uninterrupted_one(cut: int) -> None:
    """A run that is saved after any reading and resumed with a new scheduler has exactly the same LRs."""
    metrics = [5.0, 4.0, 3.0, 3.0, 3.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.5, 0.4]
    greedy = GreedyLR(monitor="loss", factor=0.7, patience=1, cooldown=1, warmup=1, max_lr=0.5, smooth=2)
    whole = lrs_under(hold(), greedy, metrics, [0.1])

    rows = []
    state = None
    for part in (metrics[:cut], metrics[cut:]):
        optimizer = sgd([0.1])
        scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=len(metrics)), plateau=greedy)
        if state is not None:
            scheduler.load_state_dict(state)
        for value in part:
            rows.append(held(optimizer))
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
    """The ``ScheduleError`` for a bad argument shows the class, the argument, its value and the argument to write."""
    with pytest.raises(ScheduleError) as error:
        GreedyLR(**{"monitor": "loss", "max_lr": 0.1, name: value})

    assert f"GreedyLR({name}={value!r})" in str(error.value)
    assert f"Write GreedyLR(..., {spelling})." in str(error.value)


def test_a_highest_lr_below_the_lowest_is_refused() -> None:
    """With ``max_lr`` below ``min_lr`` the LR could not move."""
    with pytest.raises(ScheduleError, match=r"max_lr=0.001\): must be the highest .* not below min_lr"):
        GreedyLR(monitor="loss", min_lr=1e-2, max_lr=1e-3)


@pytest.mark.parametrize("name", ["min_lr", "max_lr"])
def test_a_list_of_bounds_has_a_bound_for_each_group(name: str) -> None:
    """A list with more values than groups is refused."""
    greedy = GreedyLR(**{"monitor": "loss", "max_lr": 0.5, name: [0.2, 0.3]})
    optimizer = sgd([0.1])
    with pytest.raises(ScheduleError, match=rf"GreedyLR\({name}=\(0.2, 0.3\)\): 2 values for 1 parameter groups"):
        ScheduledLR(optimizer, hold(), Horizon(steps=5), plateau=greedy)


def test_it_prints_as_it_is_written() -> None:
    """``repr`` shows the arguments that differ from the defaults, and evaluates to an equal value."""
    greedy = GreedyLR(monitor="loss", max_lr=0.5, patience=3)

    assert repr(greedy) == "GreedyLR(monitor='loss', patience=3, max_lr=0.5)"
    assert eval(repr(greedy)) == greedy


@pytest.mark.parametrize(("high", "low"), [(0.1, 0.2), (0.01, 1)])
def test_the_bound_in_the_message_is_accepted(high: float, low: float) -> None:
    """The message for ``max_lr`` below ``min_lr`` shows both, and the ``max_lr`` that it shows is accepted."""
    with pytest.raises(ScheduleError, match=rf"not below min_lr={low}, .*Write GreedyLR\(\.\.\., max_lr={low}\)"):
        GreedyLR(monitor="loss", max_lr=high, min_lr=low)
    GreedyLR(monitor="loss", max_lr=low, min_lr=low)
