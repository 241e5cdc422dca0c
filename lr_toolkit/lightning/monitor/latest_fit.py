"""The latest fit of a monitor, in whichever state it is: set up, training or ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from lr_toolkit.errors import listeners
from lr_toolkit.lightning.checks.reporter import Reporter
from lr_toolkit.lightning.monitor.monitored_run import MonitoredRun
from lr_toolkit.lightning.monitor.run_result import PendingRun, RunResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lightning.pytorch import LightningModule, Trainer

    from lr_toolkit.lightning.checks.finding import Finding
    from lr_toolkit.lightning.monitor.settings import MonitorSettings

__all__ = ["LatestFit"]


@final
class LatestFit:
    """Goes from one state of a fit to the next, although Lightning leaves out the hook of one in some runs.

    Args:
        settings: the arguments of the monitor.

    Attributes:
        run: the fit, while it trains.
    """

    def __init__(self, settings: MonitorSettings) -> None:
        self._settings = settings
        self._pending: PendingRun | None = None  # a fit that was set up
        self.run: MonitoredRun | None = None
        self._ended = RunResult()
        self._reporter = Reporter(settings.ignore)

    def __getstate__(self) -> dict[str, Any]:
        # A fit that trains stays with the monitor that observes it; a copy has its result.
        return {**vars(self), "run": None, "_ended": self.result}

    @property
    def result(self) -> RunResult:
        """What there is to see of the fit that trains, or of the one that has ended."""
        return self.run.result() if self.run else self._ended

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was warned of since the fit was set up, including by a callback whose fit ends after the monitor's."""
        return self._reporter.findings

    @property
    def begins_each_batch(self) -> bool:
        """Whether something is to be done as each batch begins, and not only after a change of the run."""
        return self.run is None or self.run.reads_each_batch

    def set_up(self) -> None:
        """A fit is set up: note what is found from now on."""
        self._pending = PendingRun()
        if self.run:  # an earlier fit that Lightning gave up without an event
            self._ended, self.run = self.run.close(), None
        listeners.discard(self._reporter)
        self._reporter = Reporter(self._settings.ignore)
        listeners.add(self._reporter)

    def note_validated(self, metrics: Iterable[str]) -> None:
        """Note which metrics the sanity validation has produced."""
        self._pending = (self._pending or PendingRun()).with_validated(metrics)

    def begin(self, trainer: Trainer, module: LightningModule) -> MonitoredRun:
        """The fit trains from now on."""
        listeners.add(self._reporter)
        self.run = MonitoredRun(trainer, module, self._settings, self._pending or PendingRun(), self._reporter)
        self._pending = None
        return self.run

    def end(self) -> None:
        """Training has ended."""
        if self.run:
            self._ended, self.run = self.run.end(), None

    def fail(self) -> None:
        """An error has ended the fit, during training or before it."""
        if self.run:
            self._ended, self.run = self.run.fail(), None
        listeners.discard(self._reporter)

    def tear_down(self, trainer: Trainer, module: LightningModule) -> None:
        """The fit is over: note nothing more. If nothing was left to train, the history is that of the checkpoint."""
        if self._pending and self._pending.saved and not self._ended.series:
            self._ended = MonitoredRun(trainer, module, self._settings, self._pending, self._reporter).close()
        self._pending = None
        listeners.discard(self._reporter)

    def state(self) -> Mapping[str, Any]:
        """What a checkpoint holds that is saved now."""
        return self._pending.state() if self._pending else self.result.state()

    def load(self, state: Any) -> None:
        """Take what a checkpoint holds, if it holds something; training goes on with it."""
        self._pending = (self._pending or PendingRun()).with_saved(state)
