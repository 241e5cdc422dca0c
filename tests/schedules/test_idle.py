"""Phases that would do nothing: the message shows the phase as it was written, and each line in it works in the same place."""

from __future__ import annotations

import re

import numpy as np
import pytest

from lr_toolkit import Horizon, Schedule, ScheduleError
from tests.helpers.idle_phases import maybe_idle, names_with_start
from tests.schedules.test_contract import OURS

RUN = Horizon(40)
BASES = (0.3, 0.05)
IDLE = re.compile(
    r"(?P<call>.+): begins at (?:(?P<factor>\S+) times the base value|the LR (?P<lr>\S+))(?: and ends there|, which no factor "
    r"changes), so it would do nothing\. Write (?P<stay>.+) to stay there(?:, or (?P<restart>.+) to start again from the base value)?"
    r"\. \(In (?P<schedule>.+) on Horizon\(steps=40\)\.\)"
)


def refusal(text: str) -> str:
    """The message for a schedule with a phase that would do nothing; empty if it is read and fits, or is refused otherwise."""
    try:
        Schedule.parse(text).resolve(RUN)
    except ScheduleError as error:
        return str(error) if "do nothing" in str(error) else ""
    return ""


def lrs_of(call: str, around: str, base: float) -> list[float]:
    """The LRs of the first phase that ``call`` makes in its place; without the product and the floor of a ``scaled`` around it."""
    timeline = Schedule.parse(around.format(call)).resolve(RUN)
    phase = next(phase for phase in timeline.phases if phase.text == call)
    lrs = timeline.values(np.arange(phase.start, phase.end), base_lr=base)
    return [2 * lr - 0.001 if "scaled" in around else lr for lr in lrs.tolist()]


@pytest.mark.parametrize("name", names_with_start(OURS))
def test_each_line_for_an_idle_phase_does_what_the_message_says(name: str) -> None:
    """It is read and resolved in the place of the phase: one stays at the level named, the other begins at the base value."""
    messages = {(call, around): refusal(around.format(call)) for call, around in maybe_idle(name)}
    for (call, around), message in messages.items():
        if not message:
            continue
        found = IDLE.fullmatch(message)
        assert found, message
        assert found["call"] == repr(Schedule.parse(call))
        assert found["schedule"] == repr(Schedule.parse(around.format(call)))
        assert (found["restart"] is None) is (found["factor"] == "1")

        for base in BASES:
            level = float(found["lr"]) if found["lr"] else base * float(found["factor"])
            stays = lrs_of(found["stay"], around, base)
            assert stays == pytest.approx([level] * len(stays), rel=1e-12, abs=1e-15), message
            if found["restart"]:
                first, *others = lrs_of(found["restart"], around, base)
                assert first == pytest.approx(base, rel=1e-12), message
                assert others[-1] != pytest.approx(base), message
    assert sum(map(bool, messages.values())) > 30


@pytest.mark.parametrize(
    ("text", "begins", "stay", "restart"),
    [
        ("linear(start_lr=0.0)", "0 times the base value", "hold(level_lr=0.0)", "linear(start=1.0)"),
        ("cosine(start=0.0)", "0 times the base value", "hold(level=0.0)", "cosine(start=1.0)"),
        ("cosine(start_lr=0.0, over='30%')", "0 times the base value", "hold('30%', level_lr=0.0)", "cosine(start=1.0, over='30%')"),
        ("step(10, start_lr=0.0)", "0 times the base value", "hold(level_lr=0.0)", "step(10, start=1.0)"),
        ("linear(start=0.5, end=0.5)", "0.5 times the base value", "hold(level=0.5)", "linear(end=0.5, start=1.0)"),
        ("linear(start_lr=1e-3, end_lr=1e-3)", "the LR 0.001", "hold(level_lr=0.001)", "linear(end_lr=0.001, start=1.0)"),
        ("hold(9, level_lr=1e-3) >> repeat(linear(end_lr=1e-3), 2)", "the LR 0.001", "hold()", "linear(end_lr=0.001, start=1.0)"),
    ],
)  # fmt: skip
def test_the_message_of_an_idle_phase(text: str, begins: str, stay: str, restart: str) -> None:
    """The hold has the level and the length of the phase if it needs them, and an LR stays an LR."""
    message = refusal(text)

    assert f": begins at {begins}" in message
    assert f" Write {stay} to stay there, or {restart} to start again from the base value. (In " in message


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("repeat(cosine(end_lr=0.001), times=2)", "cosine(end_lr=0.001)"),
        ("clipped(linear(end_lr=0.001), min_lr=0.001)", "linear(end_lr=0.001)"),
        ("scaled(piecewise([3], levels_lr=[0.1, 0.001]), 0.5)", "piecewise([3], levels_lr=[0.1, 0.001])"),
    ],
)
def test_a_phase_within_another_is_shown_as_it_was_written(text: str, written: str) -> None:
    """Its LRs are not shown as factors, neither of an example of a base value nor of one that is known."""
    timeline = Schedule.parse(text).resolve(RUN)

    assert {phase.text for phase in (*timeline.phases, *timeline.relative_to(0.3).phases)} == {written}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("linear(over=5) >> exponential_to(end_lr=0.001)", "exponential_to(end_lr=0.001): begins at zero"),
        ("clipped(linear(), min_lr=0.1, max=0.5)", "clipped(linear(), min_lr=0.1, max=0.5): the floor lies above the ceiling"),
        ("repeat(linear(over=2, end_lr=0.001), gamma=1e40)", "repeat(linear(end_lr=0.001, over=2), gamma=1e+40): grows beyond"),
    ],
)  # fmt: skip
def test_other_refusals_show_a_shape_as_it_was_written(text: str, message: str) -> None:
    """Every message of a shape with LRs shows them."""
    with pytest.raises(ScheduleError) as refused:
        Schedule.parse(text).resolve(RUN)(0, base_lr=0.1)
    assert str(refused.value).startswith(message)
