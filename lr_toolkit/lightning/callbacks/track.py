"""Where the updates of an optimizer stand on a logger's x axis, and which of them are logged."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning.callbacks.capture import Capture

if TYPE_CHECKING:
    from lr_toolkit.lightning.callbacks.naming import Curve

__all__ = ["Strand", "Track"]


@final
@dataclass(slots=True, eq=False)
class Strand:
    """The curves of one optimizer that are logged together, and the x of the last update that they show."""

    track: Track
    curves: Sequence[Curve]
    interval: str
    names: tuple[str, ...]
    logged: int = -1

    def latest(self) -> tuple[tuple[str, ...], Sequence[float]]:
        """The names and numbers of the latest update; none for groups that have not been in one yet."""
        capture = self.track.capture
        lrs = capture.lrs
        if capture.is_plain and len(lrs) == len(self.names):
            return self.names, lrs  # the usual case, and the one that has to be fast
        row = {one.name: lrs[one.group] for one in self.curves if one.group < len(lrs)}
        more = {quantity: capture.more(quantity) for quantity in ("momentum", "weight_decay", "effective")}
        for one in self.curves:
            for quantity, values in more.items():
                if one.group < len(values):
                    row[getattr(one, quantity)] = float(values[one.group])
        return tuple(row), list(row.values())


@final
@dataclass(slots=True, eq=False)
class Track:
    """One optimizer and where its latest update stands: on the x axis, in its epoch, in its scheduler's count.

    ``begins`` are the counts at which a phase of the schedule begins; ``is_new`` says that some strand may never have been logged.
    """

    capture: Capture
    begins: frozenset[int]
    strands: list[Strand] = field(default_factory=list)
    groups: int = 0
    step: int = -1
    epoch: int = -1
    counted: int = -1
    is_new: bool = True

    def braid(self, curves: Iterable[Curve]) -> None:
        """Sort the optimizer's curves by interval; a strand in which a curve is new is logged at the next update."""
        self.groups = len(self.capture.optimizer.param_groups)
        self.is_new = True
        curves = sorted(curves, key=lambda one: one.group)
        logged = {one.names: one.logged for one in self.strands}
        self.strands = []
        for interval in dict.fromkeys(one.interval for one in curves):
            mine = [one for one in curves if one.interval == interval]
            names = tuple(one.name for one in mine)
            self.strands.append(Strand(self, mine, interval, names, logged.get(names, -1)))

    @property
    def has_new_groups(self) -> bool:
        """Whether parameter groups have joined since the curves were sorted."""
        return len(self.capture.optimizer.param_groups) != self.groups

    def due(self, step: int, epoch: int, interval: str | None, every: int) -> list[Strand]:
        """The strands that show the update at ``step``: the first, the first of an epoch or phase, or at the cadence."""
        before, self.step = self.step, step
        is_epoch, self.epoch = epoch != self.epoch, epoch
        counted = self.capture.counted
        is_phase = counted in self.begins and counted != self.counted
        self.counted = counted
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
