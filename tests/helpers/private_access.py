"""Finds accesses to private attributes of objects that are not the package's own, and imports of private names, in its source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

_BY_NAME = {"delattr", "getattr", "hasattr", "setattr"}
_OURS = "lr_toolkit"
_LIGHTNINGS = {"connector", "logger", "loop", "module", "pl_module", "strategy", "trainer"}


class Access(NamedTuple):
    """An access to an attribute: its line, the attribute's name, and the source text."""

    line: int
    name: str
    text: str


def foreign_accesses(sources: Mapping[Path, str]) -> dict[Path, list[Access]]:
    """The accesses to an attribute ``_x`` of a foreign object, by file.

    An access is to one of our own objects if it goes through ``self``, ``cls``, ``super()`` or a class and any class in
    ``sources`` defines the attribute, or if it goes through another plain name and a class of the same file defines it.
    ``getattr(x, "_y")`` counts as ``x._y``, and so does the import of a private name or module of another package.
    """
    trees = {path: ast.parse(source) for path, source in sources.items()}
    defined = {path: set(_defined(tree)) for path, tree in trees.items()}
    anywhere = set().union(*defined.values())
    return {
        path: [
            *(
                Access(node.lineno, name, ast.unparse(node))
                for node, owner, name in _accesses(tree)
                if not (_is_self(owner) and name in anywhere) and not (_may_be_ours(owner) and name in defined[path])
            ),
            *_private_imports(tree),
        ]
        for path, tree in trees.items()
    }


def _is_private(name: object) -> bool:
    return isinstance(name, str) and name.startswith("_") and not name.startswith("__")


def _is_self(owner: ast.expr) -> bool:
    if isinstance(owner, ast.Name):
        return owner.id in ("self", "cls") or owner.id[:1].isupper()
    return isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name) and owner.func.id in ("super", "type")


def _may_be_ours(owner: ast.expr) -> bool:
    return isinstance(owner, ast.Name) and owner.id not in _LIGHTNINGS


def _accesses(tree: ast.AST) -> Iterator[tuple[ast.expr, ast.expr, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            yield node, node.value, node.attr
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _BY_NAME:
            owner, name = node.args[:2]
            if isinstance(name, ast.Constant) and _is_private(name.value):
                yield node, owner, str(name.value)


def _private_imports(tree: ast.AST) -> Iterator[Access]:
    """The imports of private names and modules of other packages."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not (node.module or "").startswith(_OURS):
            names = [*(node.module or "").split("."), *(alias.name for alias in node.names)]
            private = [name for name in names if _is_private(name)]
            yield from (Access(node.lineno, name, ast.unparse(node)) for name in private)


def _defined(tree: ast.AST) -> Iterator[str]:
    """The attributes that the classes of a file define: in their body, or by an assignment to ``self``."""
    for scope in ast.walk(tree):
        if isinstance(scope, ast.ClassDef):
            for statement in scope.body:
                yield from _names(statement)
            for node in ast.walk(scope):
                if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value):
                    yield node.attr


def _names(statement: ast.stmt) -> Iterator[str]:
    """The attributes that a statement in a class body defines, ``__slots__`` included."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        yield statement.name
    elif isinstance(statement, ast.Assign):
        names = [target.id for target in statement.targets if isinstance(target, ast.Name)]
        is_list = names == ["__slots__"] and isinstance(statement.value, (ast.Tuple, ast.List))
        yield from ast.literal_eval(statement.value) if is_list else names
    elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        yield statement.target.id
