"""Decides which calls of ``scheduler.step()`` count: one for each update of the optimizer, by one scheduler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from torch.optim import Optimizer

from lr_toolkit.errors import ScheduleError, warn
from lr_toolkit.optim.binding import Binding
from lr_toolkit.optim.step_calls import IdleSteps, watches_of
from lr_toolkit.optim.updates import GradientProbe, UpdateTracker, is_captured, warn_of_constants

__all__ = ["UpdateWatch"]


@final
class UpdateWatch:
    """What a scheduler knows of the updates of its optimizer.

    Args:
        optimizer: the optimizer.

    Attributes:
        has_update: whether an update was taken since the scheduler moved last.
        was_stepped: whether the optimizer was ever stepped, or the missing step was reported.
        has_others: whether another scheduler of this package was made for the optimizer.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self.has_update = False
        self.was_stepped = False
        self.has_others = False
        self._has_counted = False  # whether a step() has counted since the last update
        self._was_captured = False
        self._idle_steps = IdleSteps()
        self._join()

    def _join(self) -> None:
        self._probe = GradientProbe()
        self._tracker = UpdateTracker(self._optimizer.param_groups)
        watches = watches_of(self._optimizer)
        watches.add(self)
        for watch in watches:
            watch.has_others = len(watches) > 1

    def __getstate__(self) -> dict[str, Any]:
        left_out = {"_probe", "_tracker"}
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copy watches a copied optimizer.
        self.__dict__.update(state)
        self._join()

    # --- the optimizer's step ---

    def begin_update(self) -> None:
        """Note that a step of the optimizer begins; needed only if the scheduler moves with the updates."""
        self._tracker.begin()

    def note_update(self, optimizer: Optimizer, bindings: Sequence[Binding], *, needs_gradient: bool) -> None:
        """Note a step of the optimizer, which is an update if some parameter has a gradient, or if none is needed.

        Args:
            optimizer: the optimizer.
            bindings: what is driven, which a CUDA graph must not keep.
            needs_gradient: whether an update needs a gradient.
        """
        self._has_counted = False
        if needs_gradient and not self._probe.has_gradient(optimizer):
            self.was_stepped = True
            self._idle_steps.forget()
            return
        self.has_update = True
        # A CUDA graph replays this update without calling the hook: every step() counts until the next call.
        self._was_captured = is_captured()
        if self._was_captured:
            warn_of_constants(self._optimizer, bindings)

    def ends_update(self, optimizer: Optimizer, groups: Sequence[dict[str, Any]]) -> bool:
        """Whether the update of all ``groups`` ends with this step of the optimizer, and moves the scheduler."""
        return self._tracker.end(optimizer.param_groups, groups) and self.has_update

    def ends_batch(self) -> bool:
        """End the updates of a batch, and forget a step that raised; whether an update that was stepped in parts ends with it."""
        was_taken = self._tracker.reset(self._optimizer.param_groups)
        return was_taken and self.has_update and self._tracker.is_in_parts

    # --- the scheduler's step ---

    def counts(self, update: int, *, is_in_order: bool) -> bool:
        """Whether a ``step()`` of the scheduler counts now; warns of a call that is in the wrong place.

        Args:
            update: the update that the scheduler is at.
            is_in_order: whether the call is known to come after the optimizer's, as Lightning makes it, even if a ``GradScaler``
                skips the first update.

        Raises:
            ScheduleError: inside of the capture of a CUDA graph, or if another scheduler has moved with the same update.
        """
        if self._was_captured and is_captured():
            raise ScheduleError(
                "scheduler.step() was called while a CUDA graph is captured, so every replay would write the same learning rate. "
                "Capture optimizer.step() alone, and call scheduler.step() after each graph.replay()."
            )
        if not (self.has_update or self._was_captured):
            self._warn_of_idle_step(update, is_in_order=is_in_order)
            return False
        if self.has_others:
            self._refuse_others()
        self._has_counted = self.was_stepped = True
        self.has_update = False
        return True

    def end_start(self) -> None:
        """Warn of calls of ``step()`` before training began, none of which counts; to be called as it begins."""
        if not self.was_stepped:
            self._idle_steps.end_start()

    def note_move(self) -> None:
        """Note that the scheduler has moved to a given update."""
        self.has_update = False
        self.was_stepped = True

    def _warn_of_idle_step(self, update: int, *, is_in_order: bool) -> None:
        """Warn once of a ``step()`` before any update, and once of a loop that calls it more often than ``optimizer.step()``."""
        if self.was_stepped or is_in_order:
            self._idle_steps.note(update)
            return
        self.was_stepped = True
        warn(
            "LR532",
            "scheduler.step() came before any optimizer.step(), so the learning rate stays where it is. Call "
            "optimizer.step() first (a GradScaler that skips the first updates does no harm); to begin at a later update n, "
            "call scheduler.step(n) once; to look at a schedule without training, use schedule.resolve(horizon).values(range(n)).",
        )

    def _refuse_others(self) -> None:
        """Refuse another scheduler of this package that has moved with the same update: the last one to step would win."""
        if any(other._has_counted and other is not self for other in watches_of(self._optimizer)):
            raise ScheduleError(
                f"ScheduledLR: two schedulers drive one {type(self._optimizer).__name__} and move with each of its updates, so each "
                "writes its learning rate over that of the other. Keep one scheduler for each optimizer: warmup('500 steps') >> "
                "cosine() runs one phase after the other, {'backbone': linear(), '*': cosine()} gives each parameter group its own. Do "
                "not call step() of a scheduler that another one replaces."
            )
