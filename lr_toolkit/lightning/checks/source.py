"""What the code of a run's module and callbacks does to schedulers and learning rates, as far as it can be read from it."""

from __future__ import annotations

import dis
import inspect
import re
import sysconfig
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import pairwise
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from lightning.pytorch import Callback, LightningModule
from torch.optim import lr_scheduler as torch_lr
from torch.optim.lr_scheduler import LRScheduler

__all__ = [
    "code_of",
    "may_call_step",
    "reads_key",
    "returns_of",
    "scheduler_names",
    "steps_schedulers",
    "words_in_training",
    "words_of",
    "writes_lr",
]

_LIBRARIES = ("lightning", "lr_toolkit", "pytorch_lightning", "torch")
_OURS = {"ScheduledLR", "build_scheduler", "scheduler_config"}
_INSTALLED = tuple(map(sysconfig.get_path, ("stdlib", "purelib", "platlib")))
_SCHEDULERS = {"lr_schedulers", "lr_scheduler_configs"}  # where a scheduler is found
# Methods of a module or a callback that run before training, or in a loop of their own.
_NOT_TRAINING = re.compile(
    r"__|setup|teardown|prepare_data|configure_|.*_dataloader|(on_)?(validation|sanity|test|predict)_"
)


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


def may_call_step(module: LightningModule, owners: list[Any]) -> bool:
    """Whether code of the user's, or of an optimizer's class, calls the ``step()`` of anything.

    A module may have a method of that name, which is then not looked for.
    """
    if hasattr(module, "step"):
        return steps_schedulers(module, owners[1:])
    return any("step" in code.co_names for code in _without_installed(_reached_code(owners), owners))


def scheduler_names(module: LightningModule) -> list[str]:
    """The schedulers of torch and of this package that code of the module names, each once."""
    names = (name for code in _reached_code([module]) for name in code.co_names)
    return list(
        dict.fromkeys("ScheduledLR" if name in _OURS else name for name in names if name in _OURS | _of_torch())
    )


def _of_torch() -> set[str]:
    kinds = {name: kind for name, kind in vars(torch_lr).items() if isinstance(kind, type) and kind is not LRScheduler}
    return {name for name, kind in kinds.items() if issubclass(kind, LRScheduler)}


def returns_of(function: Any) -> int:
    """The number of lines with a ``return`` in a function or method, without the functions inside of it; 1 if it has no code."""
    code = next(iter(code_of([inspect.unwrap(function)])), None)
    if code is None:
        return 1
    places = [
        instruction.offset for instruction in dis.get_instructions(code) if instruction.opname.startswith("RETURN_")
    ]
    lines = [(start, end, line) for start, end, line in code.co_lines() if line is not None]
    return len({line for start, end, line in lines for place in places if start <= place < end})


def words_in_training(owners: list[Any]) -> set[str]:
    """The words of the names and short texts in code of the user's that may run in training, outside of its validation.

    It begins with the hooks of the owners, modules and callbacks, and follows each name that is a method of theirs or of what they
    hold. Code of installed packages counts if it is a method of an owner.
    """
    held = [value for owner in owners for value in (*vars(owner).values(), *getattr(owner, "_modules", {}).values())]
    methods: dict[str, list[FunctionType]] = {}
    for kind in dict.fromkeys(map(type, [*owners, *held])):
        for function in _functions_of(kind):
            methods.setdefault(function.__name__, []).append(function)
    hooks = {*dir(LightningModule), *dir(Callback)}
    left = {name for name in methods if name in hooks and not _NOT_TRAINING.match(name)}
    seen: dict[int, CodeType] = {}
    followed: set[str] = set()
    while left:
        followed |= left
        for function in (each for name in left for each in methods[name]):
            _collect(function, seen)
        named = {name for code in seen.values() for name in code.co_names}
        left = (named & methods.keys()) - followed
    codes = _without_installed(seen.values(), owners)
    texts = (text for code in codes for text in (*code.co_names, *filter(_is_name, code.co_consts)))
    return set().union(*map(words_of, texts))


