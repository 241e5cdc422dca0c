"""What is checked and noted before the first update of a run."""

from __future__ import annotations

from collections.abc import Iterator

from lr_toolkit.lightning._compat import logging_cadence
from lr_toolkit.lightning.checks.finding import Finding, checks_for
from lr_toolkit.lightning.checks.forecast import ramps_of
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.preview.report import plural

__all__ = ["check_before_training", "invisible_warmups"]


def check_before_training(info: RunInfo) -> list[Finding]:
    """Run all checks that need no more than what is known before the first update.

    They cannot see a length inside a function (``LambdaLR(optimizer, lambda k: 1 - k / 100)``), the metric of a plateau that
    the module steps itself, and a metric whose name resembles none that was logged.
    """
    return [Finding(check.code, text) for check in checks_for("before training") for text in check.find(info)]


def invisible_warmups(info: RunInfo) -> Iterator[str]:
    """Note each warmup of which the logs will show no more than two points."""
    every = logging_cadence(info.trainer)
    for length in dict.fromkeys(_warmup_lengths(info)):
        if 2 < length <= every < info.layout.updates:
            yield (
                f"The warmup of {plural(length, 'update')} shows in the logs as its first point and the one after it: "
                f"log_every_n_steps is {every}. To see its shape: Trainer(log_every_n_steps={max(length // 5, 1)})."
            )


def _warmup_lengths(info: RunInfo) -> Iterator[int]:
    """The updates that each warmup per update still takes: those of schedules, and those of ``LRWarmup``."""
    for config in info.configs:
        scheduler = config.scheduler
        if isinstance(scheduler, ScheduledLR) and scheduler.horizon.unit == "step":
            warmups = [phase for timeline in scheduler.timelines for phase in timeline.phases if phase.warms_up]
            yield from (phase.end - max(phase.start, scheduler.last_epoch) for phase in warmups)
    for ramp in ramps_of(info.trainer):
        if ramp.spec.counts_updates:
            yield ramp.left(info.layout.updates)
