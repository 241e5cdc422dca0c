"""Resuming in plain loops: exact where nothing has changed, a decision where the plan has, and states from elsewhere.

What each policy means is written down here a second time, in plain arithmetic, and hundreds of interrupted runs and every
pair of plans are compared with it.
"""

from __future__ import annotations

import io
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
from torch.optim import SGD, Adam, Optimizer
from torch.optim import lr_scheduler as torch_lr
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup, get_wsd_schedule

from lr_toolkit import Horizon, ReduceOnPlateau, Schedule, ScheduledLR, ScheduleError, cosine, custom
from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.on_change import binding_after
from lr_toolkit.optim.state import FORMAT, configured_state, followed_state
from lr_toolkit.schedules.same_history import same_history
from lr_toolkit.schedules.timeline import ResolvedTimeline

DATA = Path(__file__).parents[1] / "data"


def sgd(bases: list[float]) -> SGD:
    """An optimizer whose update moves a weight with gradient 1 by exactly its LR."""
    return SGD([{"params": [torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], "lr": lr} for lr in bases])


def lrs(optimizer: Optimizer) -> list[float]:
    """The LR that each group holds."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def train(optimizer: Optimizer, scheduler: ScheduledLR, updates: int, accumulate: int = 1) -> list[list[float]]:
    """Take so many updates of ``accumulate`` backward passes each; how far each really moved the weights."""
    weights = [group["params"][0] for group in optimizer.param_groups]
    moved = []
    for _ in range(updates):
        for weight in weights:
            weight.data.zero_()
            weight.grad = torch.zeros_like(weight)
            for _ in range(accumulate):
                weight.grad += 1 / accumulate
        optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        moved.append([-weight.item() for weight in weights])
    return moved


def saved(optimizer: Optimizer, scheduler: ScheduledLR) -> Any:
    """Both states, written to a file and read back by ``torch.load(weights_only=True)``."""
    file = io.BytesIO()
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def resume(optimizer: Optimizer, scheduler: ScheduledLR, states: Any) -> None:
    """Load both states, in Lightning's order."""
    optimizer.load_state_dict(states["optimizer"])
    scheduler.load_state_dict(states["scheduler"])


# --- what each policy means, in plain arithmetic ------------------------------------------------------------------------

# Factors of the base LR at place x of a run of n updates; x may lie between two updates.
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
class Course:
    """The LRs of a run at any place, where it ends, and whether it is a plan as it was written."""

    lrs: Callable[[Fraction], list[float]]
    end: int
    plan: tuple[str, int, list[float]] | None = None


def course(text: str, steps: int, bases: list[float]) -> Course:
    """A plan as it was written."""
    return Course(lambda x: [base * FORMULAS[text](x, steps) for base in bases], steps, (text, steps, bases))


