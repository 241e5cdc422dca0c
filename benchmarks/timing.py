"""One way to time everything: functions take turns in short repetitions, and what counts is the median of each.

Who takes turns meets the same noise, so the ratios hold on a busy machine where the microseconds do not. The clock is the
thread's own (all that is measured runs in one), which stands still while the machine does something else.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from time import thread_time

Call = Callable[[], object]

SLOT = 1e-3  # seconds that one function runs before it is the next one's turn
TURNS = 101


def medians(calls: Mapping[str, Call], *, turns: int = TURNS) -> dict[str, float]:
    """The seconds that one call of each function takes."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    counts = {name: _count(call) for name, call in calls.items()}
    gc.collect()
    gc.disable()
    try:
        for _ in range(turns):
            for name, call in calls.items():
                call()  # what the others have driven out of the caches comes back
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
    """How often to call it in one slot."""
    call()  # whatever is made at the first call is not what a step costs
    count = 1
    while _run(call, count) < SLOT / 2:
        count *= 2
    return count


@dataclass(frozen=True)
class Row:
    """A line of the table: what ours takes and what the others take, in seconds, and the ratio that is asked for."""

    what: str
    ours: float
    others: Mapping[str, float] = field(default_factory=dict)
    asked: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, what: str, calls: Mapping[str, Call], asked: Mapping[str, float] | None = None, **options: int) -> Row:
        """Time ``calls``, of which the first is ours."""
        ours, *others = medians(calls, **options).items()
        return cls(what, ours[1], dict(others), asked or {})

    def __str__(self) -> str:
        ratios = {name: self.ours / seconds for name, seconds in self.others.items()}
        beside = ", ".join(f"{ratio(ratios[name])} of {name} ({spell(self.others[name])})" for name in self.others)
        asked = ", ".join(
            f"≤ {limit:.2g} of {name}: {'yes' if ratios[name] <= limit else '**no**'}"
            for name, limit in self.asked.items()
        )
        return f"| {self.what} | {spell(self.ours)} | {beside} | {asked} |"


def spell(seconds: float) -> str:
    """Seconds in the unit in which they are a handy number."""
    unit, size = next(one for one in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)) if seconds >= one[1] or one[0] == "µs")
    return f"{figure(seconds / size)} {unit}"


def ratio(number: float) -> str:
    """A figure, of three digits about 1, where they decide."""
    return f"{number:.3f}" if 0.9 < number < 1.1 else figure(number)


def figure(number: float) -> str:
    """Two digits that count."""
    return f"{number:.0f}" if number >= 10 else f"{float(f'{number:.2g}'):.7g}"
