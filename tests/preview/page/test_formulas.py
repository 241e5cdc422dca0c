"""The formulas of the page against those of the package: each builder, random schedules, wrong texts."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lr_toolkit.preview.page
from lr_toolkit import Horizon, Schedule
from lr_toolkit.schedules.registry import BUILDERS, WITHOUT_TEXT
from tests.helpers.idle_phases import maybe_idle, names_with_start
from tests.helpers.page_formulas import NODE, Formulas, by_python, largest_difference, page_formulas
from tests.helpers.reference import Run
from tests.helpers.strategies import FALLS, build, horizons, runs, schedules
from tests.schedules.test_contract import EXAMPLES, OURS

SCRIPTS = Path(lr_toolkit.preview.page.__file__).parent / "js"
WITH_TEXT = [name for name in OURS if name not in WITHOUT_TEXT]
BASE = 0.3
RUNS = [
    Horizon(97),
    Horizon(97, [40, 20, 37]),
    Horizon(90, unit="epoch"),
    Horizon(1000, 100),
]


@pytest.fixture(scope="module")
def formulas() -> Iterator[Formulas]:
    """The page's formulas in node."""
    if NODE is None:
        pytest.skip("node is not installed")
    with page_formulas() as process:
        yield process


def call(name: str, arguments: dict[str, Any]) -> str:
    """The text of a builder's call."""
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def plain(default: Any) -> str:
    """A default as text, without the quotes of a string; 2 is 2.0, and the length 0 too."""
    text = str(default).strip("'")
    return str(float(text)) if re.fullmatch(r"[\d.e-]+", text) else text


def test_every_builder_has_a_formula_with_the_same_signature(formulas: Formulas) -> None:
    """A new builder, parameter or default fails here until the page has it; ``custom`` holds a function, which no page has."""
    on_the_page = {builder["name"]: builder["parameters"] for builder in formulas.builders}

    assert sorted(on_the_page) == sorted(WITH_TEXT)
    for name, parameters in on_the_page.items():
        ours = inspect.signature(BUILDERS[name]).parameters
        optional = {key: plain(each.default) for key, each in ours.items() if each.default is not each.empty}
        positional = [key for key, each in ours.items() if each.kind is not each.KEYWORD_ONLY]

        assert [each["name"] for each in parameters if not each["isKeyword"]] == positional, name
        assert {each["name"]: plain(each["fallback"]) for each in parameters if not each["isRequired"]} == optional, (
            name
        )
        assert {each["name"] for each in parameters} == set(ours), name


@pytest.mark.parametrize("name", WITH_TEXT)
def test_the_page_has_the_values_of_python(name: str, formulas: Formulas) -> None:
    """Text, phases and each value within 1e-12: every example, on each run, alone and behind other phases."""
    compared = 0
    for arguments in EXAMPLES[name]:
        for before in ("", "linear(end=0.5, over='10.1%') >> "):
            text = before + call(name, arguments)
            for horizon in RUNS:
                ours, theirs = by_python(text, horizon, BASE), formulas.resolve(text, horizon, BASE)

                assert ("error" in theirs) is ("error" in ours), (text, horizon, ours, theirs)
                if "error" in ours:
                    continue
                compared += 1
                assert theirs["text"] == ours["text"]
                assert theirs["phases"] == ours["phases"], (text, horizon)
                assert largest_difference(ours["values"], theirs["values"]) < 1e-12, (text, horizon)
    assert compared > 10


