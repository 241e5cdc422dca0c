"""Telling Lightning's classes by name: ``lightning`` and ``pytorch_lightning`` have one each, and a Trainer may be of either."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightning.pytorch.utilities.model_helpers import is_overridden

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

__all__ = ["is_a", "steps_schedulers_itself"]


def is_a(one: object, name: str) -> bool:
    """Whether ``one`` is of a class of that name, or of one derived from it."""
    return name in (kind.__name__ for kind in type(one).__mro__)


def steps_schedulers_itself(module: LightningModule) -> bool:
    """Whether the module has an ``lr_scheduler_step`` of its own."""
    base = next(one for one in type(module).__mro__ if one.__name__ == "LightningModule")
    return is_overridden("lr_scheduler_step", module, base)