def no_question(old: Course, new: Course, at: int) -> bool:
    """Whether the new plan has the same past, or only its open hold has grown."""
    if old.plan is None or new.plan is None:
        return False
    if all(old.lrs(Fraction(k)) == pytest.approx(new.lrs(Fraction(k)), rel=1e-12) for k in range(at)):
        return True
    (text, n, bases), (other, m, others) = old.plan, new.plan
    same = text == other == "wsd('25%', '25%', shape='linear')" and bases == others
    return same and all(total // 4 <= at < total - total // 4 for total in (n, m))


def climbs(new: Course, at: int) -> bool:
    """Whether a plan has a higher LR later on."""
    return any(max(new.lrs(Fraction(k))) > max(new.lrs(Fraction(at))) * 1.001 for k in range(at + 1, new.end))


def after(old: Course, new: Course, at: int, policy: str, rewarm: int | None) -> Course | None:
    """What is followed from update ``at`` on; ``None`` where there is no such way."""
    if no_question(old, new, at):
        return new
    if policy == "replan":
        route: Course | None = new
    elif policy == "keep":
        route = old
    elif policy == "stretch":
        route = stretched(old, at, new.end)
    else:
        route = continued(old, new, at)
    if route is None or rewarm is None:
        return route
    below = route.lrs
    return Course(lambda x: [lr * float(min((x - at + 1) / (rewarm + 1), 1)) for lr in below(x)], route.end)


def stretched(old: Course, at: int, end: int) -> Course | None:
    """The same way in another time."""
    if not at < min(old.end, end):
        return None
    return Course(lambda x: old.lrs(at + (x - at) * (old.end - at) / (end - at)), end)


def continued(old: Course, new: Course, at: int) -> Course | None:
    """The new plan's way down, from the LR in use."""
    if climbs(new, at):
        return None
    start, first, last = old.lrs(Fraction(at)), new.lrs(Fraction(at)), new.lrs(Fraction(max(at, new.end)))
    if any(first) and not any(start):
        return None
    if any(s < e * (1 - 1e-9) and e < f for s, f, e in zip(start, first, last, strict=True)):
        return None

    def there(x: Fraction) -> list[float]:
        return [
            s if f == e else e + (s - e) * (lr - e) / (f - e)
            for s, f, e, lr in zip(start, first, last, new.lrs(x), strict=True)
        ]

    return Course(there, new.end)


# --- interrupted runs -------------------------------------------------------------------------------------------------

POLICIES = ["replan", "keep", "stretch", "continue"]
plans = st.tuples(st.sampled_from(sorted(FORMULAS)), st.sampled_from([16, 20, 24, 40]))


@dataclass(frozen=True)
class Leg:
    """A part of a run between two interruptions: what the code asks for, and how long until the plug is pulled."""

    plan: tuple[str, int]
    policy: str
    rewarm: int | None
    accumulate: int
    passes: int
    scale: float


@st.composite
def legs(draw: st.DrawFn) -> list[Leg]:
    """Up to four legs; in half of them nothing has changed."""
    made: list[Leg] = []
    for _ in range(draw(st.integers(2, 4))):
        change = not made or draw(st.booleans())
        made.append(
            Leg(
                plan=draw(plans) if change else made[-1].plan,
                policy=draw(st.sampled_from(POLICIES)),
                rewarm=draw(st.sampled_from([None, None, 1, 3])),
                accumulate=draw(st.sampled_from([1, 2, 4])),
                passes=draw(st.integers(0, 24)),
                scale=draw(st.sampled_from([1.0, 1.0, 0.5])) if change else made[-1].scale,
            )
        )
    return made


def reaction() -> ReduceOnPlateau:
    """Halves the LR at each reading but the first, as the metric never changes."""
    return ReduceOnPlateau(monitor="loss", factor=0.5, patience=0, threshold=0.0, eps=0.0)


@given(legs(), st.booleans())
@settings(max_examples=500)
def test_an_interrupted_run_follows_the_specified_sequence(made: list[Leg], plateau: bool) -> None:
    """Whatever is drawn (plans, lengths, base LRs, accumulation, interruptions, policies), all LRs are the specified ones."""
    counter, readings = 0, 0
    route: Course | None = None
    states: Any = None
    for leg in made:
        text, steps = leg.plan
        bases = [leg.scale, 0.1 * leg.scale]
        optimizer = sgd(bases)
        scheduler = ScheduledLR(
            optimizer,
            text,
            Horizon(steps),
            on_change=leg.policy,
            rewarm=leg.rewarm,
            plateau=reaction() if plateau else None,
        )
        asked = course(text, steps, bases)
        if route is None:
            route, before = asked, asked
        else:
            changed = before.plan != asked.plan
            follow = after(route, asked, counter, leg.policy, leg.rewarm) if changed else route
            asks = changed and not no_question(route, asked, counter)
            too_long = asks and leg.rewarm is not None and counter + leg.rewarm > steps
            if follow is None or too_long:
                event("not possible")
                with pytest.raises(
                    ScheduleError, match=r"nothing to stretch|still climbs|is 0|lies below|Write a shorter one"
                ):
                    resume(optimizer, scheduler, states)
                return
            event("changed" if changed else "unchanged")
            resume(optimizer, scheduler, states)
            route, before = follow, asked
        used, expected = [], []
        for _ in range(leg.passes // leg.accumulate):
            used += train(optimizer, scheduler, 1, leg.accumulate)
            gain = 0.5 ** max(readings - 1, 0)
            expected.append([lr * gain for lr in route.lrs(Fraction(counter))])
            counter += 1
            if plateau and counter % 7 == 0:
                scheduler.observe(1.0)
                readings += 1
        np.testing.assert_allclose(used, expected, rtol=1e-12, atol=1e-15)
        states = saved(optimizer, scheduler)
        if leg.passes % leg.accumulate:
            # The plug is pulled between two backward passes of an update: they are lost, and so is nothing else.
            optimizer.param_groups[0]["params"][0].sum().backward()


@pytest.mark.parametrize("policy", POLICIES)
@given(legs(), st.data())
@settings(max_examples=50)
def test_an_unchanged_plan_is_no_question_under_any_policy(policy: str, made: list[Leg], data: st.DataObject) -> None:
    """Where nothing has changed, a resumed run has the very floats of the uninterrupted one, whatever ``on_change`` says."""
    text, steps = made[0].plan
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


def left_at(text: str, steps: int, at: int) -> Any:
    """Both states of a run of two groups at update ``at``."""
    optimizer = sgd([1.0, 0.1])
    scheduler = ScheduledLR(optimizer, text, Horizon(steps))
    scheduler.step(at)
    return saved(optimizer, scheduler)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("old", PLANS, ids=str)
def test_every_pair_of_plans_under_every_policy(old: tuple[str, int], policy: str) -> None:
    """From each plan to each other one, at four updates, with the same base LRs and others, all LRs are the specified ones."""
    for at in (3, 10, 17, 24):
        states = left_at(*old, at)
        for text, steps in PLANS:
            for bases in ([1.0, 0.1], [0.5, 0.05]):
                route = after(course(*old, [1.0, 0.1]), course(text, steps, bases), at, policy, None)
                optimizer = sgd(bases)
                scheduler = ScheduledLR(optimizer, text, Horizon(steps), on_change=policy)
                if route is None:
                    with pytest.raises(ScheduleError, match=r"nothing to stretch|still climbs|is 0"):
                        resume(optimizer, scheduler, states)
                    continue
                resume(optimizer, scheduler, states)
                for k in {at, at + 1, (at + steps) // 2, steps, steps + 7}:
                    scheduler.step(k)

                    assert lrs(optimizer) == pytest.approx(route.lrs(Fraction(k)), rel=1e-12, abs=1e-15), (
                        text,
                        steps,
                        k,
                    )


@dataclass(frozen=True)
class Case:
    """A change at update 60 (or ``at``), and the LR then, at update 80 and at update 150 under each policy, by hand."""

    old: tuple[Any, int]
    new: tuple[Any, int]
    replan: tuple[float, ...] | None
    keep: tuple[float, ...] | None
    stretch: tuple[float, ...] | None
    cont: tuple[float, ...] | None
    base: float = 1.0
    at: int = 60

    def ways(self) -> dict[str, tuple[float, ...] | None]:
        """Each policy with what it gives."""
        return {"replan": self.replan, "keep": self.keep, "stretch": self.stretch, "continue": self.cont}


LAMBDA = custom(lambda i: 0.5)
CASES = {
    "longer": Case(("linear()", 100), ("linear()", 200),
        (0.7, 0.6, 0.25), (0.4, 0.2, 0.0), (0.4, 24 / 70, 1 / 7), (0.4, 24 / 70, 1 / 7)),
    "shorter": Case(("linear()", 200), ("linear()", 100),
        (0.4, 0.2, 0.0), (0.7, 0.6, 0.25), (0.7, 0.35, 0.0), (0.7, 0.35, 0.0)),
    "shorter than what was taken": Case(("linear()", 100), ("linear()", 50),
        (0.0, 0.0, 0.0), (0.4, 0.2, 0.0), None, (0.4, 0.4, 0.4)),
    "finished, then longer": Case(("linear(end=0.1)", 60), ("linear()", 200),
        (0.7, 0.6, 0.25), (0.1, 0.1, 0.1), None, (0.1, 0.6 / 7, 0.25 / 7)),
    "finished at zero, then longer": Case(("linear()", 60), ("linear()", 200),
        (0.7, 0.6, 0.25), (0.0, 0.0, 0.0), None, None),
    "another shape": Case(("linear()", 100), ("polynomial(2.0)", 100),
        (0.16, 0.04, 0.0), (0.4, 0.2, 0.0), (0.4, 0.2, 0.0), (0.4, 0.1, 0.0)),
    "half the base LR": Case(("linear()", 100), ("linear()", 100),
        (0.2, 0.1, 0.0), (0.4, 0.2, 0.0), (0.4, 0.2, 0.0), (0.4, 0.2, 0.0), base=0.5),
    "a floor": Case(("linear()", 100), ("linear(end=0.2)", 100),
        (0.52, 0.36, 0.2), (0.4, 0.2, 0.0), (0.4, 0.2, 0.0), (0.4, 0.3, 0.2)),
    "a cooldown after a hold": Case(("warmup('20%') >> hold()", 100), ("hold(60) >> linear(over=40)", 100),
        (1.0, 0.5, 0.0), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 0.5, 0.0)),
    "a cooldown in the middle": Case(("linear()", 100), ("hold(60) >> linear(over=40)", 100),
        (1.0, 0.5, 0.0), (0.4, 0.2, 0.0), (0.4, 0.2, 0.0), (0.4, 0.2, 0.0)),
    "a plan that still climbs": Case(("hold()", 100), ("warmup(80) >> hold()", 100),
        (61 / 81, 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), None),
    "wsd with all in percent, in its cooldown": Case(("wsd('10%', '50%', shape='linear')", 100), ("wsd('10%', '50%', shape='linear')", 200),
        (1.0, 1.0, 0.5), (0.8, 0.4, 0.0), (0.8, 0.8 * 120 / 140, 0.8 * 50 / 140), (0.8, 0.8, 0.4)),
    "another function": Case((custom(lambda i: 0.25), 100), (LAMBDA, 100),
        (0.5, 0.5, 0.5), None, None, (0.25, 0.25, 0.25)),
    # No question: the same past, or a hold that has grown.
    "a constant gets a cooldown": Case(("hold()", 100), ("hold() >> linear(over=50)", 200), *[(1.0, 1.0, 1.0)] * 4),
    "wsd with its warmup in steps": Case(("wsd(10, '20%', shape='linear')", 100), ("wsd(10, '50%', shape='linear')", 200), *[(1.0, 1.0, 0.5)] * 4),
    "wsd with its warmup in percent": Case(
        ("wsd('10%', '20%', shape='linear')", 100), ("wsd('10%', '20%', shape='linear')", 180), *[(1.0, 1.0, 30 / 36)] * 4),
    "one more milestone": Case(("multistep(at=[50])", 100), ("multistep(at=[50, 120])", 200), *[(0.1, 0.1, 0.01)] * 4),
    "more stairs": Case(("step(50, gamma=0.5)", 100), ("step(50, gamma=0.5)", 200), *[(0.5, 0.5, 0.125)] * 4),
    "not begun": Case(("linear()", 100), ("hold()", 200), *[(1.0, 1.0, 1.0)] * 4, at=0),
}  # fmt: skip


def turned(case: Case, **options: Any) -> tuple[float, ...]:
    """The LR at the change, at update 80 and at update 150."""
    optimizer = sgd([1.0])
    scheduler = ScheduledLR(optimizer, case.old[0], Horizon(case.old[1]))
    scheduler.step(case.at)
    states = saved(optimizer, scheduler)
    optimizer = sgd([case.base])
    scheduler = ScheduledLR(optimizer, case.new[0], Horizon(case.new[1]), **options)
    resume(optimizer, scheduler, states)
    used = train(optimizer, scheduler, 151 - case.at)
    return used[0][0], used[80 - case.at][0], used[150 - case.at][0]


@pytest.mark.parametrize("name", CASES)
def test_each_policy_goes_where_the_table_says(name: str) -> None:
    """Each change that happens in practice, under each policy: the LRs worked out by hand."""
    case = CASES[name]
    for policy, expected in case.ways().items():
        if expected is None:
            with pytest.raises(ScheduleError, match="Write on_change="):
                turned(case, on_change=policy)
        else:
            assert turned(case, on_change=policy) == pytest.approx(expected, abs=1e-12), policy


def is_a_question(case: Case) -> bool:
    """Whether the policies differ."""
    return len(set(case.ways().values())) > 1


@pytest.mark.parametrize("name", CASES)
def test_without_a_policy_only_a_real_question_is_an_error(name: str) -> None:
    """By default a changed plan is an error that shows the LR under each policy as the table has it; the rest goes on."""
    case = CASES[name]
    if not is_a_question(case):
        assert turned(case) == pytest.approx(case.replan)
        return
    with pytest.raises(ScheduleError, match=r"The plan is not the one in the checkpoint\.\n  saved: ") as caught:
        turned(case)
    rows = dict(re.findall(r"  on_change='(\w+)' +(\S+)", str(caught.value)))

    assert rows == {
        policy: "not" if expected is None else f"{expected[0]:.4g}" for policy, expected in case.ways().items()
    }


QUESTION = """\
The plan is not the one in the checkpoint.
  saved: cosine() on Horizon(steps=100), base lr 0.1
  now:   cosine() on Horizon(steps=200), base lr 0.1
Update 60 comes next; its LR was to be 0.0345492. How shall it go on?
  at update             60         61         130        199
  on_change='replan'    0.07939    0.07875    0.0273     6.168e-06  the new plan, at the same update
  on_change='keep'      0.03455    0.03306    0          0          the saved plan, then its last LR
  on_change='stretch'   0.03455    0.03412    0.009549   2.014e-06  the saved plan over what is left
  on_change='continue'  0.03455    0.03427    0.01188    2.684e-06  from here, the new plan's decay
Write one of them: on_change='continue' is an argument of configure_optimizers(...) and of
ScheduledLR(...), and an attribute of a ScheduleMixin's class. With rewarm='10 steps' beside it the
LR warms up again first."""


def test_the_question_as_it_is_printed() -> None:
    """The message shows both plans, the LR that was to come, where each policy leads, and what to write."""
    optimizer = sgd([0.1])
    scheduler = ScheduledLR(optimizer, cosine(), Horizon(100))
    scheduler.step(60)
    states = saved(optimizer, scheduler)
    other = ScheduledLR(sgd([0.1]), cosine(), Horizon(200))
    with pytest.raises(ScheduleError) as caught:
        other.load_state_dict(states["scheduler"])

    assert str(caught.value) == QUESTION


def refused(old: Case, **options: Any) -> str:
    """What is said where a plan has changed."""
    with pytest.raises(ScheduleError) as caught:
        turned(old, **options)
    return str(caught.value)


def test_a_function_that_has_changed_is_said_where_the_texts_are_alike() -> None:
    """Two functions print alike; then the message says that it is the function, and which policies remain."""
    message = refused(CASES["another function"])

    assert "The same text, but a Python function in it gives another LR than it did." in message
    assert "on_change='keep'      not possible: the saved plan holds a Python function" in message


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ([0.1, 0.1, 0.2], [0.1, 0.2, 0.2], ["base lr 0.1, 0.1, 0.2", "base lr 0.1, 0.2, 0.2"]),
        ([0.1], [0.10000000149], ["base lr 0.1\n", "base lr 0.10000000149\n"]),
    ],
)
def test_base_lrs_that_read_alike_are_told_in_full(old: list[float], new: list[float], says: list[str]) -> None:
    """Where only the base LRs differ, in a way that a short line does not show, all of them are shown, and no function is blamed."""
    before = ScheduledLR(sgd(old), "linear()", Horizon(10))
    train(before.optimizer, before, 2)
    with pytest.raises(ScheduleError) as caught:
        ScheduledLR(sgd(new), "linear()", Horizon(10)).load_state_dict(before.state_dict())

    assert [one for one in says if one not in str(caught.value)] == []
    assert "Python function" not in str(caught.value)


