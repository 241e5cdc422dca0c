"""The names of the logged series: names that do not depend on the optimizer's class, or Lightning's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

from lightning.fabric.utilities.exceptions import MisconfigurationException

from lr_toolkit.lightning.monitor.cadence import Interval
from lr_toolkit.optim.group_values import has_rates

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch.optim import Optimizer

__all__ = [
    "Names",
    "SchedulerName",
    "SeriesName",
    "assign_names",
    "keep_labels",
    "lightning_names",
    "optimizers_of",
    "stable_names",
]

Names: TypeAlias = Literal["stable", "lightning"]
GroupNames: TypeAlias = "Sequence[Sequence[str | None]]"


@final
@dataclass(frozen=True)
class SeriesName:
    """The names of one parameter group's values.

    Attributes:
        label: the scheduler's or the group's name.
        optimizer: the position of the optimizer.
        group: the position of the group in it.
        interval: what the cadence of its rows counts.
        names: which names are used.
        prefix: stands before every name.

    Example:
        >>> SeriesName("head", 0, 1, "step").name_of("momentum")
        'momentum/head'
        >>> SeriesName("lr-SGD/head", 0, 1, "step", "lightning").name_of("momentum")
        'lr-SGD/head-momentum'
    """

    label: str
    optimizer: int
    group: int
    interval: Interval
    names: Names = "stable"
    prefix: str = ""

    @cached_property
    def name(self) -> str:
        """The name of the LR."""
        return self.name_of("lr")

    def name_of(self, quantity: str) -> str:
        """The name of ``"lr"``, ``"effective"``, or another number of the group such as ``"momentum"``."""
        if self.names == "stable":
            return f"{self.prefix}{'lr_effective' if quantity == 'effective' else quantity}/{self.label}"
        return f"{self.prefix}{self.label}" if quantity == "lr" else f"{self.prefix}{self.label}-{quantity}"


@final
@dataclass(frozen=True, slots=True)
class SchedulerName:
    """What a scheduler's configuration means for the series of the optimizer at that position."""

    optimizer: int
    name: str | None
    interval: Interval


def optimizers_of(trainer: Trainer) -> list[Optimizer]:
    """Every optimizer of the run that has LRs, each one once, without the wrapper that DeepSpeed puts around it."""
    candidates: list[Any] = [getattr(optimizer, "optimizer", optimizer) for optimizer in trainer.optimizers]
    candidates += [config.scheduler.optimizer for config in trainer.lr_scheduler_configs]
    unique = {id(optimizer): optimizer for optimizer in candidates}
    return [optimizer for optimizer in unique.values() if has_rates(optimizer)]


def assign_names(
    trainer: Trainer,
    optimizers: Sequence[Optimizer],
    groups: Sequence[Sequence[Mapping[str, Any]]],
    *,
    names: Names,
    interval: Literal["step", "epoch"] | None,
    prefix: str,
) -> list[SeriesName]:
    """The series of a run.

    Args:
        trainer: its schedulers give their names and intervals.
        optimizers: the optimizers of the run.
        groups: the parameter groups of each of them.
        names: which names to use.
        interval: the interval of every series, ``None`` for those of the schedulers.
        prefix: stands before every name.
    """
    positions = {id(optimizer): index for index, optimizer in enumerate(optimizers)}
    group_names = [[_given_name(group) for group in many] for many in groups]
    schedulers = [
        SchedulerName(
            positions[id(config.scheduler.optimizer)], config.name, "epoch" if config.interval == "epoch" else "step"
        )
        for config in trainer.lr_scheduler_configs
        if id(config.scheduler.optimizer) in positions
    ]
    if names == "lightning":
        series = lightning_names(group_names, [type(optimizer) for optimizer in optimizers], schedulers)
    else:
        if not trainer.lightning_module.automatic_optimization:
            # The module steps its schedulers itself, and "epoch" is only Lightning's default.
            schedulers = [replace(scheduler, interval="step") for scheduler in schedulers]
        series = stable_names(group_names, schedulers)
    return [replace(name, interval=interval or name.interval, prefix=prefix) for name in series]


def _given_name(group: Mapping[str, Any]) -> str | None:
    name = group.get("name")
    return None if name is None else str(name)


