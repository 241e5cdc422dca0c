"""The text form of a schedule: what ``repr`` prints and ``parse`` reads, over a whitelist and never ``eval``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from functools import partial, reduce
from operator import rshift
from typing import Any, TypeGuard

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.duration import Duration
from lr_toolkit.schedules.other_names import equivalent_of
from lr_toolkit.schedules.text_repair import repaired

__all__ = ["LONGEST", "argument_text", "call_fields", "call_text", "evaluate", "schedule_text"]

LONGEST = 20_000
_DEEPEST = 20  # calls within each other


# --- printing ---------------------------------------------------------------------------------------------------------


# The arguments that many builders share come last in a call.
_LAST = ("start", "start_lr", "over")


def call_text(shape: Any, **instead: Any) -> str:
    """The builder's call that makes ``shape``.

    Positional fields that are required are written by position, and so is ``over`` if it is the first field; all others are
    written by name. Arguments at their default are left out.

    Args:
        shape: a dataclass with the arguments and the ``name`` of its builder.
        **instead: arguments in the place of the shape's own.

    Example:
        >>> from lr_toolkit.schedules.shapes.cosine import Cosine
        >>> call_text(Cosine(end=0.1, over=Duration("3 epochs"))), call_text(Cosine(end=0.1), end=0.0, over=Duration(5))
        ("cosine(end=0.1, over='3 epochs')", 'cosine(over=5)')
    """
    shape = getattr(shape, "as_written", shape)
    arguments = []
    for field in call_fields(shape):
        value = instead.get(field.name, getattr(shape, field.name))
        if _is_required(field) or value != field.default:
            keyword = "" if _is_positional(field, shape) else f"{field.name}="
            arguments.append(f"{keyword}{argument_text(value)}")
    return f"{shape.name}({', '.join(arguments)})"


def schedule_text(shapes: Sequence[Any]) -> str:
    """The builders' calls, joined by ``>>``."""
    return " >> ".join(call_text(shape) for shape in shapes)


def call_fields(shape: Any) -> list[Field[Any]]:
    """The fields of a shape in the order of its builder's call."""

    def place(field: Field[Any]) -> int:
        if _is_positional(field, shape):
            return -1
        return _LAST.index(field.name) + 1 if field.name in _LAST else 0

    return sorted(fields(shape), key=place)


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _is_positional(field: Field[Any], shape: Any) -> bool:
    is_length = field.name == "over" == fields(shape)[0].name
    return not field.kw_only and (_is_required(field) or is_length)


def argument_text(value: object) -> str:
    """An argument as it is written; a function by its name."""
    if isinstance(value, Duration):
        return value.literal
    if isinstance(value, tuple):
        return f"[{', '.join(map(argument_text, value))}]"
    if callable(value):
        return str(getattr(value, "__name__", None) or type(value).__name__)
    return repr(value)


# --- reading ----------------------------------------------------------------------------------------------------------

_EXAMPLE = "\"warmup('5%') >> cosine(end=0.1)\""
_REGISTERED = "If it is registered in a module of yours, import that first (for the command: --import my_module)."
_NO_FUNCTION = (
    "custom(...) holds a Python function, which text cannot carry: build this schedule in code, or register the function "
    "under a name of its own with @register_function."
)


def evaluate(text: str, builders: Mapping[str, Callable[..., Any]], without_text: Collection[str] = ()) -> list[Any]:
    """The values of the builders' calls that ``text`` joins by ``>>``, in order.

    Only calls of ``builders``, ``>>``, numbers, strings, ``None`` and lists of them are read, and calls in the place of an argument;
    nothing else is evaluated.

    Args:
        text: what to read.
        builders: the functions that may be called, by name.
        without_text: those among them whose arguments text cannot carry.

    Raises:
        ScheduleError: for any other text, naming the part that was not understood.
    """
    given: object = text
    if not isinstance(given, str):
        raise _no_schedule(given, builders)
    if len(text) > LONGEST:
        raise ScheduleError(
            f"Schedule.parse(text of {len(text)} characters): at most {LONGEST} are read. Write a text such as {_EXAMPLE}."
        )
    # The text may be a block of a YAML file, or a file. A comment ends with its line, which a backslash joins to the next.
    lines = text.removeprefix("\ufeff").replace("\r", "\n").split("\n")
    text = " ".join(line.partition("#")[0].removesuffix("\\") for line in lines).strip()
    try:
        return _evaluate(text, builders, without_text)
    except ScheduleError as error:
        callable_names = sorted(set(builders) - set(without_text))
        meant = repaired(text, callable_names, lambda other: _evaluate(other, builders, without_text))
        if not meant or meant == text:
            raise
        raise ScheduleError(f'{str(error).split(". ", 1)[0]}. Write "{meant}".') from None


def _evaluate(text: str, builders: Mapping[str, Callable[..., Any]], without_text: Collection[str]) -> list[Any]:
    """The values of the calls in a text without comments."""
    try:
        root = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        fix = _NO_FUNCTION if "custom(" in text else f"Write calls joined by >>, such as {_EXAMPLE}."
        raise ScheduleError(f"Schedule.parse({shorten(text)}): not the text of a schedule. {fix}") from None
    return _Reader(text, builders, without_text).phases(root)


