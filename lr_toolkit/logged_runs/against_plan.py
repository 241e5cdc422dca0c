"""A logged run against its plan: both curves, and the first update at which they part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from lr_toolkit.logged_runs.curves import Curve, LoggedCurves
from lr_toolkit.preview.names import join_equal
from lr_toolkit.preview.preview import Preview
from lr_toolkit.preview.report import count, plural
from lr_toolkit.preview.series import Series
from lr_toolkit.schedules.horizon import Horizon

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["first_difference", "preview_of_run"]

_EQUAL = 1e-6  # relative: TensorBoard keeps seven digits


def preview_of_run(run: LoggedCurves) -> Preview:
    """The planned and the used LRs of a run; facts name the first update at which they differ.

    The used LRs have a value at each update that was logged, and NaN between: what happened there is not known. The planned ones are
    straight between the updates that are stored.

    Example:
        >>> from pathlib import Path
        >>> plan = {0: 0.1, 1: 0.08, 2: 0.06, 3: 0.04}
        >>> preview = preview_of_run(LoggedCurves(Path("run"), {"lr/net": {**plan, 2: 0.08, 3: 0.08}}, {"lr/net": plan}))
        >>> print(*preview.facts)
        lr/net: parts from its plan at update 2: planned 0.06, used 0.08
        >>> [(series.name, series.values.tolist()) for series in preview.series]
        [('lr/net, planned', [0.1, 0.08, 0.06, 0.04]), ('lr/net, used', [0.1, 0.08, 0.08, 0.08])]
    """
    steps = 1 + max(update for curves in (run.planned, run.used) for curve in curves.values() for update in curve)
    series = [
        Series(join_equal(names) + ending, values_of(curve, steps))
        for curves, ending, values_of in (
            (run.planned, ", planned", _straight),
            (run.used, ", used" if run.planned else "", _logged),
        )
        for names, curve in _alike(curves)
    ]
    return Preview(str(run.place), Horizon(steps), tuple(series), tuple(_facts(run)))


def first_difference(planned: Curve, used: Curve) -> int | None:
    """The first update that has both values, and two different ones.

    Example:
        >>> first_difference({0: 0.1, 5: 0.05, 9: 0.01}, {0: 0.1, 4: 0.06, 9: 0.05})
        9
    """
    common = sorted(planned.keys() & used.keys())
    return next((k for k in common if not math.isclose(planned[k], used[k], rel_tol=_EQUAL, abs_tol=1e-30)), None)


def _facts(run: LoggedCurves) -> Iterator[str]:
    """Where each series parts from its plan, and where the run has ended before it."""
    if not run.planned:
        yield "no plan is stored with this run: LRMonitor stores one"
        return
    for fact, names in _by_fact(run).items():
        yield f"{join_equal(names)}: {fact}"
    last, end = (max(update for curve in curves.values() for update in curve) for curves in (run.used, run.planned))
    if last < end:
        yield f"the last update that was logged is {count(last)}, and the plan has {plural(end + 1, 'update')}"


def _by_fact(run: LoggedCurves) -> dict[str, list[str]]:
    """The facts about the series, each with the names for which it is true."""
    found: dict[str, list[str]] = {}
    for name, planned in run.planned.items():
        used = run.used.get(name, {})
        update = first_difference(planned, used)
        common = len(planned.keys() & used.keys())
        if not common:
            fact = "was planned, and was not logged"
        elif update is None:
            fact = (
                f"as planned at all {count(common)} logged updates"
                if common > 1
                else "as planned at the only logged update"
            )
        else:
            fact = (
                f"parts from its plan at update {count(update)}: planned {planned[update]:.6g}, used {used[update]:.6g}"
            )
        found.setdefault(fact, []).append(name)
    return found


def _alike(curves: Mapping[str, Curve]) -> Iterator[tuple[list[str], Curve]]:
    """The curves, each once, with the names that have it."""
    found: dict[tuple[tuple[int, float], ...], list[str]] = {}
    for name, curve in curves.items():
        found.setdefault(tuple(curve.items()), []).append(name)
    for points, names in found.items():
        yield names, dict(points)


def _straight(curve: Curve, steps: int) -> NDArray[np.float64]:
    """A value for each update: straight between those that were logged, NaN before the first and after the last."""
    updates = sorted(curve)
    return np.interp(np.arange(steps), updates, [curve[update] for update in updates], left=math.nan, right=math.nan)


def _logged(curve: Curve, steps: int) -> NDArray[np.float64]:
    """The value of each update that was logged, NaN for any other."""
    values = np.full(steps, math.nan)
    values[list(curve)] = list(curve.values())
    return values
