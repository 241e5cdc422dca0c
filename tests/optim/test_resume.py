"""Resuming in plain loops: exact if nothing changed, a decision if the plan changed, and the states of other schedulers.

Each policy is written down here a second time, in plain arithmetic. Hundreds of interrupted runs and every pair of plans are
compared with it.
"""

from __future__ import annotations

import logging
import math
import pickle
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st
from torch.optim import Adam, Optimizer
from torch.optim import lr_scheduler as torch_lr
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup, get_wsd_schedule

from lr_toolkit import (
    Horizon,
    ReduceOnPlateau,
    Schedule,
    ScheduledLR,
    ScheduleError,
    cosine,
    custom,
    hold,
    linear,
    register_function,
)
from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.on_change import binding_after
from lr_toolkit.optim.state import FORMAT, configured_state, followed_state
from lr_toolkit.schedules.registry import BUILDERS
from lr_toolkit.schedules.same_history import same_history
from lr_toolkit.schedules.timeline import ResolvedTimeline
from tests.helpers.optimizers import lrs, move, new_group, optimizer_of, resume, saved, sgd, train

DATA = Path(__file__).parents[1] / "data"

# --- the policies, in plain arithmetic ----------------------------------------------------------------------------------

# Factors of the base LR at position x of a run of n updates; x may lie between two updates.
FORMULAS: dict[str, Callable[[Fraction, int], float]] = {
    "hold()": lambda x, n: 1.0,
    "linear()": lambda x, n: float(1 - min(x / n, 1)),
    "cosine(end=0.1)": lambda x, n: 0.1 + 0.9 * (1 + math.cos(math.pi * min(x / n, 1))) / 2,
    "warmup(4) >> cosine()": lambda x, n: (
        float((x + 1) / 5) if x < 4 else (1 + math.cos(math.pi * min((x - 4) / (n - 4), 1))) / 2
    ),
    "step(6, gamma=0.5)": lambda x, n: 0.5 ** (min(x, n - 1) // 6),
    "multistep(at=[6, 12], gamma=0.5)": lambda x, n: 0.5 ** ((x >= 6) + (x >= 12)),
    "wsd(4, 8, shape='linear')": lambda x, n: float((x + 1) / 5) if x < 4 else float(min(1, max(n - x, 0) / Fraction(8))),
    "wsd('25%', '25%', shape='linear')": lambda x, n: (
        float((x + 1) / (n // 4 + 1)) if x < n // 4 else float(min(1, max(n - x, 0) / Fraction(n // 4)))
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """The LRs of a run at any position, its end, and the plan if it is followed as it was written."""

    lrs: Callable[[Fraction], list[float]]
    end: int
    plan: tuple[str, int, list[float]] | None = None
    without_ramps: Callable[[Fraction], list[float]] | None = None

    @property
    def unscaled(self) -> Callable[[Fraction], list[float]]:
        """The LRs without second warmups."""
        return self.without_ramps or self.lrs


def planned(text: str, steps: int, bases: list[float]) -> Reference:
    """A plan as it was written."""
    return Reference(lambda x: [base * FORMULAS[text](x, steps) for base in bases], steps, (text, steps, bases))


def needs_no_decision(old: Reference, new: Reference, update: int) -> bool:
    """Whether the new plan has the same past, or only its open hold has grown."""
    if old.plan is None or new.plan is None:
        return False
    if all(old.lrs(Fraction(k)) == pytest.approx(new.lrs(Fraction(k)), rel=1e-12) for k in range(update)):
        return True
    (text, n, bases), (other, m, others) = old.plan, new.plan
    same = text == other == "wsd('25%', '25%', shape='linear')" and bases == others
    return same and all(total // 4 <= update < total - total // 4 for total in (n, m))


def climbs(new: Reference, update: int) -> bool:
    """Whether a plan has a higher LR after ``update``."""
    return any(max(new.lrs(Fraction(k))) > max(new.lrs(Fraction(update))) * 1.001 for k in range(update + 1, new.end))


def after(old: Reference, new: Reference, update: int, policy: str, rewarm: int | None) -> Reference | None:
    """What is followed from ``update`` on; ``None`` if the policy is not possible."""
    if needs_no_decision(old, new, update):
        return new
    if policy == "replan":
        followed: Reference | None = new
    elif policy == "keep":
        followed = old
    elif policy == "stretch":
        followed = stretched(old, update, new.end)
    else:
        followed = continued(old, new, update)
    if followed is None or rewarm is None:
        return followed
    unscaled = followed.unscaled  # the new warmup replaces one that is not over
    return Reference(
        lambda x: [lr * float(min((x - update + 1) / (rewarm + 1), 1)) for lr in unscaled(x)],
        followed.end,
        without_ramps=unscaled,
    )


def stretched(old: Reference, update: int, end: int) -> Reference | None:
    """The rest of the old plan, spread over the updates that are left."""
    if not update < min(old.end, end):
        return None

    def place(x: Fraction) -> Fraction:
        return update + (x - update) * (old.end - update) / (end - update)

    return Reference(lambda x: old.lrs(place(x)), end, without_ramps=lambda x: old.unscaled(place(x)))


def continued(old: Reference, new: Reference, update: int) -> Reference | None:
    """The remaining decay of the new plan, from the LR in use."""
    if climbs(new, update):
        return None
    start, first, last = old.lrs(Fraction(update)), new.lrs(Fraction(update)), new.lrs(Fraction(max(update, new.end)))
    if any(first) and not any(start):
        return None
    if any(s < e * (1 - 1e-9) and e < f for s, f, e in zip(start, first, last, strict=True)):
        return None

    def decayed(x: Fraction) -> list[float]:
        return [
            s if f == e else e + (s - e) * (lr - e) / (f - e)
            for s, f, e, lr in zip(start, first, last, new.lrs(x), strict=True)
        ]

    return Reference(decayed, new.end)


# --- interrupted runs -------------------------------------------------------------------------------------------------

POLICIES = ["replan", "keep", "stretch", "continue"]
plans = st.tuples(st.sampled_from(sorted(FORMULAS)), st.sampled_from([16, 20, 24, 40]))


@dataclass(frozen=True)
class RunPart:
    """A part of a run: what the code asks for, and the backward passes until the run is interrupted."""

    plan: tuple[str, int]
    policy: str
    rewarm: int | None
    accumulate: int
    passes: int
    scale: float


@st.composite
def run_parts(draw: st.DrawFn) -> list[RunPart]:
    """Up to four parts; half of them change nothing."""
    parts: list[RunPart] = []
    for _ in range(draw(st.integers(2, 4))):
        change = not parts or draw(st.booleans())
        parts.append(
            RunPart(
                plan=draw(plans) if change else parts[-1].plan,
                policy=draw(st.sampled_from(POLICIES)),
                rewarm=draw(st.sampled_from([None, None, 1, 3])),
                accumulate=draw(st.sampled_from([1, 2, 4])),
                passes=draw(st.integers(0, 24)),
                scale=draw(st.sampled_from([1.0, 1.0, 0.5])) if change else parts[-1].scale,
            )
        )
    return parts


def halving() -> ReduceOnPlateau:
    """A rule that halves the LR at each reading except the first, because the metric never changes."""
    return ReduceOnPlateau(monitor="loss", factor=0.5, patience=0, threshold=0.0, eps=0.0)


@given(run_parts(), st.booleans())
@settings(max_examples=500)
def test_an_interrupted_run_follows_the_specified_sequence(parts: list[RunPart], plateau: bool) -> None:
    """For any plans, lengths, base LRs, accumulation, interruptions and policies, all LRs are the specified ones."""
    counter, readings = 0, 0
    followed: Reference | None = None
    states: Any = None
    for part in parts:
        text, steps = part.plan
        bases = [part.scale, 0.1 * part.scale]
        optimizer = sgd(bases)
        scheduler = ScheduledLR(
            optimizer,
            text,
            Horizon(steps),
            on_change=part.policy,
            rewarm=part.rewarm,
            plateau=halving() if plateau else None,
        )
        configured = planned(text, steps, bases)
        if followed is None:
            followed, before = configured, configured
        else:
            changed = before.plan != configured.plan
            follow = after(followed, configured, counter, part.policy, part.rewarm) if changed else followed
            decides = changed and not needs_no_decision(followed, configured, counter)
            too_long = decides and part.rewarm is not None and counter + part.rewarm > steps
            if follow is None or too_long:
                event("not possible")
                with pytest.raises(
                    ScheduleError, match=r"nothing to stretch|still climbs|is 0|lies below|Write a shorter one"
                ):
                    resume(optimizer, scheduler, states)
                return
            event("changed" if changed else "unchanged")
            resume(optimizer, scheduler, states)
            followed, before = follow, configured
        used, expected = [], []
        for _ in range(part.passes // part.accumulate):
            used += train(optimizer, scheduler, 1, part.accumulate)
            gain = 0.5 ** max(readings - 1, 0)
            expected.append([lr * gain for lr in followed.lrs(Fraction(counter))])
            counter += 1
            if plateau and counter % 7 == 0:
                scheduler.observe(1.0)
                readings += 1
        np.testing.assert_allclose(used, expected, rtol=1e-12, atol=1e-15)
        states = saved(optimizer, scheduler)
        if part.passes % part.accumulate:
            # An interruption between two backward passes of an update loses these passes and nothing else.
            optimizer.param_groups[0]["params"][0].sum().backward()


@pytest.mark.parametrize("policy", POLICIES)
@given(run_parts(), st.data())
@settings(max_examples=50)
def test_an_unchanged_plan_needs_no_decision_under_any_policy(
    policy: str, parts: list[RunPart], data: st.DataObject
) -> None:
    """If nothing changed, a resumed run has exactly the floats of the uninterrupted run, whatever ``on_change`` is."""
    text, steps = parts[0].plan
    cuts = sorted(data.draw(st.lists(st.integers(0, steps), max_size=4)))
    whole = sgd([0.3, 0.01])
    expected = train(whole, ScheduledLR(whole, text, Horizon(steps)), steps)
    states, used = None, []
    for begin, end in zip([0, *cuts], [*cuts, steps], strict=True):
        optimizer = sgd([0.3, 0.01])
        scheduler = ScheduledLR(optimizer, text, Horizon(steps), on_change=policy, rewarm=3)
        if states:
            resume(optimizer, scheduler, states)
        used += train(optimizer, scheduler, end - begin)
        states = saved(optimizer, scheduler)

    assert used == expected


# --- every pair of plans ------------------------------------------------------------------------------------------------

PLANS = [
    *((text, 24) for text in FORMULAS),
    ("linear()", 16),
    ("wsd(4, 8, shape='linear')", 40),
    ("cosine(end=0.1)", 40),
]


def states_after(text: Any, horizon: Horizon, update: int, bases: list[float]) -> Any:
    """Both states of a run at ``update``."""
    optimizer = sgd(bases)
    scheduler = ScheduledLR(optimizer, text, horizon)
    scheduler.step(update)
    return saved(optimizer, scheduler)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("old", PLANS, ids=str)
def test_every_pair_of_plans_under_every_policy(old: tuple[str, int], policy: str) -> None:
    """From each plan to each other plan, at four updates, with the same and with other base LRs, all LRs are the specified ones."""
    for update in (3, 10, 17, 24):
        states = states_after(old[0], Horizon(old[1]), update, [1.0, 0.1])
        for text, steps in PLANS:
            for bases in ([1.0, 0.1], [0.5, 0.05]):
                followed = after(planned(*old, [1.0, 0.1]), planned(text, steps, bases), update, policy, None)
                optimizer = sgd(bases)
                scheduler = ScheduledLR(optimizer, text, Horizon(steps), on_change=policy)
                if followed is None:
                    with pytest.raises(ScheduleError, match=r"nothing to stretch|still climbs|is 0"):
                        resume(optimizer, scheduler, states)
                    continue
                resume(optimizer, scheduler, states)
                for k in {update, update + 1, (update + steps) // 2, steps, steps + 7}:
                    scheduler.step(k)

                    assert lrs(optimizer) == pytest.approx(followed.lrs(Fraction(k)), rel=1e-12, abs=1e-15), (
                        text,
                        steps,
                        k,
                    )


@dataclass(frozen=True)
class Case:
    """A change at ``update``, and the LR then, at update 80 and at update 150 under each policy, worked out by hand."""

    old: tuple[Any, int]
    new: tuple[Any, int]
    replan: tuple[float, ...] | None
    keep: tuple[float, ...] | None
    stretch: tuple[float, ...] | None
    cont: tuple[float, ...] | None
    base: float = 1.0
    update: int = 60
    restart: float | None = 1.0
    """The first LR of the new plan; ``None`` if it does not fit what is left."""

    def policies(self) -> dict[str, tuple[float, ...] | None]:
        """The LRs under each policy; ``None`` if it is not possible."""
        return {"replan": self.replan, "keep": self.keep, "stretch": self.stretch, "continue": self.cont}


LAMBDA = custom(lambda i: 0.5)
CASES = {
    "longer": Case(("linear()", 100), ("linear()", 200),
        (0.7, 0.6, 0.25), (0.4, 0.2, 0.0), (0.4, 24 / 70, 1 / 7), (0.4, 24 / 70, 1 / 7)),
    "shorter": Case(("linear()", 200), ("linear()", 100),
        (0.4, 0.2, 0.0), (0.7, 0.6, 0.25), (0.7, 0.35, 0.0), (0.7, 0.35, 0.0)),
    "shorter than the updates taken": Case(("linear()", 100), ("linear()", 50),
        (0.0, 0.0, 0.0), (0.4, 0.2, 0.0), None, (0.4, 0.4, 0.4), restart=None),
    "finished, then longer": Case(("linear(end=0.1)", 60), ("linear()", 200),
        (0.7, 0.6, 0.25), (0.1, 0.1, 0.1), None, (0.1, 0.6 / 7, 0.25 / 7)),
    "finished at zero, then longer": Case(("linear()", 60), ("linear()", 200),
        (0.7, 0.6, 0.25), (0.0, 0.0, 0.0), None, None),
    "another shape": Case(("linear()", 100), ("polynomial(2.0)", 100),
        (0.16, 0.04, 0.0), (0.4, 0.2, 0.0), (0.4, 0.2, 0.0), (0.4, 0.1, 0.0)),
    "half the base LR": Case(("linear()", 100), ("linear()", 100),
        (0.2, 0.1, 0.0), (0.4, 0.2, 0.0), (0.4, 0.2, 0.0), (0.4, 0.2, 0.0), base=0.5, restart=0.5),
    "a floor": Case(("linear()", 100), ("linear(end=0.2)", 100),
        (0.52, 0.36, 0.2), (0.4, 0.2, 0.0), (0.4, 0.2, 0.0), (0.4, 0.3, 0.2)),
    "a cooldown after a hold": Case(("warmup('20%') >> hold()", 100), ("hold(60) >> linear(over=40)", 100),
        (1.0, 0.5, 0.0), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 0.5, 0.0), restart=None),
    "a cooldown in the middle": Case(("linear()", 100), ("hold(60) >> linear(over=40)", 100),
        (1.0, 0.5, 0.0), (0.4, 0.2, 0.0), (0.4, 0.2, 0.0), (0.4, 0.2, 0.0), restart=None),
    "a plan that still climbs": Case(("hold()", 100), ("warmup(80) >> hold()", 100),
        (61 / 81, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), None, restart=None),
    "wsd with all in percent, in its cooldown": Case(("wsd('10%', '50%', shape='linear')", 100), ("wsd('10%', '50%', shape='linear')", 200),
        (1.0, 1.0, 0.5), (0.8, 0.4, 0.0), (0.8, 0.8 * 120 / 140, 0.8 * 50 / 140), (0.8, 0.8, 0.4), restart=1 / 15),
    "another function": Case((custom(lambda i: 0.25), 100), (LAMBDA, 100),
        (0.5, 0.5, 0.5), None, None, (0.25, 0.25, 0.25), restart=0.5),
    # No decision is needed: the same past, or a hold that has grown.
    "a constant gets a cooldown": Case(("hold()", 100), ("hold() >> linear(over=50)", 200), *[(1.0, 1.0, 1.0)] * 4),
    "wsd with its warmup in steps": Case(
        ("wsd(10, '20%', shape='linear')", 100), ("wsd(10, '50%', shape='linear')", 200), *[(1.0, 1.0, 0.5)] * 4),
    "wsd with its warmup in percent": Case(
        ("wsd('10%', '20%', shape='linear')", 100), ("wsd('10%', '20%', shape='linear')", 180), *[(1.0, 1.0, 30 / 36)] * 4),
    "one more milestone": Case(("multistep(at=[50])", 100), ("multistep(at=[50, 120])", 200), *[(0.1, 0.1, 0.01)] * 4),
    "more stairs": Case(("step(50, gamma=0.5)", 100), ("step(50, gamma=0.5)", 200), *[(0.5, 0.5, 0.125)] * 4),
    "not begun": Case(("linear()", 100), ("hold()", 200), *[(1.0, 1.0, 1.0)] * 4, update=0),
}  # fmt: skip


def resumed(case: Case, **options: Any) -> tuple[float, ...]:
    """The LR at the change, at update 80 and at update 150."""
    states = states_after(case.old[0], Horizon(case.old[1]), case.update, [1.0])
    optimizer = sgd([case.base])
    scheduler = ScheduledLR(optimizer, case.new[0], Horizon(case.new[1]), **options)
    resume(optimizer, scheduler, states)
    used = train(optimizer, scheduler, 151 - case.update)
    return used[0][0], used[80 - case.update][0], used[150 - case.update][0]


@pytest.mark.parametrize("name", CASES)
def test_each_policy_gives_the_lrs_of_the_table(name: str) -> None:
    """Each change that happens in practice, under each policy: the LRs worked out by hand."""
    case = CASES[name]
    for policy, expected in case.policies().items():
        if expected is None:
            with pytest.raises(ScheduleError, match="Write on_change="):
                resumed(case, on_change=policy)
        else:
            assert resumed(case, on_change=policy) == pytest.approx(expected, abs=1e-12), policy


def needs_a_decision(case: Case) -> bool:
    """Whether the policies differ."""
    return len(set(case.policies().values())) > 1


@pytest.mark.parametrize("name", CASES)
def test_without_a_policy_only_a_change_that_needs_a_decision_is_an_error(name: str) -> None:
    """By default a changed plan is an error that lists the LR of the table under each policy; other changes are followed."""
    case = CASES[name]
    if not needs_a_decision(case):
        assert resumed(case) == pytest.approx(case.replan)
        return
    with pytest.raises(ScheduleError, match=r"The plan is not the one in the checkpoint\.\n  saved: ") as caught:
        resumed(case)
    rows = dict(re.findall(r"  on_change='(\w+)' +(\S+)", str(caught.value)))

    assert rows.pop("restart") == ("not" if case.restart is None else f"{case.restart:.4g}")
    assert rows == {
        policy: "not" if expected is None else f"{expected[0]:.4g}" for policy, expected in case.policies().items()
    }


MESSAGE = """\
The plan is not the one in the checkpoint.
  saved: cosine() on Horizon(steps=100), base lr 0.1
  now:   cosine() on Horizon(steps=200), base lr 0.1
Update 60 comes next; its LR was to be 0.0345492. Choose how to go on:
  at update             60         61         130        199
  on_change='replan'    0.07939    0.07875    0.0273     6.168e-06  the new plan, at the same update
  on_change='keep'      0.03455    0.03306    0          0          the saved plan, then its last LR
  on_change='stretch'   0.03455    0.03412    0.009549   2.014e-06  the saved plan over what is left
  on_change='continue'  0.03455    0.03427    0.01188    2.684e-06  from here, the new plan's decay
  on_change='restart'   0.1        0.09999    0.05       1.259e-05  the new plan from its beginning
Write one of them, such as on_change='continue': it is an argument of configure_optimizers(...) and
of ScheduledLR(...), and an attribute of a ScheduleMixin's class. With rewarm='10 steps' beside it
the LR warms up again first, which softens a jump."""


def test_the_message_as_it_is_printed() -> None:
    """The message shows both plans, the next LR of the saved plan, the LRs under each policy, and the line to write."""
    states = states_after(cosine(), Horizon(100), 60, [0.1])
    other = ScheduledLR(sgd([0.1]), cosine(), Horizon(200))
    with pytest.raises(ScheduleError) as caught:
        other.load_state_dict(states["scheduler"])

    assert str(caught.value) == MESSAGE


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        (
            cosine(end=0.1),
            linear(),
            "gives the new schedule about 1.1 times the base LR",
        ),  # 0.991 / 0.872, as published
        (cosine(end=0.1), hold(), "gives the new schedule about 0.42 times the base LR"),  # 0.364 / 0.872
        (cosine(end_lr=1e-3), linear(), "With 'replan', the convex bound gives the new schedule about"),
        (custom(lambda i: 1 / (1 + i)), linear(), ""),
        (cosine(), cosine(), ""),
    ],
    ids=["linear", "hold", "absolute", "function", "same"],
)
def test_the_message_has_the_factor_for_the_base_lr(before: Schedule, after: Schedule, line: str) -> None:
    """If another schedule replaces the saved one, the message has the factor of the convex bound; if it is the same, it has none."""
    states = states_after(before, Horizon(400), 60, [0.1])
    other = ScheduledLR(sgd([0.1]), after, Horizon(400 if line else 800))
    with pytest.raises(ScheduleError) as caught:
        other.load_state_dict(states["scheduler"])

    message = " ".join(str(caught.value).split())
    assert line in message
    assert ("lr_factor" in message) is bool(line)


def error_of(case: Case, **options: Any) -> str:
    """The message for a changed plan."""
    with pytest.raises(ScheduleError) as caught:
        resumed(case, **options)
    return str(caught.value)


def test_the_message_names_a_function_that_changed_if_the_texts_are_equal() -> None:
    """If two functions print alike, the message names the function as the change, and lists the possible policies."""
    message = error_of(CASES["another function"])

    assert (
        "The same text, but the saved plan cannot be followed any longer: on_change='keep' names the cause." in message
    )
    assert "not possible: the saved plan cannot be followed any longer: custom(" in message
    assert "gives another LR than it did" in message


def test_the_message_names_groups_whose_schedules_were_exchanged() -> None:
    """If the same schedules are asked for, each in other groups, the message says so, and blames no function."""

    def scheduler(*schedules: str) -> ScheduledLR:
        groups = [{**new_group(0.1), "name": name} for name in "abc"]
        return ScheduledLR(torch.optim.SGD(groups), dict(zip("abc", schedules, strict=True)), Horizon(40))

    before = scheduler("linear()", "cosine()", "linear()")
    train(before.optimizer, before, 5)
    with pytest.raises(ScheduleError, match=r"The same schedules, for other parameter groups\.") as caught:
        scheduler("linear()", "cosine()", "cosine()").load_state_dict(before.state_dict())
    assert "not possible" not in str(caught.value)


def halved(i: int) -> float:
    """A function with a text, if it is registered."""
    return 0.5 ** (i / 10)


def registers(factor: float) -> Callable[[], object]:
    """Register ``halved``, or another function by this name."""

    def register() -> None:
        def halved(i: int) -> float:
            return factor ** (i / 10)

        BUILDERS.pop("halved", None)
        register_function(halved)

    return register


@pytest.mark.usefixtures("registry")
@pytest.mark.parametrize(
    ("text", "before", "cause"),
    [
        ("halved()", lambda: BUILDERS.pop("halved"), "cannot read 'halved'. If it is registered in a module of yours, import that first"),
        ("halved()", registers(0.25), "halved() gives another LR than it did"),
        (custom(halved), lambda: None, "custom(...) holds a Python function, which text cannot carry"),
    ],
    ids=["not imported", "another function", "no text"],
)  # fmt: skip
@pytest.mark.parametrize("policy", ["error", "keep", "stretch", "replan", "continue", "restart"])
@pytest.mark.parametrize("kept", [False, True])
def test_a_saved_plan_that_cannot_be_read_has_its_own_cause(
    text: Any, before: Callable[[], object], cause: str, policy: Any, kept: bool
) -> None:
    """The policies that need the saved plan give the cause, in the table of all policies too; the others go on without it.

    The checkpoint may be one of a run that kept the plan, while its code asked for what it asks for now.
    """
    registers(0.5)()
    states = states_after(text, Horizon(40), 10, [0.1])
    if kept and isinstance(text, str):
        scheduler = ScheduledLR(sgd([0.1]), linear(), Horizon(60), on_change="keep")
        scheduler.load_state_dict(states["scheduler"])
        states = {"scheduler": scheduler.state_dict()}
    before()
    resumed = ScheduledLR(sgd([0.1]), linear(), Horizon(60), on_change=policy)
    if policy in ("replan", "continue", "restart"):
        resumed.load_state_dict(states["scheduler"])
        return
    with pytest.raises(ScheduleError) as caught:
        resumed.load_state_dict(states["scheduler"])

    message = " ".join(str(caught.value).split())
    assert message.count(cause) == (2 if policy == "error" else 1)
    assert ("Python function" in message) is ("Python function" in cause)
    assert "Write on_change='replan' or on_change='continue' to go on without it." in message or policy == "error"
    assert ("The builders are" in message) is ("cannot read" in cause and "custom" not in cause and policy != "error")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ([0.1, 0.1, 0.2], [0.1, 0.2, 0.2], ["base lr 0.1, 0.1, 0.2", "base lr 0.1, 0.2, 0.2"]),
        ([0.1], [0.10000003], ["base lr 0.1\n", "base lr 0.10000003\n"]),
    ],
)
def test_base_lrs_are_shown_in_full_if_their_short_forms_are_equal(
    old: list[float], new: list[float], parts: list[str]
) -> None:
    """If a short line does not show how the base LRs differ, the message shows all of them, and names no function."""
    before = ScheduledLR(sgd(old), "linear()", Horizon(10))
    train(before.optimizer, before, 2)
    with pytest.raises(ScheduleError) as caught:
        ScheduledLR(sgd(new), "linear()", Horizon(10)).load_state_dict(before.state_dict())

    assert [part for part in parts if part not in str(caught.value)] == []
    assert "Python function" not in str(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_the_policy_in_the_last_lines_of_the_message_is_possible(name: str) -> None:
    """The last lines name a policy as an example, and it can be followed."""
    if needs_a_decision(CASES[name]):
        (policy,) = re.findall(r"Write one of them, such as on_change='(\w+)'", error_of(CASES[name]))

        assert CASES[name].policies()[policy] is not None


@pytest.mark.parametrize(
    ("before", "after", "policy"),
    [
        (cosine(), cosine(), "continue"),
        (hold(), cosine(), "continue"),
        (cosine(), hold(), "keep"),
    ],
)
def test_the_policy_in_the_last_lines_moves_the_lr(before: Schedule, after: Schedule, policy: str) -> None:
    """It is no policy under which the LR would stay as it is, if another one moves it."""
    states = states_after(before, Horizon(100), 55, [0.1])
    other = ScheduledLR(sgd([0.1]), after, Horizon(200))
    with pytest.raises(ScheduleError) as caught:
        other.load_state_dict(states["scheduler"])

    (named,) = re.findall(r"such as on_change='(\w+)'", str(caught.value))
    (row,) = re.findall(rf"on_change='{named}' +(.*?)  +[a-z]", str(caught.value))
    assert named == policy
    assert len(set(row.split())) > 1


def test_the_policy_named_for_an_impossible_stretch_is_possible() -> None:
    """The error for a stretch that is not possible names a policy that is."""
    (policy,) = re.findall(
        r"Write on_change='(\w+)'", error_of(CASES["finished at zero, then longer"], on_change="stretch")
    )

    assert resumed(CASES["finished at zero, then longer"], on_change=policy) == (0.7, 0.6, 0.25)


def test_the_message_for_a_run_that_is_already_over() -> None:
    """If the run now ends before the checkpoint, the message names what makes it longer, and shows no update after the end."""
    message = error_of(CASES["shorter than the updates taken"])

    assert "The run as it is now ends at update 50. Lengthen it to go on: a larger" in message
    assert "\n  at update             60\n" in message
    assert "rewarm" not in message


LONG_TEXT = "warmup('500 steps') >> cosine(end=0.1) >> hold(over='20%') >> linear(over='10%', end=0.01)"
MANY_LENGTHS = Horizon(10_000, [*range(10, 30), 40])


@pytest.mark.parametrize(
    ("old", "new", "update"),
    [
        (("cosine()", Horizon(10**8)), ("cosine()", Horizon(3 * 10**8)), 6 * 10**7),
        ((LONG_TEXT, MANY_LENGTHS), ("warmup('500 steps') >> cosine(end=0.1)", Horizon(20_000, 100)), 6000),
        (("warmup(5) >> hold()", Horizon(100)), (LONG_TEXT, Horizon(10_000)), 60),
        (("cosine()", Horizon(10)), ("cosine()", Horizon(8)), 6),
        (("cosine()", Horizon(10)), ("cosine()", Horizon(7)), 6),
        (("cosine()", Horizon(10)), ("cosine()", Horizon(6)), 6),
    ],
)
def test_the_message_fits_a_terminal_and_shows_real_updates(old: Any, new: Any, update: int) -> None:
    """For plans and runs of any length: at most 100 columns, no update after the last, a second warmup that fits."""
    bases = [0.1, 3e-4, 7e-6]
    with pytest.raises(ScheduleError) as caught:
        ScheduledLR(sgd(bases), *new).load_state_dict(states_after(*old, update, bases)["scheduler"])
    message, end = str(caught.value), new[1].steps
    shown = [int(k) for k in re.findall(r"\d+", re.findall(r"  at update .*", message)[0])]

    assert max(map(len, message.splitlines())) <= 100
    assert shown == sorted(set(shown))
    assert shown[0] == update
    assert shown[-1] == max(update, end - 1)
    for over in re.findall(r"rewarm='(\d+)", message):
        assert update + int(over) < end


def test_the_message_shows_the_group_whose_lr_changes_most() -> None:
    """If only the base LR of the second group changed, the message shows that group."""
    states = states_after("linear()", Horizon(100), 60, [1.0, 0.1])
    other = ScheduledLR(sgd([1.0, 0.3]), "linear()", Horizon(100))
    with pytest.raises(ScheduleError, match=r"0\.04 in parameter group 1\.(?s:.*)'replan' +0\.12 ") as caught:
        other.load_state_dict(states["scheduler"])

    assert "base lr 1, 0.1\n" in str(caught.value)
    assert "base lr 1, 0.3\n" in str(caught.value)


def test_a_jump_is_logged_with_its_factor(caplog: pytest.LogCaptureFixture) -> None:
    """Under "replan" the logger ``lr_toolkit`` warns of the jump of the LR; if the LR is continuous there is no warning."""
    with caplog.at_level(logging.WARNING, logger="lr_toolkit"):
        resumed(CASES["longer"], on_change="replan")
        resumed(CASES["longer"], on_change="stretch")
        resumed(CASES["longer"], on_change="continue")
        resumed(CASES["longer"], on_change="keep")
        resumed(CASES["finished, then longer"], on_change="replan", rewarm="5%")

    assert [record.getMessage() for record in caplog.records] == [
        "The plan has changed at update 60: on_change='replan' takes the LR of parameter group 0 from 0.4 to 0.7, 1.75 times as much."
    ]


def test_a_jump_from_zero_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A jump from an LR of zero is logged without a factor."""
    case = Case(("linear()", 60), ("linear()", 200), None, None, None, None)
    resumed(case, on_change="replan")

    assert caplog.messages == [
        "The plan has changed at update 60: on_change='replan' takes the LR of parameter group 0 from 0 to 0.7."
    ]


def test_a_second_change_starts_from_the_timeline_that_was_followed() -> None:
    """A stretched run that is stretched again continues from its LR."""
    optimizer = sgd([1.0])
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(100))
    train(optimizer, scheduler, 50)
    for steps, updates in ((150, 50), (300, 100), (300, 50)):
        states = saved(optimizer, scheduler)
        optimizer = sgd([1.0])
        scheduler = ScheduledLR(optimizer, "linear()", Horizon(steps), on_change="stretch")
        resume(optimizer, scheduler, states)
        used = train(optimizer, scheduler, updates)

    # 0.5 at update 50, a half of it left at 100, and of that a quarter at 250 of 300.
    assert used[-1] == pytest.approx([0.5 * 0.5 * 51 / 200])


# --- rewarm -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rewarm", [20, "20 steps", "10%"])
def test_a_second_warmup_comes_before_the_policy(rewarm: int | str) -> None:
    """Twenty updates climb from 1/21 of the policy's LR to all of it."""
    linear = [1 - k / 200 for k in range(60, 151)]
    ramp = [min((i + 1) / 21, 1.0) for i in range(91)]

    assert resumed(CASES["longer"], on_change="replan", rewarm=rewarm) == pytest.approx(
        [linear[i] * ramp[i] for i in (0, 20, 90)]
    )


def test_a_second_warmup_goes_on_after_another_interruption() -> None:
    """A second warmup that is interrupted continues at the same update."""
    states = states_after("linear()", Horizon(100), 60, [1.0])
    used: list[list[float]] = []
    for updates in (7, 5, 20):
        optimizer = sgd([1.0])
        scheduler = ScheduledLR(optimizer, "linear()", Horizon(200), on_change="replan", rewarm=19)
        resume(optimizer, scheduler, states)
        used += train(optimizer, scheduler, updates)
        states = saved(optimizer, scheduler)

    assert used == [pytest.approx([(1 - (60 + i) / 200) * min((i + 1) / 20, 1)]) for i in range(32)]


def test_a_second_warmup_longer_than_the_run_is_refused() -> None:
    """The error for a second warmup that does not end within the run shows both lengths, in updates or epochs."""
    assert "takes 500 updates from update 60 on, and the run ends at 200" in error_of(
        CASES["longer"], on_change="replan", rewarm=500
    )
    states = ScheduledLR(sgd([1.0]), "linear()", Horizon(9, unit="epoch")).state_dict() | {
        "last_epoch": 2,
        "lrs": [7 / 9],
    }
    longer = ScheduledLR(sgd([1.0]), "linear()", Horizon(20, unit="epoch"), on_change="replan", rewarm="19 epochs")
    with pytest.raises(ScheduleError, match="takes 19 epochs from epoch 2 on, and the run ends at 20"):
        longer.load_state_dict(states)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"on_change": "ignore"},
            r"on_change='ignore': must be one of 'error', 'replan', 'keep', 'stretch', 'continue'",
        ),
        ({"rewarm": 10}, r"needs a policy\. Write on_change='replan', rewarm=10"),
        ({"on_change": "replan", "rewarm": 0.1}, r"rewarm=0\.1\): a bare float has no unit"),
    ],
)
def test_an_unknown_policy_is_refused_at_construction(options: Any, message: str) -> None:
    """An unknown policy, a second warmup without a policy, and a length without a unit are errors before any training."""
    with pytest.raises(ScheduleError, match=message):
        ScheduledLR(sgd([0.1]), "cosine()", Horizon(10), **options)