@pytest.mark.parametrize("name", [*FALLS, "step", "multistep", "exponential", "inverse_time", "power_cool"])
def test_the_page_is_as_exact_at_the_end_of_a_long_run(name: str, formulas: Formulas) -> None:
    """Ten million updates: the last ones are within 1e-12 too, where a difference of nearly equal numbers would be seen."""
    horizon = Horizon(10_000_019, 300_000)
    for arguments in EXAMPLES[name]:
        ours, theirs = (ask(call(name, arguments), horizon, BASE) for ask in (by_python, formulas.resolve))

        assert ours.keys() == theirs.keys()
        assert "error" in ours or largest_difference(ours["values"], theirs["values"]) < 1e-12, arguments


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(run=runs())
def test_random_schedules_that_fit_have_the_values_of_python(run: Run, formulas: Formulas) -> None:
    """One to four phases with boundaries between updates and epochs of different lengths."""
    text, horizon = repr(build(run.phases)), Horizon(run.steps, run.lengths or None)
    ours, theirs = by_python(text, horizon, 0.03), formulas.resolve(text, horizon, 0.03)

    assert theirs["text"] == ours["text"] == text
    assert theirs["phases"] == ours["phases"]
    assert largest_difference(ours["values"], theirs["values"]) < 1e-12


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=schedules(), length=horizons())
def test_schedules_with_extreme_numbers_are_drawn_or_refused_as_in_python(
    schedule: Schedule, length: tuple[int, tuple[int, ...]], formulas: Formulas
) -> None:
    """Levels, powers and factors from 1e-300 to 1e300; where powers are that large, a last digit of the page may differ more."""
    horizon = Horizon(length[0], length[1] or None)
    with np.errstate(all="ignore"):
        ours = by_python(repr(schedule), horizon, 0.03)
    theirs = formulas.resolve(repr(schedule), horizon, 0.03)

    assert ("error" in theirs) is ("error" in ours), (ours, theirs)
    if "error" not in ours:
        assert largest_difference(ours["values"], theirs["values"]) < 1e-9


