"""Schedules that take schedules: repeat, scaled, clipped and stairs, alone and within each other."""

from __future__ import annotations

import io
import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lr_toolkit import Horizon, Schedule, ScheduleError, clipped, cosine, hold, linear, repeat, scaled, stairs, warmup
from lr_toolkit.optim import ScheduledLR
from tests.helpers.strategies import BASE, build, runs

PLAIN = ["warmup", "hold", "cosine", "linear", "step", "exponential", "rex"]


def on(text: str, steps: int, lengths: int | None = None) -> list[float]:
    """All factors of that text on a run of that length, and the final one."""
    return Schedule.parse(text).resolve(Horizon(steps, lengths)).values(range(steps + 1)).tolist()


@pytest.mark.parametrize(
    ("text", "steps", "expected"),
    [
        # what follows begins at the level that was reached
        ("scaled(linear(over=2), 0.5) >> hold(2)", 4, [0.5, 0.25, 0, 0, 0]),
        ("clipped(linear(over=2), min=0.5) >> linear()", 4, [1, 0.5, 0.5, 0.25, 0]),
        ("linear(end=0.5, over=2) >> scaled(linear(), 0.5)", 4, [1, 0.75, 0.25, 0.125, 0]),
        ("linear(end=0.5, over=2) >> clipped(linear(), min=0.25)", 4, [1, 0.75, 0.5, 0.25, 0.25]),
        ("linear(end=0.5, over=2) >> repeat(linear(), 2)", 6, [1, 0.75, 0.5, 0.25, 0.5, 0.25, 0]),
        ("linear(end=0.5, over=2) >> stairs(linear(), 2)", 6, [1, 0.75, 0.5, 0.5, 0.25, 0.25, 0.25]),
        # restarts: other peaks, other lengths, a climb in each cycle, as many as fit
        ("cosine(over=2) >> cosine(start=0.5)", 4, [1, 0.5, 0.5, 0.25, 0]),
        ("repeat(linear(over=2), gamma=0.5)", 6, [1, 0.5, 0.5, 0.25, 0.25, 0.125, 0]),
        ("repeat(linear(), 2, growth=2.0)", 6, [1, 0.5, 1, 0.75, 0.5, 0.25, 0]),
        ("repeat(warmup(1) >> linear(over=2), 2)", 6, [0.5, 1, 0.5, 0.5, 1, 0.5, 0]),
        ("repeat(linear(over=2))", 5, [1, 0.5, 1, 2 / 3, 1 / 3, 0]),
        ("repeat(linear(over=2), rest='cut')", 5, [1, 0.5, 1, 0.5, 1, 0.5]),
        ("repeat(linear(over=2)) >> hold(2)", 6, [1, 0.5, 1, 0.5, 0, 0, 0]),
        ("repeat(linear(over=4), rest='cut')", 3, [1, 0.75, 0.5, 0.25]),
        ("triangular(2) >> hold(2)", 7, [0, 0.5, 1, 0.5, 0, 0.5, 0.5, 0.5]),
        ("repeat(linear(over=2), over=3) >> linear(start=0.5)", 5, [1, 2 / 3, 1 / 3, 0.5, 0.25, 0]),
        ("repeat(repeat(linear(over=1), 2), 2)", 5, [1, 1, 1, 1, 0, 0]),
        # WSD-S
        ("wsd_s(1, 2, times=2)", 9, [0.5, 1, 1, 1, 1 - 0.5**0.5, 1, 1, 1, 1 - 0.5**0.5, 0]),
        # products and levels
        ("scaled(hold(), 0.25)", 2, [0.25, 0.25, 0.25]),
        ("hold(level=0.25)", 2, [0.25, 0.25, 0.25]),
        ("scaled(scaled(linear(), 0.5), 0.5)", 2, [0.25, 0.125, 0]),
        ("scaled(linear(), linear())", 4, [1, 0.5625, 0.25, 0.0625, 0]),
        ("scaled(linear(), 'linear(end=0.5, over=2)')", 4, [1, 0.5625, 0.25, 0.125, 0]),
        ("scaled(linear(), 0.5, floor=0.2)", 2, [0.6, 0.35, 0.1]),
        ("scaled(linear(end=0.2), 2.0, floor=0.6)", 2, [1.4, 0.6, 0]),
        # a line between two levels, ascents, a constant below the base, a factor for each milestone
        ("linear(end=0.75, start=0.25)", 2, [0.25, 0.5, 0.75]),
        ("cosine(end=1.0, start=0.0)", 2, [0, 0.5, 1]),
        ("sqrt(1.0, start=0.0)", 4, [0, 1 - 0.75**0.5, 1 - 0.5**0.5, 0.5, 1]),
        ("one_minus_sqrt(1.0, start=0.0)", 4, [0, 0.5, 0.5**0.5, 0.75**0.5, 1]),
        ("piecewise([1, 3], levels=[1.0, 0.5, 0.05])", 4, [1, 0.5, 0.5, 0.05, 0.05]),
        # floors, and milestones on the clock of the run
        ("clipped(step(1, gamma=0.5), min=0.3)", 3, [1, 0.5, 0.3, 0.3]),
        ("clipped(exponential(0.5, every=1), min=0.3)", 3, [1, 0.5, 0.3, 0.3]),
        ("clipped(linear(start=2.0), max=1.0)", 4, [1, 1, 1, 0.5, 0]),
        ("scaled(warmup(3) >> hold(), multistep([4], gamma=0.5))", 5, [0.25, 0.5, 0.75, 1, 0.5, 0.5]),
        ("stairs(linear(), 2)", 4, [1, 1, 0.5, 0.5, 0.5]),
        ("cosine(power=2.0)", 2, [1, 0.25, 0]),
        # shorter than its phase
        ("scaled(linear(over=2), 0.5, over=4)", 4, [0.5, 0.25, 0, 0, 0]),
    ],
)
def test_compositions(text: str, steps: int, expected: list[float]) -> None:
    """The table of all updates, the final value included."""
    assert on(text, steps) == pytest.approx(expected, rel=1e-14, abs=1e-15)