@pytest.mark.parametrize("name", CASES)
def test_the_policy_that_the_question_says_to_write_is_possible(name: str) -> None:
    """The last lines name a policy as an example, and written as it stands it is followed."""
    if is_a_question(CASES[name]):
        (policy,) = re.findall(r"Write one of them: on_change='(\w+)'", refused(CASES[name]))

        assert CASES[name].ways()[policy] is not None


def test_a_stretch_that_is_not_possible_is_no_dead_end() -> None:
    """What the error says to write is possible wherever it comes from."""
    (policy,) = re.findall(
        r"Write on_change='(\w+)'", refused(CASES["finished at zero, then longer"], on_change="stretch")
    )

    assert turned(CASES["finished at zero, then longer"], on_change=policy) == (0.7, 0.6, 0.25)


def test_a_run_that_is_already_over_is_said() -> None:
    """Where the run as it is now ends before the checkpoint, the message says so, what makes it longer, and shows no update."""
    message = refused(CASES["shorter than what was taken"])

    assert "The run as it is now ends at update 50. Lengthen it to go on: a larger" in message
    assert "\n  at update             60\n" in message
    assert "rewarm" not in message


LONG_TEXT = "warmup('500 steps') >> cosine(end=0.1) >> hold(over='20%') >> linear(over='10%', end=0.01)"
MANY_LENGTHS = Horizon(10_000, [*range(10, 30), 40])


