"""The import graph of a package, read from its source, with the imports that Python does not run at import time."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Collection
from pathlib import Path

Graph = dict[str, set[str]]


def import_graph(package: Path) -> Graph:
    """The modules that each module of ``package`` imports.

    Imports for type checkers and imports inside functions count. ``from package.x import name`` is an import of ``package.x.name``
    if that is a module. An import of a module runs the ``__init__`` of each package around it, so it is an import of these, too,
    except those that are around the importing module: they are being imported already.
    """
    files = {_module_name(file, package): file for file in sorted(package.rglob("*.py"))}
    return {name: _imports(name, file, files.keys()) for name, file in files.items()}


def import_cycles(graph: Graph) -> list[tuple[str, ...]]:
    """The shortest cycle through each import that is part of a cycle, each cycle once."""
    cycles = set()
    for module, imported in graph.items():
        for name in imported:
            path = _shortest_path(graph, name, module)
            if path:
                first = path.index(min(path))
                cycles.add((*path[first:], *path[:first]))
    return sorted(cycles, key=lambda cycle: (len(cycle), cycle))


def _module_name(file: Path, package: Path) -> str:
    parts = file.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(module: str, file: Path, modules: Collection[str]) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        for name in _imported_modules(node, module, file, modules):
            found |= {name, *_packages_around(name)} - (_packages_around(module) - {name})
    return found & set(modules) - {module}


def _imported_modules(node: ast.AST, module: str, file: Path, modules: Collection[str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    base = node.module or ""
    if node.level:
        base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], *([base] if base else [])])
    names = [f"{base}.{alias.name}" for alias in node.names]
    return [name if name in modules else base for name in names]


def _packages_around(module: str) -> set[str]:
    parts = module.split(".")
    return {".".join(parts[:length]) for length in range(1, len(parts))}


def _shortest_path(graph: Graph, start: str, goal: str) -> tuple[str, ...]:
    paths = deque([(start,)])
    seen = {start}
    while paths:
        path = paths.popleft()
        if path[-1] == goal:
            return path
        for name in sorted(graph[path[-1]] - seen):
            seen.add(name)
            paths.append((*path, name))
    return ()
