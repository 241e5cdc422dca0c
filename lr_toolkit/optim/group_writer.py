"""Writes the numbers of a binding to an optimizer's parameter groups: floats, and tensors that are filled in place."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, TypeAlias, final

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from lr_toolkit.optim.binding import Binding

__all__ = ["GroupWriter", "send"]

Group: TypeAlias = "dict[str, Any]"


def send(to: Tensor, values: Sequence[float]) -> None:
    """Write numbers to a tensor; the host does not wait for the tensor's device."""
    # Only from pinned memory is a copy sure not to wait.
    ready = torch.tensor(values, dtype=to.dtype, device="cpu", pin_memory=to.is_cuda)
    to.copy_(ready, non_blocking=True)


@final
class GroupWriter:
    """Writes group[key] = level * factor to every group of an optimizer.

    A tensor in a group is rebound once, to a view of a buffer. From then on it is filled in place and keeps its identity, as
    a captured CUDA graph and a compiled optimizer step need it.
    """

    def __init__(self, optimizer: Optimizer, binding: Binding) -> None:
        self._optimizer = optimizer
        self._blocks: list[_Block] = []
        self.bind(binding)

    def __reduce__(self) -> tuple[type[GroupWriter], tuple[Optimizer, Binding]]:
        # Pickled views would come back without their buffer; a copy binds its own.
        return GroupWriter, (self._optimizer, self._binding)

    def bind(self, binding: Binding) -> None:
        """Take another binding of the optimizer's groups; groups that are new are bound with it."""
        groups, key = self._optimizer.param_groups, binding.key
        in_blocks = {index for block in self._blocks for index in block.members}
        late: defaultdict[tuple[torch.device, torch.dtype], list[int]] = defaultdict(list)
        for index, group in enumerate(groups):
            if index not in in_blocks and isinstance(group[key], Tensor):
                late[group[key].device, group[key].dtype].append(index)
        self._blocks += [_block_of(key, members, groups) for members in late.values()]
        in_blocks.update(index for members in late.values() for index in members)
        self._numbers = [index for index in range(len(groups)) if index not in in_blocks]
        self._binding = binding
        self._levels = binding.levels
        self._share_level = len(set(self._levels)) == 1
        for block in self._blocks:
            block.attach(groups)
            block.set_levels(self._levels)

    def reattach(self) -> None:
        """Bind the tensors again after the optimizer has loaded a state, with the values that it has loaded."""
        for block in self._blocks:
            block.adopt(self._optimizer.param_groups)
        self.bind(self._binding)

    def write(self, k: int) -> None:
        """Write the values of update ``k``."""
        timelines = self._binding.timelines
        if len(timelines) == 1:
            self._scale(timelines[0].factor(k))
        else:
            self._write_each(self._binding.values(k))

    def _scale(self, factor: float) -> None:
        """Write level * factor to every group."""
        groups, levels, key = self._optimizer.param_groups, self._levels, self._binding.key
        if self._blocks:
            for index in self._numbers:
                groups[index][key] = levels[index] * factor
            for block in self._blocks:
                block.scale(factor)
        elif self._share_level:
            value = levels[0] * factor
            for group in groups:
                group[key] = value
        else:
            for group, level in zip(groups, levels, strict=True):
                group[key] = level * factor

    def _write_each(self, values: Sequence[float]) -> None:
        """Write a value to each group."""
        groups, key = self._optimizer.param_groups, self._binding.key
        for index in self._numbers:
            groups[index][key] = values[index]
        for block in self._blocks:
            block.send([values[index] for index in block.members])


class _Block:
    """Groups whose tensors are views of one buffer: one operation fills them all, in place.

    The values are computed in float64 on the buffer's device and rounded once; nothing is read back to the host.
    """

    def __init__(self, key: str, members: Sequence[int], tensors: Sequence[Tensor]) -> None:
        self.members = members
        self._key = key
        self.buffer = torch.stack([tensor.detach().reshape(()) for tensor in tensors])
        self.views = [cell.view_as(tensor) for cell, tensor in zip(self.buffer.unbind(), tensors, strict=True)]
        # Apple's GPUs have no float64.
        exact = torch.float32 if self.buffer.device.type == "mps" else torch.float64
        self.levels = torch.zeros(len(tensors), dtype=exact, device=self.buffer.device)

    def attach(self, groups: Sequence[Group]) -> None:
        """Put the views into the groups."""
        for index, view in zip(self.members, self.views, strict=True):
            groups[index][self._key] = view

    def adopt(self, groups: Sequence[Group]) -> None:
        """Take what the groups hold."""
        with torch.no_grad():
            for index, view in zip(self.members, self.views, strict=True):
                view.copy_(torch.as_tensor(groups[index][self._key], dtype=view.dtype).reshape(view.shape))

    def set_levels(self, levels: Sequence[float]) -> None:
        """Take other levels."""
        send(self.levels, [levels[index] for index in self.members])

    def scale(self, factor: float) -> None:
        """Write level * factor to each group."""
        torch.mul(self.levels, factor, out=self.buffer)

    def send(self, values: Sequence[float]) -> None:
        """Write a value to each group."""
        send(self.buffer, values)


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


def _block_of(key: str, members: Sequence[int], groups: Sequence[Group]) -> _Block:
    tensors = [groups[index][key] for index in members]
    return (_HostBlock if tensors[0].device.type == "cpu" else _Block)(key, members, tensors)
