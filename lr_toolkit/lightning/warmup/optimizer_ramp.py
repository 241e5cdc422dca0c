"""One optimizer on its way up a warmup ramp: where it stands, and what multiplies its LRs now and later."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np

from lr_toolkit.errors import ScheduleError
from lr_toolkit.optim.match_groups import match_groups
from lr_toolkit.optim.multiplier import LRMultiplier
from lr_toolkit.schedules.ramps import UNTUNED, Ramp, ramp, untuned_ramp

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch.optim import Optimizer

    from lr_toolkit.lightning.warmup.warmup import LRWarmup

__all__ = ["OptimizerRamp"]


@final
class OptimizerRamp:
    """One optimizer on its way up the ramp of an ``LRWarmup``: ``taken`` updates (or epochs) of it lie behind.

    Groups that share a ramp share its factor, which is computed once for each update.

    Args:
        warmup: the callback that says which ramp, and for which groups.
        optimizer: whose LRs are multiplied.
        length: of the ramp, in updates or epochs; 0 for the untuned shapes.
        began: the epoch at which the ramp began.
        taken: where it stands.

    Raises:
        ScheduleError: for an optimizer without the betas that an untuned shape takes its length from.
    """

    def __init__(self, warmup: LRWarmup, optimizer: Optimizer, length: int, began: int, taken: int) -> None:
        self.warmup = warmup
        self.optimizer = optimizer
        self.length = length
        self.began = began
        self.taken = taken
        self.shadow: LRMultiplier | None = None  # while it climbs
        self._factors: tuple[float, ...] = ()
        self._by_update = warmup.interval == "step"
        self._groups: Sequence[dict[str, Any]] = list(optimizer.param_groups)
        self._set([self._ramp(at, group) for at, group in enumerate(self._groups)])

    def _choose(self, groups: Sequence[dict[str, Any]]) -> None:
        """Find the ramps of groups that have joined, which nobody can have meant by an index; the others keep theirs."""
        was = match_groups(self._groups, groups)
        self._groups = groups
        self._set(
            [
                self._ramp(-1, group) if at is None else self._ramps[self._places[at]]
                for at, group in zip(was, groups, strict=True)
            ]
        )

    def _set(self, ramps: Sequence[Ramp]) -> None:
        self._ramps = list(dict.fromkeys(ramps))
        self._alone = self._ramps[0] if len(self._ramps) == 1 else None
        self._places = [self._ramps.index(one) for one in ramps]
        self.move(self.taken)

    def _ramp(self, at: int, group: dict[str, Any]) -> Ramp:
        groups, shape = self.warmup.groups, self.warmup.shape
        if groups is not None and at not in groups and group.get("name") not in groups:
            return ramp("constant", 0)
        if shape not in UNTUNED:
            return ramp(shape, self.length, self.warmup.start)
        betas = group.get("betas")
        if not (isinstance(betas, (tuple, list)) and len(betas) > 1):
            raise ScheduleError(
                f"{self.warmup!r}: {type(self.optimizer).__name__} has no betas to take the length from. Write LRWarmup('500 steps')."
            )
        return untuned_ramp(shape, float(betas[1]))

    # --- as the shadow asks ---

    def factors(self, groups: Sequence[dict[str, Any]]) -> tuple[float, ...]:
        """The factor of each group for the update to come."""
        if groups is not self._groups:
            self._choose(groups)
        return self._factors

    def advance(self, groups: Sequence[dict[str, Any]]) -> tuple[float, ...]:
        """An update was taken: the factors for the next one."""
        if groups is not self._groups:
            self._choose(groups)
        if self._by_update:
            self.move(self.taken + 1)
        return self._factors

    def move(self, taken: int) -> None:
        """Stand after ``taken`` updates, or epochs."""
        self.taken = taken
        if self._alone is not None:
            factor = self._alone(taken)
            self._factors = (factor,) * len(self._places)
            self.is_over = factor == 1.0
        else:
            factors = [one(taken) for one in self._ramps]
            self._factors = tuple([factors[at] for at in self._places])
            self.is_over = set(factors) == {1.0}  # from there no ramp falls again

    # --- on an optimizer ---

    def begin(self, schedulers: Sequence[Any]) -> None:
        """Multiply the optimizer's LRs from now on, beneath these schedulers."""
        self.shadow = LRMultiplier.of(self.optimizer)
        self.shadow.add(self)
        self.guard(schedulers)

    def guard(self, schedulers: Sequence[Any]) -> None:
        """Let these schedulers, too, see and write the LRs without the ramp while it climbs."""
        if self.shadow is not None:
            for scheduler in schedulers:
                self.shadow.guard(scheduler)

    def end(self) -> None:
        """Multiply them no longer."""
        if self.shadow is not None:
            self.shadow.remove(self)
            self.shadow = None

    def enter(self, epoch: int) -> None:
        """An epoch is going to begin."""
        if self.warmup.interval == "epoch":
            self.move(epoch - self.began)
            if self.shadow is not None:
                self.shadow.turn()

    # --- what is to come ---

    def left(self, most: int) -> int:
        """How many of the next ``most`` updates are ramped, where the ramp climbs at each."""
        now = self.taken
        return bisect_left(range(most), True, key=lambda k: all(one(now + k) == 1.0 for one in self._ramps))

    def ahead(self, updates: NDArray[np.int64], epochs: NDArray[np.int64]) -> NDArray[np.float64]:
        """The factors of the updates to come, a row for each, a column for each group.

        Args:
            updates: for each, how many updates from now on lie before it.
            epochs: the epoch of each.
        """
        taken = self.taken + updates if self.warmup.interval == "step" else epochs - self.began
        counts, at = np.unique(taken, return_inverse=True)
        columns = np.ones((len(self._ramps), len(counts)))
        for column, one in zip(columns, self._ramps, strict=True):
            for row, count in enumerate(counts.tolist()):
                factor = one(count)
                if factor == 1.0:
                    break
                column[row] = factor
        return columns[self._places][:, at].T
