"""The training data of a run that is looked at: a user's loader, or batches that are only counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, final

from torch.utils.data import DataLoader, IterableDataset

__all__ = ["counted_batches"]


@final
class _Counted(IterableDataset[int]):
    """Numbers, with a length; a stream is not divided among devices."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._count))


def counted_batches(count: int) -> DataLoader[Any]:
    """A loader of that many batches on each device, which holds nothing.

    Example:
        >>> len(counted_batches(100))
        100
    """
    return DataLoader(_Counted(count), batch_size=None)
