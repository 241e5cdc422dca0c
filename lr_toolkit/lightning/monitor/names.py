"""What each learning-rate curve is called: names that last as long as the model does, or Lightning's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, final

from lightning.fabric.utilities.exceptions import MisconfigurationException

from lr_toolkit.optim.group_values import has_rates

if TYPE_CHECKING:
    from lightning.pytorch import Trainer
    from torch.optim import Optimizer

__all__ = [
    "Names",
    "SchedulerNames",
    "SeriesName",
    "curves_of",
    "lightning_curves",
    "optimizers_of",
    "owners_of",
    "relabelled",
    "stable_curves",
]

Names: TypeAlias = Literal["stable", "lightning"]
GroupNames: TypeAlias = "Sequence[Sequence[str | None]]"


@final
@dataclass(frozen=True, slots=True)
class SeriesName:
    """One parameter group's values under their names; ``optimizer`` and ``group`` are positions in their lists.

    Example:
        >>> SeriesName("head", 0, 1, "step").momentum, SeriesName("lr-SGD/head", 0, 1, "step", names="lightning").momentum
        ('momentum/head', 'lr-SGD/head-momentum')
    """

    label: str
    optimizer: int
    group: int
    interval: str
    names: Names = "stable"
    prefix: str = ""

    @property
    def name(self) -> str:
        """What the LR is called."""
        return f"{self.prefix}lr/{self.label}" if self.names == "stable" else f"{self.prefix}{self.label}"

    @property
    def momentum(self) -> str:
        """What the momentum is called."""
        return self._other("momentum")

    @property
    def weight_decay(self) -> str:
        """What the weight decay is called."""
        return self._other("weight_decay")

    @property
    def effective(self) -> str:
        """What the LR is called that an optimizer makes of the one that it is given."""
        return self._other("lr_effective" if self.names == "stable" else "effective")

    def _other(self, quantity: str) -> str:
        name = f"{quantity}/{self.label}" if self.names == "stable" else f"{self.label}-{quantity}"
        return f"{self.prefix}{name}"

    @property
    def place(self) -> tuple[int, int]:
        """Which optimizer's which group it shows."""
        return self.optimizer, self.group


@final
@dataclass(frozen=True, slots=True)
class SchedulerNames:
    """What a scheduler's configuration says about the curves of its optimizer."""

    optimizer: int
    name: str | None
    interval: str


def optimizers_of(trainer: Trainer) -> list[Optimizer]:
    """Every optimizer of the run that has LRs, once, without the wrapper that DeepSpeed puts around one."""
    candidates: list[Any] = [getattr(one, "optimizer", one) for one in trainer.optimizers]
    candidates += [config.scheduler.optimizer for config in trainer.lr_scheduler_configs]
    unique: list[Optimizer] = []
    for one in candidates:
        if has_rates(one) and not any(one is seen for seen in unique):
            unique.append(one)
    return unique


def owners_of(trainer: Trainer, optimizers: Sequence[Optimizer]) -> list[SchedulerNames]:
    """The schedulers of these optimizers, in the order in which they were configured."""
    positions = {id(one): at for at, one in enumerate(optimizers)}
    return [
        SchedulerNames(positions[id(config.scheduler.optimizer)], config.name, config.interval)
        for config in trainer.lr_scheduler_configs
        if id(config.scheduler.optimizer) in positions
    ]


def curves_of(trainer: Trainer, optimizers: Sequence[Optimizer], names: Names, prefix: str) -> list[SeriesName]:
    """The curves of a run, with ``prefix`` before each of their names."""
    groups = [[_given(group) for group in one.param_groups] for one in optimizers]
    owners = owners_of(trainer, optimizers)
    if names == "lightning":
        curves = lightning_curves(groups, [type(one) for one in optimizers], owners)
    else:
        if not trainer.lightning_module.automatic_optimization:
            # There the module steps its schedulers itself, and "epoch" is only what Lightning fills in.
            owners = [replace(one, interval="step") for one in owners]
        curves = stable_curves(groups, owners)
    return [replace(one, prefix=prefix) for one in curves]


def _given(group: Mapping[str, Any]) -> str | None:
    name = group.get("name")
    return None if name is None else str(name)