# --- groups and base LRs --------------------------------------------------------------------------------------------


def test_a_new_base_lr_in_the_code_is_noticed_after_the_optimizer_was_loaded() -> None:
    """``optimizer.load_state_dict`` restores the old ``initial_lr``, and the new base LR in the code is noticed nevertheless."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    train(optimizer, scheduler, 5)
    states = saved(optimizer, scheduler)
    other = sgd([0.2])
    its = ScheduledLR(other, "linear()", Horizon(10), on_change="replan")
    other.load_state_dict(states["optimizer"])

    assert other.param_groups[0]["initial_lr"] == 0.1

    its.load_state_dict(states["scheduler"])

    assert lrs(other) == [0.1]
    assert other.param_groups[0]["initial_lr"] == 0.2
    assert its.base_lrs == [0.2]


@pytest.mark.parametrize("policy", POLICIES)
def test_groups_that_joined_before_or_after_a_change_resume_exactly(policy: str) -> None:
    """If groups are added before and after a change, interruptions after each of them do not change the LRs."""

    def run(interrupted: bool) -> list[list[float]]:
        optimizer = sgd([1.0])
        scheduler = ScheduledLR(optimizer, "linear()", Horizon(40))
        used = train(optimizer, scheduler, 5)
        for bases, steps in (([0.5], 40), ([], 60), ([0.2], 60), ([], 60)):
            for base in bases:
                optimizer.add_param_group(new_group(base, dtype=torch.float64))
            used += train(optimizer, scheduler, 5)
            if interrupted or (steps == 60 and scheduler.horizon.steps == 40):
                states = saved(optimizer, scheduler)
                optimizer = sgd([1.0, 0.5, 0.2][: len(optimizer.param_groups)])
                scheduler = ScheduledLR(optimizer, "linear()", Horizon(steps), on_change=policy)
                resume(optimizer, scheduler, states)
        return used + train(optimizer, scheduler, 20)

    once = run(interrupted=False)

    assert run(interrupted=True) == once
    assert [len(moved) for moved in once[::5]] == [1, 2, 2, 3, 3, 3, 3, 3, 3]


@pytest.mark.parametrize("policy", ["keep", "replan", "stretch", "continue"])
def test_a_tensor_in_the_checkpoint_does_not_hold_a_float_lr(policy: Any) -> None:
    """A run that was saved with a tensor LR continues with a float under each policy; the loaded tensor is replaced."""
    tensor, fresh = optimizer_of([torch.tensor(0.1, dtype=torch.float64)]), sgd([0.1])
    before = ScheduledLR(tensor, "linear()", Horizon(10))
    move(tensor, before, 4)
    states = saved(tensor, before)
    after = ScheduledLR(fresh, "linear()", Horizon(20), on_change=policy)
    resume(fresh, after, states)

    used = []
    for _ in range(5):
        used.append(lrs(fresh)[0])
        assert used[-1] == pytest.approx(after.get_last_lr()[0], rel=1e-12)
        move(fresh, after)
    assert len(set(used)) == 5


def test_an_update_before_its_scheduler_step_is_saved() -> None:
    """A checkpoint between ``optimizer.step()`` and ``scheduler.step()``, as in a loop that steps per epoch, keeps the update."""
    used = []
    for cut in range(6):
        optimizer = sgd([0.1])
        scheduler = ScheduledLR(optimizer, "linear()", Horizon(3, unit="epoch"))
        for update in range(6):
            optimizer.step()
            if update == cut:
                states, optimizer = saved(optimizer, scheduler), sgd([0.1])
                scheduler = ScheduledLR(optimizer, "linear()", Horizon(3, unit="epoch"))
                resume(optimizer, scheduler, states)
            if update % 2:
                scheduler.step()
        used.append(lrs(optimizer))

    assert used == [[0.0]] * 6


@pytest.mark.parametrize(
    "number", [{"factor": np.float64(0.5)}, {"min_lr": np.float64(0.01)}, {"min_lr": [np.float64(0.01)]}]
)
def test_a_numpy_number_in_a_rule_is_saved_as_a_plain_number(number: dict[str, Any]) -> None:
    """Gains are plain numbers whatever the arguments of the rule are, so that the state loads with ``weights_only=True``."""
    plateau = ReduceOnPlateau(monitor="loss", patience=0, **{"factor": 0.5, **number})
    scheduler = ScheduledLR(sgd([0.1]), "hold()", Horizon(9), plateau=plateau)
    for reading in (1.0, 2.0, 3.0, 4.0, 5.0):
        scheduler.observe(reading)

    read = saved(scheduler.optimizer, scheduler)["scheduler"]

    assert read["followed"]["lr"]["gains"] == scheduler.state_dict()["followed"]["lr"]["gains"]
    assert [type(gain) for gain in read["followed"]["lr"]["gains"]] == [float]


def test_a_late_group_under_a_kept_plan_has_no_floor_of_the_new_plan() -> None:
    """Under "keep" the old plan without a floor is followed, so base LRs below the floor of the new plan are no error."""
    before = ScheduledLR(sgd([1e-4]), "linear()", Horizon(10))
    train(before.optimizer, before, 2)
    optimizer = sgd([1e-2])
    scheduler = ScheduledLR(optimizer, "linear(end_lr=0.001)", Horizon(10), on_change="keep")
    resume(optimizer, scheduler, saved(before.optimizer, before))
    optimizer.add_param_group(new_group(1e-2))
    optimizer.step()

    assert lrs(optimizer) == pytest.approx([0.8e-4, 0.8e-2])


def test_a_rebase_survives_a_resume() -> None:
    """A resumed run keeps the base LRs of ``rebase``, although the code names the old ones."""
    optimizer = sgd([1.0, 0.1])
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(10))
    train(optimizer, scheduler, 4)
    scheduler.rebase([0.5, 0.2])
    train(optimizer, scheduler, 1)
    states = saved(optimizer, scheduler)
    other = sgd([1.0, 0.1])
    its = ScheduledLR(other, "linear()", Horizon(10))
    resume(other, its, states)

    assert train(other, its, 5) == train(optimizer, scheduler, 5)
    assert its.base_lrs == [0.5, 0.2]


@pytest.mark.parametrize(
    ("monitor", "mode", "gain"), [("loss", "min", 0.25), ("accuracy", "max", 0.5), ("loss", "max", 0.5)]
)
def test_a_rule_for_another_metric_keeps_the_gain_and_not_the_best(monitor: str, mode: Any, gain: float) -> None:
    """A rule that reads another metric, or in another mode, forgets the best value and keeps the LR in use."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, "hold()", Horizon(10), plateau=ReduceOnPlateau("loss", factor=0.5, patience=0))
    for reading in (1.0, 2.0):
        scheduler.observe(reading)
    states = saved(optimizer, scheduler)
    optimizer = sgd([0.1])
    plateau = ReduceOnPlateau(monitor, mode=mode, factor=0.5, patience=0)
    scheduler = ScheduledLR(optimizer, "hold()", Horizon(10), plateau=plateau)
    resume(optimizer, scheduler, states)
    scheduler.observe(1.0 if mode == "min" else 0.5)

    assert lrs(optimizer) == [pytest.approx(0.1 * gain)]


