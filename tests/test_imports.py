"""No module of the package imports itself by a detour, not even for type checkers or inside a function."""

from __future__ import annotations

from pathlib import Path

import pytest

import lr_toolkit
from tests.helpers.import_graph import import_cycles, import_graph

PACKAGE = Path(lr_toolkit.__file__).parent


def test_there_is_no_import_cycle() -> None:
    """Every cycle of imports in the package is listed, and there is none."""
    cycles = [" -> ".join([*cycle, cycle[0]]) for cycle in import_cycles(import_graph(PACKAGE))]

    assert not cycles, "\n".join(["Import cycles:", *cycles])


def test_the_graph_has_the_whole_package() -> None:
    """The graph has a node per file, and its edges are those that a reader sees."""
    graph = import_graph(PACKAGE)

    assert len(graph) == len([*PACKAGE.rglob("*.py")])
    assert "lr_toolkit.errors" in graph["lr_toolkit.lightning.run"]
    assert "lr_toolkit.schedules" in graph["lr_toolkit.lightning.run"]
    assert "lr_toolkit" not in graph["lr_toolkit.lightning.run"]


CYCLES = {
    "at the top": ({"a": "import p.b", "b": "import p.a"}, [("p.a", "p.b")]),
    "for type checkers": (
        {"a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from p.b import B", "b": "from p.a import A"},
        [("p.a", "p.b")],
    ),
    "inside a function": ({"a": "def f():\n    from p import b", "b": "from p import a"}, [("p.a", "p.b")]),
    "relative": ({"a": "from .b import B", "b": "from . import a"}, [("p.a", "p.b")]),
    "of three": ({"a": "import p.b", "b": "import p.c", "c": "import p.a"}, [("p.a", "p.b", "p.c")]),
    "two of them": (
        {"a": "import p.b, p.c", "b": "import p.a", "c": "import p.a"},
        [("p.a", "p.b"), ("p.a", "p.c")],
    ),
    "through the package's own __init__": (
        {"q/__init__": "from p.q.a import A", "q/a": "from p.q import B"},
        [("p.q", "p.q.a")],
    ),
    "through another package's __init__": (
        {"q/__init__": "from p.q.a import A", "q/a": "import p.b", "b": "from p.q.c import C", "q/c": ""},
        [("p.b", "p.q", "p.q.a")],
    ),
    "none: siblings in a package that imports both": (
        {"q/__init__": "from p.q.a import A\nfrom p.q.b import B", "q/a": "", "q/b": "from p.q.a import A"},
        [],
    ),
    "none: a name of a module": ({"a": "from p.b import a", "b": "a = 1"}, []),
}


@pytest.mark.parametrize("name", CYCLES)
def test_each_kind_of_cycle_is_found(name: str, tmp_path: Path) -> None:
    """The check can fail: small packages with a cycle of each kind, and without."""
    sources, cycles = CYCLES[name]
    for module, source in {"__init__": "", **sources}.items():
        file = tmp_path / "p" / f"{module}.py"
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text(source, "utf-8")

    assert import_cycles(import_graph(tmp_path / "p")) == cycles
