"""Reads a constructor's call as text, through the syntax tree and never by evaluating it."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from typing import Any

from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.peers.written import Unknown, Written

__all__ = ["read_call"]

_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}


def read_call(text: str) -> Written | None:
    """The call that a text is; ``None`` if it is none, so that it may be something else.

    Args:
        text: one call, also behind ``name =`` or ``return``.

    Raises:
        ScheduleError: if an argument can never be read: a function, or one with a star.

    Example:
        >>> read_call("lr_scheduler.StepLR(optimizer, step_size=3 * 10)")
        Written(name='lr_scheduler.StepLR', args=(Unknown(text='optimizer'),), kwargs={'step_size': 30}, library='')
    """
    try:
        body = ast.parse(text.strip()).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    statement = body[0] if len(body) == 1 else None
    value = statement.value if isinstance(statement, (ast.Expr, ast.Assign, ast.Return)) else None
    if not isinstance(value, ast.Call) or not _dotted(value.func):
        return None
    return _call(value, text.strip())


def _call(node: ast.Call, text: str) -> Written:
    if any(isinstance(argument, ast.Starred) for argument in node.args) or any(
        word.arg is None for word in node.keywords
    ):
        raise ScheduleError(
            f"{shorten(_segment(node, text))}: an argument with a star cannot be read. Write the arguments out."
        )
    args = tuple(_value(argument, text) for argument in node.args)
    kwargs = {str(word.arg): _value(word.value, text) for word in node.keywords}
    return Written(_dotted(node.func), args, kwargs)


def _value(node: ast.expr, text: str) -> Any:
    if isinstance(node, ast.Constant) and (node.value is None or type(node.value) in (int, float, str, bool)):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        value = _value(node.operand, text)
        return -value if isinstance(node.op, ast.USub) and _is_number(value) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC:
        return _computed(node, text)
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(element, text) for element in node.elts]
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {
            _value(key, text): _value(value, text) for key, value in zip(node.keys, node.values, strict=True) if key
        }
    if isinstance(node, ast.Lambda):
        function = _segment(node, text)
        raise ScheduleError(
            f"{shorten(function)} is a Python function, which text cannot carry. Write it in code: custom({function}), or register it "
            "under a name with @register_function."
        )
    if (
        isinstance(node, ast.Call)
        and _dotted(node.func)[:1].isalpha()
        and _dotted(node.func) not in ("len", "int", "max", "min")
    ):
        return _call(node, text)
    return Unknown(_segment(node, text))


def _computed(node: ast.BinOp, text: str) -> Any:
    left, right = _value(node.left, text), _value(node.right, text)
    if not (_is_number(left) and _is_number(right)):
        return Unknown(_segment(node, text))
    try:
        return _ARITHMETIC[type(node.op)](left, right)
    except (ZeroDivisionError, OverflowError):
        raise ScheduleError(f"{shorten(_segment(node, text))} has no value. Write a number.") from None


def _is_number(value: Any) -> bool:
    return type(value) in (int, float)


def _dotted(node: ast.expr) -> str:
    """``a.b.C`` as a text; empty for anything else."""
    names = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(names)]) if isinstance(node, ast.Name) else ""


def _segment(node: ast.expr, text: str) -> str:
    return ast.get_source_segment(text, node) or ast.unparse(node)
