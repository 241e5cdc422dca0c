"""The learning rates of all groups of an optimizer in two versions, at the least cost: bare, and multiplied by factors."""

from __future__ import annotations

from collections.abc import Sequence
from operator import is_, itemgetter, mul
from typing import Any, Protocol, TypeAlias, final

import torch
from torch import Tensor
from torch.optim import Optimizer

__all__ = ["GroupValues", "group_values_of", "has_rates"]

Group: TypeAlias = "dict[str, Any]"


class GroupValues(Protocol):
    """The bare LRs of the groups, and what was last written to them.

    Where somebody else has written since, or the groups are others, a method that would write does nothing, and says so by
    ``False``.
    """

    members: list[Group]
    """The groups for which this was made, whatever has become of the optimizer's."""

    @property
    def bare(self) -> list[Any]:
        """The bare LR of each member."""
        ...

    def is_untouched(self) -> bool:
        """Whether the groups are still those that there were, and hold what was last written to them."""
        ...

    def touched(self) -> list[bool]:
        """For each member, whether it holds something else."""
        ...

    def show(self, factors: Sequence[float]) -> bool:
        """Write bare LR x factor to each group."""
        ...

    def hide(self) -> bool:
        """Write its bare LR to each group."""
        ...

    def renew(self, factors: Sequence[float]) -> bool:
        """Take what the groups hold as their bare LRs, and show these; ``False`` where it is not the same groups, or tensors."""
        ...


def group_values_of(groups: list[Group], bare: Sequence[Any]) -> GroupValues:
    """The LRs of these groups, given the bare ones; what is added to the list later makes them touched."""
    kinds = [isinstance(group["lr"], Tensor) for group in groups]
    if not any(kinds):
        return _Number(groups, bare) if len(groups) == 1 else _Numbers(groups, bare)
    if all(kinds):
        return _Tensors(groups, bare)
    return _Mixed(groups, bare, kinds)


def has_rates(optimizer: Optimizer) -> bool:
    """Whether each group has an LR: Adafactor may find its own, and Lightning's stand-in for no optimizer has no groups."""
    groups = optimizer.param_groups
    return bool(groups) and all(group.get("lr") is not None for group in groups)


_lr = itemgetter("lr")


@final
class _Numbers:
    """LRs that are Python numbers."""

    def __init__(self, groups: list[Group], bare: Sequence[Any]) -> None:
        self._groups = groups
        self.members = list(groups)
        self._used = list(map(_lr, groups))
        self.bare = list(bare)

    def is_untouched(self) -> bool:
        return list(map(_lr, self._groups)) == self._used

    def touched(self) -> list[bool]:
        return [one is not lr and one != lr for one, lr in zip(map(_lr, self.members), self._used, strict=True)]

    # Every update comes to these three, which is why they call nothing.

    def show(self, factors: Sequence[float]) -> bool:
        groups = self._groups
        if list(map(_lr, groups)) != self._used:
            return False
        self._used = used = list(map(mul, self.bare, factors))
        for group, lr in zip(groups, used):  # noqa: B905  # as many, by the comparison above
            group["lr"] = lr
        return True

    def hide(self) -> bool:
        groups = self._groups
        if list(map(_lr, groups)) != self._used:
            return False
        self._used = bare = self.bare
        for group, lr in zip(groups, bare):  # noqa: B905  # as many, by the comparison above
            group["lr"] = lr
        return True

    def renew(self, factors: Sequence[float]) -> bool:
        groups, members = self._groups, self.members
        # Who joins comes last, and who leaves moves those behind: the ends tell, whatever their number.
        if len(groups) != len(members) or groups[0] is not members[0] or groups[-1] is not members[-1]:
            return False
        self.bare = bare = list(map(_lr, groups))
        self._used = used = list(map(mul, bare, factors))
        for group, lr in zip(groups, used):  # noqa: B905  # as many, by the comparison above
            group["lr"] = lr
        return True


@final
class _Number:
    """The Python number of a single group, which most optimizers have: a fifth of the time that lists take."""

    def __init__(self, groups: list[Group], bare: Sequence[Any]) -> None:
        self._groups = groups
        self.members = list(groups)
        (self._group,) = groups
        (self._bare,) = bare
        self._used = self._group["lr"]

    @property
    def bare(self) -> list[Any]:
        return [self._bare]

    def is_untouched(self) -> bool:
        lr, used = self._group["lr"], self._used
        return (lr is used or lr == used) and len(self._groups) == 1 and self._groups[0] is self._group

    def touched(self) -> list[bool]:
        return [[self._group["lr"]] != [self._used]]

    def show(self, factors: Sequence[float]) -> bool:
        group, groups, used = self._group, self._groups, self._used
        lr = group["lr"]
        if (lr is not used and lr != used) or len(groups) != 1 or groups[0] is not group:
            return False
        group["lr"] = self._used = self._bare * factors[0]
        return True

    def hide(self) -> bool:
        group, groups, used = self._group, self._groups, self._used
        lr = group["lr"]
        if (lr is not used and lr != used) or len(groups) != 1 or groups[0] is not group:
            return False
        group["lr"] = self._used = self._bare
        return True

    def renew(self, factors: Sequence[float]) -> bool:
        group, groups = self._group, self._groups
        if len(groups) != 1 or groups[0] is not group:
            return False
        self._bare = group["lr"]
        group["lr"] = self._used = self._bare * factors[0]
        return True