def stable_names(groups: GroupNames, schedulers: Sequence[SchedulerName]) -> list[SeriesName]:
    """One series per parameter group, named ``lr/<scheduler or group name>``.

    Without a name an optimizer is called ``optimizer`` (numbered from 1 if there are several), and its groups ``pg1``,
    ``pg2``. The optimizer's class plays no part, so runs with different optimizers share their series.

    Args:
        groups: the names of each optimizer's parameter groups, ``None`` for a group without one.
        schedulers: the first scheduler with a name gives it to the series of its optimizer.

    Raises:
        MisconfigurationException: if two groups of one optimizer share a name.

    Example:
        >>> [series.name for series in stable_names([["backbone", "head"]], [])]
        ['lr/backbone', 'lr/head']
        >>> [series.name for series in stable_names([[None], [None, None]], [SchedulerName(0, "generator", "step")])]
        ['lr/generator', 'lr/optimizer2/pg1', 'lr/optimizer2/pg2']
    """
    used: Counter[str] = Counter()
    found: list[SeriesName] = []
    for index, group_names in enumerate(groups):
        _refuse_duplicates(group_names, f"optimizer {index}")
        own = [scheduler for scheduler in schedulers if scheduler.optimizer == index]
        given = next((scheduler.name for scheduler in own if scheduler.name), None)
        optimizer_name = given or (f"optimizer{index + 1}" if len(groups) > 1 else "")
        # The finest interval counts if several schedulers drive one optimizer; without any, each step may change the LR.
        interval: Interval = "epoch" if own and all(scheduler.interval == "epoch" for scheduler in own) else "step"
        for group, name in enumerate(group_names):
            parts = [optimizer_name, name or (f"pg{group + 1}" if len(group_names) > 1 else "")]
            label = "/".join(part for part in parts if part) or "optimizer"
            used[label] += 1
            if used[label] > 1:
                label = f"{label}-{used[label]}"
            found.append(SeriesName(label, index, group, interval))
    return found


def keep_labels(
    assigned: Iterable[SeriesName], known: Mapping[tuple[int, int], str], renamed: Mapping[str, str]
) -> list[SeriesName]:
    """The series of groups that have changed: a known group keeps its label, and a label in use gets a number.

    Args:
        assigned: the names that a run beginning with these groups would give them.
        known: the labels of groups that have one, by the positions of optimizer and group.
        renamed: the labels that replace newly assigned ones.

    Example:
        >>> assigned = stable_names([[None, None]], [])  # the first group was alone when it got its label
        >>> [series.name for series in keep_labels(assigned, {(0, 0): "optimizer"}, {})]
        ['lr/optimizer', 'lr/pg2']
    """
    taken = set(known.values())
    kept = []
    for series in assigned:
        label = known.get((series.optimizer, series.group))
        if label is None:
            wanted = renamed.get(series.label, series.label)
            numbered = (f"{wanted}-{number}" for number in count(2))
            label = next(candidate for candidate in chain([wanted], numbered) if candidate not in taken)
            taken.add(label)
        kept.append(replace(series, label=label))
    return kept


def lightning_names(
    groups: GroupNames, classes: Sequence[type], schedulers: Sequence[SchedulerName]
) -> list[SeriesName]:
    """The series of Lightning's ``LearningRateMonitor`` under its names: one per scheduler and group.

    Args:
        groups: the names of each optimizer's parameter groups, ``None`` for a group without one.
        classes: the class of each optimizer.
        schedulers: an optimizer without a scheduler comes after those that have one, and is logged at both intervals.

    Raises:
        MisconfigurationException: if two groups of one optimizer share a name.

    Example:
        >>> from torch.optim import SGD
        >>> names = lightning_names([[None], [None, "b"]], [SGD, SGD], [SchedulerName(1, None, "step")])
        >>> [series.name for series in names]
        ['lr-SGD/pg1', 'lr-SGD/b', 'lr-SGD-1']
    """
    scheduled = {scheduler.optimizer for scheduler in schedulers}
    unscheduled = [SchedulerName(index, None, "any") for index in range(len(groups)) if index not in scheduled]
    seen: Counter[type] = Counter()
    found: list[SeriesName] = []
    for scheduler in [*schedulers, *unscheduled]:
        kind, group_names = classes[scheduler.optimizer], groups[scheduler.optimizer]
        base = scheduler.name if scheduler.name is not None else f"lr-{kind.__name__}"
        _refuse_duplicates(group_names, base)
        seen[kind] += scheduler.name is None
        if seen[kind] > 1:
            # Lightning numbers even a named scheduler once its optimizer's class was seen twice.
            base = f"{base}-{seen[kind] - 1}"
        for group, given in enumerate(group_names):
            suffix = given or (f"pg{group + 1}" if len(group_names) > 1 else "")
            label = f"{base}/{suffix}" if suffix else base
            found.append(SeriesName(label, scheduler.optimizer, group, scheduler.interval, "lightning"))
    return found


def _refuse_duplicates(names: Sequence[str | None], place: str) -> None:
    counted = Counter(name or f"pg{number}" for number, name in enumerate(names, start=1))
    repeated = {name for name, times in counted.items() if times > 1}
    if repeated:
        raise MisconfigurationException(
            "A single `Optimizer` cannot have multiple parameter groups with identical "
            f"`name` values. {place} has duplicated parameter group names {repeated}"
        )