def test_levels_that_are_lrs_are_met_within() -> None:
    """Absolute levels of the inner schedule and of the outer one are factors of each base LR."""
    timeline = Schedule.parse("clipped(cosine(end_lr=1e-3, over=4), min_lr=2e-3) >> linear(end_lr=1e-4)").resolve(
        Horizon(8)
    )

    for base_lr in (0.1, 0.01):
        assert timeline(4, base_lr=base_lr) == pytest.approx(2e-3, rel=1e-15)
        assert timeline(8, base_lr=base_lr) == pytest.approx(1e-4, rel=1e-15)


def test_epochs_of_different_lengths_are_walked_within() -> None:
    """A cycle of one epoch begins with each epoch, whatever its length; so does a stair."""
    horizon = Horizon(9, [4, 2, 3])
    cycles = repeat(linear(over="1 epoch")).resolve(horizon)

    assert cycles.values(range(9)) == pytest.approx([1, 0.75, 0.5, 0.25, 1, 0.5, 1, 2 / 3, 1 / 3])
    assert stairs(linear(), "1 epoch").resolve(horizon).values(range(9)) == pytest.approx(
        [1] * 4 + [5 / 9] * 2 + [3 / 9] * 3
    )


def test_a_share_is_one_of_the_whole_run() -> None:
    """``"10%"`` within a cycle, or within a phase of half the run, is a tenth of the run."""
    assert on("repeat(warmup('10%') >> hold(), 2)", 20)[9:13] == pytest.approx([1, 1 / 3, 2 / 3, 1])
    assert on("scaled(warmup('10%') >> hold(), 1.0, over='50%') >> hold()", 20)[:3] == pytest.approx([1 / 3, 2 / 3, 1])


def test_the_phases_within_are_listed() -> None:
    """A preview names the phases of a composition, so that a warmup within is seen; of very many it names the whole."""
    timeline = scaled(warmup(5) >> cosine(), 0.5).resolve(Horizon(20))

    assert [(phase.text, phase.start, phase.end) for phase in timeline.phases] == [
        ("warmup(5)", 0, 5),
        ("cosine()", 5, 20),
    ]
    assert timeline.phases[0].warms_up
    assert "scaled(warmup(5) >> cosine(), 0.5)" in scaled(warmup(5) >> cosine(), 0.5).preview(Horizon(20), 0.1).text()
    assert len(repeat(warmup(1) >> cosine(), 3).resolve(Horizon(30)).phases) == 6
    assert [phase.name for phase in repeat(linear(over=2)).resolve(Horizon(200)).phases] == ["repeat"]


@pytest.mark.parametrize("within", ["{}", "scaled({}, 0.5)", "clipped({}, min=0.1)", "repeat({}, 2)", "stairs({}, 2)"])
def test_a_text_within_a_text(within: str) -> None:
    """Schedules within calls are read as they print, as text too, and to a depth of twenty."""
    inner = "warmup(5) >> cosine(over=5)"
    schedule = Schedule.parse(within.format(inner))

    assert Schedule.parse(repr(schedule)) == pickle.loads(pickle.dumps(schedule)) == schedule
    if within != "{}":
        assert Schedule.parse(within.format(f"'{inner}'")) == schedule


def test_calls_within_calls_end_somewhere() -> None:
    """Twenty calls within each other are read; more are refused, and thousands crash nothing."""
    deep = "scaled(" * 19 + "cosine()" + ", 0.5)" * 19

    assert Schedule.parse(deep).resolve(Horizon(4))(0) == 0.5**19
    for times in (21, 1500):
        with pytest.raises(ScheduleError, match=r"At most 20 calls|not the text of a schedule"):
            Schedule.parse("scaled(" * times + "cosine()" + ", 0.5)" * times)


