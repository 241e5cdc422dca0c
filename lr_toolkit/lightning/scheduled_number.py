"""A number of the user's own that follows a schedule through a Trainer's run: a loss weight, a mask ratio, the decay of an average."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from lightning.pytorch.callbacks import Callback
from typing_extensions import override

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.lightning._compat import callbacks_of
from lr_toolkit.lightning.planned_length import horizon_for
from lr_toolkit.lightning.run import updates_taken
from lr_toolkit.schedules import ScheduleLike
from lr_toolkit.schedules.absolute_levels import Absolute, AbsoluteLike
from lr_toolkit.schedules.horizon import HorizonLike, read_horizon

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule, Trainer

    from lr_toolkit.schedules.timeline import Timeline

__all__ = ["ScheduledNumber", "scheduled"]


@final
class ScheduledNumber:
    """What ``scheduled`` returns: ask it for the value of the update to come.

    Args:
        timeline: the value of every update.
        trainer: knows which update comes next.
        name: how it is called in the logs; ``None`` to leave it out.

    Attributes:
        timeline: the same.
        name: the same.

    Example:
        >>> import lightning as L
        >>> from lr_toolkit import Horizon, scheduled
        >>> trainer = L.Trainer(max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False)
        >>> number = scheduled("linear(start=0.1, end=0.5)", trainer, horizon=Horizon(100))
        >>> number.value(), number.timeline(50)
        (0.1, 0.3)
    """

    def __init__(self, timeline: Timeline, trainer: Trainer, name: str | None) -> None:
        self.timeline = timeline
        self.name = name
        self._trainer = trainer
        # A checkpoint brings its own count; without one the updates of earlier fits of this Trainer are not of this run.
        self._before = 0 if trainer.ckpt_path else updates_taken(trainer)

    def value(self) -> float:
        """The value of the update to come; within an accumulation that of the update that it belongs to."""
        return self.timeline(max(updates_taken(self._trainer) - self._before, 0))

    def __repr__(self) -> str:
        return f"ScheduledNumber({self.timeline.text}, {self.value():.6g} now)"


def scheduled(
    schedule: ScheduleLike | AbsoluteLike,
    trainer: Trainer,
    *,
    name: str | None = None,
    horizon: HorizonLike | None = None,
) -> ScheduledNumber:
    """A number that follows a schedule through a Trainer's run.

        value() = schedule(k)    before update k

    The levels of the schedule are the values; a first phase without ``start=`` or ``level=`` begins at 1. The number depends on the
    count of updates alone, so a resumed run has the same values, and nothing has to be saved. If the length of the run is another
    one at the resume, the number follows the schedule on the new length.

    Args:
        schedule: a schedule or its text.
        trainer: ``self.trainer``.
        name: log the value under this name, at the cadence of ``log_every_n_steps``.
        horizon: the length of the run in updates, in place of the Trainer's.

    Returns:
        An object whose ``value()`` is the number. Keep it in an attribute of the module.

    Raises:
        ScheduleError: if the schedule does not fit the run, or the run's length cannot be known.

    Example:
        >>> import lightning as L
        >>> import torch
        >>> from lr_toolkit import scheduled
        >>> class Masked(L.LightningModule):
        ...     def configure_optimizers(self):
        ...         self.ratio = scheduled("linear(start=0.1, end=0.5)", self.trainer, name="mask_ratio")
        ...         return torch.optim.AdamW(self.parameters(), lr=3e-4)
        ...
        ...     def training_step(self, batch, batch_idx):
        ...         is_masked = torch.rand_like(batch) < self.ratio.value()

    Reference:
        DINO, whose teacher's momentum rises from 0.996 to 1 along a cosine, https://arxiv.org/abs/2104.14294.
    """
    if not hasattr(trainer, "fit_loop"):
        raise ScheduleError(
            f"scheduled(trainer={shorten(trainer)}): must be the Trainer. Write scheduled({schedule!r}, self.trainer) in "
            "configure_optimizers; without a Trainer write schedule.resolve(Horizon(steps=1000))(k)."
        )
    parsed = Absolute.parse(schedule)
    plain = parsed.schedule if isinstance(parsed, Absolute) else parsed
    if plain.absolute_levels:
        raise ScheduleError(
            f"scheduled({plain!r}): each level is a value already. Write end=, start= in place of end_lr=, start_lr=."
        )
    run = read_horizon(horizon)
    if run is not None and run.unit != "step":
        raise ScheduleError(
            f"scheduled(horizon={run!r}): a number counts updates. Write horizon=Horizon(steps=..., steps_per_epoch=...)."
        )
    number = ScheduledNumber(plain.resolve(run or horizon_for([plain], trainer)), trainer, name)
    if name is not None:
        others = [each for each in callbacks_of(trainer) if not (isinstance(each, _NumberLogger) and each.name == name)]
        trainer.callbacks = [*others, _NumberLogger(number, name)]  # type: ignore[attr-defined]  # its callback connector sets it
    return number


class _NumberLogger(Callback):
    """Logs a number with the other metrics of the module, before the update that uses it."""

    def __init__(self, number: ScheduledNumber, name: str) -> None:
        self._number = number
        self.name = name

    @override
    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        pl_module.log(self.name, self._number.value(), on_step=True, on_epoch=False, batch_size=1)
