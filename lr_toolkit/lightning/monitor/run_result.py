"""What a fit leaves behind, and what waits for the next one to begin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning.monitor.history import History

if TYPE_CHECKING:
    from lr_toolkit.lightning.checks.finding import Finding
    from lr_toolkit.lightning.monitor.lightning_compat import LightningReadings
    from lr_toolkit.lightning.monitor.names import SeriesName
    from lr_toolkit.preview.picture import Line

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
        findings: what was warned of.
        readings: what Lightning's monitor would hold, with its names.
    """

    history: History = field(default_factory=History)
    series: tuple[SeriesName, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    positions: tuple[Mapping[str, Any], ...] = ()
    planned: tuple[Line, ...] = ()
    next_lrs: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    readings: LightningReadings | None = None

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

    def _latest(self, quantity: str) -> dict[str, float | None]:
        names = [series.name_of(quantity) for series in self.series]
        return {name: self.history.latest(name) for name in names}

    def state(self) -> dict[str, Any]:
        """What a resumed fit needs, for a checkpoint: plain data and tensors."""
        return {
            "format": _FORMAT,
            "history": self.history.state(),
            "tracks": [dict(position) for position in self.positions],
            "labels": dict(self.renamed),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> RunResult:
        """What the fit that saved ``state`` had left until then."""
        history = History.from_state(state["history"])
        return cls(history, renamed=state.get("labels", {}), positions=tuple(state["tracks"]))


@final
@dataclass(frozen=True, slots=True)
class PendingRun:
    """A fit that was set up and does not train yet.

    Attributes:
        validated: the metrics that the sanity validation produced.
        saved: the state that a checkpoint has brought, if it can be read.
    """

    validated: frozenset[str] = frozenset()
    saved: Mapping[str, Any] | None = None

    def with_validated(self, metrics: Iterable[str]) -> PendingRun:
        """The same after the sanity validation."""
        return replace(self, validated=frozenset(metrics))

    def with_saved(self, state: Mapping[str, Any] | None) -> PendingRun:
        """The same after a checkpoint was loaded; a state of another format is left out."""
        return replace(self, saved=state if state and state.get("format") == _FORMAT else None)

    def state(self) -> Mapping[str, Any]:
        """What a checkpoint that is saved now holds: what the last one brought, and nothing of an earlier fit."""
        return self.saved or RunResult().state()

    def resumed(self, step: int) -> RunResult:
        """What training at ``step`` goes on with; nothing if ``LearningRateFinder`` has put it back to its beginning."""
        saved = self.saved
        if saved and all(track["step"] <= step for track in saved["tracks"]):
            return RunResult.from_state(saved)
        return RunResult()
