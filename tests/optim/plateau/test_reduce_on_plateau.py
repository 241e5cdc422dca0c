"""``ReduceOnPlateau`` without a Trainer: compared with torch's ``ReduceLROnPlateau``, and on top of schedules."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim.lr_scheduler import ReduceLROnPlateau

from lr_toolkit import Horizon, ReduceOnPlateau, ScheduledLR, ScheduleError, ScheduleWarning, hold
from tests.helpers.metrics import lrs_under, readings
from tests.helpers.optimizers import held, new_group, sgd

# --- against torch -------------------------------------------------------------------------------------------------


@st.composite
def parameters(draw: st.DrawFn, n: int) -> dict[str, Any]:
    """The parameters of torch's plateau, for n groups."""
    floor = st.floats(0, 0.5)
    return {
        "mode": draw(st.sampled_from(["min", "max"])),
        "factor": draw(st.floats(0.05, 0.95)),
        "patience": draw(st.integers(0, 4)),
        "threshold": draw(st.sampled_from([0.0, 1e-4, 0.1, 0.5])),
        "threshold_mode": draw(st.sampled_from(["rel", "abs"])),
        "cooldown": draw(st.integers(0, 3)),
        "min_lr": draw(st.one_of(floor, st.lists(floor, min_size=n, max_size=n))),
        "eps": draw(st.sampled_from([0.0, 1e-8, 1e-3, 0.05])),
    }


@given(st.data(), st.lists(readings, min_size=1, max_size=40), st.lists(st.floats(1e-4, 2), min_size=1, max_size=3))
@settings(max_examples=300)
def test_alone_it_is_torchs(data: st.DataObject, metrics: list[float], bases: list[float]) -> None:
    """With ``hold()`` every LR equals that of torch's ``ReduceLROnPlateau`` to 1e-12, for all parameters, in each group."""
    arguments = data.draw(parameters(len(bases)))
    optimizer = sgd(bases)
    reference = ReduceLROnPlateau(optimizer, **arguments)
    expected = []
    for value in metrics:
        expected.append(held(optimizer))
        reference.step(value)

    rows = lrs_under(hold(), ReduceOnPlateau(monitor="loss", **arguments), metrics, bases)
    assert rows == [pytest.approx(row, rel=1e-12, abs=0) for row in expected]


@given(st.integers(1, 5), st.lists(st.floats(-10, 10), min_size=1, max_size=30), st.integers(0, 3))
def test_smoothed_it_is_torchs_on_the_running_mean(smooth: int, metrics: list[float], patience: int) -> None:
    """With ``smooth`` every LR is that of torch's plateau if it reads the mean of the latest readings."""
    optimizer = sgd([0.1])
    reference = ReduceLROnPlateau(optimizer, patience=patience, factor=0.5)
    expected = []
    for count in range(1, len(metrics) + 1):
        latest = metrics[max(count - smooth, 0) : count]
        expected.append(held(optimizer))
        reference.step(sum(latest) / len(latest))

    plateau = ReduceOnPlateau(monitor="loss", patience=patience, factor=0.5, smooth=smooth)
    rows = lrs_under(hold(), plateau, metrics, [0.1])
    assert rows == [pytest.approx(row, rel=1e-12, abs=0) for row in expected]


def test_a_constant_metric_reduces_after_patience_readings() -> None:
    """So the sequences that are compared with torch's do go down."""
    rows = lrs_under(hold(), ReduceOnPlateau(monitor="loss", patience=2, factor=0.5), [1.0] * 8, [0.1])

    assert [lr for (lr,) in rows] == [0.1] * 4 + [0.05] * 3 + [0.025]