@pytest.mark.parametrize(
    ("old", "new", "at"),
    [
        (("cosine()", Horizon(10**8)), ("cosine()", Horizon(3 * 10**8)), 6 * 10**7),
        ((LONG_TEXT, MANY_LENGTHS), ("warmup('500 steps') >> cosine(end=0.1)", Horizon(20_000, 100)), 6000),
        (("warmup(5) >> hold()", Horizon(100)), (LONG_TEXT, Horizon(10_000)), 60),
        (("cosine()", Horizon(10)), ("cosine()", Horizon(8)), 6),
        (("cosine()", Horizon(10)), ("cosine()", Horizon(7)), 6),
        (("cosine()", Horizon(10)), ("cosine()", Horizon(6)), 6),
    ],
)
def test_the_question_fits_a_terminal_and_shows_real_updates(old: Any, new: Any, at: int) -> None:
    """However long plans and runs are: at most 100 columns, no update beyond the last, a second warmup that fits."""
    optimizer = sgd([0.1, 3e-4, 7e-6])
    scheduler = ScheduledLR(optimizer, *old)
    scheduler.step(at)
    with pytest.raises(ScheduleError) as caught:
        ScheduledLR(sgd([0.1, 3e-4, 7e-6]), *new).load_state_dict(scheduler.state_dict())
    message, end = str(caught.value), new[1].steps
    shown = [int(k) for k in re.findall(r"\d+", re.findall(r"  at update .*", message)[0])]

    assert max(map(len, message.splitlines())) <= 100
    assert shown == sorted(set(shown))
    assert shown[0] == at
    assert shown[-1] == max(at, end - 1)
    for over in re.findall(r"rewarm='(\d+)", message):
        assert at + int(over) < end


