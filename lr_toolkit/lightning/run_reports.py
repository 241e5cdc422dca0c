"""Reports how the facts of a Trainer's run have changed the schedules that follow it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final

from lr_toolkit.errors import warn
from lr_toolkit.lightning.optimizer_place import index_in, place_among

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

    from lr_toolkit.lightning.run_length import TrainerRunLength
    from lr_toolkit.optim import ScheduledLR
    from lr_toolkit.schedules import Horizon

__all__ = ["RunReports"]

_log = logging.getLogger("lr_toolkit")


@final
class RunReports:
    """Writes to the log and warns, on the first rank; each warning about the length of the run comes once for each scheduler."""

    def __init__(self) -> None:
        self._reported: set[tuple[str, int]] = set()

    def rewired(self, trainer: Trainer, scheduler: ScheduledLR, interval: str, frequency: int) -> None:
        """Report the interval and the frequency of a dict that were corrected."""
        if trainer.is_global_zero:
            unit = scheduler.horizon.unit
            warn(
                "LR266",
                f"The dict of configure_optimizers has interval={interval!r}, frequency={frequency}, and build_scheduler(...) makes a "
                f"scheduler that moves once per {scheduler.horizon.noun}: Lightning steps it so in this run. Write {{'scheduler': "
                f"scheduler, 'interval': {unit!r}}} there, or interval={interval!r} in build_scheduler(...).",
            )

    def begun_on_the_way(self, trainer: Trainer, scheduler: ScheduledLR, whole: Horizon) -> None:
        """Report a schedule, made for the run ``whole``, that begins in the middle of it."""
        unit = scheduler.horizon.noun
        text = (
            f"The checkpoint goes on at update {trainer.global_step} of the run, and holds no state of the schedule"
            f"{_place(trainer, scheduler)}, which was made for {whole.steps} {unit}s: it runs from its beginning over the "
            f"{scheduler.horizon.steps} {unit}s that are left."
        )
        if scheduler.on_change == "restart":
            self._write(trainer, text)
        elif trainer.is_global_zero:
            step = "self.trainer.current_epoch" if unit == "epoch" else "self.trainer.global_step"
            if unit == "update" and len(trainer.optimizers) > 1:  # the Trainer counts the updates of all optimizers
                step = str(whole.steps - scheduler.horizon.steps)
            warn(
                "LR523",
                f"{text} If that is meant, write on_change='restart', an argument of configure_optimizers(...) and an attribute of a "
                "ScheduleMixin's class. To go on in the middle of the schedule, write "
                f"self.lr_schedulers(){index_in(trainer.lr_scheduler_configs, scheduler)}.step({step}) in the module's on_train_start.",
            )

    def recalculated(
        self, trainer: Trainer, scheduler: ScheduledLR, length: TrainerRunLength, before: Horizon, *, has_changed: bool
    ) -> None:
        """Report the old and the new length of the run, and how the schedule changed."""
        now, taken, unit = scheduler.horizon, scheduler.last_epoch, scheduler.horizon.noun
        text = f"The run has {now.steps} {unit}s now, and the schedule{_place(trainer, scheduler)} was made for {before.steps}."
        if has_changed or scheduler.on_change == "keep":
            self._short_epoch(trainer, scheduler, length, text)
            self._write(trainer, f"{text} From {unit} {taken} on: {scheduler.change or repr(scheduler.schedule)}.")
        elif now.steps > taken and self._is_new(trainer, "LR522", scheduler):
            last = max(scheduler.planned(taken))
            warn(
                "LR522",
                f"{text} It had ended by {unit} {taken}, so nothing is left of it, and the LR stays at {last:.4g}. "
                "Lengthen the run earlier, or write on_change='replan', which follows the new plan at the same update.",
            )

    def _short_epoch(self, trainer: Trainer, scheduler: ScheduledLR, length: TrainerRunLength, text: str) -> None:
        lengths = length.short_epoch
        if lengths and self._is_new(trainer, "LR521", scheduler):
            batches, promised = lengths
            warn(
                "LR521",
                f"An epoch had {batches} batches, and its dataloader or limit_train_batches promised {promised}. {text} What is left of "
                f"it is spread over the rest. Write Trainer(limit_train_batches={batches}), or let "
                "the __len__ of the dataset return its real length.",
            )

    def _is_new(self, trainer: Trainer, code: str, scheduler: ScheduledLR) -> bool:
        """Whether this rank reports, and has not reported this of the scheduler."""
        if not trainer.is_global_zero or (code, id(scheduler)) in self._reported:
            return False
        self._reported.add((code, id(scheduler)))
        return True

    def _write(self, trainer: Trainer, text: str) -> None:
        if trainer.is_global_zero:
            _log.info(text)


def _place(trainer: Trainer, scheduler: ScheduledLR) -> str:
    """Which optimizer a scheduler drives, if there are several."""
    return place_among(trainer.optimizers, scheduler.optimizer)
