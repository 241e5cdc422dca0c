"""One fit as the monitor sees it: takes its events in turn and hands them to the parts that record, log, check and report."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, final

from lr_toolkit.finder.random_state import same_random_state
from lr_toolkit.lightning._compat import batches_that_stepped, logging_cadence, logs_this_batch
from lr_toolkit.lightning.checks.before_training import invisible_warmups
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.loggers.rows import log_plan
from lr_toolkit.lightning.monitor.callback_metrics import are_read_in_epochs, put_metrics
from lr_toolkit.lightning.monitor.findings import RunFindings
from lr_toolkit.lightning.monitor.history import History
from lr_toolkit.lightning.monitor.lightning_compat import LightningReadings, check_logger, warn_about_momentum
from lr_toolkit.lightning.monitor.optimizer_logs import OptimizerLogs
from lr_toolkit.lightning.monitor.plan_report import MOST_POINTS, Points, plan_report, with_changes
from lr_toolkit.lightning.monitor.progress_bar import BarEntry
from lr_toolkit.lightning.monitor.row_writer import RowWriter
from lr_toolkit.lightning.monitor.run_result import PendingRun, RunResult
from lr_toolkit.lightning.monitor.run_summary import RunSummary
from lr_toolkit.lightning.monitor.start_report import is_shown, named_phases, other_keys, picture_title, start_report
from lr_toolkit.preview.names import in_a_line

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

    from lr_toolkit.lightning.checks.reporter import Reporter
    from lr_toolkit.lightning.monitor.optimizer_log import OptimizerLog
    from lr_toolkit.lightning.monitor.settings import MonitorSettings
    from lr_toolkit.preview.picture import Line

__all__ = ["MonitoredRun"]

_log = logging.getLogger(__name__)


@final
class MonitoredRun:
    """One fit, from its first update that is recorded to its end.

    Args:
        trainer: the run.
        module: what it trains.
        settings: the arguments of the monitor.
        pending: what was known before.
        reporter: warns of what is found.
    """

    def __init__(
        self,
        trainer: Trainer,
        module: LightningModule,
        settings: MonitorSettings,
        pending: PendingRun,
        reporter: Reporter,
    ) -> None:
        resumed = pending.resumed(batches_that_stepped(trainer))
        self._trainer = trainer
        self._module = module
        self._settings = settings
        self._pending = pending
        self._history = resumed.history
        self._is_stable = settings.names == "stable"
        self._rows = RowWriter(trainer, self._history, to_metrics=self._is_stable and are_read_in_epochs(trainer))
        self._logs = OptimizerLogs(trainer, settings, resumed.renamed)
        self._logs.resume(resumed.positions)
        self._findings = RunFindings(trainer, module, reporter, strict=settings.strict)
        self._readings = None if self._is_stable else LightningReadings(settings)
        self._bar: BarEntry | None = None
        self._forecast: tuple[Line, ...] = ()
        self._replanned = History()  # the planned LRs of the logged updates that do not follow the forecast
        self._first_update = 0  # on the x axis, where an earlier fit of the Trainer may have taken updates
        self._epoch_starts: Sequence[int] = ()
        self._next_lrs: dict[str, float] = {}

    # --- events ---

    def start(self) -> None:
        """Training begins: show the plan and check it."""
        if self._readings is not None:
            check_logger(self._trainer)
            self._readings.begin(self._logs.series)
            if self._settings.log_momentum:
                warn_about_momentum(self._trainer, self._logs.optimizers)
        if self._settings.progress_bar:
            self._bar = BarEntry(self._trainer, self._highest_lr)
        self._report_unobserved()
        if self._pending.is_damaged:
            self._findings.report_damaged_history()
        if self._trainer.is_global_zero:
            with same_random_state():  # a function of a scheduler may draw from it
                self._report_plan()
        self._findings.watch()

    def start_epoch(self) -> None:
        """An epoch begins."""
        self._follow_exchanges()
        self._logs.start_epoch()
        self._findings.check(starts_epoch=True)
        if self._readings is not None:
            self._readings.read(self._trainer, self._logs.optimizers, "epoch")

    @property
    def reads_each_batch(self) -> bool:
        """Whether something is read as each batch begins, besides an exchange of the optimizers."""
        return self._readings is not None or bool(self._logs.unobserved)

    def start_batch(self) -> None:
        """A batch begins."""
        if self._logs.are_exchanged():
            self._follow_exchanges()
        for recorder in self._logs.unobserved:
            recorder.record()
        if self._readings is not None and logs_this_batch(self._trainer):
            self._readings.read(self._trainer, self._logs.optimizers, "step")

    def end_batch(self) -> None:
        """A batch ends: log the updates in it that are due, and hold them against their plan."""
        updated = self._logs.take_updates(batches_that_stepped(self._trainer))
        if updated:
            self._log(updated)

    def start_validation(self) -> None:
        """A validation begins."""
        self._put_metrics()
        self._findings.check()

    def end_epoch(self) -> None:
        """An epoch ends."""
        self._put_metrics()
        self._findings.check_ranks()
        if self._settings.print_lr:
            self._print_lrs()

    def end(self) -> RunResult:
        """Training has ended: log the last updates and show how the run went."""
        self._findings.check(ended=True)
        self._log_last_updates()
        summary = self._summary()
        if summary is not None:
            figure = summary.picture(self._trainer, self._settings.save_plot)
            summary.report(self._trainer, self._settings.prefix, figure)
        return self.close()

    def fail(self) -> RunResult:
        """Training was interrupted: log the last updates; an error in that does not hide the one that ended the run.

        No picture is drawn, which may take a minute: the emergency checkpoint is not written yet.
        """
        try:
            self._log_last_updates()
            summary = self._summary()
            if summary is not None:
                summary.report(self._trainer, self._settings.prefix)
        except Exception:
            _log.warning("LRMonitor could not log the last learning rates of the interrupted run.", exc_info=True)
        return self.close()

    def close(self) -> RunResult:
        """Leave the optimizers and the progress bar as they were."""
        result = self.result()
        self._logs.close()
        self._findings.close()
        if self._bar is not None:
            self._bar.remove()
        return result

    def result(self) -> RunResult:
        """What there is to see of the run by now."""
        return RunResult(
            self._history,
            tuple(self._logs.all_series.values()),
            self._logs.renamed,
            self._logs.state(),
            with_changes(self._forecast, self._replanned, self._logs.all_series, self._plans_ahead()),
            self._next_lrs,
            self._readings,
            picture_title(self._trainer),
            tuple((start + self._first_update, name) for start, name in named_phases(self._trainer)),
            self._epoch_starts,
            other_keys(self._trainer),
        )

    def _plans_ahead(self) -> dict[str, Points]:
        """What is planned after the latest update, by name, of the optimizers whose forecast is followed no longer."""
        ahead = [log.plan_ahead(MOST_POINTS) for log in self._logs] if self._forecast else []
        return {name: points for plans in ahead for name, points in plans.items()}

    # --- the plan ---

    def _report_plan(self) -> None:
        """Show the plan, log it, and warn of what would spoil the run."""
        trainer, settings, series = self._trainer, self._settings, self._logs.series
        run_info = RunInfo.of(trainer, self._module, self._logs.optimizers, self._pending.validated)
        plan = None
        with self._findings.unless_it_fails("shown"):
            reports = start_report(run_info, series, invisible_warmups(run_info))
            if is_shown(trainer, settings.table):
                for report in reports:
                    report.show()
            plan = plan_report(run_info, series, reports, names=settings.names, prefix=settings.prefix)
            self._forecast, self._first_update = plan.lines, run_info.layout.before
            if run_info.layout.has_epochs:
                self._epoch_starts = run_info.layout.listed_starts(self._first_update)
        if plan is not None:
            log_plan(trainer, plan)
        self._findings.check_before_training(run_info)

    def _follow_exchanges(self) -> None:
        """Go on with the optimizers and schedulers that there are now, if they were exchanged."""
        if not self._logs.are_bound():
            self._log_last_updates()
            self._logs.bind()
            self._report_unobserved()
        elif not self._logs.follow_schedulers():
            return
        self._findings.watch_again()

    def _report_unobserved(self) -> None:
        for recorder in self._logs.unobserved:
            self._findings.report_unobserved(recorder.optimizer)

    # --- the updates ---

    def _log(self, logs: Sequence[OptimizerLog]) -> None:
        """Write one row of what is due of these updates, and hold them against their plan."""
        epoch, every = self._trainer.current_epoch, logging_cadence(self._trainer)
        row: dict[str, float] = {}
        replanned: dict[str, float] = {}
        checked = []
        for log in logs:
            starts_epoch = log.epoch != epoch
            due = log.advance(epoch, every)
            row |= log.row(due)
            # Another LR than the planned one is mostly written as an epoch begins; no device is waited for to see it.
            if due or self._settings.strict or (starts_epoch and log.is_on_host):
                checked.append(log)
            replanned |= log.replanned_row(due)
        self._rows.write(row, logs[0].step, epoch, in_batch=True, keep=any(log.starts_phase for log in logs))
        if replanned:
            self._replanned.add(logs[0].step, epoch, replanned)
        for log in checked:
            self._findings.check_update(log)

    def _log_last_updates(self) -> None:
        """Log each optimizer's last update, which was not known to be the last."""
        # An error may have come between an update and the end of its batch.
        for log in self._logs.take_updates(batches_that_stepped(self._trainer)):
            log.place(self._trainer.current_epoch)
        rows: dict[tuple[int, int], dict[str, float]] = {}
        for log in self._logs:
            left = log.take_left()
            rows.setdefault((log.step, log.epoch), {}).update(log.row(left))
            if replanned := log.replanned_row(left):
                self._replanned.add(log.step, log.epoch, replanned)
        for (step, epoch), row in sorted(rows.items()):
            self._rows.write(row, step, epoch, in_batch=False, keep=True)
        self._next_lrs = self._logs.next_lrs()

    def _summary(self) -> RunSummary | None:
        """How the run went, for the first rank to report."""
        return RunSummary.of(self.result()) if self._trainer.is_global_zero else None

    # --- the latest values ---

    def _highest_lr(self) -> float | None:
        """The highest LR of the latest updates; of tensors the one that was logged, so that no device is waited for."""
        lrs = self._logs.latest_lrs_on_host()
        if not lrs:
            logged = [self._history.latest(series.name) for series in self._logs.series]
            lrs = [lr for lr in logged if lr is not None]
        return max(lrs, default=None)

    def _put_metrics(self) -> None:
        """Add the LRs that were used last to the Trainer's metrics; Lightning's monitor does so when it reads them."""
        if self._is_stable:
            put_metrics(self._trainer, self._logs.used())

    def _print_lrs(self) -> None:
        used = self._logs.used()
        lrs = {series.name: used[series.name] for series in self._logs.series if series.name in used}
        if lrs:
            self._trainer.print(f"epoch {self._trainer.current_epoch}: {in_a_line(lrs)}")