def test_the_table_shows_the_group_that_is_moved_most() -> None:
    """With a new base LR in the second group only, the message is about that group."""
    optimizer = sgd([1.0, 0.1])
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(100))
    scheduler.step(60)
    states = saved(optimizer, scheduler)
    other = ScheduledLR(sgd([1.0, 0.3]), "linear()", Horizon(100))
    with pytest.raises(ScheduleError, match=r"0\.04 in parameter group 1\.(?s:.*)'replan' +0\.12 ") as caught:
        other.load_state_dict(states["scheduler"])

    assert "base lr 1, 0.1\n" in str(caught.value)
    assert "base lr 1, 0.3\n" in str(caught.value)


def test_a_jump_is_printed_with_its_factor(caplog: pytest.LogCaptureFixture) -> None:
    """Under "replan" the jump of the LR is a warning of the logger ``lr_toolkit``; where the LR is continuous there is none."""
    with caplog.at_level(logging.WARNING, logger="lr_toolkit"):
        turned(CASES["longer"], on_change="replan")
        turned(CASES["longer"], on_change="stretch")
        turned(CASES["longer"], on_change="continue")
        turned(CASES["longer"], on_change="keep")
        turned(CASES["finished, then longer"], on_change="replan", rewarm="5%")

    assert [record.getMessage() for record in caplog.records] == [
        "The plan has changed at update 60: on_change='replan' takes the LR of parameter group 0 from 0.4 to 0.7, 1.75 times as much."
    ]


