"""Damaged and hostile states: a ``ScheduleError`` or success, never another exception, and never a changed optimizer."""

from __future__ import annotations

import copy
import json
import math
import random
import time
import warnings
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch.optim import AdamW

from lr_toolkit import Duration, Horizon, ReduceOnPlateau, ScheduledLR, ScheduleError, ScheduleWarning
from lr_toolkit.optim.branching import branch
from lr_toolkit.optim.on_change import OnChange
from lr_toolkit.schedules.horizon import horizon_from
from tests.helpers.optimizers import parameter, sgd

DATA = Path(__file__).parents[1] / "data"

# --- real states of both formats, mutated at random --------------------------------------------------------------------------

VALUES: list[Any] = [
    *(None, True, False, "", "x", "step", "linear()", "cosine() >>", "resolved", "stretched", "Stretched", "'"),
    *(0, 1, -1, 2, 3, 17, 40, 41, 10**9, 10**12, 2**64, 10**400, -(10**30), 0.0, -0.5, 1.5, 1e308, 1e-320),
    *(
        math.nan,
        math.inf,
        -math.inf,
        [],
        {},
        (),
        [[]],
        [[5, 10**12]],
        [[1, 1]],
        [0, 0],
        [1, 0],
        [math.nan],
        b"",
        {"kind": "x"},
    ),
    *(torch.zeros(2), [1] * 50, "(" * 300, "cosine(" * 300, {1: 2}, [None]),
]


def runs() -> list[dict[str, Any]]:
    """The recorded runs of both formats."""
    files = sorted(DATA.glob("checkpoint-format-*.pt"))
    return [run for file in files for run in torch.load(file, weights_only=True)["runs"]]


def places(part: Any) -> list[tuple[Any, Any]]:
    """Every container within a value, with each of its keys."""
    if isinstance(part, dict):
        keys = list(part)
    elif isinstance(part, list):
        keys = list(range(len(part)))
    else:
        return []
    return [(part, key) for key in keys] + [place for key in keys for place in places(part[key])]


def mutate(state: dict[str, Any], chance: random.Random) -> None:
    """Change one place of a state: another value, one of its own values, a missing or an additional one."""
    container, key = chance.choice(places(state))
    kind = chance.randrange(6)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, list):
        container.insert(key, copy.deepcopy(container[key]))
    elif kind == 2:
        other, there = chance.choice(places(state))
        container[key] = copy.deepcopy(other[there])
    elif kind == 3 and type(container[key]) in (int, float) and abs(container[key]) < 10**100:
        container[key] = container[key] * chance.choice([-1, 2, 0.5, 1e30]) + chance.choice([0, 1, -1])
    else:
        container[key] = copy.deepcopy(chance.choice(VALUES))


def scheduler_of(run: dict[str, Any]) -> ScheduledLR:
    """The scheduler that goes on with a recorded run."""
    plateau = ReduceOnPlateau(**run["plateau"]) if run["plateau"] else None
    return ScheduledLR(
        sgd(run["bases"]), run["schedule"], Horizon(*run["horizon"]), plateau=plateau, on_change=run["on_change"]
    )


def scheduler_of_keys(on_change: Any) -> ScheduledLR:
    """One that drives the LR, the weight decay of two groups and a beta, each group by its name."""
    groups = [
        {"params": [parameter()], "name": name, "lr": 0.1 / (index + 1), "weight_decay": 0.01 * index}
        for index, name in enumerate("abc")
    ]
    return ScheduledLR(
        AdamW(groups, betas=(0.9, 0.99)),
        {"a": "cosine()", "*": "warmup(3) >> linear()"},
        Horizon(20, 5),
        weight_decay={"b": "linear(end=2.0)", "c": "absolute(cosine(start=0.1, end=0.2))"},
        betas=("linear(end=0.5)", None),
        plateau=ReduceOnPlateau("val_loss"),
        on_change=on_change,
    )


def states_of_keys() -> list[dict[str, Any]]:
    """A state under the code's plan, and one under what is left of it over a longer run."""
    scheduler = scheduler_of_keys("error")
    scheduler.step(7)
    scheduler.observe(1.0)
    first = copy.deepcopy(scheduler.state_dict())
    scheduler.recalculate(Horizon(31, 5))
    return [first, scheduler.state_dict()]


def facts(scheduler: ScheduledLR) -> str:
    """All that a load may change."""
    groups = [
        {key: value for key, value in group.items() if key != "params"} for group in scheduler.optimizer.param_groups
    ]
    kept = {key: value for key, value in vars(scheduler).items() if not key.startswith("_") and key != "optimizer"}
    kept["plan"] = scheduler._plan
    return repr(
        (groups, kept, scheduler._gains.values, scheduler._gains._state, scheduler.has_update, scheduler._step_count)
    )


