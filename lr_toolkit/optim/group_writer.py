"""Writing learning rates to an optimizer's parameter groups, floats and tensors, at the least cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, final

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

__all__ = ["GroupWriter", "send"]


def send(to: Tensor, values: Sequence[float]) -> None:
    """Write numbers to a tensor; the host does not wait for what its device still has to do."""
    # Only what lies in pinned memory is sure to be copied without that.
    ready = torch.tensor(values, dtype=to.dtype, device="cpu", pin_memory=to.is_cuda)
    to.copy_(ready, non_blocking=True)


class _Block:
    """Groups whose tensor LRs are views of one buffer: one operation fills them all, in place.

    The LRs are computed in float64 on the buffer's device and rounded once; nothing is read back to the host.
    """

    def __init__(self, members: Sequence[int], lrs: Sequence[Tensor]) -> None:
        self.members = members
        self.buffer = torch.stack([lr.detach().reshape(()) for lr in lrs])
        self.views = [one.view_as(lr) for one, lr in zip(self.buffer.unbind(), lrs, strict=True)]
        # Apple's GPUs have no float64.
        exact = torch.float32 if self.buffer.device.type == "mps" else torch.float64
        self.levels = torch.zeros(len(lrs), dtype=exact, device=self.buffer.device)
        self.gains = torch.ones_like(self.levels)

    def relevel(self, bases: Sequence[float], gains: Sequence[float]) -> None:
        send(self.gains, [gains[at] for at in self.members])
        send(self.levels, [bases[at] * gains[at] for at in self.members])

    def scale(self, a: float) -> None:
        torch.mul(self.levels, a, out=self.buffer)

    def write(self, a: float, b: float) -> None:
        torch.add(self.levels * a, self.gains, alpha=b, out=self.buffer)

    def write_each(self, lrs: Sequence[float]) -> None:
        send(self.buffer, [lrs[at] for at in self.members])


@final
class _HostBlock(_Block):
    """A block in the host's memory, where NumPy, on the same memory, multiplies in half the time."""

    def __init__(self, members: Sequence[int], lrs: Sequence[Tensor]) -> None:
        super().__init__(members, lrs)
        self._exact = torch.zeros_like(self.levels)
        self._lrs, self._levels, self._gains = (one.numpy() for one in (self._exact, self.levels, self.gains))

    def scale(self, a: float) -> None:
        np.multiply(self._levels, a, out=self._lrs)
        self.buffer.copy_(self._exact)

    def write(self, a: float, b: float) -> None:
        np.add(self._levels * a, self._gains * b, out=self._lrs)
        self.buffer.copy_(self._exact)


def _block_of(members: Sequence[int], lrs: Sequence[Tensor]) -> _Block:
    return (_HostBlock if lrs[0].device.type == "cpu" else _Block)(members, lrs)


@final
class GroupWriter:
    """The learning rates of an optimizer's groups, ready to be written: lr = (base * a + b) * gain.

    A tensor LR is rebound once, to a view of a buffer; from then on it is filled in place and keeps its identity, as a
    captured CUDA graph and a compiled optimizer step need it.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self.groups: list[dict[str, Any]] = []
        self.count = 0
        self._blocks: list[_Block] = []
        self._loose: list[int] = []  # groups whose LR is in no block
        self._shared: list[tuple[float, float, list[dict[str, Any]]]] = []
        self._single: list[tuple[dict[str, Any], float, float]] = []
        self._levels: list[tuple[dict[str, Any], float]] = []

    def __reduce__(self) -> tuple[type[GroupWriter], tuple[Optimizer]]:
        # Pickled views would come back without their buffer; a copy binds its own at its first step.
        return GroupWriter, (self._optimizer,)

    @property
    def is_current(self) -> bool:
        """Whether the optimizer still has the groups that were bound: none was added, none replaced at a resume."""
        groups = self._optimizer.param_groups
        return groups is self.groups and len(groups) == self.count

    def bind(self, bases: Sequence[float], gains: Sequence[float]) -> list[float]:
        """Take in the optimizer's groups as they are now, with these base LRs and gains: base * gain of each, a new list."""
        groups = self._optimizer.param_groups
        late: defaultdict[tuple[torch.device, torch.dtype], list[int]] = defaultdict(list)
        for at in range(self.count, len(groups)):
            if isinstance(groups[at]["lr"], Tensor):
                late[groups[at]["lr"].device, groups[at]["lr"].dtype].append(at)
        self._blocks += [_block_of(members, [groups[at]["lr"] for at in members]) for members in late.values()]
        self.groups, self.count = groups, len(groups)
        for block in self._blocks:
            for at, view in zip(block.members, block.views, strict=True):
                groups[at]["lr"] = view
        return self.relevel(bases, gains)

    def relevel(self, bases: Sequence[float], gains: Sequence[float]) -> list[float]:
        """Take other base LRs and gains for the groups that are bound: base * gain of each, a new list."""
        in_blocks = {at for block in self._blocks for at in block.members}
        self._loose = [at for at in range(len(self.groups)) if at not in in_blocks]
        alike: defaultdict[tuple[float, float], list[dict[str, Any]]] = defaultdict(list)
        for at in self._loose:
            alike[bases[at] * gains[at], gains[at]].append(self.groups[at])
        # Groups that share a level share one multiplication; where most do not, one flat loop is faster than many.
        self._shared = [(level, gain, groups) for (level, gain), groups in alike.items() if len(groups) > 1]
        self._single = [(groups[0], level, gain) for (level, gain), groups in alike.items() if len(groups) == 1]
        self._levels = [(group, level) for group, level, _ in self._single]
        for block in self._blocks:
            block.relevel(bases, gains)
        return [base * gain for base, gain in zip(bases, gains, strict=True)]

    def scale(self, a: float) -> None:
        """Write lr = base * gain * a to every group."""
        for group, level in self._levels:
            group["lr"] = level * a
        for level, _, groups in self._shared:
            lr = level * a
            for group in groups:
                group["lr"] = lr
        for block in self._blocks:
            block.scale(a)

    def write(self, a: float, b: float) -> None:
        """Write lr = (base * a + b) * gain to every group."""
        for group, level, gain in self._single:
            group["lr"] = level * a + b * gain
        for level, gain, groups in self._shared:
            lr = level * a + b * gain
            for group in groups:
                group["lr"] = lr
        for block in self._blocks:
            block.write(a, b)

    def write_each(self, lrs: Sequence[float]) -> None:
        """Write one LR to each group."""
        for at in self._loose:
            self.groups[at]["lr"] = lrs[at]
        for block in self._blocks:
            block.write_each(lrs)
