"""The timing of all benchmarks: functions alternate in short repetitions, and the result is the median of each.

Functions that alternate meet the same noise, so the ratios are reliable on a busy machine even if the times are not. The clock
is that of the thread, in which everything runs; it stops while the machine does something else.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from time import thread_time

Call = Callable[[], object]

SLOT = 1e-3  # seconds that a function runs before the next function runs
TURNS = 101


def medians(calls: Mapping[str, Call], *, turns: int = TURNS) -> dict[str, float]:
    """The seconds of a call of each function."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    counts = {name: _count(call) for name, call in calls.items()}
    gc.collect()
    gc.disable()
    try:
        for _ in range(turns):
            for name, call in calls.items():
                call()  # fills the caches again
                times[name].append(_run(call, counts[name]) / counts[name])
    finally:
        gc.enable()
    return {name: median(each) for name, each in times.items()}


def _run(call: Call, count: int) -> float:
    begin = thread_time()
    for _ in range(count):
        call()
    return thread_time() - begin


def _count(call: Call) -> int:
    """The number of calls in a slot."""
    call()  # the first call may do work that later calls do not repeat
    count = 1
    while _run(call, count) < SLOT / 2:
        count *= 2
    return count


@dataclass(frozen=True)
class Row:
    """A row of the table: the seconds of ours and of the others, and the limits of their ratios."""

    what: str
    ours: float
    others: Mapping[str, float] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, what: str, calls: Mapping[str, Call], limits: Mapping[str, float] | None = None, **options: int) -> Row:
        """Time ``calls``; the first is ours."""
        ours, *others = medians(calls, **options).items()
        return cls(what, ours[1], dict(others), limits or {})

    def __str__(self) -> str:
        ratios = {name: self.ours / seconds for name, seconds in self.others.items()}
        peers = ", ".join(
            f"{show_ratio(ratios[name])} of {name} ({show_seconds(self.others[name])})" for name in self.others
        )
        limits = ", ".join(
            f"≤ {limit:.3g} of {name}: {'yes' if ratios[name] <= limit else '**no**'}"
            for name, limit in self.limits.items()
        )
        return f"| {self.what} | {show_seconds(self.ours)} | {peers} | {limits} |"


def show_seconds(seconds: float) -> str:
    """A time in seconds, milliseconds or microseconds."""
    units = (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6))
    unit, size = next(((unit, size) for unit, size in units if seconds >= size), units[-1])
    return f"{show_number(seconds / size)} {unit}"


def show_ratio(number: float) -> str:
    """A ratio to two digits, or to three decimals near 1."""
    return f"{number:.3f}" if 0.9 < number < 1.1 else show_number(number)


def show_number(number: float) -> str:
    """A number to two significant digits."""
    return f"{number:.0f}" if number >= 10 else f"{float(f'{number:.2g}'):.7g}"
