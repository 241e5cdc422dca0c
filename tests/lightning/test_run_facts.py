"""``RunFacts``: the horizon from plain facts is what a loop over epochs and batches counts, from any position."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

import lightning as L
import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import Optimizer

from lr_toolkit import Horizon
from lr_toolkit.lightning.run import read_run_facts
from lr_toolkit.lightning.run_facts import RunFacts, horizon_ahead, horizon_with_even_past, horizon_with_past
from tests.helpers.runs import RUNS, Net

# A loader whose length is known is one of the cases.
pytestmark = pytest.mark.filterwarnings("ignore:Your `IterableDataset` has `__len__` defined")

FACTS = RunFacts(
    max_epochs=3,
    max_steps=-1,
    batches=8,
    accumulation=((0, 1),),
    ends_with_update=True,
    is_trial=False,
    epoch=0,
    batch=0,
    updates=0,
    current_accumulation=1,
)


def counted(facts: RunFacts) -> tuple[int, list[int]]:
    """The updates ahead, in all and in each epoch that begins, as Lightning's loops count them; the last may be cut short."""
    lengths: list[int] = []
    updates, epoch = facts.updates, facts.epoch
    while epoch != facts.max_epochs and updates != facts.max_steps:
        lengths.append(0)
        in_progress = epoch == facts.epoch and facts.batch > 0
        every = facts.current_accumulation if in_progress else facts.planned_accumulation(epoch)
        for batch in range(facts.batch if in_progress else 0, int(facts.batches)):
            if (batch + 1) % every == 0 or batch + 1 == facts.batches:
                updates, lengths[-1] = updates + 1, lengths[-1] + 1
            if updates == facts.max_steps:
                break
        epoch += 1
    return updates - facts.updates, lengths


@st.composite
def facts_of_runs(draw: st.DrawFn) -> RunFacts:
    """Runs that are not over, at any position."""
    batches, some = draw(st.integers(1, 9)), st.integers(1, 5)
    max_epochs, max_steps = draw(
        st.sampled_from([(1, -1), (2, -1), (9, -1), (-1, 1), (-1, 30), (2, 7), (9, 7), (5, 30)])
    )
    changes = draw(st.dictionaries(st.integers(1, 7), some, max_size=3))
    return RunFacts(
        max_epochs=max_epochs,
        max_steps=max_steps,
        batches=batches,
        accumulation=((0, draw(some)), *sorted(changes.items())),
        ends_with_update=True,
        is_trial=False,
        epoch=draw(st.integers(0, max_epochs - 1 if max_epochs != -1 else 8)),
        batch=draw(st.integers(0, batches - 1)),
        updates=draw(st.integers(0, max_steps - 1 if max_steps != -1 else 29)),
        current_accumulation=draw(some),
    )


@given(facts_of_runs())
def test_what_is_ahead_is_what_a_loop_counts(facts: RunFacts) -> None:
    """Updates, epochs, and the length of each epoch that is not cut short."""
    updates, lengths = counted(facts)
    ahead = facts.ahead()

    assert (ahead.updates, ahead.epochs) == (updates, len(lengths))
    whole = lengths if facts.max_steps == -1 else lengths[:-1]
    assert [ahead.lengths[min(epoch, len(ahead.lengths) - 1)] for epoch in range(len(whole))] == whole


@given(facts_of_runs())
def test_the_horizon_ahead_counts_updates_or_epochs(facts: RunFacts) -> None:
    """In updates the horizon has the updates ahead, in epochs the epochs that begin."""
    updates, lengths = counted(facts)

    assert horizon_ahead(facts, in_epochs=False).steps == updates
    assert horizon_ahead(facts, in_epochs=True) == Horizon(len(lengths), unit="epoch")


@given(facts_of_runs())
def test_an_unchanged_run_has_its_horizon_after_each_batch(facts: RunFacts) -> None:
    """A run that goes on as planned from any of its positions has the horizon of the whole run."""
    start = facts.from_start()
    whole = horizon_ahead(start, in_epochs=False)
    epoch, updates = 0, 0
    while epoch != facts.max_epochs and updates + start.updates_in(epoch) < whole.steps and epoch < 6:
        every = facts.planned_accumulation(epoch)
        for batch in range(int(facts.batches)):
            here = replace(
                start, epoch=epoch, batch=batch, updates=updates + batch // every, current_accumulation=every
            )
            if not here.is_over:
                assert horizon_with_past(here, whole, here.updates) == whole
                assert horizon_with_even_past(here, whole, here.updates) == whole
        updates += start.updates_in(epoch)
        epoch += 1


