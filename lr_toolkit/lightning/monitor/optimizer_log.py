"""One optimizer of a run: its latest update, the names of its values, and which updates have a row."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from lr_toolkit.lightning.monitor.cadence import BEFORE_TRAINING, Interval, Position, is_due, next_log_step
from lr_toolkit.lightning.monitor.recorder import Groups, Update, UpdateRecorder
from lr_toolkit.optim.match_groups import match_groups

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from lr_toolkit.lightning.monitor.names import SeriesName
    from lr_toolkit.optim import ScheduledLR
    from lr_toolkit.optim.binding import Binding

__all__ = ["OptimizerLog"]


@final
class OptimizerLog:
    """One optimizer of a run.

    Take each update, name its groups if they are new, then let it advance, which returns what is due.

    Args:
        recorder: records the optimizer's updates.
        looks_at_all: whether ``take_update()`` asks to look at each update.
        is_forecast: whether what its scheduler follows now was forecast.

    Attributes:
        recorder: the recorder.
        update: the latest update that was taken, ``None`` before the first.
        step: its place on the x axis.
        epoch: its epoch.
        series: the names of its groups, in their order.
        phase_starts: the counts of its scheduler at which a phase begins.
    """

    def __init__(self, recorder: UpdateRecorder, *, looks_at_all: bool = False, is_forecast: bool = True) -> None:
        self.recorder = recorder
        self.update: Update | None = None
        self.step = self.epoch = -1
        self.series: tuple[SeriesName, ...] = ()
        self.phase_starts: frozenset[int] = frozenset()
        self._looks_at_all = looks_at_all
        scheduler = recorder.scheduler
        self._forecast = scheduler.bindings if scheduler and is_forecast else None  # until something else is followed
        self._named: Groups = ()  # the groups that the series name
        self._bindings: tuple[Binding, ...] = ()  # those of the phases
        self._before = BEFORE_TRAINING  # where the last update stood that was looked at
        self._next_log_step: float = -1
        self._last_rows: dict[Interval, int] = {}  # for the series of each interval the step of their last row, or -1

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer."""
        return self.recorder.optimizer

    @property
    def position(self) -> Position:
        """Where the taken update stands."""
        return Position(
            self.step, self.epoch, self.update.scheduler_step if self.update else self._before.scheduler_step
        )

    # --- updates ---

    def take_update(self, step: int) -> bool:
        """Take the update of the batch at ``step``.

        Returns:
            Whether to look at it: ``False`` if there is none, or if certainly nothing of it is logged.
        """
        latest = self.recorder.latest
        if latest is None or latest is self.update:
            return False
        self.update, self.step = latest, step
        if len(latest.groups) > len(self.recorder.optimizer.param_groups):
            self.recorder.drop_groups()
        if latest.bindings != self._bindings:
            self._bindings, self.phase_starts = latest.bindings, _phase_starts(latest.scheduler)
        may_be_due = step >= self._next_log_step or latest.scheduler_step in self.phase_starts
        return may_be_due or latest.groups is not self._named

    def start_epoch(self) -> None:
        """Look at the next update."""
        self._next_log_step = -1

    def advance(self, epoch: int, every: int) -> list[Interval]:
        """Place the taken update in its epoch; returns the intervals whose series the cadence logs for it."""
        before, now = self._before, self.place(epoch)
        due: list[Interval] = [
            interval
            for interval, last_row in self._last_rows.items()
            if is_due(now, before, interval=interval, every=every, phase_starts=self.phase_starts, last_row=last_row)
        ]
        self._next_log_step = -1 if self._looks_at_all else next_log_step(self.step, every)
        return self._mark(due)

    def take_left(self) -> list[Interval]:
        """The intervals whose series have no row of the taken update, which turned out to be the last."""
        return self._mark([interval for interval, last_row in self._last_rows.items() if self.step > last_row])

    def place(self, epoch: int) -> Position:
        """Place the taken update in its epoch, whatever the cadence is."""
        self.epoch = epoch
        self._before = self.position
        return self._before

    def _mark(self, intervals: list[Interval]) -> list[Interval]:
        """Note that series with these intervals get a row now."""
        for interval in intervals:
            self._last_rows[interval] = self.step
        return intervals

    @property
    def starts_phase(self) -> bool:
        """Whether a phase of the schedule begins with the taken update."""
        return self.update is not None and self.update.scheduler_step in self.phase_starts

    @property
    def is_on_host(self) -> bool:
        """Whether the LRs of the taken update can be read without waiting for a device."""
        return self.update is not None and self.update.is_on_host

    def row(self, intervals: Collection[Interval]) -> dict[str, float]:
        """What the taken update used, by name, of the series with one of these intervals."""
        if self.update is None or not intervals:
            return {}
        lrs = self.update.lrs
        series = [name for name in self.series if name.interval in intervals]
        row = {name.name: lrs[name.group] for name in series}
        for quantity, values in self.update.others.items():
            numbers = {name.name_of(quantity): values[name.group] for name in series}
            row |= {
                name: number for name, number in numbers.items() if not math.isnan(number)
            }  # a group may not have it
        return row

    def replanned_row(self, intervals: Collection[Interval]) -> dict[str, float]:
        """The planned LRs of the taken update, of the same series as ``row()``; empty while the forecast is followed.

        A plateau that has moved the LR, a group that has joined and another length of the run change the plan.
        """
        update = self.update
        if not intervals or update is None or update.scheduler is None or update.bindings == self._forecast:
            return {}
        self._forecast = None
        planned = update.planned_lrs
        return {name.name: planned[name.group] for name in self.series if name.interval in intervals}

    def plan_ahead(self, most: int) -> dict[str, tuple[list[int], list[float]]]:
        """The planned LRs after the taken update, on the x axis, if something else than the forecast is followed.

        Nothing for a scheduler per epoch, and below a warmup ramp, whose factors are known at each update only.

        Args:
            most: how many updates are listed.
        """
        update = self.update
        if self._forecast is not None or update is None or update.scheduler is None or update.factors is not None:
            return {}
        horizon, count = update.scheduler.horizon, update.scheduler_step
        left = horizon.steps - 1 - count if horizon.unit == "step" else 0
        if left < 1:
            return {}
        ahead = np.unique(np.linspace(1, left, min(left, most)).round().astype(int)).tolist()
        lrs = [update.scheduler.planned(count + k) for k in ahead]
        steps = [self.step + k for k in ahead]
        return {
            name.name: (steps, [row[name.group] for row in lrs]) for name in self.series if name.group < len(lrs[0])
        }

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
    def groups(self) -> Groups:
        """The groups of the taken update; before the first those of the optimizer."""
        return self.update.groups if self.update else self.recorder.groups

    @property
    def has_new_groups(self) -> bool:
        """Whether groups have joined, left or moved since they were named."""
        return self.groups is not self._named

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
        self._named = self.groups
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
        self.step, self.epoch = state["step"], state["epoch"]
        self._before = Position(self.step, self.epoch, state["counted"])
        logged = state["logged"]
        earliest = min(logged.values(), default=-1)
        self._last_rows = {interval: logged.get(interval, earliest) for interval in self._last_rows}


def _phase_starts(scheduler: ScheduledLR | None) -> frozenset[int]:
    return frozenset(phase.start for phase in scheduler.phases) if scheduler else frozenset()
