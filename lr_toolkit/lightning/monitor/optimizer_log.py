"""One optimizer of a run: its latest update, the names of its values, and which updates have a row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning.monitor.cadence import BEFORE_TRAINING, Interval, Position, is_due, is_left
from lr_toolkit.lightning.monitor.recorder import Groups, Update, UpdateRecorder, are_same
from lr_toolkit.optim.match_groups import match_groups
from lr_toolkit.preview.phase_rows import phase_rows

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from lr_toolkit.lightning.monitor.names import SeriesName
    from lr_toolkit.optim import ScheduledLR
    from lr_toolkit.optim.binding import Binding

__all__ = ["OptimizerLog"]


@final
class OptimizerLog:
    """One optimizer of a run.

    Take each update, name its groups if they are new, place it on the x axis, then take the intervals that are due.

    Args:
        recorder: records the optimizer's updates.

    Attributes:
        recorder: the recorder.
        update: the latest update that was taken, ``None`` before the first.
        position: where it stands.
        series: the names of its groups, in their order.
        phase_starts: the counts of its scheduler at which a phase begins.
    """

    def __init__(self, recorder: UpdateRecorder) -> None:
        self.recorder = recorder
        self.update: Update | None = None
        self.position = BEFORE_TRAINING
        self.series: tuple[SeriesName, ...] = ()
        self.phase_starts: frozenset[int] = frozenset()
        self._named: Groups = ()  # the groups that the series name
        self._bindings: tuple[Binding, ...] = ()  # those of the phases
        self._before = BEFORE_TRAINING  # where the update before stood
        self._last_rows: dict[Interval, int] = {}  # for the series of each interval the step of their last row, or -1

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer."""
        return self.recorder.optimizer

    # --- updates ---

    def take_update(self) -> bool:
        """Take the latest update; returns ``False`` if it was taken before."""
        latest = self.recorder.latest
        if latest is None or latest is self.update:
            return False
        self.update = latest
        if latest.bindings != self._bindings:
            self._bindings, self.phase_starts = latest.bindings, _phase_starts(latest.scheduler)
        return True

    def place(self, step: int, epoch: int) -> None:
        """Say where the taken update stands on the x axis."""
        self._before, self.position = (
            self.position,
            Position(step, epoch, self.update.scheduler_step if self.update else -1),
        )

    def take_due(self, every: int) -> list[Interval]:
        """The intervals whose series the cadence logs for the taken update."""
        due = partial(is_due, self.position, self._before, every=every, phase_starts=self.phase_starts)
        rows = self._last_rows.items()
        return self._mark(interval for interval, last_row in rows if due(interval=interval, last_row=last_row))

    def take_left(self) -> list[Interval]:
        """The intervals whose series have no row of the taken update, which turned out to be the last."""
        return self._mark(
            interval for interval, last_row in self._last_rows.items() if is_left(self.position, last_row)
        )

    def _mark(self, intervals: Iterable[Interval]) -> list[Interval]:
        marked = list(intervals)
        self._last_rows |= dict.fromkeys(marked, self.position.step)
        return marked

    @property
    def is_on_host(self) -> bool:
        """Whether the LRs of the taken update can be read without waiting for a device."""
        return self.update is not None and self.update.is_on_host

    def row(self, intervals: Collection[Interval]) -> dict[str, float]:
        """What the taken update used, by name, of the series with one of these intervals."""
        if self.update is None or not intervals:
            return {}
        numbers = dict(self.update.numbers)
        lrs = numbers.pop("lr")
        series = [name for name in self.series if name.interval in intervals]
        row = {name.name: lrs[name.group] for name in series}
        for quantity, values in numbers.items():
            row |= {name.name_of(quantity): values[name.group] for name in series}
        return row

    def used(self) -> dict[str, float]:
        """What the taken update used, by name, of all series."""
        return self.row(self._last_rows)

    def next_lrs(self) -> dict[str, float]:
        """The LR that each named group would use next, if it is still there and has one."""
        groups = self.optimizer.param_groups
        positions = match_groups(groups, self._named)
        lrs = [None if position is None else groups[position].get("lr") for position in positions]
        return {name.name: float(lr) for name in self.series if (lr := lrs[name.group]) is not None}

    # --- names ---

    @property
    def groups(self) -> Sequence[dict[str, Any]]:
        """The groups of the taken update; before the first those of the optimizer."""
        return self.update.groups if self.update else self.optimizer.param_groups

    @property
    def has_new_groups(self) -> bool:
        """Whether groups have joined, left or moved since they were named."""
        return not are_same(self.groups, self._named)

    def group_names(self) -> list[str]:
        """The name of each group's LR."""
        return list({name.group: name.name for name in self.series}.values())

    def labels(self) -> dict[int, str]:
        """The labels of the groups that have one, by their positions."""
        known = {name.group: name.label for name in self.series}
        before = match_groups(self._named, self.groups)
        return {position: known[was] for position, was in enumerate(before) if was is not None}

    def rename(self, series: Iterable[SeriesName]) -> None:
        """Log the groups under these names; if a name is new, the next update gets a row."""
        known = {name.name for name in self.series}
        self._named = tuple(self.groups)
        self.series = tuple(sorted(series, key=lambda name: name.group))
        with_new = {name.interval for name in self.series if name.name not in known}
        intervals = dict.fromkeys(name.interval for name in self.series)
        self._last_rows = {
            interval: -1 if interval in with_new else self._last_rows.get(interval, -1) for interval in intervals
        }

    # --- checkpoints ---

    def state(self) -> dict[str, Any]:
        """Where the optimizer stands, as plain data."""
        step, epoch, scheduler_step = self.position
        return {"step": step, "epoch": epoch, "counted": scheduler_step, "logged": dict(self._last_rows)}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from where the run that was saved stood."""
        self.position = Position(state["step"], state["epoch"], state["counted"])
        logged = state["logged"]
        earliest = min(logged.values(), default=-1)
        self._last_rows = {interval: logged.get(interval, earliest) for interval in self._last_rows}


def _phase_starts(scheduler: ScheduledLR | None) -> frozenset[int]:
    return frozenset(phase.start for phase in phase_rows(scheduler.route)) if scheduler else frozenset()
