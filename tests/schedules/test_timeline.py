"""Timelines: the conventions as tables of numbers, and compared with a slow reference."""

from __future__ import annotations

import copy
import math
import pickle
import sys
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lr_toolkit import Horizon, Schedule, ScheduleError, Timeline, cosine, custom, exponential, hold, step, warmup
from tests.helpers.reference import Run
from tests.helpers.strategies import NAMES, build, on, resolved, runs

BASE = 0.03
UNEVEN = Horizon(10, [4, 4, 2])


def boundaries(timeline: Timeline) -> list[int]:
    """The first update of each phase, and the one after the last."""
    return [*(phase.start for phase in timeline.resolved_phases), timeline.resolved_phases[-1].end]


# --- against the reference --------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(runs())
@example(Run([("linear", {"over": 15}), ("cosine", {"k": 2.0, "end": 1.0, "over": 15})], 30, (30,)))
def test_every_update_has_the_lr_of_the_slow_reference(run: Run) -> None:
    """Any schedule, in epochs of any lengths, gives the LR that exact fractions and fifty digits give, to 1e-12.

    Where it climbs from zero, a few updates have only the precision of the highest LR.
    """
    timeline = resolved(run)
    exact = [float(run.lr(k, BASE)) for k in range(run.steps + 4)]

    assert boundaries(timeline) == run.starts
    for k, (lr, following) in enumerate(pairwise(exact)):
        rounding = 1e-15 * max(exact) if following > lr else 1e-300
        assert timeline(k, base_lr=BASE) == pytest.approx(lr, rel=1e-12, abs=rounding)


@pytest.mark.parametrize("name", ["step", "multistep", "exponential", "warmup"])
@settings(max_examples=40)
@given(st.data())
def test_epochs_of_different_length_are_followed(name: str, data: st.DataObject) -> None:
    """If epochs differ, a shape in epochs moves at their ends, or evenly inside of them."""
    lengths = tuple(data.draw(st.lists(st.integers(1, 9), min_size=2, max_size=5, unique=True)))
    quarters = data.draw(st.integers(4 if name == "warmup" else 1, 8))
    every = f"{quarters / 4} epochs"
    arguments: dict[str, Any] = {
        "step": {"every": every, "gamma": 0.5},
        "multistep": {"at": [every, f"{quarters / 4 + 0.5} epochs"], "gamma": 0.5},
        "exponential": {"gamma": 0.5, "every": every},
        "warmup": {"over": every},
    }[name]
    phases = [("hold", {"over": f"{data.draw(st.integers(1, 9)) / 4} epochs"}), (name, arguments)]
    run = Run(phases, sum(lengths) * 3 + 20, lengths)
    timeline = resolved(run)

    assert len({timeline(k) for k in range(run.steps)}) > 1
    for k in range(run.steps):
        assert timeline(k) == pytest.approx(float(run.lr(k)), rel=1e-13)


@settings(max_examples=60)
@given(runs(), st.integers(1, 7))
def test_all_values_are_those_of_each_update(run: Run, block: int) -> None:
    """Computed in blocks, of any size, the values of the whole run are to the last digit those of single updates."""
    timeline = resolved(run)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lr_toolkit.schedules.timeline._BLOCK", block)
        lrs, updates = timeline.all_values(base_lr=BASE), np.arange(run.steps)

    assert lrs.tolist() == timeline.values(updates, base_lr=BASE).tolist()
    if not timeline.is_absolute:
        assert timeline.all_values().tolist() == timeline.values(updates).tolist()