def test_a_jump_from_zero_is_printed(caplog: pytest.LogCaptureFixture) -> None:
    """Where the LR had come to zero there is no factor, and the jump is printed all the same."""
    case = Case(("linear()", 60), ("linear()", 200), None, None, None, None)
    turned(case, on_change="replan")

    assert caplog.messages == [
        "The plan has changed at update 60: on_change='replan' takes the LR of parameter group 0 from 0 to 0.7."
    ]


def test_a_second_change_starts_from_what_was_followed() -> None:
    """A stretched run that is stretched again goes on from its LR, in its own proportions."""
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
def test_a_second_warmup_leads_into_the_policy(rewarm: int | str) -> None:
    """Twenty updates climb from 1/21 of what the policy asks for; then it is met."""
    linear = [1 - k / 200 for k in range(60, 151)]
    ramp = [min((i + 1) / 21, 1.0) for i in range(91)]

    assert turned(CASES["longer"], on_change="replan", rewarm=rewarm) == pytest.approx(
        [linear[i] * ramp[i] for i in (0, 20, 90)]
    )


def test_a_second_warmup_goes_on_after_another_interruption() -> None:
    """Interrupted in the middle of it, the second warmup goes on where it was."""
    optimizer = sgd([1.0])
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(100))
    scheduler.step(60)
    used: list[list[float]] = []
    for updates in (7, 5, 20):
        states = saved(optimizer, scheduler)
        optimizer = sgd([1.0])
        scheduler = ScheduledLR(optimizer, "linear()", Horizon(200), on_change="replan", rewarm=19)
        resume(optimizer, scheduler, states)
        used += train(optimizer, scheduler, updates)

    assert used == [pytest.approx([(1 - (60 + i) / 200) * min((i + 1) / 20, 1)]) for i in range(32)]


def test_a_second_warmup_longer_than_the_run_is_refused() -> None:
    """A second warmup that would not end within the run is an error that says how long both are, and in what."""
    assert "takes 500 updates from update 60 on, and the run ends at 200" in refused(
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
        ({"rewarm": 10}, r"Say which: on_change='replan', rewarm=10"),
        ({"on_change": "replan", "rewarm": 0.1}, r"rewarm=0\.1\): a bare float has no unit"),
    ],
)
def test_a_policy_that_is_none_is_refused_when_the_scheduler_is_made(options: Any, message: str) -> None:
    """An unknown policy, a second warmup without one, and a length without a unit are errors before any training."""
    with pytest.raises(ScheduleError, match=message):
        ScheduledLR(sgd([0.1]), "cosine()", Horizon(10), **options)


# --- groups and base LRs --------------------------------------------------------------------------------------------


def test_a_new_lr_in_the_code_is_noticed_behind_the_optimizers_state() -> None:
    """``optimizer.load_state_dict`` brings the old ``initial_lr`` back, and the new one in the code is seen all the same."""
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
    """A group added in mid-run, before a change and after it: a run interrupted after each has the same LRs as one that is not."""

    def run(interrupted: bool) -> list[list[float]]:
        optimizer = sgd([1.0])
        scheduler = ScheduledLR(optimizer, "linear()", Horizon(40))
        used = train(optimizer, scheduler, 5)
        for bases, steps in (([0.5], 40), ([], 60), ([0.2], 60), ([], 60)):
            for base in bases:
                late = {"params": [torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))], "lr": base}
                optimizer.add_param_group(late)
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
    """A run saved with a tensor LR goes on with a float under each policy: the tensor that was loaded is written over."""
    tensor, fresh = SGD(sgd([0.1]).param_groups[0]["params"], lr=torch.tensor(0.1, dtype=torch.float64)), sgd([0.1])
    before = ScheduledLR(tensor, "linear()", Horizon(10))
    for _ in range(4):
        tensor.step()
        before.step()
    states = saved(tensor, before)
    after = ScheduledLR(fresh, "linear()", Horizon(20), on_change=policy)
    resume(fresh, after, states)

    used = []
    for _ in range(5):
        used.append(lrs(fresh)[0])
        assert used[-1] == pytest.approx(after.get_last_lr()[0], rel=1e-12)
        fresh.step()
        after.step()
    assert len(set(used)) == 5


