"""``preview_run``: the learning rates of a run before it is run, for any scheduler."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.lightning.checks.forecast import Cadence
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.monitor.names import SeriesName, assign_names, optimizers_of
from lr_toolkit.lightning.monitor.start_report import run_facts, schedule_text
from lr_toolkit.lightning.project.findings import read_and_check
from lr_toolkit.lightning.project.rehearsal import Project
from lr_toolkit.optim import ScheduledLR
from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.keys import Key
from lr_toolkit.preview.names import join_equal
from lr_toolkit.preview.preview import Preview
from lr_toolkit.preview.series import Series
from lr_toolkit.schedules import Horizon

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule, LightningModule, Trainer
    from numpy.typing import NDArray

    from lr_toolkit.lightning.run_layout import RunLayout

__all__ = ["preview_project", "preview_run"]

Phases: TypeAlias = tuple[tuple[int, str], ...]


def preview_run(
    trainer: Trainer,
    module: LightningModule,
    train_dataloaders: Any = None,
    datamodule: LightningDataModule | None = None,
) -> Preview:
    """Show the learning rates of a run before it is run, for any scheduler. Nothing is trained.

    The run is set up as by ``check_run``. The preview has a series for each parameter group, or for several groups with equal LRs, with the
    LR of each update; ``LRWarmup`` is included. Schedules of this package bring their phases, and a series for each other key that they
    drive. A plateau is shown as if its metric never moved it. What ``check_run`` finds is a note below the chart.

    ``lr-toolkit show my_module:LitModel`` does the same from the command line.

    Args:
        trainer: a Trainer that has taken no update.
        module: the module.
        train_dataloaders: as for ``trainer.fit``.
        datamodule: as for ``trainer.fit``.

    Raises:
        ScheduleError: if the run cannot be set up, with the error of the module's code and its place; if its length or the steps of its
            schedulers cannot be known; for a Trainer that has trained or would start processes.

    Example:
        >>> from lr_toolkit import preview_run
        >>> # preview = preview_run(L.Trainer(max_epochs=10), module, loader); print(preview.text()); preview.save("lr.png")
    """
    return preview_project(Project(trainer, module, train_dataloaders, datamodule).copied())


def preview_project(project: Project) -> Preview:
    """What ``preview_run`` does, with a Trainer and a module that nobody needs afterwards."""
    preview, findings = read_and_check(project, _preview)
    titles = dict.fromkeys(f"{finding.code}: {finding.title}" for finding in findings)
    return replace(preview, notes=(*titles, "lr-toolkit check prints what to write") if titles else ())


def _preview(trainer: Trainer, module: LightningModule) -> Preview:
    optimizers = optimizers_of(trainer)
    info = RunInfo.of(trainer, module, optimizers, frozenset(), without_fit=True)
    if not optimizers:
        raise ScheduleError(f"{type(module).__name__} has no optimizer, so it has no learning rate.")
    if not info.layout.updates:
        raise ScheduleError(info.layout.unknown)
    reasons = [forecast.why_not for forecast in info.forecasts]
    if all(reasons):
        raise ScheduleError(
            f"The learning rates of {type(module).__name__} cannot be known before it trains: {reasons[0]}. LRMonitor shows them "
            "while it does."
        )
    names = assign_names(
        trainer,
        optimizers,
        [optimizer.param_groups for optimizer in optimizers],
        names="stable",
        interval=None,
        prefix="",
    )
    series = [each for index in range(len(optimizers)) for each in _series(info, index, names)]
    steps = max(each.steps for each in series)
    horizon = info.layout.horizon if info.layout.horizon and info.layout.updates == steps else Horizon(steps)
    return Preview(_title(info), horizon, tuple(_as_long(each, steps) for each in series), tuple(_facts(info)))


def _title(info: RunInfo) -> str:
    kinds = [f"{schedule_text(info.configs_of(each))} ({type(each).__name__})" for each in info.optimizers]
    return f"{type(info.module).__name__}: {', '.join(dict.fromkeys(kinds))}"


def _facts(info: RunInfo) -> Iterator[str]:
    """What there is to know about the run, each line once."""
    facts = [fact for index in range(len(info.optimizers)) for fact in run_facts(info, index, with_length=False)]
    yield from dict.fromkeys(facts)
    if any(config.reduce_on_plateau or getattr(config.scheduler, "plateau", None) for config in info.configs):
        yield "what the plateau will do is not shown: its metric is not known"


def _series(info: RunInfo, optimizer: int, names: list[SeriesName]) -> Iterator[Series]:
    """The LRs of an optimizer's groups, and the other keys of ours."""
    forecast, configs = info.forecasts[optimizer], info.configs_of(info.optimizers[optimizer])
    if forecast.why_not:
        return
    labels = [name.label for name in names if name.optimizer == optimizer]
    ours = [config for config in configs if isinstance(config.scheduler, ScheduledLR)]
    phases: list[Phases] = [()] * len(labels)
    if len(configs) == len(ours) == 1:
        phases = _phases(ours[0].scheduler.bindings[0], ours[0], info.layout)
    yield from _joined("lr", labels, forecast.lrs, phases)
    for config in ours:
        steps = Cadence.of(config, info.module).steps_before(forecast.updates, info.layout)
        for binding in config.scheduler.bindings[1:]:
            members = [labels[member] for member in binding.members]
            yield from _joined(
                Key.parse(binding.key).name,
                members,
                binding.table(steps),
                _phases(binding, config, info.layout),
            )


def _phases(binding: Binding, config: Any, layout: RunLayout) -> list[Phases]:
    """The first update and the text of each phase that a group follows."""
    per_epoch = config.scheduler.horizon.unit == "epoch"
    return [
        tuple((layout.start_of(phase.start) if per_epoch else phase.start, phase.text) for phase in timeline.phases)
        for timeline in binding.group_timelines
    ]


def _joined(key: str, labels: list[str], table: NDArray[np.float64], phases: list[Phases]) -> Iterator[Series]:
    """A series for each group; groups with equal values and phases share one."""
    equal: dict[tuple[bytes, Phases], list[int]] = {}
    for column, its in enumerate(phases):
        equal.setdefault((table[:, column].tobytes(), its), []).append(column)
    for (_, its), columns in equal.items():
        name = join_equal([labels[column] for column in columns])
        yield Series(name, np.ascontiguousarray(table[:, columns[0]]), its, key)


def _as_long(series: Series, steps: int) -> Series:
    """A series that holds its last value up to the end of the run: an optimizer may take fewer updates than another one."""
    if series.steps == steps:
        return series
    held = np.full(steps - series.steps, series.values[-1])
    return Series(series.name, np.concatenate([series.values, held]), series.phases, series.key)