# --- 0. levels and boundaries -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "steps", "lengths", "expected"),
    [
        ("hold('50%') >> linear(over='50%')", 7, None, [0, 4, 7]),
        ("hold('50%') >> linear()", 7, None, [0, 4, 7]),
        ("hold() >> linear(over='50%')", 7, None, [0, 4, 7]),
        ("hold('25%') >> hold('25%') >> hold('25%') >> hold('25%')", 6, None, [0, 2, 3, 5, 6]),
        ("hold('12.5%') >> hold('12.5%') >> cosine()", 12, None, [0, 2, 3, 12]),
        ("hold('33.3333%') >> hold('33.3333%') >> hold('33.3333%')", 100, None, [0, 33, 67, 100]),
        ("warmup(2) >> hold() >> linear(over='25%')", 10, None, [0, 2, 8, 10]),
        ("warmup('5%') >> hold() >> linear(over='20%')", 1000, None, [0, 50, 800, 1000]),
        ("warmup('1%') >> cosine()", 10, None, [0, 0, 10]),
        ("hold('4%') >> hold('4%') >> cosine()", 10, None, [0, 0, 1, 10]),
        ("warmup(3) >> linear(over=4)", 10, None, [0, 3, 7]),
        ("hold('1.5 epochs') >> cosine(over='1 epoch')", 10, [4, 4, 2], [0, 6, 9]),
        ("hold() >> linear(over='1 epoch')", 10, [4, 4, 2], [0, 8, 10]),
        ("hold() >> linear(over='1 epoch')", 9, [4, 4, 2], [0, 6, 9]),
        ("hold(1) >> hold('1 epoch') >> hold('1 epoch')", 10, [4, 4, 2], [0, 1, 5, 9]),
        ("hold('0.1 epochs') >> hold('0.1 epochs') >> cosine()", 10, 5, [0, 1, 1, 10]),
    ],
)
def test_boundaries_are_rounded_on_the_exact_sum(text: str, steps: int, lengths: Any, expected: list[int]) -> None:
    """A phase begins at the exact sum of what lies before it (or the run less what follows), rounded half up."""
    assert boundaries(on(text, steps, lengths)) == expected


@given(st.integers(1, 10**6), st.integers(1, 20))
def test_equal_shares_fill_any_run(steps: int, count: int) -> None:
    """Phases of 5 % cover their share of the run, and none is more than an update longer than another."""
    starts = boundaries(build([("hold", {"over": "5%"})] * count).resolve(Horizon(steps)))
    lengths = [end - start for start, end in pairwise(starts)]

    assert starts[-1] == math.floor(Fraction(steps * count, 20) + Fraction(1, 2))
    assert max(lengths) - min(lengths) <= 1


@given(runs())
def test_the_open_phase_gets_what_the_others_leave(run: Run) -> None:
    """Boundaries never go back, an open phase ends with the run less what follows it, and gets one update or more."""
    starts = boundaries(resolved(run))
    opening = [index for index, (_, arguments) in enumerate(run.phases) if "over" not in arguments]

    assert starts == sorted(starts)
    assert starts[0] == 0
    assert starts[-1] <= run.steps
    if opening:
        assert starts[-1] == run.steps
        assert starts[opening[0] + 1] - starts[opening[0]] >= 1


@pytest.mark.parametrize(
    ("text", "steps", "expected"),
    [
        ("hold() ", 3, [1, 1, 1, 1]),
        ("warmup(2) >> hold()", 4, [1 / 3, 2 / 3, 1, 1, 1]),
        ("linear(end=0.5, over=2) >> hold()", 4, [1, 0.75, 0.5, 0.5, 0.5]),
        ("linear(end=0.5, over=2) >> hold(1) >> hold(1)", 4, [1, 0.75, 0.5, 0.5, 0.5]),
        ("step(1, gamma=0.5, over=3) >> hold()", 5, [1, 0.5, 0.25, 0.25, 0.25]),
        ("multistep([1, 2], gamma=0.5, over=3) >> hold()", 5, [1, 0.5, 0.25, 0.25, 0.25]),
        ("exponential(0.25, every=2, over=3) >> hold()", 5, [1, 0.5, 0.25, 0.125, 0.125]),
        ("cosine(over=2) >> cosine(start=1.0)", 4, [1, 0.5, 1, 0.5, 0]),
        ("linear(over=2) >> warmup(2) >> hold()", 6, [1, 0.5, 1 / 3, 2 / 3, 1, 1]),
        ("warmup('10%') >> hold()", 3, [1, 1, 1]),
        ("cosine(end=0.25, over='10%') >> hold()", 3, [0.25, 0.25, 0.25]),
    ],
)
def test_hold_keeps_the_level_at_which_the_phase_before_ended(text: str, steps: int, expected: list[float]) -> None:
    """It is the limit of a smooth phase, the last level used of stairs, and 1 at first; ``start=1.0`` begins at the base LR."""
    assert on(text, steps).values(range(len(expected))) == pytest.approx(expected, rel=1e-15)