def test_a_state_of_another_number_of_groups_is_refused() -> None:
    """The message shows both numbers of groups, and what to do first."""
    state = ScheduledLR(sgd([1.0, 0.1]), "linear()", Horizon(10)).state_dict()
    with pytest.raises(ScheduleError, match=r"with 2 parameter groups, and this one has 1\. Add the groups first"):
        ScheduledLR(sgd([1.0]), "linear()", Horizon(10), on_change="replan").load_state_dict(state)


@pytest.mark.parametrize("policy", ["error", *POLICIES])
def test_a_state_that_counts_another_unit_is_refused(policy: str) -> None:
    """A scheduler that counts updates refuses a state that counts epochs, under every policy, and the other way round."""
    by_epoch, by_step = Horizon(10, unit="epoch"), Horizon(100, 10)
    for saved_horizon, horizon, unit in ((by_epoch, by_step, "epoch"), (by_step, by_epoch, "step")):
        state = ScheduledLR(sgd([1.0]), "linear()", saved_horizon).state_dict()
        with pytest.raises(ScheduleError, match=rf"counts {unit}s(?s:.*)interval='{unit}'"):
            ScheduledLR(sgd([1.0]), "linear()", horizon, on_change=policy).load_state_dict(state)


def test_an_open_hold_at_another_level_needs_a_decision() -> None:
    """If both plans are inside of the same open hold, at different levels, the LR does not jump without a decision."""
    text = "exponential(0.9, every=10, over='50%') >> hold()"
    case = Case((text, 100), (text, 110), None, None, None, None, update=56)

    assert "on_change='replan'    0.5602 " in error_of(case)


