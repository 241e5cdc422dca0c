"""All optimizers of a run: bound when it begins, and again after they were exchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import methodcaller
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning.monitor.names import SeriesName, assign_names, keep_labels, optimizers_of
from lr_toolkit.lightning.monitor.optimizer_log import OptimizerLog
from lr_toolkit.lightning.monitor.recorder import UpdateRecorder
from lr_toolkit.optim import ScheduledLR

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch.optim import Optimizer

    from lr_toolkit.lightning.monitor.settings import MonitorSettings

__all__ = ["OptimizerLogs"]


@final
class OptimizerLogs:
    """The ``OptimizerLog`` of each optimizer of a run.

    Args:
        trainer: the run.
        settings: what is recorded, under which names.
        renamed: labels that replace newly assigned ones, from the run that is resumed.

    Attributes:
        unobserved: the recorders of optimizers whose updates are not noticed.
        series: the names of the groups that there are now.
        all_series: the same and those of groups that have left, by name.
        renamed: labels that groups have kept, by those that a new run would give them.
    """

    def __init__(self, trainer: Trainer, settings: MonitorSettings, renamed: Mapping[str, str]) -> None:
        self._trainer = trainer
        self._settings = settings
        self._logs: list[OptimizerLog] = []
        self._configured: list[Any] = []  # the Trainer's optimizers, as they were bound
        self.unobserved: list[UpdateRecorder] = []
        self.series: list[SeriesName] = []
        self.all_series: dict[str, SeriesName] = {}
        self.renamed = dict(renamed)
        self.bind()

    def __iter__(self) -> Iterator[OptimizerLog]:
        return iter(self._logs)

    @property
    def optimizers(self) -> list[Optimizer]:
        """The optimizers that are recorded."""
        return [log.optimizer for log in self._logs]

    # --- exchanged optimizers and schedulers ---

    def are_exchanged(self) -> bool:
        """Whether the Trainer has other optimizers than before."""
        return self._trainer.optimizers != self._configured

    def are_bound(self) -> bool:
        """Whether all optimizers that there are now are recorded, including those that only schedulers hold."""
        return optimizers_of(self._trainer) == self.optimizers

    def bind(self) -> None:
        """Record the optimizers that there are now, and no longer those that there were."""
        self.close()
        is_first = not self._configured
        self._configured = list(self._trainer.optimizers)
        settings = self._settings
        self._logs = [
            OptimizerLog(
                UpdateRecorder(
                    optimizer,
                    self._scheduler_of(optimizer),
                    momentum=settings.log_momentum,
                    weight_decay=settings.log_weight_decay,
                ),
                looks_at_all=settings.strict,
                is_forecast=is_first,
            )
            for optimizer in optimizers_of(self._trainer)
        ]
        self.unobserved = [log.recorder for log in self._logs if not log.recorder.is_hooked]
        self.assign_names()

    def follow_schedulers(self) -> bool:
        """Record the counts of the schedulers that there are now; returns whether they were exchanged."""
        self._configured = list(self._trainer.optimizers)
        schedulers = [self._scheduler_of(log.optimizer) for log in self._logs]
        if schedulers == [log.recorder.scheduler for log in self._logs]:
            return False
        for log, scheduler in zip(self._logs, schedulers, strict=True):
            log.recorder.follow(scheduler)
        return True

    def _scheduler_of(self, optimizer: Optimizer) -> ScheduledLR | None:
        """The scheduler of this package that drives ``optimizer``, if there is one."""
        for config in self._trainer.lr_scheduler_configs:
            if isinstance(config.scheduler, ScheduledLR) and config.scheduler.optimizer is optimizer:
                return config.scheduler
        return None

    # --- names ---

    def assign_names(self) -> None:
        """Name every group; under stable names a group keeps its label."""
        settings = self._settings
        assigned = assign_names(
            self._trainer,
            self.optimizers,
            [log.groups for log in self._logs],
            names=settings.names,
            interval=settings.logging_interval,
            prefix=settings.prefix,
        )
        self.series = self._keep_labels(assigned) if settings.names == "stable" else assigned
        self.all_series |= {series.name: series for series in self.series}
        for index, log in enumerate(self._logs):
            log.rename(series for series in self.series if series.optimizer == index)

    def _keep_labels(self, assigned: Sequence[SeriesName]) -> list[SeriesName]:
        known = {(index, group): label for index, log in enumerate(self._logs) for group, label in log.labels().items()}
        kept = keep_labels(assigned, known, self.renamed)
        pairs = [(new.label, old.label) for new, old in zip(assigned, kept, strict=True)]
        self.renamed = {new: old for new, old in pairs if new != old}
        return kept

    # --- values ---

    def take_updates(self, step: int) -> list[OptimizerLog]:
        """Take the updates of the batch at ``step``; returns the logs to look at, with names for groups that are new."""
        updated = list(filter(methodcaller("take_update", step), self._logs))
        if updated and any(log.has_new_groups for log in updated):
            self.assign_names()
        return updated

    def start_epoch(self) -> None:
        """Look at the next update of each optimizer."""
        for log in self._logs:
            log.start_epoch()

    def latest_lrs_on_host(self) -> list[float]:
        """The LRs of the latest updates, taken or not, without those on a device."""
        latest = [log.recorder.latest for log in self._logs]
        return [lr for update in latest if update and update.is_on_host for lr in update.lrs]

    def used(self) -> dict[str, float]:
        """What each optimizer's latest update used, by name."""
        return {name: value for log in self._logs for name, value in log.used().items()}

    def next_lrs(self) -> dict[str, float]:
        """The LR that the next update of each group would use, by name."""
        return {name: lr for log in self._logs for name, lr in log.next_lrs().items()}

    # --- checkpoints ---

    def state(self) -> tuple[dict[str, Any], ...]:
        """Where each optimizer stands."""
        return tuple(log.state() for log in self._logs)

    def resume(self, states: Sequence[Mapping[str, Any]]) -> None:
        """Go on from where another run's optimizers stood, if there are as many."""
        if len(states) == len(self._logs):
            for log, state in zip(self._logs, states, strict=True):
                log.resume(state)

    def close(self) -> None:
        """Record no further updates."""
        for log in self._logs:
            log.recorder.close()
        self._logs = []
