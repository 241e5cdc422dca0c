"""Convention 0: a phase begins at the level at which the phase before it ended, unless it has a start of its own."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lr_toolkit import Horizon, Schedule, ScheduleError, cosine, exponential, linear, multistep, step
from tests.helpers.reference import Run
from tests.helpers.strategies import BASE, on, resolved

DECAYS = ["cosine", "linear", "one_minus_sqrt", "polynomial(2.0)", "rex", "tanh"]


def call(decay: str, arguments: str) -> str:
    """The call of a decay with these arguments."""
    name, bracket, first = decay.partition("(")
    return f"{name}({', '.join(filter(None, [first.removesuffix(')') if bracket else '', arguments]))})"


@pytest.mark.parametrize(
    ("text", "steps", "expected"),
    [
        # stairs, then a decay from the last stair
        ("step(2, gamma=0.5, over=4) >> linear()", 8, [1, 1, 0.5, 0.5, 0.5, 0.375, 0.25, 0.125, 0]),
        ("multistep([1, 3], gamma=0.5, over=4) >> linear(over=2)", 6, [1, 0.5, 0.5, 0.25, 0.25, 0.125, 0]),
        ("exponential(0.25, every=2, over=2) >> linear()", 4, [1, 0.5, 0.25, 0.125, 0]),
        # decays in a row
        ("linear(end=0.5, over=2) >> linear()", 4, [1, 0.75, 0.5, 0.25, 0]),
        ("cosine(end=0.5, over=2) >> hold(1) >> cosine(over=2)", 5, [1, 0.75, 0.5, 0.5, 0.25, 0]),
        ("linear(end=0.5, over=2) >> polynomial(2.0)", 4, [1, 0.75, 0.5, 0.125, 0]),
        (
            "linear(end=0.5, over=2) >> one_minus_sqrt()",
            6,
            [1, 0.75, 0.5, 0.25, 0.5 - 0.5**1.5, 0.5 - 0.75**0.5 / 2, 0],
        ),
        # a decay, then stairs from its end
        ("linear(end=0.5, over=2) >> step(1, gamma=0.5)", 4, [1, 0.75, 0.5, 0.25, 0.25]),
        ("linear(end=0.5, over=2) >> multistep([1], gamma=0.5)", 4, [1, 0.75, 0.5, 0.25, 0.25]),
        ("linear(end=0.5, over=2) >> exponential(0.5, every=1)", 4, [1, 0.75, 0.5, 0.25, 0.125]),
        # a warmup ends at 1, wherever it began
        ("warmup(1) >> linear(over=2)", 3, [0.5, 1, 0.5, 0]),
        ("linear(over=2) >> warmup(1) >> linear()", 5, [1, 0.5, 0.5, 1, 0.5, 0]),
        # a phase without an update hands on its end
        ("linear(end=0.5, over='1%') >> linear()", 4, [0.5, 0.375, 0.25, 0.125, 0]),
        # explicit starts
        ("linear(over=2) >> linear(start=1.0)", 4, [1, 0.5, 1, 0.5, 0]),
        ("linear(start=0.5)", 4, [0.5, 0.375, 0.25, 0.125, 0]),
        ("linear(start=2.0)", 4, [2, 1.5, 1, 0.5, 0]),
        ("cosine(start=0.0, end=1.0)", 4, [0, 0.5 - 0.125**0.5, 0.5, 0.5 + 0.125**0.5, 1]),
        ("cosine(over=2) >> cosine(start=0.5)", 4, [1, 0.5, 0.5, 0.25, 0]),
        ("step(1, gamma=0.5, start=0.5)", 3, [0.5, 0.25, 0.125, 0.125]),
        ("multistep([1], gamma=0.5, start=4.0)", 3, [4, 2, 2, 2]),
        ("exponential(0.5, every=1, start=0.5)", 3, [0.5, 0.25, 0.125, 0.0625]),
        ("linear(over=2) >> step(1, gamma=0.5, start=1.0)", 4, [1, 0.5, 1, 0.5, 0.5]),
        # climbs
        ("linear(end=3.0)", 4, [1, 1.5, 2, 2.5, 3]),
        ("cosine(end=10.0)", 2, [1, 5.5, 10]),
        ("polynomial(2.0, end=3.0)", 2, [1, 2.5, 3]),
        ("one_minus_sqrt(end=3.0)", 4, [1, 2, 1 + 2 * 0.5**0.5, 1 + 2 * 0.75**0.5, 3]),
        ("linear(over=2) >> linear(end=1.0)", 4, [1, 0.5, 0, 0.5, 1]),
    ],
)
def test_a_phase_begins_at_the_level_reached(text: str, steps: int, expected: list[float]) -> None:
    """The table of all updates, the final value included."""
    assert on(text, steps).values(range(steps + 1)) == pytest.approx(expected, rel=1e-14, abs=1e-15)


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("first", [0.0, 0.25, 1.0, 3.0])
@pytest.mark.parametrize("last", [1e-9, 0.1, 2.0])
@pytest.mark.parametrize("n", [10, 10**5])
def test_a_decay_is_as_exact_from_any_level(decay: str, first: float, last: float, n: int) -> None:
    """Between any two levels each update is within 1e-12 of fifty digits, measured by the higher level or by itself."""
    name, arguments = decay.partition("(")[0], {"power": 2.0} if "(" in decay else {}
    run = Run([("hold", {"over": "10%"}), (name, {**arguments, "start": first, "end": last})], n)
    timeline = resolved(run)
    for k in {0, n // 10, n // 10 + 1, n // 2, n - 2, n - 1, n}:
        exact = run.lr(k)
        bound = abs(exact) * 1e-12 if first >= last else max(abs(exact), 1e-3) * 1e-12

        assert abs(timeline(k) - exact) <= bound


def test_a_linear_climb_from_zero_is_exact_to_its_first_update() -> None:
    """In a run of 10^8 updates the second update of a climb from zero is within 1e-12 of itself."""
    run = Run([("linear", {"start": 0.0, "end": 1.0})], 10**8)
    timeline = resolved(run)

    assert timeline(0) == 0.0
    assert all(abs(timeline(k) - run.lr(k)) <= 1e-12 * run.lr(k) for k in (1, 2, 1000, 10**8 - 1))


@pytest.mark.parametrize("base_lr", [0.1, 0.03, 3e-4, 1e-5])
@pytest.mark.parametrize("decay", DECAYS)
def test_levels_that_are_lrs(decay: str, base_lr: float) -> None:
    """``start_lr`` and ``end_lr`` are met exactly for every base LR, and a following phase begins at that LR."""
    text = f"{call(decay, 'start_lr=2e-3, end_lr=1e-5, over=10')} >> hold(5) >> {call(decay, 'over=10')}"
    timeline = on(text, 25)

    assert timeline(0, base_lr=base_lr) == 2e-3
    assert [timeline(k, base_lr=base_lr) for k in range(10, 16)] == [1e-5] * 6
    assert 0.0 < timeline(24, base_lr=base_lr) < 1e-5
    assert timeline(25, base_lr=base_lr) == 0.0


@pytest.mark.parametrize(
    "text", ["step(2, start_lr=1e-3)", "multistep([2], start_lr=1e-3)", "exponential(0.5, every=1, start_lr=1e-3)"]
)
def test_stairs_from_an_lr(text: str) -> None:
    """They begin at that LR for every base LR, and go on by their factor."""
    timeline = on(text, 5)

    assert timeline.is_absolute
    assert [timeline(0, base_lr=base_lr) for base_lr in (0.1, 3e-4)] == [1e-3, 1e-3]
    assert timeline(2, base_lr=0.1) == pytest.approx(timeline(2, base_lr=3e-4), rel=1e-14)


def test_the_level_of_a_group_depends_on_its_base_lr() -> None:
    """A decay behind a floor in LR units begins at that LR, which is another factor for each base LR."""
    timeline = on("linear(end_lr=0.01, over=2) >> hold(2) >> linear(over=2)", 6)

    assert timeline.values(range(7), base_lr=0.1) == pytest.approx([0.1, 0.055, 0.01, 0.01, 0.01, 0.005, 0.0])
    assert timeline.values(range(7), base_lr=0.2) == pytest.approx([0.2, 0.105, 0.01, 0.01, 0.01, 0.005, 0.0])


@given(st.sampled_from(DECAYS), st.floats(1e-3, 1.0), st.floats(1e-3, 1.0), st.integers(2, 50))
def test_two_phases_meet(decay: str, level: float, share: float, n: int) -> None:
    """The first update of a decay has the level at which the phase before it ended, to the last bit."""
    end = level * share * 0.9
    timeline = on(
        f"{call(decay, f'start=2.0, end={level!r}, over={n}')} >> {call(decay, f'end={end!r}, over={n}')}", 2 * n
    )

    assert timeline(n) == level
    assert timeline(2 * n) == end
    assert timeline(n - 1) > level > timeline(n + 1)


@pytest.mark.parametrize("ratio", ["", ", ratio=0.1", ", ratio=30.0"])
@pytest.mark.parametrize("first", [0.3, 1.0, 7.0])
def test_an_exponential_between_levels_meets_both(ratio: str, first: float) -> None:
    """It begins at the level reached and ends at its own, to the last bit, and its climbs are exact from the first update on."""
    timeline = on(f"hold(5, level={first!r}) >> exponential_to(0.01{ratio}, over=5) >> hold(5)", 15)
    climb = on("exponential_to(1.0, start=0.0, ratio=0.1)", 10**8)

    assert timeline(4) == timeline(5) == first
    assert timeline(10) == timeline(14) == 0.01
    assert climb(1) == pytest.approx(-math.expm1(math.log(0.1) / 10**8) / 0.9, rel=1e-12)


# --- refusals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "fixes"),
    [
        ("cosine() >> linear(over='10%')", ["hold('10%')", "linear(start=1.0, over='10%')"]),
        ("cosine(over=5) >> cosine()", ["hold()", "cosine(start=1.0)"]),
        ("cosine(over=5) >> hold(5) >> polynomial(2.0)", ["hold()", "polynomial(2.0, start=1.0)"]),
        ("linear(end=0.1, over=5) >> one_minus_sqrt(end=0.1)", ["hold()", "one_minus_sqrt(end=0.1, start=1.0)"]),
        ("linear(over=5) >> step(3)", ["hold()", "step(3, start=1.0)"]),
        ("linear(over=5) >> multistep([3], over=5)", ["hold(5)", "multistep([3], start=1.0, over=5)"]),
        ("linear(over=5) >> exponential(0.9, every=1)", ["hold()", "exponential(0.9, every=1, start=1.0)"]),
        ("linear(end_lr=0.0, over=5) >> linear()", ["hold()", "linear(start=1.0)"]),
        ("linear(start=0.0)", ["hold(level=0.0)", "linear(start=1.0)"]),
        ("linear(start_lr=0.0)", ["hold(level_lr=0.0)", "linear(start=1.0)"]),
        ("linear(end=1.0)", ["hold()"]),
        ("step(3, start=0.0)", ["hold(level=0.0)", "step(3, start=1.0)"]),
    ],
)
def test_a_phase_that_would_do_nothing_is_refused_with_both_spellings(text: str, fixes: list[str]) -> None:
    """The message has the phase, the level, and the calls that hold it or start again; each of them fits in its place."""
    with pytest.raises(ScheduleError, match="would do nothing") as refused:
        on(text, 20)
    message = str(refused.value)
    before, _, idle = text.rpartition(" >> ")

    assert message.startswith(f"{idle}: begins at ")
    assert f"(In {text} on " in message
    for fix in fixes:
        assert fix in message
        assert on(f"{before} >> {fix}" if before else fix, 20)


def test_a_group_that_is_at_its_floor_stays_there() -> None:
    """An absolute floor may be the base LR of one group by chance: that group stays, and nothing is refused."""
    timeline = on("cosine(end_lr=1e-5)", 10)

    assert timeline.values(range(11), base_lr=1e-5) == pytest.approx([1e-5] * 11, rel=5e-16)
    assert timeline(5, base_lr=1e-3) == pytest.approx(5.05e-4)


def test_no_absolute_level_equals_a_factor_by_chance() -> None:
    """A plan that does something for each base LR is not refused because it would do nothing for an example of one."""
    for level in (1.0, 0.5, 1e-3, 2.0):
        assert on(f"linear(end_lr={level!r}, over=5) >> linear(end=0.5)", 10)


@pytest.mark.parametrize(
    "text", ["cosine(start_lr=1e-3)", "step(3, start_lr=1e-3)", "cosine(start_lr=1e-3, end_lr=0.0)"]
)
def test_a_base_lr_of_zero_has_no_start_in_lr_units(text: str) -> None:
    """No factor of zero is an LR: refused, with the relative spelling."""
    with pytest.raises(ScheduleError, match=r"start_lr=0\.001\): the base LR is 0(?s:.*)start=0\.1"):
        on(text, 10)(0, base_lr=0.0)


def test_an_end_above_the_base_lr_is_refused() -> None:
    """``end_lr`` above a base LR would climb, which is hardly meant if there are several groups; ``end=`` climbs."""
    with pytest.raises(ScheduleError, match=r"end_lr=0\.01 lies above the base LR 0\.001(?s:.*)end=0\.1"):
        on("cosine(end_lr=1e-2)", 10)(0, base_lr=1e-3)


@pytest.mark.parametrize(
    ("build", "parts"),
    [
        (
            lambda: cosine(start=0.5, start_lr=1e-3),
            ["start=0.5, start_lr=0.001", "cosine(start=0.5)", "cosine(start_lr=0.001)"],
        ),
        (
            lambda: step(3, start=0.5, start_lr=1e-3),
            ["start is either", "step(3, start=0.5)", "step(3, start_lr=0.001)"],
        ),
        (lambda: cosine(start=-1.0), ["cosine(start=-1.0)", "zero or more", "start=0.1"]),
        (lambda: linear(start_lr=math.nan), ["linear(start_lr=nan)", "finite", "start_lr=1e-5"]),
        (lambda: multistep([3], start="10%"), ["multistep(start='10%')", "start=0.1"]),  # type: ignore[arg-type]
        (lambda: exponential(0.9, start_lr=True), ["exponential(start_lr=True)", "start_lr=1e-5"]),
    ],
)
def test_a_start_is_one_number(build: Any, parts: list[str]) -> None:
    """A start that is no level, or given twice, is refused like an end."""
    with pytest.raises(ScheduleError) as refused:
        build()

    assert [part for part in parts if part not in str(refused.value)] == []


@pytest.mark.parametrize(
    "text",
    [
        "cosine(0.1, 5)",
        "linear(0.1, 1e-5)",
        "step(3, 0.5)",
        "warmup(3, 0.5)",
        "exponential(0.9, 5)",
        "wsd(5, 5, 'linear')",
    ],
)
def test_arguments_after_the_first_are_named(text: str) -> None:
    """A second positional argument is answered with the call that names it."""
    with pytest.raises(ScheduleError, match="too many positional arguments"):
        Schedule.parse(text)


@pytest.mark.parametrize("text", ["cosine(100)", "linear(90)", "one_minus_sqrt(100)"])
def test_a_length_in_the_place_of_the_end_is_answered(text: str) -> None:
    """torch's habit of giving the length first gets the call that is meant, and the one that climbs."""
    name, number = re.fullmatch(r"(\w+)\((\d+)\)", text).groups()  # type: ignore[union-attr]
    with pytest.raises(ScheduleError) as refused:
        Schedule.parse(text)

    assert f"Write {name}(over={number}) for a length" in str(refused.value)
    assert f"or {name}(end={number}) to climb" in str(refused.value)
    assert Schedule.parse(f"{name}(end={number})").resolve(Horizon(9))(9) == float(number)