def test_an_engine_that_accumulates_across_epochs_has_no_shorter_update() -> None:
    """Eight batches at three per update are two updates in an epoch, and three if the epoch's end brings one."""
    facts = replace(FACTS, accumulation=((0, 3),), current_accumulation=3)

    assert facts.ahead().updates == 9
    assert replace(facts, ends_with_update=False).ahead().updates == 6


@pytest.mark.parametrize(
    ("changed", "horizon"),
    [
        ({"accumulation": ((0, 2),), "current_accumulation": 2}, Horizon(16, [8, 4])),
        ({"batches": 4}, Horizon(16, [8, 4])),
        ({"max_epochs": 5}, Horizon(40, 8)),
        ({"max_epochs": -1, "max_steps": 100}, Horizon(100, 8)),
        ({"max_epochs": -1, "max_steps": 100, "batches": math.inf}, Horizon(100)),
        ({"is_trial": True}, Horizon(24, 8)),
        ({"max_epochs": 1}, Horizon(24, 8)),
    ],
)
def test_a_changed_run_keeps_its_past(changed: dict[str, Any], horizon: Horizon) -> None:
    """After one epoch of eight updates, what is ahead follows the new facts; a run that is over or a trial changes nothing."""
    after_one_epoch = replace(FACTS, epoch=1, updates=8, **changed)

    assert horizon_with_past(after_one_epoch, Horizon(24, 8), 8) == horizon


def test_a_million_epochs_cost_nothing() -> None:
    """The work does not grow with the epochs or updates of a run, only with the changes of its accumulation."""
    facts = replace(FACTS, max_epochs=10**12, max_steps=10**13, accumulation=((0, 4), (3, 1)), current_accumulation=4)
    began = time.perf_counter()
    horizon = horizon_ahead(facts, in_epochs=False)

    assert time.perf_counter() - began < 0.1
    assert horizon == Horizon(3 * 2 + (10**12 - 3) * 8, [2, 2, 2, 8])


class Asking(Net):
    """Records after each batch how many updates remain according to the facts."""

    def __init__(self) -> None:
        super().__init__(lambda net, optimizer: optimizer)
        self.ends: list[int] = []

    def optimizer(self) -> Optimizer:
        self.ends = []
        return super().optimizer()

    def on_train_batch_end(self, *_: Any) -> None:
        facts = read_run_facts(self.trainer)
        ahead = 0 if facts.is_over else horizon_ahead(facts, in_epochs=False).steps
        self.ends.append(facts.updates + ahead)


@pytest.mark.parametrize("name", RUNS)
def test_the_length_can_be_asked_for_again_after_each_batch(name: str) -> None:
    """In real Trainers the updates taken and those ahead are those of the whole run, at the end of each batch."""
    net = Asking()
    RUNS[name].fit(net)

    assert set(net.ends) == {RUNS[name].steps}


CHANGES = {
    "accumulation": (lambda trainer: setattr(trainer, "accumulate_grad_batches", 2), 8 + 4 + 4),
    "max_epochs": (lambda trainer: setattr(trainer.fit_loop, "max_epochs", 5), 5 * 8),
    "max_steps": (lambda trainer: setattr(trainer.fit_loop.epoch_loop, "max_steps", 11), 11),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_at_the_end_of_an_epoch_is_seen(name: str) -> None:
    """After a change in mid-run the facts have the length that then comes."""
    change, steps = CHANGES[name]

    class Changing(L.Callback):
        def on_train_epoch_end(self, trainer: L.Trainer, *_: Any) -> None:
            if trainer.current_epoch == 0:
                change(trainer)

    net = Asking()
    run = RUNS["max_epochs"]
    trainer = replace(run, callbacks=lambda: [Changing()]).trainer()
    trainer.fit(net, run.data())

    assert set(net.ends[:8]) == {24}
    assert set(net.ends[8:]) == {steps}
    assert len(net.used) == steps