def test_a_refused_state_changes_nothing() -> None:
    """After the error the scheduler continues its own plan at the same update."""
    states = states_after("linear()", Horizon(100), 60, [1.0])
    other = sgd([1.0])
    its = ScheduledLR(other, "linear()", Horizon(200))
    train(other, its, 3)
    with pytest.raises(ScheduleError, match="The plan is not the one"):
        its.load_state_dict(states["scheduler"])

    assert train(other, its, 2) == [[1 - 3 / 200], [1 - 4 / 200]]


# --- states of other schedulers, of other versions, of late updates --------------------------------------------------

FOREIGN: dict[str, Callable[[Optimizer], Any]] = {
    "ConstantLR": torch_lr.ConstantLR,
    "CosineAnnealingLR": lambda o: torch_lr.CosineAnnealingLR(o, 3),
    "CosineAnnealingWarmRestarts": lambda o: torch_lr.CosineAnnealingWarmRestarts(o, 3),
    "CyclicLR": lambda o: torch_lr.CyclicLR(o, 0.1, 1.0, cycle_momentum=False),
    "ExponentialLR": lambda o: torch_lr.ExponentialLR(o, 0.9),
    "LambdaLR": lambda o: torch_lr.LambdaLR(o, lambda i: 1.0),
    "LinearLR": torch_lr.LinearLR,
    "MultiStepLR": lambda o: torch_lr.MultiStepLR(o, [3]),
    "MultiplicativeLR": lambda o: torch_lr.MultiplicativeLR(o, lambda i: 0.9),
    "OneCycleLR": lambda o: torch_lr.OneCycleLR(o, 0.1, 10, cycle_momentum=False),
    "PolynomialLR": torch_lr.PolynomialLR,
    "ReduceLROnPlateau": torch_lr.ReduceLROnPlateau,
    "StepLR": lambda o: torch_lr.StepLR(o, 3),
    "ChainedScheduler": lambda o: torch_lr.ChainedScheduler([torch_lr.StepLR(o, 3)], o),
    "SequentialLR": lambda o: torch_lr.SequentialLR(o, [torch_lr.StepLR(o, 3), torch_lr.StepLR(o, 2)], [2]),
    "transformers' linear": lambda o: get_linear_schedule_with_warmup(o, 2, 10),
    "transformers' cosine": lambda o: get_cosine_schedule_with_warmup(o, 2, 10),
    "transformers' wsd": lambda o: get_wsd_schedule(o, 2, 2, num_training_steps=10),
}
NEEDS = {"transformers' wsd": pytest.mark.needs("transformers>=5", "get_wsd_schedule takes num_training_steps")}