def stable_curves(groups: GroupNames, owners: Iterable[SchedulerNames]) -> list[SeriesName]:
    """One curve for each parameter group, named ``lr/<scheduler or group name>``.

    A name that nobody gave is ``optimizer`` (numbered from 1 where there are several), then ``pg1``, ``pg2`` for its
    groups. The optimizer's class plays no part, so that runs with different ones share their curves.

    Args:
        groups: the names of each optimizer's parameter groups, ``None`` where a group has none.
        owners: the schedulers; the first that has a name gives it to its optimizer's curves.

    Raises:
        MisconfigurationException: where two groups of one optimizer share a name.

    Example:
        >>> [one.name for one in stable_curves([["backbone", "head"]], [])]
        ['lr/backbone', 'lr/head']
        >>> [one.name for one in stable_curves([[None], [None, None]], [SchedulerNames(0, "generator", "step")])]
        ['lr/generator', 'lr/optimizer2/pg1', 'lr/optimizer2/pg2']
    """
    owners = list(owners)
    seen: Counter[str] = Counter()
    curves: list[SeriesName] = []
    for at, names in enumerate(groups):
        _refuse_duplicates(names, f"optimizer {at}")
        mine = [one for one in owners if one.optimizer == at]
        given = next((one.name for one in mine if one.name), None)
        own = given or (f"optimizer{at + 1}" if len(groups) > 1 else "")
        # The finest cadence wins where several schedulers move one optimizer; without any, it may move at any step.
        interval = "epoch" if mine and all(one.interval == "epoch" for one in mine) else "step"
        for group, name in enumerate(names):
            parts = [own, name or (f"pg{group + 1}" if len(names) > 1 else "")]
            label = "/".join(part for part in parts if part) or "optimizer"
            seen[label] += 1
            if seen[label] > 1:
                label = f"{label}-{seen[label]}"
            curves.append(SeriesName(label, at, group, interval))
    return curves


def relabelled(
    fresh: Iterable[SeriesName], known: Mapping[tuple[int, int], str], renamed: Mapping[str, str]
) -> list[SeriesName]:
    """Curves of groups that have changed: what is known keeps its label, and a label that is in use is numbered.

    Args:
        fresh: the curves as they would be called in a run that begins with these groups.
        known: the labels of groups that have one, by their places.
        renamed: labels to be put in the place of fresh ones.

    Example:
        >>> fresh = stable_curves([[None, None]], [])  # the first has been called otherwise while it was alone
        >>> [one.name for one in relabelled(fresh, {(0, 0): "optimizer"}, {})]
        ['lr/optimizer', 'lr/pg2']
    """
    taken = set(known.values())
    curves = []
    for one in fresh:
        label = known.get(one.place)
        if label is None:
            wanted = renamed.get(one.label, one.label)
            numbered = (f"{wanted}-{number}" for number in count(2))
            label = next(name for name in chain([wanted], numbered) if name not in taken)
            taken.add(label)
        curves.append(replace(one, label=label))
    return curves


def lightning_curves(groups: GroupNames, classes: Sequence[type], owners: Iterable[SchedulerNames]) -> list[SeriesName]:
    """The curves that Lightning's ``LearningRateMonitor`` draws, under its names: one for each scheduler and group.

    Args:
        groups: the names of each optimizer's parameter groups, ``None`` where a group has none.
        classes: the class of each optimizer.
        owners: the schedulers; an optimizer without any comes after them, with both intervals.

    Raises:
        MisconfigurationException: where two groups of one optimizer share a name.

    Example:
        >>> from torch.optim import SGD
        >>> [one.name for one in lightning_curves([[None], [None, "b"]], [SGD, SGD], [SchedulerNames(1, None, "step")])]
        ['lr-SGD/pg1', 'lr-SGD/b', 'lr-SGD-1']
    """
    owners = list(owners)
    scheduled = {one.optimizer for one in owners}
    owners += [SchedulerNames(at, None, "any") for at in range(len(groups)) if at not in scheduled]
    seen: Counter[type] = Counter()
    curves: list[SeriesName] = []
    for one in owners:
        kind, names = classes[one.optimizer], groups[one.optimizer]
        base = one.name if one.name is not None else f"lr-{kind.__name__}"
        _refuse_duplicates(names, base)
        seen[kind] += one.name is None
        if seen[kind] > 1:
            # Lightning numbers a named scheduler too, once its optimizer's class was seen twice.
            base = f"{base}-{seen[kind] - 1}"
        for group, given in enumerate(names):
            label = given or (f"pg{group + 1}" if len(names) > 1 else "")
            name = f"{base}/{label}" if label else base
            curves.append(SeriesName(name, one.optimizer, group, one.interval, "lightning"))
    return curves


def _refuse_duplicates(names: Sequence[str | None], where: str) -> None:
    counted = Counter(name or f"pg{at}" for at, name in enumerate(names, start=1))
    repeated = {name for name, times in counted.items() if times > 1}
    if repeated:
        raise MisconfigurationException(
            "A single `Optimizer` cannot have multiple parameter groups with identical "
            f"`name` values. {where} has duplicated parameter group names {repeated}"
        )