@settings(max_examples=150, deadline=None)
@given(
    runs(PLAIN, most=60),
    st.lists(st.sampled_from(["scaled", "product", "clipped", "stairs", "repeat"]), min_size=1, max_size=3),
)
def test_any_composition_is_a_schedule(run, kinds: list[str]) -> None:  # type: ignore[no-untyped-def]
    """Whatever is within what: finite, not negative, alike alone and in an array, monotone as declared, and holding at the end."""
    schedule = build(run.phases)
    for kind in kinds:
        schedule = {
            "scaled": lambda inner: scaled(inner, 0.7, floor=0.1),
            "product": lambda inner: scaled(inner, linear(end=0.5)),
            "clipped": lambda inner: clipped(inner, min=0.05, max=0.9),
            "stairs": lambda inner: stairs(inner, 3),
            "repeat": lambda inner: repeat(inner, 2, gamma=0.6),
        }[kind](schedule)
    try:
        timeline = schedule.resolve(Horizon(run.steps, run.lengths)).relative_to(BASE)
    except ScheduleError as refused:  # two cycles may be too long, or a cycle may begin where it ends
        assume("fit" in str(refused) or "nothing" in str(refused) or "zero" in str(refused))
        assume(False)
    ks = np.arange(run.steps + 5)
    factors = timeline.factors(ks)

    assert np.isfinite(factors).all()
    assert factors.min() >= 0.0
    assert factors.tolist() == pytest.approx([timeline.factor(k) for k in ks.tolist()], rel=1e-15)
    assert len(set(factors[run.steps :])) == 1
    assert Schedule.parse(repr(schedule)) == schedule
    if timeline.is_monotone:
        for start, end in pairwise([*timeline.edges, run.steps]):
            moves = np.diff(factors[start : min(end, run.steps)])
            assert (moves <= 1e-12).all() or (moves >= -1e-12).all()


@settings(max_examples=60, deadline=None)
@given(runs(PLAIN, most=60), st.floats(0.01, 3.0))
def test_a_scaled_schedule_is_the_product(run, by: float) -> None:  # type: ignore[no-untyped-def]
    """Times a number, and times one as a constant schedule."""
    schedule = build(run.phases)
    horizon = Horizon(run.steps, run.lengths)
    plain = schedule.resolve(horizon).relative_to(BASE).factors(np.arange(run.steps + 1))
    ours = scaled(schedule, by).resolve(horizon).relative_to(BASE).factors(np.arange(run.steps + 1))
    product = scaled(schedule, hold(level=by)).resolve(horizon).relative_to(BASE).factors(np.arange(run.steps + 1))

    assert ours == pytest.approx(by * plain, rel=1e-14)
    assert product == pytest.approx(by * plain, rel=1e-14)


@pytest.mark.parametrize(
    "text",
    [
        "scaled(warmup(5) >> cosine(), 0.5)",
        "scaled(cosine(), warmup(5))",
        "repeat(cosine(over=10), growth=2.0)",
        "stairs(cosine(), 7)",
        "clipped(step(10), min_lr=0.001)",
        "piecewise([3, '50%'], levels=[1.0, 0.5, 0.1], shape='cosine')",
        "warmup(5, shape='log', peak='last') >> inverse_sqrt(5) >> linear(over=10)",
    ],
)
def test_a_resume_goes_on_to_the_last_bit(text: str) -> None:
    """A checkpoint holds the text, loads with ``weights_only=True``, and each LR after it is that of the run without a break."""

    def begun() -> tuple[torch.optim.SGD, ScheduledLR]:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
        return optimizer, ScheduledLR(optimizer, text, Horizon(60))

    def taken(optimizer: torch.optim.SGD, scheduler: ScheduledLR, updates: int) -> list[float]:
        lrs = []
        for _ in range(updates):
            lrs.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        return lrs

    whole, first, second = taken(*begun(), 62), begun(), begun()
    taken(*first, 23)
    file = io.BytesIO()
    torch.save(first[1].state_dict(), file)
    file.seek(0)
    second[1].load_state_dict(torch.load(file, weights_only=True))

    assert taken(*second, 39) == whole[23:]


@pytest.mark.timeout(60)
def test_ten_thousand_cycles_in_a_run_of_ten_million_updates() -> None:
    """They are bound in seconds, and each begins where it must."""
    timeline = repeat(linear(over=1000)).resolve(Horizon(10**7))

    assert timeline.values([0, 999, 1000, 5_000_500, 9_999_999]) == pytest.approx([1, 0.001, 1, 0.5, 0.001])
