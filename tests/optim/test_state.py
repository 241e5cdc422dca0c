"""States of format 1: read if their schedule means the same now, otherwise refused with the text that means what it meant."""

from __future__ import annotations

from typing import Any

import pytest

from lr_toolkit import Horizon, ScheduledLR, ScheduleError, branch
from lr_toolkit.optim.state import upgraded
from tests.helpers.optimizers import sgd

# Texts of format 1, in which every phase began at the base LR, with the text of today that gives the same LRs at update 15 of
# 20; None if it is the same text.
MEANT = {
    "warmup(4) >> cosine(end=0.1)": None,
    "hold('50%') >> linear()": None,
    "wsd(4, '20%')": None,
    "cosine(end=0.5, over='50%') >> linear()": "cosine(end=0.5, over='50%') >> linear(start=1.0)",
    "cosine(over=10) >> cosine()": "cosine(over=10) >> cosine(start=1.0)",
    "step(4, gamma=0.5, over=10) >> exponential(0.9, every=2)": (
        "step(4, gamma=0.5, over=10) >> exponential(0.9, every=2, start=1.0)"
    ),
    "linear(end=0.5, over=5) >> warmup(5) >> linear()": None,
}


def state_of_format_1(text: str, lr: float, update: int = 15) -> dict[str, Any]:
    """The state that version 0.1 saved at an update of a run of 20."""
    plan = {"schedule": text, "steps": 20, "steps_per_epoch": None, "unit": "step", "base_lrs": [1.0]}
    return {
        "class": "lr_toolkit.ScheduledLR",
        "format": 1,
        "last_epoch": update,
        "updated": False,
        "asked": plan,
        "route": {"kind": "Plan", **plan},
        "base_lrs": [1.0],
        "lrs": [lr],
        "gains": [1.0],
        "plateau": None,
        "metric": None,
    }


@pytest.mark.parametrize("text", [text for text, meant in MEANT.items() if meant is None])
def test_a_text_that_means_the_same_is_read(text: str) -> None:
    """If each phase would begin at the base LR today too, the state is read."""
    lr = ScheduledLR(sgd([1.0]), text, Horizon(20)).planned(15)[0]
    scheduler = ScheduledLR(sgd([1.0]), text, Horizon(20))
    scheduler.load_state_dict(state_of_format_1(text, lr))

    assert scheduler.get_last_lr() == [lr]
    assert scheduler.last_epoch == 15


@pytest.mark.parametrize(("text", "meant"), [(text, meant) for text, meant in MEANT.items() if meant is not None])
def test_a_text_that_means_something_else_is_refused_with_the_old_meaning(text: str, meant: str) -> None:
    """The message shows the text to write, and with that text the run continues as before."""
    lr = ScheduledLR(sgd([1.0]), meant, Horizon(20)).planned(15)[0]
    state = state_of_format_1(text, lr)
    # The second cosine would begin and end at zero, which is refused before a state is read.
    if text != "cosine(over=10) >> cosine()":
        with pytest.raises(ScheduleError) as caught:
            ScheduledLR(sgd([1.0]), text, Horizon(20)).load_state_dict(state)

        assert f"To go on as before write {meant}." in str(caught.value)

    scheduler = ScheduledLR(sgd([1.0]), meant, Horizon(20))
    scheduler.load_state_dict(state)

    assert scheduler.get_last_lr() == [lr]


def test_a_policy_decides_about_a_text_that_means_something_else() -> None:
    """With ``on_change`` the saved plan keeps its old meaning, and the new plan has today's."""
    text, meant = "cosine(end=0.5, over='50%') >> linear()", "cosine(end=0.5, over='50%') >> linear(start=1.0)"
    before, now = (ScheduledLR(sgd([1.0]), each, Horizon(20)).planned(16)[0] for each in (meant, text))
    lr = ScheduledLR(sgd([1.0]), meant, Horizon(20)).planned(15)[0]
    for policy, expected in (("keep", before), ("replan", now)):
        scheduler = ScheduledLR(sgd([1.0]), text, Horizon(20), on_change=policy)
        scheduler.load_state_dict(state_of_format_1(text, lr))

        assert scheduler.planned(16) == [pytest.approx(expected)]


