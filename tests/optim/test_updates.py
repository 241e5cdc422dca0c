"""Where an update of an optimizer begins and ends, even if it steps other optimizers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import Optimizer

from lr_toolkit import Horizon, ScheduledLR, ScheduleError
from lr_toolkit.optim.updates import UpdateTracker, hookable_optimizers
from tests.helpers.optimizers import parameter, sgd
from tests.helpers.stepping_others import Hybrid, Sharp, Wrapper

OPTIMIZERS: dict[str, tuple[Callable[[], Optimizer], Callable[[Any], Callable[[], Any]]]] = {
    "SAM's second step": (lambda: Sharp([parameter()]), lambda optimizer: optimizer.second_step),
    "SAM's step": (lambda: Sharp([parameter()]), lambda optimizer: optimizer.step),
    "a hybrid": (lambda: Hybrid([sgd([1.0]), sgd([1.0])]), lambda optimizer: optimizer.step),
    "a wrapper": (lambda: Wrapper(sgd([1.0])), lambda optimizer: optimizer.step),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.filterwarnings("ignore:LR531")  # of the second step(), which is tested here
def test_a_schedule_moves_on_with_the_updates_of_the_optimizer_within(kind: str) -> None:
    """Each update counts once; a second step of the scheduler after it does not count."""
    make, step_of = OPTIMIZERS[kind]
    optimizer = make()
    scheduler = ScheduledLR(optimizer, "linear()", Horizon(4))
    used = []
    for _ in range(4):
        used.append(optimizer.param_groups[0]["lr"])
        step_of(optimizer)()
        scheduler.step()
        scheduler.step()

    assert used == [1.0, 0.75, 0.5, 0.25]


def test_an_optimizer_steps_itself_and_no_stranger() -> None:
    """An optimizer in an attribute with other groups has updates of its own."""
    plain, sharp = sgd([1.0]), Sharp([parameter()])
    plain.other = sgd([1.0])  # type: ignore[attr-defined]  # as any object, it can hold another

    assert hookable_optimizers(plain) == [plain]
    assert hookable_optimizers(sharp) == [sharp, sharp.base_optimizer]
    assert hookable_optimizers(Wrapper(plain)) == [plain]


@pytest.mark.parametrize("held", ["attributes", "list", "dict"])
def test_optimizers_that_a_hybrid_steps_are_found(held: str) -> None:
    """In attributes, a list or a dict, if their groups are parts of the hybrid's."""
    first, second, other = (sgd([1.0]) for _ in range(3))
    hybrid = Hybrid([first, second], held)
    hybrid.other = [other]  # type: ignore[attr-defined]  # as any object, it can hold another

    assert hookable_optimizers(hybrid) == [first, second]


GROUPS: list[dict[str, Any]] = [{"params": []}, {"params": []}, {"params": [parameter()]}]
# Each event is a step() that begins, or the indices of the groups whose step() returns; then whether an update ends there.
RUNS: dict[str, list[tuple[list[int] | None, bool]]] = {
    "one step": [(None, True), ([0, 1, 2], True)],
    "a step inside a step": [(None, True), (None, False), ([0, 1, 2], False), ([0, 1, 2], True)],
    "parts inside a step": [
        (None, True),
        (None, False),
        ([0], False),
        (None, False),
        ([1, 2], False),
        ([0, 1, 2], True),
    ],
    "parts": [
        (None, True),
        ([0], False),
        (None, True),
        ([2], False),
        (None, True),
        ([1], True),
        (None, True),
        ([1], False),
    ],
    "an end without a beginning": [([0, 1, 2], False)],
}


@pytest.mark.parametrize("run", RUNS)
def test_an_update_ends_when_each_group_was_stepped(run: str) -> None:
    """Whatever the number of step() calls; a step() inside another begins no update."""
    updates = UpdateTracker()
    for indices, expected in RUNS[run]:
        if indices is None:
            assert updates.begin() == expected
        else:
            assert updates.end([GROUPS[index] for index in indices], GROUPS) == expected


def test_a_step_that_raised_is_no_update_until_it_is_called_again() -> None:
    """``reset`` finds the update between two batches."""
    updates = UpdateTracker()
    updates.begin()  # raises
    assert not updates.reset(GROUPS)
    updates.begin()  # raises
    updates.begin()
    assert not updates.end(GROUPS, GROUPS)
    assert updates.reset(GROUPS)
    assert not updates.reset(GROUPS)
    updates.begin()
    assert updates.end(GROUPS, GROUPS)
    assert not updates.reset(GROUPS)


def test_an_update_that_is_stepped_in_parts_ends_with_the_batch() -> None:
    """If all groups are empty between two updates, no step() is known to be the last of one."""
    groups = [{"params": []}, {"params": []}]
    updates = UpdateTracker(groups)
    for group in groups * 2:
        group["params"] = [torch.zeros(1)]
        updates.begin()
        assert not updates.end(groups, groups)
        group["params"] = []
    assert updates.reset(groups)
    assert not updates.reset(groups)
    assert not updates.reset(GROUPS)
    updates.begin()
    assert updates.end(GROUPS, GROUPS)


def test_an_optimizer_whose_updates_cannot_be_seen_is_refused() -> None:
    """Its schedule would never move."""
    optimizer = Wrapper(sgd([1.0]))
    del optimizer.optimizer

    before = dict(optimizer.param_groups[0])
    with pytest.raises(ScheduleError, match=r"Wrapper .* updates cannot be seen.*super\(\).__init__"):
        ScheduledLR(optimizer, "warmup(2) >> linear()", Horizon(4))

    assert optimizer.param_groups[0] == before


class Copying(Wrapper):
    """Shows copies of the groups of the optimizer that it steps: what is written to them has no effect."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.optimizer = optimizer
        self._optimizer_step_pre_hooks = self._optimizer_step_post_hooks = {}  # type: ignore[assignment]  # OrderedDicts in torch

    @property
    def param_groups(self) -> list[dict[str, Any]]:  # type: ignore[override]  # an attribute in torch
        """New dicts at each look."""
        return [dict(group) for group in self.optimizer.param_groups]


def test_an_optimizer_that_shows_copies_of_its_groups_is_refused() -> None:
    """A schedule that is written to the copies would never act."""
    with pytest.raises(ScheduleError, match="with the same dicts in param_groups"):
        ScheduledLR(Copying(sgd([1.0])), "linear()", Horizon(4))


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("held", ["attributes", "list", "dict"])
def test_a_hybrid_takes_the_groups_that_its_optimizers_have_loaded(held: str, when: str) -> None:
    """A load before the scheduler is made, and one after it: the LR that is written is the one that moves the weights."""
    first, second = sgd([1.0]), sgd([1.0])
    hybrid = Hybrid([first, second], held)
    scheduler = ScheduledLR(hybrid, "linear()", Horizon(4)) if when == "after" else None
    for optimizer in (first, second):
        optimizer.load_state_dict(optimizer.state_dict())
    scheduler = scheduler or ScheduledLR(hybrid, "linear()", Horizon(4))
    used = []
    for _ in range(4):
        weight = second.param_groups[0]["params"][0]
        before = weight.item()
        hybrid.step()
        used.append(before - weight.item())
        scheduler.step()

    assert used == pytest.approx([1.0, 0.75, 0.5, 0.25])
    assert hybrid.param_groups[1] is second.param_groups[0]