@pytest.mark.parametrize("policy", ["error", "replan"])
@pytest.mark.parametrize("name", [pytest.param(name, marks=NEEDS.get(name, ())) for name in FOREIGN])
def test_states_of_torch_and_transformers_are_refused(name: str, policy: str) -> None:
    """The message shows the content of the state, its counter, and what to write in a plain loop and in Lightning."""
    optimizer = sgd([1.0])
    foreign = FOREIGN[name](optimizer)
    for _ in range(4):
        optimizer.step()
        foreign.step(*[1.0] * (name == "ReduceLROnPlateau"))
    state = foreign.state_dict()
    counter = state.get("last_epoch", 0)
    other = sgd([1.0])
    scheduler = ScheduledLR(other, "linear()", Horizon(10), on_change=policy)
    train(other, scheduler, 2)
    with pytest.raises(ScheduleError, match=r"saved by another scheduler \(it holds ") as caught:
        scheduler.load_state_dict(state)

    message = str(caught.value)
    assert all(key in message for key in state)
    assert "Build the scheduler that saved it" in message
    assert f"scheduler.step({counter}) instead of loading" in message
    assert "checkpoint['lr_schedulers'] = []" in message
    assert (scheduler.last_epoch, lrs(other)) == (2, [0.8])


def test_the_call_in_that_message_continues_at_the_same_update() -> None:
    """``scheduler.step(k)`` after loading the optimizer's state follows the new schedule from update k on."""
    optimizer = sgd([1.0])
    foreign = torch_lr.LinearLR(optimizer, 1.0, 0.1, 10)
    for _ in range(4):
        optimizer.step()
        foreign.step()
    other = sgd([1.0])
    scheduler = ScheduledLR(other, "linear()", Horizon(10))
    other.load_state_dict(optimizer.state_dict())
    scheduler.step(foreign.state_dict()["last_epoch"])

    assert train(other, scheduler, 3) == [[0.6], [0.5], [pytest.approx(0.4)]]