def test_an_update_whose_step_is_still_to_come_is_saved() -> None:
    """Saved between ``optimizer.step()`` and ``scheduler.step()``, as in a loop that steps per epoch, the update is counted."""
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
def test_a_number_of_numpy_in_a_reaction_is_saved_as_a_plain_one(number: dict[str, Any]) -> None:
    """Gains are plain numbers whatever the reaction was given, so that the state is read safely."""
    plateau = ReduceOnPlateau(monitor="loss", patience=0, **{"factor": 0.5, **number})
    scheduler = ScheduledLR(sgd([0.1]), "hold()", Horizon(9), plateau=plateau)
    for reading in (1.0, 2.0, 3.0, 4.0, 5.0):
        scheduler.observe(reading)

    read = saved(scheduler.optimizer, scheduler)["scheduler"]

    assert read["followed"]["lr"]["gains"] == scheduler.state_dict()["followed"]["lr"]["gains"]
    assert [type(one) for one in read["followed"]["lr"]["gains"]] == [float]


def test_a_group_that_joins_after_a_kept_plan_is_held_against_its_own_floor() -> None:
    """Under "keep" the old base LRs are those of a plan without floor: the new plan's floor is no business of theirs."""
    before = ScheduledLR(sgd([1e-4]), "linear()", Horizon(10))
    train(before.optimizer, before, 2)
    optimizer = sgd([1e-2])
    scheduler = ScheduledLR(optimizer, "linear(end_lr=0.001)", Horizon(10), on_change="keep")
    resume(optimizer, scheduler, saved(before.optimizer, before))
    optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))], "lr": 1e-2})
    optimizer.step()

    assert lrs(optimizer) == pytest.approx([0.8e-4, 0.8e-2])


def test_a_rebase_survives_a_resume() -> None:
    """After ``rebase`` the code still asks for what it asked for, and a resumed run keeps the new base LRs."""
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
def test_a_reaction_to_another_metric_keeps_the_gain_and_not_the_best(monitor: str, mode: Any, gain: float) -> None:
    """The best loss says nothing of an accuracy: a reaction that reads something else begins anew, from the LR in use."""
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
    """The message says how many groups both have, and what to do first."""
    state = ScheduledLR(sgd([1.0, 0.1]), "linear()", Horizon(10)).state_dict()
    with pytest.raises(ScheduleError, match=r"with 2 parameter groups, and this one has 1\. Add the groups first"):
        ScheduledLR(sgd([1.0]), "linear()", Horizon(10), on_change="replan").load_state_dict(state)


@pytest.mark.parametrize("policy", ["error", *POLICIES])
def test_a_counter_of_epochs_is_not_one_of_updates(policy: str) -> None:
    """A state that counts epochs is refused by a scheduler that counts updates, under every policy, and the other way round."""
    by_epoch, by_step = Horizon(10, unit="epoch"), Horizon(100, 10)
    for one, other, unit in ((by_epoch, by_step, "epoch"), (by_step, by_epoch, "step")):
        state = ScheduledLR(sgd([1.0]), "linear()", one).state_dict()
        with pytest.raises(ScheduleError, match=rf"counts {unit}s(?s:.*)interval='{unit}'"):
            ScheduledLR(sgd([1.0]), "linear()", other, on_change=policy).load_state_dict(state)


def test_a_decay_before_a_hold_that_ends_elsewhere_is_a_question() -> None:
    """Inside the same open hold of both plans, but on another level: nothing jumps unasked."""
    text = "exponential(0.9, every=10, over='50%') >> hold()"
    case = Case((text, 100), (text, 110), None, None, None, None, at=56)

    assert "on_change='replan'    0.5602 " in refused(case)


def test_a_refused_state_changes_nothing() -> None:
    """After the question is raised, the scheduler follows its own plan from where it was."""
    optimizer = sgd([1.0])
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(100))
    scheduler.step(60)
    states = saved(optimizer, scheduler)
    other = sgd([1.0])
    its = ScheduledLR(other, "linear()", Horizon(200))
    train(other, its, 3)
    with pytest.raises(ScheduleError, match="The plan is not the one"):
        its.load_state_dict(states["scheduler"])

    assert train(other, its, 2) == [[1 - 3 / 200], [1 - 4 / 200]]


# --- from elsewhere, from another time, from far along ----------------------------------------------------------------

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
@pytest.mark.parametrize("name", [pytest.param(one, marks=NEEDS.get(one, ())) for one in FOREIGN])
def test_states_of_torch_and_transformers_are_refused(name: str, policy: str) -> None:
    """The message says what the state holds, how far it was, and what to write, in a plain loop and in Lightning."""
    optimizer = sgd([1.0])
    foreign = FOREIGN[name](optimizer)
    for _ in range(4):
        optimizer.step()
        foreign.step(*[1.0] * (name == "ReduceLROnPlateau"))
    state = foreign.state_dict()
    counter = state.get("last_epoch", 0)
    with pytest.raises(ScheduleError, match=r"saved by another scheduler \(it holds ") as caught:
        ScheduledLR(sgd([1.0]), "linear()", Horizon(10), on_change=policy).load_state_dict(state)

    assert f"scheduler.step({counter}) instead of loading" in str(caught.value)
    assert "checkpoint['lr_schedulers'] = []" in str(caught.value)


