"""Hypothesis strategies for schedules as plain data, so that the same draw can be built, printed and computed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

import lr_toolkit
from lr_toolkit import Horizon, Schedule
from lr_toolkit.schedules.timeline import ResolvedTimeline
from tests.helpers.reference import STAIRS, Phase, Run, Text

CLIMBS = ["linear", "cosine", "quadratic", "log", "exponential"]

FALLS = ["cosine", "linear", "polynomial", "one_minus_sqrt", "rex", "tanh", "exponential_to", "hyperbolic"]
SMOOTH = ["warmup", "hold", *FALLS, "inverse_time", "power_cool"]
NAMES = [*SMOOTH, *STAIRS]
BASE = 0.03


def build(phases: list[Phase]) -> Schedule:
    """The schedule that these phases describe."""
    return reduce(Schedule.then, [getattr(lr_toolkit, name)(**arguments) for name, arguments in phases])


def on(text: str, steps: int, lengths: int | list[int] | None = None) -> ResolvedTimeline:
    """The timeline of that text on a run of that length."""
    return Schedule.parse(text).resolve(Horizon(steps, lengths))


def resolved(run: Run) -> lr_toolkit.Timeline:
    """Our timeline of that run."""
    return build(run.phases).resolve(Horizon(run.steps, run.lengths or None))


# --- any schedule, whether it fits a run or not -----------------------------------------------------------------------

positive = st.floats(1e-300, 1e300)
factors = st.one_of(st.floats(0.0, 1e300), st.integers(0, 10**30), st.just(0.0))


def decimals(most: int) -> st.SearchStrategy[str]:
    """Numbers of four decimals up to ``most``."""
    return st.integers(1, most * 10_000).map(lambda n: f"{n // 10_000}.{n % 10_000:04}")


durations = st.one_of(
    st.integers(1, 10**11 - 1),
    st.integers(1, 10**11 - 1).map("{} steps".format),
    decimals(10**11 - 1).map("{} epochs".format),
    decimals(100).map("{}%".format),
)


def rising(most: int) -> st.SearchStrategy[list[str]]:
    """Milestones of one unit in rising order, each once."""
    unit = st.sampled_from([" steps", " epochs", "%"])
    numbers = st.lists(st.integers(1, most), min_size=1, max_size=4, unique=True).map(sorted)
    return st.builds(lambda numbers, unit: [f"{number}{unit}" for number in numbers], numbers, unit)


def _arguments(name: str) -> tuple[dict[str, st.SearchStrategy[Any]], dict[str, st.SearchStrategy[Any]]]:
    """The arguments that a builder requires and those that may be left out, without levels."""
    more, gamma = st.floats(1.0, 1e300), {"gamma": positive}
    climb = {"start": st.floats(0.0, 1.0), "shape": st.sampled_from(CLIMBS), "peak": st.sampled_from(["after", "last"])}
    known: dict[str, tuple[dict[str, st.SearchStrategy[Any]], dict[str, st.SearchStrategy[Any]]]] = {
        "warmup": ({"over": durations}, climb),
        "cosine": ({}, {"power": positive, "k": positive}),
        "polynomial": ({"power": positive}, {"k": positive}),
        "rex": ({}, {"beta": positive}),
        "tanh": ({}, {"lower": st.floats(-100.0, -1.0), "upper": st.floats(-0.9, 100.0)}),
        "exponential_to": ({}, {"ratio": st.floats(1e-300, 1e300).filter(lambda ratio: ratio != 1.0)}),
        "hyperbolic": ({"limit": durations}, {}),
        "inverse_time": ({"timescale": durations}, {"power": positive, "rate": positive}),
        "power_cool": ({}, {"power": positive, "scale": more, "beyond": more}),
        "step": ({"every": durations}, gamma),
        "multistep": ({"at": rising(100)}, gamma),
        "exponential": ({"gamma": positive}, {"every": durations}),
    }
    return known.get(name, ({}, {}))


@st.composite
def phases(draw: st.DrawFn, name: str, over: st.SearchStrategy[Text | None]) -> Phase:
    """One phase with any arguments that its builder takes."""
    required, optional = _arguments(name)
    arguments: dict[str, Any] = draw(st.fixed_dictionaries(required, optional=optional))
    if name in FALLS:
        floor = draw(st.sampled_from(["end", "end_lr", *([""] if name != "exponential_to" else [])]))
        arguments |= {floor: draw(positive if name == "exponential_to" else factors)} if floor else {}
    if name == "hold":
        level = draw(st.sampled_from(["", "level", "level_lr"]))
        arguments |= {level: draw(factors)} if level else {}
    elif name != "warmup":
        start = draw(st.sampled_from(["", "start", "start_lr"]))
        arguments |= {start: draw(factors)} if start else {}
    length = draw(over)
    return name, arguments if length is None else arguments | {"over": length}


@st.composite
def schedules(draw: st.DrawFn, *, open_phase: bool = True) -> Schedule:
    """One to four phases, with at most one (or no) open phase."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4))
    can_be_open = [index for index, name in enumerate(names) if name != "warmup"] if open_phase else []
    opening = draw(st.sampled_from([None, *can_be_open]))
    over = [st.none() if index == opening else durations for index in range(len(names))]
    return build([draw(phases(name, length)) for name, length in zip(names, over, strict=True)])