def test_hold_keeps_an_absolute_level() -> None:
    """After a floor in LR units the same LR is held for every base LR, and a decay with ``start=1.0`` begins at the base LR."""
    timeline = on("linear(end_lr=0.01, over=2) >> hold(2) >> linear(start=1.0, over=2)", 6)

    assert timeline.values(range(7), base_lr=0.1) == pytest.approx([0.1, 0.055, 0.01, 0.01, 0.1, 0.05, 0.0])
    assert timeline.values(range(7), base_lr=0.2) == pytest.approx([0.2, 0.105, 0.01, 0.01, 0.2, 0.10, 0.0])


# --- 1. half-open phases ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("linear()", [1, 0.75, 0.5, 0.25, 0, 0, 0]),
        ("linear(end=0.5)", [1, 0.875, 0.75, 0.625, 0.5, 0.5]),
        ("linear(end=2)", [1, 1.25, 1.5, 1.75, 2, 2]),
        ("cosine()", [1, 0.5 + 0.125**0.5, 0.5, 0.5 - 0.125**0.5, 0, 0]),
        ("cosine(end=0.1)", [1, 0.1 + 0.9 * (0.5 + 0.125**0.5), 0.55, 0.1 + 0.9 * (0.5 - 0.125**0.5), 0.1, 0.1]),
        ("polynomial(2.0)", [1, 0.5625, 0.25, 0.0625, 0, 0]),
        ("polynomial(2.0, end=0.5)", [1, 0.78125, 0.625, 0.53125, 0.5, 0.5]),
        ("one_minus_sqrt()", [1, 0.5, 1 - 0.5**0.5, 1 - 0.75**0.5, 0, 0]),
        ("exponential(0.0625, every=4)", [1, 0.5, 0.25, 0.125, 0.0625, 0.0625]),
        ("exponential(16, every=4)", [1, 2, 4, 8, 16, 16]),
        ("step(2, gamma=0.5)", [1, 1, 0.5, 0.5, 0.5, 0.5, 0.5]),
        ("multistep([1, 3], gamma=0.5)", [1, 0.5, 0.5, 0.25, 0.25, 0.25]),
        ("hold()", [1, 1, 1, 1, 1, 1]),
    ],
)
def test_update_i_of_n_sees_progress_i_over_n(text: str, expected: list[float]) -> None:
    """On four updates: the first is at the base LR, the fifth would be at the end, and there it stays."""
    assert on(text, 4).values(range(len(expected))) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "steps", "expected"),
    [
        ("cosine()", 10, 0.0),
        ("cosine(end=0.1)", 10, 0.1),
        ("linear(end=0.1)", 7, 0.1),
        ("polynomial(3.0, end=0.1)", 7, 0.1),
        ("one_minus_sqrt(end=0.1)", 7, 0.1),
        ("warmup(3)", 10, 1.0),
        ("warmup(10, start=0.0)", 10, 1.0),
        ("linear(end=0.3, over=4)", 10, 0.3),
        ("step(3, gamma=0.5)", 9, 0.25),
    ],
)
def test_the_final_value_is_met_exactly_and_held_for_ever(text: str, steps: int, expected: float) -> None:
    """After its last phase a timeline gives its end to the last bit, however far one asks."""
    timeline = on(text, steps)
    last = timeline.resolved_phases[-1].end
    far = [last, last + 1, 2 * steps, 3 * steps, 10**9, 2**62, sys.maxsize]

    assert [timeline(k) for k in far] == [expected] * len(far)
    assert timeline.values(far).tolist() == [expected] * len(far)
    assert timeline(10**40) == timeline.values(np.array([2**64 - 1], dtype=np.uint64))[0] == expected


@given(runs())
def test_nothing_moves_after_the_last_phase_and_nothing_is_negative(run: Run) -> None:
    """Up to three times the run's length, no LR is negative, and after the last phase they are all the same."""
    timeline = resolved(run)
    lrs = timeline.values(range(3 * run.steps + 1), base_lr=BASE)

    assert lrs.min() >= 0.0
    assert len(set(lrs[timeline.resolved_phases[-1].end :])) == 1


