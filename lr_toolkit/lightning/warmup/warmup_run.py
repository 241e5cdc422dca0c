"""What an ``LRWarmup`` does in one fit: the ramps of its optimizers, from the plan to the end."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, final

from lr_toolkit.lightning._compat import optimizer_list
from lr_toolkit.lightning.warmup.conflicts import exempt_from_ramp, schedulers_of, warn_of_warmups
from lr_toolkit.lightning.warmup.optimizer_ramp import OptimizerRamp
from lr_toolkit.lightning.warmup.plan import chosen_optimizers, plan_ramps
from lr_toolkit.lightning.warmup.ramp_spec import RampSpec
from lr_toolkit.optim.group_values import has_rates
from lr_toolkit.optim.multiplier import LRMultiplier

if TYPE_CHECKING:
    from collections.abc import Callable

    from lightning.pytorch import Trainer
    from torch.optim import Optimizer

__all__ = ["WarmupRun"]


@final
class WarmupRun:
    """The ramps of one fit.

    Args:
        spec: which ramp.
        trainer: the Trainer that runs the fit.
        saved: the state of a checkpoint from which it goes on; ``None`` to begin.

    Raises:
        ScheduleError: if the ramp does not fit the run. Nothing is changed then, nor before ``start``.
    """

    def __init__(self, spec: RampSpec, trainer: Trainer, saved: Mapping[str, Any] | None) -> None:
        self._spec = spec
        self._trainer = trainer
        self._strategy = trainer.strategy  # is read in each batch
        self.ramps = plan_ramps(spec, trainer, saved)
        self._model = self.ramps[0]  # an optimizer that joins goes on from where this ramp stands
        self._optimizers = optimizer_list(self._strategy)  # another list after an exchange of optimizers or schedulers
        self._take_exemption_back: Callable[[], None] | None = None

    def start(self) -> None:
        """Multiply the LRs from now on."""
        self._take_exemption_back = exempt_from_ramp(self._trainer, self._trainer.lightning_module)
        for ramp in self.ramps:
            schedulers = self._schedulers_of(ramp.optimizer)
            ramp.begin(schedulers)
            if self._trainer.global_step == 0:
                with LRMultiplier.of(ramp.optimizer).unscaled():
                    warn_of_warmups(self._spec, schedulers)
            if ramp.is_over:
                ramp.end()

    def end(self) -> None:
        """Leave nothing of the ramps behind, even if one of them cannot be ended."""
        with ExitStack() as ends:
            if self._take_exemption_back is not None:
                ends.callback(self._take_exemption_back)
            for ramp in self.ramps:
                ends.callback(ramp.end)

    def enter_epoch(self, epoch: int) -> None:
        """Move to the epoch that begins next, with the optimizers and schedulers that there are now."""
        self._follow()
        for ramp in self.ramps:
            ramp.enter_epoch(epoch)

    def end_epoch(self, epoch: int) -> None:
        """Move to the epoch after the one that ends."""
        for ramp in self.ramps:
            ramp.enter_epoch(epoch + 1)
            if ramp.is_over:
                ramp.end()

    def begin_batch(self) -> None:
        """Go on with other optimizers and schedulers if they were exchanged."""
        if optimizer_list(self._strategy) is not self._optimizers:
            self._follow()

    def end_batch(self) -> None:
        """Find what happened in the batch, and end each ramp that is over."""
        for ramp in self.ramps:
            ramp.end_batch()

    def _follow(self) -> None:
        """Ramp the optimizers that there are now; a new one goes on from where the one in its place was."""
        self._optimizers = optimizer_list(self._strategy)
        optimizers = filter(has_rates, chosen_optimizers(self._spec, self._trainer.optimizers))
        before, self.ramps = self.ramps, []
        for index, optimizer in enumerate(optimizers):
            ramp = before[index] if index < len(before) else None
            if ramp is not None and ramp.optimizer is optimizer:
                ramp.wrap(self._schedulers_of(optimizer))
            else:
                if ramp is not None:
                    ramp.end()
                ramp = self._go_on(ramp or self._model, optimizer)
            self.ramps.append(ramp)
        for ramp in before[len(self.ramps) :]:
            ramp.end()
        self._model = self.ramps[0] if self.ramps else self._model

    def _go_on(self, model: OptimizerRamp, optimizer: Optimizer) -> OptimizerRamp:
        """A ramp on another optimizer that begins where ``model`` stands."""
        ramp = OptimizerRamp(self._spec, optimizer, model.length, model.began, model.taken)
        if not ramp.is_over:
            ramp.begin(self._schedulers_of(optimizer))
        return ramp

    def _schedulers_of(self, optimizer: Optimizer) -> list[Any]:
        return schedulers_of(optimizer, self._trainer, self._trainer.lightning_module)

    def state(self) -> dict[str, Any]:
        """Where the ramps stand, as plain data."""
        return {"began": self._model.began, "taken": [ramp.taken for ramp in self.ramps]}