def test_the_call_in_that_message_goes_on_at_the_same_update() -> None:
    """``scheduler.step(k)`` after the optimizer's state is loaded follows the new schedule from update k on."""
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


def test_our_state_is_refused_by_nobody_silently() -> None:
    """What torch's StepLR would take over from a state of ours is not its own: the class is there to be checked."""
    state = ScheduledLR(sgd([1.0]), "linear()", Horizon(10)).state_dict()

    assert state["class"] == "lr_toolkit.ScheduledLR"
    assert state["format"] == FORMAT == 2


@pytest.mark.parametrize("name", sorted(path.name for path in DATA.glob("checkpoint-*.pt")))
def test_a_checkpoint_of_every_version_goes_on(name: str) -> None:
    """A file that each version has left behind loads with ``weights_only=True`` and goes on as it said it would.

    Written by ``tests/data/write.py``; a later version adds a file and changes none.
    """
    kept = torch.load(DATA / name, weights_only=True)
    for one in kept["runs"]:
        optimizer = sgd(one["bases"])
        plateau = ReduceOnPlateau(**one["plateau"]) if one["plateau"] else None
        horizon = Horizon(*one["horizon"])
        scheduler = ScheduledLR(optimizer, one["schedule"], horizon, plateau=plateau, on_change=one["on_change"])
        resume(optimizer, scheduler, one)

        expected = [pytest.approx(lrs, rel=1e-12, abs=1e-18) for lrs in one["expected"]]

        assert train(optimizer, scheduler, 25) == expected, one["schedule"]


def test_there_is_a_checkpoint_of_this_format() -> None:
    """The directory holds a file of today's format, so that the next version has something to read."""
    state = ScheduledLR(sgd([1.0]), "linear()", Horizon(10)).state_dict()

    assert (DATA / f"checkpoint-format-{state['format']}.pt").is_file()
    assert sum(path.stat().st_size for path in DATA.iterdir() if path.is_file()) < 64_000


def test_the_state_stays_below_two_kilobytes() -> None:
    """A cosine with a plateau on ten groups, stretched and rewarmed, at update ten million: less than 2 kB."""
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


def test_a_resume_far_along_computes_no_more_than_one_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """The points of the curve that a resume evaluates are as many at update ten million as at update ten."""
    points: list[int] = []
    counted = ResolvedTimeline.factor

    def factor(self: ResolvedTimeline, k: float) -> float:
        points.append(1)
        return counted(self, k)

    monkeypatch.setattr(ResolvedTimeline, "factor", factor)
    monkeypatch.setattr(ResolvedTimeline, "factors", lambda *args: pytest.fail("an array of the past was computed"))

    def evaluated(at: int) -> int:
        optimizer = sgd([1.0, 0.1])
        scheduler = ScheduledLR(optimizer, "warmup(5) >> cosine()", Horizon(10**8, 1000))
        scheduler.step(at)
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
def test_a_changed_plan_far_along_is_compared_in_few_points(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is extended after ninety million updates: a few hundred points of both plans tell whether their past is the same."""
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
def test_the_same_past_is_known_by_its_formulas(
    one: str, two: str, old: Horizon, new: Horizon, alike: bool, at: int
) -> None:
    """Plans that are compared by their formulas agree where all of their LRs do, and nowhere else."""
    try:
        timelines = [Schedule.parse(text).resolve(run) for text, run in ((one, old), (one if alike else two, new))]
    except ScheduleError:
        return  # too long for that run
    before, now = (timeline.relative_to(0.5) for timeline in timelines)
    same = all(before.factor(k) == pytest.approx(now.factor(k), rel=1e-12, abs=0.0) for k in range(at))
    event(f"same: {same}")

    assert same_history(before, now, at) == same


def test_adam_goes_on_with_its_moments() -> None:
    """With an optimizer that has a state of its own, weights after a resume are those of the uninterrupted run."""

    def made() -> tuple[torch.nn.Parameter, Optimizer, ScheduledLR]:
        weight = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        optimizer = Adam([weight], lr=0.1)
        return weight, optimizer, ScheduledLR(optimizer, "warmup(3) >> cosine()", Horizon(12))

    def go(weight: torch.nn.Parameter, optimizer: Optimizer, scheduler: ScheduledLR, updates: int) -> list[float]:
        for _ in range(updates):
            optimizer.zero_grad()
            (weight * torch.arange(3)).square().sum().backward()
            optimizer.step()
            scheduler.step()
        return list(weight.tolist())

    expected = go(*made(), 12)
    weight, optimizer, scheduler = made()
    go(weight, optimizer, scheduler, 5)
    states, kept = saved(optimizer, scheduler), weight.detach().clone()
    weight, optimizer, scheduler = made()
    weight.data.copy_(kept)
    resume(optimizer, scheduler, states)

    assert go(weight, optimizer, scheduler, 7) == expected