# --- schedules that fit a run -----------------------------------------------------------------------------------------


@st.composite
def horizons(draw: st.DrawFn, most: int = 120) -> tuple[int, tuple[int, ...]]:
    """The length of a run, and the lengths of its epochs: one for all, or different ones."""
    steps = draw(st.integers(1, most))
    return steps, tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=5)))


def share(of: Fraction, unit: str, steps: int, epochs: Fraction) -> str | None:
    """``of`` the run, rounded down, in that unit; ``None`` if that is no duration."""
    whole = {"%": Fraction(100), " epochs": epochs, " steps": Fraction(steps)}[unit]
    parts = 1 if unit == " steps" else 100
    amount = Fraction(math.floor(of * whole * parts), parts)
    return f"{float(amount):.2f}".removesuffix(".00") + unit if amount else None


@st.composite
def runs(draw: st.DrawFn, names: list[str] = NAMES, most: int = 120) -> Run:
    """A run and a schedule of one to four phases that fits it for ``BASE``; boundaries may fall between two updates."""
    steps, lengths = draw(horizons(most))
    epochs = Run([], steps, lengths).epoch_at(Fraction(steps))
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=4))
    opening = draw(st.sampled_from([None, *(index for index, name in enumerate(chosen) if name != "warmup")]))
    weights = [draw(st.integers(1, 20)) for _ in chosen]
    units = st.sampled_from([" epochs", "%", " steps"])
    plan: list[Phase] = []
    for index, (name, weight) in enumerate(zip(chosen, weights, strict=True)):
        over = share(Fraction(weight, sum(weights)), draw(units), steps, epochs)
        assume(over is not None)
        arguments = draw(fitting(name))
        plan.append((name, arguments if index == opening else arguments | {"over": over}))
    run = Run(plan, steps, lengths)
    assume(run.fits and run.moves(BASE) and run.moves(1.0))
    return run


def fitting(name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Arguments of the usual size."""
    gamma = st.floats(0.05, 1.2)
    every = st.one_of(
        st.integers(1, 30),
        st.integers(1, 60).map("{}%".format),
        st.integers(5, 300).map(lambda n: f"{n / 100} epochs"),
    )
    floor = st.one_of(
        st.just({}),
        st.builds(lambda x: {"end": x}, st.floats(0, 1)),
        st.builds(lambda x: {"end_lr": x}, st.floats(0, 0.01)),
    )
    start = st.one_of(
        st.just({}),
        st.builds(lambda x: {"start": x}, st.floats(0.01, 2)),
        st.builds(lambda x: {"start_lr": x}, st.floats(0.001, 0.05)),
    )

    def joined(
        first: st.SearchStrategy[dict[str, Any]], second: st.SearchStrategy[dict[str, Any]]
    ) -> st.SearchStrategy[dict[str, Any]]:
        return st.builds(lambda first, second: first | second, first, second)

    def started(arguments: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        return st.builds(lambda arguments, start: arguments | start, arguments, start)

    kinds: dict[str, Callable[[], st.SearchStrategy[dict[str, Any]]]] = {
        "warmup": lambda: st.one_of(
            st.fixed_dictionaries({}, optional={"start": st.floats(0.0, 1.0)}),
            st.fixed_dictionaries(
                {"shape": st.sampled_from(CLIMBS)}, optional={"start": st.floats(0.0, 1.0), "peak": st.just("last")}
            ),
        ),
        "hold": lambda: st.one_of(st.just({}), st.just({}), st.fixed_dictionaries({"level": st.floats(0.01, 2.0)})),
        "cosine": lambda: started(
            joined(st.fixed_dictionaries({}, optional={"power": st.floats(0.3, 4.0), "k": st.floats(0.3, 4.0)}), floor)
        ),
        "polynomial": lambda: started(
            joined(st.fixed_dictionaries({"power": st.floats(0.2, 6.0)}, optional={"k": st.floats(0.3, 4.0)}), floor)
        ),
        "rex": lambda: started(joined(st.fixed_dictionaries({}, optional={"beta": st.floats(0.05, 3.0)}), floor)),
        "exponential_to": lambda: started(
            st.fixed_dictionaries({"end": st.floats(0.001, 0.9)}, optional={"ratio": st.floats(0.01, 0.9)})
        ),
        "hyperbolic": lambda: started(joined(st.fixed_dictionaries({"limit": st.integers(1, 300)}), floor)),
        "inverse_time": lambda: started(
            st.fixed_dictionaries(
                {"timescale": every}, optional={"power": st.floats(0.1, 2.0), "rate": st.floats(0.1, 3.0)}
            )
        ),
        "power_cool": lambda: started(
            st.fixed_dictionaries(
                {},
                optional={"power": st.floats(0.5, 3.0), "scale": st.floats(1.0, 5.0), "beyond": st.floats(1.0, 1.5)},
            )
        ),
        "step": lambda: started(st.fixed_dictionaries({"every": every, "gamma": gamma})),
        "multistep": lambda: started(st.fixed_dictionaries({"at": rising(20), "gamma": gamma})),
        "exponential": lambda: started(st.fixed_dictionaries({"gamma": gamma}, optional={"every": every})),
    }
    return kinds.get(name, lambda: started(floor))()