def _without_installed(codes: Iterable[CodeType], owners: Iterable[object]) -> Iterator[CodeType]:
    """The code that is a method of an owner, or not of an installed package."""
    own = {id(code) for owner in owners for code in _codes(owner)}
    return (code for code in codes if id(code) in own or not code.co_filename.startswith(_INSTALLED))


def _is_name(constant: object) -> bool:
    """Whether a constant may be the name of a metric, or a part of one; a docstring is none."""
    return isinstance(constant, str) and " " not in constant.strip()


def words_of(name: str) -> set[str]:
    """The words of a name in snake case or camel case.

    Example:
        >>> sorted(words_of("val_loss")), sorted(words_of("valAccuracy"))
        (['loss', 'val'], ['accuracy', 'val'])
    """
    return set(re.findall(r"[a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()))


def code_of(functions: Iterable[Any]) -> Iterable[CodeType]:
    """The code of functions, methods, partials and objects that are called, and of the functions that they name."""
    seen: dict[int, CodeType] = {}
    for function in functions:
        called = function
        while isinstance(called, (partial, MethodType)):
            called = called.func if isinstance(called, partial) else called.__func__
        if not isinstance(called, FunctionType):
            called = vars(type(called)).get("__call__")
        if isinstance(called, FunctionType):
            _collect(called, seen)
    return seen.values()


def writes_lr(owner: object, *, of_groups: bool = False) -> bool:
    """Whether code of the user's in the class of ``owner``, or a function that it names, assigns to ``["lr"]`` of something.

    Args:
        owner: the object.
        of_groups: leave out what is assigned in an attribute (``self.row["lr"] = ...``), or in a dict that the code has made.
    """
    return any(_assigns_lr(code, of_groups=of_groups) for code in _reached_code([owner]))


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


def _assigns_lr(code: CodeType, *, of_groups: bool) -> bool:
    instructions = list(dis.get_instructions(code))
    stores = [index for index, instruction in enumerate(instructions) if instruction.opname == "STORE_SUBSCR"]
    keys = [index for index, instruction in enumerate(instructions) if instruction.argval == "lr"]
    # group["lr"] = x ends with the key and the store; group["lr"] *= x copies the key first and stores it in the end.
    copies = [key for key in keys if instructions[key + 1].opname in ("COPY", "DUP_TOP_TWO")]
    assigned = [key for key in keys if key + 1 in stores]
    if of_groups:
        assigned = [key for key in assigned if not _is_own_dict(instructions, key - 1)]
    return bool(assigned or (stores and copies))


def _is_own_dict(instructions: list[dis.Instruction], place: int) -> bool:
    """Whether what is loaded there is an attribute, or a variable that holds a new dict."""
    loaded = instructions[place]
    if not loaded.opname.startswith("LOAD_FAST"):
        return loaded.opname == "LOAD_ATTR"
    name = _names(loaded)[-1]
    makers = [before.opname for before, store in pairwise(instructions) if name in _stored(store)]
    return bool(makers) and all("MAP" in maker for maker in makers)


def _names(instruction: dis.Instruction) -> tuple[str, ...]:
    """The variables of an instruction; from Python 3.13 on it may have two."""
    return instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)


def _stored(instruction: dis.Instruction) -> tuple[str, ...]:
    """The variables that an instruction stores."""
    if not instruction.opname.startswith("STORE_FAST"):
        return ()
    return _names(instruction)[: 1 if "LOAD" in instruction.opname else None]


def _codes(owner: object) -> Iterator[CodeType]:
    """The code of all methods of the user's, and of the functions inside of them."""
    for function in _functions(owner):
        yield from _nested(function.__code__)


def _functions(owner: object) -> Iterator[FunctionType]:
    """All methods of the user's, without what decorates them, as torch does with ``Optimizer.step``."""
    return _functions_of(type(owner))


def _functions_of(owner: type) -> Iterator[FunctionType]:
    for kind in owner.__mro__:
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