def _no_schedule(given: Any, builders: Mapping[str, Callable[..., Any]]) -> ScheduleError:
    shown = type(given).__name__ if hasattr(given, "param_groups") else shorten(given)
    return ScheduleError(f"Schedule.parse({shown}): is no schedule. {_instead_of(given, builders)}")


def _instead_of(given: Any, builders: Mapping[str, Callable[..., Any]]) -> str:
    """What to write in place of a value that is no schedule."""
    is_partial = isinstance(given, partial)
    given = given.func if is_partial else given
    called, kind = getattr(given, "__name__", None), type(given).__name__
    if called in builders:
        return f"Write {called}(), with its arguments."
    if kind in ("ReduceOnPlateau", "GreedyLR"):  # by name, because schedules are below them in the order of imports
        return f"A rule for a metric stands beside it: configure_optimizers(optimizer, schedule, trainer, plateau={kind}(...))."
    if hasattr(given, "param_groups"):
        return "It is an optimizer, which stands before the schedule. Write configure_optimizers(optimizer, schedule, self.trainer)."
    if hasattr(given, "get_last_lr"):  # a scheduler of torch, or its class
        name = str(called or kind)
        return f"{name} is called otherwise here. Write {equivalent_of(name) or _EXAMPLE}."
    if isinstance(given, Mapping):
        return (
            "A mapping of the names of parameter groups to schedules is for configure_optimizers(...), ScheduledLR(...) and the "
            f"schedule of a ScheduleMixin. Write one schedule, or its text: {_EXAMPLE}."
        )
    if isinstance(given, (list, tuple)) and given:
        return f"Phases are joined by >>. Write {' >> '.join(part if isinstance(part, str) else repr(part) for part in given)}."
    if callable(given):
        function = called if called and called.isidentifier() and not is_partial else "lambda i: 0.95**i"
        return f"A function of the update is a custom phase. Write custom({function})."
    return f"Phases are joined by >>. Write a schedule, or its text: {_EXAMPLE}."


def _is_join(node: ast.expr) -> TypeGuard[ast.BinOp]:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift)


class _Reader:
    """Reads the nodes of one text."""

    def __init__(self, text: str, builders: Mapping[str, Callable[..., Any]], without_text: Collection[str]) -> None:
        self._text = text
        self._builders = builders
        self._without_text = without_text

    def phases(self, root: ast.expr, depth: int = 0) -> list[Any]:
        """What the calls give that are joined by ``>>``, in order; ``depth`` calls are around them."""
        if depth > _DEEPEST:
            raise self._foreign(root, f"At most {_DEEPEST} calls can be within each other.")
        values: list[Any] = []
        waiting = [root]
        while waiting:
            node = waiting.pop()
            if _is_join(node):
                waiting += [node.right, node.left]
            else:
                values.append(self._call(node, depth))
        return values

    def _call(self, node: ast.expr, depth: int) -> Any:
        """What a builder's call gives."""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            raise self._foreign(node, f"Write calls joined by >>, such as {_EXAMPLE}.")
        name = node.func.id
        if name in self._without_text:
            raise self._foreign(node, _NO_FUNCTION)
        if name not in self._builders:
            known = sorted(set(self._builders) - set(self._without_text))
            near = get_close_matches(name, known, n=1, cutoff=0.75)  # inverse_sqrt is not one_minus_sqrt
            equivalent = equivalent_of(name)
            if not near and equivalent.partition("(")[0] in known:
                raise self._foreign(node.func, f"{name} is called otherwise here. Write {equivalent}.")
            hint = f"Did you mean {near[0]}(...)? " if near else ""
            raise self._foreign(node.func, f"{hint}{_REGISTERED} The builders are {', '.join(known)}.")
        names = [keyword.arg for keyword in node.keywords]
        has_stars = any(isinstance(argument, ast.Starred) for argument in node.args) or None in names
        if has_stars or len(set(names)) < len(names):
            raise self._foreign(node, f"Write the arguments out, each once, as in {_EXAMPLE}.")
        positional = [self._value(argument, depth) for argument in node.args]
        named = {str(keyword.arg): self._value(keyword.value, depth) for keyword in node.keywords}
        return self._builders[name](*positional, **named)

    def _value(self, node: ast.expr, depth: int) -> Any:
        if isinstance(node, ast.Call) or _is_join(node):
            return reduce(rshift, self.phases(node, depth + 1))
        if isinstance(node, ast.Constant) and (node.value is None or type(node.value) in (int, float, str)):
            return node.value
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
            value = self._value(node.operand, depth)
            if isinstance(value, (int, float)) and isinstance(node.op, (ast.USub, ast.UAdd)):
                return -value if isinstance(node.op, ast.USub) else value
        if isinstance(node, (ast.List, ast.Tuple)):
            return [self._value(element, depth) for element in node.elts]
        raise self._foreign(
            node, "An argument is a number, a string such as '5%', None, a schedule, or a list of these."
        )

    def _foreign(self, node: ast.expr, fix: str) -> ScheduleError:
        part = ast.get_source_segment(self._text, node) or self._text
        return ScheduleError(f"Schedule.parse({shorten(self._text)}): cannot read {shorten(part)}. {fix}")
