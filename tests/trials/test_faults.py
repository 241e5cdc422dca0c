"""Faults of a run, of its neighbours and of its checkpoints: what is right in each of them.

Entries are grouped by topic. Each runs a real scheduler or Trainer; the expected numbers come from exact arithmetic.
"""

from __future__ import annotations

import itertools
import json
import math
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest

from lr_toolkit import Horizon, ScheduledLR
from tests.helpers.optimizers import sgd

# --- a run that changes its rate at every resume ------------------------------------------------------------------------------

STEPS = 100_000


def warmup_stairs_cosine(position: Fraction) -> float:
    """``warmup('0.5%') >> step('4%', gamma=0.9, over='40%') >> cosine(end=0.1)`` at an exact position, by its formula."""
    if position < 500:
        return float((position + 1) / 501)
    if position < 40_500:
        return 0.9 ** ((position - 500) // 4000)
    level = 0.9**9
    share = float(min(position - 40_500, 59_500) / 59_500)
    return 0.1 + (level - 0.1) * (1 + math.cos(math.pi * share)) / 2


def resumed(state: dict[str, Any] | None, steps: int, **options: Any) -> ScheduledLR:
    """A scheduler on a run of ``steps`` updates that goes on from ``state``."""
    scheduler = ScheduledLR(
        sgd([1.0]), "warmup('0.5%') >> step('4%', gamma=0.9, over='40%') >> cosine(end=0.1)", Horizon(steps), **options
    )
    if state is not None:
        scheduler.load_state_dict(json.loads(json.dumps(state)))
    return scheduler


def test_two_thousand_alternating_resumes_are_exact_small_and_fast() -> None:
    """The LRs are those of one exact clock, no phase begins an update early or late, and the last resume costs what the first does."""
    scheduler = resumed(None, STEPS)
    scheduler.step(30)
    position, rate, times = Fraction(30), Fraction(1), []
    for resume in range(2000):
        at = scheduler.last_epoch
        until = at + round((STEPS - position) / (Fraction(7, 3) if resume % 2 else Fraction(1, 2)))
        state = scheduler.state_dict()
        begin = time.perf_counter()
        scheduler = resumed(state, until, on_change="stretch")
        times.append(time.perf_counter() - begin)
        rate = (STEPS - position) / (until - at)
        for k in (at, at + 1, at + 29):
            assert scheduler.planned(k)[0] == pytest.approx(warmup_stairs_cosine(position + (k - at) * rate), rel=1e-12)
        scheduler.step(at + 30)
        position += 30 * rate
    edges = [500, *range(4500, 40_500, 4000), 40_500]
    for edge in (edge for edge in edges if edge > position):
        k = scheduler.last_epoch + math.ceil((edge - position) / rate)
        for near in (k - 1, k):
            expected = warmup_stairs_cosine(position + (near - scheduler.last_epoch) * rate)
            assert scheduler.planned(near)[0] == pytest.approx(expected, rel=1e-12)
    assert len(json.dumps(scheduler.state_dict())) < 2000
    assert sum(times[-100:]) < 3 * sum(times[:100])
    assert scheduler.planned(scheduler.timeline.steps)[0] == pytest.approx(0.1, rel=1e-15)


WAYS: dict[str, Callable[[int], dict[str, Any]]] = {
    "stretch": lambda resume: {"on_change": "stretch"},
    "keep and warm up again": lambda resume: {"on_change": "keep", "rewarm": 20},
    "keep and warm up again, before the last warmup is over": lambda resume: {"on_change": "keep", "rewarm": 50},
    "stretch and warm up again": lambda resume: {"on_change": "stretch", "rewarm": 20},
    "continue": lambda resume: {"on_change": "continue"},
    "continue and warm up again": lambda resume: {"on_change": "continue", "rewarm": 20},
    "one after another": lambda resume: {
        "on_change": ("stretch", "keep", "continue", "stretch", "replan")[resume % 5],
        "rewarm": None if resume % 3 else 20,
    },
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_go_on_stays_small(way: str) -> None:
    """After 300 resumes, 30 updates apart, the state is small; what lies in the past of the run is dropped."""
    scheduler = ScheduledLR(sgd([1.0]), "linear()", Horizon(STEPS))
    scheduler.step(30)
    sizes = []
    for resume, steps in zip(range(300), itertools.cycle((STEPS + 7, STEPS)), strict=False):
        state = json.loads(json.dumps(scheduler.state_dict()))
        lr = scheduler.get_last_lr()[0]
        options = WAYS[way](resume)
        scheduler = ScheduledLR(sgd([1.0]), "linear()", Horizon(steps), **options)
        scheduler.load_state_dict(state)
        if not options.get("rewarm") and options["on_change"] in ("stretch", "keep", "continue"):
            assert scheduler.get_last_lr()[0] == pytest.approx(lr, rel=1e-12)
        sizes.append(len(json.dumps(scheduler.state_dict())))
        scheduler.step(scheduler.last_epoch + 30)
    assert max(sizes) < 1500


def test_a_second_warmup_takes_the_place_of_one_that_is_not_over() -> None:
    """The LR begins at the first factor of the new warmup, not at the product of both."""
    first = ScheduledLR(sgd([1.0]), "hold()", Horizon(1000))
    first.step(100)
    second = ScheduledLR(sgd([1.0]), "cosine()", Horizon(1000), on_change="keep", rewarm=9)
    second.load_state_dict(first.state_dict())
    second.step(104)
    third = ScheduledLR(sgd([1.0]), "linear()", Horizon(1000), on_change="keep", rewarm=9)
    third.load_state_dict(second.state_dict())

    assert second.planned(104) == [pytest.approx(0.5)]
    assert [third.planned(k)[0] for k in (104, 108, 113)] == pytest.approx([0.1, 0.5, 1.0])