# --- what version 1 meant ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "restarted"),
    [
        ("warmup(5) >> cosine()", "warmup(5) >> cosine(start=1.0)"),
        ("cosine(over=5) >> hold(5) >> linear(end=0.5)", "cosine(over=5) >> hold(5) >> linear(end=0.5, start=1.0)"),
        ("cosine(over=5) >> linear(start=0.5)", "cosine(over=5) >> linear(start=0.5)"),
        ("cosine(over=5) >> linear(start_lr=0.5)", "cosine(over=5) >> linear(start_lr=0.5)"),
        ("hold(5) >> step(3)", "hold(5) >> step(3, start=1.0)"),
        ("linear()", "linear()"),
    ],
)
def test_each_phase_can_be_restarted(text: str, restarted: str) -> None:
    """``Schedule.restarted`` sets ``start=1.0`` in each phase after the first that would begin at the level reached."""
    assert Schedule.parse(text).restarted() == Schedule.parse(restarted)


def test_the_reference_sees_a_jump() -> None:
    """A decay that begins at the base LR instead of the level reached is far from the reference."""
    run = Run([("linear", {"end": 0.5, "over": "50%"}), ("linear", {})], 10)

    assert resolved(run)(5, base_lr=BASE) == pytest.approx(float(run.lr(5, BASE)))
    assert on("linear(end=0.5, over='50%') >> linear(start=1.0)", 10)(5, base_lr=BASE) > 1.9 * float(run.lr(5, BASE))