@pytest.mark.parametrize("value", [0.5, torch.tensor(0.5), torch.tensor([0.5], dtype=torch.float64)])
def test_a_reading_is_a_number_or_a_tensor(value: Any) -> None:
    """A reading may be a float or a tensor of one element."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=4), plateau=ReduceOnPlateau(monitor="loss", patience=0))
    scheduler.observe(value)
    scheduler.observe(value)

    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


# --- on top of a schedule ------------------------------------------------------------------------------------------


def test_after_a_warmup() -> None:
    """The warmup moves per update, and a reduction scales the LRs after it."""
    plateau = ReduceOnPlateau(monitor="loss", patience=0, factor=0.5)
    rows = lrs_under("warmup(3) >> hold()", plateau, [1.0, 1.0, 0.5, 0.5], [0.8], updates=2)

    assert [lr for (lr,) in rows] == [0.2, 0.4, 0.6000000000000001, 0.8, 0.4, 0.4, 0.4, 0.4]


def test_a_reduction_inside_a_warmup_is_kept() -> None:
    """A metric that stops improving during the warmup lowers its peak; the warmup continues."""
    plateau = ReduceOnPlateau(monitor="loss", patience=0, factor=0.5)
    rows = lrs_under("warmup(3) >> hold()", plateau, [1.0, 1.0, 0.1, 0.01, 0.001], [0.8])

    assert [lr for (lr,) in rows] == [0.2, 0.4, 0.6000000000000001 / 2, 0.4, 0.4]


def test_on_a_cosine() -> None:
    """On a cosine the gain multiplies every later LR."""
    plateau = ReduceOnPlateau(monitor="loss", patience=1, factor=0.1)
    metrics = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]
    gains = [1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.010000000000000002]
    schedule = "cosine(end=0.2)"
    timeline = ScheduledLR(sgd([1.0]), schedule, Horizon(steps=7)).timelines[0]
    rows = lrs_under(schedule, plateau, metrics, [0.4, 0.1])

    for k, (row, gain) in enumerate(zip(rows, gains, strict=True)):
        assert row == [pytest.approx(timeline(k, base_lr=base) * gain, rel=1e-15) for base in (0.4, 0.1)]


def test_min_lr_is_compared_with_base_times_gain() -> None:
    """A small factor, in a warmup or late in a cosine, does not mean that ``min_lr`` is reached."""
    plateau = ReduceOnPlateau(monitor="loss", patience=0, factor=0.5, min_lr=0.3)
    rows = lrs_under("warmup(3) >> hold()", plateau, [1.0] * 6, [0.8])

    assert [lr for (lr,) in rows] == pytest.approx([0.2, 0.4, 0.6 * 0.5, 0.3, 0.3, 0.3])


def test_a_late_group_has_a_gain_of_its_own() -> None:
    """A group that is added after a reduction starts at its full base LR, and the next reduction acts on it."""
    optimizer = sgd([0.1])
    plateau = ReduceOnPlateau(monitor="loss", patience=0, factor=0.5)
    scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=9), plateau=plateau)
    scheduler.observe(1.0)
    scheduler.observe(1.0)
    optimizer.add_param_group(new_group(0.4))
    optimizer.step()
    before = held(optimizer)
    scheduler.observe(1.0)

    assert before == [0.05, 0.4]
    assert held(optimizer) == [0.025, 0.2]


def test_a_late_group_needs_its_own_min_lr() -> None:
    """If ``min_lr`` has a value for each group, a late group without a value is refused before its first update."""
    optimizer = sgd([0.1])
    plateau = ReduceOnPlateau(monitor="loss", min_lr=[0.01])
    scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=9), plateau=plateau)
    optimizer.add_param_group(new_group(0.4))
    with pytest.raises(ScheduleError, match=r"min_lr=\(0.01,\)\): 1 values for 2 parameter groups"):
        optimizer.step()
    assert scheduler.base_lrs == [0.1]


def test_a_base_of_zero_stays_zero() -> None:
    """A reduction does not change a group that is frozen by a base LR of zero."""
    rows = lrs_under(hold(), ReduceOnPlateau(monitor="loss", patience=0, min_lr=0.01), [1.0] * 3, [0.0, 0.1])

    assert rows[-1] == [0.0, pytest.approx(0.01)]


# --- NaN -----------------------------------------------------------------------------------------------------------


def test_nan_is_reported_and_otherwise_ignored() -> None:
    """A NaN reading warns with the metric's name, and changes neither the best value nor the count of bad readings."""
    optimizer = sgd([0.1])
    plateau = ReduceOnPlateau(monitor="val_loss", patience=1, factor=0.5)
    scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=9), plateau=plateau)
    scheduler.observe(1.0)
    for value in (math.nan, torch.tensor(math.nan), math.nan):
        with pytest.warns(ScheduleWarning, match=r"^LR411: 'val_loss' is NaN"):
            scheduler.observe(value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.observe(1.0)
        assert optimizer.param_groups[0]["lr"] == 0.1
        scheduler.observe(1.0)
        assert optimizer.param_groups[0]["lr"] == 0.05


# --- the value -----------------------------------------------------------------------------------------------------


def test_it_is_a_value() -> None:
    """It compares and hashes by its arguments, and a list for ``min_lr`` becomes a tuple."""
    first, second = (ReduceOnPlateau(monitor="loss", min_lr=[1e-4, 1e-5]) for _ in range(2))

    assert first == second
    assert hash(first) == hash(second)
    assert first.min_lr == (1e-4, 1e-5)
    assert first != ReduceOnPlateau(monitor="loss")


REFUSED: list[tuple[str, Any, str]] = [
    ("monitor", "", "monitor='val_loss'"),
    ("monitor", None, "monitor='val_loss'"),
    ("monitor", 3, "monitor='val_loss'"),
    ("mode", "minimum", "mode='min'"),
    ("mode", None, "mode='min'"),
    ("factor", 1.0, "factor=0.1"),
    ("factor", 0.0, "factor=0.1"),
    ("factor", -0.5, "factor=0.1"),
    ("factor", 10, "factor=0.1"),
    ("factor", math.nan, "factor=0.1"),
    ("factor", "0.1", "factor=0.1"),
    ("patience", -1, "patience=5"),
    ("patience", 1.5, "patience=5"),
    ("patience", "3 epochs", "patience=5"),
    ("patience", True, "patience=5"),
    ("cooldown", -1, "cooldown=5"),
    ("cooldown", None, "cooldown=5"),
    ("threshold", -0.1, "threshold=1e-4"),
    ("threshold", math.inf, "threshold=1e-4"),
    ("threshold", "1%", "threshold=1e-4"),
    ("threshold_mode", "relative", "threshold_mode='rel'"),
    ("min_lr", -1e-5, "min_lr=1e-6"),
    ("min_lr", math.nan, "min_lr=1e-6"),
    ("min_lr", [], "min_lr=1e-6"),
    ("min_lr", [1e-3, "0"], "min_lr=1e-6"),
    ("min_lr", {"a": 1e-3}, "min_lr=1e-6"),
    ("eps", -1e-8, "eps="),
    ("eps", math.nan, "eps="),
    ("smooth", 0, "smooth=5"),
    ("smooth", 2.5, "smooth=5"),
    ("every", 0, "every=100"),
    ("every", "1 epoch", "every=100"),
]


@pytest.mark.parametrize(("name", "value", "spelling"), REFUSED)
def test_a_bad_argument_is_named(name: str, value: Any, spelling: str) -> None:
    """The ``ScheduleError`` for a bad argument shows its name, its value and the argument to write."""
    with pytest.raises(ScheduleError) as error:
        ReduceOnPlateau(**{"monitor": "loss", name: value})

    message = str(error.value)
    assert f"{name}={value!r}" in message
    assert spelling in message


def test_the_arguments_in_the_messages_are_accepted() -> None:
    """The argument that each message shows is accepted."""
    for name, _, spelling in REFUSED:
        value = eval(spelling.split("=", 1)[1] or "1e-8")
        ReduceOnPlateau(**{"monitor": "loss", name: value})


def test_a_monitor_is_required() -> None:
    """The rule needs the name of a metric."""
    with pytest.raises(ScheduleError, match=r"monitor='val_loss'"):
        ReduceOnPlateau()


def test_a_rule_that_is_missing_at_a_resume_is_reported_once() -> None:
    """The gain stays and a warning reports it; without a reduction, or at the next resume, there is no warning."""
    for metrics, gain in (([1.0, 0.5, 0.2], 1.0), ([1.0, 1.0, 1.0], 0.5)):
        optimizer = sgd([0.1])
        plateau = ReduceOnPlateau(monitor="loss", factor=0.5, patience=1)
        scheduler = ScheduledLR(optimizer, hold(), Horizon(10), plateau=plateau)
        for value in metrics:
            scheduler.observe(value)
        state = scheduler.state_dict()

        for resumes in (1, 2):
            resumed = ScheduledLR(sgd([0.1]), hold(), Horizon(10))
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                resumed.load_state_dict(state)
            messages = [str(warning.message) for warning in caught]
            assert resumed.get_last_lr() == [0.1 * gain]
            if gain == 1.0 or resumes == 2:
                assert messages == []
            else:
                (message,) = messages
                assert message.startswith(
                    "LR412: The checkpoint's rule for 'loss' had brought the learning rate to 0.5 of the"
                )
            state = resumed.state_dict()
