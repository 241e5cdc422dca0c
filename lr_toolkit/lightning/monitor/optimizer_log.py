"""Where the updates of an optimizer stand on a logger's x axis, and which of them are logged."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning.monitor.recorder import UpdateRecorder
from lr_toolkit.optim.match_groups import match_groups

if TYPE_CHECKING:
    from lr_toolkit.lightning.monitor.names import SeriesName

__all__ = ["OptimizerLog", "Strand"]


@final
@dataclass(slots=True, eq=False)
class Strand:
    """The curves of one optimizer that are logged together, the group of each, and the x of the last update that they show."""

    track: OptimizerLog
    curves: Sequence[SeriesName]
    groups: Sequence[dict[str, Any]]
    interval: str
    logged: int = -1
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Make ready for the usual case."""
        self.names = tuple(one.name for one in self.curves)

    def latest(self) -> tuple[tuple[str, ...], Sequence[float]]:
        """The names and numbers of the latest update; none for groups that have not been in one yet."""
        capture = self.track.capture
        lrs = capture.lrs
        if capture.is_plain and capture.groups is self.groups:
            return self.names, lrs  # the usual case, and the one that has to be fast
        shown = [
            (one, at)
            for one, at in zip(self.curves, match_groups(capture.groups, self.groups), strict=True)
            if at is not None
        ]
        row = {one.name: lrs[at] for one, at in shown}
        more = {quantity: capture.more(quantity) for quantity in ("momentum", "weight_decay", "effective")}
        for one, at in shown:
            row |= {getattr(one, quantity): float(values[at]) for quantity, values in more.items() if values}
        return tuple(row), list(row.values())


@final
@dataclass(slots=True, eq=False)
class OptimizerLog:
    """One optimizer and where its latest update stands: on the x axis, in its epoch, in its scheduler's count.

    ``begins`` are the counts at which a phase of the schedule begins; ``is_new`` says that some strand may never have been
    logged; before ``turn`` nothing is due but the update at which a phase begins.
    """

    capture: UpdateRecorder
    begins: frozenset[int]
    strands: list[Strand] = field(default_factory=list)
    groups: Sequence[dict[str, Any]] = ()
    step: int = -1
    epoch: int = -1
    counted: int = -1
    is_new: bool = True
    turn: float = -1

    def braid(self, curves: Iterable[SeriesName]) -> None:
        """Sort the curves of the groups that there are now by interval; a strand with a new one is logged at the next update."""
        groups = self.groups = self.capture.members()
        self.is_new, self.turn = True, -1
        curves = sorted(curves, key=lambda one: one.group)
        logged = {name: one.logged for one in self.strands for name in one.names}
        self.strands = []
        for interval in dict.fromkeys(one.interval for one in curves):
            mine = [one for one in curves if one.interval == interval]
            last = min(logged.get(one.name, -1) for one in mine)
            members = groups if len(mine) == len(groups) else [groups[one.group] for one in mine]
            self.strands.append(Strand(self, mine, members, interval, last))

    @property
    def has_other_groups(self) -> bool:
        """Whether parameter groups have joined or left since the curves were sorted."""
        return self.capture.members() is not self.groups

    def labels(self) -> dict[int, str]:
        """For each group that the optimizer has now, and had then, what its curve is called."""
        known = {one.group: one.label for strand in self.strands for one in strand.curves}
        was = match_groups(self.groups, self.capture.optimizer.param_groups)
        return {now: known[at] for now, at in enumerate(was) if at is not None}

    def coming(self) -> Iterator[tuple[str, float]]:
        """The LR that each curve's group would use next, so far as it is still there and has one."""
        groups = self.capture.optimizer.param_groups
        for strand in self.strands:
            for curve, at in zip(strand.curves, match_groups(groups, strand.groups), strict=True):
                lr = None if at is None else groups[at].get("lr")
                if lr is not None:
                    yield curve.name, float(lr)

    def due(self, step: int, epoch: int, interval: str | None, every: int) -> list[Strand]:
        """The strands that show the update at ``step``: the first, the first of an epoch or phase, or at the cadence."""
        before, self.step = self.step, step
        counted = self.capture.counted
        is_epoch, self.epoch = epoch != self.epoch, epoch
        is_phase = counted in self.begins and counted != self.counted
        self.counted = counted
        self.turn = (step + 1) // every * every + every - 1 if every > 0 else math.inf
        # Under manual optimization the batch at the cadence may have no update: the next one that has is logged.
        is_turn = every > 0 and (step + 1) // every > (before + 1) // every
        due: list[Strand] = []
        if not (is_turn or is_epoch or is_phase or self.is_new):
            return due
        for one in self.strands:
            kind = interval or one.interval
            by_cadence = (is_turn and kind != "epoch") or (is_epoch and kind != "step")
            if by_cadence or is_phase or one.logged < 0:
                due.append(one)
        self.is_new = False
        return due

    def state(self) -> dict[str, Any]:
        """Where it stands, as plain data."""
        return {
            "step": self.step,
            "epoch": self.epoch,
            "counted": self.counted,
            "logged": {one.interval: one.logged for one in self.strands},
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from where another run's track stood."""
        self.step, self.epoch, self.counted = state["step"], state["epoch"], state["counted"]
        for one in self.strands:
            one.logged = state["logged"].get(one.interval, -1)
