"""Collects the warnings about schedules."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from lr_toolkit import ScheduleWarning


@contextmanager
def schedule_warnings() -> Iterator[list[str]]:
    """The warnings about schedules in the block, once it has ended; it shows no other warning either."""
    found: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield found
    found += [str(warning.message) for warning in caught if issubclass(warning.category, ScheduleWarning)]
