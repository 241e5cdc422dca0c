"""``ReduceOnPlateau`` without a Trainer: torch's ``ReduceLROnPlateau`` beside it, and on top of schedules."""

from __future__ import annotations

import math
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import SGD
from torch.optim.lr_scheduler import ReduceLROnPlateau

from lr_toolkit import Horizon, ReduceOnPlateau, ScheduledLR, ScheduleError, hold


def sgd(bases: list[float]) -> SGD:
    """An optimizer with one group for each base LR."""
    return SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": base} for base in bases])


def used(
    schedule: Any, plateau: ReduceOnPlateau, metrics: list[float], bases: list[float], every: int = 1
) -> list[list[float]]:
    """The LRs used for each update, where a metric is read after every ``every`` updates."""
    optimizer = sgd(bases)
    scheduler = ScheduledLR(optimizer, schedule, Horizon(steps=len(metrics) * every), plateau=plateau)
    rows = []
    for metric in metrics:
        for _ in range(every):
            rows.append([group["lr"] for group in optimizer.param_groups])
            optimizer.step()
            scheduler.step()
        scheduler.observe(metric)
    return rows


# --- against torch -------------------------------------------------------------------------------------------------

# A few levels, so that ties and values right at a threshold come up, beside arbitrary ones.
metric = st.one_of(
    st.sampled_from([0.0, 0.5, 0.9, 0.99, 0.9999, 1.0, 1.0001, 1.1, 2.0, -1.0, math.inf, -math.inf]), st.floats(-10, 10)
)


@st.composite
def parameters(draw: st.DrawFn, n: int) -> dict[str, Any]:
    """The parameters that torch's plateau has, for n groups."""
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


@given(st.data(), st.lists(metric, min_size=1, max_size=40), st.lists(st.floats(1e-4, 2), min_size=1, max_size=3))
@settings(max_examples=300)
def test_alone_it_is_torchs(data: st.DataObject, metrics: list[float], bases: list[float]) -> None:
    """With ``hold()`` every LR equals that of torch's ``ReduceLROnPlateau`` to 1e-12, for all parameters, group by group."""
    asked = data.draw(parameters(len(bases)))
    optimizer = sgd(bases)
    reference = ReduceLROnPlateau(optimizer, **asked)
    expected = []
    for value in metrics:
        expected.append([group["lr"] for group in optimizer.param_groups])
        reference.step(value)

    mine = used(hold(), ReduceOnPlateau(monitor="loss", **asked), metrics, bases)
    assert mine == [pytest.approx(row, rel=1e-12, abs=0) for row in expected]


@given(st.integers(1, 5), st.lists(st.floats(-10, 10), min_size=1, max_size=30), st.integers(0, 3))
def test_smoothed_it_is_torchs_on_the_running_mean(smooth: int, metrics: list[float], patience: int) -> None:
    """With ``smooth`` every LR is that of torch's plateau fed with the mean of the latest readings."""
    optimizer = sgd([0.1])
    reference = ReduceLROnPlateau(optimizer, patience=patience, factor=0.5)
    expected = []
    for at in range(len(metrics)):
        latest = metrics[max(at + 1 - smooth, 0) : at + 1]
        expected.append([optimizer.param_groups[0]["lr"]])
        reference.step(sum(latest) / len(latest))

    mine = used(hold(), ReduceOnPlateau(monitor="loss", patience=patience, factor=0.5, smooth=smooth), metrics, [0.1])
    assert mine == [pytest.approx(row, rel=1e-12, abs=0) for row in expected]


def test_the_comparison_sees_reductions() -> None:
    """The sequences that are compared with torch's do go down: a constant metric reduces after ``patience`` readings."""
    rows = used(hold(), ReduceOnPlateau(monitor="loss", patience=2, factor=0.5), [1.0] * 8, [0.1])

    assert [lr for (lr,) in rows] == [0.1] * 4 + [0.05] * 3 + [0.025]


