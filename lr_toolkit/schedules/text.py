"""The text form of a schedule: what ``repr`` prints and ``parse`` reads, over a whitelist and never ``eval``."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.spelling import spell

__all__ = ["LONGEST", "evaluate", "spell"]

LONGEST = 20_000


def evaluate(text: str, builders: Mapping[str, Callable[..., Any]]) -> list[Any]:
    """The values of the builders' calls that ``text`` joins by ``>>``, in order.

    Only calls of ``builders``, ``>>``, numbers, strings, ``None`` and lists of them are read; nothing else is evaluated.

    Raises:
        ScheduleError: for any other text, naming the part that was not understood.
    """
    given: object = text
    if not isinstance(given, str):
        called = getattr(text, "__name__", None)
        cure = f"Write a schedule, or its text: {_EXAMPLE}."
        if called in builders:
            cure = f"Write {called}(), with its arguments."
        elif (kind := type(text).__name__) in (
            "ReduceOnPlateau",
            "GreedyLR",
        ):  # by name: schedules are below the reactions
            cure = (
                f"A reaction stands beside it: configure_optimizers(optimizer, schedule, trainer, plateau={kind}(...))."
            )
        raise ScheduleError(f"Schedule.parse({shorten(text)}): is no schedule; phases are joined by >>. {cure}")
    if len(text) > LONGEST:
        raise ScheduleError(
            f"Schedule.parse(text of {len(text)} characters): at most {LONGEST} are read. Write a text such as {_EXAMPLE}."
        )
    # It may be a block of a YAML file, or a file; a comment ends with its line, which a backslash joins to the next.
    lines = text.removeprefix("\ufeff").replace("\r", "\n").split("\n")
    text = " ".join(line.partition("#")[0].removesuffix("\\") for line in lines).strip()
    try:
        root = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        cure = _NO_FUNCTION if "custom(" in text else f"Write calls joined by >>, such as {_EXAMPLE}."
        raise ScheduleError(f"Schedule.parse({shorten(text)}): not the text of a schedule. {cure}") from None
    values: list[Any] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift):
            waiting += [node.right, node.left]
        else:
            values.append(_call(node, text, builders))
    return values


_EXAMPLE = "\"warmup('5%') >> cosine(end=0.1)\""
_NO_FUNCTION = "custom(...) holds a Python function, which text cannot carry: build this schedule in code."


def _call(node: ast.expr, text: str, builders: Mapping[str, Callable[..., Any]]) -> Any:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise _foreign(node, text, f"Write calls joined by >>, such as {_EXAMPLE}.")
    name = node.func.id
    if name == "custom":
        raise _foreign(node, text, _NO_FUNCTION)
    if name not in builders:
        known = sorted(set(builders) - {"custom"})
        near = get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}(...)? " if near else ""
        raise _foreign(node.func, text, f"{hint}The builders are {', '.join(known)}.")
    names = [one.arg for one in node.keywords]
    if any(isinstance(one, ast.Starred) for one in node.args) or None in names or len(set(names)) < len(names):
        raise _foreign(node, text, f"Write the arguments out, each once, as in {_EXAMPLE}.")
    positional = [_value(one, text) for one in node.args]
    named = {str(one.arg): _value(one.value, text) for one in node.keywords}
    return builders[name](*positional, **named)


def _value(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Constant) and (node.value is None or type(node.value) in (int, float, str)):
        return node.value
    if (
        isinstance(node, ast.UnaryOp)
        and isinstance(node.op, (ast.USub, ast.UAdd))
        and isinstance(node.operand, ast.Constant)
    ):
        value = _value(node.operand, text)
        if isinstance(value, (int, float)):
            return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(one, text) for one in node.elts]
    raise _foreign(node, text, "An argument is a number, a string such as '5%', None, or a list of these.")


def _foreign(node: ast.expr, text: str, cure: str) -> ScheduleError:
    part = ast.get_source_segment(text, node) or text
    return ScheduleError(f"Schedule.parse({shorten(text)}): cannot read {shorten(part)}. {cure}")