@pytest.mark.parametrize(
    "name", ["cosine", "linear", "polynomial", "one_minus_sqrt", "step", "multistep", "exponential"]
)
@settings(max_examples=25)
@given(st.data())
def test_a_decay_never_rises(name: str, data: st.DataObject) -> None:
    """From update to update, and past the end, no LR is above the one before it."""
    steps = data.draw(st.integers(1, 3000))
    floor = {"end": data.draw(st.sampled_from([0.0, 0.1, 0.9]))}
    stairs = {"gamma": data.draw(st.floats(0.01, 1.0))}
    arguments: dict[str, Any] = {
        "polynomial": {"power": data.draw(st.floats(0.1, 9))} | floor,
        "step": {"every": "7%"} | stairs,
        "multistep": {"at": ["10%", "30%"] if steps > 1 else ["10%"]} | stairs,
        "exponential": {"every": "7%"} | stairs,
    }.get(name, floor)
    factors = build([(name, arguments)]).resolve(Horizon(steps)).values(range(3 * steps))

    assert np.diff(factors).max(initial=0.0) <= 2.3e-16


# --- 2. no update is wasted at zero -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("warmup(3)", [1 / 4, 2 / 4, 3 / 4, 1, 1]),
        ("warmup(1)", [1 / 2, 1, 1]),
        ("warmup('40%')", [1 / 5, 2 / 5, 3 / 5, 4 / 5, 1, 1]),
        ("warmup(3, start=0.0)", [0, 1 / 3, 2 / 3, 1, 1]),
        ("warmup(3, start=0)", [0, 1 / 3, 2 / 3, 1, 1]),
        ("warmup(4, start=0.2)", [0.2, 0.4, 0.6, 0.8, 1, 1]),
        ("warmup(3, start=1.0)", [1, 1, 1, 1]),
        ("warmup(2) >> linear(over=4)", [1 / 3, 2 / 3, 1, 0.75, 0.5, 0.25, 0]),
        ("warmup(2) >> step(2, gamma=0.5)", [1 / 3, 2 / 3, 1, 1, 0.5, 0.5, 0.25]),
    ],
)
def test_a_warmup_starts_above_zero_and_its_peak_is_used(text: str, expected: list[float]) -> None:
    """It begins at 1/(W+1) unless ``start`` is given, climbs evenly, and the first update after it is at the base LR."""
    assert on(text, 10).values(range(len(expected))) == pytest.approx(expected, rel=1e-15)


@given(st.integers(1, 500), st.none() | st.floats(0, 0.9))
def test_a_warmup_climbs_up_to_an_update_at_the_base_lr(length: int, start: float | None) -> None:
    """Every update of a warmup is above the one before, all are below the base LR, and the next is at it exactly."""
    factors = warmup(length, start=start).resolve(Horizon(length + 5)).values(range(length + 5))

    assert (np.diff(factors[: length + 1]) > 0).all()
    assert (factors[length:] == 1.0).all()
    assert factors[0] == pytest.approx(1 / (length + 1) if start is None else start)


# --- 3. floors --------------------------------------------------------------------------------------------------------

FLOORS = ["cosine({})", "linear({})", "polynomial(2.0, {})", "one_minus_sqrt({})"]


@pytest.mark.parametrize("shape", FLOORS)
@pytest.mark.parametrize("base_lr", [1.0, 0.1, 3e-4])
def test_a_relative_floor_is_a_share_of_each_base_lr(shape: str, base_lr: float) -> None:
    """``end`` scales with the base LR, all along the curve."""
    timeline = on(shape.format("end=0.1"), 20)

    assert timeline(20, base_lr=base_lr) == base_lr * 0.1
    assert [timeline(k, base_lr=base_lr) for k in range(25)] == [base_lr * timeline(k) for k in range(25)]