def attack(mutations: int, seed: int) -> dict[str, int]:
    """Load that many mutated states, and return how many were refused and read."""
    chance = random.Random(seed)
    known = runs()
    schedulers = [scheduler_of(run) for run in known]
    counts = {"refused": 0, "read": 0}
    for _ in range(mutations):
        index = chance.randrange(len(known))
        state = copy.deepcopy(known[index]["scheduler"])
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            mutate(state, chance)
        scheduler = schedulers[index]
        before = facts(scheduler)
        if message := refusal_of(scheduler, state):
            assert facts(scheduler) == before, state
            assert len(message) < 4000
            counts["refused"] += 1
        else:
            lrs = [group["lr"] for group in scheduler.optimizer.param_groups]
            assert all(type(lr) is float and 0.0 <= lr < math.inf for lr in lrs), state
            json.dumps(scheduler.state_dict())
            schedulers[index] = scheduler_of(known[index])
            counts["read"] += 1
    return counts


def refusal_of(scheduler: ScheduledLR, state: dict[str, Any]) -> str:
    """The message of the ``ScheduleError`` for a state; nothing if it was read."""
    try:
        scheduler.load_state_dict(state)
    except ScheduleError as error:
        return str(error)
    except Exception as error:
        raise AssertionError(f"{error!r} for {state!r}") from error
    return ""


def test_two_thousand_mutated_states_are_refused_or_read() -> None:
    """A mutation that no state can have is refused before anything is changed; a harmless one is read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "LR412", ScheduleWarning)  # gains stay, without a rule for the metric
        counts = attack(2_000, seed=1)

    assert counts["refused"] > 1000
    assert counts["read"] > 50


def test_mutated_states_of_several_keys_are_refused_or_read() -> None:
    """The weight decay and the beta stay finite numbers, and a refused state changes none of the keys, under each policy."""
    chance = random.Random(1)
    policies, known = get_args(OnChange), states_of_keys()
    schedulers = [scheduler_of_keys(policy) for policy in policies]
    counts = {"refused": 0, "read": 0}
    for number in range(600):
        state = copy.deepcopy(known[number % 2])
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            mutate(state, chance)
        index = number % len(policies)
        scheduler = schedulers[index]
        before = facts(scheduler)
        if refusal_of(scheduler, state):
            assert facts(scheduler) == before, state
            counts["refused"] += 1
            continue
        for group in scheduler.optimizer.param_groups:
            values = (group["lr"], group["weight_decay"], *group["betas"])
            assert all(type(value) is float and 0.0 <= value < math.inf for value in values), state
        json.dumps(scheduler.state_dict())
        scheduler.recalculate(Horizon(50, 5))
        schedulers[index] = scheduler_of_keys(policies[index])
        counts["read"] += 1

    assert counts["refused"] > 400
    assert counts["read"] > 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_twenty_thousand_mutated_states_are_refused_or_read(seed: int) -> None:
    """The same with other seeds, 2,000 for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "LR412", ScheduleWarning)
        counts = attack(2_000, seed)

    assert counts["refused"] > 1000


# --- single damages, with the part that the message names --------------------------------------------------------------------


def state_of(**options: Any) -> dict[str, Any]:
    """A state at update 5 of a cosine over 20 updates, on two groups."""
    scheduler = ScheduledLR(sgd([0.1, 0.02]), "cosine()", Horizon(20, 5), **options)
    scheduler.step(5)
    return scheduler.state_dict()


