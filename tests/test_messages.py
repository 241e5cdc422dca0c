"""The calls that messages show: each parses, has arguments that exist, and is accepted if it is complete."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import lr_toolkit

PACKAGE = Path(lr_toolkit.__file__).parent
NAMES = {name: getattr(lr_toolkit, name) for name in lr_toolkit.__all__}


def texts(module: Path) -> Iterator[str]:
    """The texts in a module; a value that is filled in is ``X``."""
    nodes = list(ast.walk(ast.parse(module.read_text("utf-8"))))
    parts = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in nodes:
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield re.sub(r"\{\d?\}", "X", node.value)


def calls(text: str) -> Iterator[str]:
    """The calls of public names that follow the first "write" in a text."""
    _, _, advice = text.partition("rite ")
    for found in re.finditer(r"(?<![\w.'])(\w+)\(", advice):
        depth = 0
        for end in range(found.end() - 1, len(advice)):
            depth += {"(": 1, ")": -1}.get(advice[end], 0)
            if not depth:
                break
        if found[1] in NAMES and not depth:
            yield advice[found.start() : end + 1]


PRINTED = sorted({call for module in PACKAGE.rglob("*.py") for text in texts(module) for call in calls(text)})


def test_there_are_calls() -> None:
    """The messages have more than fifty different ones."""
    assert len(PRINTED) > 50


@pytest.mark.parametrize("call", PRINTED)
def test_a_printed_call_can_be_made(call: str) -> None:
    """Its arguments exist; without ``...``, values that are filled in, and names of the user's it is accepted."""
    node = ast.parse(call.replace("X=", "placeholder="), mode="eval").body
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Name)
    is_part = any(isinstance(each, ast.Constant) and each.value is ... for each in ast.walk(node))
    signature = inspect.signature(NAMES[node.func.id])
    keywords = {str(keyword.arg): keyword.value for keyword in node.keywords if keyword.arg != "placeholder"}
    if is_part:
        signature.bind_partial(**keywords)
        return
    (signature.bind_partial if "X=" in call else signature.bind)(*node.args, **keywords)
    if "X" not in call and {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} <= NAMES.keys():
        eval(call, dict(NAMES))
