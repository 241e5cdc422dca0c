"""Ranks whose epochs have other numbers of batches: all of them follow one schedule, or are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from lr_toolkit.errors import ScheduleError, warn
from lr_toolkit.lightning._compat import has_dataloader
from lr_toolkit.lightning.plateau_reader import gathered

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["uneven_batches"]


def uneven_batches(trainer: Trainer, units: set[Literal["step", "epoch"]]) -> list[float]:
    """The batches of an epoch on each rank if they differ, otherwise none. Every rank has to call this at the same update.

    Args:
        trainer: the Trainer. Before its dataloader is set up the batches of all ranks are unknown alike.
        units: what the schedulers of the run count.

    Raises:
        ScheduleError: if a scheduler counts epochs, which end after another update on each rank.

    Warns:
        ScheduleWarning: LR231, on the first rank, because all ranks are about to follow its schedule.
    """
    if trainer.world_size == 1 or not has_dataloader(trainer):
        return []
    batches = [number for number, _ in gathered(trainer, torch.tensor(float(trainer.fit_loop.max_batches)))]
    if len(set(batches)) == 1:
        return []
    text = f"An epoch has another number of batches on each rank ({', '.join(f'{number:g}' for number in batches)})"
    fix = f"Trainer(limit_train_batches={min(batches):g})"
    if "epoch" in units:
        raise ScheduleError(
            f"{text}, so a schedule with interval='epoch' would move after another update on each rank. Write interval='step', or give "
            f"all ranks the same number: {fix}."
        )
    if trainer.is_global_zero:
        warn(
            "LR231",
            f"{text}. All ranks follow the schedule of the first, so that their learning rates are equal. Give all ranks the same "
            f"number: {fix}.",
        )
    return batches
