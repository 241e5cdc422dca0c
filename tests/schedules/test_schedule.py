"""Schedules as values: how they are joined, compared, printed and read."""

from __future__ import annotations

import copy
import functools
import os
import pickle
import pickletools
import re
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lr_toolkit import (
    Duration,
    GreedyLR,
    Horizon,
    ReduceOnPlateau,
    Schedule,
    ScheduleError,
    cosine,
    custom,
    exponential,
    hold,
    linear,
    multistep,
    one_minus_sqrt,
    polynomial,
    step,
    warmup,
)
from tests.helpers.functions import halves
from tests.helpers.strategies import NAMES, build, durations, phases, schedules


def thirds(i: int) -> float:
    """Another one."""
    return 3.0**-i


# --- joining ----------------------------------------------------------------------------------------------------------


@given(schedules(open_phase=False), schedules(), schedules(open_phase=False))
def test_joining_is_associative(a: Schedule, b: Schedule, c: Schedule) -> None:
    """Either joint may be made first: the phases are in the order of reading."""
    assert (a >> b) >> c == a >> (b >> c)
    assert ((a >> b) >> c).phases == a.phases + b.phases + c.phases


@given(schedules(open_phase=False), schedules())
def test_joining_takes_text_on_either_side(a: Schedule, b: Schedule) -> None:
    """``>>`` and ``then`` give the same schedule, with either side written as text, and change neither side."""
    before = repr(a), repr(b)
    joined = a >> b

    assert type(joined) is Schedule
    assert joined == repr(a) >> b == a >> repr(b) == a.then(b) == a.then(repr(b))
    assert (repr(a), repr(b)) == before


@pytest.mark.parametrize(
    ("other", "fix"),
    [
        (cosine, "Write cosine(), with its arguments."),
        (ReduceOnPlateau(monitor="val_loss"), "plateau=ReduceOnPlateau(...)"),
        (GreedyLR(monitor="val_loss", max_lr=0.1), "plateau=GreedyLR(...)"),
        (5, "warmup('5%') >> cosine(end=0.1)"),
        (None, "warmup('5%') >> cosine(end=0.1)"),
        (["hold(5)", cosine()], "Write hold(5) >> cosine()."),
        (b"cosine()", "warmup('5%') >> cosine(end=0.1)"),
    ],
)
def test_joining_with_something_else_is_refused_with_the_call(other: Any, fix: str) -> None:
    """``>>`` takes schedules and texts; anything else is refused on either side, with the call that was meant."""
    with pytest.raises(ScheduleError, match=re.escape(fix)):
        warmup(5) >> other
    with pytest.raises(ScheduleError, match=re.escape(fix)):
        other >> warmup(5)


# --- a value ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        (warmup(500), warmup("500 steps"), True),
        (cosine(), cosine(0), True),
        (cosine(end=1), cosine(end=1.0), True),
        (cosine(end=-0.0), cosine(), True),
        (warmup(5, start=-0.0), warmup(5, start=0.0), True),
        (polynomial(2), polynomial(2.0), True),
        (exponential(0.9), exponential(0.9, every="1 epoch"), True),
        (multistep([3, 5]), multistep((3, "5 steps")), True),
        (custom(halves), custom(halves), True),
        (custom(halves), custom(thirds), False),
        (cosine(), linear(), False),
        (cosine(), cosine(end=0.1), False),
        (cosine(), cosine(over="100%"), False),
        (cosine(end=0.1), cosine(end_lr=0.1), False),
        (warmup(5), warmup(5, start=0.0), False),
        (warmup(5) >> hold(5), hold(5) >> warmup(5), False),
    ],
)
def test_schedules_are_equal_if_they_mean_the_same(first: Schedule, second: Schedule, equal: bool) -> None:
    """Two spellings of one schedule are equal, hash alike and print alike."""
    assert (first == second) is equal
    assert (len({first, second}) == 1) is equal
    assert (repr(first) == repr(second)) is equal


def test_a_schedule_cannot_be_changed() -> None:
    """Neither a schedule nor a phase of it takes an assignment."""
    schedule = warmup(5) >> cosine()
    with pytest.raises(AttributeError, match="Schedule is immutable"):
        schedule.phases = ()  # type: ignore[misc]  # that is the point
    with pytest.raises(FrozenInstanceError):
        schedule.phases[1].end = 0.5  # type: ignore[attr-defined]  # that is the point