@pytest.mark.parametrize("shape", FLOORS)
@pytest.mark.parametrize("base_lr", [1.0, 0.1, 3e-4, 1e-5])
def test_an_absolute_floor_is_the_same_lr_for_every_base_lr(shape: str, base_lr: float) -> None:
    """``end_lr`` is met exactly, and on the way to it the curve is that of the relative floor ``end_lr / base_lr``."""
    timeline = on(shape.format("end_lr=1e-5"), 20)
    # At its floor from the beginning, a group stays there.
    relative = on(shape.format(f"end={1e-5 / base_lr!r}") if base_lr > 1e-5 else "hold()", 20)

    assert timeline(20, base_lr=base_lr) == timeline(10**6, base_lr=base_lr) == 1e-5
    assert timeline.values(range(20), base_lr=base_lr) == pytest.approx(
        relative.values(range(20), base_lr=base_lr), rel=1e-14
    )


@pytest.mark.parametrize(
    "text", ["cosine(end_lr=1e-5)", "linear(end_lr=1e-5, over=2) >> hold(2)", "hold(2) >> cosine(end_lr=1e-5)"]
)
def test_a_factor_has_no_meaning_if_a_floor_is_absolute(text: str) -> None:
    """A call for the factor is refused, with the call that gives the LR."""
    timeline = on(text, 8)

    assert timeline.is_absolute
    for ask in (lambda: timeline(0), lambda: timeline.values([0, 1])):
        with pytest.raises(ScheduleError, match=r"timeline\(k, base_lr=1e-3\)"):
            ask()
    assert timeline(0, base_lr=0.1) == 0.1


@pytest.mark.parametrize("text", ["cosine(end_lr=0.0)", "cosine(end_lr=0)", "linear(end=0.1)", "hold()"])
def test_a_factor_has_a_meaning_if_no_floor_is_absolute(text: str) -> None:
    """A floor of zero is zero in any unit."""
    assert not on(text, 8).is_absolute
    assert on(text, 8)(0) == 1.0


# --- 4. milestones ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "horizon", "drops"),
    [
        ("multistep([3])", Horizon(10), [3]),
        ("multistep([3, 5])", Horizon(10), [3, 5]),
        ("multistep(['50%', '75%'])", Horizon(10), [5, 8]),
        ("multistep(['50%', '75%'])", Horizon(9), [5, 7]),
        ("multistep([2, '50%'])", Horizon(10), [2, 5]),
        ("multistep(['50%', 5])", Horizon(10), [5, 5]),
        ("multistep(['1 epoch', '2 epochs'])", UNEVEN, [4, 8]),
        ("multistep(['0.5 epochs', '2.5 epochs'])", UNEVEN, [2, 9]),
        ("hold(3) >> multistep([3])", Horizon(10), [6]),
        ("hold(2) >> multistep(['1 epoch'])", UNEVEN, [6]),
        ("hold('25%') >> multistep(['25%'])", Horizon(10), [5]),
        ("multistep(['1%'])", Horizon(10), [0]),
        ("step(3)", Horizon(10), [3, 6, 9]),
        ("step(30)", Horizon(10), []),
        ("step('25%')", Horizon(10), [3, 5, 8]),
        ("step('1 epoch')", UNEVEN, [4, 8]),
        ("step('0.5 epochs')", UNEVEN, [2, 4, 6, 8, 9]),
        ("step('1 epoch')", Horizon(10, [4, 2]), [4, 6, 8]),
        ("hold(2) >> step('1 epoch')", UNEVEN, [6, 9]),
        ("hold('1 epoch') >> step('1 epoch')", UNEVEN, [8]),
        ("hold('25%') >> step('25%')", Horizon(10), [5, 8]),
        ("step(2, over=4)", Horizon(10), [2]),
        ("step('30 epochs')", Horizon(90, unit="epoch"), [30, 60]),
    ],
)
def test_the_update_at_a_milestone_is_the_first_with_the_new_factor(
    text: str, horizon: Horizon, drops: list[int]
) -> None:
    """As in torch: with a milestone at 3, updates 0, 1, 2 come before the drop; a place between two updates is rounded."""
    factors = Schedule.parse(text).resolve(horizon).values(range(horizon.steps))

    assert factors == pytest.approx([0.1 ** sum(k >= drop for drop in drops) for k in range(horizon.steps)])


def test_steps_that_are_no_whole_number_do_not_drift() -> None:
    """In 1000 updates with an interval of 0.7 %, every drop is within half an update of its exact place."""
    factors = step("0.7%", gamma=0.5).resolve(Horizon(1000)).values(range(1000))
    drops = (np.flatnonzero(np.diff(factors)) + 1).tolist()

    assert drops == [math.floor(Fraction(7 * m) + Fraction(1, 2)) for m in range(1, 143)]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("lengths", [5, [5, 4]])