@final
class _Tensors:
    """LRs that are tensors, written in place and on their device, which nothing here waits for.

    So a captured CUDA graph or a compiled step keeps reading the same tensor. Those that are views of one buffer, as
    ``ScheduledLR`` leaves them, take one operation for all.
    """

    def __init__(self, groups: list[Group], bare: Sequence[Any]) -> None:
        self._groups = groups
        self.members = list(groups)
        self._lrs: list[Tensor] = list(map(_lr, groups))
        whole = _whole(self._lrs)
        # Detached, they can be written to in place whatever the gradient mode, and share storage and version.
        self._cells = [one.detach() for one in self._lrs]
        self._blocks = self._cells if whole is None else [whole.detach()]
        kept = [lr.detach().clone() for lr in bare]
        self._kept = kept if whole is None else [torch.stack(kept)]
        self._bare = kept if whole is None else list(self._kept[0].unbind())
        self._versions = self._seen()
        self._factors: Sequence[float] = (1.0,) * len(groups)

    @property
    def bare(self) -> list[Any]:
        return self._bare

    def _seen(self) -> list[int]:
        # How often each was written to; reading the value would wait for the device.
        return [block._version for block in self._blocks]

    def is_untouched(self) -> bool:
        return self._is_same() and self._seen() == self._versions

    def _is_same(self) -> bool:
        groups, lrs = self._groups, self._lrs
        return len(groups) == len(lrs) and all(map(is_, map(_lr, groups), lrs))

    def touched(self) -> list[bool]:
        # Views share their version, so only the values tell them apart; to wait for them once does no harm.
        shown = [bare.clone() for bare in self._bare]
        torch._foreach_mul_(shown, list(self._factors))
        lrs = zip(map(_lr, self.members), self._lrs, shown, strict=True)
        return [one is not lr or not torch.equal(lr, was) for one, lr, was in lrs]

    def show(self, factors: Sequence[float]) -> bool:
        if not self.hide():
            return False
        self._multiply(factors)
        return True

    def _multiply(self, factors: Sequence[float]) -> None:
        self._factors = factors
        if factors.count(factors[0]) == len(factors):
            torch._foreach_mul_(self._blocks, factors[0])
        else:
            torch._foreach_mul_(self._cells, list(factors))
        self._versions = self._seen()

    def hide(self) -> bool:
        if not self.is_untouched():
            return False
        torch._foreach_copy_(self._blocks, self._kept)
        self._versions = self._seen()
        return True

    def renew(self, factors: Sequence[float]) -> bool:
        if not self._is_same():
            return False
        torch._foreach_copy_(self._kept, self._blocks)
        self._multiply(factors)
        return True


def _whole(lrs: list[Tensor]) -> Tensor | None:
    """The buffer whose elements these are, in order and all of them."""
    base = lrs[0]._base
    if base is None or base.dim() != 1 or len(base) != len(lrs) or not base.is_contiguous():
        return None
    fit = all(lr._base is base and not lr.dim() and lr.data_ptr() == base[at].data_ptr() for at, lr in enumerate(lrs))
    return base if fit else None


@final
class _Mixed:
    """Some groups with numbers, some with tensors."""

    def __init__(self, groups: list[Group], bare: Sequence[Any], kinds: Sequence[bool]) -> None:
        self._groups = groups
        self.members = list(groups)
        self._parts: list[tuple[list[int], GroupValues]] = []
        for kind in (False, True):
            places = [at for at, one in enumerate(kinds) if one is kind]
            self._parts.append((places, group_values_of([groups[at] for at in places], [bare[at] for at in places])))

    @property
    def bare(self) -> list[Any]:
        return self._together([part.bare for _, part in self._parts])

    def is_untouched(self) -> bool:
        return self._is_same() and all(part.is_untouched() for _, part in self._parts)

    def _is_same(self) -> bool:
        return len(self._groups) == len(self.members) and all(map(is_, self._groups, self.members))

    def touched(self) -> list[bool]:
        return self._together([part.touched() for _, part in self._parts])

    def show(self, factors: Sequence[float]) -> bool:
        return self.is_untouched() and all(part.show([factors[at] for at in places]) for places, part in self._parts)

    def hide(self) -> bool:
        return self.is_untouched() and all(part.hide() for _, part in self._parts)

    def renew(self, factors: Sequence[float]) -> bool:
        return self._is_same() and all(part.renew([factors[at] for at in places]) for places, part in self._parts)

    def _together(self, values: Sequence[Sequence[Any]]) -> list[Any]:
        """What the parts say, in the order of the groups."""
        placed = {
            at: value
            for (places, _), part in zip(self._parts, values, strict=True)
            for at, value in zip(places, part, strict=True)
        }
        return [placed[at] for at in sorted(placed)]
