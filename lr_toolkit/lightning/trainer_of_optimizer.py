"""Finds the Trainer that is about to use an optimizer, for a factory that is given the optimizer alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["attached_trainer", "note_trainer", "trainer_of"]

_known: WeakSet[Trainer] = WeakSet()


def note_trainer(trainer: Trainer) -> None:
    """Remember a Trainer whose fit is set up, until nobody uses it any more."""
    _known.add(trainer)


def trainer_of(optimizer: Any) -> Trainer | None:
    """The Trainer that was noted, and whose module has a parameter of ``optimizer``; ``None`` if there is none."""
    held = {id(parameter) for group in getattr(optimizer, "param_groups", ()) for parameter in group["params"]}
    for trainer in _known:
        if any(id(parameter) in held for parameter in _parameters(trainer)):
            return trainer
    return None


def attached_trainer(module: Any) -> Trainer | None:
    """The Trainer of a module; ``None`` if it has none."""
    try:
        trainer: Trainer = module.trainer
    except RuntimeError:
        return None
    return trainer


def _parameters(trainer: Trainer) -> Iterator[Any]:
    """The parameters of the module that is attached to a Trainer; those of the strategy's model, too, which may hold others."""
    module: Any = trainer.lightning_module
    if module is not None and attached_trainer(module) is trainer:
        yield from module.parameters()
        yield from getattr(trainer.model, "parameters", tuple)()
