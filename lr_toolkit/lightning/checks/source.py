"""What the code of a run's module and callbacks does to schedulers and learning rates, as far as it can be read from it."""

from __future__ import annotations

import dis
from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LRScheduler

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

__all__ = ["steps_schedulers", "writes_lr"]

_LIBRARIES = ("lightning", "lr_toolkit", "pytorch_lightning", "torch")
_SCHEDULERS = {"lr_schedulers", "lr_scheduler_configs"}  # where a scheduler is found


def steps_schedulers(module: LightningModule, callbacks: list[Any]) -> bool:
    """Whether code of the user's has a call of a scheduler's ``step()``, which may never be reached.

    A function counts if it has both a scheduler and a ``step``: ``self.lr_schedulers().step()``. One that reads
    ``self.lr_schedulers().get_last_lr()`` does not.
    """
    held = {name for owner in (module, *callbacks) for name, value in vars(owner).items() if _is_scheduler(value)}
    names = _SCHEDULERS | held
    return any(
        "step" in code.co_names and names.intersection(code.co_names)
        for owner in (module, *callbacks)
        for code in _codes(owner)
    )


def writes_lr(owner: object) -> bool:
    """Whether code of the user's in the class of ``owner`` assigns to ``["lr"]`` of something."""
    return any(_assigns_lr(code) for code in _codes(owner))


def _is_scheduler(value: object) -> bool:
    values = value if isinstance(value, (list, tuple)) else [value]
    return any(isinstance(each, LRScheduler) for each in values)


def _assigns_lr(code: CodeType) -> bool:
    instructions = list(dis.get_instructions(code))
    stores = [index for index, instruction in enumerate(instructions) if instruction.opname == "STORE_SUBSCR"]
    keys = [index for index, instruction in enumerate(instructions) if instruction.argval == "lr"]
    # group["lr"] = x ends with the key and the store; group["lr"] *= x copies the key first and stores it in the end.
    copies = [key for key in keys if instructions[key + 1].opname in ("COPY", "DUP_TOP_TWO")]
    return any(key + 1 in stores for key in keys) or bool(stores and copies)


def _codes(owner: object) -> Iterator[CodeType]:
    """The code of all methods of the user's, and of the functions inside of them."""
    for kind in type(owner).__mro__:
        if kind.__module__.partition(".")[0] not in _LIBRARIES:
            for member in vars(kind).values():
                if isinstance(member, FunctionType):
                    yield from _nested(member.__code__)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
