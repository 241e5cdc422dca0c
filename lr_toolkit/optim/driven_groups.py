"""The parameter groups of an optimizer as a scheduler knows them: it writes to them, and notices which have joined or were loaded."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, final

from torch.optim import Optimizer

from lr_toolkit.errors import ScheduleError
from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.group_writer import GroupWriter, Holding

__all__ = ["DrivenGroups"]


@final
class DrivenGroups:
    """Writes the values of bindings to an optimizer's parameter groups.

    Args:
        optimizer: the optimizer.
        bindings: what drives its groups, one binding for each key; that of the LR comes first.

    Attributes:
        known: the list of the groups at the last ``update_known``. Others may have joined it.
        count: how many groups it had then.
    """

    def __init__(self, optimizer: Optimizer, bindings: Sequence[Binding]) -> None:
        self._optimizer = optimizer
        self._writers = [GroupWriter(optimizer, binding) for binding in bindings]
        self.update_known()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "known": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy holds a copied optimizer, whose groups are those that were known.
        self.__dict__.update(state, known=state["_optimizer"].param_groups)

    def update_known(self) -> None:
        """Take the groups that the optimizer has now as the known ones."""
        self.known = self._optimizer.param_groups
        self.count = len(self.known)

    def are_same(self) -> bool:
        """Whether the optimizer has the list of groups that is known, and as many in it."""
        groups = self._optimizer.param_groups
        return groups is self.known and len(groups) == self.count

    def are_new(self) -> bool:
        """Whether the optimizer has groups that are not known, in the middle of an update.

        DeepSpeed leaves only some of the groups for a while within a step; that is no change of groups.
        """
        groups = self._optimizer.param_groups
        return len(groups) > self.count or (
            len(groups) == self.count and not all(map(operator.is_, groups, self.known))
        )

    def reattach(self) -> bool:
        """Bind the groups of a state that the optimizer has loaded; returns whether groups have joined.

        Raises:
            ScheduleError: if there are fewer groups than before.
        """
        groups = self._optimizer.param_groups
        if len(groups) < self.count:
            raise ScheduleError(
                f"ScheduledLR: the optimizer had {self.count} parameter groups and has {len(groups)} now. Keep the "
                "group and write scheduler.rebase([...]) with 0.0 in its place, or build a new scheduler."
            )
        if groups is not self.known:
            for writer in self._writers:
                writer.reattach()
        return len(groups) > self.count

    def follow(self, bindings: Sequence[Binding]) -> None:
        """Write the values of other bindings from now on, and the base LRs, where the optimizer's next scheduler looks for them."""
        lr, *others = bindings
        self._writers[0].bind(lr, with_bases=True)
        for writer, binding in zip(self._writers[1:], others, strict=True):
            writer.bind(binding)

    def write(self, k: int) -> None:
        """Write the values of update ``k``."""
        for writer in self._writers:
            writer.write(k)

    def holding(self, groups: int, *candidates: Sequence[Sequence[float]]) -> list[Holding]:
        """Which of the first ``groups`` known groups hold what one of ``candidates`` has for them.

        A candidate has a list for each key. Before ``update_known`` the groups are those that a state has replaced.
        """
        known, of_keys = self.known[:groups], zip(*candidates, strict=True)
        return [writer.holding(known, *values) for writer, values in zip(self._writers, of_keys, strict=True)]

    def write_where(self, holding: Sequence[Holding], k: int) -> None:
        """Write the values of update ``k`` to the groups that ``holding`` includes."""
        for writer, where in zip(self._writers, holding, strict=True):
            writer.write_where(where, k)
