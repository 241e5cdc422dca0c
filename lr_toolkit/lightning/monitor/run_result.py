"""What a fit leaves behind, and what waits for the next one to begin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning.monitor.history import History

if TYPE_CHECKING:
    from lr_toolkit.lightning.monitor.lightning_compat import LightningReadings
    from lr_toolkit.lightning.monitor.names import SeriesName
    from lr_toolkit.preview.picture import Line, Points

__all__ = ["PendingRun", "RunResult"]

_FORMAT = 1


@final
@dataclass(frozen=True, slots=True)
class RunResult:
    """What ``LRMonitor`` shows of a fit, during it and after it.

    Attributes:
        history: the rows.
        series: the names of all groups, including those that have left.
        renamed: labels that groups have kept, by those that a new run would give them.
        positions: where each optimizer stands, as plain data.
        planned: the planned LRs.
        next_lrs: the LRs that the next update would use, after the end.
        readings: what Lightning's monitor would hold, with its names.
        title: the schedules.
        phases: the updates at which a phase of a schedule began, with its name.
        epoch_starts: the first update of each epoch, if they are known.
        other_keys: what else than the LR is scheduled, as it is called in the logs.
    """

    history: History = field(default_factory=History)
    series: tuple[SeriesName, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    positions: tuple[Mapping[str, Any], ...] = ()
    planned: tuple[Line, ...] = ()
    next_lrs: Mapping[str, float] = field(default_factory=dict)
    readings: LightningReadings | None = None
    title: str = ""
    phases: tuple[tuple[int, str], ...] = ()
    epoch_starts: Sequence[int] = ()
    other_keys: tuple[str, ...] = ()

    def lrs(self) -> dict[str, list[float]]:
        """The logged LRs by name, or what Lightning's monitor would hold."""
        if self.readings is not None:
            return self.readings.lrs
        return {series.name: self.history.series(series.name)[1] for series in self.series}

    def momentum(self) -> dict[str, float | None]:
        """The latest momentum by name, or what Lightning's monitor would hold."""
        return self._latest("momentum") if self.readings is None else self.readings.momentum

    def weight_decay(self) -> dict[str, float | None]:
        """The latest weight decay by name, or what Lightning's monitor would hold."""
        return self._latest("weight_decay") if self.readings is None else self.readings.weight_decay

    def plans(self) -> dict[str, Points]:
        """The planned LRs by name, as updates and values."""
        return {line.name: line.planned for line in self.planned}

    def values_of(self, key: str) -> dict[str, tuple[list[int], list[float]]]:
        """The logged values of another key, by name, as updates and values."""
        names = [series.name_of(key) for series in self.series]
        return {name: self.history.series(name) for name in names}

    def _latest(self, quantity: str) -> dict[str, float | None]:
        names = [series.name_of(quantity) for series in self.series]
        return {name: self.history.latest(name) for name in names}

    def state(self) -> dict[str, Any]:
        """What a resumed fit needs, for a checkpoint: plain data and tensors."""
        return {
            "format": _FORMAT,
            "history": self.history.state(),
            "numbers": self.history.numbers(),
            "tracks": [dict(position) for position in self.positions],
            "labels": dict(self.renamed),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> RunResult:
        """What the fit that saved ``state`` had left until then."""
        history = History.from_state(state["history"], state.get("numbers"))
        return cls(history, renamed=state.get("labels", {}), positions=tuple(state["tracks"]))


@final
@dataclass(frozen=True, slots=True)
class PendingRun:
    """A fit that was set up and does not train yet.

    Attributes:
        validated: the metrics that the sanity validation produced.
        saved: the state that a checkpoint has brought, if it can be read.
        is_damaged: whether it brought one that cannot be read.
    """

    validated: frozenset[str] = frozenset()
    saved: Mapping[str, Any] | None = None
    is_damaged: bool = False

    def with_validated(self, metrics: Iterable[str]) -> PendingRun:
        """The same after the sanity validation."""
        return replace(self, validated=frozenset(metrics))

    def with_saved(self, state: Any) -> PendingRun:
        """The same after a checkpoint was loaded; a state of another format, or a damaged one, is left out."""
        if state is None or _is_of_another_format(state):
            return replace(self, saved=None)
        is_whole = _is_whole(state)
        return replace(self, saved=state if is_whole else None, is_damaged=not is_whole)

    def state(self) -> Mapping[str, Any]:
        """What a checkpoint that is saved now holds: what the last one brought, and nothing of an earlier fit."""
        return self.saved or RunResult().state()

    def resumed(self, step: int) -> RunResult:
        """What training at ``step`` goes on with; nothing if ``LearningRateFinder`` has put it back to its beginning."""
        saved = self.saved
        if saved and all(track["step"] <= step for track in saved["tracks"]):
            return RunResult.from_state(saved)
        return RunResult()


def _is_of_another_format(state: Any) -> bool:
    """Whether an older or a newer version saved a state."""
    number = state.get("format") if isinstance(state, Mapping) else _FORMAT
    return number is None or (type(number) is int and number != _FORMAT)


def _is_whole(state: Any) -> bool:
    """Whether ``RunResult.from_state`` can read a state."""
    if (
        not isinstance(state, Mapping)
        or type(state.get("format")) is not int
        or not History.is_state(state.get("history"), state.get("numbers"))
    ):
        return False
    tracks, labels = state.get("tracks"), state.get("labels", {})
    return (
        isinstance(tracks, (list, tuple))
        and all(map(_is_position, tracks))
        and isinstance(labels, Mapping)
        and all(isinstance(label, str) for pair in labels.items() for label in pair)
    )


def _is_position(track: Any) -> bool:
    """Whether an optimizer can go on from this."""
    if not isinstance(track, Mapping) or not isinstance(track.get("logged"), Mapping):
        return False
    numbers = [*(track.get(name) for name in ("step", "epoch", "counted")), *track["logged"].values()]
    return all(type(number) is int for number in numbers)