def test_nested_stretches_are_read_as_a_single_stretch() -> None:
    """Format 1 nested the stretches of each resume; a single stretch gives the same LRs."""
    state = state_of_format_1("linear()", 0.5)
    plan = state["route"]
    inner = {"kind": "Stretched", "of": plan, "at": 5, "until": 35}  # 1 - 5/20 - (k - 5) / 40
    state["route"] = {"kind": "Stretched", "of": inner, "at": 15, "until": 25}
    (timeline,) = upgraded(state)["followed"]["lr"]["timelines"]
    scheduler = ScheduledLR(sgd([1.0]), "linear()", Horizon(20))
    scheduler.load_state_dict(state)

    assert timeline["of"]["kind"] == "resolved"
    assert [scheduler.planned(k)[0] for k in (15, 20, 25)] == pytest.approx([0.5, 0.25, 0.0])


@pytest.mark.parametrize("rewarm", [None, 2])
@pytest.mark.parametrize("policy", ["replan", "keep", "stretch", "continue", "restart"])
@pytest.mark.filterwarnings("ignore:LR267")  # a branch from a decay is no branch from a stable phase
def test_what_a_policy_made_is_loaded_again(policy: Any, rewarm: int | None) -> None:
    """A run that went on under each policy is saved and resumed with the same LRs, and can be branched."""

    def scheduler(steps: int, text: str = "linear()") -> ScheduledLR:
        return ScheduledLR(sgd([0.1]), text, Horizon(steps), on_change=policy, rewarm=rewarm)

    first, second, third = scheduler(10, "cosine()"), scheduler(20), scheduler(20)
    first.step(4)
    second.load_state_dict(first.state_dict())
    second.step(7)
    third.load_state_dict(second.state_dict())

    assert third.bindings == second.bindings
    assert [third.planned(k) for k in range(7, 21)] == [second.planned(k) for k in range(7, 21)]
    assert branch({"global_step": 7, "lr_schedulers": [second.state_dict()]}, over=3)


@pytest.mark.parametrize("policy", ["error", "replan", "keep", "stretch", "continue"])
@pytest.mark.parametrize("update", [0, 3])
def test_base_lrs_that_were_changed_stay_after_a_recalculation(policy: Any, update: int) -> None:
    """``rebase`` and then another length of the run: the LR is ten times lower, as on the length before."""
    plain, rebased = (ScheduledLR(sgd([0.1]), "linear()", Horizon(10), on_change=policy) for _ in range(2))
    for scheduler in (plain, rebased):
        scheduler.step(update)
    rebased.rebase(0.01)
    for scheduler in (plain, rebased):
        scheduler.recalculate(Horizon(20))

    for k in range(update, 20):
        assert rebased.planned(k) == pytest.approx([lr / 10 for lr in plain.planned(k)])


@pytest.mark.parametrize("between", [20, 6])
def test_a_length_that_is_taken_back_ends_with_the_run(between: int) -> None:
    """A run of 10 updates that has another length for a while ends at 0 with update 10, on a straight line from where it stands."""
    scheduler = ScheduledLR(sgd([1.0]), "linear()", Horizon(10))
    scheduler.step(3)
    scheduler.recalculate(Horizon(between))
    scheduler.step(4)
    (here,) = scheduler.planned(4)
    scheduler.recalculate(Horizon(10))

    assert [scheduler.planned(k)[0] for k in range(4, 11)] == pytest.approx([here * (10 - k) / 6 for k in range(4, 11)])


def test_a_shorter_run_within_the_first_epoch_stops_nothing() -> None:
    """A warmup that is longer than the run by now is spread over it, in the first epoch as in a later one."""
    optimizer = sgd([1.0])
    scheduler = ScheduledLR(optimizer, "warmup('5 epochs') >> cosine()", Horizon(10, unit="epoch"))
    (first,) = scheduler.get_last_lr()
    optimizer.step()

    assert scheduler.recalculate(Horizon(4, unit="epoch"))
    assert scheduler.get_last_lr() == [first]
    assert scheduler.planned(2) == [1.0]
    assert scheduler.planned(4) == pytest.approx([0.0], abs=1e-12)
