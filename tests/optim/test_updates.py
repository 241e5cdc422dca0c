"""Optimizers that step another one: the schedule moves on with the updates that the other takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import SGD, Optimizer

from lr_toolkit import Horizon, ScheduledLR, ScheduleError
from lr_toolkit.optim.updates import hookable_optimizers
from tests.helpers.stepping_others import Sharp, Wrapper


def weights() -> list[torch.nn.Parameter]:
    """One weight with a gradient."""
    weight = torch.nn.Parameter(torch.ones(1))
    weight.grad = torch.ones(1)
    return [weight]


WAYS: dict[str, tuple[Callable[[], Optimizer], Callable[[Any], Callable[[], Any]]]] = {
    "SAM's second step": (lambda: Sharp(weights()), lambda optimizer: optimizer.second_step),
    "SAM's step": (lambda: Sharp(weights()), lambda optimizer: optimizer.step),
    "a wrapper": (lambda: Wrapper(SGD(weights(), lr=1.0)), lambda optimizer: optimizer.step),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_schedule_moves_on_with_the_updates_of_the_optimizer_within(way: str) -> None:
    """Each of them counts once, and a step of the scheduler between two of them not at all."""
    make, step_of = WAYS[way]
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
    """One that it merely holds, with groups of its own, has updates of its own."""
    plain, sharp = SGD(weights(), lr=1.0), Sharp(weights())
    plain.other = SGD(weights(), lr=1.0)  # type: ignore[attr-defined]  # as any object, it can hold another

    assert hookable_optimizers(plain) == [plain]
    assert hookable_optimizers(sharp) == [sharp, sharp.base_optimizer]
    assert hookable_optimizers(Wrapper(plain)) == [plain]


def test_an_optimizer_whose_updates_cannot_be_seen_is_refused() -> None:
    """Its schedule would stand still for ever."""
    optimizer = Wrapper(SGD(weights(), lr=1.0))
    del optimizer.optimizer

    before = dict(optimizer.param_groups[0])
    with pytest.raises(ScheduleError, match=r"Wrapper .* updates cannot be seen.*super\(\).__init__"):
        ScheduledLR(optimizer, "warmup(2) >> linear()", Horizon(4))

    assert optimizer.param_groups[0] == before