@given(schedules())
def test_a_schedule_comes_back_from_pickle_and_copy(schedule: Schedule) -> None:
    """A pickle of any protocol, ``copy`` and ``deepcopy`` give an equal schedule."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(schedule, protocol)) == schedule
    assert copy.copy(schedule) == copy.deepcopy(schedule) == schedule


def test_a_pickle_holds_text_alone() -> None:
    """It names one function of ours, ``parse``, and the schedule's text: nothing else needs to be allowed when it is read."""
    names = [
        str(value) for op, value, _ in pickletools.genops(pickle.dumps(warmup(5) >> cosine(), 2)) if op.name == "GLOBAL"
    ]

    assert names == ["lr_toolkit.schedules.schedule parse"]


def test_a_custom_schedule_pickles_where_its_function_does() -> None:
    """A function that can be imported goes along by its name."""
    schedule = warmup(5) >> custom(halves, over="50%")

    assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == schedule


def test_a_schedule_of_endless_text_pickles_too() -> None:
    """If the text is too long to be read, the phases themselves are pickled."""
    schedule = multistep(range(1, 10_000))

    assert pickle.loads(pickle.dumps(schedule)) == copy.deepcopy(schedule) == schedule


# --- text -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (warmup("5%") >> cosine(end=0.1), "warmup('5%') >> cosine(end=0.1)"),
        (warmup("500 steps", start=0.0), "warmup(500, start=0.0)"),
        (hold(), "hold()"),
        (hold("3 epochs"), "hold('3 epochs')"),
        (cosine(0.0, over=7), "cosine(over=7)"),
        (linear(end_lr=1e-5), "linear(end_lr=1e-05)"),
        (polynomial(2.5, end=0.1, over="50%"), "polynomial(2.5, end=0.1, over='50%')"),
        (one_minus_sqrt(end=0.1), "one_minus_sqrt(end=0.1)"),
        (step("30 epochs"), "step('30 epochs')"),
        (step(30, gamma=0.5, over="1 epoch"), "step(30, gamma=0.5, over='1 epoch')"),
        (multistep([30, "60 epochs"], gamma=0.2), "multistep([30, '60 epochs'], gamma=0.2)"),
        (exponential(0.95), "exponential(0.95)"),
        (exponential(0.95, every=1), "exponential(0.95, every=1)"),
        (custom(halves, over=9), "custom(halves, over=9)"),
        (custom(lambda i: 1.0), "custom(<lambda>)"),
        (custom(functools.partial(pow, 0.5)), "custom(partial)"),
    ],
)
def test_a_schedule_prints_as_it_is_written(schedule: Schedule, text: str) -> None:
    """``repr`` is the builders' calls, without arguments at their default."""
    assert repr(schedule) == text


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(st.data())
def test_the_text_gives_the_phase_back(name: str, data: st.DataObject) -> None:
    """For each builder, ``parse`` reads what ``repr`` prints, whatever the arguments."""
    schedule = build([data.draw(phases(name, durations))])

    assert repr(schedule).startswith(f"{name}(")
    assert Schedule.parse(repr(schedule)) == schedule


@given(schedules())
def test_the_text_gives_the_schedule_back(schedule: Schedule) -> None:
    """``parse`` reads the text of several phases, and a schedule is taken as it is."""
    assert Schedule.parse(repr(schedule)) == schedule
    assert Schedule.parse(schedule) is schedule


@pytest.mark.parametrize(
    ("text", "schedule"),
    [
        ("  warmup('500 steps')>>linear()  ", warmup(500) >> linear()),
        ("warmup(over=5, start=+0.5) >> cosine(0.1)", warmup(5, start=0.5) >> cosine(0.1)),
        ("(warmup(5) >> hold(5)) >> linear()", warmup(5) >> hold(5) >> linear()),
        ("warmup(5) >> (hold(5) >> linear())", warmup(5) >> hold(5) >> linear()),
        ("multistep(at=(3, '50%'))", multistep([3, "50%"])),
        ("cosine(end=1e-2, end_lr=None, over=None)", cosine(0.01)),
        ('hold("5%")  # a comment', hold("5%")),
        ("warmup('5%')\n  >> cosine(\n    end=0.1,\n  )\n", warmup("5%") >> cosine(0.1)),
        ("warmup(5)  # climb\r\n>> linear()  # fall\n", warmup(5) >> linear()),
        ("warmup(5) \\\n  >> linear()", warmup(5) >> linear()),
        ("warmup(5) \\\r\n>> linear(\\\n end=0.5)", warmup(5) >> linear(0.5)),
        ("(warmup(5)  # climb \\\n >> linear())", warmup(5) >> linear()),
        ("\ufeffwarmup(5)", warmup(5)),
        ("wsd('5%', '20%')", warmup("5%") >> hold() >> one_minus_sqrt(over="20%")),
    ],
)
def test_text_may_be_written_as_code_would_be(text: str, schedule: Schedule) -> None:
    """Positional and named arguments, brackets, tuples, signs, blanks, lines, comments and a BOM are read as Python reads them."""
    assert Schedule.parse(text) == schedule