def test_a_state_names_its_class_and_format() -> None:
    """Other code can recognize a state of this package."""
    state = ScheduledLR(sgd([1.0]), "linear()", Horizon(10)).state_dict()

    assert state["class"] == "lr_toolkit.ScheduledLR"
    assert state["format"] == FORMAT == 2


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("checkpoint-*.pt")))
def test_a_checkpoint_of_every_version_continues(name: str) -> None:
    """A file of each version loads with ``weights_only=True`` and continues with the LRs that it recorded."""
    # The files are written by ``tests/data/write.py``; a later version adds a file and changes none.
    content = torch.load(DATA / name, weights_only=True)
    for run in content["runs"]:
        optimizer = sgd(run["bases"])
        plateau = ReduceOnPlateau(**run["plateau"]) if run["plateau"] else None
        horizon = Horizon(*run["horizon"])
        scheduler = ScheduledLR(optimizer, run["schedule"], horizon, plateau=plateau, on_change=run["on_change"])
        resume(optimizer, scheduler, run)

        expected = [pytest.approx(lrs, rel=1e-12, abs=1e-18) for lrs in run["expected"]]

        assert train(optimizer, scheduler, 25) == expected, run["schedule"]


def test_there_is_a_checkpoint_of_the_current_format() -> None:
    """The directory holds a file of the current format, for later versions to read."""
    state = ScheduledLR(sgd([1.0]), "linear()", Horizon(10)).state_dict()

    assert (DATA / f"checkpoint-format-{state['format']}.pt").is_file()
    assert sum(path.stat().st_size for path in DATA.iterdir() if path.is_file()) < 64_000