def test_intervals_far_shorter_than_an_update_are_counted(lengths: Any) -> None:
    """Two thousand drops an update soon make an LR of zero, and nothing goes through them one by one."""
    timeline = step("0.0001 epochs", gamma=0.99).resolve(Horizon(10**7, lengths))

    assert timeline(0) == pytest.approx(0.99**999, rel=1e-12)
    assert timeline(10**7 - 1) == 0.0


def test_intervals_beyond_every_run_are_counted_exactly() -> None:
    """If the numbers do not fit into 64 bits, an array is counted with Python's integers."""
    timeline = (hold("33.3333%") >> step("99999999999.9999 epochs")).resolve(Horizon(100_003, 100_003))

    assert timeline.values([0, 40_000, 100_002]).tolist() == [1.0, 1.0, 1.0]


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "text", ["step('0.5 epochs', gamma=0.99999)", "exponential(0.99999)", "multistep(['10000 epochs'])"]
)
def test_twenty_thousand_different_epochs_are_no_burden(text: str) -> None:
    """Twenty thousand epochs of 2 and 3 updates in turn are walked once when a shape in epochs is resolved."""
    timeline = Schedule.parse(text).resolve(Horizon(50_000, [2, 3] * 10_000))
    every, gamma = (Fraction(1, 2), 0.99999) if text.startswith("step") else (Fraction(1), 0.99999)
    expected = 0.1 if text.startswith("multi") else gamma ** (10_000 / every)

    assert timeline(25_000) == pytest.approx(float(expected), rel=1e-12)


# --- 5. closed form ---------------------------------------------------------------------------------------------------


@settings(max_examples=100)
@given(runs())
@example(Run([("exponential", {"gamma": 1.027506946206356})], 5, (2,)))  # NumPy takes a square root of one number alone
def test_an_array_gives_what_its_updates_give(run: Run) -> None:
    """``values`` equals the scalar calls within one unit in the last place, an LR, which is a product more, within two."""
    timeline = resolved(run)
    ks = np.random.default_rng(0).integers(0, run.steps + 10, 200)
    for places, base in [(2, {"base_lr": BASE})] + [(1, {})] * (not timeline.is_absolute):
        several = timeline.values(ks, **base)
        one_by_one = np.array([timeline(int(k), **base) for k in ks])

        assert (np.abs(several - one_by_one) <= places * np.spacing(one_by_one)).all()


@pytest.mark.parametrize(
    "text",
    [
        "warmup(9)",
        "cosine(end=0.1)",
        "linear(end=0.1)",
        "polynomial(2.5)",
        "one_minus_sqrt()",
        "step('7%', gamma=0.9)",
        "multistep(['10%', '50%'])",
        "exponential(0.5, every='3%')",
    ],
)
def test_a_long_array_gives_what_its_updates_give(text: str) -> None:
    """The same with ten thousand updates at once in a run of ten million, for which NumPy computes eight at a time."""
    timeline = on(text, 10**7)
    ks = np.arange(0, 10**7, 1009)
    one_by_one = np.array([timeline(k) for k in ks.tolist()])

    assert (np.abs(timeline.values(ks) - one_by_one) <= np.spacing(one_by_one)).all()


GAMMAS = [0.1, 0.3, 0.5, 0.9, 0.94, 0.97, 1 / 3, 1.1, 2.0]
POWERS = [
    *(
        f"{shape}, gamma={gamma!r})"
        for gamma in GAMMAS
        for shape in ("step(100", "multistep([100, 200, 300, 400, 500]")
    ),
    *(f"exponential({gamma!r}, every={every})" for gamma in GAMMAS for every in (100, "'1.7%'")),
    *(f"polynomial({power}, end={end})" for power in (0.5, 1.0, 2.0) for end in (0.0, 0.1)),
]


