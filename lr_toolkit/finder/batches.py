"""Reading a dataloader again and again, in the same order, without a trace in it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, IterableDataset

from lr_toolkit.errors import ScheduleError, shorten

__all__ = ["check_repeatable", "endless", "unread_copy"]


def check_repeatable(batches: Any) -> None:
    """Refuse what can be read only once. Nothing is read for it.

    Raises:
        ScheduleError: if ``batches``, or the dataset of this dataloader, is an iterator, or gives the same one each time.
    """
    source = batches.dataset if isinstance(batches, DataLoader) else batches
    if isinstance(batches, DataLoader) and not isinstance(source, IterableDataset):
        return
    is_once = isinstance(source, Iterator) or not (hasattr(source, "__iter__") or hasattr(source, "__getitem__"))
    if (
        not is_once and isinstance(batches, DataLoader) and batches.num_workers == 0
    ):  # a worker has a copy for each epoch
        is_once = iter(source) is iter(source)
    if is_once:
        raise ScheduleError(
            f"The LR finder reads the training data several times, and {shorten(source)} can be read only once. Hand over a "
            "DataLoader, a list of batches, or a dataset whose __iter__ begins anew."
        )


def unread_copy(loader: Any) -> Any:
    """A dataloader that reads as ``loader`` would next, and leaves it, its samplers and its generators alone.

    Anything but a ``DataLoader`` is returned as it is. The dataset is shared.
    """
    if not isinstance(loader, DataLoader):
        return loader
    memo: dict[int, Any] = {id(loader.dataset): loader.dataset}
    samplers = [loader.sampler, loader.batch_sampler, getattr(loader.batch_sampler, "sampler", None)]
    for generator in [loader.generator, *(getattr(sampler, "generator", None) for sampler in samplers)]:
        if isinstance(generator, torch.Generator):
            memo[id(generator)] = _copied(generator)
    result = copy.copy(loader)
    result.__dict__.update(
        generator=memo.get(id(loader.generator), loader.generator),
        sampler=copy.deepcopy(loader.sampler, memo),
        batch_sampler=copy.deepcopy(loader.batch_sampler, memo),
        persistent_workers=False,  # do not start or reuse the workers of the run
        _iterator=None,
    )
    return result


def endless(epoch: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    """The items of one epoch after another.

    Raises:
        ScheduleError: if an epoch has none.
    """
    while True:
        item = None
        for item in epoch():
            yield item
        if item is None:
            raise ScheduleError("The LR finder got no training batch. Hand over a dataloader with at least one batch.")


def _copied(generator: torch.Generator) -> torch.Generator:
    new = torch.Generator(device=generator.device)
    new.set_state(generator.get_state())
    return new
