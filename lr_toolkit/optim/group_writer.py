"""Writes the numbers of a binding to an optimizer's parameter groups: floats, and tensors that are filled in place."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from operator import attrgetter, is_, itemgetter
from typing import Any, TypeAlias, final

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.keys import Key

__all__ = ["GroupWriter", "Holding", "send"]

Group: TypeAlias = "dict[str, Any]"

_PRECISION = 1e-6  # of an LR that may have been a float32 tensor


def _are_close(held: Any, value: float) -> bool:
    return math.isclose(held, value, rel_tol=_PRECISION)


def send(to: Tensor, values: Sequence[float]) -> None:
    """Write numbers to a tensor; the host does not wait for the tensor's device."""
    # Only from pinned memory is a copy sure not to wait.
    ready = torch.tensor(values, dtype=to.dtype, device="cpu", pin_memory=to.is_cuda)
    to.copy_(ready, non_blocking=True)


@final
@dataclass(frozen=True, slots=True)
class Holding:
    """Which groups hold a known value; of tensors their device knows it, and the host does not wait for it.

    Attributes:
        groups: the number of groups.
        numbers: the groups with a number that hold a known one.
        masks: the same for each block of tensors.
    """

    groups: int
    numbers: frozenset[int]
    masks: tuple[Tensor, ...]

    def includes(self, index: int) -> bool:
        """Whether a group held a known number, or has joined since."""
        return index in self.numbers or index >= self.groups


@final
class GroupWriter:
    """Writes group[key] = level * factor to the groups of an optimizer that a binding drives.

    A tensor in a group is rebound once, to a view of a buffer. From then on it is filled in place and keeps its identity, as
    a captured CUDA graph and a compiled optimizer step need it. If something else replaces the tensor, or the whole group, the
    next write puts the view back.
    """

    def __init__(self, optimizer: Optimizer, binding: Binding) -> None:
        self._optimizer = optimizer
        self._blocks: list[_Block] = []
        self.bind(binding)

    def __reduce__(self) -> tuple[type[GroupWriter], tuple[Optimizer, Binding]]:
        # Pickled views would come back without their buffer; a copy binds its own.
        return GroupWriter, (self._optimizer, self._binding)

    def bind(self, binding: Binding, *, with_bases: bool = False) -> None:
        """Take another binding of the optimizer's groups; groups that are new are bound with it.

        Args:
            binding: what is written from now on.
            with_bases: write its base values too, where the next scheduler of the optimizer looks for them.
        """
        self._binding = binding
        self._key = Key.parse(binding.key)
        for position, base in zip(binding.members, binding.bases, strict=True):
            self._key.keep_base(self._optimizer.param_groups[position], base if with_bases else None)
        # A list of all groups is used as it is, because something else may exchange a group in it.
        drives_all = binding.members == tuple(range(len(self._optimizer.param_groups)))
        self._cells_of = _cells_of(self._key, None if drives_all else binding.members)
        cells, key = self._cells_of(self._optimizer), binding.key
        in_blocks = {index for block in self._blocks for index in block.members}
        late: defaultdict[tuple[torch.device, torch.dtype], list[int]] = defaultdict(list)
        for index, cell in enumerate(cells):
            if index not in in_blocks and isinstance(cell[key], Tensor):
                late[cell[key].device, cell[key].dtype].append(index)
        self._blocks += [_block_of(key, members, cells) for members in late.values()]
        in_blocks.update(index for members in late.values() for index in members)
        self._numbers = [index for index in range(len(cells)) if index not in in_blocks]
        self._levels = binding.levels
        self._only = binding.timelines[0] if len(binding.timelines) == 1 else None
        self._share_level = len(set(self._levels)) == 1
        for block in self._blocks:
            block.attach(cells)
            block.set_levels(self._levels)

    def reattach(self) -> None:
        """Bind the tensors again after the optimizer has loaded a state, with the values that it has loaded."""
        cells = self._cells_of(self._optimizer)
        for block in self._blocks:
            block.adopt(cells)
        self.bind(self._binding)

    def write(self, k: int) -> None:
        """Write the values of update ``k``."""
        cells, key, levels = self._cells_of(self._optimizer), self._binding.key, self._levels
        factors = (self._only.factor(k),) if self._only else self._binding.factors(k)
        # The zips are without strict, which takes longer than the writes of a few groups: bind() has made all of one length.
        if self._blocks:
            self._write_with_blocks(cells, factors)
        elif not self._only:
            for cell, level, index in zip(cells, levels, self._binding.which):  # noqa: B905
                cell[key] = level * factors[index]
        elif self._share_level:
            value = levels[0] * factors[0]
            for cell in cells:
                cell[key] = value
        else:
            factor = factors[0]
            for cell, level in zip(cells, levels):  # noqa: B905
                cell[key] = level * factor

    def _write_with_blocks(self, cells: Sequence[Any], factors: Sequence[float]) -> None:
        """Write the values of these factors to tensors, and to the groups between them that have numbers."""
        levels, which = self._levels, self._binding.which
        for index in self._numbers:
            cells[index][self._binding.key] = levels[index] * factors[which[index]]
        for block in self._blocks:
            block.attach(cells)
            if self._only:
                block.scale(factors[0])
            else:
                block.send([levels[index] * factors[which[index]] for index in block.members])

    def holding(self, groups: Sequence[Group], *candidates: Sequence[float]) -> Holding:
        """Which of ``groups`` hold what one of ``candidates`` has for them, within the precision of a tensor."""
        key, members = self._binding.key, self._binding.members
        count = sum(position < len(groups) for position in members)
        cells = self._key.cells(list(groups), members[:count])
        numbers = [
            index
            for index in self._numbers
            if index < count and any(_are_close(cells[index][key], values[index]) for values in candidates)
        ]
        return Holding(count, frozenset(numbers), tuple(block.holding(count, candidates) for block in self._blocks))

    def write_where(self, holding: Holding, k: int) -> None:
        """Write the values of update ``k`` to the groups that ``holding`` includes."""
        cells, values = self._cells_of(self._optimizer), self._binding.values(k)
        for index in self._numbers:
            if holding.includes(index):
                cells[index][self._binding.key] = values[index]
        for block, mask in zip_longest(self._blocks, holding.masks):
            included = [holding.includes(index) for index in block.members]
            block.send_where(torch.tensor(included) if mask is None else mask, values)


