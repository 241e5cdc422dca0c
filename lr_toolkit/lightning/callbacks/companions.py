"""Lightning's callbacks that move the learning rate themselves, and may not do so in the middle of a warmup ramp."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from lr_toolkit.errors import ScheduleError

if TYPE_CHECKING:
    from lightning.pytorch import Callback, Trainer

__all__ = ["refuse_companions"]


def refuse_companions(trainer: Trainer, call: str, ends: Fraction | None) -> None:
    """Refuse a callback that begins to move the LR before the ramp ends.

    ``StochasticWeightAveraging`` reads ``group["lr"]`` to anneal from it and ``BackboneFinetuning`` writes to it in every
    epoch. Both are at home after the ramp, when nothing of it is left.

    Args:
        trainer: whose callbacks are looked at.
        call: how the ramp was written.
        ends: the epoch at which the ramp ends, with its fraction; ``None`` where that cannot be known.

    Raises:
        ScheduleError: which names the callback, and the epoch from which it may begin.
    """
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]  # set by its callback connector
    for one in callbacks:
        found = _begins(one)
        if found is None:
            continue
        epoch, cure = found
        if ends is not None and epoch >= ends:
            continue
        until = "has no known end in epochs" if ends is None else f"lasts until epoch {float(ends):g}"
        first = "in epochs, or leave one of the two out" if ends is None else f"{cure} or later, or a shorter ramp"
        later = f"a ramp {first}" if ends is None else first.format(epoch=-(-ends.numerator // ends.denominator))
        raise ScheduleError(
            f"{call}: {type(one).__name__} moves the learning rate from epoch {epoch} on, and the ramp {until}. Write {later}."
        )


def _begins(callback: Callback) -> tuple[int, str] | None:
    """The epoch, counted from 0, from which a callback moves the LR, and the argument that puts it off."""
    # By name: the same class may come from lightning or from pytorch_lightning.
    names = {one.__name__ for one in type(callback).__mro__}
    if "StochasticWeightAveraging" in names:
        return callback.swa_start, "swa_epoch_start={epoch} + 1"  # type: ignore[attr-defined]  # seen by name
    if "BackboneFinetuning" in names:
        return callback.unfreeze_backbone_at_epoch, "unfreeze_backbone_at_epoch={epoch}"  # type: ignore[attr-defined]  # seen by name
    return None
