"""The states of the random number generators, of torch, NumPy, Python and CUDA, kept over a search."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

__all__ = ["random_state", "restore_random_state", "same_random_state", "seed_all"]


def random_state() -> tuple[Any, ...]:
    """The state of each generator. No device is initialised for it."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]  # torch has not typed it
    return torch.get_rng_state(), np.random.get_state(), random.getstate(), cuda  # noqa: NPY002  # it is there, and others use it


def restore_random_state(state: tuple[Any, ...]) -> None:
    """Put the generators back to a state that ``random_state`` returned."""
    torchs, numpys, pythons, cuda = state
    torch.set_rng_state(torchs)
    np.random.set_state(numpys)  # noqa: NPY002  # it is there, and others use it
    random.setstate(pythons)
    if cuda is not None:
        torch.cuda.set_rng_state_all(cuda)


@contextmanager
def same_random_state() -> Iterator[None]:
    """Leave the generators as they were, whatever is done inside."""
    state = random_state()
    try:
        yield
    finally:
        restore_random_state(state)


def seed_all(seed: int) -> None:
    """Seed the generators."""
    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  # it is there, and others use it
    random.seed(seed)
