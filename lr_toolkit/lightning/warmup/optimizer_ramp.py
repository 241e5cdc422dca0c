"""The warmup ramp of one optimizer: where it stands, and which factors it gives now and later."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np

from lr_toolkit.lightning.warmup.ramp_spec import RampSpec
from lr_toolkit.optim.match_groups import match_groups
from lr_toolkit.optim.multiplier import LRMultiplier
from lr_toolkit.schedules.ramps import Ramp

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch.optim import Optimizer

__all__ = ["OptimizerRamp"]


@final
class OptimizerRamp:
    """The ramp of an ``LRWarmup`` on one optimizer, after ``taken`` of its updates (or epochs).

    It is an ``LRFactor``. Groups that share a ramp share its factor, which is computed once for each update.

    Args:
        spec: which ramp, for which groups.
        optimizer: the optimizer whose LRs are multiplied.
        length: of the ramp, in updates or epochs; 0 for the untuned shapes.
        began: the epoch in which the ramp began.
        taken: the updates, or epochs, since it began.

    Raises:
        ScheduleError: for an untuned shape and an optimizer without the betas from which it takes its length.
    """

    factors: tuple[float, ...]
    """The factor of each group for the next update."""
    is_over: bool
    """Whether all factors are 1, as they are from then on."""

    def __init__(self, spec: RampSpec, optimizer: Optimizer, length: int, began: int, taken: int) -> None:
        self.spec = spec
        self.optimizer = optimizer
        self.length = length
        self.began = began
        self.taken = taken
        self._multiplier: LRMultiplier | None = None  # between begin and end
        self._groups = list(optimizer.param_groups)
        self._set([spec.ramp_of(index, group, length, optimizer) for index, group in enumerate(self._groups)])

    def _set(self, ramps: Sequence[Ramp]) -> None:
        """Give each group its ramp."""
        self._ramps = list(dict.fromkeys(ramps))
        self._ramp_of_group = [self._ramps.index(ramp) for ramp in ramps]
        self._move(self.taken)

    def _move(self, taken: int) -> None:
        self.taken = taken
        factors = [ramp(taken) for ramp in self._ramps]
        if len(factors) == 1:
            self.factors = (factors[0],) * len(self._groups)
        else:
            self.factors = tuple([factors[ramp] for ramp in self._ramp_of_group])
        self.is_over = min(factors) == 1.0  # no ramp falls

    # --- as a factor of the multiplier ------------------------------------------------------------------------------------

    def regroup(self, groups: Sequence[dict[str, Any]]) -> None:
        """Find the ramps of groups that have joined; the other groups keep theirs, wherever they stand now."""
        before = match_groups(self._groups, groups)
        self._groups = list(groups)
        self._set(
            [
                self.spec.ramp_of(None, group, self.length, self.optimizer)
                if index is None
                else self._ramps[self._ramp_of_group[index]]
                for index, group in zip(before, groups, strict=True)
            ]
        )

    def advance(self) -> None:
        """Move on by one update."""
        if self.spec.counts_updates:
            self._move(self.taken + 1)

    # --- on the optimizer -------------------------------------------------------------------------------------------------

    def begin(self, schedulers: Iterable[Any]) -> None:
        """Multiply the LRs of the optimizer from now on, of which ``schedulers`` write the unscaled ones."""
        self._multiplier = LRMultiplier.of(self.optimizer)
        self._multiplier.add(self)
        self.wrap(schedulers)

    def wrap(self, schedulers: Iterable[Any]) -> None:
        """Let these schedulers read and write the LRs without the ramp until it ends."""
        if self._multiplier is not None:
            for scheduler in schedulers:
                self._multiplier.wrap(scheduler)

    def end(self) -> None:
        """Stop to multiply the LRs."""
        if self._multiplier is not None:
            self._multiplier.remove(self)
            self._multiplier = None

    def end_batch(self) -> None:
        """Find what happened in the batch, and end a ramp that is over."""
        if self._multiplier is not None:
            self._multiplier.reset()
            if self.is_over:
                self.end()

    def enter_epoch(self, epoch: int) -> None:
        """Move to the epoch that begins next, if the ramp counts epochs."""
        if not self.spec.counts_updates:
            self._move(epoch - self.began)
            if self._multiplier is not None:
                self._multiplier.refresh()

    # --- what comes -------------------------------------------------------------------------------------------------------

    def left(self, most: int) -> int:
        """How many of the next ``most`` moves come before the ramp is over."""
        return bisect_left(range(most), True, key=lambda moves: self._is_over_after(self.taken + moves))

    def _is_over_after(self, taken: int) -> bool:
        return all(ramp(taken) == 1.0 for ramp in self._ramps)

    def ahead(self, updates: NDArray[np.int64], epochs: NDArray[np.int64]) -> NDArray[np.float64]:
        """The factors of coming updates: a row for each update, a column for each group.

        Args:
            updates: for each, the number of updates from now on that come before it.
            epochs: the epoch of each.
        """
        taken = self.taken + updates if self.spec.counts_updates else epochs - self.began
        counts, rows = np.unique(taken, return_inverse=True)
        table = np.ones((len(self._ramps), len(counts)))
        for column, ramp in zip(table, self._ramps, strict=True):
            for row, count in enumerate(counts.tolist()):
                column[row] = ramp(count)
                if column[row] == 1.0:
                    break  # no ramp falls
        factors: NDArray[np.float64] = table[self._ramp_of_group][:, rows].T
        return factors