def test_the_state_stays_below_two_kilobytes() -> None:
    """A cosine with a plateau on ten groups, stretched and rewarmed, has a state of less than 2 kB at update ten million."""
    optimizer = sgd([1e-3] * 10)
    options: dict[str, Any] = {"plateau": ReduceOnPlateau(monitor="val_loss")}
    scheduler = ScheduledLR(optimizer, "warmup(2000) >> cosine(end=0.1)", Horizon(10**7, 5000), **options)
    scheduler.step(9_999_999)
    states = saved(optimizer, scheduler)
    optimizer = sgd([1e-3] * 10)
    options |= {"on_change": "stretch", "rewarm": 1000}
    scheduler = ScheduledLR(optimizer, "warmup(2000) >> cosine(end=0.1)", Horizon(2 * 10**7, 5000), **options)
    resume(optimizer, scheduler, states)

    assert [timeline["kind"] for timeline in scheduler.state_dict()["followed"]["lr"]["timelines"]] == ["rewarmed"]
    assert len(pickle.dumps(scheduler.state_dict())) < 2000


def test_a_late_resume_computes_no_more_than_an_early_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resume at update ten million evaluates as many points of the curve as a resume at update ten."""
    points: list[int] = []
    counted = ResolvedTimeline.factor

    def factor(self: ResolvedTimeline, k: float) -> float:
        points.append(1)
        return counted(self, k)

    monkeypatch.setattr(ResolvedTimeline, "factor", factor)
    monkeypatch.setattr(ResolvedTimeline, "factors", lambda *args: pytest.fail("an array of the past was computed"))

    def evaluated(update: int) -> int:
        optimizer = sgd([1.0, 0.1])
        scheduler = ScheduledLR(optimizer, "warmup(5) >> cosine()", Horizon(10**8, 1000))
        scheduler.step(update)
        states = saved(optimizer, scheduler)
        other = sgd([1.0, 0.1])
        its = ScheduledLR(other, "warmup(5) >> cosine()", Horizon(10**8, 1000))
        points.clear()
        resume(other, its, states)

        assert lrs(other) == lrs(optimizer)

        return len(points)

    assert evaluated(10**7) == evaluated(10)


EXTENDED = {
    "wsd(2000, '5%')": "wsd(2000, '30%')",
    "warmup(5) >> hold()": "warmup(5) >> hold() >> linear(over='10%')",
    "multistep([1000, 2000])": "multistep([1000, 2000, 95_000_000])",
    "step(1000, gamma=0.999)": "step(1000, gamma=0.999)",
    "exponential(0.99, every='1 epoch')": "exponential(0.99, every='1 epoch')",
    "warmup(5) >> step('100 epochs') >> hold(100)": "warmup(5) >> step('100 epochs') >> hold(200)",
    "cosine()": "cosine()",
    "linear(end=0.1)": "polynomial(2.0, end=0.1)",
}


@pytest.mark.parametrize("text", EXTENDED)
def test_a_plan_that_changed_late_is_compared_at_few_points(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """After ninety million updates a few hundred points of both plans decide whether their past is the same."""
    points: list[int] = []
    factor, factors = ResolvedTimeline.factor, ResolvedTimeline.factors

    def counted(self: ResolvedTimeline, k: Any) -> Any:
        points.append(np.size(k))
        return (factors if isinstance(k, np.ndarray) else factor)(self, k)

    update = 9 * 10**7
    old, new = (
        Binding.of("lr", [1.0, 0.1], [1.0] * 2, [Schedule.parse(plan).resolve(Horizon(steps, 10**4))] * 2)
        for plan, steps in ((text, 10**8), (EXTENDED[text], 2 * 10**8))
    )
    state = {
        "configured": {"lr": configured_state(old)},
        "followed": {"lr": followed_state(old, update)},
        "last_epoch": update,
    }
    monkeypatch.setattr(ResolvedTimeline, "factor", counted)
    monkeypatch.setattr(ResolvedTimeline, "factors", counted)
    binding = binding_after(state, new, on_change="keep")

    assert (binding == new) == (text not in ("cosine()", "linear(end=0.1)"))
    assert sum(points) < 300


STAIRS = [
    *FORMULAS,
    "warmup('10%') >> step('1 epoch', gamma=0.5)",
    "warmup('10%') >> exponential(0.9)",
    "exponential(0.9, every=3, over=10) >> hold()",
    "multistep(at=[6], gamma=0.5)",
    "multistep(at=['2 epochs', '4 epochs'], gamma=0.5)",
    "hold(6) >> hold(over='50%')",
    "linear(end_lr=0.01, over=8) >> hold()",
]
horizons = st.builds(Horizon, st.integers(16, 60), st.sampled_from([4, 5, [4, 4, 4, 5], [4, 7, 4]]))


@given(st.sampled_from(STAIRS), st.sampled_from(STAIRS), horizons, horizons, st.booleans(), st.integers(0, 70))
@settings(max_examples=300)
def test_formulas_decide_whether_two_plans_have_the_same_past(
    text: str, other: str, old: Horizon, new: Horizon, alike: bool, update: int
) -> None:
    """The comparison by formulas agrees with the comparison of all LRs, for any two plans and runs."""
    try:
        timelines = [Schedule.parse(text).resolve(old), Schedule.parse(text if alike else other).resolve(new)]
    except ScheduleError:
        return  # too long for that run
    before, now = (timeline.relative_to(0.5) for timeline in timelines)
    same = all(before.factor(k) == pytest.approx(now.factor(k), rel=1e-12, abs=0.0) for k in range(update))
    event(f"same: {same}")

    assert same_history(before, now, update) == same


def test_adam_resumes_with_its_moments() -> None:
    """With an optimizer that has a state of its own, the weights after a resume are those of the uninterrupted run."""

    def build() -> tuple[torch.nn.Parameter, Optimizer, ScheduledLR]:
        weight = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        optimizer = Adam([weight], lr=0.1)
        return weight, optimizer, ScheduledLR(optimizer, "warmup(3) >> cosine()", Horizon(12))

    def run(weight: torch.nn.Parameter, optimizer: Optimizer, scheduler: ScheduledLR, updates: int) -> list[float]:
        for _ in range(updates):
            optimizer.zero_grad()
            (weight * torch.arange(3)).square().sum().backward()
            optimizer.step()
            scheduler.step()
        return list(weight.tolist())

    expected = run(*build(), 12)
    weight, optimizer, scheduler = build()
    run(weight, optimizer, scheduler, 5)
    states, value = saved(optimizer, scheduler), weight.detach().clone()
    weight, optimizer, scheduler = build()
    weight.data.copy_(value)
    resume(optimizer, scheduler, states)

    assert run(weight, optimizer, scheduler, 7) == expected
