"""The learning rates of an optimizer's parameter groups in two versions: unscaled, and multiplied by factors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from operator import is_, itemgetter, mul
from typing import Any, TypeAlias, final

import torch
from torch import Tensor
from torch.optim import Optimizer
from typing_extensions import override

from lr_toolkit.errors import ScheduleError

__all__ = ["Group", "GroupValues", "group_values_of", "has_rates", "has_tensors"]

Group: TypeAlias = "dict[str, Any]"


class GroupValues(ABC):
    """The unscaled LR of each parameter group, and the LR that was last written to it.

    Args:
        source: a list of parameter groups, which may be changed later.
    """

    groups: list[Group]
    """The groups that were in the list."""
    unscaled: list[Any]
    """The unscaled LR of each of them."""
    are_tensors: bool
    """Whether the LRs are tensors."""

    def __init__(self, source: list[Group]) -> None:
        self.source = source
        self.groups = list(source)

    def are_of(self, groups: Sequence[Group]) -> bool:
        """Whether these are the LRs of ``groups``, the same dicts in the same order."""
        return len(groups) == len(self.groups) and all(map(is_, groups, self.groups))

    @abstractmethod
    def is_unchanged(self) -> bool:
        """Whether the list still holds what was last written to its groups; no device is waited for."""

    @abstractmethod
    def changed(self) -> list[bool]:
        """For each group whether it holds something else."""

    @abstractmethod
    def keep_kind(self) -> None:
        """Let a number that was written in the place of a tensor be the value of that tensor."""

    @abstractmethod
    def read(self) -> None:
        """Take the LRs that the groups hold as the unscaled ones."""

    @abstractmethod
    def restore(self) -> None:
        """Write the unscaled LR to each group."""

    @abstractmethod
    def scale(self, factors: Sequence[float]) -> None:
        """Write unscaled LR x factor to each group."""


def group_values_of(groups: list[Group], unscaled: Sequence[Any]) -> GroupValues:
    """The values of ``groups``, whose unscaled LRs are given; a tensor that several groups share is copied for each.

    Raises:
        ScheduleError: if some groups have a number as LR and others a tensor.
    """
    if not has_tensors(unscaled, groups):
        return _Numbers(groups, unscaled)
    _separate_tensors(groups)
    return _Tensors(groups, unscaled)


def has_rates(optimizer: Optimizer) -> bool:
    """Whether each group has a number as its LR.

    Adafactor may compute its own, another optimizer may take a function or a vector, and Lightning's mock optimizer has no groups.
    """
    groups = optimizer.param_groups
    return bool(groups) and all(_is_number(group.get("lr")) for group in groups)


def _is_number(lr: Any) -> bool:
    return lr.numel() == 1 if isinstance(lr, Tensor) else hasattr(lr, "__float__")


def has_tensors(lrs: Sequence[Any], groups: Sequence[Group]) -> bool:
    """Whether the ``lrs`` of an optimizer's groups are tensors.

    Raises:
        ScheduleError: if some are numbers and others tensors.
    """
    are_tensors = [isinstance(lr, Tensor) for lr in lrs]
    if any(are_tensors) and not all(are_tensors):
        number, tensor = are_tensors.index(False), are_tensors.index(True)
        lr = lrs[number]
        first, second = (repr(groups[index].get("name", index)) for index in (number, tensor))
        raise ScheduleError(
            f"LRWarmup: the lr of parameter group {first} is a number ({lr:g}) and that of group {second} is a tensor. Write one "
            f"kind for all groups: lr=torch.tensor({lr:g}) in group {first}, or a number in group {second}."
        )
    return all(are_tensors)


_lr = itemgetter("lr")


@final
class _Numbers(GroupValues):
    """LRs that are Python numbers."""

    are_tensors = False

    def __init__(self, groups: list[Group], unscaled: Sequence[Any]) -> None:
        super().__init__(groups)
        self.unscaled = list(unscaled)
        self._written = list(map(_lr, groups))

    @override
    def is_unchanged(self) -> bool:
        return list(map(_lr, self.source)) == self._written

    @override
    def changed(self) -> list[bool]:
        # Lists are compared, in which NaN equals itself.
        return [[group["lr"]] != [lr] for group, lr in zip(self.groups, self._written, strict=True)]

    @override
    def keep_kind(self) -> None:
        pass

    @override
    def read(self) -> None:
        self.unscaled = list(map(_lr, self.groups))

    @override
    def restore(self) -> None:
        self._write(self.unscaled)

    @override
    def scale(self, factors: Sequence[float]) -> None:
        self._write(list(map(mul, self.unscaled, factors)))

    def _write(self, lrs: list[Any]) -> None:
        for group, lr in zip(self.groups, lrs):  # noqa: B905  # strict=True would take half of the time of a write
            group["lr"] = lr
        self._written = lrs


@final
class _Tensors(GroupValues):
    """LRs that are tensors, written in place on their device, which is never waited for.

    A captured CUDA graph or a compiled step therefore keeps reading the same tensors. If they are views of one buffer, as
    ``ScheduledLR`` makes them, one operation writes all.
    """

    are_tensors = True

    def __init__(self, groups: list[Group], unscaled: Sequence[Any]) -> None:
        super().__init__(groups)
        self._lrs: list[Tensor] = list(map(_lr, groups))
        buffer = _buffer_of(self._lrs)
        # Detached tensors can be written in place in any gradient mode, and share storage and version with the LRs.
        self._cells = [lr.detach() for lr in self._lrs]
        self._blocks = self._cells if buffer is None else [buffer.detach()]
        self._sources = [lr.detach().clone() for lr in unscaled]
        self.unscaled = self._sources
        if buffer is not None:
            self._sources = [torch.stack(self._sources)]
            self.unscaled = list(self._sources[0].unbind())
        self._factors: Sequence[float] = (1.0,) * len(groups)
        self._versions = self._read_versions()

    def _read_versions(self) -> list[int]:
        # How often each tensor was written; to read its value would wait for the device.
        return [block._version for block in self._blocks]

    @override
    def are_of(self, groups: Sequence[Group]) -> bool:
        return super().are_of(groups) and all(map(is_, map(_lr, groups), self._lrs))

    @override
    def is_unchanged(self) -> bool:
        return self.are_of(self.source) and self._read_versions() == self._versions

    @override
    def changed(self) -> list[bool]:
        # Views share their version, so the values are compared: the device is waited for once.
        written = [lr.clone() for lr in self.unscaled]
        torch._foreach_mul_(written, list(self._factors))
        rows = zip(self.groups, self._lrs, written, strict=True)
        return [group["lr"] is not lr or not torch.equal(lr, expected) for group, lr, expected in rows]

    @override
    def keep_kind(self) -> None:
        for group, lr in zip(self.groups, self._lrs, strict=True):
            if not isinstance(group["lr"], Tensor):
                lr.detach().fill_(group["lr"])
                group["lr"] = lr

    @override
    def read(self) -> None:
        torch._foreach_copy_(self._sources, self._blocks)

    @override
    def restore(self) -> None:
        torch._foreach_copy_(self._blocks, self._sources)
        self._factors = (1.0,) * len(self.groups)
        self._versions = self._read_versions()

    @override
    def scale(self, factors: Sequence[float]) -> None:
        torch._foreach_copy_(self._blocks, self._sources)
        if factors.count(factors[0]) == len(factors):
            torch._foreach_mul_(self._blocks, factors[0])
        else:
            torch._foreach_mul_(self._cells, list(factors))
        self._factors = factors
        self._versions = self._read_versions()


def _separate_tensors(groups: Sequence[Group]) -> None:
    """Give each group an LR of its own: a tensor as default is the same tensor in all groups."""
    found: set[tuple[int, int]] = set()
    for group in groups:
        lr = group["lr"]
        place = lr.untyped_storage()._cdata, int(lr.storage_offset())
        if place in found:
            group["lr"] = lr.detach().clone()
        found.add(place)


def _buffer_of(lrs: Sequence[Tensor]) -> Tensor | None:
    """The buffer whose elements are ``lrs``, all of them and in order."""
    buffer = lrs[0]._base
    if buffer is None or buffer.dim() != 1 or len(buffer) != len(lrs) or not buffer.is_contiguous():
        return None
    for index, lr in enumerate(lrs):
        if lr._base is not buffer or lr.dim() or lr.data_ptr() != buffer[index].data_ptr():
            return None
    return buffer
