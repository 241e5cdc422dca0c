"""A search that is interrupted gives what it has, and changes nothing."""

from __future__ import annotations

import signal
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lr_toolkit import LRSearch, NoLRFound, linear, search_lr
from lr_toolkit.finder.line_search import SHARE
from lr_toolkit.finder.methods import run_search
from lr_toolkit.finder.problem import Problem
from lr_toolkit.finder.search import plan_of
from lr_toolkit.schedules import Horizon
from tests.helpers.finding import assert_same, batches, squared_error, state_of


class Interrupted:
    """A loss that sends the process the signal of Ctrl-C in its call number ``call``; ``None`` for never."""

    def __init__(self, call: int | None = None) -> None:
        self.call = call
        self.calls = 0

    def __call__(self, model: nn.Module, batch: Any) -> torch.Tensor:
        """The loss."""
        self.calls += 1
        if self.calls == self.call:
            signal.raise_signal(signal.SIGINT)
        return squared_error(model, batch)


def search(method: Any, loss: Interrupted, seed: int = 0) -> LRSearch:
    """Search with a small network."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    before = state_of(model, optimizer)
    try:
        return search_lr(model, optimizer, loss, batches(), linear(), 160, method=method, seed=seed)
    finally:
        assert_same(before, state_of(model, optimizer))


def outcome(method: Any, loss: Interrupted) -> LRSearch | NoLRFound:
    """What a search returns or raises."""
    try:
        return search(method, loss)
    except NoLRFound as error:
        return error


@pytest.fixture(scope="module")
def whole() -> dict[str, tuple[LRSearch, int]]:
    """Each method's search, and how often it has called the loss."""
    searches = {}
    for method in ("auto", "line_search", "schedules", "range_test"):
        loss = Interrupted()
        searches[method] = (search(method, loss), loss.calls)
    return searches


def line_calls(found: LRSearch, count: int) -> int:
    """The calls of the loss on the first batches of the line search: one before the step of each, and one for each trial."""
    trials = [trial for trial in found.curve if trial.kind == "line search"]
    return len(trials) * count // len(found.limits) + count


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999])
@pytest.mark.parametrize("method", ["auto", "line_search", "schedules", "range_test"])
def test_the_curve_is_the_beginning_of_the_whole_one(whole: Any, method: str, share: float) -> None:
    """Wherever the interrupt comes; and there is an answer with its reason, or ``NoLRFound`` with the curve."""
    expected, calls = whole[method]
    ended = outcome(method, Interrupted(1 + int(share * calls)))
    if isinstance(ended, LRSearch):
        assert ended.interrupted
        assert ended.low is not None
        assert ended.high is not None
        assert ended.low <= ended.lr <= ended.high
        assert ended.cost < expected.cost

    curve = ended.curve
    assert "nterrupted after" in ended.reason
    assert curve == expected.curve[: len(curve)]
    assert len(curve) < len(expected.curve)


def test_a_search_that_was_not_interrupted_reports_no_interrupt(whole: Any) -> None:
    """Its field is false, and its text does not mention an interrupt."""
    for found, _ in whole.values():
        assert not found.interrupted
        assert "nterrupt" not in str(found)


def test_the_first_batches_answer_nothing() -> None:
    """One batch has no median."""
    with pytest.raises(NoLRFound, match="after 0 of 10 batches of the line search, which is too little"):
        search("auto", Interrupted(3))


@pytest.mark.parametrize("method", ["auto", "line_search"])
def test_some_batches_answer_with_their_median(whole: Any, method: str) -> None:
    """A quarter of the geometric median of the limits so far."""
    found = search(method, Interrupted(line_calls(whole["line_search"][0], 6)))

    assert 3 <= len(found.limits) < 10
    assert found.limits == whole["line_search"][0].limits[: len(found.limits)]
    assert found.lr == pytest.approx(SHARE * np.exp(np.median(np.log(found.limits))))
    assert f"after {len(found.limits)} of 10 batches" in found.reason


def test_the_first_short_run_leaves_the_answer_to_the_line_search(whole: Any) -> None:
    """A single run has nothing to be compared with."""
    loss = Interrupted(line_calls(whole["auto"][0], 10) + 40)  # 20 updates and 5 batches each, twice
    found = search("auto", loss)

    assert found.lr == whole["line_search"][0].lr
    assert found.reason.startswith("Interrupted after 1 short run. A quarter of")


def test_two_short_runs_answer_with_the_better(whole: Any) -> None:
    """The one with the lower loss, if nothing was tried beyond it."""
    found = search("auto", Interrupted(line_calls(whole["auto"][0], 10) + 2 * 25 + 15))
    runs = [trial for trial in found.curve if trial.kind == "schedule"]

    assert len(runs) == 2
    assert found.lr == min(runs, key=lambda trial: trial.loss).lr
    assert found.reason.startswith("Interrupted after 2 short runs. The best of 2 short runs")


def test_the_last_short_run_is_missing(whole: Any) -> None:
    """The parabola goes through those that are there."""
    expected, calls = whole["auto"]
    found = search("auto", Interrupted(calls))

    assert found.lr == pytest.approx(expected.lr, rel=0.5)
    assert found.reason.startswith("Interrupted after 4 short runs. Half way from the lowest point between 4")


def test_a_grid_answers_once_it_has_passed_the_lowest_loss(whole: Any) -> None:
    """Before that its last LR is the lowest, whatever the best is."""
    expected, calls = whole["schedules"]
    with pytest.raises(NoLRFound, match="after 6 short runs") as caught:
        search("schedules", Interrupted(1 + int(0.45 * calls)))
    found = search("schedules", Interrupted(calls))

    assert len(caught.value.curve) == 6
    assert found.lr == pytest.approx(expected.lr, rel=1)


def test_ranks_that_would_disagree_are_interrupted_as_usual() -> None:
    """With other ranks in the search, the interrupt comes out."""
    model = nn.Linear(8, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plan = plan_of(optimizer, linear(), Horizon(160))
    data = [(batch,) for batch in batches()] * 99
    problem = Problem(model, optimizer, Interrupted(50), lambda: iter(data), plan, seed=0, is_alone=False)
    with pytest.raises(KeyboardInterrupt):
        run_search(problem, "auto", 1.0)