@pytest.mark.parametrize("value", [0.5, torch.tensor(0.5), torch.tensor([0.5], dtype=torch.float64)])
def test_a_reading_is_a_number_or_a_tensor(value: Any) -> None:
    """A float and a tensor of one element are read alike."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=4), plateau=ReduceOnPlateau(monitor="loss", patience=0))
    scheduler.observe(value)
    scheduler.observe(value)

    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)


# --- on top of a schedule ------------------------------------------------------------------------------------------


def test_after_a_warmup() -> None:
    """The warmup moves per update, a reduction scales what follows, and neither disturbs the other."""
    plateau = ReduceOnPlateau(monitor="loss", patience=0, factor=0.5)
    rows = used("warmup(3) >> hold()", plateau, [1.0, 1.0, 0.5, 0.5], [0.8], every=2)

    assert [lr for (lr,) in rows] == [0.2, 0.4, 0.6000000000000001, 0.8, 0.4, 0.4, 0.4, 0.4]


def test_a_reduction_inside_a_warmup_is_kept() -> None:
    """A metric that stops improving while the warmup climbs lowers its peak; the ramp itself goes on."""
    plateau = ReduceOnPlateau(monitor="loss", patience=0, factor=0.5)
    rows = used("warmup(3) >> hold()", plateau, [1.0, 1.0, 0.1, 0.01, 0.001], [0.8])

    assert [lr for (lr,) in rows] == [0.2, 0.4, 0.6000000000000001 / 2, 0.4, 0.4]


def test_on_a_cosine() -> None:
    """On a cosine the gain multiplies every LR that follows, exactly."""
    plateau = ReduceOnPlateau(monitor="loss", patience=1, factor=0.1)
    metrics = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5]
    gains = [1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.010000000000000002]
    schedule = "cosine(end=0.2)"
    timeline = ScheduledLR(sgd([1.0]), schedule, Horizon(steps=7)).timeline
    rows = used(schedule, plateau, metrics, [0.4, 0.1])

    for k, (row, gain) in enumerate(zip(rows, gains, strict=True)):
        assert row == [pytest.approx(timeline(k, base_lr=base) * gain, rel=1e-15) for base in (0.4, 0.1)]


def test_min_lr_is_compared_with_base_times_gain() -> None:
    """A small LR inside a warmup or late in a cosine does not count as having reached ``min_lr``."""
    plateau = ReduceOnPlateau(monitor="loss", patience=0, factor=0.5, min_lr=0.3)
    rows = used("warmup(3) >> hold()", plateau, [1.0] * 6, [0.8])

    assert [lr for (lr,) in rows] == pytest.approx([0.2, 0.4, 0.6 * 0.5, 0.3, 0.3, 0.3])


def test_a_late_group_has_a_gain_of_its_own() -> None:
    """A group that is added after a reduction starts at its full base LR and follows the next one."""
    optimizer = sgd([0.1])
    plateau = ReduceOnPlateau(monitor="loss", patience=0, factor=0.5)
    scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=9), plateau=plateau)
    scheduler.observe(1.0)
    scheduler.observe(1.0)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.4})
    optimizer.step()
    before = [group["lr"] for group in optimizer.param_groups]
    scheduler.observe(1.0)

    assert before == [0.05, 0.4]
    assert [group["lr"] for group in optimizer.param_groups] == [0.025, 0.2]


def test_a_late_group_needs_its_own_min_lr() -> None:
    """Where ``min_lr`` is one for each group, a group that it has no value for is refused before its first update."""
    optimizer = sgd([0.1])
    plateau = ReduceOnPlateau(monitor="loss", min_lr=[0.01])
    scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=9), plateau=plateau)
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 0.4})
    with pytest.raises(ScheduleError, match=r"min_lr=\(0.01,\)\): 1 values for 2 parameter groups"):
        optimizer.step()
    assert scheduler.base_lrs == [0.1]


def test_a_base_of_zero_stays_zero() -> None:
    """A group whose base LR is zero, frozen that way, is left alone by a reduction."""
    rows = used(hold(), ReduceOnPlateau(monitor="loss", patience=0, min_lr=0.01), [1.0] * 3, [0.0, 0.1])

    assert rows[-1] == [0.0, pytest.approx(0.01)]


# --- NaN -----------------------------------------------------------------------------------------------------------


def test_nan_is_reported_and_otherwise_ignored() -> None:
    """A NaN reading warns with the metric's name, and neither the best value nor the count of bad ones changes."""
    optimizer = sgd([0.1])
    plateau = ReduceOnPlateau(monitor="val_loss", patience=1, factor=0.5)
    scheduler = ScheduledLR(optimizer, hold(), Horizon(steps=9), plateau=plateau)
    scheduler.observe(1.0)
    for value in (math.nan, torch.tensor(math.nan), math.nan):
        with pytest.warns(UserWarning, match=r"'val_loss' is NaN"):
            scheduler.observe(value)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler.observe(1.0)
        assert optimizer.param_groups[0]["lr"] == 0.1
        scheduler.observe(1.0)
        assert optimizer.param_groups[0]["lr"] == 0.05


# --- the value -----------------------------------------------------------------------------------------------------


def test_it_is_a_value() -> None:
    """It compares and hashes by what it says, and its ``min_lr`` is kept as it was given, lists as tuples."""
    one, two = (ReduceOnPlateau(monitor="loss", min_lr=[1e-4, 1e-5]) for _ in range(2))

    assert one == two
    assert hash(one) == hash(two)
    assert one.min_lr == (1e-4, 1e-5)
    assert one != ReduceOnPlateau(monitor="loss")


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
    """Each bad argument is a ``ScheduleError`` that names the argument, shows the value and gives a spelling."""
    with pytest.raises(ScheduleError) as error:
        ReduceOnPlateau(**{"monitor": "loss", name: value})

    message = str(error.value)
    assert f"{name}={value!r}" in message
    assert spelling in message


def test_the_spellings_that_the_messages_give_are_taken() -> None:
    """What the messages say to write is accepted."""
    for name, _, spelling in REFUSED:
        value = eval(spelling.split("=", 1)[1] or "1e-8")
        ReduceOnPlateau(**{"monitor": "loss", name: value})


def test_a_monitor_is_required() -> None:
    """Without a metric to read there is no reaction."""
    with pytest.raises(ScheduleError, match=r"monitor='val_loss'"):
        ReduceOnPlateau()


def test_a_reaction_that_is_left_out_at_a_resume_is_missed() -> None:
    """What it had brought the LR to stays, which is said once; without a reduction, or at the next resume, there is nothing to say."""
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
            said = [str(one.message) for one in caught]
            assert resumed.get_last_lr() == [0.1 * gain]
            if gain == 1.0 or resumes == 2:
                assert said == []
            else:
                assert "'loss' had brought the learning rate to 0.5 of the schedule's" in said[0]
            state = resumed.state_dict()