def test_a_custom_schedule_cannot_be_read() -> None:
    """Its text names a function that text cannot carry, as the error explains."""
    with pytest.raises(ScheduleError, match=r"custom\(\.\.\.\) holds a Python function, which text cannot carry"):
        Schedule.parse(repr(warmup(5) >> custom(halves)))


HOSTILE = {
    "attribute": "cosine.__globals__",
    "attribute of a call": "cosine().phases",
    "method": "cosine().resolve(5)",
    "call of another": "print('x')",
    "import": "__import__('os').environ.__setitem__('LR_TOOLKIT_OWNED', '1')",
    "eval": "eval('1')",
    "dunder": "__builtins__",
    "dunder call": "__class__()",
    "call of a call": "cosine()()",
    "item": "cosine[0]",
    "lambda": "lambda: cosine()",
    "lambda called": "(lambda: cosine())()",
    "lambda argument": "custom(lambda i: 1.0)",
    "comprehension": "[cosine() for _ in (1,)]",
    "generator argument": "multistep(i for i in (3, 5))",
    "comprehension argument": "multistep([i for i in (3, 5)])",
    "walrus": "(x := cosine())",
    "walrus argument": "warmup((x := 5))",
    "f-string": "warmup(f'{5}%')",
    "bytes": "warmup(b'5%')",
    "star": "warmup(*[5])",
    "double star": "warmup(**{'over': 5})",
    "twice the same": "cosine(end=0.1, end=0.2)",
    "conditional": "cosine() if 1 else hold()",
    "boolean": "cosine() or hold()",
    "comparison": "cosine() > hold()",
    "other operator": "warmup(5) >> cosine() + hold(5)",
    "left shift": "warmup(5) << cosine()",
    "right shift of numbers": "1 >> 2",
    "text inside": "warmup(5) >> 'cosine()'",
    "arithmetic": "warmup(2 * 5)",
    "power": "warmup(9**9**9)",
    "repetition": "warmup('5' * 10**9)",
    "true": "warmup(True)",
    "ellipsis": "warmup(...)",
    "complex": "cosine(end=1j)",
    "name": "warmup(x)",
    "builder uncalled": "cosine",
    "builder as argument": "hold(cosine())",
    "dict": "multistep({3: 0.1})",
    "set": "multistep({3, 5})",
    "await": "await cosine()",
    "yield": "(yield)",
    "two": "warmup(5), cosine()",
    "statement": "import os",
    "two lines": "warmup(5)\ncosine()",
    "assignment": "x = cosine()",
    "nothing": "",
    "blank": " \n ",
    "null byte": "cosine()\0",
    "null byte inside": "warmup('5%\0')",
    "surrogate": "warmup('\ud800')",
    "bell": "\a",
    "unclosed": "cosine(",
    "unopened": "cosine)",
    "infinite": "cosine(end=1e999)",
    "huge": f"hold({'9' * 4000})",
    "hugest": f"hold({'9' * 15_000})",
    "huge factor": f"cosine(end={'9' * 4000})",
    "nested list": "multistep([[3, 5]])",
    "list": "warmup([5])",
    "negative": "cosine(end=-0.5)",
    "negative steps": "hold(-5)",
    "negative text": "hold(-'5%')",
    "twice negative": "cosine(end=--0.5)",
    "none": "warmup(None)",
    "recipe's list": "wsd(5, 5, ['linear'])",
    "10 MB of brackets": "(" * 10_000_000,
    "10 MB of text": "cosine(end=0." + "1" * 10_000_000 + ")",
    "deep brackets": "(" * 9_000 + "cosine()" + ")" * 9_000,
    "deep lists": "multistep(" + "[" * 9_000 + "]" * 9_000 + ")",
    "deep minus": "cosine(end=" + "-" * 19_000 + "1)",
    "some minus": "cosine(end=" + "-" * 80 + "1)",
    "deep not": "not " * 4_900 + "1",
    "deep sums": "+".join("1" * 9_000),
    "deep shifts of numbers": "cosine(" + ">>".join("1" * 9_000) + ")",
    "deep calls": "cosine" + "()" * 9_000,
    "deep attributes": "cosine" + ".x" * 9_000,
    "deep items": "cosine" + "[0]" * 6_000,
    "deep lambdas": "lambda:" * 2_800 + "1",
    "deep conditions": "1 if 1 else " * 1_600 + "1",
    "long chain": " >> ".join(["hold(5)"] * 100_000),
    "long chain of open phases": " >> ".join(["hold()"] * 1_900),
    "long chain with an end": "hold(5) >> " * 1_700 + "x",
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, text in HOSTILE.items()])
def test_hostile_text_is_refused(text: str) -> None:
    """Anything but a chain of builders' calls with plain arguments is a ScheduleError, soon, with a readable message."""
    with pytest.raises(ScheduleError) as refused:
        Schedule.parse(text)

    assert len(str(refused.value)) < 25_000
    assert "LR_TOOLKIT_OWNED" not in os.environ


