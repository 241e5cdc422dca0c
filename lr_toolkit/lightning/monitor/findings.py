"""Runs the checks of one fit and reports what they find: the only file of the monitor that calls a check."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, final

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning.checks.before_training import check_before_training
from lr_toolkit.lightning.checks.elsewhere import failed_look
from lr_toolkit.lightning.checks.finding import Finding
from lr_toolkit.lightning.checks.plan_mismatch import find_mismatch
from lr_toolkit.lightning.checks.runtime import RuntimeChecks

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

    from lr_toolkit.lightning.checks.reporter import Reporter
    from lr_toolkit.lightning.checks.run_info import RunInfo
    from lr_toolkit.lightning.monitor.optimizer_log import OptimizerLog

__all__ = ["RunFindings"]

_log = logging.getLogger("lr_toolkit")


@final
class RunFindings:
    """The findings of one fit.

    Args:
        trainer: the run.
        module: what it trains.
        reporter: warns of the findings, and keeps them.
        strict: raise at an update that does not use its planned LR, and for a schedule of this package that is not stepped.
    """

    def __init__(self, trainer: Trainer, module: LightningModule, reporter: Reporter, *, strict: bool) -> None:
        self._trainer = trainer
        self._module = module
        self._strict = strict
        self._reporter = reporter
        self._runtime: RuntimeChecks | None = None
        self._has_mismatch = False

    def check_before_training(self, run_info: RunInfo) -> None:
        """Report mistakes that can be seen before the first update."""
        with self.unless_it_fails("checked"):
            self._report(*check_before_training(run_info))

    def watch(self) -> None:
        """Count steps and updates from now on."""
        with self.unless_it_fails("watched"):
            self._runtime = RuntimeChecks(self._trainer, self._module, strict=self._strict)

    def watch_again(self) -> None:
        """Count those of optimizers and schedulers that were exchanged."""
        if self._runtime is not None:
            self._runtime.close()
            self._runtime = None
            self.watch()

    def check(self, *, starts_epoch: bool = False, ended: bool = False) -> None:
        """Report what has shown since the last check."""
        if self._runtime is not None and not self._trainer.sanity_checking:
            with self.unless_it_fails("checked"):
                self._report(*self._runtime.check(self._trainer, starts_epoch=starts_epoch, ended=ended))

    def check_ranks(self) -> None:
        """Report what differs between ranks."""
        if self._runtime is not None:
            with self.unless_it_fails("checked"):
                self._report(*self._runtime.check_ranks(self._trainer))

    def check_update(self, log: OptimizerLog) -> None:
        """Report the first update that did not use the LR that its schedule planned.

        Args:
            log: the optimizer whose taken update is checked.

        Raises:
            ScheduleError: with ``strict``, instead of the report.
        """
        update = log.update
        scheduler = update.scheduler if update else None
        if update is None or scheduler is None or self._has_mismatch or update.lrs == update.planned_lrs:
            return
        if not any(config.scheduler is scheduler for config in self._trainer.lr_scheduler_configs):
            return  # another scheduler has taken over, as weight averaging does
        mismatch = find_mismatch(
            self._trainer,
            scheduler,
            update=update.scheduler_step,
            used=update.lrs,
            planned=update.planned_lrs,
            names=log.group_names(),
        )
        if mismatch is not None:
            self._has_mismatch = True
            if self._strict:
                raise ScheduleError(f"LRMonitor(strict=True): {mismatch.finding}")
            self._report(mismatch.finding)

    def report_unobserved(self, optimizer: object) -> None:
        """Report an optimizer whose updates cannot be noticed."""
        text = (
            f"{type(optimizer).__name__} is not made as torch's optimizers are, so its updates cannot be noticed: its learning "
            "rates are read before each batch instead. Let its __init__ call super().__init__(params, defaults), or keep "
            "the optimizer that it steps in an attribute, with the same param_groups."
        )
        self._report(Finding("LR511", text))

    @contextmanager
    def unless_it_fails(self, what: str) -> Iterator[None]:
        """Report an error of a look at the run, which must not stop it; once is enough.

        Refusals, and warnings that are errors, are raised.
        """
        try:
            yield
        except (ScheduleError, Warning):
            raise
        except Exception as error:
            _log.debug("A check failed.", exc_info=True)
            if not any(finding.code == "LR592" for finding in self._reporter.findings):
                self._report(failed_look(what, error))

    def report_damaged_history(self) -> None:
        """Report a state of the monitor that cannot be read."""
        text = (
            "The history that LRMonitor kept in the checkpoint is damaged, so it begins anew here. The run itself is not affected, "
            "and what the loggers have of it stays. Load an undamaged checkpoint to go on with the old history."
        )
        self._report(Finding("LR591", text))

    def close(self) -> None:
        """Check nothing from now on."""
        if self._runtime is not None:
            self._runtime.close()

    def _report(self, *findings: Finding) -> None:
        self._reporter.report(self._trainer, findings)
