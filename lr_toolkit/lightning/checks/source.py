"""What the code of a run's module and callbacks does to schedulers and learning rates, as far as it can be read from it."""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterable, Iterator
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from torch.optim.lr_scheduler import LRScheduler

if TYPE_CHECKING:
    from lightning.pytorch import LightningModule

__all__ = ["reads_key", "steps_schedulers", "writes_lr"]

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
    """Whether code of the user's in the class of ``owner``, or a function that it names, assigns to ``["lr"]`` of something."""
    return any(map(_assigns_lr, _reached_code([owner])))


def reads_key(owners: list[Any], key: str) -> bool:
    """Whether code of the user's, or of a scheduler's or an optimizer's class, reads ``group[key]`` of something.

    The functions that the code names in its own file, or imports into it, belong to it. Code that writes the key, or makes a dict
    with it, does not read it.
    """
    return any(_reads(code, key) for code in _reached_code(owners))


def _reached_code(owners: Iterable[object]) -> Iterable[CodeType]:
    """The code of the user's methods, and of the functions that they name."""
    seen: dict[int, CodeType] = {}
    for owner in owners:
        for function in _functions(owner):
            _collect(function, seen)
    return seen.values()


def _collect(function: FunctionType, seen: dict[int, CodeType]) -> None:
    """The code of a function, and of the functions that it names."""
    for code in _nested(function.__code__):
        if id(code) in seen:
            return
        seen[id(code)] = code
        for named in _named(code, function.__globals__):
            if isinstance(named, FunctionType) and _is_of_user(named.__module__):
                _collect(named, seen)


def _named(code: CodeType, names: dict[str, Any]) -> Iterator[Any]:
    """What the code names in its file, and in the modules that it names: ``adjust(...)`` and ``lr_sched.adjust(...)``."""
    for name in code.co_names:
        named = names.get(name)
        yield named
        if isinstance(named, ModuleType) and _is_of_user(named.__name__):
            yield from (vars(named).get(attribute) for attribute in code.co_names)


def _reads(code: CodeType, key: str) -> bool:
    instructions = list(dis.get_instructions(code))
    places = [index for index, instruction in enumerate(instructions) if instruction.argval == key]
    return any(_is_read(instructions[place + 1 : place + 4]) for place in places)


def _is_read(following: list[dis.Instruction]) -> bool:
    """Whether the key is read: ``group[key]``, ``group.get(key, 1.0)`` or ``key in group``."""
    for instruction in following:
        name = instruction.opname
        if name.startswith(("STORE", "BUILD")):
            return False
        if name in ("BINARY_SUBSCR", "CONTAINS_OP") or name.startswith("CALL") or instruction.argrepr == "[]":
            return True
    return False


def _is_scheduler(value: object) -> bool:
    values = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
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
    for function in _functions(owner):
        yield from _nested(function.__code__)


def _functions(owner: object) -> Iterator[FunctionType]:
    """All methods of the user's, without what decorates them, as torch does with ``Optimizer.step``."""
    for kind in type(owner).__mro__:
        if _is_of_user(kind.__module__):
            members = (inspect.unwrap(member) for member in vars(kind).values() if isinstance(member, FunctionType))
            yield from (member for member in members if isinstance(member, FunctionType))


def _is_of_user(module: str | None) -> bool:
    return (module or "").partition(".")[0] not in _LIBRARIES


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _nested(constant)