DAMAGES: dict[str, tuple[str, Any, str]] = {
    "a negative gain": ("followed.lr.gains", [-1.0, 1.0], r"\['gains'\]\[0\] is -1\.0, and must be a finite number, zero or more"),
    "a gain that is NaN": ("followed.lr.gains", [1.0, math.nan], r"\['gains'\]\[1\] is nan"),
    "a gain that a 32-bit LR cannot follow": ("followed.lr.gains", [1e40, 1.0], r"must be gains that leave each LR finite"),
    "a base LR that is NaN": ("configured.lr.bases", [math.nan, 0.02], r"\['bases'\]\[0\] is nan"),
    "too few gains": ("followed.lr.gains", [1.0], r"must be a list of 2 numbers, one for each parameter group"),
    "a text for a number": ("last_epoch", "5", r"state\['last_epoch'\] is '5', and must be a whole number from -1"),
    "an update beyond any run": ("last_epoch", 10**12, r"below 10\^11"),
    "an index out of range": ("followed.lr.which", [0, 7], r"\['which'\]\[1\] is 7, and must be an index below 1"),
    "no timeline": ("followed.lr.timelines", [], r"index below 0"),
    "an unknown change": ("followed.lr.timelines", [{"kind": "teleported"}] , r"'teleported', and must be one of 'resolved'"),
    "a missing part": ("followed", {}, r"state\['followed'\] is \{\}, and must be a mapping with the key 'lr'"),
    "another unit": ("configured.lr.horizon.unit", "week", r"must be one of 'step', 'epoch'"),
    "a rule that is no mapping": ("plateau", 3, r"state\['plateau'\] is 3, and must be a mapping"),
    "an unknown fact of a rule": ("plateau", {"best": 1.0, "evil": 1}, r"without 'evil'"),
    "another format": ("format", "2", r"the state has format '2'"),
    "a format of the future": ("format", 99, r"format 99, and this version reads up to 2"),
    "epochs that fill the memory": (
        "configured.lr.horizon.steps_per_epoch", [[5, 10**10], [4, 1]], r"at most 1000000 epochs",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_part_is_named(name: str) -> None:
    """The message names the damaged part, its value and what it must be; nothing is changed."""
    path, value, message = DAMAGES[name]
    state = state_of()
    *way, last = path.split(".")
    part = state
    for key in way:
        part = part[key]
    part[last] = value
    scheduler = ScheduledLR(sgd([0.1, 0.02]), "linear()", Horizon(20, 5), on_change="stretch")
    before = facts(scheduler)

    with pytest.raises(ScheduleError, match=message):
        scheduler.load_state_dict(state)
    assert facts(scheduler) == before


def test_a_value_that_is_a_large_whole_number_is_no_other_error() -> None:
    """The saved values are compared with those of the timeline: a number that no 64-bit integer holds differs from them."""
    state = state_of()
    state["followed"]["lr"]["values"] = [2**64, 0.01]

    assert "its LR was to be" in refusal_of(ScheduledLR(sgd([0.1, 0.02]), "cosine()", Horizon(20, 5)), state)


def test_a_value_that_overflows_cannot_be_continued() -> None:
    """``on_change="continue"`` goes on from the saved value, as a multiple of the base LR, which would be infinite."""
    state = state_of()
    state["followed"]["lr"]["values"] = [1e308, 0.01]
    scheduler = ScheduledLR(sgd([0.1, 0.02]), "linear()", Horizon(20, 5), on_change="continue")
    before = facts(scheduler)
    with pytest.raises(ScheduleError, match=r"the value in use, 1e\+308, is too large.*on_change='replan'"):
        scheduler.load_state_dict(state)
    assert facts(scheduler) == before


def test_what_is_no_state_is_refused() -> None:
    """A list, ``None`` or a text is no state."""
    for given in (None, [], "state", 5):
        with pytest.raises(ScheduleError, match=r"must be what scheduler\.state_dict\(\) returned"):
            ScheduledLR(sgd([0.1]), "cosine()", Horizon(20)).load_state_dict(given)


# --- small data that asks for much time or memory -----------------------------------------------------------------------------


def test_the_last_length_of_an_epoch_is_kept_once() -> None:
    """The last number is used for all epochs that follow, so a million million of them are one."""
    state = {"steps": 20, "steps_per_epoch": [[4, 2], [5, 10**12]], "unit": "step"}

    assert horizon_from(state) == Horizon(20, [4, 4, 5])


def test_a_small_checkpoint_cannot_fill_the_memory() -> None:
    """``load_state_dict`` and ``branch`` refuse a list of epochs that no run has."""
    state = state_of()
    state["configured"]["lr"]["horizon"]["steps_per_epoch"] = [[5, 10**10], [4, 1]]

    with pytest.raises(ScheduleError, match="at most 1000000 epochs"):
        branch({"global_step": 5, "lr_schedulers": [state]}, over="2 epochs")
    with pytest.raises(ScheduleError, match="lists the lengths of 10000000000 epochs"):
        horizon_from(state["configured"]["lr"]["horizon"])


def test_a_damaged_state_cannot_be_branched() -> None:
    """``branch`` checks a state as ``load_state_dict`` does."""
    state = state_of()
    state["followed"]["lr"]["gains"] = [math.nan, 1.0]

    with pytest.raises(ScheduleError, match=r"\['gains'\]\[0\] is nan"):
        branch({"global_step": 5, "lr_schedulers": [state]}, over=5)


@pytest.mark.parametrize("text", [" " * 40_000 + "5x!", "5" + " " * 40_000 + "!", "5" * 40_000, "1." + "0" * 40_000])
def test_a_long_text_is_refused_at_once(text: str) -> None:
    """The time to refuse a duration does not grow with the square of its length."""
    begin = time.perf_counter()
    with pytest.raises(ScheduleError, match="is not a duration"):
        Duration(text)

    assert time.perf_counter() - begin < 0.05


def test_a_deep_state_is_refused_without_recursion() -> None:
    """A timeline of 20,000 changes is damaged; the deepest that format 1 could save is read."""
    state = state_of()
    timeline = state["followed"]["lr"]["timelines"][0]
    for _ in range(20_000):
        timeline = {"kind": "rewarmed", "of": timeline, "at": 1, "over": 1}
    state["followed"]["lr"]["timelines"][0] = timeline

    with pytest.raises(ScheduleError, match="at most"):
        ScheduledLR(sgd([0.1, 0.02]), "cosine()", Horizon(20, 5)).load_state_dict(state)
    while "of" in timeline:  # so that Python does not free it by recursion
        timeline = timeline.pop("of")