@pytest.mark.parametrize(
    "value", [None, 5, 0.5, True, b"cosine()", ["cosine()"], [], {"cosine": 1}, cosine, Horizon(5)]
)
def test_only_text_is_read(value: Any) -> None:
    """Anything but a schedule or a string is refused, with a text that is possible."""
    with pytest.raises(ScheduleError, match=r"is no schedule.*Write (cosine\(\)|(a|one) schedule, or its text)"):
        Schedule.parse(value)


@given(st.text() | st.text("()[]{},.:>='\"\\%-+*@ \n\t\0" + "acdeilmnoprstuvw0159", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes ``parse`` raise anything but a ScheduleError."""
    try:
        read = Schedule.parse(text)
    except ScheduleError:
        return
    assert Schedule.parse(repr(read)) == read


PIECES = [
    *("warmup(", "hold(", "cosine(", "multistep(", "step(", "wsd(", "custom(", "x(", ")", ")", ")", " >> ", " >> "),
    *("'5%'", "500", "'3 epochs'", "0.1", "-1", "None", "True", "'linear'", "[", "]", "3, 5", ", ", "over=", "end="),
    *(
        "lambda i: ",
        "*",
        "**",
        "f'{1}'",
        ".a",
        "1e999",
        "9" * 400,
        "\\",
        "'",
        "\0",
        "\n",
        ":=",
        "if ",
        "else ",
        "await ",
    ),
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_any_mixture_of_pieces_is_read_or_refused(text: str) -> None:
    """Text made of the pieces of schedules and of Python is read, or refused with a ScheduleError."""
    try:
        read = Schedule.parse(text)
    except ScheduleError:
        return
    assert Schedule.parse(repr(read)) == read


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("cosin()", "Did you mean cosine(...)?"),
        ("Cosine()", "Did you mean cosine(...)?"),
        ("warm_up(5)", "Did you mean warmup(...)?"),
        ("multi_step([5])", "Did you mean multistep(...)?"),
        ("steps(5)", "Did you mean step(...)?"),
        ("polinomial(2)", "Did you mean polynomial(...)?"),
        ("inverse(5)", "The builders are "),
        ("cosine(ends=0.1)", "Its arguments are cosine(end, *, end_lr, power, k, start, start_lr, over)"),
        ("cosine(0.1, 100)", "Its arguments are cosine(end, *, end_lr, power, k, start, start_lr, over)"),
        ("warmup()", "Its arguments are warmup(over, *, shape, peak, start, start_lr)"),
        ("warmup(*[5])", "Write the arguments out, each once"),
        ("warmup(**{'over': 5})", "Write the arguments out, each once"),
        ("cosine(end=0.1, end=0.2)", "Write the arguments out, each once"),
        ("hold(b'5%')", "An argument is a number, a string such as '5%', None, a schedule, or a list of these"),
    ],
)
def test_a_mistake_is_answered_with_the_likely_meaning(text: str, hint: str) -> None:
    """A misspelt builder with the nearest one, a misspelt argument with those that there are, another way with the way."""
    with pytest.raises(ScheduleError) as refused:
        Schedule.parse(text)

    assert hint in str(refused.value)


def test_a_name_that_is_nothing_like_a_builder_gets_no_hint() -> None:
    """The list of builders alone is shown."""
    with pytest.raises(ScheduleError) as refused:
        Schedule.parse("xyzzy()")

    assert "Did you mean" not in str(refused.value)
    assert "The builders are " in str(refused.value)


@pytest.mark.parametrize(
    ("schedule", "durations"),
    [
        (cosine(), []),
        (warmup("5%") >> cosine(over=7), ["5%", 7]),
        (step(30, over="90 epochs") >> hold(), [30, "90 epochs"]),
        (multistep([3, "50%"]) >> exponential(0.9, over=5), [3, "50%", "1 epoch", 5]),
    ],
)
def test_a_schedule_lists_the_durations_that_it_names(schedule: Schedule, durations: list[Any]) -> None:
    """Each duration among the arguments is listed, in order, so that another layer can refuse some of them."""
    assert schedule.durations == tuple(map(Duration, durations))