PIECES = [
    *(">>", "(", ")", ",", "=", "'", '"', "[", "]", "-", "*", "#", "\n", "\\", " ", "x"),
    *("0", "-1", "1.5", "100", "1e400", "007", "1_000", "None", "True", "5 apples"),
    *("over", "end", "5%", "'5%'", "start=0.0", "over='200%'", "'3 epochs'", "end_lr=1e-3", "hold()"),
]


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The text of one or two calls, in which up to three pieces are replaced."""
    calls = [call(name, arguments) for name in WITH_TEXT for arguments in EXAMPLES[name]]
    text = " >> ".join(draw(st.lists(st.sampled_from(calls), min_size=1, max_size=2)))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(text)))
        text = text[:place] + draw(st.sampled_from(["", *PIECES])) + text[place + draw(st.integers(0, 4)) :]
    return text


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=mutated())
def test_a_mistyped_text_is_read_or_refused_as_in_python(text: str, formulas: Formulas) -> None:
    """The page reads a text exactly if Python does, as the same schedule, and refuses any other with a message."""
    ours, theirs = by_python(text, Horizon(97, 10), BASE), formulas.resolve(text, Horizon(97, 10), BASE)

    assert ("error" in theirs) is ("error" in ours), (text, ours, theirs)
    assert theirs.get("text") == ours.get("text")


@pytest.mark.parametrize(
    "number",
    ["1e-1_0", "1_0e-3", ".5_0", ".5e-1", "0.2_5", "2.e-1", "5E-0_1", "0_0", "1._5", "1_e-1", "1e_1", "1e-1_", "._5", "1__0", "00.5"],
)  # fmt: skip
def test_a_number_is_read_or_refused_as_in_python(number: str, formulas: Formulas) -> None:
    """Underscores stand between two digits, of an exponent too, and a number may begin with its point."""
    ours, theirs = (ask(f"linear(start={number}, end=0.7)", Horizon(97), BASE) for ask in (by_python, formulas.resolve))

    assert ("error" in theirs) is ("error" in ours), (ours, theirs)
    assert theirs.get("text") == ours.get("text")


# A wrong text, and a part of both messages about it.
WRONG = [
    ("", "not the text of a schedule"),
    ("cosine(", "Write calls joined by >>"),
    ("cosine() >> >> linear()", "Write calls joined by >>"),
    ("cosine", "cosine()"),
    ("cosin()", "Did you mean cosine(...)?"),
    ("nothing_like_it()", "The builders are"),
    ("custom(f)", "holds a Python function, which text cannot carry"),
    ("warmup(True) >> cosine()", "cannot read"),
    ("cosine(eta=1)", "there is no argument 'eta'"),
    ("cosine(100)", "would be end, a factor of the base value, and above 1 the curve climbs"),
    ("polynomial()", "missing a required argument: 'power'"),
    ("linear() >> cosine()", "both leave their length open"),
    ("warmup(0.05) >> cosine()", "a bare float has no unit"),
    ("warmup('5 apples')", "is not a duration"),
    ("hold(0)", "must be more than zero"),
    ("warmup(-1)", "must be zero or more"),
    ("hold('101%')", "is more than the whole run"),
    ("hold('0.5 steps')", "a step cannot be divided"),
    ("hold('33.33333%')", "has more than four decimals"),
    ("hold(1000000000000)", "is longer than any run"),
    ("hold('2 epochs')", "needs the length of an epoch, which is not known"),
    ("cosine(end=-0.1)", "must be a finite number, zero or more"),
    ("warmup(5, start=1.5)", "must be a finite number, from 0 to 1"),
    ("polynomial(0)", "must be a finite number, above zero"),
    ("warmup(5, shape='round')", "must be one of 'linear', 'cosine'"),
    ("warmup(5, shape='constant')", "a constant warmup needs its level"),
    ("cosine(end=0.1, end_lr=0.01)", "either a factor of the base value or an LR"),
    ("hold(50) >> linear(end=1.0)", "so it would do nothing"),
    ("hold(60) >> hold(60)", "The schedule does not fit: its phases take 120 steps"),
    ("hold(97) >> cosine()", "and leave nothing for cosine()"),
    ("multistep([])", "without a milestone nothing happens"),
    ("multistep(30)", "the milestones are a list"),
    ("multistep([60, 30])", "milestones come in rising order, each once"),
    ("multistep([97])", "comes after the last of the 97 steps"),
    ("piecewise([3], levels=[1.0])", "there is one level more"),
    ("piecewise([3])", "the levels are given either as factors"),
    ("exponential_to()", "ends at zero, which no factor leads to or from"),
    ("exponential_to(1e-300, start=1e40)", "no float holds the factor between them"),
    ("exponential_to(end=1e300, start=1e-40)", "no float holds the factor between them"),
    ("exponential_to(ratio=1.0)", "would be a straight line"),
    ("exponential(2000.0, every=1)", "grows beyond every float"),
    ("hyperbolic(50)", "the limit is shorter than the phase"),
    ("tanh(lower=3.0, upper=-7.0)", "lower must lie below upper"),
    ("linear(end_lr=0.5)", "lies above the base LR 0.3"),
    ("repeat(cosine())", "the schedule leaves its length open"),
    ("repeat(cosine(), 0)", "must be a whole number from 1 to 10000"),
    ("repeat(cosine(over=50), 2, over=90)", "1 of 2 cycles fit into its 90 steps"),
    ("repeat(linear(over=1), gamma=1e10)", "grows beyond every float within its 97 cycles"),
    ("repeat(cosine(over=5), growth=0.5)", "cycles that become shorter never fill the run"),
    ("clipped(linear())", "has no limit"),
    ("clipped(linear(), min=0.9, max=0.1)", "the floor lies above the ceiling"),
    ("scaled(cosine(), 0)", "must be a finite number above zero, or a schedule"),
    ("scaled(cosine(), hold(level_lr=0.1))", "is a factor, so it has no LRs"),
    ("stairs(5, 1)", "is no schedule"),
    ("cosine_restarts()", "needs the length of a cycle, or how many there are"),
    ("slanted_triangular(ratio=1.0)", "above 1"),
]


@pytest.mark.parametrize(("text", "reason"), WRONG)
def test_a_wrong_text_has_an_error_of_the_same_kind(text: str, reason: str, formulas: Formulas) -> None:
    """The page and Python refuse it for the same reason; ``resolve`` of the helper fails for any other exception."""
    ours, theirs = by_python(text, Horizon(97), BASE), formulas.resolve(text, Horizon(97), BASE)

    assert reason in ours["error"]
    assert reason.replace("finite number above", "finite number, above") in theirs["error"]


@pytest.mark.parametrize("name", names_with_start(WITH_TEXT))
def test_an_idle_phase_has_the_message_of_python(name: str, formulas: Formulas) -> None:
    """The phase, its level and both lines to write, without the place in the schedule that Python adds."""
    compared = 0
    for call, around in maybe_idle(name):
        text = around.format(call)
        ours, theirs = by_python(text, Horizon(40), BASE), formulas.resolve(text, Horizon(40), BASE)

        assert ("error" in theirs) is ("error" in ours), (text, ours, theirs)
        if "do nothing" in ours.get("error", ""):
            compared += 1
            assert theirs["error"] == ours["error"].partition(" (In ")[0]
    assert compared > 30


def test_the_scripts_share_their_scope_without_a_clash() -> None:
    """The scripts are one script in the page, so each of their names is declared once."""
    declared = re.findall(
        r"^(?:async )?(?:function|class|const|let) ([\w$]+)",
        "\n".join(path.read_text("utf-8") for path in sorted(SCRIPTS.glob("*.js"))),
        re.MULTILINE,
    )

    assert len(declared) > 100
    assert sorted(declared) == sorted(set(declared))