@pytest.mark.parametrize("text", POWERS)
def test_a_power_has_one_value_alone_and_in_an_array(text: str) -> None:
    """To the last bit, in arrays of one, of all, and of any size between: NumPy's short ways to a square are not taken."""
    timeline = on(text, 600)
    several = timeline.values(range(600)).tolist()

    assert [timeline(k) for k in range(600)] == several
    assert [timeline.values([k])[0] for k in range(600)] == several
    assert timeline.values(range(1, 600, 7)).tolist() == several[1::7]


@settings(max_examples=40)
@given(runs(), st.randoms(use_true_random=False))
def test_any_update_can_be_asked_at_any_time(run: Run, random: Any) -> None:
    """Earlier calls change nothing: a timeline has no state."""
    timeline = resolved(run)
    in_order = [timeline(k, base_lr=BASE) for k in range(run.steps)]
    ks = random.sample(range(run.steps), run.steps)

    assert [timeline(k, base_lr=BASE) for k in ks] == [in_order[k] for k in ks]


@pytest.mark.parametrize(
    ("ks", "shape"),
    [
        (3, ()),
        (np.int32(3), ()),
        ([], (0,)),
        ([[1, 2, 3], [4, 5, 6]], (2, 3)),
        (range(7), (7,)),
        (np.zeros((2, 0), int), (2, 0)),
    ],
)
def test_values_have_the_shape_of_the_updates(ks: Any, shape: tuple[int, ...]) -> None:
    """A number, a list, a range or an array of any shape is answered by float64 in that shape."""
    values = on("warmup(2) >> cosine()", 6).values(ks)

    assert values.shape == shape
    assert values.dtype == np.float64


def test_values_leave_the_updates_as_they_are() -> None:
    """The array of updates is not written to, and the answer is a new array."""
    ks = np.arange(5)
    values = on("hold()", 6).values(ks)
    values[:] = 7.0

    assert ks.tolist() == [0, 1, 2, 3, 4]
    assert on("hold()", 6).values(ks).tolist() == [1.0] * 5


@pytest.mark.parametrize("k", [-1, -(10**9), 1.0, 1.5, math.nan, math.inf, "3", None, [1]])
def test_a_number_of_no_update_is_refused(k: Any) -> None:
    """Updates are whole numbers from 0: anything else is a ScheduleError, alone and among good ones."""
    timeline = on("cosine()", 6)
    with pytest.raises(ScheduleError, match="updates are counted by whole numbers from 0"):
        timeline(k)
    if k != [1]:
        with pytest.raises(ScheduleError, match="updates are counted by whole numbers from 0"):
            timeline.values([k])


@pytest.mark.parametrize("name", NAMES)
def test_a_factor_is_a_plain_float(name: str) -> None:
    """A schedule may be written with numbers of any type; inside of a phase and after it the factor is a float."""
    arguments: dict[str, Any] = {
        "warmup": {"over": 3, "start": 0},
        "polynomial": {"power": 2, "end": 2},
        "step": {"every": 2, "gamma": 1},
        "multistep": {"at": [np.int64(2)], "gamma": np.float32(0.5)},
        "exponential": {"gamma": 2, "every": 3},
        "hold": {"level": 2},
        "hyperbolic": {"limit": 9, "end": 2},
        "inverse_time": {"timescale": 2, "power": 1, "rate": np.float32(0.5)},
        "power_cool": {"power": 1, "scale": 2, "beyond": 1},
    }.get(name, {"end": 2})
    timeline = build([(name, arguments)]).resolve(Horizon(5))

    assert {type(timeline(k)) for k in range(8)} == {float}
    assert {type(timeline(k, base_lr=0.1)) for k in range(8)} == {float}


# --- the user's own function ------------------------------------------------------------------------------------------


def test_a_custom_function_is_called_on_the_clock_of_its_phase() -> None:
    """It gets plain ints from 0 to n - 1 and never more, and its last value holds."""
    calls: list[Any] = []

    def fn(i: int) -> float:
        calls.append(i)
        return 1 / (1 + i)

    timeline = (hold(2) >> custom(fn, over=3) >> hold(2)).resolve(Horizon(20))

    assert [timeline(k) for k in range(9)] == [1, 1, 1, 1 / 2, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3]
    assert timeline.values(range(9)).tolist() == [1, 1, 1, 1 / 2, 1 / 3, 1 / 3, 1 / 3, 1 / 3, 1 / 3]
    assert set(calls) == {0, 1, 2}
    assert {type(i) for i in calls} == {int}


