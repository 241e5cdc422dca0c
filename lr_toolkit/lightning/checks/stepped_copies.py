"""Copies of schedulers that are stepped through a run without it: what they make of the LRs."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lr_toolkit.lightning.run_layout import RunLayout

__all__ = ["DummyOptimizer", "NotOfDummyError", "SteppedCopies"]


class NotOfDummyError(Exception):
    """A scheduler reads more of its optimizer than the groups, and cannot be stepped without it."""


class DummyOptimizer(Optimizer):
    """An optimizer with the options of another one's parameter groups, which is never stepped."""

    def __init__(self, real: Optimizer) -> None:
        groups = []
        for group in real.param_groups:
            weight = torch.nn.Parameter(torch.zeros(1))
            weight.grad = torch.zeros(1)
            options = {name: _cloned(value) for name, value in group.items() if name != "params"}
            groups.append({**options, "params": [weight]})
        super().__init__(groups, dict(real.defaults))


def _cloned(value: Any) -> Any:
    return value.detach().clone().cpu() if isinstance(value, Tensor) else copy.copy(value)


def _step(scheduler: Any, _: None) -> None:
    scheduler.step()


def _stay(epoch: int, batches: int, updates: int) -> None:
    """Move no counter."""


@final
class SteppedCopies:
    """Copies of the schedulers of one optimizer, which are stepped when Lightning would step the originals.

    A plateau is left out: no metric is known.

    Args:
        optimizer: what they drive; the copies drive a dummy.
        configs: Lightning's configurations of the schedulers.
        shared: objects that the copies may hold, and that are not copied.

    Raises:
        Exception: if a scheduler cannot be copied.
    """

    def __init__(self, optimizer: Optimizer, configs: Sequence[Any], shared: Iterable[object]) -> None:
        self._dummy = DummyOptimizer(optimizer)
        memo: dict[int, Any] = {id(optimizer): self._dummy} | {id(each): each for each in shared}
        self._copies = [
            (config, copy.deepcopy(config.scheduler, memo)) for config in configs if not config.reduce_on_plateau
        ]

    def run(
        self,
        layout: RunLayout,
        last: int,
        step: Callable[[Any, None], Any] = _step,
        move: Callable[[int, int, int], None] = _stay,
    ) -> tuple[NDArray[np.float64], str]:
        """Go through the updates from the first one of the layout to ``last``.

        Args:
            layout: how the run is divided.
            last: the update to stop before.
            step: steps a scheduler, which has no metric.
            move: is called before with the epoch, its batches that are done, and the updates that are.

        Returns:
            A row of LRs for each update, and the error that ended the rows, as text.

        Raises:
            NotOfDummyError: if a scheduler reads more of its optimizer than the groups.
        """
        rows: list[list[float]] = []
        failed = ""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about the dummy
            for update, (epoch, batch, is_epoch_end) in enumerate(layout.ends()):
                if update < layout.start:
                    continue
                if update >= last or failed:
                    break
                rows.append([float(group["lr"]) for group in self._dummy.param_groups])
                move(epoch, batch, update + 1)
                for config, scheduler in self._copies:
                    if config.interval == "step" or is_epoch_end:
                        count = batch if config.interval == "step" else epoch + 1
                        is_due = config.frequency > 0 and count % config.frequency == 0
                        failed = failed or (_error_of(step, scheduler) if is_due else "")
        return np.array(rows, float).reshape(len(rows), len(self._dummy.param_groups)), failed


def _error_of(step: Callable[[Any, None], Any], scheduler: Any) -> str:
    """Step a copied scheduler; returns the error that it raises, as text.

    Raises:
        NotOfDummyError: if it asks the dummy for something that only the real optimizer has.
    """
    try:
        step(scheduler, None)
    except Exception as error:  # the error that the scheduler will raise in the run is worth knowing now
        if isinstance(error, AttributeError) and isinstance(error.obj, DummyOptimizer):
            raise NotOfDummyError(error.name) from error
        return f"{type(error).__name__}: {error}"
    return ""