def _cells_of(key: Key, members: Sequence[int] | None) -> Callable[[Optimizer], Sequence[Any]]:
    """Finds what holds the numbers that are written, in the groups of an optimizer; ``members`` is ``None`` for all of them."""
    if members is None and key.place is None:
        return attrgetter("param_groups")
    return lambda optimizer: key.cells(optimizer.param_groups, members)


class _Block:
    """Groups whose tensors are views of one buffer: one operation fills them all, in place.

    The values are computed in float64 on the buffer's device and rounded once; nothing is read back to the host.
    """

    def __init__(self, key: str, members: Sequence[int], tensors: Sequence[Tensor]) -> None:
        self.members = members
        self._key, self._held = key, itemgetter(key)
        self.buffer = torch.stack([tensor.detach().reshape(()) for tensor in tensors])
        self.views = [cell.view_as(tensor) for cell, tensor in zip(self.buffer.unbind(), tensors, strict=True)]
        # Apple's GPUs have no float64.
        exact = torch.float32 if self.buffer.device.type == "mps" else torch.float64
        self.levels = torch.zeros(len(tensors), dtype=exact, device=self.buffer.device)

    def attach(self, cells: Sequence[Any]) -> None:
        """Put the views into the groups, where something else has replaced one."""
        members = map(cells.__getitem__, self.members) if len(cells) > len(self.members) else cells
        if not all(map(is_, map(self._held, members), self.views)):
            for index, view in zip(self.members, self.views, strict=True):
                cells[index][self._key] = view

    def adopt(self, cells: Sequence[Any]) -> None:
        """Take what the groups hold."""
        with torch.no_grad():
            for index, view in zip(self.members, self.views, strict=True):
                view.copy_(torch.as_tensor(cells[index][self._key], dtype=view.dtype).reshape(view.shape))

    def set_levels(self, levels: Sequence[float]) -> None:
        """Take other levels."""
        send(self.levels, [levels[index] for index in self.members])

    def scale(self, factor: float) -> None:
        """Write level * factor to each group."""
        torch.mul(self.levels, factor, out=self.buffer)

    def send(self, values: Sequence[float]) -> None:
        """Write a value to each group."""
        send(self.buffer, values)

    def holding(self, count: int, candidates: Sequence[Sequence[float]]) -> Tensor:
        """A mask of the groups that hold what one of ``candidates`` has for them, or that come behind ``count`` groups."""
        tolerance = max(_PRECISION, 4 * torch.finfo(self.buffer.dtype).eps)
        held, mask = self.buffer.to(self.levels.dtype), torch.empty_like(self.levels, dtype=torch.bool)
        send(mask, [index >= count for index in self.members])
        for values in candidates:
            expected = torch.empty_like(self.levels)
            send(expected, [values[index] if index < count else math.nan for index in self.members])
            mask |= torch.isclose(held, expected, rtol=tolerance, atol=0.0)
        return mask

    def send_where(self, mask: Tensor, values: Sequence[float]) -> None:
        """Write its value to each group of the mask."""
        new = torch.empty_like(self.buffer)
        send(new, [values[index] for index in self.members])
        self.buffer.copy_(torch.where(mask.to(new.device, non_blocking=True), new, self.buffer))


@final
class _HostBlock(_Block):
    """A block in the host's memory: NumPy, on the same memory, multiplies in half the time."""

    def __init__(self, key: str, members: Sequence[int], tensors: Sequence[Tensor]) -> None:
        super().__init__(key, members, tensors)
        self._exact = torch.zeros_like(self.levels)
        self._out, self._levels = self._exact.numpy(), self.levels.numpy()

    def scale(self, factor: float) -> None:
        np.multiply(self._levels, factor, out=self._out)
        self.buffer.copy_(self._exact)


def _block_of(key: str, members: Sequence[int], cells: Sequence[Any]) -> _Block:
    tensors = [cells[index][key] for index in members]
    return (_HostBlock if tensors[0].device.type == "cpu" else _Block)(key, members, tensors)
