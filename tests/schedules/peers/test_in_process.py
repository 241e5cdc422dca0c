"""Configurations of torch and transformers: the LR of every update of a real loop, beside ours."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import SGD, Optimizer

from lr_toolkit import Horizon, Schedule
from lr_toolkit.schedules.peers.peer import PEERS
from tests.helpers.peer_draws import DRAWS, TORCH, TRANSFORMERS, Draw, real_torch, real_transformers

NEWER = ("cosine_warmup_with_min_lr", "warmup_stable_decay")
CONFIGURATIONS = [
    *(pytest.param("torch", label, *configuration, id=f"torch, {label}") for label, configuration in TORCH.items()),
    *(
        pytest.param(
            "transformers",
            label,
            *configuration,
            id=f"transformers, {label}",
            marks=pytest.mark.needs("transformers>=5", "it has these arguments") if label in NEWER else (),
        )
        for label, configuration in TRANSFORMERS.items()
    ),
]
REAL: dict[str, Callable[[str, dict[str, Any], Optimizer], Any]] = {
    "torch": real_torch,
    "transformers": real_transformers,
}


def used(scheduler: Callable[[Optimizer], Any], lr: float, updates: int) -> list[list[float]]:
    """The LR of each update of a real loop, of a group with that LR and of one with a third of it."""
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": group_lr} for group_lr in (lr, lr / 3)]
    optimizer = SGD(groups, lr=lr)
    stepped, lrs = scheduler(optimizer), []
    for update in range(updates):
        lrs.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()
        if update < updates - 1:
            stepped.step()
    return np.array(lrs).T.tolist()


@pytest.mark.parametrize(("library", "label", "name", "draw"), CONFIGURATIONS)
def test_every_update_has_the_lr_of_the_library(
    library: str, label: str, name: str, draw: Callable[[np.random.Generator], Draw]
) -> None:
    """Twenty random configurations of each name: the LRs agree to 1e-9 in each update, and the text is read back."""
    for seed in range(DRAWS):
        rng = np.random.default_rng([seed, zlib.crc32(f"{library} {label}".encode())])
        drawn, lr = draw(rng), float(rng.uniform(2e-3, 1.0))
        translation = PEERS[library].translate(
            label.partition(",")[0] if library == "transformers" else name, **drawn.arguments
        )
        real = drawn.real or (lambda optimizer, drawn=drawn: REAL[library](name, drawn.arguments, optimizer))
        base = lr if translation.base_lr is None else translation.base_lr
        theirs = used(real, lr, drawn.updates)
        timeline = translation.schedule.resolve(Horizon(drawn.updates))
        # transformers makes an LR a share of the default LR, which only a group with that LR follows.
        groups = 1 if translation.base_lr is not None or {"min_lr", "lr_end"} & set(drawn.arguments) else 2
        for group, group_base in zip(theirs[:groups], (base, base / 3), strict=False):
            ours = timeline.values(range(drawn.updates), base_lr=group_base).tolist()

            assert ours == pytest.approx(group, rel=1e-9, abs=1e-12 * base), (drawn.arguments, translation.schedule)
        if translation.schedule.has_text:
            assert Schedule.parse(repr(translation.schedule)) == translation.schedule