@pytest.mark.parametrize("value", [1, True, np.float32(0.5), np.array(0.25), Fraction(1, 3)])
def test_a_custom_function_may_give_any_number(value: Any) -> None:
    """A number of any type becomes a plain float."""
    assert custom(lambda i: value).resolve(Horizon(5))(2) == float(value)


@pytest.mark.parametrize(("steps", "bad"), [(5, 0), (5, 3), (5, 4), (1000, 617), (10**6, 10**6 - 1)])
def test_an_error_inside_a_custom_function_names_the_step(steps: int, bad: int) -> None:
    """It is found when the schedule is resolved, not in the middle of the run, and the user's exception is its cause."""
    with pytest.raises(ScheduleError, match=rf"ZeroDivisionError.* for step {bad} of its phase.*\(In hold") as refused:
        (hold(3) >> custom(lambda i: 1 / abs(i - bad))).resolve(Horizon(steps + 3))

    assert isinstance(refused.value.__cause__, ZeroDivisionError)


def test_a_custom_function_is_tried_at_a_thousand_steps() -> None:
    """In a phase of any length a thousand steps are called when it is resolved; a wrong step in between is refused later."""
    calls: list[int] = []
    timeline = custom(lambda i: calls.append(i) or (-1.0 if i == 5 else 1.0)).resolve(Horizon(10**6))  # type: ignore[func-returns-value]

    assert len(set(calls)) == 1000
    assert max(np.diff(sorted(set(calls)))) == 1001
    assert {0, 10**6 - 1} < set(calls)
    with pytest.raises(ScheduleError, match=r"returned -1\.0 for step 5 of its phase"):
        timeline(5)


# --- a value ----------------------------------------------------------------------------------------------------------


def test_a_timeline_is_a_value() -> None:
    """It equals, hashes, pickles and copies by its schedule and horizon, and its repr gives it back."""
    timeline = (warmup(2) >> cosine()).resolve(UNEVEN)
    names = {"warmup": warmup, "cosine": cosine, "Horizon": Horizon}

    assert timeline == Schedule.parse("warmup(2) >> cosine()").resolve(Horizon(10, (4, 4, 2)))
    assert timeline != (warmup(2) >> cosine()).resolve(Horizon(10))
    assert len({timeline, pickle.loads(pickle.dumps(timeline)), copy.deepcopy(timeline)}) == 1
    assert eval(repr(timeline), names) == timeline


def test_an_absolute_timeline_is_a_value_for_each_base() -> None:
    """Relative to a base it equals and pickles by that base too, and its repr is the call that makes it."""
    timeline = (warmup(2) >> cosine(end_lr=1e-5)).resolve(UNEVEN)
    names = {"warmup": warmup, "cosine": cosine, "Horizon": Horizon}

    assert timeline.relative_to(0.1) == pickle.loads(pickle.dumps(timeline.relative_to(0.1)))
    assert len({timeline, timeline.relative_to(0.1), timeline.relative_to(0.2)}) == 3
    assert eval(repr(timeline.relative_to(0.1)), names) == timeline.relative_to(0.1)
    assert not timeline.relative_to(0.1).is_absolute
    assert timeline.relative_to(0.1)(4) * 0.1 == timeline(4, base_lr=0.1)


@pytest.mark.parametrize("base_lr", [1, np.float32(0.25), np.float64(0.25), np.array(0.25), Fraction(1, 4), 0])
def test_an_lr_is_a_plain_float(base_lr: Any) -> None:
    """A base LR of any type gives an LR in float64, alone and in an array."""
    timeline = on("cosine()", 6)

    assert timeline(3, base_lr=base_lr) == float(base_lr) * timeline(3)
    assert type(timeline(3, base_lr=base_lr)) is float
    assert timeline.values([3], base_lr=base_lr).dtype == np.float64


def test_a_horizon_in_epochs_moves_once_per_epoch() -> None:
    """With ``unit="epoch"``, an epoch is a step: the exponential's default interval is one of them."""
    assert exponential(0.5).resolve(Horizon(5, unit="epoch")).values(range(4)).tolist() == [1, 0.5, 0.25, 0.125]
